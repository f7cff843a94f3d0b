// SPDX-License-Identifier: Apache-2.0

// Where the pixels of a WebP lie, in a still picture or in the first frame of an animation.

#ifndef WEBP_FRAME_H
#define WEBP_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// libwebp takes everything behind the head of the pixels' chunk for pixels, up to the end of its input. So it must get
// `count` bytes and no more: otherwise, bytes behind a chunk that is too short would become pixels.
struct webp_pixels {
  size_t count; // the bytes up to the end of the pixels' chunk, as far as they are there
  bool headed;  // the head of the pixels' data is there
  bool whole;   // the whole chunk is there
};

// For a still file. If it is an animation, or the chunk is not there yet, nothing is found, and `pixels->count` is
// `count`. Returns what is wrong with the file, or NULL.
const char *webp_pixels_find(const uint8_t *bytes, size_t count, struct webp_pixels *pixels);

// The first frame of an animation. Its place on the canvas is in pixels.
struct webp_frame {
  const uint8_t *bytes; // its chunks of alpha and pixels, which libwebp reads like a file; NULL: not there yet
  struct webp_pixels pixels;
  uint32_t x, y, width, height;
};

// For a file whose extended header announces an animation on a canvas of that size. Returns what is wrong with the
// file, or NULL.
const char *webp_frame_find(const uint8_t *bytes, size_t count, uint32_t canvas_width, uint32_t canvas_height,
                            struct webp_frame *frame);

#endif
