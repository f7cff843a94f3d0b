// SPDX-License-Identifier: Apache-2.0

#include "png_memory.h"

#include <stdalign.h>
#include <stdlib.h>

struct png_memory_block {
  struct png_memory_block *newer;
  struct png_memory_block *older;
  size_t size;
  alignas(max_align_t) unsigned char bytes[];
};

png_voidp png_memory_allocate(png_structp png, png_alloc_size_t size) {
  struct png_memory *memory = png_get_mem_ptr(png);
  if (size > memory->limit_bytes || memory->byte_count > memory->limit_bytes - size) {
    memory->hit_limit = true;
    return NULL;
  }
  if (size > SIZE_MAX - sizeof(struct png_memory_block)) return NULL;
  struct png_memory_block *block = malloc(sizeof *block + size);
  if (block == NULL) {
    memory->exhausted = true;
    return NULL;
  }
  block->size = size;
  block->newer = NULL;
  block->older = memory->blocks;
  if (memory->blocks != NULL) memory->blocks->newer = block;
  memory->blocks = block;
  memory->block_count++;
  memory->byte_count += size;
  if (memory->byte_count > memory->peak_bytes) memory->peak_bytes = memory->byte_count;
  return block->bytes;
}

void png_memory_free(png_structp png, png_voidp pointer) {
  if (pointer == NULL) return;
  struct png_memory *memory = png_get_mem_ptr(png);
  struct png_memory_block *block =
      (struct png_memory_block *)((unsigned char *)pointer - offsetof(struct png_memory_block, bytes));
  if (block->newer != NULL)
    block->newer->older = block->older;
  else
    memory->blocks = block->older;
  if (block->older != NULL) block->older->newer = block->newer;
  memory->block_count--;
  memory->byte_count -= block->size;
  free(block);
}

void png_memory_settle(struct png_memory *memory, cimage_report *report) {
  report->peak_bytes = memory->peak_bytes;
  report->outstanding_blocks = memory->block_count;
  report->outstanding_bytes = memory->byte_count;
  while (memory->blocks != NULL) {
    struct png_memory_block *block = memory->blocks;
    memory->blocks = block->older;
    free(block);
  }
  memory->block_count = 0;
  memory->byte_count = 0;
}
