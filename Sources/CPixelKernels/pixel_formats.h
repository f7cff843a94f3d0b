// SPDX-License-Identifier: Apache-2.0

// The properties of the formats of CPixelKernels.h, and the one conversion that supports all of them.

#ifndef PIXEL_FORMATS_H
#define PIXEL_FORMATS_H

#include "CPixelKernels.h"

typedef struct traits {
  uint8_t channels;
  uint8_t bytes; // per channel
  bool premultiplied;
  bool blue_first;
} traits;

static const traits pixel_traits[CPIXEL_FORMAT_COUNT] = {
    [CPIXEL_GRAY8] = {1, 1, false, false},
    [CPIXEL_GRAY_ALPHA8] = {2, 1, false, false},
    [CPIXEL_GRAY_ALPHA8_PREMULTIPLIED] = {2, 1, true, false},
    [CPIXEL_RGB8] = {3, 1, false, false},
    [CPIXEL_RGBA8] = {4, 1, false, false},
    [CPIXEL_RGBA8_PREMULTIPLIED] = {4, 1, true, false},
    [CPIXEL_BGRA8] = {4, 1, false, true},
    [CPIXEL_BGRA8_PREMULTIPLIED] = {4, 1, true, true},
    [CPIXEL_GRAY16] = {1, 2, false, false},
    [CPIXEL_RGBA16] = {4, 2, false, false},
    [CPIXEL_GRAY_F32] = {1, 4, false, false},
    [CPIXEL_RGBA_F32] = {4, 4, false, false},
};

static inline bool has_alpha(traits t) { return t.channels == 2 || t.channels == 4; }
static inline bool is_gray(traits t) { return t.channels <= 2; }

// The value of a channel at its full intensity.
static inline float full(traits t) { return t.bytes == 1 ? 255.0f : t.bytes == 2 ? 65535.0f : 1.0f; }

static inline size_t cpixel_bytes_per_pixel(cpixel_format format) {
  return (size_t)pixel_traits[format].channels * pixel_traits[format].bytes;
}

// Converts any format to any other. It first converts to floats; the results are those of cpixel_convert_row.
void cpixel_convert_by_floats(const void *source, cpixel_format source_format, void *target,
                              cpixel_format target_format, size_t width);

#endif
