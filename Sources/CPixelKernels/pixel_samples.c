// SPDX-License-Identifier: Apache-2.0

#include "pixel_samples.h"
#include "CPixelKernels.h"

static inline __attribute__((always_inline)) size_t least_of(size_t a, size_t b) { return a < b ? a : b; }

PIXEL_BODY cpixel_load_row_body(const void *row, cpixel_samples samples, size_t width, float *out) {
  size_t end = width * samples.channels;
  for (size_t start = 0; start < end; start += piece)
    load_samples(row, samples, start, least_of(piece, end - start), out + start);
}
PIXEL_KERNEL(cpixel_load_row, (const void *row, cpixel_samples samples, size_t width, float *out),
             (row, samples, width, out))

PIXEL_BODY cpixel_add_row_body(const void *row, cpixel_samples samples, float weight, size_t width, float *sums) {
  size_t end = width * samples.channels;
  for (size_t start = 0; start < end; start += piece) {
    float values[piece];
    size_t count = least_of(piece, end - start);
    load_samples(row, samples, start, count, values);
    for (size_t i = 0; i < count; i++) sums[start + i] += weight * values[i];
  }
}
PIXEL_KERNEL(cpixel_add_row, (const void *row, cpixel_samples samples, float weight, size_t width, float *sums),
             (row, samples, weight, width, sums))

PIXEL_BODY cpixel_store_row_body(const float *values, cpixel_samples samples, size_t width, void *row) {
  size_t end = width * samples.channels;
  for (size_t start = 0; start < end; start += piece)
    store_samples(values + start, samples, start, least_of(piece, end - start), row);
}
PIXEL_KERNEL(cpixel_store_row, (const float *values, cpixel_samples samples, size_t width, void *row),
             (values, samples, width, row))

// Processes four floats for each pixel. If pixels have fewer channels, the last floats belong to the next pixel, which
// is stored later.
PIXEL_BODY blend(const float *sums, size_t channels, const cpixel_span *spans, const float *weights, size_t width,
                 float *target) {
  for (size_t x = 0; x < width; x++) {
    const float *from = sums + (size_t)spans[x].first * channels, *weight = weights + spans[x].weights;
    f32x4 value = {0}, pixel;
    for (size_t k = 0; k < spans[x].count; k++, from += channels) {
      VECTOR_LOAD(pixel, from);
      value += weight[k] * pixel;
    }
    VECTOR_STORE(target + x * channels, value);
  }
}

PIXEL_BODY cpixel_blend_floats_body(const float *sums, size_t channels, const cpixel_span *spans, const float *weights,
                                    size_t target_width, float *target) {
  if (channels == 1) blend(sums, 1, spans, weights, target_width, target);
  if (channels == 2) blend(sums, 2, spans, weights, target_width, target);
  if (channels == 3) blend(sums, 3, spans, weights, target_width, target);
  if (channels == 4) blend(sums, 4, spans, weights, target_width, target);
}
PIXEL_KERNEL(cpixel_blend_floats,
             (const float *sums, size_t channels, const cpixel_span *spans, const float *weights, size_t target_width,
              float *target),
             (sums, channels, spans, weights, target_width, target))

// Adds in blocks, and then adds the blocks' sums. If many thousands of pixels were added to one sum, each would be
// rounded to the precision of a large sum, mostly in the same direction. This is a separate kernel, because for few
// pixels the second loop costs a fifth of the time.
enum { block_length = 256 };

PIXEL_BODY cpixel_blend_long_floats_body(const float *sums, size_t channels, const cpixel_span *spans,
                                         const float *weights, size_t target_width, float *target) {
  for (size_t x = 0; x < target_width; x++) {
    const float *from = sums + (size_t)spans[x].first * channels, *weight = weights + spans[x].weights;
    f32x4 value = {0}, pixel;
    for (size_t k = 0; k < spans[x].count;) {
      f32x4 block = {0};
      for (size_t end = least_of(spans[x].count, k + block_length); k < end; k++, from += channels) {
        VECTOR_LOAD(pixel, from);
        block += weight[k] * pixel;
      }
      value += block;
    }
    VECTOR_STORE(target + x * channels, value);
  }
}
PIXEL_KERNEL(cpixel_blend_long_floats,
             (const float *sums, size_t channels, const cpixel_span *spans, const float *weights, size_t target_width,
              float *target),
             (sums, channels, spans, weights, target_width, target))

PIXEL_BODY cpixel_blur_floats_body(const float *sums, size_t channels, size_t radius, const float *weights,
                                   size_t width, float *target) {
  const float *middle = sums + radius * channels;
  size_t count = width * channels, i = 0;
  for (; i + 16 <= count; i += 16) {
    f32x16 value, left, right;
    VECTOR_LOAD(value, middle + i);
    value *= weights[0];
    for (size_t k = 1; k <= radius; k++) {
      VECTOR_LOAD(left, middle + i - k * channels);
      VECTOR_LOAD(right, middle + i + k * channels);
      value += weights[k] * (left + right);
    }
    VECTOR_STORE(target + i, value);
  }
  for (; i < count; i++) {
    target[i] = weights[0] * middle[i];
    for (size_t k = 1; k <= radius; k++)
      target[i] += weights[k] * ((middle + i)[-(ptrdiff_t)(k * channels)] + middle[i + k * channels]);
  }
}
PIXEL_KERNEL(cpixel_blur_floats,
             (const float *sums, size_t channels, size_t radius, const float *weights, size_t width, float *target),
             (sums, channels, radius, weights, width, target))
