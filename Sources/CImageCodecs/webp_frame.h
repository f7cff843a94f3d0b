// SPDX-License-Identifier: Apache-2.0

// Finds the pixels of a WebP file: those of a still picture, or of the first frame of an animation.

#ifndef WEBP_FRAME_H
#define WEBP_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// libwebp takes all bytes behind the head of the pixels' chunk for pixels, up to the end of its input. So it must get
// `count` bytes and no more: otherwise, bytes behind a chunk that is too short would become pixels.
struct webp_pixels {
  size_t count; // the number of bytes up to the end of the pixels' chunk, or up to the end of the input
  bool headed;  // the head of the pixels' data is there
  bool whole;   // the whole chunk is there
};

// Finds the pixels of a still picture. If the file is an animation, or the chunk is not there yet, nothing is found,
// and `pixels->count` is `count`. Returns what is wrong with the file, or NULL.
const char *webp_pixels_find(const uint8_t *bytes, size_t count, struct webp_pixels *pixels);

// The first frame of an animation. Its place and size on the canvas are in pixels.
struct webp_frame {
  const uint8_t *bytes; // its chunks of alpha and pixels, which libwebp reads like a file; NULL if not there yet
  struct webp_pixels pixels;
  uint32_t x, y, width, height;
};

// Finds the first frame of a file whose extended header announces an animation on a canvas of that size. Returns what
// is wrong with the file, or NULL.
const char *webp_frame_find(const uint8_t *bytes, size_t count, uint32_t canvas_width, uint32_t canvas_height,
                            struct webp_frame *frame);

#endif
