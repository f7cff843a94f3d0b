// The memory of one libpng call: counted, limited, and all of it given back whatever libpng forgets.

#ifndef PNG_MEMORY_H
#define PNG_MEMORY_H

#include "CImageCodecs.h"

#include <png.h>

struct png_memory_block;

struct png_memory {
  struct png_memory_block *blocks; // newest first
  size_t block_count;
  size_t byte_count;
  size_t peak_bytes;
  size_t limit_bytes;
  bool hit_limit;
  bool exhausted;
};

// For png_create_read_struct_2, with a `struct png_memory` as memory pointer.
png_voidp png_memory_allocate(png_structp png, png_alloc_size_t size);
void png_memory_free(png_structp png, png_voidp pointer);

// Writes what is outstanding into the report, then frees it.
void png_memory_settle(struct png_memory *memory, cimage_report *report);

#endif
