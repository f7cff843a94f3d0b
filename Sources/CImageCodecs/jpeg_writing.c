// SPDX-License-Identifier: Apache-2.0

#include "jpeg_failure.h"

#include <string.h>

// All values that are needed after a longjmp are in this struct: the local variables of a function that calls setjmp
// may lose their values.
struct jpeg_writer {
  struct jpeg_compress_struct codec;
  struct jpeg_failure failure;
  struct jpeg_destination_mgr destination;
  uint8_t *start;
  size_t capacity;
  size_t filled;       // the bytes of the buffers that are full
  size_t current_size; // the size of the buffer that is being filled
  JOCTET spill[4096];  // bytes that do not fit are written here, over earlier ones, and are only counted
};

static void use_buffer(struct jpeg_writer *writer, JOCTET *buffer, size_t size) {
  writer->destination.next_output_byte = buffer;
  writer->destination.free_in_buffer = size;
  writer->current_size = size;
}

static void destination_init(j_compress_ptr cinfo) {
  struct jpeg_writer *writer = cinfo->client_data;
  writer->filled = 0;
  if (writer->capacity > 0) // libjpeg writes a byte before it checks whether there is room
    use_buffer(writer, writer->start, writer->capacity);
  else
    use_buffer(writer, writer->spill, sizeof writer->spill);
}

static boolean destination_empty(j_compress_ptr cinfo) {
  struct jpeg_writer *writer = cinfo->client_data;
  writer->filled += writer->current_size; // libjpeg calls this only with a full buffer
  use_buffer(writer, writer->spill, sizeof writer->spill);
  return TRUE;
}

static void destination_term(j_compress_ptr cinfo) {
  struct jpeg_writer *writer = cinfo->client_data;
  writer->filled += writer->current_size - writer->destination.free_in_buffer;
}

cimage_status cimage_jpeg_encode(cimage_rows rows, int quality, cimage_profile profile, const char *comment,
                                 cimage_watch watch, void *destination, size_t capacity, size_t *needed_bytes,
                                 cimage_report *report) {
  struct jpeg_writer writer;
  memset(&writer, 0, offsetof(struct jpeg_writer, spill));
  *needed_bytes = 0;
  writer.start = destination;
  writer.capacity = capacity;
  writer.codec.err = jpeg_failure_prepare(&writer.failure, report);
  if (setjmp(writer.failure.escape) == 0) {
    struct jpeg_compress_struct *codec = &writer.codec;
    jpeg_create_compress(codec);
    codec->client_data = &writer;
    writer.destination.init_destination = destination_init;
    writer.destination.empty_output_buffer = destination_empty;
    writer.destination.term_destination = destination_term;
    codec->dest = &writer.destination;
    if (rows.bytes_per_row / (size_t)rows.layout < rows.width)
      jpeg_failure_escape((j_common_ptr)codec, CIMAGE_MISUSE, "The rows given do not fit the picture");
    codec->image_width = rows.width;
    codec->image_height = rows.height;
    codec->input_components = (int)rows.layout;
    codec->in_color_space = rows.layout == CIMAGE_GRAY8  ? JCS_GRAYSCALE
                            : rows.layout == CIMAGE_RGB8 ? JCS_EXT_RGB
                                                         : JCS_EXT_RGBA;
    jpeg_set_defaults(codec);
    jpeg_set_quality(codec, quality, TRUE);
    jpeg_start_compress(codec, TRUE);
    if (comment) jpeg_write_marker(codec, JPEG_COM, (const JOCTET *)comment, (unsigned)strlen(comment));
    if (profile.count > 0) jpeg_write_icc_profile(codec, profile.bytes, (unsigned)profile.count);
    while (codec->next_scanline < codec->image_height) {
      if (codec->next_scanline % 16 == 0) jpeg_failure_ask((j_common_ptr)codec, watch);
      JSAMPROW row = (uint8_t *)rows.base + codec->next_scanline * rows.bytes_per_row;
      jpeg_write_scanlines(codec, &row, 1);
    }
    jpeg_finish_compress(codec);
    *needed_bytes = writer.filled;
    if (writer.filled > capacity)
      jpeg_failure_escape((j_common_ptr)codec, CIMAGE_OUTPUT_FULL, "The encoded picture does not fit");
  }
  jpeg_destroy_compress(&writer.codec);
  return report->status;
}
