// SPDX-License-Identifier: Apache-2.0

import CPixelKernels

/// How often each value occurs in each channel of a picture.
///
/// There are 256 bins for each channel. In formats of 8 bits, a bin is one value. In formats of 16 bits, it is all
/// values with the same upper 8 bits (256 values). In float formats, it is one of 256 equal parts of 0 to 1; values
/// below 0 and NaN count in the first bin, values of 1 and above in the last.
public struct Histogram: Hashable, Sendable {
  /// One array of 256 counts for each channel, in the order of the channels in memory. If there is alpha, it is the
  /// last.
  public let channels: [[Int]]
  /// How many pixels were counted.
  public let pixelCount: Int

  /// The mean of a channel, as the mean of its bins: 0 to 255.
  public func mean(ofChannel channel: Int) -> Double {
    let sum = channels[channel].enumerated().reduce(0.0) { $0 + Double($1.offset) * Double($1.element) }
    return sum / Double(pixelCount)
  }
}

extension Bitmap {
  /// Counts the values of each channel as they are stored, those of transparent pixels, too. Costs one pass.
  ///
  /// - Throws: `pixelsUnavailable` if the bitmap was disposed or is being written; `cancelled` if the calling task is
  ///   cancelled.
  public func histogram() throws(BitmapError) -> Histogram {
    let deadline = WorkDeadline()
    var counts = [UInt64](repeating: 0, count: 256 * format.channelCount)
    try unsafe withUnsafeRows { rows throws(BitmapError) in
      for y in 0..<height {
        try deadline.check(row: y)
        unsafe cpixel_count_row(rows[y], format.samples, width, &counts)
      }
    }
    let channels = (0..<format.channelCount).map { channel in
      counts[channel * 256..<(channel + 1) * 256].map { Int($0) }
    }
    return Histogram(channels: channels, pixelCount: width * height)
  }
}
