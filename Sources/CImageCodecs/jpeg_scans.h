// Which scans of a progressive JPEG a small picture needs.
//
// At 1/8 of the size a pixel of a component that is not subsampled is the mean of its block: its first coefficient. The
// others of that component come in scans of their own, which are most of the file and most of the time. They are left
// out of what libjpeg reads; the picture is the same to the last bit.

#ifndef JPEG_SCANS_H
#define JPEG_SCANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jpeglib.h>

struct jpeg_scans {
  const uint8_t *next; // what was not handed out yet; null where nothing is left out
  const uint8_t *end;
  uint8_t components[MAX_COMPONENTS]; // the identifiers of those of which only first coefficients count
  size_t component_count;
};

// How far the scans of a file go, from a walk over its markers.
struct jpeg_extent {
  const uint8_t *end;        // behind the end-of-image marker; without one, where what is part of the picture ends
  bool has_end;              // the marker is there, behind scans and segments that are whole
  bool has_all_coefficients; // the scans' headers name every bit of every coefficient
};

// From behind the header of the first scan, which libjpeg has read; the source is one piece of memory.
// Looks at every byte of the scans, at memchr's speed.
struct jpeg_extent jpeg_scans_measure(j_decompress_ptr codec);

// To be called when output dimensions are known, before decompression starts; the source is one piece of memory. From
// then on the source must ask jpeg_scans_next whenever it runs dry.
void jpeg_scans_limit(j_decompress_ptr codec, struct jpeg_scans *scans, struct jpeg_extent extent);

// The next piece of the file; false at its end.
boolean jpeg_scans_next(struct jpeg_scans *scans, const uint8_t **piece, size_t *count);

#endif
