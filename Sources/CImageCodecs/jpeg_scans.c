// SPDX-License-Identifier: Apache-2.0

#include "jpeg_scans.h"

#include <string.h>

enum { END_OF_IMAGE = 0xD9, START_OF_IMAGE = 0xD8, START_OF_SCAN = 0xDA, TEMPORARY = 0x01 };

static bool is_mean(const jpeg_component_info *component) {
#if JPEG_LIB_VERSION >= 70
  return component->DCT_h_scaled_size == 1 && component->DCT_v_scaled_size == 1;
#else
  return component->DCT_scaled_size == 1;
#endif
}

// Returns the next marker that is not part of a scan's data, or NULL if there is none.
static const uint8_t *find_marker(const uint8_t *from, const uint8_t *end) {
  while (from < end && (from = memchr(from, 0xFF, (size_t)(end - from))) != NULL && from + 1 < end) {
    bool is_data = from[1] == 0 || (from[1] >= 0xD0 && from[1] <= 0xD7);
    if (!is_data && from[1] != 0xFF) return from;
    from += is_data ? 2 : 1;
  }
  return NULL;
}

// Whether libjpeg reads or skips such a segment between two scans. For libjpeg, all other segments are errors.
static bool is_known(uint8_t marker) {
  bool is_table = marker == 0xC4 || marker == 0xCC || marker == 0xDB || marker == 0xDC || marker == 0xDD;
  bool is_application = marker >= 0xE0 && marker <= 0xEF;
  return is_table || is_application || marker == 0xFE || marker == TEMPORARY;
}

// ---- Whether every coefficient comes with all its bits ----
// If the file leaves bits out, libjpeg replaces them by guesses or by gray. Such pixels never become a picture.

// Which bits of each coefficient are there, according to the headers of the scans so far.
struct progress {
  bool is_progressive;
  bool is_regular;
  int component_count;
  // For each coefficient, how many of its lowest bits are missing; -1 if all are. Like libjpeg's coef_bits.
  int8_t missing[MAX_COMPONENTS][DCTSIZE2];
};

// A scan's header, read by libjpeg or by read_scan.
struct scan {
  int component_count;
  int components[MAX_COMPS_IN_SCAN];
  int first, last; // the range of coefficients that the scan has bits of
  int high, low;   // how many of their lowest bits are missing before the scan, and after it
};

// Checks the rules that libjpeg checks when a scan starts (ITU T.81, G.1.1.1), and notes which bits the scan has.
static void add_scan(struct progress *progress, struct scan scan) {
  if (!progress->is_progressive) { // libjpeg ignores the rest of such a header
    for (int i = 0; i < scan.component_count; i++) memset(progress->missing[scan.components[i]], 0, DCTSIZE2);
    return;
  }
  bool is_possible = scan.first == 0 ? scan.last == 0
                                     : scan.first <= scan.last && scan.last < DCTSIZE2 && scan.component_count == 1;
  if (!is_possible || scan.low > 13 || (scan.high != 0 && scan.low != scan.high - 1)) {
    progress->is_regular = false;
    return;
  }
  for (int i = 0; i < scan.component_count; i++) {
    int8_t *missing = progress->missing[scan.components[i]];
    if (scan.first > 0 && missing[0] < 0) progress->is_regular = false;
    for (int k = scan.first; k <= scan.last; k++) {
      if (scan.high != (missing[k] < 0 ? 0 : missing[k])) progress->is_regular = false;
      missing[k] = (int8_t)scan.low;
    }
  }
}

static bool is_complete(const struct progress *progress) {
  for (int i = 0; i < progress->component_count; i++)
    for (int k = 0; k < DCTSIZE2; k++)
      if (progress->missing[i][k] != 0) return false;
  return true;
}

// `header` begins with the header's length. Returns false if libjpeg refuses the header.
static bool read_scan(j_decompress_ptr codec, const uint8_t *header, size_t length, struct scan *scan) {
  int count = length >= 3 ? header[2] : 0;
  if (count < 1 || count > MAX_COMPS_IN_SCAN || length != 6 + 2 * (size_t)count) return false;
  for (int i = 0; i < count; i++) {
    // libjpeg does the same: if several components have the same identifier, it takes them in their order.
    int found = i;
    while (found < codec->num_components && codec->comp_info[found].component_id != header[3 + 2 * i]) found++;
    if (found == codec->num_components) return false;
    for (int k = 0; k < i; k++)
      if (scan->components[k] == found) return false;
    scan->components[i] = found;
  }
  const uint8_t *range = header + 3 + 2 * count;
  scan->component_count = count;
  scan->first = range[0];
  scan->last = range[1];
  scan->high = range[2] >> 4;
  scan->low = range[2] & 15;
  return true;
}

// `header` begins with the header's length. If the scan has one component, then come the number of components, the
// component and its tables, and the first coefficient.
static bool is_left_out(const struct jpeg_scans *scans, const uint8_t *header, size_t length) {
  if (length != 8 || header[2] != 1 || header[5] == 0) return false;
  return memchr(scans->components, header[3], scans->component_count) != NULL;
}

struct jpeg_extent jpeg_scans_measure(j_decompress_ptr codec, const struct jpeg_scans *scans) {
  struct progress progress = {
      .is_progressive = codec->progressive_mode, .is_regular = true, .component_count = codec->num_components};
  memset(progress.missing, -1, sizeof progress.missing);
  struct scan scan = {.component_count = codec->comps_in_scan, .first = codec->Ss, .last = codec->Se,
                      .high = codec->Ah, .low = codec->Al};
  for (int i = 0; i < scan.component_count; i++) scan.components[i] = codec->cur_comp_info[i]->component_index;
  add_scan(&progress, scan);

  struct jpeg_extent extent = {.scan_count = 1, .kept_count = 1};
  const uint8_t *marker = codec->src->next_input_byte, *end = marker + codec->src->bytes_in_buffer;
  for (bool is_data = true;;) {
    const uint8_t *from = marker;
    marker = find_marker(from, end);
    if (!is_data && marker != from) progress.is_regular = false; // libjpeg warns of bytes between segments
    if (!extent.is_complete && is_complete(&progress)) {
      extent.is_complete = true;
      extent.last = marker == NULL ? end : marker;
    }
    if (marker == NULL || marker[1] == START_OF_IMAGE) break; // another picture begins
    if (marker[1] == END_OF_IMAGE) {
      extent.has_end = true;
      break;
    }
    // Behind the last scan, a segment that libjpeg does not read is not part of the picture.
    if (extent.is_complete && !is_known(marker[1])) break;
    is_data = false;
    size_t length = 0;
    if (marker[1] != TEMPORARY) {
      if (end - marker < 4) break;
      length = (size_t)marker[2] << 8 | marker[3];
      if (length < 2 || length + 2 > (size_t)(end - marker)) break; // libjpeg reports this error
      is_data = marker[1] == START_OF_SCAN;
      if (is_data) {
        if (read_scan(codec, marker + 2, length, &scan))
          add_scan(&progress, scan);
        else
          progress.is_regular = false;
        extent.scan_count++;
        if (!is_left_out(scans, marker + 2, length)) extent.kept_count++;
      }
    }
    marker += 2 + length;
  }
  extent.is_regular = progress.is_regular;
  return extent;
}

// ---- What is left out ----

void jpeg_scans_choose(j_decompress_ptr codec, struct jpeg_scans *scans) {
  if (!codec->progressive_mode) return;
  for (int i = 0; i < codec->num_components; i++) // choose nothing if two components have the same identifier
    for (int k = 0; k < i; k++)
      if (codec->comp_info[i].component_id == codec->comp_info[k].component_id) return;
  bool drops_color = codec->jpeg_color_space == JCS_YCbCr && codec->out_color_space == JCS_GRAYSCALE;
  for (int i = 0; i < codec->num_components; i++) {
    const jpeg_component_info *component = &codec->comp_info[i];
    if (is_mean(component) || (drops_color && i > 0))
      scans->components[scans->component_count++] = (uint8_t)component->component_id;
  }
}

void jpeg_scans_limit(j_decompress_ptr codec, struct jpeg_scans *scans, struct jpeg_extent extent) {
  if (extent.kept_count == extent.scan_count) return;
  // Block smoothing would guess the coefficients that are left out, and change the first coefficients.
  codec->do_block_smoothing = FALSE;
  scans->is_limited = true;
  scans->next = codec->src->next_input_byte;
  scans->last = extent.last;
  scans->end = scans->next + codec->src->bytes_in_buffer;
  jpeg_scans_next(scans, &codec->src->next_input_byte, &codec->src->bytes_in_buffer);
}

boolean jpeg_scans_next(struct jpeg_scans *scans, const uint8_t **piece, size_t *count) {
  if (scans->next == scans->last) { // true also if no scan is left out: both are NULL then
    *piece = scans->next;
    *count = (size_t)(scans->end - scans->next);
    scans->next = scans->last = scans->end;
    scans->is_over = true;
    return *count > 0;
  }
  const uint8_t *start = scans->next, *marker = start;
  // All segments up to `last` are whole, because jpeg_scans_measure has walked over them.
  while ((marker = find_marker(marker, scans->last)) != NULL) {
    if (marker[1] == TEMPORARY) {
      marker += 2;
      continue;
    }
    size_t length = (size_t)marker[2] << 8 | marker[3];
    const uint8_t *after = marker + 2 + length;
    if (marker[1] != START_OF_SCAN || !is_left_out(scans, marker + 2, length)) {
      marker = after;
      continue;
    }
    const uint8_t *next = find_marker(after, scans->last);
    if (next == NULL) next = scans->last;
    if (marker > start) {
      scans->next = next;
      *piece = start;
      *count = (size_t)(marker - start);
      return TRUE;
    }
    start = marker = next;
  }
  scans->next = scans->last;
  if (start == scans->last) return jpeg_scans_next(scans, piece, count);
  *piece = start;
  *count = (size_t)(scans->last - start);
  return TRUE;
}
