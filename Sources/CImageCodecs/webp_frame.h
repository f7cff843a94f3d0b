// Where the first frame of an animated WebP lies, and on which part of the canvas.

#ifndef WEBP_FRAME_H
#define WEBP_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct webp_frame {
  const uint8_t *bytes; // its chunks of alpha and pixels, which libwebp takes like a file; NULL: not there yet
  size_t count;
  bool whole; // they are all there
  uint32_t x, y, width, height;
};

// Of a file whose extended header announces an animation on a canvas of that size. Returns what is wrong with it, or
// NULL.
const char *webp_frame_find(const uint8_t *bytes, size_t count, uint32_t canvas_width, uint32_t canvas_height,
                            struct webp_frame *frame);

#endif
