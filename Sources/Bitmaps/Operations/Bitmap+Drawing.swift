// SPDX-License-Identifier: Apache-2.0

public import NativeBuffers

extension Bitmap {
  /// A computed picture: a gradient, a disc, stripes and a board. It is for demonstrations and tests without files.
  ///
  /// The same arguments give the same pixels on every machine. `variant` changes colours and positions. The format is
  /// `rgb8`. Costs a few nanoseconds for each pixel.
  ///
  /// - Throws: `invalidArgument` if a side is below 1 or above 2^31 - 1; `outOfMemory` if there is no memory for the
  ///   pixels.
  public static func drawn(
    width: Int, height: Int, variant: Int = 0, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) -> Bitmap {
    // The drawing computes squares and products of sides, which must not overflow.
    let sides = 1...Int(Int32.max)
    guard sides.contains(width), sides.contains(height) else {
      throw BitmapError(
        .invalidArgument, "a picture of \(width)×\(height) cannot be drawn. Sides are 1 to \(sides.upperBound).")
    }
    let context = AllocationContext(arena: arena, file: file, line: line, function: function)
    return try context.bitmap(width: width, height: height, format: .rgb8) { bitmap throws(BitmapError) in
      let drawing = Drawing(width: width, height: height, variant: variant)
      try unsafe bitmap.withUnsafeMutableRows { rows throws(BitmapError) in
        for y in 0..<height {
          let row = unsafe rows[y]
          for x in 0..<width {
            let color = drawing.color(atX: x, y: y)
            unsafe row[3 * x] = color.red
            unsafe row[3 * x + 1] = color.green
            unsafe row[3 * x + 2] = color.blue
          }
        }
      }
    }
  }
}

/// Uses only integers, so that no compiler or processor can round differently. The colours are tuples and not vectors,
/// because a vector of integers is very slow in a debug build, and the tests draw many pictures.
private struct Drawing {
  typealias Color = (red: UInt8, green: UInt8, blue: UInt8)

  let width: Int
  let height: Int
  let side: Int
  let center: (x: Int, y: Int)
  let corners: (Color, Color)
  let disc: Color

  init(width: Int, height: Int, variant: Int) {
    // Fibonacci hashing: neighbouring variants look very different.
    func hash(_ salt: Int) -> Int {
      let key = UInt64(truncatingIfNeeded: variant &* 8 &+ salt) &+ 1
      return Int((key &* 0x9E37_79B9_7F4A_7C15) >> 33)
    }
    func color(_ salt: Int) -> Color {
      let bits = hash(salt)
      return (
        UInt8(truncatingIfNeeded: bits), UInt8(truncatingIfNeeded: bits >> 8), UInt8(truncatingIfNeeded: bits >> 16)
      )
    }
    self.width = width
    self.height = height
    side = min(width, height)
    center = (x: width / 4 + hash(0) % (width / 2 + 1), y: height / 4 + hash(1) % (height / 2 + 1))
    corners = (color(2), color(3))
    disc = color(4)
  }

  func color(atX x: Int, y: Int) -> Color {
    let (dx, dy, radius) = (x - center.x, y - center.y, side / 4)
    if dx * dx + dy * dy < radius * radius { return disc }
    if x < side / 4, y < side / 4 {
      let isWhite = (x * 16 / side + y * 16 / side) % 2 == 0
      return isWhite ? (250, 250, 250) : (5, 5, 5)
    }
    let isStripe = y > height * 3 / 4 && (x * 24 / width) % 2 == 0
    let (along, length) = (x + y, width + height)
    func blend(_ first: UInt8, _ second: UInt8) -> UInt8 {
      let gradient = (Int(first) * (length - along) + Int(second) * along) / length
      return UInt8(truncatingIfNeeded: isStripe ? gradient / 2 : gradient)
    }
    return (
      blend(corners.0.red, corners.1.red), blend(corners.0.green, corners.1.green),
      blend(corners.0.blue, corners.1.blue)
    )
  }
}
