// SPDX-License-Identifier: Apache-2.0

// Rows of pixels with alpha: whether all pixels are opaque, and sums of colours multiplied by alpha.

#ifndef PIXEL_ALPHA_H
#define PIXEL_ALPHA_H

#include "pixel_dispatch.h"
#include "pixel_vectors.h"

#include <stdbool.h>
#include <stddef.h>

// Whether every alpha is 255. `count` is the number of bytes, a multiple of 4.
static inline __attribute__((always_inline)) bool is_opaque(const uint8_t *row, size_t count) {
  uint32_t all = 0xFFFFFFFF;
  for (size_t i = 0; i + 4 <= count; i += 4) {
    uint32_t pixel;
    memcpy(&pixel, row + i, 4);
    all &= pixel;
  }
  return ((const uint8_t *)&all)[3] == 0xFF;
}

// sums[i] += weight * pixel, with colour multiplied by alpha / 255. `count` is the number of bytes, a multiple of 4.
PIXEL_BODY add_premultiplied_row(const uint8_t *row, float weight, size_t count, float *restrict sums) {
  float scaled = weight / 255;
  size_t i = 0;
  for (; i + 16 <= count; i += 16) {
    u8x16 bytes;
    f32x16 sum;
    VECTOR_LOAD(bytes, row + i);
    VECTOR_LOAD(sum, sums + i);
    u8x16 full = ~(u8x16){0};
    u8x16 alphas = __builtin_shufflevector(bytes, bytes, 3, 3, 3, 3, 7, 7, 7, 7, 11, 11, 11, 11, 15, 15, 15, 15);
    // The fourth product is 255 times alpha, and not alpha times alpha, so that one scale fits all four channels.
    u8x16 colors = __builtin_shufflevector(bytes, full, 0, 1, 2, 16, 4, 5, 6, 16, 8, 9, 10, 16, 12, 13, 14, 16);
    u16x16 products = __builtin_convertvector(colors, u16x16) * __builtin_convertvector(alphas, u16x16);
    sum += scaled * __builtin_convertvector(products, f32x16);
    VECTOR_STORE(sums + i, sum);
  }
  for (; i < count; i += 4) {
    float alpha = scaled * row[i + 3];
    sums[i] += alpha * row[i];
    sums[i + 1] += alpha * row[i + 1];
    sums[i + 2] += alpha * row[i + 2];
    sums[i + 3] += alpha * 255;
  }
}

#endif
