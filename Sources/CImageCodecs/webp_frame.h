// Where the pixels of a WebP lie: of a still one, and of the first frame of an animated one.

#ifndef WEBP_FRAME_H
#define WEBP_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// libwebp takes whatever follows the head of the pixels' chunk for pixels, to the end of what it is given. So it must be
// given `count` bytes and no more: a chunk that is too short would else be filled up with what lies behind it.
struct webp_pixels {
  size_t count; // what there is up to the end of the pixels' chunk
  bool headed;  // the head of the pixels' data is there
  bool whole;   // the chunk is all there
};

// Of a still file; of an animation, and where that chunk is not there yet, nothing is found and `count` is that of the bytes.
// Returns what is wrong with it, or NULL.
const char *webp_pixels_find(const uint8_t *bytes, size_t count, struct webp_pixels *pixels);

struct webp_frame {
  const uint8_t *bytes; // its chunks of alpha and pixels, which libwebp takes like a file; NULL: not there yet
  struct webp_pixels pixels;
  uint32_t x, y, width, height;
};

// Of a file whose extended header announces an animation on a canvas of that size. Returns what is wrong with it, or
// NULL.
const char *webp_frame_find(const uint8_t *bytes, size_t count, uint32_t canvas_width, uint32_t canvas_height,
                            struct webp_frame *frame);

#endif
