// SPDX-License-Identifier: Apache-2.0

// Inflates the compressed data of a PNG's pixels, so that libpng does not do it. Behind the last row, libpng looks only
// at the bytes that it has already read. So whether libpng sees a wrong checksum would depend on where one chunk ends
// and the next one begins.
//
// Instead of the file's chunks, libpng gets chunks in which the same pixels are not compressed ("stored" blocks). They
// cost one more copy, and have exactly as many bytes as the rows take.

#ifndef PNG_PIXELS_H
#define PNG_PIXELS_H

#include "CImageCodecs.h"

#include <zlib.h>

// A file, read from its start to its end.
struct png_source {
  const uint8_t *next;
  size_t left;
  cimage_watch watch;
  size_t unasked; // bytes that were read since the watch was asked
};

// The watch is asked after each 8 KiB of the file. These are at most 8 MiB of pixels, because zlib makes at most 1,032
// bytes of one byte.
enum { PNG_PACE_BYTES = 8192 };

// Returns CIMAGE_OK, or the answer of the watch.
cimage_status png_source_count(struct png_source *source, size_t count);

// Inflates the file's chunks of pixels, and makes the chunks that libpng gets.
struct png_pixels {
  struct png_source *source;
  z_stream stream;
  bool has_begun;
  bool has_ended;         // the compressed data has ended, and its checksum is right
  bool has_failed;        // zlib has failed, in a step whose bytes were all there
  bool is_checksum_wrong; // a chunk's or the data's: a pixel may be wrong, even if all pixels are there
  size_t chunk_left;      // bytes that are left of the file's chunk
  uint32_t chunk_checksum;
  uint64_t raw_left; // bytes of the rows that libpng has not got yet
  // What libpng reads next: the literal bytes, then the bytes of the block that the literal bytes announced.
  uint8_t literal[40];
  size_t literal_count, literal_next;
  size_t block_left;
  const char *message; // what is wrong with the file; NULL if nothing is
};

// `head` is the head of the file's first chunk of pixels. This function replaces it by the head of the first chunk that
// libpng gets. All rows together take `raw_count` bytes. Set the stream's functions for memory before this call, or
// leave them NULL.
cimage_status png_pixels_begin(struct png_pixels *pixels, struct png_source *source, uint8_t head[8],
                               uint64_t raw_count);

// Whether libpng must get its next bytes from png_pixels_take.
bool png_pixels_has_more(const struct png_pixels *pixels);

// Returns CIMAGE_CORRUPT or CIMAGE_TRUNCATED if the data ends before the rows do.
cimage_status png_pixels_take(struct png_pixels *pixels, uint8_t *destination, size_t count);

// Call this after the last row. It reads the rest of the chunks, and checks the checksums. With CIMAGE_OK, too,
// `message` may say that the file has more data than its rows need. More than 64 KiB of such data are refused.
cimage_status png_pixels_finish(struct png_pixels *pixels);

// Frees zlib's memory.
void png_pixels_end(struct png_pixels *pixels);

#endif
