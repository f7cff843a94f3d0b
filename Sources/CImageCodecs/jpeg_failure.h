// SPDX-License-Identifier: Apache-2.0

// Turns errors and warnings of libjpeg into a report. Included only by the JPEG files.

#ifndef JPEG_FAILURE_H
#define JPEG_FAILURE_H

#include "CImageCodecs.h"

#include <setjmp.h>
#include <stdio.h> // jpeglib.h uses FILE without including it

#include <jpeglib.h>

// libjpeg's error manager, with the report that it fills in and the place to jump to.
struct jpeg_failure {
  struct jpeg_error_mgr errors; // first, so that cinfo->err is also a pointer to this
  jmp_buf escape;
  cimage_report *report;
  bool is_cut;     // the file has ended too early: if pixels are missing now, that is the reason
  bool has_pixels; // all rows are decoded, so damage that is found later is no error
  uint32_t pixel_warnings; // the number of warnings before all rows were decoded
};

// Call this before jpeg_create_*. Then call setjmp(failure->escape) before anything that can fail.
struct jpeg_error_mgr *jpeg_failure_prepare(struct jpeg_failure *failure, cimage_report *report);

// Call this when all rows are decoded.
void jpeg_failure_end_pixels(struct jpeg_failure *failure);

// Call this at the end. If the file's end is missing or damaged, warnings about what follows the pixels are dropped.
void jpeg_failure_settle(struct jpeg_failure *failure);

// Ends the call with a status and a message of our own.
_Noreturn void jpeg_failure_escape(j_common_ptr cinfo, cimage_status status, const char *message);

// Asks the watch, and ends the call if the answer is not CIMAGE_OK.
void jpeg_failure_ask(j_common_ptr cinfo, cimage_watch watch);

#endif
