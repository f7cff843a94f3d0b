// SPDX-License-Identifier: Apache-2.0

#include "png_memory.h"
#include "png_pixels.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

// All values that are needed after a longjmp are in this struct: the local variables of a function that calls setjmp
// may lose their values.
struct png_reader {
  png_structp png;
  png_infop info;
  jmp_buf escape;
  struct png_memory memory;
  struct png_source source;
  struct png_pixels pixels;
  uint64_t rows_left; // rows of all passes that are not decoded yet; when it is 0, damage is no error any more
  uint32_t pixel_warnings; // the number of warnings before all rows were decoded
  // A palette may have fewer colours than pixels can name. Each colour that it lacks is replaced by the marker: a
  // colour with this value in all three samples.
  bool has_marker;
  uint8_t marker;
  cimage_report *report;
};

static _Noreturn void escape(struct png_reader *reader, cimage_status status, const char *message) {
  reader->report->status = status;
  snprintf(reader->report->message, sizeof reader->report->message, "%s", message);
  longjmp(reader->escape, 1);
}

// Ends the call because the file is damaged. That is an error only if pixels are missing.
static _Noreturn void escape_damage(struct png_reader *reader, cimage_status status, const char *message) {
  if (reader->rows_left > 0) escape(reader, status, message);
  reader->report->ending = status == CIMAGE_TRUNCATED ? CIMAGE_END_MISSING : CIMAGE_END_DAMAGED;
  reader->report->warnings = reader->pixel_warnings; // later warnings are about the same damage
  escape(reader, CIMAGE_OK, message);
}

// Ends the call if the watch's answer is not CIMAGE_OK.
static void check_watch(struct png_reader *reader, cimage_status status) {
  if (status != CIMAGE_OK) escape(reader, status, "Stopped by the caller");
}

static void check_pixels(struct png_reader *reader, cimage_status status) {
  const char *message = reader->pixels.message;
  if (status == CIMAGE_OK) return;
  if (status == CIMAGE_OUT_OF_MEMORY && reader->memory.hit_limit) status = CIMAGE_WORKING_MEMORY;
  // Pixels with a wrong checksum are never a picture, even if all of them are there.
  if ((status == CIMAGE_CORRUPT && !reader->pixels.is_checksum_wrong) || status == CIMAGE_TRUNCATED)
    escape_damage(reader, status, message);
  escape(reader, status, message);
}

static bool is_in(png_structp png, uint32_t name) { return png_get_io_chunk_type(png) == name; }

enum { tRNS = 0x74524E53 };

// libpng puts the chunk's name before its message, so only the end is compared.
static bool says(const char *message, const char *end) {
  size_t count = strlen(message), end_count = strlen(end);
  return count >= end_count && strcmp(message + count - end_count, end) == 0;
}

// If memory was refused, libpng gets NULL, and reports an error of its own choice.
static void handle_error(png_structp png, png_const_charp message) {
  struct png_reader *reader = png_get_error_ptr(png);
  if (reader->memory.hit_limit) escape(reader, CIMAGE_WORKING_MEMORY, message);
  if (reader->memory.exhausted) escape(reader, CIMAGE_OUT_OF_MEMORY, message);
  escape_damage(reader, CIMAGE_CORRUPT, message);
}

static void handle_warning(png_structp png, png_const_charp message) {
  struct png_reader *reader = png_get_error_ptr(png);
  if (says(message, "CRC error")) {
    // libpng would drop a damaged tRNS, and a transparent picture would become opaque. The caller finds other damaged
    // chunks.
    if (is_in(png, tRNS)) escape_damage(reader, CIMAGE_CORRUPT, message);
    return;
  }
  // The caller finds such samples, too.
  if (is_in(png, tRNS) && says(message, "out-of-range samples for bit_depth")) return;
  cimage_report_warn(reader->report, message);
}

// The number of bytes of all rows before compression, with the filter byte ahead of each row. UINT64_MAX for a picture
// that no memory can hold.
static uint64_t raw_byte_count(png_structp png, png_infop info) {
  uint64_t width = png_get_image_width(png, info), height = png_get_image_height(png, info);
  uint64_t depth = (uint64_t)png_get_bit_depth(png, info) * png_get_channels(png, info), count = 0;
  if (width > UINT32_MAX / 8 || height > UINT32_MAX / 8) return UINT64_MAX;
  if (png_get_interlace_type(png, info) == PNG_INTERLACE_NONE) return height * (1 + (width * depth + 7) / 8);
  for (int pass = 0; pass < PNG_INTERLACE_ADAM7_PASSES; pass++) {
    uint64_t columns = PNG_PASS_COLS(width, pass), rows = PNG_PASS_ROWS(height, pass);
    if (columns > 0) count += rows * (1 + (columns * depth + 7) / 8);
  }
  return count;
}

static bool is_first_head_of_pixels(struct png_reader *reader, const uint8_t *bytes, size_t count) {
  return !reader->pixels.has_begun && count == 8 && memcmp(bytes + 4, "IDAT", 4) == 0 &&
         (png_get_io_state(reader->png) & PNG_IO_MASK_LOC) == PNG_IO_CHUNK_HDR;
}

static void read_bytes(png_structp png, png_bytep destination, size_t count) {
  struct png_reader *reader = png_get_io_ptr(png);
  struct png_source *source = &reader->source;
  if (png_pixels_has_more(&reader->pixels)) {
    check_pixels(reader, png_pixels_take(&reader->pixels, destination, count));
    return;
  }
  check_watch(reader, png_source_count(source, count));
  if (count > source->left) escape_damage(reader, CIMAGE_TRUNCATED, "Premature end of data");
  memcpy(destination, source->next, count);
  source->next += count;
  source->left -= count;
  if (!is_first_head_of_pixels(reader, destination, count)) return;
  // Without a header there are no rows. libpng reports this error.
  if (png_get_image_width(png, reader->info) == 0) return;
  check_pixels(reader,
               png_pixels_begin(&reader->pixels, source, destination, raw_byte_count(png, reader->info)));
}

static void *allocate_for_zlib(void *png, unsigned count, unsigned size) {
  return png_memory_allocate(png, (png_alloc_size_t)count * size);
}

static void free_for_zlib(void *png, void *bytes) { png_memory_free(png, bytes); }

static void prepare(struct png_reader *reader, const void *bytes, size_t count, size_t working_bytes,
                    cimage_watch watch, cimage_report *report) {
  memset(reader, 0, sizeof *reader);
  memset(report, 0, sizeof *report);
  reader->report = report;
  reader->source = (struct png_source){.next = bytes, .left = count, .watch = watch};
  reader->rows_left = UINT64_MAX;
  reader->memory.limit_bytes = working_bytes;
}

// Call it after setjmp. Reads up to the first IDAT.
static void open_reader(struct png_reader *reader, uint32_t width_limit, uint32_t height_limit) {
  reader->png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, reader, handle_error, handle_warning, &reader->memory,
                                         png_memory_allocate, png_memory_free);
  if (reader->png != NULL) reader->info = png_create_info_struct(reader->png);
  if (reader->info == NULL)
    escape(reader, reader->memory.hit_limit ? CIMAGE_WORKING_MEMORY : CIMAGE_OUT_OF_MEMORY, "Out of memory");
  png_structp png = reader->png;
  png_set_read_fn(png, reader, read_bytes);
  // The chunks that libpng gets are uncompressed: a larger buffer needs fewer steps.
  png_set_compression_buffer_size(png, 65536);
  reader->pixels.stream.opaque = png;
  reader->pixels.stream.zalloc = allocate_for_zlib;
  reader->pixels.stream.zfree = free_for_zlib;
  png_set_user_limits(png, width_limit, height_limit);
  png_set_chunk_malloc_max(png, reader->memory.limit_bytes);
  // Pixels need IHDR, PLTE, tRNS, IDAT and IEND. All other chunks are skipped unread, so that neither their size nor
  // compressed text in them can cost anything.
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
  // A wrong checksum is an error only in a chunk that pixels need. For other chunks, libpng only warns.
  png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_WARN_DISCARD);
  png_read_info(png, reader->info);
}

static void close_reader(struct png_reader *reader) {
  png_pixels_end(&reader->pixels);
  png_destroy_read_struct(&reader->png, &reader->info, NULL);
  png_memory_settle(&reader->memory, reader->report);
}

static bool has_alpha(struct png_reader *reader) {
  return (png_get_color_type(reader->png, reader->info) & PNG_COLOR_MASK_ALPHA) != 0 ||
         png_get_valid(reader->png, reader->info, PNG_INFO_tRNS) != 0;
}

static bool has_color(struct png_reader *reader) {
  return (png_get_color_type(reader->png, reader->info) & PNG_COLOR_MASK_COLOR) != 0;
}

cimage_status cimage_png_inspect(const void *bytes, size_t count, size_t working_bytes, cimage_watch watch,
                                 cimage_png_info *info, cimage_report *report) {
  struct png_reader reader;
  prepare(&reader, bytes, count, working_bytes, watch, report);
  memset(info, 0, sizeof *info);
  if (setjmp(reader.escape) == 0) {
    open_reader(&reader, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    info->width = png_get_image_width(reader.png, reader.info);
    info->height = png_get_image_height(reader.png, reader.info);
    info->bit_depth = png_get_bit_depth(reader.png, reader.info);
    info->color = has_color(&reader);
    info->alpha = has_alpha(&reader);
    info->interlaced = png_get_interlace_type(reader.png, reader.info) != PNG_INTERLACE_NONE;
  }
  close_reader(&reader);
  return report->status;
}

static void set_transformations(struct png_reader *reader, cimage_layout layout) {
  png_structp png = reader->png;
  bool wide = layout == CIMAGE_GRAY16 || layout == CIMAGE_RGBA16;
  bool gray = layout == CIMAGE_GRAY8 || layout == CIMAGE_GRAY16;
  bool alpha = layout == CIMAGE_RGBA8 || layout == CIMAGE_RGBA16;
  if (!alpha && has_alpha(reader)) escape(reader, CIMAGE_MISUSE, "The picture has alpha");
  if (gray && has_color(reader)) escape(reader, CIMAGE_MISUSE, "The picture has colour");
  png_set_expand(png);   // expands palettes, samples of 1, 2 and 4 bits, and tRNS
  if (wide) {
    png_set_expand_16(png);
    png_set_swap(png); // the file has the most significant byte first, but this machine has it last
  } else {
    png_set_scale_16(png); // rounds; png_set_strip_16 would truncate
  }
  if (!gray) png_set_gray_to_rgb(png);
  if (alpha) png_set_add_alpha(png, wide ? 0xffff : 0xff, PNG_FILLER_AFTER);
}

// When libpng replaces the pixels' numbers by colours, it does not check that the palette has these colours. So a
// palette that is too short is filled up with a marker: a colour whose red no other colour has. There is always such a
// red, because the palette has fewer than 256 colours.
static void mark_lacking_colors(struct png_reader *reader) {
  png_structp png = reader->png;
  if (png_get_color_type(png, reader->info) != PNG_COLOR_TYPE_PALETTE) return;
  png_colorp colors = NULL;
  int count = 0, whole_count = 1 << png_get_bit_depth(png, reader->info);
  if (png_get_PLTE(png, reader->info, &colors, &count) == 0 || count >= whole_count) return;
  bool is_red[256] = {false}, is_sample[256] = {[0] = true, [255] = true}; // alpha often is 0 or 255
  png_color whole[PNG_MAX_PALETTE_LENGTH];
  for (int i = 0; i < count; i++) {
    whole[i] = colors[i];
    is_red[colors[i].red] = is_sample[colors[i].red] = true;
    is_sample[colors[i].green] = is_sample[colors[i].blue] = true;
  }
  // A value that no sample of the palette has is better: most rows do not contain it, so one memchr is enough for them.
  int marker = 0;
  while (marker < 256 && is_sample[marker]) marker++;
  if (marker == 256)
    for (marker = 0; is_red[marker];) marker++;
  png_color filler = {(png_byte)marker, (png_byte)marker, (png_byte)marker};
  for (int i = count; i < whole_count; i++) whole[i] = filler;
  png_set_PLTE(png, reader->info, whole, whole_count);
  reader->marker = (uint8_t)marker;
  reader->has_marker = true;
}

// Makes the pixels black that have the marker. libpng makes them black if there is no marker.
static void replace_marked(struct png_reader *reader, const png_row_info *row_info, uint8_t *row) {
  // If samples have 16 bits, both bytes of a sample are the same, because the palette's samples have 8 bits.
  size_t sample = row_info->bit_depth / 8, pixel = sample * row_info->channels, count = row_info->width * pixel;
  const uint8_t marker = reader->marker;
  if (memchr(row, marker, count) == NULL) return;
  // Most rows have no pixel with the marker, so this loop has no branch for each pixel: it only looks for one.
  bool is_marked = false;
  for (size_t i = 0; i < count; i += pixel) is_marked |= row[i] == marker;
  if (!is_marked) return;
  for (size_t i = 0; i < count; i += pixel)
    if (row[i] == marker) memset(row + i, 0, 3 * sample);
  reader->report->lacks_colors = true;
}

// libpng calls this for each row that it has decoded. Afterwards it copies the row to the caller, and nothing can fail
// before that.
static void count_row(png_structp png, png_row_infop row_info, png_bytep row) {
  struct png_reader *reader = png_get_io_ptr(png);
  if (reader->has_marker) replace_marked(reader, row_info, row);
  if (reader->rows_left == 0) return;
  reader->rows_left--;
  reader->pixel_warnings = reader->report->warnings;
}

static uint64_t row_count(uint32_t width, uint32_t height, int passes) {
  if (passes == 1) return height;
  uint64_t count = 0;
  for (int pass = 0; pass < passes; pass++)
    if (PNG_PASS_COLS(width, pass) > 0) count += PNG_PASS_ROWS(height, pass);
  return count;
}

cimage_status cimage_png_decode(const void *bytes, size_t count, size_t working_bytes, cimage_watch watch,
                                cimage_rows rows, cimage_report *report) {
  struct png_reader reader;
  prepare(&reader, bytes, count, working_bytes, watch, report);
  if (setjmp(reader.escape) == 0) {
    open_reader(&reader, rows.width, rows.height);
    png_structp png = reader.png;
    set_transformations(&reader, rows.layout);
    mark_lacking_colors(&reader);
    png_set_read_user_transform_fn(png, count_row);
    int passes = png_set_interlace_handling(png);
    reader.rows_left = row_count(rows.width, rows.height, passes);
    png_read_update_info(png, reader.info);
    if (png_get_image_width(png, reader.info) != rows.width || png_get_image_height(png, reader.info) != rows.height ||
        png_get_rowbytes(png, reader.info) != (size_t)rows.width * (size_t)rows.layout ||
        png_get_rowbytes(png, reader.info) > rows.bytes_per_row)
      escape(&reader, CIMAGE_MISUSE, "The rows given do not fit the picture");
    // The chunks that libpng gets have no valid checksums; the file's checksums are checked when its chunks are read.
    png_set_crc_action(png, PNG_CRC_QUIET_USE, PNG_CRC_WARN_DISCARD);
    png_set_option(png, PNG_IGNORE_ADLER32, PNG_OPTION_ON);
    for (int pass = 0; pass < passes; pass++)
      for (uint32_t y = 0; y < rows.height; y++) {
        if (y % 16 == 0) check_watch(&reader, cimage_watch_ask(watch));
        png_read_row(png, (uint8_t *)rows.base + (size_t)y * rows.bytes_per_row, NULL);
      }
    check_pixels(&reader, png_pixels_finish(&reader.pixels));
    if (reader.pixels.message != NULL) cimage_report_warn(report, reader.pixels.message);
    png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_WARN_DISCARD);
    png_read_end(png, NULL); // checks what follows the pixels, up to IEND
  }
  close_reader(&reader);
  return report->status;
}
