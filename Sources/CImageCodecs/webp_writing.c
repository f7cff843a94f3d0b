// SPDX-License-Identifier: Apache-2.0

#include "CImageCodecs.h"

#include <stdio.h>
#include <string.h>

#include <webp/encode.h>

enum { riff_size = 12, extended_size = 18, chunk_head = 8 };

// Collects libwebp's output in the caller's memory, and keeps room for our own chunks ahead of it.
struct webp_writer {
  uint8_t *start;
  size_t capacity;
  size_t room;     // the size of our own chunks behind the RIFF header
  size_t position; // where the next bytes go in the finished file; beyond `capacity` if they do not fit
  // The first bytes of libwebp's file, kept here until there are enough to see whether they have an extended header.
  uint8_t head[riff_size + extended_size];
  size_t head_count;
  bool is_head_done;
  cimage_watch watch;
  cimage_status answer;
};

// Bytes that do not fit are only counted, so that one retry is enough.
static void put(struct webp_writer *writer, const uint8_t *bytes, size_t count) {
  if (writer->position < writer->capacity) {
    size_t left = writer->capacity - writer->position;
    memcpy(writer->start + writer->position, bytes, count < left ? count : left);
  }
  writer->position += count;
}

static bool has_extended_header(const struct webp_writer *writer) {
  return writer->head_count == sizeof writer->head && memcmp(writer->head + riff_size, "VP8X", 4) == 0;
}

// Writes the kept bytes behind the RIFF header and our chunks. If libwebp made an extended header, ours replaces it.
static void finish_head(struct webp_writer *writer) {
  if (writer->is_head_done || writer->head_count < riff_size) return;
  writer->is_head_done = true;
  writer->position = riff_size + writer->room;
  if (writer->room == 0 || !has_extended_header(writer))
    put(writer, writer->head + riff_size, writer->head_count - riff_size);
}

static int write_bytes(const uint8_t *bytes, size_t count, const WebPPicture *picture) {
  struct webp_writer *writer = picture->custom_ptr;
  size_t left = sizeof writer->head - writer->head_count;
  size_t kept = count < left ? count : left;
  memcpy(writer->head + writer->head_count, bytes, kept);
  writer->head_count += kept;
  if (writer->head_count == sizeof writer->head) finish_head(writer);
  if (count > kept) put(writer, bytes + kept, count - kept);
  return 1;
}

static int may_go_on(int percent, const WebPPicture *picture) {
  (void)percent;
  struct webp_writer *writer = picture->user_data;
  if (writer->answer == CIMAGE_OK) writer->answer = cimage_watch_ask(writer->watch);
  return writer->answer == CIMAGE_OK;
}

static void put_number(uint8_t *target, uint32_t value, int count) {
  for (int i = 0; i < count; i++) target[i] = (uint8_t)(value >> (8 * i));
}

// The size of the ICC chunk and of the extended header that must announce it; 0 if there is no profile.
static size_t room_for_profile(cimage_profile profile) {
  return profile.count == 0 ? 0 : extended_size + chunk_head + profile.count + profile.count % 2;
}

// Writes the RIFF header, our extended header and the ICC chunk, ahead of the chunks that libwebp wrote.
static void put_profile(const struct webp_writer *writer, cimage_profile profile, cimage_rows rows) {
  uint8_t *start = writer->start;
  const uint8_t *chunks = writer->head + riff_size;
  uint8_t flags = 0;
  if (has_extended_header(writer)) {
    flags = chunks[chunk_head];
  } else if (memcmp(chunks, "VP8L", 4) == 0 && (chunks[chunk_head + 4] & 0x10) != 0) {
    flags = 0x10; // alpha
  }
  memcpy(start, "RIFF", 4);
  put_number(start + 4, (uint32_t)(writer->position - 8), 4);
  memcpy(start + 8, "WEBPVP8X", 8);
  put_number(start + 16, 10, 4);
  put_number(start + 20, flags | 0x20u, 4); // ICC
  put_number(start + 24, rows.width - 1, 3);
  put_number(start + 27, rows.height - 1, 3);
  memcpy(start + 30, "ICCP", 4);
  put_number(start + 34, (uint32_t)profile.count, 4);
  memcpy(start + 38, profile.bytes, profile.count);
  if (profile.count % 2 != 0) start[38 + profile.count] = 0;
}

static cimage_status fail(cimage_report *report, cimage_status status, const char *message) {
  report->status = status;
  snprintf(report->message, sizeof report->message, "%s", message);
  return status;
}

cimage_status cimage_webp_encode(cimage_rows rows, float quality, bool lossless, cimage_profile profile,
                                 cimage_watch watch, void *destination, size_t capacity, size_t *needed_bytes,
                                 cimage_report *report) {
  memset(report, 0, sizeof *report);
  *needed_bytes = 0;
  WebPConfig config;
  WebPPicture picture;
  if (!WebPConfigInit(&config) || !WebPPictureInit(&picture))
    return fail(report, CIMAGE_MISUSE, "Another version of libwebp");
  if (rows.width > WEBP_SIDE_LIMIT || rows.height > WEBP_SIDE_LIMIT)
    return fail(report, CIMAGE_DIMENSIONS, "A side is beyond 16,383");
  // With only one row, the distance to the next row is not used, so it may be too large for libwebp.
  size_t stride = rows.height == 1 ? (size_t)rows.width * (size_t)rows.layout : rows.bytes_per_row;
  if (rows.layout == CIMAGE_GRAY8 || rows.bytes_per_row / (size_t)rows.layout < rows.width || stride > INT32_MAX)
    return fail(report, CIMAGE_MISUSE, "The rows given do not fit the picture");
  struct webp_writer writer = {
      .start = destination, .capacity = capacity, .room = room_for_profile(profile), .watch = watch};
  config.quality = quality;
  config.lossless = lossless;
  config.exact = lossless; // keeps the colours of transparent pixels, too
  picture.use_argb = lossless;
  picture.width = (int)rows.width;
  picture.height = (int)rows.height;
  picture.writer = write_bytes;
  picture.custom_ptr = &writer;
  picture.progress_hook = may_go_on;
  picture.user_data = &writer;
  int imported = rows.layout == CIMAGE_RGBA8 ? WebPPictureImportRGBA(&picture, rows.base, (int)stride)
                                             : WebPPictureImportRGB(&picture, rows.base, (int)stride);
  int encoded = imported && may_go_on(0, &picture) && WebPEncode(&config, &picture);
  WebPEncodingError code = picture.error_code;
  WebPPictureFree(&picture);
  finish_head(&writer);
  *needed_bytes = writer.position;
  if (writer.answer != CIMAGE_OK) return fail(report, writer.answer, "Stopped by the caller");
  if (!encoded) {
    bool memory = !imported || code == VP8_ENC_ERROR_OUT_OF_MEMORY || code == VP8_ENC_ERROR_BITSTREAM_OUT_OF_MEMORY;
    return memory ? fail(report, CIMAGE_OUT_OF_MEMORY, "Out of memory")
                  : fail(report, CIMAGE_MISUSE, "The encoder refused the picture");
  }
  if (*needed_bytes > capacity) return fail(report, CIMAGE_OUTPUT_FULL, "The encoded picture does not fit");
  if (writer.room > 0)
    put_profile(&writer, profile, rows);
  else
    memcpy(writer.start, writer.head, riff_size);
  return CIMAGE_OK;
}
