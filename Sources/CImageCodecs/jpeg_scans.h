// SPDX-License-Identifier: Apache-2.0

// The scans of a JPEG that has several: where the last scan ends, and which scans a small picture needs.
//
// At 1/8 of the size, a pixel of a component that is not subsampled is the mean of its block, which is the block's
// first coefficient. The component's other coefficients come in scans of their own, which are most of the file and take
// most of the time. libjpeg does not get these scans; the picture is the same to the last bit.

#ifndef JPEG_SCANS_H
#define JPEG_SCANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jpeglib.h>

// Which scans are left out, and how much of the file the source has handed out.
struct jpeg_scans {
  const uint8_t *next; // the next byte to hand out; NULL if no scan is left out
  const uint8_t *last; // the first byte behind the last scan: from there on, nothing is left out
  const uint8_t *end;
  bool is_limited; // some scans are left out
  bool is_over;    // the source has handed out the bytes behind the last scan, so libjpeg has read all scans
  uint8_t components[MAX_COMPONENTS]; // identifiers of the components of which only first coefficients are needed
  size_t component_count;
};

// Where the scans of a file end, found by a walk over its markers.
struct jpeg_extent {
  bool is_complete;    // the scans' headers name every bit of every coefficient
  const uint8_t *last; // if complete: the first byte behind the scan that has the last missing bits
  int scan_count;      // the number of scans up to there
  int kept_count;      // how many of them remain without the scans that jpeg_scans_choose makes unnecessary
  bool has_end;        // an end-of-image marker is there, and all scans and segments before it are whole
  bool is_regular;     // libjpeg accepts each scan's header, and nothing lies between segments
};

// Chooses the components of which only first coefficients are needed. Call it when the output dimensions are known.
void jpeg_scans_choose(j_decompress_ptr codec, struct jpeg_scans *scans);

// Starts behind the header of the first scan, which libjpeg has read. The source must be one piece of memory. This
// looks at every byte of the scans, at the speed of memchr.
struct jpeg_extent jpeg_scans_measure(j_decompress_ptr codec, const struct jpeg_scans *scans);

// Leaves out the scans that are not needed. Call it before decompression starts; the source must be one piece of
// memory. From then on the source must ask jpeg_scans_next whenever it is empty.
void jpeg_scans_limit(j_decompress_ptr codec, struct jpeg_scans *scans, struct jpeg_extent extent);

// Gives the next piece of the file. Returns false at the file's end.
boolean jpeg_scans_next(struct jpeg_scans *scans, const uint8_t **piece, size_t *count);

#endif
