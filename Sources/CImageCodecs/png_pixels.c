// SPDX-License-Identifier: Apache-2.0

#include "png_pixels.h"

#include <string.h>

enum { CHUNK_HEAD = 8, CHECKSUM = 4, BLOCK_BYTES = 65535, SURPLUS_BYTES = 1 << 16 };

static const uint8_t data_name[] = {'I', 'D', 'A', 'T'};

cimage_status png_source_count(struct png_source *source, size_t count) {
  source->unasked += count;
  if (source->unasked < PNG_PACE_BYTES) return CIMAGE_OK;
  source->unasked = 0;
  return cimage_watch_ask(source->watch);
}

static cimage_status fail(struct png_pixels *pixels, cimage_status status, const char *message) {
  pixels->message = message;
  return status;
}

static cimage_status fail_checksum(struct png_pixels *pixels, const char *message) {
  pixels->is_checksum_wrong = true;
  return fail(pixels, CIMAGE_CORRUPT, message);
}

static uint32_t number(const uint8_t *bytes) {
  return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void put(struct png_pixels *pixels, const uint8_t *bytes, size_t count) {
  memcpy(pixels->literal + pixels->literal_count, bytes, count);
  pixels->literal_count += count;
}

static void put_number(struct png_pixels *pixels, uint32_t value) {
  uint8_t bytes[] = {value >> 24, value >> 16 & 255, value >> 8 & 255, value & 255};
  put(pixels, bytes, sizeof bytes);
}

// Makes the beginning of a chunk for libpng, up to the pixels. Each chunk has one block. The first chunk begins with
// zlib's header, and the last chunk ends with the checksum of the data.
static void put_block(struct png_pixels *pixels, bool is_first) {
  uint8_t last = pixels->raw_left <= BLOCK_BYTES;
  uint16_t count = (uint16_t)(last ? pixels->raw_left : BLOCK_BYTES), inverse = (uint16_t)~count;
  put_number(pixels, (is_first ? 2 : 0) + 5 + (uint32_t)count + (last ? CHECKSUM : 0));
  put(pixels, data_name, sizeof data_name);
  static const uint8_t zlib_header[] = {0x78, 0x01};
  if (is_first) put(pixels, zlib_header, sizeof zlib_header);
  uint8_t block[] = {last, count & 255, count >> 8, inverse & 255, inverse >> 8};
  put(pixels, block, sizeof block);
  pixels->block_left = count;
}

// Ends a chunk. Its checksum is 0, and libpng is told to ignore it: the checksums of the file are checked in this file.
static void put_end_of_block(struct png_pixels *pixels) {
  pixels->literal_count = pixels->literal_next = 0;
  if (pixels->raw_left == 0) put_number(pixels, (uint32_t)pixels->stream.adler);
  put_number(pixels, 0);
  if (pixels->raw_left > 0) put_block(pixels, false);
}

static cimage_status open_chunk(struct png_pixels *pixels, const uint8_t *head) {
  pixels->chunk_left = number(head);
  if (pixels->chunk_left > INT32_MAX) return fail(pixels, CIMAGE_CORRUPT, "IDAT: a length that no chunk has");
  pixels->chunk_checksum = cimage_checksum(0, data_name, sizeof data_name);
  return CIMAGE_OK;
}

cimage_status png_pixels_begin(struct png_pixels *pixels, struct png_source *source, uint8_t head[8],
                               uint64_t raw_count) {
  pixels->source = source;
  cimage_status status = open_chunk(pixels, head);
  if (status != CIMAGE_OK) return status;
  if (inflateInit(&pixels->stream) != Z_OK) return fail(pixels, CIMAGE_OUT_OF_MEMORY, "Out of memory");
  pixels->has_begun = true;
  pixels->raw_left = raw_count;
  put_block(pixels, true);
  memcpy(head, pixels->literal, CHUNK_HEAD);
  pixels->literal_next = CHUNK_HEAD;
  return CIMAGE_OK;
}

bool png_pixels_has_more(const struct png_pixels *pixels) {
  return pixels->literal_next < pixels->literal_count || pixels->block_left > 0;
}

// Reads the checksum behind a chunk's content, and the head of the next chunk. Sets `*is_over` if that chunk has no
// pixels.
static cimage_status next_chunk(struct png_pixels *pixels, bool *is_over) {
  struct png_source *source = pixels->source;
  if (source->left < CHECKSUM) return fail(pixels, CIMAGE_TRUNCATED, "Premature end of data");
  if (number(source->next) != pixels->chunk_checksum) return fail_checksum(pixels, "IDAT: CRC error");
  if (source->left < CHECKSUM + CHUNK_HEAD) return fail(pixels, CIMAGE_TRUNCATED, "Premature end of data");
  const uint8_t *head = source->next + CHECKSUM;
  *is_over = memcmp(head + 4, data_name, sizeof data_name) != 0;
  size_t count = CHECKSUM + (*is_over ? 0 : CHUNK_HEAD);
  source->next += count;
  source->left -= count;
  if (*is_over) return CIMAGE_OK;
  cimage_status status = png_source_count(source, count);
  return status != CIMAGE_OK ? fail(pixels, status, "Stopped by the caller") : open_chunk(pixels, head);
}

// Gives zlib the next bytes if it has none. Sets `*is_over` if there are no more.
static cimage_status feed(struct png_pixels *pixels, bool *is_over) {
  struct png_source *source = pixels->source;
  *is_over = false;
  if (pixels->stream.avail_in > 0) return CIMAGE_OK;
  while (pixels->chunk_left == 0) {
    cimage_status status = next_chunk(pixels, is_over);
    if (status != CIMAGE_OK || *is_over) return status;
  }
  size_t count = pixels->chunk_left < PNG_PACE_BYTES ? pixels->chunk_left : PNG_PACE_BYTES;
  if (count > source->left) count = source->left;
  if (count == 0) return fail(pixels, CIMAGE_TRUNCATED, "Premature end of data");
  cimage_status status = png_source_count(source, count);
  if (status != CIMAGE_OK) return fail(pixels, status, "Stopped by the caller");
  pixels->stream.next_in = (Bytef *)source->next;
  pixels->stream.avail_in = (uInt)count;
  pixels->chunk_checksum = cimage_checksum(pixels->chunk_checksum, source->next, count);
  pixels->chunk_left -= count;
  source->next += count;
  source->left -= count;
  return CIMAGE_OK;
}

// Makes at most `*count` bytes. When zlib makes the last of them, it may already see an error in the bytes that follow.
// This error is kept for the next step.
static cimage_status inflate_some(struct png_pixels *pixels, uint8_t *destination, size_t *count) {
  bool is_over = false;
  cimage_status status = pixels->has_failed ? CIMAGE_OK : feed(pixels, &is_over);
  if (status != CIMAGE_OK) return status;
  if (is_over) return fail(pixels, CIMAGE_CORRUPT, "Not enough image data");
  size_t wanted = *count;
  pixels->stream.next_out = destination;
  pixels->stream.avail_out = (uInt)wanted;
  uInt given = pixels->stream.avail_in;
  int code = inflate(&pixels->stream, Z_NO_FLUSH);
  *count = wanted - pixels->stream.avail_out;
  if (code == Z_STREAM_END) pixels->has_ended = true;
  if (code == Z_OK || code == Z_STREAM_END) return CIMAGE_OK;
  if (code == Z_BUF_ERROR && pixels->stream.avail_in < given) return CIMAGE_OK;
  pixels->has_failed = true;
  if (*count == wanted) return CIMAGE_OK;
  if (code == Z_MEM_ERROR) return fail(pixels, CIMAGE_OUT_OF_MEMORY, "Out of memory");
  const char *message = pixels->stream.msg == NULL ? "IDAT: the compressed data is damaged" : pixels->stream.msg;
  if (strcmp(message, "incorrect data check") == 0) return fail_checksum(pixels, "IDAT: incorrect data check");
  return fail(pixels, CIMAGE_CORRUPT, message);
}

cimage_status png_pixels_take(struct png_pixels *pixels, uint8_t *destination, size_t count) {
  while (count > 0) {
    size_t some = pixels->literal_count - pixels->literal_next;
    if (some > 0) {
      if (some > count) some = count;
      memcpy(destination, pixels->literal + pixels->literal_next, some);
      pixels->literal_next += some;
    } else if (pixels->block_left == 0) {
      return fail(pixels, CIMAGE_CORRUPT, "Not enough image data");
    } else {
      some = count < pixels->block_left ? count : pixels->block_left;
      if (pixels->has_ended) return fail(pixels, CIMAGE_CORRUPT, "Not enough image data");
      cimage_status status = inflate_some(pixels, destination, &some);
      if (status != CIMAGE_OK) return status;
      pixels->raw_left -= some;
      pixels->block_left -= some;
      if (pixels->block_left == 0) put_end_of_block(pixels);
    }
    destination += some;
    count -= some;
  }
  return CIMAGE_OK;
}

cimage_status png_pixels_finish(struct png_pixels *pixels) {
  const char *oddity = NULL;
  for (size_t surplus = 0; !pixels->has_ended;) {
    uint8_t discarded[4096];
    size_t count = sizeof discarded;
    uLong before = pixels->stream.total_in;
    cimage_status status = inflate_some(pixels, discarded, &count);
    if (status != CIMAGE_OK) return status;
    surplus += pixels->stream.total_in - before;
    if (count > 0) oddity = "Too much image data";
    // A little too much data is harmless. Much more is damage, or was made to cost time.
    if (surplus > SURPLUS_BYTES) return fail_checksum(pixels, "Too much image data");
  }
  for (bool is_over = false; !is_over;) {
    if (pixels->stream.avail_in > 0 && oddity == NULL) oddity = "Extra compressed data";
    pixels->stream.avail_in = 0;
    cimage_status status = feed(pixels, &is_over);
    if (status != CIMAGE_OK) return status;
  }
  pixels->message = oddity;
  return CIMAGE_OK;
}

void png_pixels_end(struct png_pixels *pixels) {
  if (pixels->has_begun) inflateEnd(&pixels->stream);
}
