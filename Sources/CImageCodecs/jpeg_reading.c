// SPDX-License-Identifier: Apache-2.0

#include "jpeg_failure.h"
#include "jpeg_scans.h"

#include <jerror.h>
#include <limits.h>
#include <string.h>

// All values that are needed after a longjmp are in this struct: the local variables of a function that calls setjmp
// may lose their values.
struct jpeg_reader {
  struct jpeg_decompress_struct codec;
  struct jpeg_failure failure;
  struct jpeg_source_mgr source;
  struct jpeg_scans scans;
  struct jpeg_progress_mgr progress; // its callback finds this struct through codec.client_data
  uint32_t scan_limit;
  bool ends_at_frame;  // if the bytes end behind the frame's header, the source makes up the header of a scan
  uint8_t scan[10 + 2 * MAX_COMPS_IN_SCAN];
  bool has_rows;       // all rows are decoded
  bool may_end;        // the source may make up an end-of-image marker where the file ends
  bool ends_like_jpeg; // the file was not cut: its last bytes are an end-of-image marker, of this or another picture
  const uint8_t *rest; // the part of the file that libjpeg has not got yet
  size_t rest_count;
  cimage_watch watch;
};

// ---- Source: memory ----
// If the memory ends behind the header, the source makes up an end-of-image marker. If pixels are missing then, libjpeg
// warns, and the file counts as truncated; otherwise only the marker was missing. libjpeg's arithmetic decoder does not
// warn, because an arithmetic coder leaves out zeros at the end. So a file with arithmetic coding must have its marker.
// While the header is read, libjpeg gets the memory in pieces, so that the watch is asked during a long header, too.

enum { PIECE_BYTES = 1 << 16 };

static void source_ignore(j_decompress_ptr cinfo) { (void)cinfo; }

// Makes up the header of one scan with all components.
static void source_make_scan(struct jpeg_reader *reader) {
  struct jpeg_decompress_struct *codec = &reader->codec;
  int count = codec->num_components < MAX_COMPS_IN_SCAN ? codec->num_components : MAX_COMPS_IN_SCAN;
  uint8_t *next = reader->scan;
  *next++ = 0xFF;
  *next++ = 0xDA;
  *next++ = 0;
  *next++ = (uint8_t)(6 + 2 * count);
  *next++ = (uint8_t)count;
  for (int i = 0; i < count; i++) {
    *next++ = (uint8_t)codec->comp_info[i].component_id;
    *next++ = 0;
  }
  next += 3; // the range of coefficients and the bits: all zero
  reader->source.next_input_byte = reader->scan;
  reader->source.bytes_in_buffer = (size_t)(next - reader->scan);
  reader->ends_at_frame = false;
}

static boolean source_fill(j_decompress_ptr cinfo) {
  struct jpeg_reader *reader = cinfo->client_data;
  if (reader->rest_count > 0) {
    jpeg_failure_ask((j_common_ptr)cinfo, reader->watch);
    size_t count = reader->rest_count < PIECE_BYTES ? reader->rest_count : PIECE_BYTES;
    cinfo->src->next_input_byte = reader->rest;
    cinfo->src->bytes_in_buffer = count;
    reader->rest += count;
    reader->rest_count -= count;
    return TRUE;
  }
  bool has_more = jpeg_scans_next(&reader->scans, &cinfo->src->next_input_byte, &cinfo->src->bytes_in_buffer);
  if (reader->has_rows && reader->scans.is_over && !reader->failure.has_pixels)
    jpeg_failure_end_pixels(&reader->failure);
  if (has_more) return TRUE;
  if (reader->ends_at_frame && cinfo->num_components > 0) {
    source_make_scan(reader);
    return TRUE;
  }
  if (!reader->may_end && !reader->failure.has_pixels) ERREXIT(cinfo, JERR_INPUT_EOF);
  static const JOCTET marker[] = {0xFF, JPEG_EOI};
  reader->failure.is_cut = !reader->ends_like_jpeg;
  reader->failure.report->ending = CIMAGE_END_MISSING;
  cinfo->src->next_input_byte = marker;
  cinfo->src->bytes_in_buffer = sizeof marker;
  return TRUE;
}

static void source_skip(j_decompress_ptr cinfo, long count) {
  if (count <= 0) return;
  struct jpeg_reader *reader = cinfo->client_data;
  size_t here = (size_t)count < cinfo->src->bytes_in_buffer ? (size_t)count : cinfo->src->bytes_in_buffer;
  size_t later = (size_t)count - here;
  if (later > reader->rest_count) {
    if (!reader->may_end && !reader->failure.has_pixels) ERREXIT(cinfo, JERR_INPUT_EOF);
    later = reader->rest_count; // the file ends inside this segment
  }
  cinfo->src->next_input_byte += here;
  cinfo->src->bytes_in_buffer -= here;
  reader->rest += later;
  reader->rest_count -= later;
}

// Joins the current piece and the rest of the file to one piece.
static void source_join(struct jpeg_reader *reader) {
  if (reader->source.bytes_in_buffer == 0) reader->source.next_input_byte = reader->rest;
  reader->source.bytes_in_buffer += reader->rest_count;
  reader->rest_count = 0;
}

// ---- Progress ----
// libjpeg reports it at every row of blocks. This is the only place at which a file with endless scans can be stopped.

static void check_progress(j_common_ptr cinfo) {
  struct jpeg_reader *reader = cinfo->client_data;
  int scan = reader->codec.input_scan_number;
  if (scan > 0 && (uint32_t)scan > reader->scan_limit)
    jpeg_failure_escape(cinfo, CIMAGE_SCAN_LIMIT, "More scans than allowed");
  jpeg_failure_ask(cinfo, reader->watch);
}

// Call it after setjmp.
static void open_reader(struct jpeg_reader *reader, const void *bytes, size_t count) {
  jpeg_create_decompress(&reader->codec);
  reader->codec.client_data = reader;
  const uint8_t *file = bytes;
  reader->ends_like_jpeg = count >= 2 && file[count - 2] == 0xFF && file[count - 1] == JPEG_EOI;
  reader->source.init_source = source_ignore;
  reader->source.fill_input_buffer = source_fill;
  reader->source.skip_input_data = source_skip;
  reader->source.resync_to_restart = jpeg_resync_to_restart;
  reader->source.term_source = source_ignore;
  reader->source.next_input_byte = bytes;
  reader->source.bytes_in_buffer = count < PIECE_BYTES ? count : PIECE_BYTES;
  reader->rest = (const uint8_t *)bytes + reader->source.bytes_in_buffer;
  reader->rest_count = count - reader->source.bytes_in_buffer;
  reader->codec.src = &reader->source;
  jpeg_read_header(&reader->codec, TRUE);
}

static uint64_t round_up(uint64_t value, int multiple) {
  return (value + (uint64_t)multiple - 1) / (uint64_t)multiple * (uint64_t)multiple;
}

cimage_status cimage_jpeg_inspect(const void *bytes, size_t count, bool ends_at_frame, cimage_watch watch,
                                  cimage_jpeg_info *info, cimage_report *report) {
  struct jpeg_reader reader;
  memset(&reader, 0, sizeof reader);
  reader.ends_at_frame = ends_at_frame;
  reader.watch = watch;
  memset(info, 0, sizeof *info);
  reader.codec.err = jpeg_failure_prepare(&reader.failure, report);
  if (setjmp(reader.failure.escape) == 0) {
    open_reader(&reader, bytes, count);
    struct jpeg_decompress_struct *codec = &reader.codec;
    info->width = codec->image_width;
    info->height = codec->image_height;
    info->progressive = codec->progressive_mode;
    info->luma = codec->jpeg_color_space == JCS_GRAYSCALE || codec->jpeg_color_space == JCS_YCbCr;
    info->whole_image_buffered = jpeg_has_multiple_scans(codec);
    switch (codec->jpeg_color_space) {
    case JCS_GRAYSCALE:
      info->color = CIMAGE_JPEG_GRAY;
      break;
    case JCS_CMYK:
    case JCS_YCCK:
      info->color = CIMAGE_JPEG_CMYK;
      break;
    case JCS_RGB:
    case JCS_YCbCr:
      info->color = CIMAGE_JPEG_COLOR;
      break;
    default:
      jpeg_failure_escape((j_common_ptr)codec, CIMAGE_UNSUPPORTED, "Unknown colour space");
    }
    for (int i = 0; i < codec->num_components; i++) {
      const jpeg_component_info *component = &codec->comp_info[i];
      info->coefficient_bytes += round_up(component->width_in_blocks, component->h_samp_factor) *
                                 round_up(component->height_in_blocks, component->v_samp_factor) * sizeof(JBLOCK);
    }
  }
  jpeg_destroy_decompress(&reader.codec);
  return report->status;
}

// ---- Pixels ----

static uint8_t product(unsigned a, unsigned b) { return (uint8_t)((a * b + 127) / 255); }

// A sample in the file is 255 - ink, with or without Adobe's marker: the light that the ink leaves. So red is the
// product of the light that cyan leaves and the light that black leaves.
static void convert_cmyk(const uint8_t *cmyk, uint8_t *row, uint32_t width, cimage_layout layout) {
  for (uint32_t x = 0; x < width; x++, cmyk += 4, row += layout) {
    uint8_t red = product(cmyk[0], cmyk[3]);
    uint8_t green = product(cmyk[1], cmyk[3]);
    uint8_t blue = product(cmyk[2], cmyk[3]);
    if (layout == CIMAGE_GRAY8) { // the weights of BT.601, as libjpeg uses them
      row[0] = (uint8_t)((19595u * red + 38470u * green + 7471u * blue + 32768u) >> 16);
    } else {
      row[0] = red;
      row[1] = green;
      row[2] = blue;
      if (layout == CIMAGE_RGBA8) row[3] = 255;
    }
  }
}

static void read_cmyk_rows(struct jpeg_decompress_struct *codec, cimage_rows rows) {
  JSAMPROW scratch = codec->mem->alloc_large((j_common_ptr)codec, JPOOL_IMAGE, (size_t)codec->output_width * 4);
  uint8_t *row = rows.base;
  while (codec->output_scanline < codec->output_height) {
    if (jpeg_read_scanlines(codec, &scratch, 1) != 1) ERREXIT(codec, JERR_INPUT_EOF);
    convert_cmyk(scratch, row, codec->output_width, rows.layout);
    row += rows.bytes_per_row;
  }
}

static void read_rows(struct jpeg_decompress_struct *codec, cimage_rows rows) {
  enum { batch = 8 };
  JSAMPROW pointers[batch];
  while (codec->output_scanline < codec->output_height) {
    uint32_t left = codec->output_height - codec->output_scanline;
    uint32_t count = left < batch ? left : batch;
    for (uint32_t i = 0; i < count; i++)
      pointers[i] = (uint8_t *)rows.base + (codec->output_scanline + i) * rows.bytes_per_row;
    if (jpeg_read_scanlines(codec, pointers, count) == 0) ERREXIT(codec, JERR_INPUT_EOF);
  }
}

static J_COLOR_SPACE color_space(cimage_layout layout) {
  switch (layout) {
  case CIMAGE_GRAY8:
    return JCS_GRAYSCALE;
  case CIMAGE_RGB8:
    return JCS_EXT_RGB;
  case CIMAGE_RGBA8:
    return JCS_EXT_RGBA;
  default: // only PNG has 16 bits
    break;
  }
  return JCS_UNKNOWN;
}

// ---- Several scans ----
// libjpeg is asked for one scan at a time. When every bit of every coefficient is there, the rows are decoded. The rest
// of the file is then read as it is in a file with one scan: damage in it is no error.

// Returns how many scans must be read until all coefficients are there; 0 if that is not known.
static int plan_scans(struct jpeg_reader *reader) {
  struct jpeg_decompress_struct *codec = &reader->codec;
  jpeg_scans_choose(codec, &reader->scans);
  struct jpeg_extent extent = jpeg_scans_measure(codec, &reader->scans);
  if (extent.is_complete) {
    // If the end is missing, no scan is left out, so that a file that was cut in its last scan is detected at any size.
    // The same holds if libjpeg will object to what lies between the scans.
    if (!extent.has_end || !extent.is_regular) return extent.scan_count;
    jpeg_scans_limit(codec, &reader->scans, extent);
    return extent.kept_count;
  }
  if (extent.has_end && extent.is_regular) // no need to read the scans: their headers leave some coefficients out
    jpeg_failure_escape((j_common_ptr)codec, CIMAGE_CORRUPT, "Its scans do not have every coefficient");
  if (!extent.has_end && !reader->ends_like_jpeg)
    jpeg_failure_escape((j_common_ptr)codec, CIMAGE_TRUNCATED, "of its scans, the last is not whole");
  return 0; // the file is damaged, and libjpeg will report how
}

static void read_scans(struct jpeg_reader *reader, int count) {
  struct jpeg_decompress_struct *codec = &reader->codec;
  for (int whole = 0; count == 0 || whole < count;) {
    check_progress((j_common_ptr)codec);
    int outcome = jpeg_consume_input(codec);
    if (outcome == JPEG_SCAN_COMPLETED) whole++;
    if (outcome == JPEG_REACHED_EOI)
      jpeg_failure_escape((j_common_ptr)codec, reader->failure.is_cut ? CIMAGE_TRUNCATED : CIMAGE_CORRUPT,
                          "Its scans do not have every coefficient");
  }
  jpeg_start_output(codec, codec->input_scan_number);
}

// Reads up to the end-of-image marker.
static void read_rest(struct jpeg_decompress_struct *codec) {
  for (;;) {
    int outcome = jpeg_consume_input(codec);
    if (outcome == JPEG_REACHED_EOI) return;
    if (outcome == JPEG_REACHED_SOS) ERREXIT(codec, JERR_EOI_EXPECTED); // as libjpeg does in a file with one scan
  }
}

cimage_status cimage_jpeg_decode(const void *bytes, size_t count, uint32_t denominator, size_t working_bytes,
                                 uint32_t scan_limit, cimage_watch watch, cimage_rows rows, cimage_report *report) {
  struct jpeg_reader reader;
  memset(&reader, 0, sizeof reader);
  reader.scan_limit = scan_limit;
  reader.watch = watch;
  reader.progress.progress_monitor = check_progress;
  reader.codec.err = jpeg_failure_prepare(&reader.failure, report);
  if (setjmp(reader.failure.escape) == 0) {
    struct jpeg_decompress_struct *codec = &reader.codec;
    open_reader(&reader, bytes, count);
    codec->progress = &reader.progress;
    // Set after creation, because creation takes a value from the environment.
    codec->mem->max_memory_to_use = working_bytes > LONG_MAX ? LONG_MAX : (long)working_bytes;
    bool cmyk = codec->jpeg_color_space == JCS_CMYK || codec->jpeg_color_space == JCS_YCCK;
    codec->out_color_space = cmyk ? JCS_CMYK : color_space(rows.layout);
    codec->scale_num = 1;
    codec->scale_denom = denominator;
    jpeg_calc_output_dimensions(codec);
    if (codec->output_width != rows.width || codec->output_height != rows.height ||
        rows.bytes_per_row / (size_t)rows.layout < rows.width)
      jpeg_failure_escape((j_common_ptr)codec, CIMAGE_MISUSE, "The rows given do not fit the picture");
    source_join(&reader);
    reader.may_end = !codec->arith_code;
    bool has_several = jpeg_has_multiple_scans(codec);
    int scan_count = has_several ? plan_scans(&reader) : 1;
    codec->buffered_image = has_several;
    jpeg_start_decompress(codec);
    if (has_several) read_scans(&reader, scan_count);
    if (cmyk)
      read_cmyk_rows(codec, rows);
    else
      read_rows(codec, rows);
    reader.has_rows = true;
    // If the last scans were left out, what lies between them must still be read, and damage in it is an error.
    if (!reader.scans.is_limited || reader.scans.is_over) jpeg_failure_end_pixels(&reader.failure);
    if (has_several)
      read_rest(codec);
    else
      jpeg_finish_decompress(codec); // reads on to the end-of-image marker
  }
  jpeg_destroy_decompress(&reader.codec);
  jpeg_failure_settle(&reader.failure);
  return report->status;
}
