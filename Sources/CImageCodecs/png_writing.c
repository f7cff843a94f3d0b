// SPDX-License-Identifier: Apache-2.0

#include "png_memory.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <zlib.h>

// All values that are needed after a longjmp are in this struct: the local variables of a function that calls setjmp
// may lose their values.
struct png_writer {
  png_structp png;
  png_infop info;
  jmp_buf escape;
  struct png_memory memory;
  uint8_t *start;
  size_t capacity;
  size_t byte_count; // all bytes that libpng wrote, including those that did not fit
  cimage_report *report;
};

static _Noreturn void escape(struct png_writer *writer, cimage_status status, const char *message) {
  writer->report->status = status;
  snprintf(writer->report->message, sizeof writer->report->message, "%s", message);
  longjmp(writer->escape, 1);
}

static void handle_error(png_structp png, png_const_charp message) {
  struct png_writer *writer = png_get_error_ptr(png);
  escape(writer, writer->memory.exhausted ? CIMAGE_OUT_OF_MEMORY : CIMAGE_MISUSE, message);
}

static void handle_warning(png_structp png, png_const_charp message) {
  cimage_report *report = ((struct png_writer *)png_get_error_ptr(png))->report;
  cimage_report_warn(report, message);
}

// Bytes that do not fit are only counted, so that one retry is enough.
static void write_bytes(png_structp png, png_bytep bytes, size_t count) {
  struct png_writer *writer = png_get_io_ptr(png);
  if (writer->byte_count < writer->capacity) {
    size_t room = writer->capacity - writer->byte_count;
    memcpy(writer->start + writer->byte_count, bytes, count < room ? count : room);
  }
  writer->byte_count += count;
}

static void flush_nothing(png_structp png) { (void)png; } // the default calls fflush on a FILE that does not exist

static int color_type(cimage_layout layout) {
  return layout == CIMAGE_GRAY8 || layout == CIMAGE_GRAY16 ? PNG_COLOR_TYPE_GRAY
         : layout == CIMAGE_RGB8 ? PNG_COLOR_TYPE_RGB
                                 : PNG_COLOR_TYPE_RGBA;
}

// libpng's png_set_iCCP drops a profile that it finds faulty. Whether a fault matters depends on the use of the
// profile, so the profile is written as it is.
static void write_profile(struct png_writer *writer, cimage_profile profile) {
  static const char head[] = "ICC profile\0"; // a name, the zero that ends it, and 0 for zlib's compression
  uLong room = compressBound(profile.count);
  png_bytep chunk = png_malloc(writer->png, sizeof head + room);
  memcpy(chunk, head, sizeof head);
  if (compress2(chunk + sizeof head, &room, profile.bytes, profile.count, Z_DEFAULT_COMPRESSION) != Z_OK)
    escape(writer, CIMAGE_OUT_OF_MEMORY, "Out of memory");
  png_write_chunk(writer->png, (png_const_bytep)"iCCP", chunk, sizeof head + room);
  png_free(writer->png, chunk);
}

cimage_status cimage_png_encode(cimage_rows rows, int level, cimage_profile profile, cimage_watch watch,
                                void *destination, size_t capacity, size_t *needed_bytes, cimage_report *report) {
  struct png_writer writer;
  memset(&writer, 0, sizeof writer);
  memset(report, 0, sizeof *report);
  *needed_bytes = 0;
  writer.report = report;
  writer.start = destination;
  writer.capacity = capacity;
  writer.memory.limit_bytes = SIZE_MAX; // libpng takes about 300 KB and a few rows for any picture
  if (setjmp(writer.escape) == 0) {
    if (rows.bytes_per_row / (size_t)rows.layout < rows.width)
      escape(&writer, CIMAGE_MISUSE, "The rows given do not fit the picture");
    if (rows.width > PNG_UINT_31_MAX || rows.height > PNG_UINT_31_MAX)
      escape(&writer, CIMAGE_DIMENSIONS, "A side is beyond 2,147,483,647");
    writer.png = png_create_write_struct_2(PNG_LIBPNG_VER_STRING, &writer, handle_error, handle_warning, &writer.memory,
                                           png_memory_allocate, png_memory_free);
    if (writer.png != NULL) writer.info = png_create_info_struct(writer.png);
    if (writer.info == NULL) escape(&writer, CIMAGE_OUT_OF_MEMORY, "Out of memory");
    png_structp png = writer.png;
    png_set_write_fn(png, &writer, write_bytes, flush_nothing);
    png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_compression_level(png, level);
    // Each chunk of pixels costs 12 bytes and two calls, so chunks are larger than libpng's default of 8 KiB.
    png_set_compression_buffer_size(png, 1 << 16);
    bool wide = rows.layout == CIMAGE_GRAY16 || rows.layout == CIMAGE_RGBA16;
    png_set_IHDR(png, writer.info, rows.width, rows.height, wide ? 16 : 8, color_type(rows.layout), PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (profile.count > 0) {
      png_write_info_before_PLTE(png, writer.info);
      write_profile(&writer, profile);
    }
    png_write_info(png, writer.info);
    if (wide) png_set_swap(png); // the file must have the most significant byte first
    for (uint32_t y = 0; y < rows.height; y++) {
      cimage_status answer = y % 16 == 0 ? cimage_watch_ask(watch) : CIMAGE_OK;
      if (answer != CIMAGE_OK) escape(&writer, answer, "Stopped by the caller");
      png_write_row(png, (const uint8_t *)rows.base + (size_t)y * rows.bytes_per_row);
    }
    png_write_end(png, NULL);
    *needed_bytes = writer.byte_count;
    if (writer.byte_count > capacity) escape(&writer, CIMAGE_OUTPUT_FULL, "The encoded picture does not fit");
  }
  png_destroy_write_struct(&writer.png, &writer.info);
  png_memory_settle(&writer.memory, report);
  return report->status;
}
