// SPDX-License-Identifier: Apache-2.0

extension LeadingBytes {
  /// Whether an XML document in UTF-8, or in UTF-16 with a byte order mark, is SVG, by its first element or its
  /// document type. A byte order mark, white space, comments and instructions may come before.
  var matchOfSVG: Match {
    let isUTF16 = [starts(with: [0xFF, 0xFE]), starts(with: [0xFE, 0xFF])]
    if let isLittle = isUTF16.firstIndex(of: .yes).map({ $0 == 0 }) {
      let text = asciiOfUTF16(isLittle: isLittle)
      // SAFETY: an array of bytes is initialised throughout.
      return unsafe LeadingBytes(text.span.bytes).matchOfPlainSVG
    }
    return isUTF16.contains(.open) ? .open : matchOfPlainSVG
  }

  /// Whether the file is compressed by gzip, and holds SVG.
  var matchOfCompressedSVG: Match {
    let isGzip = starts(with: [0x1F, 0x8B, 8])
    guard isGzip == .yes else { return isGzip }
    let (text, mayGoOn) = reader.inflatedGzip(upTo: PictureFormat.signatureByteCount)
    // SAFETY: an array of bytes is initialised throughout.
    let match = unsafe LeadingBytes(text.span.bytes).matchOfSVG
    return match == .open && !mayGoOn ? .no : match
  }

  /// The text behind the byte order mark. Each character that is not ASCII is replaced by one that has no meaning in
  /// XML.
  private func asciiOfUTF16(isLittle: Bool) -> [UInt8] {
    stride(from: 2, to: byteCount - 1, by: 2).map { position in
      let unit = reader.integer(at: position, byteCount: 2, isLittle: isLittle) ?? 0
      return unit < 0x80 ? UInt8(unit) : 0x80
    }
  }

  private var matchOfPlainSVG: Match {
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
