#include "CImageCodecs.h"

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

// What libwebp allocates for a picture, from reading its source: of lossy ones a few rows of macroblocks, and a plane of
// alpha; of lossless ones all pixels. Alpha is itself lossless data, decoded from a byte or four a pixel.
static uint64_t working_bytes(const WebPBitstreamFeatures *features) {
  uint64_t width = (uint64_t)features->width, pixels = width * (uint64_t)features->height;
  if (features->format == 2) return 4 * pixels + 128 * width;
  return 256 * width + 65536 + (features->has_alpha ? 2 * pixels : 0);
}

cimage_status cimage_webp_inspect(const void *bytes, size_t count, cimage_webp_info *info, cimage_report *report) {
  memset(report, 0, sizeof *report);
  memset(info, 0, sizeof *info);
  WebPBitstreamFeatures features;
  VP8StatusCode code = WebPGetFeatures(bytes, count, &features);
  if (code != VP8_STATUS_OK) return fail_with_code(report, code);
  info->width = (uint32_t)features.width;
  info->height = (uint32_t)features.height;
  info->alpha = features.has_alpha != 0;
  info->animated = features.has_animation != 0;
  info->lossless = features.format == 2;
  info->working_bytes = working_bytes(&features);
  return CIMAGE_OK;
}

cimage_status cimage_webp_decode(const void *bytes, size_t count, cimage_watch watch, cimage_rows rows,
                                 cimage_report *report) {
  memset(report, 0, sizeof *report);
  WebPDecoderConfig config;
  if (!WebPInitDecoderConfig(&config)) return fail(report, CIMAGE_MISUSE, "Another version of libwebp");
  VP8StatusCode code = WebPGetFeatures(bytes, count, &config.input);
  if (code != VP8_STATUS_OK) return fail_with_code(report, code);
  if (config.input.has_animation) return fail(report, CIMAGE_UNSUPPORTED, "An animation");
  if (rows.layout == CIMAGE_GRAY8 || rows.width > WEBP_SIDE_LIMIT || rows.height > WEBP_SIDE_LIMIT ||
      rows.bytes_per_row / (size_t)rows.layout < rows.width || rows.bytes_per_row > INT32_MAX)
    return fail(report, CIMAGE_MISUSE, "The rows given do not fit the picture");
  config.output.colorspace = rows.layout == CIMAGE_RGBA8 ? MODE_RGBA : MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = rows.base;
  config.output.u.RGBA.stride = (int)rows.bytes_per_row;
  // The last row may end where its pixels do.
  config.output.u.RGBA.size = rows.bytes_per_row * (rows.height - 1) + (size_t)rows.width * (size_t)rows.layout;
  if (rows.width != (uint32_t)config.input.width || rows.height != (uint32_t)config.input.height) {
    config.options.use_scaling = 1;
    config.options.scaled_width = (int)rows.width;
    config.options.scaled_height = (int)rows.height;
  }
  // Bit by bit, since libwebp has no way to be stopped in between.
  WebPIDecoder *decoder = WebPIDecode(NULL, 0, &config);
  if (decoder == NULL) return fail(report, CIMAGE_OUT_OF_MEMORY, "Out of memory");
  size_t step = count / 64 < 1024 ? 1024 : count / 64;
  code = VP8_STATUS_SUSPENDED;
  cimage_status answer = CIMAGE_OK;
  for (size_t known = 0; known < count && code == VP8_STATUS_SUSPENDED;) {
    answer = cimage_watch_ask(watch);
    if (answer != CIMAGE_OK) break;
    known = count - known < step ? count : known + step;
    code = WebPIUpdate(decoder, bytes, known);
  }
  WebPIDelete(decoder);
  if (answer != CIMAGE_OK) return fail(report, answer, "Stopped by the caller");
  return fail_with_code(report, code);
}
