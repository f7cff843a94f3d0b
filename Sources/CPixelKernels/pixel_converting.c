#include "CPixelKernels.h"
#include "pixel_alpha.h"
#include "pixel_dispatch.h"

// Pixels that are looked at for alpha at once.
enum { stretch = 256 };

// The weights of BT.601 in 16-bit fixed point; they add up to 65,536.
#define LUMA(red, green, blue) (uint8_t)((19595u * (red) + 38470u * (green) + 7471u * (blue) + 32768u) >> 16)

// (sum + 1 + sum / 256) / 256 is sum / 255 for all sums that can be: no division, so that the loops become vectors.
static inline __attribute__((always_inline)) uint32_t on_white(uint32_t color, uint32_t alpha) {
  uint32_t sum = color * alpha + 255 * (255 - alpha) + 127;
  return (sum + 1 + (sum >> 8)) >> 8;
}

// A pixel as one number, red lowest: all that Swift on Linux runs on is little-endian. One number per lane becomes a
// better loop than every fourth byte does.
#define PIXEL(pixel, address)                                                                                          \
  uint32_t pixel;                                                                                                      \
  memcpy(&pixel, (address), 4)

PIXEL_BODY gray_of_rgba(const uint8_t *restrict source, uint8_t *restrict target, size_t width) {
  for (size_t start = 0; start < width; start += stretch) {
    size_t count = width - start < stretch ? width - start : stretch;
    const uint8_t *from = source + 4 * start;
    uint8_t *to = target + start;
    if (is_opaque(from, 4 * count)) {
      for (size_t x = 0; x < count; x++) {
        PIXEL(pixel, from + 4 * x);
        to[x] = LUMA(pixel & 255, pixel >> 8 & 255, pixel >> 16 & 255);
      }
    } else {
      for (size_t x = 0; x < count; x++) {
        PIXEL(pixel, from + 4 * x);
        uint32_t alpha = pixel >> 24;
        uint32_t red = on_white(pixel & 255, alpha), green = on_white(pixel >> 8 & 255, alpha);
        to[x] = LUMA(red, green, on_white(pixel >> 16 & 255, alpha));
      }
    }
  }
}

PIXEL_BODY rgb_of_rgba(const uint8_t *restrict source, uint8_t *restrict target, size_t width) {
  for (size_t start = 0; start < width; start += stretch) {
    size_t count = width - start < stretch ? width - start : stretch, x = 0;
    const uint8_t *from = source + 4 * start;
    uint8_t *to = target + 3 * start;
    bool opaque = is_opaque(from, 4 * count);
    for (; x + 4 <= count; x += 4) {
      u8x16 bytes;
      if (opaque) {
        VECTOR_LOAD(bytes, from + 4 * x);
      } else {
        uint8_t laid[16];
        for (size_t p = 0; p < 4; p++) {
          PIXEL(pixel, from + 4 * (x + p));
          uint32_t alpha = pixel >> 24;
          uint32_t result = on_white(pixel & 255, alpha) | on_white(pixel >> 8 & 255, alpha) << 8 |
                            on_white(pixel >> 16 & 255, alpha) << 16;
          memcpy(laid + 4 * p, &result, 4);
        }
        VECTOR_LOAD(bytes, laid);
      }
      bytes = __builtin_shufflevector(bytes, bytes, 0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 3, 7, 11, 15);
      memcpy(to + 3 * x, &bytes, 12);
    }
    for (; x < count; x++)
      for (size_t c = 0; c < 3; c++) to[3 * x + c] = (uint8_t)on_white(from[4 * x + c], from[4 * x + 3]);
  }
}

PIXEL_BODY cpixel_convert_row_body(const uint8_t *restrict source, size_t source_channels, uint8_t *restrict target,
                                   size_t target_channels, size_t width) {
  if (source_channels == target_channels) {
    memcpy(target, source, width * source_channels);
  } else if (source_channels == 4) {
    if (target_channels == 1) gray_of_rgba(source, target, width);
    if (target_channels == 3) rgb_of_rgba(source, target, width);
  } else if (source_channels == 3) {
    if (target_channels == 1)
      for (size_t x = 0; x < width; x++) target[x] = LUMA(source[3 * x], source[3 * x + 1], source[3 * x + 2]);
    if (target_channels == 4)
      for (size_t x = 0; x < width; x++) {
        for (size_t c = 0; c < 3; c++) target[4 * x + c] = source[3 * x + c];
        target[4 * x + 3] = 255;
      }
  } else {
    if (target_channels == 3)
      for (size_t x = 0; x < width; x++) target[3 * x] = target[3 * x + 1] = target[3 * x + 2] = source[x];
    if (target_channels == 4)
      for (size_t x = 0; x < width; x++) {
        target[4 * x] = target[4 * x + 1] = target[4 * x + 2] = source[x];
        target[4 * x + 3] = 255;
      }
  }
}
PIXEL_KERNEL(cpixel_convert_row,
             (const uint8_t *source, size_t source_channels, uint8_t *target, size_t target_channels, size_t width),
             (source, source_channels, target, target_channels, width))
