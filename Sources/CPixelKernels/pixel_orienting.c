// SPDX-License-Identifier: Apache-2.0

#include "CPixelKernels.h"
#include "pixel_vectors.h"

#include <stdbool.h>

// If rows become columns, pixels are moved tile by tile, so that the cache lines of both pictures stay in the cache.
// Inside a tile, they are moved block by block. For 4K frames, quarter turns of 4-byte pixels take 5 to 7 ms. If pixels
// are moved one by one, they take 11.5 ms, and with libyuv (Debian's 2023-01-23) 22 ms.

// Moves a square block, whose side is the number of lanes of a vector:
// 1. loads the columns of the target;
// 2. transposes them by shuffling: each round interleaves the first half of the vectors with the second half;
// 3. stores the rows of the target.
#define TRANSPOSE_BLOCK(name, vector, lanes, pixel_bytes, LOW, HIGH)                                                   \
  static inline __attribute__((always_inline)) void name(const uint8_t *origin, ptrdiff_t step_x, ptrdiff_t step_y,    \
                                                         uint8_t *target, size_t bytes_per_row) {                      \
    vector rows[lanes], mixed[lanes];                                                                                  \
    bool upwards = step_y < 0;                                                                                         \
    const uint8_t *from = origin - (upwards ? (lanes - 1) * (pixel_bytes) : 0);                                        \
    _Pragma("clang loop unroll(full)") for (ptrdiff_t i = 0; i < lanes; i++) VECTOR_LOAD(rows[i], from + i * step_x);  \
    _Pragma("clang loop unroll(full)") for (size_t round = 1; round < lanes; round *= 2) {                             \
      _Pragma("clang loop unroll(full)") for (size_t i = 0; i < lanes / 2; i++) {                                      \
        mixed[2 * i] = __builtin_shufflevector(rows[i], rows[i + lanes / 2], LOW);                                     \
        mixed[2 * i + 1] = __builtin_shufflevector(rows[i], rows[i + lanes / 2], HIGH);                                \
      }                                                                                                                \
      memcpy(rows, mixed, sizeof(rows));                                                                               \
    }                                                                                                                  \
    _Pragma("clang loop unroll(full)") for (size_t i = 0; i < lanes; i++)                                              \
        VECTOR_STORE(target + (upwards ? lanes - 1 - i : i) * bytes_per_row, rows[i]);                                 \
  }

#define LOW_16 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define HIGH_16 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#define LOW_8 0, 8, 1, 9, 2, 10, 3, 11
#define HIGH_8 4, 12, 5, 13, 6, 14, 7, 15
#define LOW_4 0, 4, 1, 5
#define HIGH_4 2, 6, 3, 7
TRANSPOSE_BLOCK(transpose_1, u8x16, 16, 1, LOW_16, HIGH_16)
TRANSPOSE_BLOCK(transpose_2, u16x8, 8, 2, LOW_8, HIGH_8)
TRANSPOSE_BLOCK(transpose_4, u32x4, 4, 4, LOW_4, HIGH_4)

typedef void block_function(const uint8_t *, ptrdiff_t, ptrdiff_t, uint8_t *, size_t);

// Callers of the next functions pass constants for `pixel_bytes`, `block`, `lanes` and `tile`, so that each call is
// optimised on its own.

static inline __attribute__((always_inline)) void move_pixels(const uint8_t *from, ptrdiff_t step_x, uint8_t *to,
                                                              size_t pixel_bytes, size_t count) {
  for (size_t x = 0; x < count; x++) memcpy(to + x * pixel_bytes, from + (ptrdiff_t)x * step_x, pixel_bytes);
}

static inline __attribute__((always_inline)) void turn(const uint8_t *origin, ptrdiff_t step_x, ptrdiff_t step_y,
                                                       size_t pixel_bytes, uint8_t *target, size_t bytes_per_row,
                                                       size_t width, size_t height, block_function *block,
                                                       size_t lanes, size_t tile) {
  for (size_t top = 0; top < height; top += tile) {
    size_t bottom = height - top < tile ? height : top + tile;
    for (size_t left = 0; left < width; left += tile) {
      size_t right = width - left < tile ? width : left + tile, y = top;
      for (; y + lanes <= bottom; y += lanes) {
        size_t x = left;
        for (; x + lanes <= right; x += lanes)
          block(origin + (ptrdiff_t)y * step_y + (ptrdiff_t)x * step_x, step_x, step_y,
                target + y * bytes_per_row + x * pixel_bytes, bytes_per_row);
        for (size_t row = y; row < y + lanes; row++)
          move_pixels(origin + (ptrdiff_t)row * step_y + (ptrdiff_t)x * step_x, step_x,
                      target + row * bytes_per_row + x * pixel_bytes, pixel_bytes, right - x);
      }
      for (; y < bottom; y++)
        move_pixels(origin + (ptrdiff_t)y * step_y + (ptrdiff_t)left * step_x, step_x,
                    target + y * bytes_per_row + left * pixel_bytes, pixel_bytes, right - left);
    }
  }
}

static inline __attribute__((always_inline)) void gather(const uint8_t *origin, ptrdiff_t step_x, ptrdiff_t step_y,
                                                         size_t pixel_bytes, uint8_t *target, size_t bytes_per_row,
                                                         size_t width, size_t height, block_function *block,
                                                         size_t lanes, size_t tile) {
  if (step_x != (ptrdiff_t)pixel_bytes && step_x != -(ptrdiff_t)pixel_bytes) {
    turn(origin, step_x, step_y, pixel_bytes, target, bytes_per_row, width, height, block, lanes, tile);
    return;
  }
  for (size_t y = 0; y < height; y++) {
    const uint8_t *from = origin + (ptrdiff_t)y * step_y;
    uint8_t *to = target + y * bytes_per_row;
    if (step_x > 0)
      memcpy(to, from, width * pixel_bytes);
    else // this call's step is a constant, so the compiler makes a loop of vectors
      move_pixels(from, -(ptrdiff_t)pixel_bytes, to, pixel_bytes, width);
  }
}

// Blocks of one pixel, for the pixel sizes for which there is no transposing of vectors.
#define COPY_BLOCK(pixel_bytes)                                                                                        \
  static inline __attribute__((always_inline)) void copy_##pixel_bytes(                                                \
      const uint8_t *origin, ptrdiff_t step_x, ptrdiff_t step_y, uint8_t *target, size_t bytes_per_row) {              \
    (void)step_x, (void)step_y, (void)bytes_per_row;                                                                   \
    memcpy(target, origin, pixel_bytes);                                                                               \
  }
COPY_BLOCK(3)
COPY_BLOCK(8)
COPY_BLOCK(16)

#define GATHER(pixel_bytes, block, lanes, tile)                                                                        \
  case pixel_bytes:                                                                                                    \
    gather(origin, step_x, step_y, pixel_bytes, target, bytes_per_row, width, height, block, lanes, tile);             \
    break

// The last argument is the side of a tile in pixels: of the sides that were tried, the one that was fastest.
void cpixel_gather(const uint8_t *origin, ptrdiff_t step_x, ptrdiff_t step_y, size_t pixel_bytes, uint8_t *target,
                   size_t bytes_per_row, size_t width, size_t height) {
  switch (pixel_bytes) {
    GATHER(1, transpose_1, 16, 128);
    GATHER(2, transpose_2, 8, 128);
    GATHER(3, copy_3, 1, 64);
    GATHER(4, transpose_4, 4, 128);
    GATHER(8, copy_8, 1, 32);
    GATHER(16, copy_16, 1, 32);
  }
}
