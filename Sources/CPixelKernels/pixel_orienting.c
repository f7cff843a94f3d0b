#include "CPixelKernels.h"

#include <string.h>

// Pixels, per side. Where rows become columns, a tile's lines of both pictures stay in the first-level cache.
enum { tile = 32 };

static inline __attribute__((always_inline)) void gather(const uint8_t *origin, ptrdiff_t step_x, ptrdiff_t step_y,
                                                         size_t pixel_bytes, uint8_t *target, size_t bytes_per_row,
                                                         size_t width, size_t height) {
  bool keeps_rows = step_x == (ptrdiff_t)pixel_bytes || step_x == -(ptrdiff_t)pixel_bytes;
  // Rows that stay rows are read and written from end to end.
  size_t tile_width = keeps_rows ? width : tile;
  for (size_t top = 0; top < height; top += tile) {
    size_t bottom = height - top < tile ? height : top + tile;
    for (size_t left = 0; left < width; left += tile_width) {
      size_t right = width - left < tile_width ? width : left + tile_width;
      for (size_t y = top; y < bottom; y++) {
        const uint8_t *from = origin + (ptrdiff_t)y * step_y + (ptrdiff_t)left * step_x;
        uint8_t *to = target + y * bytes_per_row + left * pixel_bytes;
        if (step_x == (ptrdiff_t)pixel_bytes)
          memcpy(to, from, width * pixel_bytes);
        else
          for (size_t x = left; x < right; x++, from += step_x, to += pixel_bytes) memcpy(to, from, pixel_bytes);
      }
    }
  }
}

void cpixel_gather(const uint8_t *origin, ptrdiff_t step_x, ptrdiff_t step_y, size_t pixel_bytes, uint8_t *target,
                   size_t bytes_per_row, size_t width, size_t height) {
  // Each with a pixel size that the compiler knows.
  switch (pixel_bytes) {
  case 1: gather(origin, step_x, step_y, 1, target, bytes_per_row, width, height); break;
  case 2: gather(origin, step_x, step_y, 2, target, bytes_per_row, width, height); break;
  case 3: gather(origin, step_x, step_y, 3, target, bytes_per_row, width, height); break;
  case 4: gather(origin, step_x, step_y, 4, target, bytes_per_row, width, height); break;
  case 8: gather(origin, step_x, step_y, 8, target, bytes_per_row, width, height); break;
  case 16: gather(origin, step_x, step_y, 16, target, bytes_per_row, width, height); break;
  default: gather(origin, step_x, step_y, pixel_bytes, target, bytes_per_row, width, height);
  }
}
