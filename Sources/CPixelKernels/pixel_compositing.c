// SPDX-License-Identifier: Apache-2.0

#include "pixel_samples.h"

// Channel `c` of a pixel, converted to the bottom's number of colours. Gray is the luma of BT.601, as in conversions.
static inline __attribute__((always_inline)) float color_of(const float *pixel, size_t colors, size_t wanted,
                                                            size_t c) {
  if (colors == wanted) return pixel[c];
  return colors == 1 ? pixel[0] : 0.299f * pixel[0] + 0.587f * pixel[1] + 0.114f * pixel[2];
}

PIXEL_BODY lay_over(float *bottom, size_t bottom_channels, const float *top, size_t top_channels, float opacity,
                    float full, size_t width) {
  size_t colors = bottom_channels > 2 ? 3 : 1, top_colors = top_channels > 2 ? 3 : 1;
  float share = opacity / full;
  for (size_t x = 0; x < width; x++) {
    const float *over = top + x * top_channels;
    float *under = bottom + x * bottom_channels;
    float alpha = top_channels > top_colors ? share * over[top_colors] : opacity, rest = 1 - alpha;
    for (size_t c = 0; c < colors; c++)
      under[c] = opacity * color_of(over, top_colors, colors, c) + rest * under[c];
    if (bottom_channels > colors) under[colors] = full * alpha + rest * under[colors];
  }
}

PIXEL_BODY lay_over_of(float *bottom, size_t bottom_channels, const float *top, size_t top_channels, float opacity,
                       float full, size_t width) {
  // Each pair of pixel sizes has its own loop with constant sizes, which the compiler can optimise.
  if (top_channels == 1) lay_over(bottom, bottom_channels, top, 1, opacity, full, width);
  if (top_channels == 2) lay_over(bottom, bottom_channels, top, 2, opacity, full, width);
  if (top_channels == 3) lay_over(bottom, bottom_channels, top, 3, opacity, full, width);
  if (top_channels == 4) lay_over(bottom, bottom_channels, top, 4, opacity, full, width);
}

PIXEL_BODY cpixel_lay_over_body(float *bottom, size_t bottom_channels, const float *top, size_t top_channels,
                                float opacity, float full, size_t width) {
  if (bottom_channels == 1) lay_over_of(bottom, 1, top, top_channels, opacity, full, width);
  if (bottom_channels == 2) lay_over_of(bottom, 2, top, top_channels, opacity, full, width);
  if (bottom_channels == 3) lay_over_of(bottom, 3, top, top_channels, opacity, full, width);
  if (bottom_channels == 4) lay_over_of(bottom, 4, top, top_channels, opacity, full, width);
}
PIXEL_KERNEL(cpixel_lay_over,
             (float *bottom, size_t bottom_channels, const float *top, size_t top_channels, float opacity, float full,
              size_t width),
             (bottom, bottom_channels, top, top_channels, opacity, full, width))
