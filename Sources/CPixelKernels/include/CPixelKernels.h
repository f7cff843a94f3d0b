// SPDX-License-Identifier: Apache-2.0

// Loops over pixels, for the module Bitmaps.
//
// No library has these loops in this form: libyuv's scaler is a box filter only at exactly 1/2, and gives artefacts at
// smaller sizes (aliasing); zimg accepts only planes; and neither of them weights colour with alpha while it filters.
// The loops are in C and not in Swift, because in C a function can be compiled twice, for any x86-64 and for AVX2, and
// because debug builds stay fast enough.
//
// Five rules hold for every function below.
// 1. No allocation and no state: memory comes from the caller, and any number of threads may call at the same time.
// 2. Only the pixels of rows are read and written; padding is never touched. Source and target do not overlap.
// 3. Unless a comment says otherwise, `channels` is the number of bytes of a pixel: 1, 3 or 4. The fourth is alpha, and
//    colour is not multiplied by it.
// 4. Sums of rows are floats, one for each byte of a row. In pixels with alpha, colour is multiplied by alpha / 255.
// 5. If the resulting alpha is below one half, and so rounds to 0, the pixel is all zeros. Its colour would be the
//    quotient of two numbers that are too small to be exact.

#ifndef CPIXELKERNELS_H
#define CPIXELKERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct cpixel_source {
  const uint8_t *base;
  size_t bytes_per_row;
  size_t width; // pixels
  size_t height;
  size_t channels;
  bool premultiplied; // if set, cpixel_blend_rows and cpixel_find_opacity treat alpha as a colour: all is "opaque"
} cpixel_source;

// Which source pixels (or rows) make a target pixel.
typedef struct cpixel_span {
  uint32_t first;
  uint32_t count;
  size_t weights; // the index of its first weight; zeros follow its weights up to a multiple of four
} cpixel_span;

enum {
  // The number of floats that must follow the last sum, all finite: a vector load of the last pixels may reach them.
  CPIXEL_SUM_PADDING = 8,
};

// sums[i] = Σ weights[k] * row[first + k][i]. `inner_alike` says that all weights except the first and the last are the
// same: their rows may be added as integers. *opaque says whether every alpha was 255 (true if there is no alpha).
void cpixel_blend_rows(cpixel_source source, size_t first, size_t count, const float *weights, bool inner_alike,
                       float *sums, bool *opaque);

// Target pixel x = Σ weights[spans[x].weights + k] * pixel[spans[x].first + k] of the sums, rounded and clamped.
void cpixel_blend_columns(const float *sums, size_t channels, bool opaque, const cpixel_span *spans,
                          const float *weights, size_t target_width, uint8_t *target);

// Averages of 2×2 pixels, rounded half up. *opaque says whether every alpha was 255 (true if there is no alpha). If it
// is false, the target is right only for colour that is multiplied by alpha.
void cpixel_halve_rows(const uint8_t *upper, const uint8_t *lower, size_t channels, size_t target_width,
                       uint8_t *target, bool *opaque);

// Target pixel (x, y) is the source pixel at origin + x * step_x + y * step_y. With the right steps, this makes all
// flips and quarter turns. It works for any format: a pixel is 1, 2, 3, 4, 8 or 16 bytes.
void cpixel_gather(const uint8_t *origin, ptrdiff_t step_x, ptrdiff_t step_y, size_t pixel_bytes, uint8_t *target,
                   size_t bytes_per_row, size_t width, size_t height);

// *opaque says whether every alpha is 255 (true if there is no alpha). It stops at the first row with another alpha.
void cpixel_find_opacity(cpixel_source source, bool *opaque);

// sums[i] = Σ weights[|k|] * row[y + k][i] for k from -radius to radius. Beyond the border, the outermost row is
// repeated. `opaque` is the result of cpixel_find_opacity.
void cpixel_blur_rows(cpixel_source source, bool opaque, size_t y, size_t radius, const float *weights, float *sums);

// Target pixel x = Σ weights[|k|] * pixel[x + k], rounded. On each side of the `width` pixels of sums there are
// `radius` further pixels.
void cpixel_blur_columns(const float *sums, size_t channels, bool opaque, size_t radius, const float *weights,
                         size_t width, uint8_t *target);

// The formats of pixels. PixelFormat.Kind of the module Bitmaps describes each of them.
typedef enum cpixel_format {
  CPIXEL_GRAY8,
  CPIXEL_GRAY_ALPHA8,
  CPIXEL_GRAY_ALPHA8_PREMULTIPLIED,
  CPIXEL_RGB8,
  CPIXEL_RGBA8,
  CPIXEL_RGBA8_PREMULTIPLIED,
  CPIXEL_BGRA8,
  CPIXEL_BGRA8_PREMULTIPLIED,
  CPIXEL_GRAY16,
  CPIXEL_RGBA16,
  CPIXEL_GRAY_F32,
  CPIXEL_RGBA_F32,
  CPIXEL_FORMAT_COUNT
} cpixel_format;

// Converts any format to any other. Gray has the weights of BT.601. If the target has no alpha, the pixels are laid on
// white. Results are rounded to the nearest, halves up: between formats of 8 bits after each step (alpha, then gray),
// otherwise once. A result is exact before it is rounded if it needs no more than the 24 bits of a float, as all
// results of 8 bits do; otherwise it is within 1 of 65,535. The rows must be aligned for their channels.
void cpixel_convert_row(const void *source, cpixel_format source_format, void *target, cpixel_format target_format,
                        size_t width);

// Adds to *square_sum the squares of the differences of `count` bytes, and raises *maximum to the largest difference.
void cpixel_compare_row(const uint8_t *a, const uint8_t *b, size_t count, uint64_t *square_sum, uint8_t *maximum);

#endif
