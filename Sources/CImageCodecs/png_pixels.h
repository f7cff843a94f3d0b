// The compressed data of a PNG's pixels, read here and not by libpng: libpng looks at what lies behind the last row only as
// far as it happens to have read, so that whether a wrong checksum is seen would depend on where the chunks are cut.
//
// Instead of the file's chunks libpng gets chunks of the same bytes uncompressed ("stored" blocks), which cost it a copy. They
// are exactly as many as the rows take.

#ifndef PNG_PIXELS_H
#define PNG_PIXELS_H

#include "CImageCodecs.h"

#include <zlib.h>

// A file, read from its start to its end.
struct png_source {
  const uint8_t *next;
  size_t left;
  cimage_watch watch;
  size_t unasked; // read since the watch was asked
};

// A question for each 8 KiB of the file: of pixels they are 8 MiB at most, since zlib makes no more than 1,032 bytes of one.
enum { PNG_PACE_BYTES = 8192 };

// CIMAGE_OK, or what the watch said.
cimage_status png_source_count(struct png_source *source, size_t count);

struct png_pixels {
  struct png_source *source;
  z_stream stream;
  bool has_begun;
  bool has_ended;         // the compressed data has, and its checksum is right
  bool has_failed;        // zlib has, in a step whose bytes were all there
  bool is_checksum_wrong; // of a chunk, or of the data: then a pixel may be wrong, even if all are there
  size_t chunk_left;      // of the file's chunk
  uint32_t chunk_checksum;
  uint64_t raw_left; // what the rows take and are not given yet
  // What libpng reads next: the literal bytes, then as many of the block that they announced.
  uint8_t literal[40];
  size_t literal_count, literal_next;
  size_t block_left;
  const char *message; // of what is wrong
};

// With the head of the file's first chunk of pixels in `head`, which becomes that of the first one that libpng gets. All rows
// take `raw_count` bytes. The stream's functions for memory are set before, or none.
cimage_status png_pixels_begin(struct png_pixels *pixels, struct png_source *source, uint8_t head[8],
                               uint64_t raw_count);

// Whether what libpng reads next comes from here.
bool png_pixels_has_more(const struct png_pixels *pixels);

// CIMAGE_CORRUPT or CIMAGE_TRUNCATED where the data ends before the rows do.
cimage_status png_pixels_take(struct png_pixels *pixels, uint8_t *destination, size_t count);

// Behind the last row: reads what is left of the chunks, with the checksums. With CIMAGE_OK there may still be a message, of
// what is odd. More than 64 KiB of compressed data behind the rows are not read.
cimage_status png_pixels_finish(struct png_pixels *pixels);

// Gives zlib's memory back.
void png_pixels_end(struct png_pixels *pixels);

#endif
