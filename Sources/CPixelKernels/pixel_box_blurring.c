// SPDX-License-Identifier: Apache-2.0

#include "CPixelSamples.h"
#include "pixel_dispatch.h"

// Sums are doubles, which are exact for integers: a value that is added and later subtracted leaves no error.

PIXEL_BODY cpixel_box_add_body(const float *row, double weight, size_t count, double *columns) {
  for (size_t i = 0; i < count; i++) columns[i] += weight * row[i];
}
PIXEL_KERNEL(cpixel_box_add, (const float *row, double weight, size_t count, double *columns),
             (row, weight, count, columns))

PIXEL_BODY cpixel_box_step_body(const float *entering, const float *leaving, size_t count, double *columns) {
  for (size_t i = 0; i < count; i++) columns[i] += (double)entering[i] - leaving[i];
}
PIXEL_KERNEL(cpixel_box_step, (const float *entering, const float *leaving, size_t count, double *columns),
             (entering, leaving, count, columns))

PIXEL_BODY box_columns(const double *columns, size_t channels, size_t width, size_t radius, double scale,
                       float *target) {
  const double *last = columns + (width - 1) * channels;
  size_t inside = radius < width - 1 ? radius : width - 1; // the last column that the first pixel's box covers
  double sums[4];
  for (size_t c = 0; c < channels; c++) {
    sums[c] = ((double)radius + 1) * columns[c] + (double)(radius - inside) * last[c];
    for (size_t k = 1; k <= inside; k++) sums[c] += columns[k * channels + c];
  }
  for (size_t x = 0; x < width; x++) {
    const double *leaving = x > radius ? columns + (x - radius) * channels : columns;
    const double *entering = width - 1 - x > radius ? columns + (x + 1 + radius) * channels : last;
    for (size_t c = 0; c < channels; c++) {
      target[x * channels + c] = (float)(sums[c] * scale);
      sums[c] += entering[c] - leaving[c];
    }
  }
}

PIXEL_BODY cpixel_box_columns_body(const double *columns, size_t channels, size_t width, size_t radius, double scale,
                                   float *target) {
  if (channels == 1) box_columns(columns, 1, width, radius, scale, target);
  if (channels == 2) box_columns(columns, 2, width, radius, scale, target);
  if (channels == 3) box_columns(columns, 3, width, radius, scale, target);
  if (channels == 4) box_columns(columns, 4, width, radius, scale, target);
}
PIXEL_KERNEL(cpixel_box_columns,
             (const double *columns, size_t channels, size_t width, size_t radius, double scale, float *target),
             (columns, channels, width, radius, scale, target))
