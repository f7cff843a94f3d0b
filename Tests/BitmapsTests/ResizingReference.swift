// SPDX-License-Identifier: Apache-2.0

import Bitmaps
import Foundation

/// A resized picture by the definition, in plain doubles, in the order in which one would write the definition down.
struct ResizingReference {
  let pixels: [UInt8]
  let width: Int
  let height: Int
  let format: PixelFormat
  let filter: ResizeFilter

  /// Which pixels of an axis count for a target pixel, and how much.
  static func weights(_ index: Int, _ source: Int, _ target: Int, _ filter: ResizeFilter) -> [(Int, Double)] {
    let scale = Double(source) / Double(target)
    if filter == .area {
      let (start, end) = (Double(index) * scale, Double(index + 1) * scale)
      return (0..<source).compactMap { i in
        let share = min(end, Double(i + 1)) - max(start, Double(i))
        return share > 1e-9 ? (i, share / scale) : nil
      }
    }
    let (stretch, center) = (max(1, scale), (Double(index) + 0.5) * scale)
    let all = (0..<source).map { i in (i, value(of: filter, at: (Double(i) + 0.5 - center) / stretch)) }
    let sum = all.reduce(0) { $0 + $1.1 }
    return all.filter { $0.1 != 0 }.map { ($0.0, $0.1 / sum) }
  }

  private static func value(of filter: ResizeFilter, at x: Double) -> Double {
    func sinc(_ x: Double) -> Double { x == 0 ? 1 : sin(.pi * x) / (.pi * x) }
    if filter == .bilinear { return max(0, 1 - abs(x)) }
    return abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0
  }

  /// The sums for each target pixel, one per channel; colours multiplied by alpha of 0 to 1.
  func sums(toWidth newWidth: Int, height newHeight: Int) -> [[Double]] {
    let columns = (0..<newWidth).map { Self.weights($0, width, newWidth, filter) }
    return (0..<newHeight).flatMap { y in
      let rows = Self.weights(y, height, newHeight, filter)
      return columns.map { column in
        var sum = [Double](repeating: 0, count: format.channelCount)
        for (sourceY, shareY) in rows {
          for (sourceX, shareX) in column {
            let base = (sourceY * width + sourceX) * format.channelCount
            let alpha = format.hasAlpha ? Double(pixels[base + 3]) / 255 : 1
            for channel in sum.indices {
              sum[channel] += shareX * shareY * Double(pixels[base + channel]) * (channel == 3 ? 1 : alpha)
            }
          }
        }
        return sum
      }
    }
  }

  /// How far `actual` is from the definition, in 255ths, and at which place.
  func distance(of actual: [UInt8], width newWidth: Int, height newHeight: Int) -> (distance: Int, index: Int) {
    var worst = (distance: 0, index: 0)
    for (index, sum) in sums(toWidth: newWidth, height: newHeight).enumerated() {
      guard let expected = Self.pixel(sum) else { continue }
      for channel in sum.indices {
        let distance = abs(Int(actual[index * sum.count + channel]) - Int(expected[channel]))
        if distance > worst.distance { worst = (distance, index) }
      }
    }
    return worst
  }

  /// The pixel of a sum; nil if alpha is so near to one half that it may also round to 0, and the colour with it.
  static func pixel(_ sum: [Double]) -> [UInt8]? {
    var values = sum
    if sum.count == 4 {
      if abs(sum[3] - 0.5) < 1e-3 { return nil }
      for channel in 0..<3 { values[channel] = sum[3] > 0.5 ? sum[channel] * 255 / sum[3] : 0 }
    }
    return values.map { UInt8(min(255, max(0, $0.rounded()))) }
  }
}
