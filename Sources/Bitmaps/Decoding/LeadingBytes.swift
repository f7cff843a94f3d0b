/// The first bytes of a file, and what they say about its format while more bytes may follow.
struct LeadingBytes: ~Escapable {
  /// Whether bytes match what is expected of them.
  enum Match {
    case yes, no
    /// The bytes that are there match, but there are too few to decide.
    case open

    static func && (left: Match, right: @autoclosure () -> Match) -> Match {
      if left == .no { return .no }
      let right = right()
      return right == .yes ? left : right
    }
  }

  private let reader: BoundedReader

  @_lifetime(copy bytes)
  init(_ bytes: RawSpan) { reader = BoundedReader(bytes: bytes) }

  var byteCount: Int { reader.count }

  func starts(with text: String) -> Match { has(text, at: 0) }

  func starts(with bytes: [UInt8]) -> Match { has(bytes, at: 0) }

  func has(_ text: String, at offset: Int) -> Match { has(text.utf8, at: offset) }

  func has(_ bytes: [UInt8], at offset: Int) -> Match { has(bytes[...], at: offset) }

  private func has(_ bytes: some Sequence<UInt8>, at offset: Int) -> Match {
    var position = offset
    for expected in bytes {
      guard let byte = reader.byte(at: position) else { return .open }
      if byte != expected { return .no }
      position += 1
    }
    return .yes
  }

  func has(anyOf values: some Sequence<UInt8>, at offset: Int) -> Match {
    guard let byte = reader.byte(at: offset) else { return .open }
    return values.contains(byte) ? .yes : .no
  }

  /// Whether the file's first box lists this brand among those that follow the major brand and its version.
  func hasCompatibleBrand(_ brand: String) -> Match {
    guard let size = reader.integer(at: 0, byteCount: 4) else { return .open }
    for position in stride(from: 16, to: min(size, PictureFormat.signatureByteCount) - 3, by: 4) {
      let match = has(brand, at: position)
      if match != .no { return match }
    }
    return .no
  }

  /// Whether an XML document is SVG, by its first element or its document type. A byte order mark, white space,
  /// comments and instructions may come before.
  var matchOfSVG: Match {
    var position = reader.has([0xEF, 0xBB, 0xBF], at: 0) ? 3 : 0
    while true {
      while let byte = reader.byte(at: position), [9, 10, 13, 32].contains(byte) { position += 1 }
      let rules: [(start: String, end: String)] = [("<!--", "-->"), ("<?", "?>")]
      guard let rule = rules.first(where: { has($0.start, at: position) == .yes }) else { break }
      guard let end = self.position(behind: rule.end, from: position + rule.start.utf8.count) else { return .open }
      position = end
    }
    let type = has("<!DOCTYPE svg", at: position)
    return type == .no ? matchOfElement(at: position) : type
  }

  /// Matches `<svg`, or the same with a namespace prefix.
  private func matchOfElement(at start: Int) -> Match {
    let lead = has("<", at: start)
    guard lead == .yes else { return lead }
    var name: [UInt8] = []
    while let byte = reader.byte(at: start + 1 + name.count) {
      if [9, 10, 13, 32, UInt8(ascii: ">"), UInt8(ascii: "/")].contains(byte) {
        return name.elementsEqual("svg".utf8) || name.suffix(4).elementsEqual(":svg".utf8) ? .yes : .no
      }
      guard name.count < 32, byte > 0x20 else { return .no }
      name.append(byte)
    }
    return .open
  }

  private func position(behind text: String, from start: Int) -> Int? {
    var position = start
    while position < byteCount {
      if has(text, at: position) == .yes { return position + text.utf8.count }
      position += 1
    }
    return nil
  }
}
