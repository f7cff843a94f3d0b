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

PIXEL_BODY gray_of_rgba(const uint8_t *source, uint8_t *target, size_t width) {
  for (size_t start = 0; start < width; start += stretch) {
    size_t count = width - start < stretch ? width - start : stretch;
    const uint8_t *from = source + 4 * start;
    uint8_t *to = target + start;
    if (is_opaque(from, 4 * count)) {
      for (size_t x = 0; x < count; x++) to[x] = LUMA(from[4 * x], from[4 * x + 1], from[4 * x + 2]);
    } else {
      for (size_t x = 0; x < count; x++) {
        uint32_t alpha = from[4 * x + 3];
        to[x] = LUMA(on_white(from[4 * x], alpha), on_white(from[4 * x + 1], alpha), on_white(from[4 * x + 2], alpha));
      }
    }
  }
}

PIXEL_BODY rgb_of_rgba(const uint8_t *source, uint8_t *target, size_t width) {
  for (size_t x = 0; x < width; x++)
    for (size_t c = 0; c < 3; c++) target[3 * x + c] = (uint8_t)on_white(source[4 * x + c], source[4 * x + 3]);
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
