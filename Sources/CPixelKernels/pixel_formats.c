// SPDX-License-Identifier: Apache-2.0

#include "pixel_formats.h"
#include "pixel_dispatch.h"

#include <string.h>

// The number of pixels that are held as floats at once: their four channels stay in the first-level cache.
enum { stretch = 256 };

// One plane per channel. Gray pixels have their luminance in `red` alone.
typedef struct planes {
  float red[stretch], green[stretch], blue[stretch], alpha[stretch];
} planes;

#define UNPACK_CHANNEL(type, plane, index)                                                                             \
  do {                                                                                                                 \
    const type *from = (const type *)row + (index);                                                                    \
    for (size_t x = 0; x < count; x++) (plane)[x] = (float)from[x * t.channels];                                       \
  } while (0)

#define UNPACK(type)                                                                                                   \
  do {                                                                                                                 \
    if (is_gray(t)) {                                                                                                  \
      UNPACK_CHANNEL(type, p->red, 0);                                                                                 \
    } else {                                                                                                           \
      UNPACK_CHANNEL(type, p->red, t.blue_first ? 2 : 0);                                                              \
      UNPACK_CHANNEL(type, p->green, 1);                                                                               \
      UNPACK_CHANNEL(type, p->blue, t.blue_first ? 0 : 2);                                                             \
    }                                                                                                                  \
    if (has_alpha(t)) UNPACK_CHANNEL(type, p->alpha, t.channels - 1);                                                  \
  } while (0)

PIXEL_BODY unpack(const void *row, traits t, size_t count, planes *p) {
  if (t.bytes == 1) UNPACK(uint8_t);
  if (t.bytes == 2) UNPACK(uint16_t);
  if (t.bytes == 4) UNPACK(float);
}

// Converts from one scale to another. The result is rounded only once, because the product of an integer and the full
// value is exact, except for floats and for gray of 16 bits. A NaN is not above 0, so it becomes 0.
#define STORE_INTEGER(type, limit)                                                                                     \
  do {                                                                                                                 \
    float value = plane[x] * to_full / from_full + 0.5f;                                                               \
    to[x * t.channels] = (type)(value > 0 ? (value < (limit) + 0.5f ? value : (limit)) : 0);                           \
  } while (0)

PIXEL_BODY pack_channel(const float *plane, void *row, traits t, size_t index, size_t count, float from_full) {
  float to_full = full(t);
  if (t.bytes == 1) {
    uint8_t *to = (uint8_t *)row + index;
    for (size_t x = 0; x < count; x++) STORE_INTEGER(uint8_t, 255.0f);
  } else if (t.bytes == 2) {
    uint16_t *to = (uint16_t *)row + index;
    for (size_t x = 0; x < count; x++) STORE_INTEGER(uint16_t, 65535.0f);
  } else {
    float *to = (float *)row + index;
    for (size_t x = 0; x < count; x++) to[x * t.channels] = plane[x] / from_full;
  }
}

// Clamps floats to 0 to 1, the range of integers, before any other step. NaN becomes 0.
PIXEL_BODY clamp(float *plane, size_t count) {
  for (size_t x = 0; x < count; x++) {
    float value = plane[x] > 0 ? plane[x] : 0;
    plane[x] = value < 1 ? value : 1;
  }
}

PIXEL_BODY premultiply(float *plane, const float *alpha, float limit, size_t count) {
  for (size_t x = 0; x < count; x++) plane[x] = plane[x] * alpha[x] / limit;
}

// Colours above alpha are invalid, and become the full value. If alpha is 0, the colour becomes 0.
PIXEL_BODY unpremultiply(float *plane, const float *alpha, float limit, size_t count) {
  for (size_t x = 0; x < count; x++) {
    float value = alpha[x] > 0 ? plane[x] * limit / alpha[x] : 0;
    plane[x] = value < limit ? value : limit;
  }
}

PIXEL_BODY lay_on_white(float *plane, const float *alpha, float limit, bool premultiplied, size_t count) {
  if (premultiplied)
    for (size_t x = 0; x < count; x++) {
      float value = plane[x] + (limit - alpha[x]);
      plane[x] = value < limit ? value : limit;
    }
  else
    for (size_t x = 0; x < count; x++) plane[x] = (plane[x] * alpha[x] + limit * (limit - alpha[x])) / limit;
}

// Rounds as if pixels of 8 bits were stored between two steps, so that all ways to gray give the same result.
PIXEL_BODY round_bytes(float *plane, size_t count) {
  for (size_t x = 0; x < count; x++) plane[x] = (float)(int32_t)(plane[x] + 0.5f);
}

// The weights of BT.601 in 65,536ths, as integers: for channels of 8 bits the sum is exact.
PIXEL_BODY add_up_luma(planes *p, size_t count) {
  for (size_t x = 0; x < count; x++)
    p->red[x] = (p->red[x] * 19595 + p->green[x] * 38470 + p->blue[x] * 7471) / 65536;
}

PIXEL_BODY change_alpha(planes *p, traits from, traits to, size_t count) {
  float limit = full(from);
  size_t color_planes = is_gray(from) ? 1 : 3;
  float *color[3] = {p->red, p->green, p->blue};
  for (size_t c = 0; c < color_planes; c++) {
    if (!has_alpha(to))
      lay_on_white(color[c], p->alpha, limit, from.premultiplied, count);
    else if (from.premultiplied && !to.premultiplied)
      unpremultiply(color[c], p->alpha, limit, count);
    else if (!from.premultiplied && to.premultiplied)
      premultiply(color[c], p->alpha, limit, count);
    else
      continue;
    if (from.bytes == 1 && to.bytes == 1) round_bytes(color[c], count);
  }
}

// Converts the same channels to another depth, number by number.
#define CONVERT_NUMBERS(source_type)                                                                                   \
  do {                                                                                                                 \
    const source_type *numbers = source;                                                                               \
    float plane[stretch];                                                                                              \
    traits one = {1, to.bytes, false, false};                                                                          \
    for (size_t start = 0; start < count; start += stretch) {                                                          \
      size_t length = count - start < stretch ? count - start : stretch;                                               \
      for (size_t i = 0; i < length; i++) plane[i] = (float)numbers[start + i];                                        \
      pack_channel(plane, (uint8_t *)target + start * to.bytes, one, 0, length, full(from));                           \
    }                                                                                                                  \
  } while (0)

PIXEL_BODY convert_depth(const void *source, traits from, void *target, traits to, size_t count) {
  if (from.bytes == 1) CONVERT_NUMBERS(uint8_t);
  if (from.bytes == 2) CONVERT_NUMBERS(uint16_t);
  if (from.bytes == 4) CONVERT_NUMBERS(float);
}

PIXEL_BODY cpixel_convert_by_floats_body(const void *source, cpixel_format source_format, void *target,
                                       cpixel_format target_format, size_t width) {
  traits from = pixel_traits[source_format], to = pixel_traits[target_format];
  if (from.channels == to.channels && from.premultiplied == to.premultiplied && from.blue_first == to.blue_first) {
    convert_depth(source, from, target, to, width * from.channels);
    return;
  }
  planes p;
  for (size_t start = 0; start < width; start += stretch) {
    size_t count = width - start < stretch ? width - start : stretch;
    unpack((const uint8_t *)source + start * from.channels * from.bytes, from, count, &p);
    if (from.bytes == 4 && to.bytes != 4) {
      clamp(p.red, count);
      if (!is_gray(from)) clamp(p.green, count), clamp(p.blue, count);
      if (has_alpha(from)) clamp(p.alpha, count);
    }
    if (has_alpha(from))
      change_alpha(&p, from, to, count);
    else if (has_alpha(to))
      for (size_t x = 0; x < count; x++) p.alpha[x] = full(from);
    if (is_gray(to) && !is_gray(from)) add_up_luma(&p, count);
    uint8_t *row = (uint8_t *)target + start * to.channels * to.bytes;
    if (is_gray(to)) {
      pack_channel(p.red, row, to, 0, count, full(from));
    } else {
      pack_channel(p.red, row, to, to.blue_first ? 2 : 0, count, full(from));
      pack_channel(is_gray(from) ? p.red : p.green, row, to, 1, count, full(from));
      pack_channel(is_gray(from) ? p.red : p.blue, row, to, to.blue_first ? 0 : 2, count, full(from));
    }
    if (has_alpha(to)) pack_channel(p.alpha, row, to, to.channels - 1, count, full(from));
  }
}
PIXEL_KERNEL(cpixel_convert_by_floats,
             (const void *source, cpixel_format source_format, void *target, cpixel_format target_format, size_t width),
             (source, source_format, target, target_format, width))
