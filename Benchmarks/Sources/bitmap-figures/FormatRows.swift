// SPDX-License-Identifier: Apache-2.0

import Bitmaps
import NativeBuffers

extension Row {
  /// Conversions between formats, by Bitmaps and by plain Swift loops over typed views.
  static func formats(_ drawn: Bitmap, _ glass: Bitmap) throws -> [Row] {
    let multiplied = try glass.converted(to: .rgba8Premultiplied)
    var rows = [
      Row(name: "4K rgba8 copied") { try glass.copied().dispose() },
      Row(name: "4K translucent grayscaled") { try glass.grayscaled().dispose() },
      Row(name: "4K to 1920, area, premultiplied") { try multiplied.resized(toWidth: 1920, height: 1080).dispose() },
      Row(name: "4K rgba8 to bgra8, plain Swift") {
        var result = try Bitmap(width: glass.width, height: glass.height, format: .bgra8)
        try swap(glass, &result)
        result.dispose()
      },
      Row(name: "4K rgba8 multiplied, plain Swift") {
        var result = try Bitmap(width: glass.width, height: glass.height, format: .rgba8Premultiplied)
        try multiply(glass, &result)
        result.dispose()
      },
      Row(name: "4K rgba8 divided, plain Swift") {
        var result = try Bitmap(width: glass.width, height: glass.height, format: .rgba8)
        try divide(multiplied, &result)
        result.dispose()
      },
    ]
    let pairs: [(PixelFormat, PixelFormat)] = [
      (.rgba8, .bgra8), (.rgba8, .rgba8Premultiplied), (.rgba8Premultiplied, .rgba8), (.bgra8, .rgb8), (.bgra8, .gray8),
      (.rgb8, .bgra8), (.rgba8, .rgba16), (.rgba16, .rgba8), (.rgba8, .rgbaF32), (.rgbaF32, .rgba8), (.gray8, .grayF32),
      (.grayF32, .gray8),
    ]
    for (from, to) in pairs {
      let source = try glass.converted(to: from)
      rows.append(Row(name: "4K \(from) to \(to)") { try source.converted(to: to).dispose() })
    }
    for jobs in [1, 2] {
      var frame = try glass.copied()
      rows.append(
        Row(name: "4K rgba8 changed by \(jobs) job\(jobs == 1 ? "" : "s")") {
          try frame.withMutableRowBands(as: RGBA8.self, jobs: jobs) { band in
            for y in band.rows {
              for x in 0..<band.width { band[x, y].green = band[x, y].green &+ band[x, y].red / 3 }
            }
          }
        })
    }
    var icon = try Bitmap(width: 64, height: 64, format: .rgba8)
    rows.append(
      Row(name: "1,000 × 64 px changed by 2 jobs") {
        for _ in 0..<1000 {
          try icon.withMutableRowBands(as: RGBA8.self, jobs: 2) { band in band[0, band.rows.lowerBound].red &+= 1 }
        }
      })
    return rows
  }

  private static func swap(_ source: Bitmap, _ result: inout Bitmap) throws {
    try source.withPixels(as: RGBA8.self) { source in
      try result.withMutablePixels(as: BGRA8.self) { result in
        for y in source.rows {
          let from = source[y]
          for x in from.indices {
            result[x, y] = BGRA8(red: from[x].red, green: from[x].green, blue: from[x].blue, alpha: from[x].alpha)
          }
        }
      }
    }
  }

  private static func multiply(_ source: Bitmap, _ result: inout Bitmap) throws {
    try source.withPixels(as: RGBA8.self) { source in
      try result.withMutablePixels(as: RGBA8.self) { result in
        for y in source.rows {
          let from = source[y]
          for x in from.indices {
            let (pixel, alpha) = (from[x], UInt32(from[x].alpha))
            func multiplied(_ color: UInt8) -> UInt8 { UInt8((UInt32(color) * alpha + 127) / 255) }
            result[x, y] = RGBA8(
              red: multiplied(pixel.red), green: multiplied(pixel.green), blue: multiplied(pixel.blue),
              alpha: pixel.alpha)
          }
        }
      }
    }
  }

  private static func divide(_ source: Bitmap, _ result: inout Bitmap) throws {
    try source.withPixels(as: RGBA8.self) { source in
      try result.withMutablePixels(as: RGBA8.self) { result in
        for y in source.rows {
          let from = source[y]
          for x in from.indices {
            let (pixel, alpha) = (from[x], UInt32(from[x].alpha))
            func divided(_ color: UInt8) -> UInt8 {
              alpha == 0 ? 0 : UInt8(min(255, (2 * UInt32(color) * 255 + alpha) / (2 * alpha)))
            }
            result[x, y] = RGBA8(
              red: divided(pixel.red), green: divided(pixel.green), blue: divided(pixel.blue), alpha: pixel.alpha)
          }
        }
      }
    }
  }
}
