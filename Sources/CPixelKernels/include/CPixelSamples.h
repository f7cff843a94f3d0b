// SPDX-License-Identifier: Apache-2.0

// Converts rows of any pixel format to rows of floats and back, and processes such rows.
//
// The rules of CPixelKernels.h hold here, except the third: cpixel_samples describes a row. Floats have the units of
// the samples (0 to 255, 0 to 65,535 or 0 to 1). Colour is multiplied by alpha / full; `full` is the largest value.

#ifndef CPIXELSAMPLES_H
#define CPIXELSAMPLES_H

#include <stddef.h>
#include <stdint.h>

typedef enum cpixel_depth {
  CPIXEL_8_BIT = 1,
  CPIXEL_16_BIT = 2, // in the processor's byte order
  CPIXEL_FLOAT = 4,  // nominally 0 to 1; other values are kept
} cpixel_depth; // the value is the number of bytes of a sample

typedef enum cpixel_alpha {
  CPIXEL_OPAQUE = 0,       // there is no alpha
  CPIXEL_STRAIGHT = 1,     // the last channel is alpha, and colour is not multiplied by it
  CPIXEL_PREMULTIPLIED = 2 // the last channel is alpha, and colour is multiplied by it
} cpixel_alpha;

typedef struct cpixel_samples {
  cpixel_depth depth;
  cpixel_alpha alpha;
  size_t channels; // 1 to 4, alpha included
} cpixel_samples;

enum {
  // The number of floats that must follow the last pixel of a row of floats: vectors of four may reach them.
  CPIXEL_ROW_PADDING = 8,
};

// out = row
void cpixel_load_row(const void *row, cpixel_samples samples, size_t width, float *out);

// sums += weight * row
void cpixel_add_row(const void *row, cpixel_samples samples, float weight, size_t width, float *sums);

// row = values. Integers are rounded and clamped. If they are premultiplied, colour does not become larger than alpha.
// If straight alpha is below one half of a step (for floats: below 2^-17), the pixel is all zeros.
void cpixel_store_row(const float *values, cpixel_samples samples, size_t width, void *row);

// Target pixel x = Σ weights[spans[x].weights + k] * pixel[spans[x].first + k]
struct cpixel_span;
void cpixel_blend_floats(const float *sums, size_t channels, const struct cpixel_span *spans, const float *weights,
                         size_t target_width, float *target);

// The same, for spans of more than a few hundred pixels: rounding errors do not add up.
void cpixel_blend_long_floats(const float *sums, size_t channels, const struct cpixel_span *spans, const float *weights,
                              size_t target_width, float *target);

// Target pixel x = Σ weights[|k|] * pixel[x + k]. The `width` pixels of sums have `radius` further pixels on each side.
void cpixel_blur_floats(const float *sums, size_t channels, size_t radius, const float *weights, size_t width,
                        float *target);

// ---- Box blur ----

// columns += weight * row
void cpixel_box_add(const float *row, double weight, size_t count, double *columns);

// columns += entering - leaving
void cpixel_box_step(const float *entering, const float *leaving, size_t count, double *columns);

// Target pixel x = scale * Σ columns[x + k] for k from -radius to radius. Beyond the border, the outermost pixel is
// repeated. A running sum makes the time independent of the radius.
void cpixel_box_columns(const double *columns, size_t channels, size_t width, size_t radius, double scale,
                        float *target);

// ---- Convolution ----

// target[i] = Σ weights[r * side + k] * row(r)[i + k * channels] for r and k from 0 to side - 1. `rows` holds `side`
// rows, which are row_stride floats apart and begin side / 2 pixels left of the first target pixel. row(0) is the row
// at index `first`; the row at index 0 follows the row at the last index.
void cpixel_convolve_rows(const float *rows, size_t row_stride, size_t first, size_t side, const float *weights,
                          size_t channels, size_t width, float *target);

// Copies the last channel of each pixel from another row.
void cpixel_copy_alpha(const float *from, size_t channels, size_t width, float *values);

// Adds bias * alpha / full to the colours of each pixel, or bias if there is no alpha.
void cpixel_add_bias(float *values, cpixel_samples samples, size_t width, float bias);

// ---- Porter and Duff's "over" ----

// bottom = opacity * top + (1 - opacity * top's alpha) * bottom. Channels are 1 (gray), 2 (gray, alpha), 3 or 4. Both
// rows have the same depth, of which `full` is the full value, and the same order of colours. If only one row is gray,
// the top's colours are converted to the bottom's.
void cpixel_lay_over(float *bottom, size_t bottom_channels, const float *top, size_t top_channels, float opacity,
                     float full, size_t width);

// ---- Counting ----

// counts[c * 256 + bin] += 1 for each sample of channel c. The bin is the value for 8 bits, the upper 8 bits for 16
// bits, and one of 256 equal parts of 0 to 1 for floats. Floats below 0 and NaN are in the first bin, floats of 1 and
// above in the last.
void cpixel_count_row(const void *row, cpixel_samples samples, size_t width, uint64_t *counts);

// Adds to *square_sum the squares of the differences of all samples, and raises *maximum to the largest difference.
void cpixel_compare_samples(const void *a, const void *b, cpixel_depth depth, size_t count, double *square_sum,
                            double *maximum);

#endif
