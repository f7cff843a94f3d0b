// SPDX-License-Identifier: Apache-2.0

#include "pixel_samples.h"

PIXEL_BODY convolve(const float *const *rows, size_t side, const float *weights, size_t channels, size_t width,
                    float *target) {
  size_t count = width * channels, i = 0;
  for (; i + 32 <= count; i += 32) {
    f32x16 near = {0}, far = {0}, value;
    for (size_t r = 0; r < side; r++)
      for (size_t k = 0; k < side; k++) {
        VECTOR_LOAD(value, rows[r] + i + k * channels);
        near += weights[r * side + k] * value;
        VECTOR_LOAD(value, rows[r] + i + 16 + k * channels);
        far += weights[r * side + k] * value;
      }
    VECTOR_STORE(target + i, near);
    VECTOR_STORE(target + i + 16, far);
  }
  for (; i < count; i++) {
    target[i] = 0;
    for (size_t r = 0; r < side; r++)
      for (size_t k = 0; k < side; k++) target[i] += weights[r * side + k] * rows[r][i + k * channels];
  }
}

PIXEL_BODY cpixel_convolve_rows_body(const float *rows, size_t row_stride, size_t first, size_t side,
                                     const float *weights, size_t channels, size_t width, float *target) {
  const float *ordered[5];
  for (size_t r = 0; r < side && r < 5; r++) ordered[r] = rows + (first + r) % side * row_stride;
  if (side == 3) convolve(ordered, 3, weights, channels, width, target);
  if (side == 5) convolve(ordered, 5, weights, channels, width, target);
}
PIXEL_KERNEL(cpixel_convolve_rows,
             (const float *rows, size_t row_stride, size_t first, size_t side, const float *weights, size_t channels,
              size_t width, float *target),
             (rows, row_stride, first, side, weights, channels, width, target))

void cpixel_copy_alpha(const float *from, size_t channels, size_t width, float *values) {
  for (size_t i = channels - 1; i < width * channels; i += channels) values[i] = from[i];
}

void cpixel_add_bias(float *values, cpixel_samples samples, size_t width, float bias) {
  float share = bias / full_value(samples.depth);
  size_t channels = samples.channels;
  if (samples.alpha == CPIXEL_OPAQUE)
    for (size_t i = 0; i < width * channels; i++) values[i] += bias;
  else
    for (size_t x = 0; x < width; x++) {
      float amount = share * values[x * channels + channels - 1];
      for (size_t c = 0; c + 1 < channels; c++) values[x * channels + c] += amount;
    }
}
