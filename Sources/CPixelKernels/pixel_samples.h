// SPDX-License-Identifier: Apache-2.0

// Converts samples of any depth to floats and back, one piece of a row at a time.

#ifndef PIXEL_SAMPLES_H
#define PIXEL_SAMPLES_H

#include "CPixelSamples.h"
#include "pixel_dispatch.h"
#include "pixel_vectors.h"

#include <stdbool.h>

// The number of samples that are converted at once: they stay in the first-level cache. The number is a multiple of 1,
// 2, 3 and 4 (so pixels are whole) and of 16 (so vectors are whole).
enum { piece = 240 };

static inline __attribute__((always_inline)) float full_value(cpixel_depth depth) {
  return depth == CPIXEL_8_BIT ? 255 : depth == CPIXEL_16_BIT ? 65535 : 1;
}

// Sets every lane of a pixel to the pixel's alpha.
#define ALPHAS_OF_4(v) __builtin_shufflevector(v, v, 3, 3, 3, 3, 7, 7, 7, 7, 11, 11, 11, 11, 15, 15, 15, 15)
#define ALPHAS_OF_2(v) __builtin_shufflevector(v, v, 1, 1, 3, 3, 5, 5, 7, 7, 9, 9, 11, 11, 13, 13, 15, 15)
// Takes the colours of one vector and the alpha of another.
#define WITH_ALPHA_4(v, w) __builtin_shufflevector(v, w, 0, 1, 2, 19, 4, 5, 6, 23, 8, 9, 10, 27, 12, 13, 14, 31)
#define WITH_ALPHA_2(v, w) __builtin_shufflevector(v, w, 0, 17, 2, 19, 4, 21, 6, 23, 8, 25, 10, 27, 12, 29, 14, 31)

// values[i] if the mask is set for i, else 0.
#define SELECTED(mask, values) ((f32x16)((i32x16)(values) & (mask)))

PIXEL_BODY multiply_by_alpha(float *values, size_t channels, size_t count, float full) {
  const f32x16 ones = (f32x16){0} + 1;
  float scale = 1 / full;
  size_t i = 0;
  if (channels == 4)
    for (; i + 16 <= count; i += 16) {
      f32x16 v;
      VECTOR_LOAD(v, values + i);
      f32x16 alphas = ALPHAS_OF_4(v) * scale;
      v *= WITH_ALPHA_4(alphas, ones);
      VECTOR_STORE(values + i, v);
    }
  else
    for (; i + 16 <= count; i += 16) {
      f32x16 v;
      VECTOR_LOAD(v, values + i);
      f32x16 alphas = ALPHAS_OF_2(v) * scale;
      v *= WITH_ALPHA_2(alphas, ones);
      VECTOR_STORE(values + i, v);
    }
  for (; i < count; i += channels) {
    float alpha = values[i + channels - 1] * scale;
    for (size_t c = 0; c + 1 < channels; c++) values[i + c] *= alpha;
  }
}

// Loads `count` samples from index `start` on, which is the first sample of a pixel.
PIXEL_BODY load_samples(const void *row, cpixel_samples samples, size_t start, size_t count, float *out) {
  if (samples.depth == CPIXEL_8_BIT) {
    const uint8_t *from = (const uint8_t *)row + start;
    for (size_t i = 0; i < count; i++) out[i] = from[i];
  } else if (samples.depth == CPIXEL_16_BIT) {
    const uint16_t *from = (const uint16_t *)row + start;
    for (size_t i = 0; i < count; i++) out[i] = from[i];
  } else {
    memcpy(out, (const float *)row + start, count * sizeof(float));
  }
  if (samples.alpha == CPIXEL_STRAIGHT) multiply_by_alpha(out, samples.channels, count, full_value(samples.depth));
}

// Changes a vector of pixels with alpha to the form in which they are stored. In `alphas`, all lanes of a pixel hold
// its alpha.
#define AS_STORED(v, alphas, with_alpha)                                                                               \
  do {                                                                                                                 \
    if (samples.alpha == CPIXEL_STRAIGHT) {                                                                            \
      i32x16 visible = (alphas) >= least;                                                                              \
      f32x16 scale = SELECTED(visible, full / (alphas)), shown = SELECTED(visible, alphas);                            \
      f32x16 colors = (v) * scale;                                                                                     \
      (v) = with_alpha(colors, shown);                                                                                 \
    } else if (samples.depth != CPIXEL_FLOAT) {                                                                        \
      f32x16 scale = full / __builtin_elementwise_max(alphas, (f32x16){0} + full);                                     \
      (v) = __builtin_elementwise_min((v) * scale, __builtin_elementwise_max((alphas) * scale, (f32x16){0}));          \
    }                                                                                                                  \
  } while (0)

PIXEL_BODY divide_by_alpha(const float *values, cpixel_samples samples, size_t count, float *out) {
  float full = full_value(samples.depth), least = samples.depth == CPIXEL_FLOAT ? 0x1p-17f : 0.5f;
  // The last pixels of a row are processed in a vector, too, so that all pixels are rounded in the same way.
  for (size_t i = 0; i < count; i += 16) {
    f32x16 v = {0};
    size_t left = count - i < 16 ? count - i : 16;
    memcpy(&v, values + i, left * sizeof(float));
    if (samples.channels == 4) {
      f32x16 alphas = ALPHAS_OF_4(v);
      AS_STORED(v, alphas, WITH_ALPHA_4);
    } else {
      f32x16 alphas = ALPHAS_OF_2(v);
      AS_STORED(v, alphas, WITH_ALPHA_2);
    }
    memcpy(out + i, &v, left * sizeof(float));
  }
}

#define ROUND_ALL(type, full)                                                                                          \
  do {                                                                                                                 \
    type *to = (type *)row + start;                                                                                    \
    for (size_t i = 0; i < count; i++) {                                                                               \
      float value = from[i] + 0.5f;                                                                                    \
      value = value > 0 ? value : 0; /* NaN becomes 0 */                                                               \
      to[i] = (type)(int32_t)(value < (full) ? value : (full));                                                        \
    }                                                                                                                  \
  } while (0)

// Stores at most `piece` samples.
PIXEL_BODY store_samples(const float *values, cpixel_samples samples, size_t start, size_t count, void *row) {
  float changed[piece];
  const float *from = values;
  if (samples.alpha != CPIXEL_OPAQUE) {
    divide_by_alpha(values, samples, count, changed);
    from = changed;
  }
  if (samples.depth == CPIXEL_8_BIT)
    ROUND_ALL(uint8_t, 255.0f);
  else if (samples.depth == CPIXEL_16_BIT)
    ROUND_ALL(uint16_t, 65535.0f);
  else
    memcpy((float *)row + start, from, count * sizeof(float));
}

#endif
