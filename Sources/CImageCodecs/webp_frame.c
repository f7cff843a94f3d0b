// SPDX-License-Identifier: Apache-2.0

#include "webp_frame.h"

#include <string.h>

// The order of an animation's parts, from the WebP container specification (RFC 9649, 2.7):
//   file:  RIFF header, VP8X, chunks of any kind, ANMF chunks (the frames)
//   frame: 16 bytes with its place and size, ALPH (optional), VP8 or VP8L, unknown chunks

enum { riff_size = 12, extended_size = 18, chunk_head = 8, frame_head = 16 };

static size_t number(const uint8_t *bytes, int count) {
  size_t value = 0;
  for (int i = 0; i < count; i++) value |= (size_t)bytes[i] << (8 * i);
  return value;
}

static bool is(const uint8_t *chunk, const char *name) { return memcmp(chunk, name, 4) == 0; }

static bool is_bitstream(const uint8_t *chunk) { return is(chunk, "VP8 ") || is(chunk, "VP8L"); }

static size_t head_size(const uint8_t *chunk) { return is(chunk, "VP8L") ? 5 : 10; }

// Reads the head of a chunk of pixels. The chunk is at `position`, the file or frame that holds it ends at `end`, and
// the bytes up to `count` are there. All three numbers count from `bytes`.
static const char *read_pixels(const uint8_t *bytes, size_t position, size_t count, size_t end,
                               struct webp_pixels *pixels) {
  const uint8_t *chunk = bytes + position;
  size_t size = number(chunk + 4, 4), content = position + chunk_head;
  if (content > end || size > end - content) return "A chunk of pixels that is larger than what it lies in";
  if (size < head_size(chunk)) return "A chunk of pixels that is too short for their head";
  pixels->headed = count - content >= head_size(chunk);
  pixels->whole = count - content >= size;
  if (pixels->whole) pixels->count = content + size;
  return NULL;
}

const char *webp_pixels_find(const uint8_t *bytes, size_t count, struct webp_pixels *pixels) {
  *pixels = (struct webp_pixels){.count = count};
  if (count < riff_size + 4) return NULL;
  size_t end = number(bytes + 4, 4) + 8, position = riff_size;
  if (is(bytes + riff_size, "VP8X")) {
    if (count < riff_size + extended_size || (bytes[riff_size + chunk_head] & 2) != 0) return NULL;
    position += extended_size;
  } else if (!is_bitstream(bytes + riff_size)) {
    // libwebp would take the bytes that follow for pixels without a chunk.
    return "Neither pixels nor an extended header come first";
  }
  while (count >= chunk_head && position <= count - chunk_head) {
    if (is_bitstream(bytes + position)) return read_pixels(bytes, position, count, end, pixels);
    size_t size = number(bytes + position + 4, 4);
    position += chunk_head + size + size % 2;
  }
  return NULL;
}

static bool has_pixels(const uint8_t *chunk) { return is(chunk, "ALPH") || is_bitstream(chunk); }

// Reads the content of an ANMF chunk. It has `size` bytes, of which `left` are there.
static const char *read_frame(const uint8_t *content, size_t left, size_t size, uint32_t canvas_width,
                              uint32_t canvas_height, struct webp_frame *frame) {
  if (size < frame_head + chunk_head) return "A frame without pixels";
  if (left < frame_head + 4) return NULL;
  frame->x = 2 * (uint32_t)number(content, 3);
  frame->y = 2 * (uint32_t)number(content + 3, 3);
  frame->width = (uint32_t)number(content + 6, 3) + 1;
  frame->height = (uint32_t)number(content + 9, 3) + 1;
  // Each number is below 2^26, so no sum overflows.
  if (frame->x + frame->width > canvas_width || frame->y + frame->height > canvas_height)
    return "A frame that is not within its canvas";
  if (left > size) left = size;
  const uint8_t *first = content + frame_head;
  if (!has_pixels(first)) return "A frame without pixels";
  frame->bytes = first;
  frame->pixels.count = left - frame_head;
  size_t next = 0; // where the chunk with the pixels starts, counted from `first`
  if (is(first, "ALPH")) {
    if (left < frame_head + chunk_head) return NULL;
    size_t alpha_size = number(first + 4, 4);
    next = chunk_head + alpha_size + alpha_size % 2;
    if (frame_head + next + chunk_head > size || (left >= frame_head + next + 4 && !is_bitstream(first + next)))
      return "A frame without pixels";
  }
  if (left < frame_head + next + chunk_head) return NULL;
  return read_pixels(first, next, left - frame_head, size - frame_head, &frame->pixels);
}

const char *webp_frame_find(const uint8_t *bytes, size_t count, uint32_t canvas_width, uint32_t canvas_height,
                            struct webp_frame *frame) {
  memset(frame, 0, sizeof *frame);
  if (count < riff_size + extended_size) return NULL;
  size_t end = number(bytes + 4, 4) + 8;
  if (count > end) count = end;
  for (size_t position = riff_size + extended_size;;) {
    if (position + chunk_head > end) return "An animation without a frame";
    if (position + chunk_head > count) return NULL;
    const uint8_t *chunk = bytes + position;
    size_t size = number(chunk + 4, 4), content = position + chunk_head;
    if (size > end - content) return "A chunk that is larger than the file";
    if (has_pixels(chunk)) return "An animation whose pixels are in no frame";
    if (is(chunk, "ANMF"))
      return read_frame(chunk + chunk_head, count - content, size, canvas_width, canvas_height, frame);
    position = content + size + size % 2;
  }
}
