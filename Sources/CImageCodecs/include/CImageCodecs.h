// SPDX-License-Identifier: Apache-2.0

// Calls of libjpeg, libpng, libwebp and zlib that Swift cannot express, because they need setjmp and longjmp, callbacks
// from inside a C library, or macros. These functions decide nothing: callers give limits and sizes, and get a report.
//
// Three rules hold for every function below.
// 1. Nothing outlives a call. A codec is made, used and destroyed inside the call, on every path, so there is no handle
//    that a caller could forget.
// 2. Pixels go straight into memory that the caller owns, and never outside the rows that the caller described.
// 3. Any number of threads may call every function at the same time; there is no shared state.

#ifndef CIMAGECODECS_H
#define CIMAGECODECS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef enum cimage_status {
  CIMAGE_OK = 0,
  CIMAGE_TRUNCATED = 1,      // the data ends before the picture does
  CIMAGE_CORRUPT = 2,        // the data breaks the rules of its format
  CIMAGE_UNSUPPORTED = 3,    // a legal file that the library was not built to read
  CIMAGE_WORKING_MEMORY = 4, // the codec asked for more than the working memory it was given
  CIMAGE_OUT_OF_MEMORY = 5,  // malloc failed
  CIMAGE_SCAN_LIMIT = 6,     // a JPEG with more scans than allowed
  CIMAGE_DIMENSIONS = 7,     // wider or higher than the format or the given limits allow
  CIMAGE_OUTPUT_FULL = 8,    // the encoded picture did not fit; needed_bytes is its size
  CIMAGE_MISUSE = 9,         // the caller's rows do not fit the picture
  CIMAGE_CANCELLED = 10,     // the watch answered this
  CIMAGE_TIME_LIMIT = 11,    // the watch answered this
} cimage_status;

// The layout of pixels in the caller's rows. The value is the number of bytes of a pixel.
typedef enum cimage_layout {
  CIMAGE_GRAY8 = 1,
  CIMAGE_RGB8 = 3,
  CIMAGE_RGBA8 = 4,
  CIMAGE_GRAY16 = 2,  // PNG only; in the machine's byte order
  CIMAGE_RGBA16 = 8,  // PNG only
} cimage_layout;

// Row y has width * layout bytes and starts at base + y * bytes_per_row.
typedef struct cimage_rows {
  void *base;
  size_t bytes_per_row;
  uint32_t width;
  uint32_t height;
  cimage_layout layout;
} cimage_rows;

// Each function asks the watch every few rows, on the calling thread, whether to continue. The answer is CIMAGE_OK, or
// the status with which the call ends.
typedef struct cimage_watch {
  cimage_status (*ask)(void *context); // NULL: continue
  void *context;
} cimage_watch;

static inline cimage_status cimage_watch_ask(cimage_watch watch) {
  return watch.ask == NULL ? CIMAGE_OK : watch.ask(watch.context);
}

// ICC data to write; none if `count` is 0.
typedef struct cimage_profile {
  const void *bytes;
  size_t count;
} cimage_profile;

// The state of the file's end, if all pixels were decoded from the file's own data.
typedef enum cimage_ending {
  CIMAGE_ENDED = 0,
  CIMAGE_END_MISSING = 1, // the file is cut off behind the pixels
  CIMAGE_END_DAMAGED = 2, // the bytes behind the pixels break the rules of the format
} cimage_ending;

// The result of a call. It is filled in on success, too.
typedef struct cimage_report {
  cimage_status status;
  cimage_ending ending;      // for a picture that was decoded
  uint32_t warnings;         // the number of the library's warnings, without wrong checksums of data that no pixel
                             // needs; if the ending is missing or damaged, only those before it
  bool guesses_colors;       // a JPEG names a kind of colours that libjpeg does not know
  bool lacks_colors;         // a PNG has pixels whose numbers are beyond its palette; they are black
  size_t peak_bytes;         // libpng: the most memory that it held at once; 0 for other libraries
  size_t outstanding_blocks; // libpng: the blocks that it had not freed at the end; this module frees them
  size_t outstanding_bytes;
  char message[256]; // the library's message about the error, or about the missing or damaged end
  char warning[256]; // the library's message of the first warning
} cimage_report;

static inline const char *cimage_report_message(const cimage_report *report) { return report->message; }
static inline const char *cimage_report_warning(const cimage_report *report) { return report->warning; }

static inline void cimage_report_warn(cimage_report *report, const char *words) {
  if (report->warnings == 0) snprintf(report->warning, sizeof report->warning, "%s", words);
  if (report->warnings < UINT32_MAX) report->warnings++;
}

// ---- JPEG, by libjpeg-turbo ----

typedef enum cimage_jpeg_color {
  CIMAGE_JPEG_GRAY = 1,
  CIMAGE_JPEG_COLOR = 3, // YCbCr or RGB
  CIMAGE_JPEG_CMYK = 4,  // CMYK or YCCK
} cimage_jpeg_color;

typedef struct cimage_jpeg_info {
  uint32_t width;
  uint32_t height;
  cimage_jpeg_color color;
  bool luma;                  // the first component is the gray of the picture (the file may have others)
  bool progressive;
  bool whole_image_buffered;  // the file has several scans, so libjpeg must hold every coefficient at once
  uint64_t coefficient_bytes; // the memory that the coefficients take
} cimage_jpeg_info;

// Reads only the header. The watch is asked while the data ahead of the pixels is read. If `ends_at_frame` is set, the
// bytes may end behind the frame's header; the file is then taken to have one scan of all components.
cimage_status cimage_jpeg_inspect(const void *bytes, size_t count, bool ends_at_frame, cimage_watch watch,
                                  cimage_jpeg_info *info, cimage_report *report);

// Decodes at 1/denominator (1, 2, 4 or 8) of the size. The rows' width and height must be the picture's, divided by the
// denominator and rounded up. Any kind of JPEG can be decoded to any layout of 8 bits; CMYK is converted without colour
// management. libjpeg's buffers for whole images stay within working_bytes; its buffers for a few rows come on top.
//
// A file is a picture if the file has the data of every row. An end-of-image marker may be missing. If the file has
// several scans, they must hold every bit of every coefficient. Otherwise the file is corrupt, or truncated if the
// marker is missing. If the headers of the scans already show that bits are missing, the call fails before it allocates
// memory for coefficients.
cimage_status cimage_jpeg_decode(const void *bytes, size_t count, uint32_t denominator, size_t working_bytes,
                                 uint32_t scan_limit, cimage_watch watch, cimage_rows rows, cimage_report *report);

// Encodes a baseline JPEG into at most `capacity` bytes. The alpha of RGBA is ignored. *needed_bytes is the size of the
// encoded picture, even if it did not fit (CIMAGE_OUTPUT_FULL), so that one retry is enough. If `comment` is not NULL,
// it becomes a comment right behind the JFIF header.
cimage_status cimage_jpeg_encode(cimage_rows rows, int quality, cimage_profile profile, const char *comment,
                                 cimage_watch watch, void *destination, size_t capacity, size_t *needed_bytes,
                                 cimage_report *report);

// ---- PNG, by libpng ----

typedef struct cimage_png_info {
  uint32_t width;
  uint32_t height;
  uint32_t bit_depth;
  bool color;      // after palette expansion
  bool alpha;      // an alpha channel, or a transparent colour
  bool interlaced;
} cimage_png_info;

// Reads up to the first chunk of pixels. It applies no limit on the picture's size, because the caller reports it.
cimage_status cimage_png_inspect(const void *bytes, size_t count, size_t working_bytes, cimage_watch watch,
                                 cimage_png_info *info, cimage_report *report);

// Every PNG can be decoded to RGBA, a PNG without alpha to RGB, and a PNG without alpha and colour to gray. 16-bit
// samples are rounded to 8 bits for layouts of 8 bits, and 8-bit samples are scaled for layouts of 16 bits. All memory
// of libpng and zlib counts against working_bytes.
//
// Up to 64 KiB of compressed data behind the last row are inflated; if there is more, the file is corrupt. A wrong
// checksum is an error in IHDR, PLTE, tRNS and IDAT, and is ignored in other chunks. Damage behind the last row becomes
// the report's ending; only a wrong checksum of pixels is an error there, too.
cimage_status cimage_png_decode(const void *bytes, size_t count, size_t working_bytes, cimage_watch watch,
                                cimage_rows rows, cimage_report *report);

// Encodes a PNG into at most `capacity` bytes. `level` is zlib's, 0 to 9. *needed_bytes is as for JPEG.
cimage_status cimage_png_encode(cimage_rows rows, int level, cimage_profile profile, cimage_watch watch,
                                void *destination, size_t capacity, size_t *needed_bytes, cimage_report *report);

// ---- WebP, by libwebp ----

enum { WEBP_SIDE_LIMIT = 16383 };

typedef struct cimage_webp_info {
  uint32_t width;
  uint32_t height;
  bool alpha;
  bool animated;
  bool partial; // the file is an animation, and its first frame does not cover the canvas
  bool lossless;
  bool headed; // the head of the pixels' chunk is there; if not, only the size and `animated` are certain
  uint64_t working_bytes; // an estimate of the memory that libwebp will allocate, for which it accepts no limit
} cimage_webp_info;

// Reads only the headers. If the file is an animation, the size is the canvas's, and all else is the first frame's.
cimage_status cimage_webp_inspect(const void *bytes, size_t count, cimage_webp_info *info, cimage_report *report);

// Decodes to RGB or RGBA, in the size of the rows. If that is not the picture's size, libwebp averages pixels. If the
// file is an animation, its first frame is decoded. A frame that does not cover the canvas can be decoded only to RGBA,
// in the canvas's size; the canvas around it becomes transparent.
cimage_status cimage_webp_decode(const void *bytes, size_t count, cimage_watch watch, cimage_rows rows,
                                 cimage_report *report);

// Encodes RGB or RGBA into at most `capacity` bytes. `quality` is 0 to 100; for lossless pictures it is the effort that
// the encoder makes.
// *needed_bytes is as for JPEG.
cimage_status cimage_webp_encode(cimage_rows rows, float quality, bool lossless, cimage_profile profile,
                                 cimage_watch watch, void *destination, size_t capacity, size_t *needed_bytes,
                                 cimage_report *report);

// ---- zlib ----

// Decompresses a zlib stream, or a gzip file, until it has `capacity` bytes. It reads no further, so the checksum may
// be missing or wrong then. A stream with fewer bytes is an error, unless it ends properly (CIMAGE_OK). If
// `destination` is NULL, the bytes are only counted.
cimage_status cimage_inflate(const void *bytes, size_t count, bool is_gzip, void *destination, size_t capacity,
                             size_t *byte_count, cimage_report *report);

// Continues the checksum of a PNG's chunk, which starts from 0.
uint32_t cimage_checksum(uint32_t checksum, const void *bytes, size_t count);

#endif
