// The scans of a JPEG that has several: where its last one ends, and which of them a small picture needs.
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
  const uint8_t *last; // behind the last scan: from there on, nothing is left out
  const uint8_t *end;
  bool is_limited; // some are left out
  bool is_over;    // what lies behind the last scan was handed out, so that all before it was read
  uint8_t components[MAX_COMPONENTS]; // the identifiers of those of which only first coefficients count
  size_t component_count;
};

// How far the scans of a file go, from a walk over its markers.
struct jpeg_extent {
  bool is_complete;    // the scans' headers name every bit of every coefficient
  const uint8_t *last; // if so: behind the scan with which they do. No scan of this picture can follow it
  int scan_count;      // up to there
  int kept_count;      // of those, the ones that a picture needs which leaves out what jpeg_scans_choose chose
  bool has_end;        // an end-of-image marker is there, behind scans and segments that are whole
  bool is_regular;     // each scan's header is one that libjpeg takes, and nothing lies between segments
};

// Chooses the components of which only first coefficients count. To be called when output dimensions are known.
void jpeg_scans_choose(j_decompress_ptr codec, struct jpeg_scans *scans);

// From behind the header of the first scan, which libjpeg has read; the source is one piece of memory.
// Looks at every byte of the scans, at memchr's speed.
struct jpeg_extent jpeg_scans_measure(j_decompress_ptr codec, const struct jpeg_scans *scans);

// Leaves out the scans that are not needed. To be called before decompression starts; the source is one piece of memory.
// From then on the source must ask jpeg_scans_next whenever it runs dry.
void jpeg_scans_limit(j_decompress_ptr codec, struct jpeg_scans *scans, struct jpeg_extent extent);

// The next piece of the file; false at its end.
boolean jpeg_scans_next(struct jpeg_scans *scans, const uint8_t **piece, size_t *count);

#endif
