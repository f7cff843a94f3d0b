#include "CImageCodecs.h"

#include <stdio.h>
#include <string.h>

#include <webp/encode.h>

struct webp_writer {
  uint8_t *start;
  size_t capacity;
  size_t byte_count; // of all that libwebp wrote, whether it fitted or not
  cimage_watch watch;
  cimage_status answer;
};

// What does not fit is only counted, so that one retry is enough.
static int write_bytes(const uint8_t *bytes, size_t count, const WebPPicture *picture) {
  struct webp_writer *writer = picture->custom_ptr;
  if (writer->byte_count < writer->capacity) {
    size_t room = writer->capacity - writer->byte_count;
    memcpy(writer->start + writer->byte_count, bytes, count < room ? count : room);
  }
  writer->byte_count += count;
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

enum { riff_size = 12, extended_size = 18, chunk_head = 8 };

// What an ICC chunk takes ahead of libwebp's file, with the extended header that must announce it.
static size_t room_for_profile(cimage_profile profile) {
  return profile.count == 0 ? 0 : extended_size + chunk_head + profile.count + profile.count % 2;
}

// libwebp's file starts `room` bytes behind `start`: gives it an extended header of ours and the ICC chunk. Returns the
// size of the whole.
static size_t add_profile(uint8_t *start, size_t room, size_t count, cimage_profile profile, cimage_rows rows) {
  uint8_t *chunks = start + room + riff_size;
  size_t left = count - riff_size;
  uint8_t flags = 0;
  if (memcmp(chunks, "VP8X", 4) == 0) {
    flags = chunks[chunk_head];
    left -= extended_size;
    memmove(chunks, chunks + extended_size, left);
  } else if (memcmp(chunks, "VP8L", 4) == 0 && (chunks[chunk_head + 4] & 0x10) != 0) {
    flags = 0x10; // alpha
  }
  size_t total = riff_size + room + left;
  memcpy(start, "RIFF", 4);
  put_number(start + 4, (uint32_t)(total - 8), 4);
  memcpy(start + 8, "WEBPVP8X", 8);
  put_number(start + 16, 10, 4);
  put_number(start + 20, flags | 0x20u, 4); // ICC
  put_number(start + 24, rows.width - 1, 3);
  put_number(start + 27, rows.height - 1, 3);
  memcpy(start + 30, "ICCP", 4);
  put_number(start + 34, (uint32_t)profile.count, 4);
  memcpy(start + 38, profile.bytes, profile.count);
  if (profile.count % 2 != 0) start[38 + profile.count] = 0;
  return total;
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
  if (rows.layout == CIMAGE_GRAY8 || rows.bytes_per_row / (size_t)rows.layout < rows.width ||
      rows.bytes_per_row > INT32_MAX)
    return fail(report, CIMAGE_MISUSE, "The rows given do not fit the picture");
  size_t room = room_for_profile(profile);
  struct webp_writer writer = {.watch = watch};
  if (capacity > room) {
    writer.start = (uint8_t *)destination + room;
    writer.capacity = capacity - room;
  }
  config.quality = quality;
  config.lossless = lossless;
  config.exact = lossless; // colours of transparent pixels, too
  picture.use_argb = lossless;
  picture.width = (int)rows.width;
  picture.height = (int)rows.height;
  picture.writer = write_bytes;
  picture.custom_ptr = &writer;
  picture.progress_hook = may_go_on;
  picture.user_data = &writer;
  int imported = rows.layout == CIMAGE_RGBA8 ? WebPPictureImportRGBA(&picture, rows.base, (int)rows.bytes_per_row)
                                             : WebPPictureImportRGB(&picture, rows.base, (int)rows.bytes_per_row);
  int encoded = imported && may_go_on(0, &picture) && WebPEncode(&config, &picture);
  WebPEncodingError code = picture.error_code;
  WebPPictureFree(&picture);
  *needed_bytes = writer.byte_count + room;
  if (writer.answer != CIMAGE_OK) return fail(report, writer.answer, "Stopped by the caller");
  if (!encoded) {
    bool memory = !imported || code == VP8_ENC_ERROR_OUT_OF_MEMORY || code == VP8_ENC_ERROR_BITSTREAM_OUT_OF_MEMORY;
    return memory ? fail(report, CIMAGE_OUT_OF_MEMORY, "Out of memory")
                  : fail(report, CIMAGE_MISUSE, "The encoder refused the picture");
  }
  if (*needed_bytes > capacity) return fail(report, CIMAGE_OUTPUT_FULL, "The encoded picture does not fit");
  if (room > 0) *needed_bytes = add_profile(destination, room, writer.byte_count, profile, rows);
  return CIMAGE_OK;
}
