// SPDX-License-Identifier: Apache-2.0

// The memory of one libpng call. It is counted and limited, and all of it is freed, even what libpng forgets to free.

#ifndef PNG_MEMORY_H
#define PNG_MEMORY_H

#include "CImageCodecs.h"

#include <png.h>

struct png_memory_block;

// The blocks that libpng holds, and their limit.
struct png_memory {
  struct png_memory_block *blocks; // newest first
  size_t block_count;
  size_t byte_count;
  size_t peak_bytes;
  size_t limit_bytes;
  bool hit_limit;
  bool exhausted;
};

// Functions for png_create_read_struct_2. Its pointer for memory must be a `struct png_memory`.
png_voidp png_memory_allocate(png_structp png, png_alloc_size_t size);
void png_memory_free(png_structp png, png_voidp pointer);

// Frees the blocks that libpng has not freed. The report says how many there were.
void png_memory_settle(struct png_memory *memory, cimage_report *report);

#endif
