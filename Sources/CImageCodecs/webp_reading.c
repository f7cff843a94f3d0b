// SPDX-License-Identifier: Apache-2.0

#include "CImageCodecs.h"
#include "webp_frame.h"

#include <stdio.h>
#include <string.h>

#include <webp/decode.h>

static cimage_status fail(cimage_report *report, cimage_status status, const char *message) {
  report->status = status;
  snprintf(report->message, sizeof report->message, "%s", message);
  return status;
}

static cimage_status fail_with_code(cimage_report *report, VP8StatusCode code) {
  switch (code) {
  case VP8_STATUS_OK:
    return CIMAGE_OK;
  case VP8_STATUS_OUT_OF_MEMORY:
    return fail(report, CIMAGE_OUT_OF_MEMORY, "Out of memory");
  case VP8_STATUS_SUSPENDED:
  case VP8_STATUS_NOT_ENOUGH_DATA:
    return fail(report, CIMAGE_TRUNCATED, "Not enough data");
  case VP8_STATUS_UNSUPPORTED_FEATURE:
    return fail(report, CIMAGE_UNSUPPORTED, "Unsupported feature");
  default:
    return fail(report, CIMAGE_CORRUPT, "Bitstream error");
  }
}

// How much libwebp allocates for a picture, according to its source. For a lossy picture it allocates a few rows of
// macroblocks, and a plane of alpha; for a lossless picture, all pixels. Alpha is decoded as lossless data, with one or
// four bytes a pixel.
static uint64_t working_bytes(const WebPBitstreamFeatures *features) {
  uint64_t width = (uint64_t)features->width, pixels = width * (uint64_t)features->height;
  if (features->format == 2) return 4 * pixels + 128 * width;
  return 256 * width + 65536 + (features->has_alpha ? 2 * pixels : 0);
}

// Changes the canvas's features to those of the frame. If the frame's head is not there yet, the features stay those of
// the canvas, with alpha.
static cimage_status inspect_frame(const struct webp_frame *frame, WebPBitstreamFeatures *features, bool *headed,
                                   cimage_report *report) {
  *headed = false;
  features->has_alpha = 1;
  if (frame->bytes == NULL) return CIMAGE_OK;
  if (!frame->pixels.headed) return CIMAGE_OK;
  WebPBitstreamFeatures own;
  VP8StatusCode code = WebPGetFeatures(frame->bytes, frame->pixels.count, &own);
  if (code != VP8_STATUS_OK) return fail_with_code(report, code);
  if ((uint32_t)own.width != frame->width || (uint32_t)own.height != frame->height)
    return fail(report, CIMAGE_CORRUPT, "The first frame is not of the size that it announces");
  *features = own;
  *headed = true;
  return CIMAGE_OK;
}

static bool covers_canvas(const struct webp_frame *frame, uint32_t width, uint32_t height) {
  return frame->width == width && frame->height == height;
}

cimage_status cimage_webp_inspect(const void *bytes, size_t count, cimage_webp_info *info, cimage_report *report) {
  memset(report, 0, sizeof *report);
  memset(info, 0, sizeof *info);
  struct webp_pixels pixels;
  const char *fault = webp_pixels_find(bytes, count, &pixels);
  if (fault != NULL) return fail(report, CIMAGE_CORRUPT, fault);
  WebPBitstreamFeatures features;
  VP8StatusCode code = WebPGetFeatures(bytes, pixels.count, &features);
  if (code != VP8_STATUS_OK) return fail_with_code(report, code);
  info->width = (uint32_t)features.width;
  info->height = (uint32_t)features.height;
  info->animated = features.has_animation != 0;
  info->headed = pixels.headed;
  if (info->animated) {
    struct webp_frame frame;
    fault = webp_frame_find(bytes, count, info->width, info->height, &frame);
    if (fault != NULL) return fail(report, CIMAGE_CORRUPT, fault);
    if (inspect_frame(&frame, &features, &info->headed, report) != CIMAGE_OK) return report->status;
    info->partial = info->headed && !covers_canvas(&frame, info->width, info->height);
  }
  info->alpha = features.has_alpha != 0 || info->partial;
  info->lossless = features.format == 2;
  info->working_bytes = info->animated && !info->headed ? 0 : working_bytes(&features);
  return CIMAGE_OK;
}

// The size of a piece: a kilobyte for a usual file, and a 64th of a large file. If pieces of this size would have more
// than 2^18 pixels on average, they are smaller, but each has at least 2^16 pixels on average. Much smaller pieces
// would cost time, because libwebp reads the head of lossless data again for each piece.
static size_t piece_bytes(size_t count, uint64_t pixels) {
  uint64_t pieces = pixels >> 18 > 64 ? pixels >> 18 : 64;
  uint64_t least = (uint64_t)count * 65536 / pixels;
  if (least > 1024) least = 1024;
  uint64_t step = count / pieces > least ? count / pieces : least;
  return step > 0 ? (size_t)step : 1;
}

// Decodes piece by piece, and asks the watch before each piece, because libwebp cannot be stopped otherwise. If most
// pixels of a file need no data, one piece can hold nearly all pixels, so the watch is asked once more at the end.
static cimage_status decode_pieces(const uint8_t *bytes, struct webp_pixels pixels, WebPDecoderConfig *config,
                                   cimage_watch watch, cimage_report *report) {
  size_t count = pixels.count;
  WebPIDecoder *decoder = WebPIDecode(NULL, 0, config);
  if (decoder == NULL) return fail(report, CIMAGE_OUT_OF_MEMORY, "Out of memory");
  size_t step = piece_bytes(count, (uint64_t)config->input.width * (uint64_t)config->input.height);
  VP8StatusCode code = VP8_STATUS_SUSPENDED;
  cimage_status answer = CIMAGE_OK;
  for (size_t known = 0; known < count && code == VP8_STATUS_SUSPENDED;) {
    answer = cimage_watch_ask(watch);
    if (answer != CIMAGE_OK) break;
    known = count - known < step ? count : known + step;
    code = WebPIUpdate(decoder, bytes, known);
  }
  WebPIDelete(decoder);
  if (code == VP8_STATUS_OK) answer = cimage_watch_ask(watch);
  if (answer != CIMAGE_OK) return fail(report, answer, "Stopped by the caller");
  if (pixels.whole && (code == VP8_STATUS_SUSPENDED || code == VP8_STATUS_NOT_ENOUGH_DATA))
    return fail(report, CIMAGE_CORRUPT, "The chunk of the pixels ends before they do");
  return fail_with_code(report, code);
}

// Makes the canvas around the frame transparent.
static cimage_status clear_around(const struct webp_frame *frame, cimage_rows rows, cimage_watch watch,
                                  cimage_report *report) {
  size_t pixel = (size_t)rows.layout, left = frame->x * pixel, end = ((size_t)frame->x + frame->width) * pixel;
  for (uint32_t y = 0; y < rows.height; y++) {
    cimage_status answer = y % 16 == 0 ? cimage_watch_ask(watch) : CIMAGE_OK;
    if (answer != CIMAGE_OK) return fail(report, answer, "Stopped by the caller");
    uint8_t *row = (uint8_t *)rows.base + y * rows.bytes_per_row;
    bool beside = y >= frame->y && y - frame->y < frame->height;
    memset(row, 0, beside ? left : rows.width * pixel);
    if (beside) memset(row + end, 0, rows.width * pixel - end);
  }
  return CIMAGE_OK;
}

// Lossless data without alpha can have transparent pixels: if a colour is not in the palette, all its channels are 0.
static void make_opaque(cimage_rows rows) {
  for (uint32_t y = 0; y < rows.height; y++) {
    uint8_t *row = (uint8_t *)rows.base + y * rows.bytes_per_row;
    for (uint32_t x = 0; x < rows.width; x++) row[4 * (size_t)x + 3] = 255;
  }
}

cimage_status cimage_webp_decode(const void *bytes, size_t count, cimage_watch watch, cimage_rows rows,
                                 cimage_report *report) {
  memset(report, 0, sizeof *report);
  WebPDecoderConfig config;
  if (!WebPInitDecoderConfig(&config)) return fail(report, CIMAGE_MISUSE, "Another version of libwebp");
  struct webp_pixels pixels;
  const char *fault = webp_pixels_find(bytes, count, &pixels);
  if (fault != NULL) return fail(report, CIMAGE_CORRUPT, fault);
  VP8StatusCode code = WebPGetFeatures(bytes, pixels.count, &config.input);
  if (code != VP8_STATUS_OK) return fail_with_code(report, code);
  if (config.input.has_animation) {
    uint32_t width = (uint32_t)config.input.width, height = (uint32_t)config.input.height;
    struct webp_frame frame;
    fault = webp_frame_find(bytes, count, width, height, &frame);
    if (fault != NULL) return fail(report, CIMAGE_CORRUPT, fault);
    bool headed;
    if (inspect_frame(&frame, &config.input, &headed, report) != CIMAGE_OK) return report->status;
    if (!headed) return fail(report, CIMAGE_TRUNCATED, "The first frame is not there");
    bytes = frame.bytes;
    pixels = frame.pixels;
    if (!covers_canvas(&frame, width, height)) {
      if (rows.width != width || rows.height != height || rows.layout != CIMAGE_RGBA8)
        return fail(report, CIMAGE_MISUSE, "The rows given do not fit the picture");
      if (clear_around(&frame, rows, watch, report) != CIMAGE_OK) return report->status;
      rows.base = (uint8_t *)rows.base + frame.y * rows.bytes_per_row + frame.x * (size_t)rows.layout;
      rows.width = frame.width;
      rows.height = frame.height;
    }
  }
  size_t row_bytes = (size_t)rows.width * (size_t)rows.layout;
  // With only one row, the distance to the next row is not used, so it may be too large for libwebp.
  size_t stride = rows.height == 1 ? row_bytes : rows.bytes_per_row;
  if (rows.layout == CIMAGE_GRAY8 || rows.width > WEBP_SIDE_LIMIT || rows.height > WEBP_SIDE_LIMIT ||
      rows.bytes_per_row / (size_t)rows.layout < rows.width || stride > INT32_MAX)
    return fail(report, CIMAGE_MISUSE, "The rows given do not fit the picture");
  config.output.colorspace = rows.layout == CIMAGE_RGBA8 ? MODE_RGBA : MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = rows.base;
  config.output.u.RGBA.stride = (int)stride;
  // The memory may end with the last row's pixels, without that row's padding.
  config.output.u.RGBA.size = stride * (rows.height - 1) + row_bytes;
  if (rows.width != (uint32_t)config.input.width || rows.height != (uint32_t)config.input.height) {
    config.options.use_scaling = 1;
    config.options.scaled_width = (int)rows.width;
    config.options.scaled_height = (int)rows.height;
  }
  if (decode_pieces(bytes, pixels, &config, watch, report) != CIMAGE_OK) return report->status;
  if (rows.layout == CIMAGE_RGBA8 && !config.input.has_alpha && config.input.format == 2) make_opaque(rows);
  return CIMAGE_OK;
}
