// SPDX-License-Identifier: Apache-2.0

/// What a caller asks of the pixels that it gets.
struct DecodingOptions {
  /// Nil for the picture's own format.
  var format: PixelFormat?
  /// Nil for the whole size.
  var minimumWidth: Int?
  var appliesOrientation = true
  var limits: DecodingLimits
}
