// SPDX-License-Identifier: Apache-2.0

#include "CPixelKernels.h"
#include "pixel_alpha.h"
#include "pixel_dispatch.h"
#include "pixel_vectors.h"

PIXEL_BODY cpixel_find_opacity_body(cpixel_source source, bool *opaque) {
  *opaque = true;
  if (source.channels != 4 || source.premultiplied) return;
  for (size_t y = 0; y < source.height && *opaque; y++)
    *opaque = is_opaque(source.base + y * source.bytes_per_row, source.width * 4);
}
PIXEL_KERNEL(cpixel_find_opacity, (cpixel_source source, bool *opaque), (source, opaque))

static inline __attribute__((always_inline)) const uint8_t *row_above(cpixel_source source, size_t y, size_t k) {
  return source.base + (y < k ? 0 : y - k) * source.bytes_per_row;
}

static inline __attribute__((always_inline)) const uint8_t *row_below(cpixel_source source, size_t y, size_t k) {
  size_t left = source.height - 1 - y;
  return source.base + (y + (left < k ? left : k)) * source.bytes_per_row;
}

PIXEL_BODY cpixel_blur_rows_body(cpixel_source source, bool opaque, size_t y, size_t radius, const float *weights,
                                 float *sums) {
  size_t count = source.width * source.channels, i = 0;
  if (!opaque) {
    for (; i < count; i++) sums[i] = 0;
    add_premultiplied_row(row_above(source, y, 0), weights[0], count, sums);
    for (size_t k = 1; k <= radius; k++) {
      add_premultiplied_row(row_above(source, y, k), weights[k], count, sums);
      add_premultiplied_row(row_below(source, y, k), weights[k], count, sums);
    }
    return;
  }
  // The sums of 48 columns stay in registers for all rows. Two rows of the same weight are added as integers.
  enum { lanes = 16, vectors = 3 };
  for (; i + vectors * lanes <= count; i += vectors * lanes) {
    u8x16 bytes, other;
    f32x16 columns[vectors];
    const uint8_t *up = row_above(source, y, 0) + i, *down;
    for (size_t v = 0; v < vectors; v++) {
      VECTOR_LOAD(bytes, up + v * lanes);
      columns[v] = weights[0] * __builtin_convertvector(bytes, f32x16);
    }
    for (size_t k = 1; k <= radius; k++) {
      up = row_above(source, y, k) + i;
      down = row_below(source, y, k) + i;
      for (size_t v = 0; v < vectors; v++) {
        VECTOR_LOAD(bytes, up + v * lanes);
        VECTOR_LOAD(other, down + v * lanes);
        u16x16 both = __builtin_convertvector(bytes, u16x16) + __builtin_convertvector(other, u16x16);
        columns[v] += weights[k] * __builtin_convertvector(both, f32x16);
      }
    }
    for (size_t v = 0; v < vectors; v++) VECTOR_STORE(sums + i + v * lanes, columns[v]);
  }
  for (; i < count; i++) {
    sums[i] = weights[0] * row_above(source, y, 0)[i];
    for (size_t k = 1; k <= radius; k++)
      sums[i] += weights[k] * (float)(row_above(source, y, k)[i] + row_below(source, y, k)[i]);
  }
}
PIXEL_KERNEL(cpixel_blur_rows,
             (cpixel_source source, bool opaque, size_t y, size_t radius, const float *weights, float *sums),
             (source, opaque, y, radius, weights, sums))

PIXEL_BODY store_premultiplied(const float *sums, size_t count, uint8_t *target) {
  for (size_t i = 0; i < count; i += 4) {
    float alpha = sums[i + 3], scale = alpha >= 0.5f ? 255 / alpha : 0;
    for (size_t c = 0; c < 3; c++) {
      float value = sums[i + c] * scale + 0.5f;
      target[i + c] = (uint8_t)(value > 255 ? 255 : value); // rounding can make the quotient slightly larger
    }
    target[i + 3] = (uint8_t)(alpha + 0.5f);
  }
}

PIXEL_BODY cpixel_blur_columns_body(const float *sums, size_t channels, bool opaque, size_t radius,
                                    const float *weights, size_t width, uint8_t *target) {
  const float *middle = sums + radius * channels;
  size_t count = width * channels, i = 0;
  for (; i + 32 <= count; i += 32) {
    f32x16 first, second, left, right;
    VECTOR_LOAD(first, middle + i);
    VECTOR_LOAD(second, middle + i + 16);
    first *= weights[0];
    second *= weights[0];
    for (size_t k = 1; k <= radius; k++) {
      VECTOR_LOAD(left, sums + i + (radius - k) * channels);
      VECTOR_LOAD(right, middle + i + k * channels);
      first += weights[k] * (left + right);
      VECTOR_LOAD(left, sums + i + 16 + (radius - k) * channels);
      VECTOR_LOAD(right, middle + i + 16 + k * channels);
      second += weights[k] * (left + right);
    }
    if (opaque) {
      u8x16 bytes = __builtin_convertvector(__builtin_convertvector(first + 0.5f, i32x16), u8x16);
      VECTOR_STORE(target + i, bytes);
      bytes = __builtin_convertvector(__builtin_convertvector(second + 0.5f, i32x16), u8x16);
      VECTOR_STORE(target + i + 16, bytes);
    } else {
      float values[32];
      VECTOR_STORE(values, first);
      VECTOR_STORE(values + 16, second);
      store_premultiplied(values, 32, target + i);
    }
  }
  float rest[32];
  for (size_t r = 0; i + r < count; r++) {
    rest[r] = weights[0] * middle[i + r];
    for (size_t k = 1; k <= radius; k++)
      rest[r] += weights[k] * (sums[i + r + (radius - k) * channels] + middle[i + r + k * channels]);
    if (opaque) target[i + r] = (uint8_t)(rest[r] + 0.5f);
  }
  if (!opaque) store_premultiplied(rest, count - i, target + i);
}
PIXEL_KERNEL(cpixel_blur_columns,
             (const float *sums, size_t channels, bool opaque, size_t radius, const float *weights, size_t width,
              uint8_t *target),
             (sums, channels, opaque, radius, weights, width, target))
