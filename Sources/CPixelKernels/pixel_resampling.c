// SPDX-License-Identifier: Apache-2.0

#include "CPixelKernels.h"
#include "pixel_alpha.h"
#include "pixel_dispatch.h"
#include "pixel_vectors.h"

// The length of a part of a row in bytes, a multiple of 4. The rows of a span are added one part at a time, so that the
// sums of a part stay in the first-level cache for all rows.
enum { stretch = 1024 };

static inline __attribute__((always_inline)) size_t least(size_t a, size_t b) { return a < b ? a : b; }

// Adds four rows at a time, so that the sums are loaded and stored once for four rows.
PIXEL_BODY add_weighted(const uint8_t *rows, size_t bytes_per_row, size_t row_count, const float *weights, size_t count,
                        float *restrict sums) {
  for (size_t i = 0; i < count; i++) sums[i] = 0;
  size_t k = 0;
  for (; k + 4 <= row_count; k += 4) {
    const uint8_t *a = rows + k * bytes_per_row, *b = a + bytes_per_row, *c = b + bytes_per_row, *d = c + bytes_per_row;
    float wa = weights[k], wb = weights[k + 1], wc = weights[k + 2], wd = weights[k + 3];
    for (size_t i = 0; i < count; i++) sums[i] += wa * a[i] + wb * b[i] + wc * c[i] + wd * d[i];
  }
  for (; k < row_count; k++) {
    const uint8_t *a = rows + k * bytes_per_row;
    float wa = weights[k];
    for (size_t i = 0; i < count; i++) sums[i] += wa * a[i];
  }
}

PIXEL_BODY add_alike(const uint8_t *rows, size_t bytes_per_row, size_t row_count, const float *weights, size_t count,
                     float *restrict sums) {
  const uint8_t *top = rows, *bottom = rows + (row_count - 1) * bytes_per_row;
  float first = weights[0], inner = weights[1], last = weights[row_count - 1];
  for (size_t i = 0; i < count; i++) sums[i] = first * top[i] + last * bottom[i];
  for (size_t k = 1; k < row_count - 1;) {
    uint16_t whole[stretch];
    size_t end = least(row_count - 1, k + 257); // 16 bits hold the sum of 257 bytes: 257 * 255 = 65,535
    const uint8_t *row = rows + k++ * bytes_per_row;
    for (size_t i = 0; i < count; i++) whole[i] = row[i];
    for (; k < end; k++) {
      row = rows + k * bytes_per_row;
      for (size_t i = 0; i < count; i++) whole[i] = (uint16_t)(whole[i] + row[i]);
    }
    for (size_t i = 0; i < count; i++) sums[i] += inner * whole[i];
  }
}

PIXEL_BODY add_premultiplied(const uint8_t *rows, size_t bytes_per_row, size_t row_count, const float *weights,
                             size_t count, float *restrict sums) {
  for (size_t i = 0; i < count; i++) sums[i] = 0;
  for (size_t k = 0; k < row_count; k++) add_premultiplied_row(rows + k * bytes_per_row, weights[k], count, sums);
}

PIXEL_BODY cpixel_blend_rows_body(cpixel_source source, size_t first, size_t count, const float *weights,
                                  bool inner_alike, float *sums, bool *opaque) {
  const uint8_t *rows = source.base + first * source.bytes_per_row;
  size_t step = source.bytes_per_row, end = source.width * source.channels;
  *opaque = true;
  for (size_t start = 0; start < end; start += stretch) {
    size_t length = least(stretch, end - start);
    bool solid = true;
    if (source.channels == 4 && !source.premultiplied)
      for (size_t k = 0; k < count && solid; k++) solid = is_opaque(rows + start + k * step, length);
    if (!solid) {
      *opaque = false;
      add_premultiplied(rows + start, step, count, weights, length, sums + start);
    } else if (inner_alike && count > 2) {
      add_alike(rows + start, step, count, weights, length, sums + start);
    } else {
      add_weighted(rows + start, step, count, weights, length, sums + start);
    }
  }
}
PIXEL_KERNEL(cpixel_blend_rows,
             (cpixel_source source, size_t first, size_t count, const float *weights, bool inner_alike, float *sums,
              bool *opaque),
             (source, first, count, weights, inner_alike, sums, opaque))

// The weighted sum of pixels of `channels` floats, in the first lanes of the result. The other lanes have no meaning.
// There are two partial sums, because additions to one sum would wait for each other.
#define WEIGHTED_SUM(value, sums, span, weights, channels)                                                             \
  f32x4 value = {0};                                                                                                   \
  do {                                                                                                                 \
    const float *from = (sums) + (size_t)(span).first * (channels), *weight = (weights) + (span).weights;              \
    f32x4 other = {0}, pixel;                                                                                          \
    size_t k = 0;                                                                                                      \
    for (; k + 2 <= (span).count; k += 2, from += 2 * (channels)) {                                                    \
      VECTOR_LOAD(pixel, from);                                                                                        \
      value += weight[k] * pixel;                                                                                      \
      VECTOR_LOAD(pixel, from + (channels));                                                                           \
      other += weight[k + 1] * pixel;                                                                                  \
    }                                                                                                                  \
    if (k < (span).count) {                                                                                            \
      VECTOR_LOAD(pixel, from);                                                                                        \
      value += weight[k] * pixel;                                                                                      \
    }                                                                                                                  \
    value += other;                                                                                                    \
  } while (0)

#define ROUNDED(bytes, value)                                                                                          \
  u8x4 bytes = __builtin_convertvector(                                                                                \
      __builtin_convertvector(                                                                                         \
          __builtin_elementwise_min(__builtin_elementwise_max((value) + 0.5f, (f32x4){0}), (f32x4){0} + 255.0f),       \
          i32x4),                                                                                                      \
      u8x4)

PIXEL_BODY blend_gray(const float *sums, const cpixel_span *spans, const float *weights, size_t width,
                      uint8_t *target) {
  for (size_t x = 0; x < width; x++) {
    f32x4 four = {0};
    const float *from = sums + spans[x].first, *weight = weights + spans[x].weights;
    // Zeros follow the weights up to a multiple of four, and finite numbers follow the sums.
    for (size_t k = 0; k < spans[x].count; k += 4) {
      f32x4 values, shares;
      VECTOR_LOAD(values, from + k);
      VECTOR_LOAD(shares, weight + k);
      four += values * shares;
    }
    float value = (four[0] + four[1]) + (four[2] + four[3]) + 0.5f;
    target[x] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
  }
}

PIXEL_BODY blend_rgb(const float *sums, const cpixel_span *spans, const float *weights, size_t width, uint8_t *target) {
  for (size_t x = 0; x < width; x++) {
    WEIGHTED_SUM(value, sums, spans[x], weights, 3);
    ROUNDED(bytes, value);
    if (x + 1 < width) {
      VECTOR_STORE(target + 3 * x, bytes); // the fourth byte belongs to the next pixel, which overwrites it
    } else {
      memcpy(target + 3 * x, &bytes, 3);
    }
  }
}

PIXEL_BODY blend_rgba(const float *sums, bool opaque, const cpixel_span *spans, const float *weights, size_t width,
                      uint8_t *target) {
  for (size_t x = 0; x < width; x++) {
    WEIGHTED_SUM(value, sums, spans[x], weights, 4);
    if (!opaque) {
      float alpha = value[3], scale = alpha >= 0.5f ? 255 / alpha : 0;
      value *= scale;
      value[3] = scale > 0 ? alpha : 0;
    }
    ROUNDED(bytes, value);
    VECTOR_STORE(target + 4 * x, bytes);
  }
}

PIXEL_BODY cpixel_blend_columns_body(const float *sums, size_t channels, bool opaque, const cpixel_span *spans,
                                     const float *weights, size_t target_width, uint8_t *target) {
  if (channels == 1) blend_gray(sums, spans, weights, target_width, target);
  if (channels == 3) blend_rgb(sums, spans, weights, target_width, target);
  if (channels == 4) blend_rgba(sums, opaque, spans, weights, target_width, target);
}
PIXEL_KERNEL(cpixel_blend_columns,
             (const float *sums, size_t channels, bool opaque, const cpixel_span *spans, const float *weights,
              size_t target_width, uint8_t *target),
             (sums, channels, opaque, spans, weights, target_width, target))
