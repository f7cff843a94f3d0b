// SPDX-License-Identifier: Apache-2.0

#include "CImageCodecs.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <zlib.h>

enum { GZIP_WINDOW = 16 + MAX_WBITS };

static cimage_status status_of(int code) {
  switch (code) {
  case Z_OK: // `capacity` bytes were made
  case Z_STREAM_END:
    return CIMAGE_OK;
  case Z_MEM_ERROR:
    return CIMAGE_OUT_OF_MEMORY;
  case Z_BUF_ERROR:
    return CIMAGE_TRUNCATED;
  default:
    return CIMAGE_CORRUPT;
  }
}

cimage_status cimage_inflate(const void *bytes, size_t count, bool is_gzip, void *destination, size_t capacity,
                             size_t *byte_count, cimage_report *report) {
  memset(report, 0, sizeof *report);
  *byte_count = 0;
  unsigned char discarded[16384];
  z_stream stream;
  memset(&stream, 0, sizeof stream);
  // zlib counts in 32 bits, so input and output are given in pieces.
  stream.next_in = (Bytef *)bytes;
  size_t left = count;
  int code = inflateInit2(&stream, is_gzip ? GZIP_WINDOW : MAX_WBITS);
  while (code == Z_OK && *byte_count < capacity) {
    if (stream.avail_in == 0 && left > 0) {
      stream.avail_in = left > UINT_MAX ? UINT_MAX : (uInt)left;
      left -= stream.avail_in;
    }
    size_t room = capacity - *byte_count;
    size_t most = destination == NULL ? sizeof discarded : UINT_MAX;
    uInt piece = (uInt)(room < most ? room : most);
    stream.next_out = destination == NULL ? discarded : (unsigned char *)destination + *byte_count;
    stream.avail_out = piece;
    code = inflate(&stream, Z_NO_FLUSH);
    *byte_count += piece - stream.avail_out;
  }
  // When zlib makes the last byte that the caller wants, it may already see that the checksum behind it is wrong. The
  // caller's bytes are right all the same.
  if (*byte_count == capacity && code != Z_MEM_ERROR) code = Z_OK;
  inflateEnd(&stream);
  report->status = status_of(code);
  if (report->status != CIMAGE_OK)
    snprintf(report->message, sizeof report->message, "%s", "The compressed data is damaged");
  return report->status;
}

uint32_t cimage_checksum(uint32_t checksum, const void *bytes, size_t count) {
  return (uint32_t)crc32_z(checksum, bytes, count);
}
