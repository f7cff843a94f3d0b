// SPDX-License-Identifier: Apache-2.0

#include "CPixelKernels.h"
#include "pixel_dispatch.h"
#include "pixel_vectors.h"

// Halving is the most frequent reduction, for example from 4K to 1080p. It is as fast as memory, because nothing is
// converted to floats: four bytes are added in 16 bits.

// The processor's own prefetching stops at the end of a page, so this code prefetches one page ahead. A 4K frame then
// takes 3.4 ms instead of 4.1 ms. Reading the source alone takes 3.1 ms.
#define PREFETCH(address) __builtin_prefetch((address) + 4096)

#define FOUR(a, b, c, d) (uint8_t)(((unsigned)(a) + (b) + (c) + (d) + 2) >> 2)

PIXEL_BODY halve_gray(const uint8_t *upper, const uint8_t *lower, size_t width, uint8_t *target) {
  for (size_t x = 0; x < width; x++)
    target[x] = FOUR(upper[2 * x], upper[2 * x + 1], lower[2 * x], lower[2 * x + 1]);
}

PIXEL_BODY halve_rgb(const uint8_t *upper, const uint8_t *lower, size_t width, uint8_t *target) {
  size_t x = 0;
  // Four target pixels need 24 source bytes of each row. The second load reads up to byte 28, so a fifth target pixel
  // must follow.
  for (; x + 5 <= width; x += 4) {
    u8x16 a, b, c, d;
    PREFETCH(upper + 6 * x);
    PREFETCH(lower + 6 * x);
    VECTOR_LOAD(a, upper + 6 * x);
    VECTOR_LOAD(b, upper + 6 * x + 12);
    VECTOR_LOAD(c, lower + 6 * x);
    VECTOR_LOAD(d, lower + 6 * x + 12);
#define LEFT(v, w) __builtin_shufflevector(v, w, 0, 1, 2, 6, 7, 8, 16, 17, 18, 22, 23, 24, 0, 0, 0, 0)
#define RIGHT(v, w) __builtin_shufflevector(v, w, 3, 4, 5, 9, 10, 11, 19, 20, 21, 25, 26, 27, 0, 0, 0, 0)
    u16x16 sum = __builtin_convertvector(LEFT(a, b), u16x16) + __builtin_convertvector(RIGHT(a, b), u16x16) +
                 __builtin_convertvector(LEFT(c, d), u16x16) + __builtin_convertvector(RIGHT(c, d), u16x16);
    u8x16 bytes = __builtin_convertvector((sum + 2) >> 2, u8x16);
    memcpy(target + 3 * x, &bytes, 12);
  }
  for (; x < width; x++)
    for (size_t c = 0; c < 3; c++)
      target[3 * x + c] = FOUR(upper[6 * x + c], upper[6 * x + 3 + c], lower[6 * x + c], lower[6 * x + 3 + c]);
}

// Handles two channels of a pixel at a time, in the 16-bit halves of its 32 bits. To widen all bytes to 16 bits, each
// load would need a shuffle.
#define HALVE_PAIRS(result, up, down)                                                                                  \
  do {                                                                                                                 \
    u64x4 low = (u64x4)(((up) & 0x00FF) + ((down) & 0x00FF)), high = (u64x4)(((up) >> 8) + ((down) >> 8));             \
    u16x16 low_sum = (u16x16)(low + (low >> 32)), high_sum = (u16x16)(high + (high >> 32));                            \
    (result) = (u32x8)(((low_sum + 2) >> 2 & 0x00FF) | ((high_sum + 2) >> 2) << 8);                                    \
  } while (0)

PIXEL_BODY halve_rgba(const uint8_t *upper, const uint8_t *lower, size_t width, uint8_t *target, bool *opaque) {
  u16x16 alphas = ~(u16x16){0};
  size_t x = 0;
  for (; x + 8 <= width; x += 8) {
    u16x16 a, b, c, d;
    u32x8 near, far;
    PREFETCH(upper + 8 * x);
    PREFETCH(lower + 8 * x);
    VECTOR_LOAD(a, upper + 8 * x);
    VECTOR_LOAD(b, upper + 8 * x + 32);
    VECTOR_LOAD(c, lower + 8 * x);
    VECTOR_LOAD(d, lower + 8 * x + 32);
    alphas &= a & b & c & d;
    HALVE_PAIRS(near, a, c);
    HALVE_PAIRS(far, b, d);
    u32x8 pixels = __builtin_shufflevector(near, far, 0, 2, 4, 6, 8, 10, 12, 14); // the odd lanes hold no result
    VECTOR_STORE(target + 4 * x, pixels);
  }
  u8x32 all = (u8x32)alphas;
  uint8_t alpha = 0xFF;
  for (size_t i = 3; i < 32; i += 4) alpha &= all[i];
  for (; x < width; x++) {
    alpha &= upper[8 * x + 3] & upper[8 * x + 7] & lower[8 * x + 3] & lower[8 * x + 7];
    for (size_t c = 0; c < 4; c++)
      target[4 * x + c] = FOUR(upper[8 * x + c], upper[8 * x + 4 + c], lower[8 * x + c], lower[8 * x + 4 + c]);
  }
  *opaque = alpha == 0xFF;
}

PIXEL_BODY cpixel_halve_rows_body(const uint8_t *upper, const uint8_t *lower, size_t channels, size_t target_width,
                                  uint8_t *target, bool *opaque) {
  *opaque = true;
  if (channels == 1) halve_gray(upper, lower, target_width, target);
  if (channels == 3) halve_rgb(upper, lower, target_width, target);
  if (channels == 4) halve_rgba(upper, lower, target_width, target, opaque);
}
PIXEL_KERNEL(cpixel_halve_rows,
             (const uint8_t *upper, const uint8_t *lower, size_t channels, size_t target_width, uint8_t *target,
              bool *opaque),
             (upper, lower, channels, target_width, target, opaque))
