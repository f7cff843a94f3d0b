// What Swift cannot express about libjpeg and libpng: setjmp, longjmp, callbacks out of a C library's
// depths, and macros. No policy lives here: limits and sizes come in, a report goes out.
//
// Three rules hold for every function below.
// 1. Nothing outlives a call. A codec is made, used and destroyed inside it, on every path, so there
//    is no handle that a caller could forget.
// 2. Pixels go straight into memory that the caller owns, and never outside the rows it described.
// 3. Every function is safe to call from any number of threads at once; there is no shared state.

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
  CIMAGE_OUT_OF_MEMORY = 5,  // malloc said no
  CIMAGE_SCAN_LIMIT = 6,     // a JPEG with more scans than allowed
  CIMAGE_DIMENSIONS = 7,     // wider or higher than the format or the given limits allow
  CIMAGE_OUTPUT_FULL = 8,    // the encoded picture did not fit; needed_bytes says what it takes
  CIMAGE_MISUSE = 9,         // the caller's rows do not fit the picture
  CIMAGE_CANCELLED = 10,     // the watch said so
  CIMAGE_TIME_LIMIT = 11,    // the watch said so
} cimage_status;

// How pixels lie in the caller's rows. The value is the number of bytes of a pixel.
typedef enum cimage_layout {
  CIMAGE_GRAY8 = 1,
  CIMAGE_RGB8 = 3,
  CIMAGE_RGBA8 = 4,
  CIMAGE_GRAY16 = 2,  // PNG only; in the machine's byte order
  CIMAGE_RGBA16 = 8,  // PNG only
} cimage_layout;

// Row y is the width * layout bytes from base + y * bytes_per_row on.
typedef struct cimage_rows {
  void *base;
  size_t bytes_per_row;
  uint32_t width;
  uint32_t height;
  cimage_layout layout;
} cimage_rows;

// Asked every few rows, on the thread of the call, whether to go on: CIMAGE_OK, or the status to end with.
typedef struct cimage_watch {
  cimage_status (*ask)(void *context); // NULL: go on
  void *context;
} cimage_watch;

static inline cimage_status cimage_watch_ask(cimage_watch watch) {
  return watch.ask == NULL ? CIMAGE_OK : watch.ask(watch.context);
}

// ICC data to be written; of 0 bytes, none.
typedef struct cimage_profile {
  const void *bytes;
  size_t count;
} cimage_profile;

// What lies behind the pixels, where all of them were decoded from the file's own data.
typedef enum cimage_ending {
  CIMAGE_ENDED = 0,
  CIMAGE_END_MISSING = 1, // the file ends before its format says that it is over
  CIMAGE_END_DAMAGED = 2, // what follows breaks the rules of its format
} cimage_ending;

// What a call has to tell. Filled in on success too.
typedef struct cimage_report {
  cimage_status status;
  cimage_ending ending;      // of a picture that was decoded
  uint32_t warnings;         // all that the library warned of, but for wrong checksums of what no pixel needs; where the
                             // ending is not as it should be, only what it warned of before
  bool guesses_colors;       // a JPEG says in no known way what its numbers are as colours
  size_t peak_bytes;         // libpng: the most memory it held at once; libjpeg does not say (0)
  size_t outstanding_blocks; // libpng: blocks it had not given back when it was done (then freed here)
  size_t outstanding_bytes;
  char message[256]; // the library's own words: of the error, or of what is wrong with the end
  char warning[256]; // the same of the first warning
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
  bool luma;                  // the first component is what gray pixels are, be there others or not
  bool progressive;
  bool whole_image_buffered;  // several scans: libjpeg must hold every coefficient at once
  uint64_t coefficient_bytes; // what that takes
} cimage_jpeg_info;

// Reads the header only. Every inspection asks the watch as it walks what lies ahead of the pixels.
// With `ends_at_frame`, the bytes may end behind the frame's header, and the rest is taken to be one scan of all components.
cimage_status cimage_jpeg_inspect(const void *bytes, size_t count, bool ends_at_frame, cimage_watch watch,
                                  cimage_jpeg_info *info, cimage_report *report);

// Decodes at 1/denominator (1, 2, 4 or 8) of the size; rows must have ceil(size / denominator) pixels
// each way. Any kind of JPEG can be decoded to any layout; CMYK is converted without colour management.
// Of working_bytes, libjpeg honours the limit for whole-image buffers; a few rows come on top.
// A file is a picture if every row comes from its own data, with an end-of-image marker or without; one of several scans, if
// they hold every bit of every coefficient. If not, it is corrupt, and without the marker truncated: of several scans, where
// their headers say so, before memory is taken.
cimage_status cimage_jpeg_decode(const void *bytes, size_t count, uint32_t denominator, size_t working_bytes,
                                 uint32_t scan_limit, cimage_watch watch, cimage_rows rows, cimage_report *report);

// Encodes a baseline JPEG into at most `capacity` bytes. The alpha of RGBA is ignored. *needed_bytes is the size of
// the encoded picture, also when it did not fit (CIMAGE_OUTPUT_FULL), so that one retry is enough. `comment`, if not
// NULL, becomes a comment right behind the JFIF header.
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

// Reads up to the first chunk of pixels. Size limits are not applied here: the caller wants to name the size.
cimage_status cimage_png_inspect(const void *bytes, size_t count, size_t working_bytes, cimage_watch watch,
                                 cimage_png_info *info, cimage_report *report);

// RGBA takes every PNG; RGB takes those without alpha, gray those with neither alpha nor colour.
// 16-bit samples are rounded to 8 for layouts of 8 bits, and 8-bit ones scaled for those of 16. All of libpng's and zlib's memory counts against working_bytes.
// Compressed data behind the last row is inflated up to 64 KiB of it and 6 times a row; where there is more, the file is
// corrupt. A wrong checksum is an error in IHDR, PLTE, tRNS and IDAT, and in other chunks passed over. What is wrong behind
// the last row is the report's ending, but for a wrong checksum of pixels.
cimage_status cimage_png_decode(const void *bytes, size_t count, size_t working_bytes, cimage_watch watch,
                                cimage_rows rows, cimage_report *report);

// Encodes a PNG into at most `capacity` bytes; level is zlib's, 0 to 9. *needed_bytes is as for
// JPEG.
cimage_status cimage_png_encode(cimage_rows rows, int level, cimage_profile profile, cimage_watch watch,
                                void *destination, size_t capacity, size_t *needed_bytes, cimage_report *report);

// ---- WebP, by libwebp ----

enum { WEBP_SIDE_LIMIT = 16383 };

typedef struct cimage_webp_info {
  uint32_t width;
  uint32_t height;
  bool alpha;
  bool animated;
  bool partial; // an animation whose first frame does not cover the canvas
  bool lossless;
  bool headed; // the head of the pixels' own chunk is there; without it, what is below, alpha and partial can still change
  uint64_t working_bytes; // an estimate of what libwebp will allocate: it takes no limit
} cimage_webp_info;

// Reads the headers only: of an animation, that of the canvas, whose size counts, and of the first frame.
cimage_status cimage_webp_inspect(const void *bytes, size_t count, cimage_webp_info *info, cimage_report *report);

// Decodes to RGB or RGBA, in the size of the rows: where that is another one than the picture's, libwebp averages. Of an
// animation, the first frame; one that is partial only to RGBA, in the canvas's size: what it leaves free is transparent.
cimage_status cimage_webp_decode(const void *bytes, size_t count, cimage_watch watch, cimage_rows rows,
                                 cimage_report *report);

// Encodes RGB or RGBA into at most `capacity` bytes. quality is 0 to 100; of lossless pictures, the effort.
// *needed_bytes is as for JPEG.
cimage_status cimage_webp_encode(cimage_rows rows, float quality, bool lossless, cimage_profile profile,
                                 cimage_watch watch, void *destination, size_t capacity, size_t *needed_bytes,
                                 cimage_report *report);

// ---- zlib ----

// Decompresses a zlib stream up to `capacity` bytes, and looks at nothing behind the part that makes them: whether the
// checksum is there, and right, does not matter then. Fewer bytes are an error, if the stream ends properly CIMAGE_OK.
// Where `destination` is NULL, the bytes are only counted.
cimage_status cimage_inflate(const void *bytes, size_t count, void *destination, size_t capacity, size_t *byte_count,
                             cimage_report *report);

// Goes on with the checksum of a PNG's chunk, which starts from 0.
uint32_t cimage_checksum(uint32_t checksum, const void *bytes, size_t count);

#endif
