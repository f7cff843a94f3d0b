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
            unsafe row[3 * x] = color.x
            unsafe row[3 * x + 1] = color.y
            unsafe row[3 * x + 2] = color.z
          }
        }
      }
    }
  }
}

/// Uses only integers, so that no compiler or processor can round differently.
private struct Drawing {
  let width: Int
  let height: Int
  let side: Int
  let center: (x: Int, y: Int)
  let corners: (SIMD3<Int>, SIMD3<Int>)
  let disc: SIMD3<UInt8>

  init(width: Int, height: Int, variant: Int) {
    // Fibonacci hashing: neighbouring variants look very different.
    func hash(_ salt: Int) -> Int {
      let key = UInt64(truncatingIfNeeded: variant &* 8 &+ salt) &+ 1
      return Int((key &* 0x9E37_79B9_7F4A_7C15) >> 33)
    }
    func color(_ salt: Int) -> SIMD3<Int> {
      SIMD3(hash(salt) & 255, hash(salt) >> 8 & 255, hash(salt) >> 16 & 255)
    }
    self.width = width
    self.height = height
    side = min(width, height)
    center = (x: width / 4 + hash(0) % (width / 2 + 1), y: height / 4 + hash(1) % (height / 2 + 1))
    corners = (color(2), color(3))
    disc = SIMD3(truncatingIfNeeded: color(4))
  }

  func color(atX x: Int, y: Int) -> SIMD3<UInt8> {
    let (dx, dy, radius) = (x - center.x, y - center.y, side / 4)
    if dx * dx + dy * dy < radius * radius { return disc }
    if x < side / 4, y < side / 4 {
      let isWhite = (x * 16 / side + y * 16 / side) % 2 == 0
      return isWhite ? SIMD3(repeating: 250) : SIMD3(repeating: 5)
    }
    let (along, length) = (x + y, width + height)
    let gradient = (corners.0 &* SIMD3(repeating: length - along) &+ corners.1 &* SIMD3(repeating: along)) / length
    let isStripe = y > height * 3 / 4 && (x * 24 / width) % 2 == 0
    return SIMD3(truncatingIfNeeded: isStripe ? gradient / 2 : gradient)
  }
}
