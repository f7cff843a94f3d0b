// SPDX-License-Identifier: Apache-2.0

#include "CZlib.h"

#include <limits.h>
#include <string.h>
#include <zlib.h>

/// 15 is zlib's largest window; 16 more choose gzip.
enum { gzipWindow = 15 + 16 };

size_t czlib_compressed_bound(size_t length) {
  // The bound of zlib's own format, and the longer header and trailer of gzip.
  return compressBound(length) + 18;
}

CZlibResult czlib_compress(const uint8_t *input, size_t length, uint8_t *output, size_t capacity, size_t *written) {
  if (length > UINT_MAX || capacity > UINT_MAX) return CZlibNoRoom;
  z_stream stream;
  memset(&stream, 0, sizeof stream);
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, gzipWindow, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    return CZlibNoMemory;
  stream.next_in = (uint8_t *)input;
  stream.avail_in = (uInt)length;
  stream.next_out = output;
  stream.avail_out = (uInt)capacity;
  int result = deflate(&stream, Z_FINISH);
  *written = stream.total_out;
  deflateEnd(&stream);
  return result == Z_STREAM_END ? CZlibDone : CZlibNoRoom;
}

CZlibResult czlib_decompress(const uint8_t *input, size_t length, uint8_t *output, size_t capacity, size_t *written) {
  if (length > UINT_MAX || capacity > UINT_MAX) return CZlibNoRoom;
  z_stream stream;
  memset(&stream, 0, sizeof stream);
  if (inflateInit2(&stream, gzipWindow) != Z_OK) return CZlibNoMemory;
  stream.next_in = (uint8_t *)input;
  stream.avail_in = (uInt)length;
  stream.next_out = output;
  stream.avail_out = (uInt)capacity;
  int result = inflate(&stream, Z_FINISH);
  *written = stream.total_out;
  int isWhole = result == Z_STREAM_END && stream.avail_in == 0;
  int isFull = stream.avail_out == 0;
  inflateEnd(&stream);
  if (isWhole) return CZlibDone;
  if (result == Z_MEM_ERROR) return CZlibNoMemory;
  // Neither damaged nor at its end: the next step needs more room, or bytes that are not there.
  if (result == Z_BUF_ERROR || result == Z_OK) return isFull ? CZlibNoRoom : CZlibCutShort;
  return CZlibDamaged;
}
