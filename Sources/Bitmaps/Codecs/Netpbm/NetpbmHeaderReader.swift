// SPDX-License-Identifier: Apache-2.0

/// Reads the header of a Netpbm file byte by byte, and each byte once. If the bytes end, it continues there when more
/// bytes have arrived. Nothing is allocated.
struct NetpbmHeaderReader {
  /// What the next byte belongs to.
  private enum Place {
    case signature
    // PBM, PGM and PPM: numbers, with white space and comments between them.
    case gap, comment, number
    // PAM: lines of a name and a number.
    case lineStart, name, valueGap, value, lineEnd, typeGap, type, otherLine, lastLine
    case done
  }

  private var header = NetpbmHeader(kind: 0)
  private var place = Place.signature
  private var number = 0
  /// For PBM, PGM and PPM, how many numbers were read. For PAM, a bit for each field that was read.
  private var fields = 0
  private var field = Field.width
  /// The letters of the name in a PAM's line, up to eight of them, as one number.
  private var name: UInt64 = 0
  private var nameByteCount = 0
  /// Where the type lies in a PAM's first TUPLTYPE line that has a type, and how many lines have one.
  private var type = 0..<0
  private var typeLineCount = 0

  /// The fields that a PAM must have, in the order of a PGM's numbers.
  private enum Field: Int {
    case width, height, maximum, depth
  }

  /// Continues to read; nil if the bytes end before the header does. `bytes` begins with the bytes of the last call.
  /// Asks the deadline for each 64 KiB.
  ///
  /// - Throws: `corrupt` or `unsupported` if the header is not one that can be read; `limitExceeded` as soon as more
  ///   than `limits.embeddedByteCount` and 256 bytes belong to the header; the error of the deadline.
  mutating func read(
    _ bytes: UnsafeRawBufferPointer, limits: DecodingLimits, deadline: WorkDeadline
  ) throws(BitmapError) -> NetpbmHeader? {
    let sum = NetpbmHeader.plainByteCount.addingReportingOverflow(max(0, limits.embeddedByteCount))
    let most = sum.overflow ? .max : sum.partialValue
    while place != .done {
      guard header.offset < bytes.count else { return nil }
      guard header.offset < most else {
        throw BitmapError(
          exceeding: .init(name: "embeddedByteCount", needed: nil, allowed: limits.embeddedByteCount, unit: "bytes"),
          format: .netpbm, subject: "the header of this Netpbm, with its comments and white space,")
      }
      try deadline.check()
      let end = min(bytes.count, most, header.offset + max(1, WorkPace.interval >> 6))
      while header.offset < end, place != .done {
        let byte = unsafe bytes[header.offset]
        header.offset += 1
        try take(byte)
      }
    }
    header.tupleType = try unsafe NetpbmTupleType(
      named: UnsafeRawBufferPointer(rebasing: bytes[type]), lineCount: typeLineCount)
    try header.check()
    return header
  }

  private mutating func take(_ byte: UInt8) throws(BitmapError) {
    let isSpace = NetpbmReader.isSpace(byte)
    switch place {
    case .signature: try takeSignature(byte)
    case .gap:
      if byte == UInt8(ascii: "#") {
        place = .comment
      } else if !isSpace {
        number = 0
        try takeDigit(byte)
        place = .number
      }
    case .comment: if byte == 0x0A || byte == 0x0D { place = .gap }
    case .number:
      if (0x30...0x39).contains(byte) { try takeDigit(byte) } else { try endNumber(before: byte, isSpace) }
    case .lineStart:
      if byte == UInt8(ascii: "#") {
        place = .otherLine
      } else if !isSpace {
        (name, nameByteCount) = (UInt64(byte), 1)
        place = .name
      }
    case .name:
      if isSpace {
        try endName(with: byte)
      } else {
        nameByteCount += 1
        if nameByteCount <= 8 { name = name << 8 | UInt64(byte) }
      }
    case .valueGap:
      if byte == 0x0A { throw Self.noNumber }
      if !isSpace {
        number = 0
        try takeDigit(byte)
        place = .value
      }
    case .value:
      if isSpace { endField(with: byte) } else { try takeDigit(byte) }
    case .lineEnd:
      if byte == 0x0A { place = .lineStart } else if !isSpace { throw Self.noNumber }
    case .typeGap:
      if byte == 0x0A { place = .lineStart } else if !isSpace { startType() }
    case .type:
      if byte == 0x0A { place = .lineStart } else if !isSpace, typeLineCount == 1 { takeLetterOfType() }
    case .otherLine: if byte == 0x0A { place = .lineStart }
    case .lastLine: if byte == 0x0A { try end() }
    case .done: break
    }
  }

  private mutating func takeSignature(_ byte: UInt8) throws(BitmapError) {
    if header.offset == 1, byte == UInt8(ascii: "P") { return }
    guard header.offset == 2, (0x31...0x37).contains(byte) else {
      throw .netpbm(.corrupt, "it does not start with P1 to P7")
    }
    let offset = header.offset
    header = NetpbmHeader(kind: Int(byte) - 0x30)
    header.offset = offset
    place = header.kind == 7 ? .lineStart : .gap
  }

  private mutating func takeDigit(_ byte: UInt8) throws(BitmapError) {
    guard (0x30...0x39).contains(byte) else { throw Self.noNumber }
    number = number * 10 + Int(byte) - 0x30
    guard number < 1 << 31 else { throw .netpbm(.corrupt, "a number in its header is 2147483648 or more") }
  }

  /// Ends a number of a PBM, PGM or PPM. One white space ends the last number; behind other numbers a comment may begin
  /// at once.
  private mutating func endNumber(before byte: UInt8, _ isSpace: Bool) throws(BitmapError) {
    switch fields {
    case 0: header.width = number
    case 1: header.height = number
    default: header.maximum = number
    }
    fields += 1
    guard fields == (header.isBitmap ? 2 : 3) else {
      place = .gap
      return try take(byte)
    }
    guard isSpace else { throw .netpbm(.corrupt, "no white space ends its header") }
    place = .done
  }

  private mutating func endName(with byte: UInt8) throws(BitmapError) {
    let isLineEnd = byte == 0x0A
    if nameByteCount <= 8, name == Self.lastName {
      if isLineEnd { try end() } else { place = .lastLine }
      return
    }
    if nameByteCount == 8, name == Self.typeName {
      place = isLineEnd ? .lineStart : .typeGap
      return
    }
    guard nameByteCount <= 8, let known = Self.field(named: name) else {
      place = isLineEnd ? .lineStart : .otherLine
      return
    }
    guard !isLineEnd else { throw Self.noNumber }
    field = known
    place = .valueGap
  }

  private mutating func startType() {
    typeLineCount += 1
    place = .type
    guard typeLineCount == 1 else { return }
    type = header.offset - 1..<header.offset
  }

  private mutating func takeLetterOfType() { type = type.lowerBound..<header.offset }

  private mutating func endField(with byte: UInt8) {
    switch field {
    case .width: header.width = number
    case .height: header.height = number
    case .maximum: header.maximum = number
    case .depth: header.channels = number
    }
    fields |= 1 << field.rawValue
    place = byte == 0x0A ? .lineStart : .lineEnd
  }

  private mutating func end() throws(BitmapError) {
    guard fields == 0b1111 else { throw .netpbm(.corrupt, "WIDTH, HEIGHT, DEPTH or MAXVAL is missing") }
    place = .done
  }

  private static let lastName: UInt64 = 0x454E_4448_4452  // ENDHDR
  private static let typeName: UInt64 = 0x5455_504C_5459_5045  // TUPLTYPE

  private static func field(named name: UInt64) -> Field? {
    switch name {
    case 0x57_4944_5448: .width  // WIDTH
    case 0x4845_4947_4854: .height  // HEIGHT
    case 0x4D41_5856_414C: .maximum  // MAXVAL
    case 0x44_4550_5448: .depth  // DEPTH
    default: nil
    }
  }

  private static var noNumber: BitmapError { .netpbm(.corrupt, "something in its header is no number") }
}
