// SPDX-License-Identifier: Apache-2.0

#include "CPixelSamples.h"

#include <math.h>

static inline __attribute__((always_inline)) size_t bin_of_float(float value) {
  float scaled = value * 256;
  return scaled >= 255 ? 255 : scaled >= 1 ? (size_t)scaled : 0;
}

// Each channel has its own table: if equal values of two channels were counted in one place, the second addition would
// wait for the first.
#define COUNT_ALL(type, bin)                                                                                           \
  do {                                                                                                                 \
    const type *values = row;                                                                                          \
    for (size_t x = 0; x < width; x++, values += samples.channels)                                                     \
      for (size_t c = 0; c < samples.channels; c++) {                                                                  \
        type value = values[c];                                                                                        \
        counts[c * 256 + (bin)]++;                                                                                     \
      }                                                                                                                \
  } while (0)

void cpixel_count_row(const void *row, cpixel_samples samples, size_t width, uint64_t *counts) {
  if (samples.depth == CPIXEL_8_BIT)
    COUNT_ALL(uint8_t, value);
  else if (samples.depth == CPIXEL_16_BIT)
    COUNT_ALL(uint16_t, value >> 8);
  else
    COUNT_ALL(float, bin_of_float(value));
}

#define COMPARE_ALL(type)                                                                                              \
  do {                                                                                                                 \
    const type *one = a, *other = b;                                                                                   \
    for (size_t i = 0; i < count; i++) {                                                                               \
      /* Equal infinities have no difference: subtracting them would give NaN. */                                      \
      double distance = one[i] == other[i] ? 0 : fabs((double)one[i] - (double)other[i]);                              \
      most = distance > most ? distance : most;                                                                        \
      sum += distance * distance;                                                                                      \
    }                                                                                                                  \
  } while (0)

void cpixel_compare_samples(const void *a, const void *b, cpixel_depth depth, size_t count, double *square_sum,
                            double *maximum) {
  double most = *maximum, sum = 0;
  if (depth == CPIXEL_8_BIT)
    COMPARE_ALL(uint8_t);
  else if (depth == CPIXEL_16_BIT)
    COMPARE_ALL(uint16_t);
  else
    COMPARE_ALL(float);
  *square_sum += sum;
  *maximum = most;
}
