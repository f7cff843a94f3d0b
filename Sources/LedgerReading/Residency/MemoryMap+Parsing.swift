// SPDX-License-Identifier: Apache-2.0

// A mapping in smaps is one line about the mapping, and lines with a key and a value:
//
//   7f5e30021000-7f5e34000000 rw-p 00000000 00:00 0          NAME
//   Rss:                 120 kB
//   VmFlags: rd wr mr mw me nr
//
// A name cannot begin a new line, because the kernel writes a line feed in a name as \012. So the place of a line says
// what it is, whatever names look like.

extension MemoryMap {
  /// Reads the text of a file `smaps`. Keys that are not known are skipped, because newer kernels have more of them.
  /// - Throws: ``ResidencyError`` with the code `malformed` if the text has another form, if a mapping does not say how
  ///   much of it is resident, or if mappings are not in order.
  package init(_ text: [UInt8], path: String = "smaps") throws(ResidencyError) {
    var mappings: [Mapping] = []
    var hasResident = true
    var lineNumber = 0
    var position = 0
    while position < text.count {
      let end = text[position...].firstIndex(of: UInt8(ascii: "\n")) ?? text.count
      var line = LineCursor(text: text, position: position, end: end)
      lineNumber += 1
      let isWhole = end < text.count
      var isGood = isWhole
      if isWhole, let mapping = Mapping(&line) {
        isGood = hasResident && Self.append(mapping, to: &mappings)
        hasResident = false
      } else if isWhole {
        line.position = position
        isGood = !mappings.isEmpty && mappings[mappings.count - 1].read(&line, &hasResident)
      }
      guard isGood else { throw Self.malformed(path, lineNumber, text[position..<end]) }
      position = end + 1
    }
    guard hasResident else { throw Self.malformed(path, lineNumber, []) }
    self.init(mappings)
  }

  /// The mappings of a process that other processes may have, too, from one reading of `/proc/PID/maps`, which says
  /// nothing of what is in memory. Empty if the process is gone, or may not be looked at.
  static func sharedMappings(ofProcess process: Int) -> [Mapping] {
    guard let text = ProcFile.contents("/proc/\(process)/maps") else { return [] }
    return text.split(separator: UInt8(ascii: "\n")).compactMap { bytes in
      var line = LineCursor(text: text, position: bytes.startIndex, end: bytes.endIndex)
      return Mapping(&line).flatMap { $0.permissions.contains(.shared) ? $0 : nil }
    }
  }

  /// Adds a mapping. False if it does not end behind the one before.
  ///
  /// The kernel goes on where the last mapping ended. If a mapping was made larger meanwhile, or joined with others, it
  /// is described again, as a whole: then the new description takes the place of the old one. If only a part of the
  /// last mapping is described again, the other part keeps at most the bytes that have room in it.
  private static func append(_ mapping: Mapping, to mappings: inout [Mapping]) -> Bool {
    if let last = mappings.last, mapping.range.upperBound <= last.range.upperBound { return false }
    while let last = mappings.last, last.range.upperBound > mapping.range.lowerBound {
      mappings.removeLast()
      guard last.range.lowerBound < mapping.range.lowerBound else { continue }
      mappings.append(last.shortened(to: mapping.range.lowerBound))
    }
    mappings.append(mapping)
    return true
  }

  private static func malformed(_ path: String, _ number: Int, _ line: ArraySlice<UInt8>) -> ResidencyError {
    ResidencyError(
      .malformed, path: path, line: .init(number: number, text: String(decoding: line.prefix(80), as: UTF8.self)))
  }
}

extension MemoryMap.Mapping {
  fileprivate func shortened(to end: UInt) -> Self {
    var mapping = self
    mapping.range = range.lowerBound..<end
    mapping.residentByteCount = min(residentByteCount, mapping.byteCount)
    mapping.swappedByteCount = min(swappedByteCount, mapping.byteCount)
    mapping.lazyFreeByteCount = min(lazyFreeByteCount, mapping.residentByteCount)
    mapping.hugePageByteCount = min(hugePageByteCount, mapping.residentByteCount)
    return mapping
  }

  /// Reads the first line of a mapping; nil if the line is none.
  fileprivate init?(_ line: inout LineCursor) {
    guard let start = line.number(radix: 16), line.skip("-"), let end = line.number(radix: 16), line.skip(" "),
      start < end, end <= UInt64(UInt.max), let permissions = MemoryMap.Permissions(&line), line.skip(" "),
      let offset = line.number(radix: 16), line.skip(" "),
      let major = line.number(radix: 16), line.skip(":"), let minor = line.number(radix: 16), line.skip(" "),
      let inode = line.number(radix: 10), line.skip(" ") || line.isAtEnd
    else { return nil }
    line.skipSpaces()
    self.init(
      range: UInt(start)..<UInt(end), permissions: permissions, offset: offset,
      device: .init(major: UInt32(truncatingIfNeeded: major), minor: UInt32(truncatingIfNeeded: minor)), inode: inode,
      name: line.rest)
  }

  /// Reads a further line of a mapping. False if the line has an unexpected form.
  fileprivate mutating func read(_ line: inout LineCursor, _ hasResident: inout Bool) -> Bool {
    guard let key = line.key() else { return false }
    switch key {
    case "Rss":
      hasResident = true
      return line.readKilobytes(into: &residentByteCount)
    case "Swap": return line.readKilobytes(into: &swappedByteCount)
    case "LazyFree": return line.readKilobytes(into: &lazyFreeByteCount)
    case "AnonHugePages": return line.readKilobytes(into: &hugePageByteCount)
    case "VmFlags":
      if line.rest.split(separator: " ").contains("nr") { kernelFlags.insert(.noReserve) }
      return true
    default: return true
    }
  }
}

extension MemoryMap.Permissions {
  /// Reads four characters, as "rw-p".
  fileprivate init?(_ line: inout LineCursor) {
    var permissions: Self = []
    for (letter, permission) in [("r", Self.read), ("w", .write), ("x", .execute)] as [(Unicode.Scalar, Self)] {
      if line.skip(letter) { permissions.insert(permission) } else if !line.skip("-") { return nil }
    }
    if line.skip("s") { permissions.insert(.shared) } else if !line.skip("p") { return nil }
    self = permissions
  }
}

/// Reads a line from left to right.
private struct LineCursor {
  let text: [UInt8]
  var position: Int
  let end: Int

  var isAtEnd: Bool { position == end }
  var rest: String { String(decoding: text[position..<end], as: UTF8.self) }

  mutating func skip(_ character: Unicode.Scalar) -> Bool {
    guard position < end, text[position] == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  mutating func skipSpaces() { while skip(" ") || skip("\t") {} }

  /// A number of at least one digit; nil if there is none, or if it has more than 64 bits. Hexadecimal digits are small
  /// letters, as the kernel writes them.
  mutating func number(radix: UInt64) -> UInt64? {
    let start = position
    var value: UInt64 = 0
    while position < end {
      let digit: UInt8
      switch text[position] {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = text[position] - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f") where radix == 16: digit = text[position] - UInt8(ascii: "a") + 10
      default: return position > start ? value : nil
      }
      let (product, isTooLarge) = value.multipliedReportingOverflow(by: radix)
      guard !isTooLarge, product <= UInt64.max - UInt64(digit) else { return nil }
      value = product + UInt64(digit)
      position += 1
    }
    return position > start ? value : nil
  }

  /// The key at the beginning of the line, without the colon; nil if there is none.
  mutating func key() -> String? {
    guard let colon = text[position..<end].firstIndex(of: UInt8(ascii: ":")), colon > position else { return nil }
    let key = text[position..<colon]
    let isKey = key.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
        true
      default: false
      }
    }
    guard isKey else { return nil }
    position = colon + 1
    return String(decoding: key, as: UTF8.self)
  }

  /// Reads a value as "120 kB". False if it has another form.
  mutating func readKilobytes(into byteCount: inout Int) -> Bool {
    skipSpaces()
    guard let kilobytes = number(radix: 10), kilobytes <= UInt64(Int.max >> 10), rest == " kB" else { return false }
    byteCount = Int(kilobytes) << 10
    return true
  }
}
