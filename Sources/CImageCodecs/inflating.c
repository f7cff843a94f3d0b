#include "CImageCodecs.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <zlib.h>

static cimage_status status_of(int code, bool is_full) {
  switch (code) {
  case Z_STREAM_END:
    return CIMAGE_OK;
  case Z_MEM_ERROR:
    return CIMAGE_OUT_OF_MEMORY;
  case Z_OK:
  case Z_BUF_ERROR:
    return is_full ? CIMAGE_OUTPUT_FULL : CIMAGE_TRUNCATED;
  default:
    return CIMAGE_CORRUPT;
  }
}

cimage_status cimage_inflate(const void *bytes, size_t count, void *destination, size_t capacity, size_t *byte_count,
                             cimage_report *report) {
  memset(report, 0, sizeof *report);
  *byte_count = 0;
  unsigned char discarded[16384];
  z_stream stream;
  memset(&stream, 0, sizeof stream);
  // zlib counts in 32 bits: what goes in and what comes out is given in pieces.
  stream.next_in = (Bytef *)bytes;
  size_t left = count;
  int code = inflateInit(&stream);
  while (code == Z_OK) {
    if (stream.avail_in == 0 && left > 0) {
      stream.avail_in = left > UINT_MAX ? UINT_MAX : (uInt)left;
      left -= stream.avail_in;
    }
    size_t room = capacity - *byte_count;
    size_t most = destination == NULL ? sizeof discarded : UINT_MAX;
    uInt piece = (uInt)(room < most ? room : most);
    // Of a full destination one byte more, to tell an end from too much.
    stream.next_out = destination == NULL || piece == 0 ? discarded : (unsigned char *)destination + *byte_count;
    stream.avail_out = piece == 0 ? 1 : piece;
    uInt given = stream.avail_out;
    code = inflate(&stream, Z_NO_FLUSH);
    size_t made = given - stream.avail_out;
    if (piece == 0 && made > 0) {
      code = Z_BUF_ERROR;
      break;
    }
    *byte_count += made;
  }
  bool is_full = *byte_count == capacity && stream.avail_out == 0;
  cimage_status status = status_of(code, is_full);
  inflateEnd(&stream);
  report->status = status;
  if (status != CIMAGE_OK) snprintf(report->message, sizeof report->message, "%s", "The compressed data is damaged");
  return status;
}
