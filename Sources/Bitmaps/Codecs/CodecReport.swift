// SPDX-License-Identifier: Apache-2.0

import CImageCodecs

extension cimage_report {
  /// The message of the codec's library.
  var text: String {
    var copy = self
    // SAFETY: the message is a C string inside the report, which outlives the closure.
    return unsafe withUnsafePointer(to: &copy) { unsafe String(cString: cimage_report_message($0)) }
  }

  /// The library's message about the first irregular thing that it found.
  var warningText: String {
    var copy = self
    // SAFETY: as above.
    return unsafe withUnsafePointer(to: &copy) { unsafe String(cString: cimage_report_warning($0)) }
  }
}
