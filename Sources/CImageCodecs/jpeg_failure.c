// SPDX-License-Identifier: Apache-2.0

#include "jpeg_failure.h"

#include <jerror.h>
#include <string.h>

static cimage_status status_of_code(int code) {
  switch (code) {
  case JERR_INPUT_EOF:
  case JERR_INPUT_EMPTY:
    return CIMAGE_TRUNCATED;
  // libjpeg-turbo has no backing store: if it would need a temporary file, it fails with this code.
  case JERR_NO_BACKING_STORE:
    return CIMAGE_WORKING_MEMORY;
  case JERR_OUT_OF_MEMORY:
    return CIMAGE_OUT_OF_MEMORY;
  case JERR_IMAGE_TOO_BIG:
  case JERR_WIDTH_OVERFLOW:
    return CIMAGE_DIMENSIONS;
  case JERR_ARITH_NOTIMPL:
  case JERR_BAD_PRECISION:
  case JERR_CCIR601_NOTIMPL:
  case JERR_CONVERSION_NOTIMPL:
  case JERR_FRACT_SAMPLE_NOTIMPL:
  case JERR_NOTIMPL:
  case JERR_NOT_COMPILED:
    return CIMAGE_UNSUPPORTED;
  default:
    return CIMAGE_CORRUPT;
  }
}

// A warning is a loss if libjpeg continues with invented pixels. Such pixels never become a picture.
static bool is_loss(int code) {
  switch (code) {
  case JWRN_ARITH_BAD_CODE:
  case JWRN_BOGUS_PROGRESSION:
  case JWRN_HIT_MARKER:
  case JWRN_HUFF_BAD_CODE:
  case JWRN_JPEG_EOF:
  case JWRN_MUST_RESYNC:
    return true;
  default:
    return false;
  }
}

static void store_message(j_common_ptr cinfo, cimage_report *report) {
  char message[JMSG_LENGTH_MAX];
  cinfo->err->format_message(cinfo, message);
  snprintf(report->message, sizeof report->message, "%s", message);
}

// A height of 0 in a frame's header is legal: a DNL segment behind the first scan has the height. libjpeg does not read
// such segments.
static bool lacks_height(j_common_ptr cinfo) {
  if (cinfo->err->msg_code != JERR_EMPTY_IMAGE || !cinfo->is_decompressor) return false;
  const struct jpeg_decompress_struct *codec = (const struct jpeg_decompress_struct *)cinfo;
  return codec->image_height == 0 && codec->image_width > 0 && codec->num_components > 0;
}

// Returns what kind of JPEG the file is, if libjpeg does not read that kind: the first marker that libjpeg refuses
// tells (ITU T.81, table B.1, and T.87). Returns NULL if the marker may be damage, because it follows the header of a
// frame that libjpeg reads.
static const char *unread_kind(j_common_ptr cinfo) {
  int code = cinfo->err->msg_code;
  if (!cinfo->is_decompressor || (code != JERR_UNKNOWN_MARKER && code != JERR_SOF_UNSUPPORTED)) return NULL;
  if (((const struct jpeg_decompress_struct *)cinfo)->comp_info != NULL) return NULL;
  switch (cinfo->err->msg_parm.i[0]) {
  case 0xF7:
    return "it is JPEG-LS, which `ffmpeg -i IN.jls OUT.png` reads";
  case 0xC3:
    return "it is lossless JPEG, which `ffmpeg -i IN.jpg OUT.png` reads";
  case 0xCB:
    return "it is lossless JPEG with arithmetic coding";
  case 0xDE: // DHP, the segment with which a hierarchical JPEG begins
  case 0xC5:
  case 0xC6:
  case 0xC7:
  case 0xCD:
  case 0xCE:
  case 0xCF:
    return "it is hierarchical JPEG";
  case 0xC8:
    return "it is an extension of JPEG";
  default:
    return NULL;
  }
}

static void error_exit(j_common_ptr cinfo) {
  struct jpeg_failure *failure = (struct jpeg_failure *)cinfo->err;
  if (lacks_height(cinfo))
    jpeg_failure_escape(cinfo, CIMAGE_UNSUPPORTED, "its header gives no height, which a DNL segment behind it may do");
  const char *kind = unread_kind(cinfo);
  if (kind != NULL) jpeg_failure_escape(cinfo, CIMAGE_UNSUPPORTED, kind);
  store_message(cinfo, failure->report);
  cimage_status status = status_of_code(cinfo->err->msg_code);
  if (failure->has_pixels && status != CIMAGE_WORKING_MEMORY && status != CIMAGE_OUT_OF_MEMORY)
    failure->report->ending = CIMAGE_END_DAMAGED;
  else
    failure->report->status = status;
  longjmp(failure->escape, 1);
}

static void emit_message(j_common_ptr cinfo, int level) {
  if (level >= 0) return; // a trace, not a warning
  struct jpeg_failure *failure = (struct jpeg_failure *)cinfo->err;
  cimage_report *report = failure->report;
  int code = cinfo->err->msg_code;
  if (is_loss(code)) {
    if (failure->has_pixels)
      report->ending = CIMAGE_END_DAMAGED;
    else
      report->status = failure->is_cut ? CIMAGE_TRUNCATED : CIMAGE_CORRUPT;
    store_message(cinfo, report);
    longjmp(failure->escape, 1);
  }
  if (code == JWRN_ADOBE_XFORM) { // libjpeg continues as if the marker said YCbCr, or YCCK
    report->guesses_colors = true;
    return;
  }
  char words[JMSG_LENGTH_MAX];
  cinfo->err->format_message(cinfo, words);
  cimage_report_warn(report, words);
}

static void output_message(j_common_ptr cinfo) { (void)cinfo; } // the default prints on standard error

struct jpeg_error_mgr *jpeg_failure_prepare(struct jpeg_failure *failure, cimage_report *report) {
  memset(report, 0, sizeof *report);
  failure->report = report;
  failure->is_cut = false;
  failure->has_pixels = false;
  failure->pixel_warnings = 0;
  jpeg_std_error(&failure->errors);
  failure->errors.error_exit = error_exit;
  failure->errors.emit_message = emit_message;
  failure->errors.output_message = output_message;
  return &failure->errors;
}

void jpeg_failure_end_pixels(struct jpeg_failure *failure) {
  failure->has_pixels = true;
  failure->pixel_warnings = failure->report->warnings;
}

void jpeg_failure_settle(struct jpeg_failure *failure) {
  if (failure->report->ending != CIMAGE_ENDED) failure->report->warnings = failure->pixel_warnings;
}

void jpeg_failure_escape(j_common_ptr cinfo, cimage_status status, const char *message) {
  struct jpeg_failure *failure = (struct jpeg_failure *)cinfo->err;
  failure->report->status = status;
  snprintf(failure->report->message, sizeof failure->report->message, "%s", message);
  longjmp(failure->escape, 1);
}

void jpeg_failure_ask(j_common_ptr cinfo, cimage_watch watch) {
  cimage_status status = cimage_watch_ask(watch);
  if (status != CIMAGE_OK) jpeg_failure_escape(cinfo, status, "Stopped by the caller");
}
