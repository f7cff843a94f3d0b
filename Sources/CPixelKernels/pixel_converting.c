// SPDX-License-Identifier: Apache-2.0

#include "CPixelKernels.h"
#include "pixel_alpha.h"
#include "pixel_dispatch.h"
#include "pixel_formats.h"

// The conversions that are used most: those between formats of 8 bits. All others are done with floats, in
// pixel_formats.c.
//
// libyuv has such loops, too. It is not used, because its results are less exact, and only one loop is faster (measured
// with Debian's version 2023-01-23 on 4K frames). It swaps red and blue in the same 2.1 ms. It multiplies by alpha in
// the same 1.7 ms, but a quarter of all values are off by 1 of 255. It divides by alpha in 2.3 ms instead of 3.3, but
// values are off by up to 2.

// The number of pixels that are checked for alpha at once.
enum { stretch = 256 };

// The weights of BT.601 in 16-bit fixed point; they add up to 65,536.
#define LUMA(red, green, blue) (uint8_t)((19595u * (red) + 38470u * (green) + 7471u * (blue) + 32768u) >> 16)

// For all possible sums, (sum + 1 + sum / 256) / 256 is the same as sum / 255. It needs only shifts, so the compiler
// can make the loop a loop of vectors.
static inline __attribute__((always_inline)) uint32_t on_white(uint32_t color, uint32_t alpha, bool premultiplied) {
  if (premultiplied) {
    uint32_t value = color + 255 - alpha;
    return value < 255 ? value : 255; // a colour above alpha is invalid, but must not overflow
  }
  uint32_t sum = color * alpha + 255 * (255 - alpha) + 127;
  return (sum + 1 + (sum >> 8)) >> 8;
}

// A pixel as one number, with the first channel in the lowest bits: all processors of Swift on Linux are little-endian.
// The compiler makes faster code for loops over such numbers than for loops over every fourth byte.
#define PIXEL(pixel, address)                                                                                          \
  uint32_t pixel;                                                                                                      \
  memcpy(&pixel, (address), 4)

// Functions for pixels of four channels. All callers pass constants for `blue_first` and `premultiplied`.

PIXEL_BODY gray_of_four(const uint8_t *restrict source, uint8_t *restrict target, size_t width, bool blue_first,
                        bool premultiplied) {
  uint32_t red_shift = blue_first ? 16 : 0, blue_shift = 16 - red_shift;
  for (size_t start = 0; start < width; start += stretch) {
    size_t count = width - start < stretch ? width - start : stretch;
    const uint8_t *from = source + 4 * start;
    uint8_t *to = target + start;
    if (is_opaque(from, 4 * count)) {
      for (size_t x = 0; x < count; x++) {
        PIXEL(pixel, from + 4 * x);
        to[x] = LUMA(pixel >> red_shift & 255, pixel >> 8 & 255, pixel >> blue_shift & 255);
      }
    } else {
      for (size_t x = 0; x < count; x++) {
        PIXEL(pixel, from + 4 * x);
        uint32_t alpha = pixel >> 24;
        uint32_t red = on_white(pixel >> red_shift & 255, alpha, premultiplied);
        uint32_t green = on_white(pixel >> 8 & 255, alpha, premultiplied);
        to[x] = LUMA(red, green, on_white(pixel >> blue_shift & 255, alpha, premultiplied));
      }
    }
  }
}

PIXEL_BODY rgb_of_four(const uint8_t *restrict source, uint8_t *restrict target, size_t width, bool blue_first,
                       bool premultiplied) {
  for (size_t start = 0; start < width; start += stretch) {
    size_t count = width - start < stretch ? width - start : stretch, x = 0;
    const uint8_t *from = source + 4 * start;
    uint8_t *to = target + 3 * start;
    uint32_t laid[stretch];
    if (!is_opaque(from, 4 * count)) {
      for (size_t i = 0; i < count; i++) {
        PIXEL(pixel, from + 4 * i);
        uint32_t alpha = pixel >> 24;
        laid[i] = on_white(pixel & 255, alpha, premultiplied) | on_white(pixel >> 8 & 255, alpha, premultiplied) << 8 |
                  on_white(pixel >> 16 & 255, alpha, premultiplied) << 16;
      }
      from = (const uint8_t *)laid;
    }
    for (; x + 4 <= count; x += 4) {
      u8x16 bytes;
      VECTOR_LOAD(bytes, from + 4 * x);
      if (blue_first)
        bytes = __builtin_shufflevector(bytes, bytes, 2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, 3, 7, 11, 15);
      else
        bytes = __builtin_shufflevector(bytes, bytes, 0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 3, 7, 11, 15);
      memcpy(to + 3 * x, &bytes, 12);
    }
    for (; x < count; x++)
      for (size_t c = 0; c < 3; c++) to[3 * x + c] = from[4 * x + (blue_first ? 2 - c : c)];
  }
}

// Source and target are both multiplied by alpha, or neither is.
PIXEL_BODY gray_alpha_of_four(const uint8_t *restrict source, uint8_t *restrict target, size_t width, bool blue_first) {
  uint32_t red_shift = blue_first ? 16 : 0, blue_shift = 16 - red_shift;
  for (size_t x = 0; x < width; x++) {
    PIXEL(pixel, source + 4 * x);
    uint32_t luma = LUMA(pixel >> red_shift & 255, pixel >> 8 & 255, pixel >> blue_shift & 255);
    uint16_t result = (uint16_t)(luma | pixel >> 24 << 8);
    memcpy(target + 2 * x, &result, 2);
  }
}

PIXEL_BODY four_of_gray_alpha(const uint8_t *restrict source, uint8_t *restrict target, size_t width) {
  for (size_t x = 0; x < width; x++) {
    uint32_t pixel = source[2 * x] * 0x10101u | (uint32_t)source[2 * x + 1] << 24;
    memcpy(target + 4 * x, &pixel, 4);
  }
}

typedef enum alpha_change { KEEP, MULTIPLY, DIVIDE } alpha_change;

static inline __attribute__((always_inline)) uint32_t multiplied(uint32_t pixel) {
  // Red and blue share one multiplication, with 16 bits each. After 128 is added to a product,
  // (product + product / 256) / 256 is product / 255, rounded.
  uint32_t alpha = pixel >> 24, outer = (pixel & 0xFF00FF) * alpha + 0x800080, green = (pixel >> 8 & 255) * alpha + 128;
  outer = (outer + (outer >> 8 & 0xFF00FF)) >> 8 & 0xFF00FF;
  return outer | ((green + (green >> 8)) >> 8) << 8 | alpha << 24;
}

static inline __attribute__((always_inline)) uint32_t divided(uint32_t color, float alpha, float full) {
  float value = (float)(int32_t)color * full / alpha + 0.5f;
  return (uint32_t)(int32_t)(value < 255 ? value : 255);
}

PIXEL_BODY four_of_four(const uint8_t *restrict source, uint8_t *restrict target, size_t width, alpha_change change,
                        bool swap) {
  for (size_t x = 0; x < width; x++) {
    PIXEL(pixel, source + 4 * x);
    if (change == MULTIPLY) pixel = multiplied(pixel);
    if (change == DIVIDE) {
      // One vector instruction divides several floats, and results are exact: for numbers of 8 bits, a float has enough
      // bits to tell whether the fraction of the quotient is below one half.
      uint32_t alpha = pixel >> 24;
      float divisor = alpha ? (float)(int32_t)alpha : 1, full = alpha ? 255 : 0;
      pixel = divided(pixel & 255, divisor, full) | divided(pixel >> 8 & 255, divisor, full) << 8 |
              divided(pixel >> 16 & 255, divisor, full) << 16 | alpha << 24;
    }
    if (swap) pixel = (pixel & 0xFF00FF00) | (pixel & 255) << 16 | (pixel >> 16 & 255);
    memcpy(target + 4 * x, &pixel, 4);
  }
}

PIXEL_BODY four_of_rgb(const uint8_t *restrict source, uint8_t *restrict target, size_t width, bool swap) {
  for (size_t x = 0; x < width; x++) {
    uint32_t first = source[3 * x + (swap ? 2 : 0)], last = source[3 * x + (swap ? 0 : 2)];
    uint32_t pixel = first | (uint32_t)source[3 * x + 1] << 8 | last << 16 | 0xFF000000;
    memcpy(target + 4 * x, &pixel, 4);
  }
}

static inline bool is_four(cpixel_format format) {
  return pixel_traits[format].channels == 4 && pixel_traits[format].bytes == 1;
}
static inline bool has_blue_first(cpixel_format format) { return pixel_traits[format].blue_first; }
static inline bool is_multiplied(cpixel_format format) { return pixel_traits[format].premultiplied; }
static inline bool is_gray_alpha(cpixel_format format) {
  return format == CPIXEL_GRAY_ALPHA8 || format == CPIXEL_GRAY_ALPHA8_PREMULTIPLIED;
}

#define BY_ORDER_AND_ALPHA(function, format)                                                                           \
  do {                                                                                                                 \
    if ((format) == CPIXEL_RGBA8) function(source, target, width, false, false);                                       \
    if ((format) == CPIXEL_BGRA8) function(source, target, width, true, false);                                        \
    if ((format) == CPIXEL_RGBA8_PREMULTIPLIED) function(source, target, width, false, true);                          \
    if ((format) == CPIXEL_BGRA8_PREMULTIPLIED) function(source, target, width, true, true);                           \
  } while (0)

PIXEL_BODY from_four(const uint8_t *restrict source, cpixel_format source_format, uint8_t *restrict target,
                     cpixel_format target_format, size_t width) {
  bool swap = has_blue_first(source_format) != has_blue_first(target_format);
  if (target_format == CPIXEL_GRAY8) {
    BY_ORDER_AND_ALPHA(gray_of_four, source_format);
  } else if (target_format == CPIXEL_RGB8) {
    BY_ORDER_AND_ALPHA(rgb_of_four, source_format);
  } else if (is_multiplied(source_format) == is_multiplied(target_format)) {
    four_of_four(source, target, width, KEEP, true); // the order of colours differs, because the formats differ
  } else if (is_multiplied(target_format)) {
    if (swap) four_of_four(source, target, width, MULTIPLY, true);
    else four_of_four(source, target, width, MULTIPLY, false);
  } else {
    if (swap) four_of_four(source, target, width, DIVIDE, true);
    else four_of_four(source, target, width, DIVIDE, false);
  }
}

PIXEL_BODY cpixel_convert_row_body(const void *restrict source_row, cpixel_format source_format,
                                   void *restrict target_row, cpixel_format target_format, size_t width) {
  const uint8_t *source = source_row;
  uint8_t *target = target_row;
  bool to_four = is_four(target_format);
  if (source_format == target_format) {
    memcpy(target, source, width * cpixel_bytes_per_pixel(source_format));
  } else if (is_four(source_format) && (to_four || target_format == CPIXEL_GRAY8 || target_format == CPIXEL_RGB8)) {
    from_four(source, source_format, target, target_format, width);
  } else if (is_four(source_format) && is_gray_alpha(target_format) &&
             is_multiplied(source_format) == is_multiplied(target_format)) {
    if (has_blue_first(source_format)) gray_alpha_of_four(source, target, width, true);
    else gray_alpha_of_four(source, target, width, false);
  } else if (is_gray_alpha(source_format) && to_four && is_multiplied(source_format) == is_multiplied(target_format)) {
    four_of_gray_alpha(source, target, width);
  } else if (source_format == CPIXEL_RGB8 && to_four) {
    if (has_blue_first(target_format)) four_of_rgb(source, target, width, true);
    else four_of_rgb(source, target, width, false);
  } else if (source_format == CPIXEL_RGB8 && target_format == CPIXEL_GRAY8) {
    for (size_t x = 0; x < width; x++) target[x] = LUMA(source[3 * x], source[3 * x + 1], source[3 * x + 2]);
  } else if (source_format == CPIXEL_GRAY8 && target_format == CPIXEL_RGB8) {
    for (size_t x = 0; x < width; x++) target[3 * x] = target[3 * x + 1] = target[3 * x + 2] = source[x];
  } else if (source_format == CPIXEL_GRAY8 && to_four) {
    for (size_t x = 0; x < width; x++) {
      uint32_t pixel = source[x] * 0x10101u | 0xFF000000;
      memcpy(target + 4 * x, &pixel, 4);
    }
  } else {
    cpixel_convert_by_floats(source, source_format, target, target_format, width);
  }
}
PIXEL_KERNEL(cpixel_convert_row,
             (const void *source, cpixel_format source_format, void *target, cpixel_format target_format, size_t width),
             (source, source_format, target, target_format, width))
