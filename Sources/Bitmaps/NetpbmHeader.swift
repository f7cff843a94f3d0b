import NativeBuffers

/// The header of a Netpbm file: PBM, PGM, PPM (plain or binary) or PAM.
///
/// Source: the manual pages pbm(5), pgm(5), ppm(5) and pam(5) of Netpbm. No offset or size in a file is believed before
/// it is compared with what is there. Samples of plain files are numbers with white space between them, and nothing is
/// asked for behind the last one: a file that was cut within it cannot be told from one that ends there, and is taken.
struct NetpbmHeader {
  /// The digit behind the "P".
  var kind: Int
  var width = 0
  var height = 0
  /// The value of a sample that is wholly on: 1 to 65,535.
  var maximum = 1
  /// Samples per pixel, alpha included: 1 to 4.
  var channels = 1
  /// Where the samples start, in bytes.
  var offset = 0

  var isPlain: Bool { kind <= 3 }
  var isBitmap: Bool { kind == 1 || kind == 4 }
  var bytesPerSample: Int { maximum > 255 ? 2 : 1 }

  /// The format that loses nothing but what a `maximum` other than 255 or 65,535 is scaled by.
  var pixelFormat: PixelFormat {
    switch (channels, bytesPerSample) {
    case (1, 1): .gray8
    case (2, 1): .grayAlpha8
    case (3, 1): .rgb8
    case (4, 1): .rgba8
    case (1, _): .gray16
    default: .rgba16
    }
  }

  /// The least that the samples take in the file, in bytes. Saturates.
  var sampleByteCount: Int {
    // Sides are below 2^31, so that only the channels can take it beyond 2^63.
    let (count, overflow) = (width * height).multipliedReportingOverflow(by: 2 * channels)
    if overflow { return .max }
    return sampleByteCount(of: count / 2)
  }

  private func sampleByteCount(of count: Int) -> Int {
    switch kind {
    case 1: return count
    case 2, 3: return 2 * count - 1
    case 4: return (width + 7) / 8 * height
    default: return count * bytesPerSample
    }
  }

  init(_ bytes: UnsafeRawBufferPointer) throws(BitmapError) {
    var reader = unsafe NetpbmReader(bytes: bytes)
    guard reader.next() == UInt8(ascii: "P"), let digit = reader.next(), (0x31...0x37).contains(digit) else {
      throw .netpbm(.corrupt, "it does not start with P1 to P7")
    }
    kind = Int(digit) - 0x30
    if kind == 7 {
      try readPAM(&reader)
    } else {
      width = try reader.number("width")
      height = try reader.number("height")
      maximum = isBitmap ? 1 : try reader.number("maximum")
      channels = kind == 3 || kind == 6 ? 3 : 1
      guard let separator = reader.next() else { throw .netpbm(.truncated, "it ends in its header") }
      guard NetpbmReader.isSpace(separator) else { throw .netpbm(.corrupt, "no white space ends its header") }
    }
    offset = reader.position
    guard width > 0, height > 0 else { throw .netpbm(.corrupt, "a side is 0") }
    guard (1...65_535).contains(maximum) else { throw .netpbm(.corrupt, "its maximum is not within 1 and 65535") }
    guard (1...4).contains(channels) else {
      throw .netpbm(.unsupported, "it has \(channels) channels, and 1 to 4 are known")
    }
  }

  private mutating func readPAM(_ reader: inout NetpbmReader) throws(BitmapError) {
    var fields: [String: Int] = [:]
    while true {
      guard let line = reader.line() else { throw .netpbm(.truncated, "it ends in its header") }
      let words = line.split(separator: " ", maxSplits: 1)
      guard let name = words.first, !name.hasPrefix("#") else { continue }
      if name == "ENDHDR" { break }
      guard ["WIDTH", "HEIGHT", "DEPTH", "MAXVAL"].contains(name) else { continue }
      guard words.count == 2, let value = Int(words[1].trimmedOfSpaces), (0..<1 << 31).contains(value) else {
        throw .netpbm(.corrupt, "its \(name) is no number below 2147483648")
      }
      fields[String(name)] = value
    }
    guard let width = fields["WIDTH"], let height = fields["HEIGHT"], let depth = fields["DEPTH"],
      let maximum = fields["MAXVAL"]
    else { throw .netpbm(.corrupt, "WIDTH, HEIGHT, DEPTH or MAXVAL is missing") }
    (self.width, self.height, channels, self.maximum) = (width, height, depth, maximum)
  }
}

/// Bytes that somebody else wrote, one after the other; nil behind the last.
// SAFETY: every read looks at `position` first; used inside the closure that lent the bytes.
@safe
struct NetpbmReader {
  private let bytes: UnsafeRawBufferPointer
  private(set) var position: Int

  init(bytes: UnsafeRawBufferPointer, at position: Int = 0) {
    unsafe self.bytes = unsafe bytes
    self.position = position
  }

  mutating func next() -> UInt8? {
    guard position < count else { return nil }
    defer { position += 1 }
    return unsafe bytes[position]
  }

  private var count: Int { unsafe bytes.count }

  static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

  /// The next byte that is neither white space nor in a comment; nil at the end. The byte is taken.
  mutating func nextOfToken() -> UInt8? {
    while let byte = next() {
      if byte == UInt8(ascii: "#") {
        while let byte = next(), byte != 0x0A, byte != 0x0D {}
      } else if !Self.isSpace(byte) {
        return byte
      }
    }
    return nil
  }

  /// A decimal number below 2^31. The byte behind it stays.
  mutating func number(_ name: String) throws(BitmapError) -> Int {
    guard let first = nextOfToken() else { throw .netpbm(.truncated, "it ends before a \(name)") }
    position -= 1
    guard (0x30...0x39).contains(first) else { throw .netpbm(.corrupt, "a \(name) is no number") }
    var value = 0
    while position < count {
      let byte = unsafe bytes[position]
      guard (0x30...0x39).contains(byte) else { break }
      value = value * 10 + Int(byte) - 0x30
      guard value < 1 << 31 else { throw .netpbm(.corrupt, "a \(name) is 2147483648 or more") }
      position += 1
    }
    return value
  }

  /// What is left of the line, without its end; nil where there is no end, or after 1,024 bytes.
  mutating func line() -> String? {
    var line: [UInt8] = []
    while line.count < 1024, let byte = next() {
      if byte == 0x0A { return String(decoding: line, as: UTF8.self) }
      line.append(byte)
    }
    return nil
  }
}

extension Substring {
  fileprivate var trimmedOfSpaces: Substring {
    var part = self
    while part.first?.isWhitespace == true { part.removeFirst() }
    while part.last?.isWhitespace == true { part.removeLast() }
    return part
  }
}

extension BitmapError {
  static func netpbm(_ code: Code, _ what: String) -> BitmapError {
    let help =
      code == .unsupported ? "Convert it to a plain one." : "Fetch the file again from where it came from."
    let state =
      code == .unsupported
      ? "is not supported" : code == .truncated ? "ends before the picture does" : "is damaged"
    return BitmapError(code, "the Netpbm data \(state) (\(what)). \(help)", format: .netpbm)
  }
}
