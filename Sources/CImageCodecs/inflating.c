#include "CImageCodecs.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <zlib.h>

cimage_status cimage_inflate(const void *bytes, size_t count, void *destination, size_t capacity, size_t *byte_count,
                             cimage_report *report) {
  memset(report, 0, sizeof *report);
  *byte_count = 0;
  z_stream stream;
  memset(&stream, 0, sizeof stream);
  cimage_status status = CIMAGE_OK;
  if (count > UINT_MAX || capacity > UINT_MAX)
    status = CIMAGE_MISUSE;
  else if (inflateInit(&stream) != Z_OK)
    status = CIMAGE_OUT_OF_MEMORY;
  else {
    stream.next_in = (Bytef *)bytes;
    stream.avail_in = (uInt)count;
    stream.next_out = destination;
    stream.avail_out = (uInt)capacity;
    int code = inflate(&stream, Z_FINISH);
    *byte_count = capacity - stream.avail_out;
    if (code != Z_STREAM_END)
      status = code == Z_MEM_ERROR                             ? CIMAGE_OUT_OF_MEMORY
               : code == Z_BUF_ERROR && stream.avail_out == 0 ? CIMAGE_OUTPUT_FULL
               : code == Z_BUF_ERROR                          ? CIMAGE_TRUNCATED
                                                              : CIMAGE_CORRUPT;
    inflateEnd(&stream);
  }
  report->status = status;
  if (status != CIMAGE_OK) snprintf(report->message, sizeof report->message, "%s", "The compressed data is damaged");
  return status;
}
