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

// The next marker that is not part of a scan's data; null where there is none.
static const uint8_t *find_marker(const uint8_t *from, const uint8_t *end) {
  while (from < end && (from = memchr(from, 0xFF, (size_t)(end - from))) != NULL && from + 1 < end) {
    bool is_data = from[1] == 0 || (from[1] >= 0xD0 && from[1] <= 0xD7);
    if (!is_data && from[1] != 0xFF) return from;
    from += is_data ? 2 : 1;
  }
  return NULL;
}

// ---- Whether every coefficient comes with all its bits ----
// Where some do not, libjpeg smooths blocks by guesses, and to leave out more of them would change what it guesses.

enum { ALL_COEFFICIENTS = DCTSIZE2 };

// Of the components named in a scan's header, the coefficients from `first` to `last` are whole.
static void add_whole(uint64_t *whole, int index, int first, int last, int missing_bits) {
  if (missing_bits == 0 && first <= last && last < ALL_COEFFICIENTS)
    whole[index] |= (~(uint64_t)0 >> (ALL_COEFFICIENTS - 1 - (last - first))) << first;
}

static void add_scan(j_decompress_ptr codec, const uint8_t *header, size_t length, uint64_t *whole) {
  size_t count = length >= 3 ? header[2] : 0;
  if (length != 6 + 2 * count) return; // libjpeg has the words for it
  const uint8_t *range = header + 3 + 2 * count;
  for (size_t k = 0; k < count; k++)
    for (int i = 0; i < codec->num_components; i++)
      if (codec->comp_info[i].component_id == header[3 + 2 * k]) add_whole(whole, i, range[0], range[1], range[2] & 15);
}

struct jpeg_extent jpeg_scans_measure(j_decompress_ptr codec) {
  uint64_t whole[MAX_COMPONENTS] = {0};
  for (int k = 0; k < codec->comps_in_scan; k++)
    add_whole(whole, codec->cur_comp_info[k]->component_index, codec->Ss, codec->Se, codec->Al);
  const uint8_t *marker = codec->src->next_input_byte, *end = marker + codec->src->bytes_in_buffer;
  struct jpeg_extent extent = {.end = end, .has_all_coefficients = true};
  while ((marker = find_marker(marker, end)) != NULL) {
    extent.end = marker;
    if (marker[1] == END_OF_IMAGE) {
      extent.has_end = true;
      extent.end = marker + 2;
      break;
    }
    if (marker[1] == START_OF_IMAGE) break; // of another picture
    size_t length = 0;
    if (marker[1] != TEMPORARY) {
      if (end - marker < 4) break;
      length = (size_t)marker[2] << 8 | marker[3];
      if (length < 2 || length + 2 > (size_t)(end - marker)) break;
      if (marker[1] == START_OF_SCAN) add_scan(codec, marker + 2, length, whole);
    }
    marker += 2 + length;
    extent.end = end;
  }
  for (int i = 0; i < codec->num_components; i++)
    if (whole[i] != ~(uint64_t)0) extent.has_all_coefficients = false;
  return extent;
}

void jpeg_scans_limit(j_decompress_ptr codec, struct jpeg_scans *scans, struct jpeg_extent extent) {
  if (!codec->progressive_mode || !extent.has_all_coefficients) return;
  bool drops_color = codec->jpeg_color_space == JCS_YCbCr && codec->out_color_space == JCS_GRAYSCALE;
  for (int i = 0; i < codec->num_components; i++) {
    const jpeg_component_info *component = &codec->comp_info[i];
    if (is_mean(component) || (drops_color && i > 0))
      scans->components[scans->component_count++] = (uint8_t)component->component_id;
  }
  if (scans->component_count == 0) return;
  // It would guess the coefficients that are left out, and move the first one while it does.
  codec->do_block_smoothing = FALSE;
  scans->next = codec->src->next_input_byte;
  scans->end = scans->next + codec->src->bytes_in_buffer;
  if (!jpeg_scans_next(scans, &codec->src->next_input_byte, &codec->src->bytes_in_buffer))
    codec->src->bytes_in_buffer = 0;
}

// Of a scan's header from its length on: the count of components, a component and its tables, the first coefficient.
static bool is_left_out(const struct jpeg_scans *scans, const uint8_t *header, size_t length) {
  if (length != 8 || header[2] != 1 || header[5] == 0) return false;
  return memchr(scans->components, header[3], scans->component_count) != NULL;
}

boolean jpeg_scans_next(struct jpeg_scans *scans, const uint8_t **piece, size_t *count) {
  const uint8_t *start = scans->next, *end = scans->end, *marker = start;
  while ((marker = find_marker(marker, end)) != NULL && marker[1] != END_OF_IMAGE) {
    if (marker[1] == START_OF_IMAGE || marker[1] == TEMPORARY) {
      marker += 2;
      continue;
    }
    if (end - marker < 4) break;
    size_t length = (size_t)marker[2] << 8 | marker[3];
    if (length < 2 || length + 2 > (size_t)(end - marker)) break; // libjpeg has the words for it
    const uint8_t *after = marker + 2 + length;
    if (marker[1] == START_OF_SCAN && is_left_out(scans, marker + 2, length)) {
      const uint8_t *next = find_marker(after, end);
      if (next == NULL) next = end;
      if (marker > start) {
        scans->next = next;
        *piece = start;
        *count = (size_t)(marker - start);
        return TRUE;
      }
      start = marker = next;
      continue;
    }
    marker = after;
  }
  scans->next = end;
  *piece = start;
  *count = (size_t)(end - start);
  return start < end;
}
