// Errors and warnings of libjpeg, turned into a report. Included by the two JPEG files only.

#ifndef JPEG_FAILURE_H
#define JPEG_FAILURE_H

#include "CImageCodecs.h"

#include <setjmp.h>
#include <stdio.h> // jpeglib.h uses FILE without including it

#include <jpeglib.h>

struct jpeg_failure {
  struct jpeg_error_mgr errors; // first, so that cinfo->err is also a pointer to this
  jmp_buf escape;
  cimage_report *report;
  bool is_cut;     // the file has ended: pixels that are missing now are missing for that reason
  bool has_pixels; // all rows are there, so that what is wrong from now on is no error
  uint32_t pixel_warnings; // the warnings until then
};

// Call before jpeg_create_*; then setjmp(failure->escape) before anything that can fail.
struct jpeg_error_mgr *jpeg_failure_prepare(struct jpeg_failure *failure, cimage_report *report);

// All rows are there.
void jpeg_failure_end_pixels(struct jpeg_failure *failure);

// When the call is over: where the end is missing or damaged, that is all that is to be said of what follows the pixels.
void jpeg_failure_settle(struct jpeg_failure *failure);

// Ends the call with a reason that libjpeg has no message for.
_Noreturn void jpeg_failure_escape(j_common_ptr cinfo, cimage_status status, const char *message);

// Ends the call where the watch says so.
void jpeg_failure_ask(j_common_ptr cinfo, cimage_watch watch);

#endif
