import CPixelKernels

/// How often each value occurs in each channel of a picture.
///
/// There are 256 bins a channel. Of 8 bits a bin is a value; of 16 bits it is the upper 8 (256 values); of floats it is one
/// of 256 equal parts of 0 to 1, and what lies below 0 or is no number counts in the first, what is 1 or above in the last.
public struct Histogram: Hashable, Sendable {
  /// One array of 256 counts per channel, in the order in which channels lie in memory; alpha, where there is one, is the
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
  /// Counts the values of each channel as they are stored, those of transparent pixels too. Costs one pass.
  ///
  /// - Throws: `pixelsUnavailable`, `cancelled`.
  public func histogram() throws(BitmapError) -> Histogram {
    let watch = WorkWatch()
    var counts = [UInt64](repeating: 0, count: 256 * format.channelCount)
    try unsafe withUnsafeRows { rows throws(BitmapError) in
      for y in 0..<height {
        try watch.check(row: y)
        unsafe cpixel_count_row(rows[y], format.samples, width, &counts)
      }
    }
    let channels = (0..<format.channelCount).map { channel in
      counts[channel * 256..<(channel + 1) * 256].map { Int($0) }
    }
    return Histogram(channels: channels, pixelCount: width * height)
  }
}
