// SPDX-License-Identifier: Apache-2.0

import NativeBuffers
import TestSupport
import Testing

@testable import Bitmaps

/// A JPEG in several scans is a picture only if every bit of every coefficient comes. Damage behind these scans costs
/// no pixel.
@Suite("The scans of a JPEG")
struct ScanCompletenessTests {
  static let names = ["sequential-scans", "progressive", "arithmetic-progressive"]

  static func segments(_ name: String) throws -> JPEGSegments {
    JPEGSegments(try CompletePictureTests.seed("jpeg/\(name).jpg"))
  }

  /// The results of a file in every way of decoding it: at each size, to each kind of format, whole and in pieces, with
  /// and without `isStrict`, and into existing pixels.
  static func outcomes(_ file: [UInt8], width: Int, height: Int, arena: Arena) -> [String: String] {
    var outcomes: [String: String] = [:]
    func add(_ name: String, _ decode: () throws -> Bitmap) {
      do {
        let bitmap = try decode()
        outcomes[name] = bitmap.decodingWarnings.map(\.code.description).joined(separator: ", ")
        bitmap.dispose()
      } catch {
        outcomes[name] = (error as? BitmapError)?.code.description ?? "\(error)"
      }
    }
    var strict = DecodingLimits()
    strict.isStrict = true
    for format in [PixelFormat.rgb8, .gray8, .gray16] {
      for minimumWidth in [nil, 1] {
        let name = "\(format), \(minimumWidth == nil ? "whole" : "reduced")"
        add(name) { try Bitmap.decode(file, format: format, minimumWidth: minimumWidth, arena: arena) }
        add("\(name), strict") {
          do {
            return try Bitmap.decode(
              file, format: format, minimumWidth: minimumWidth, limits: strict, arena: arena)
          } catch let error as BitmapError where error.reason.contains("is not as it should be") {
            // The error stands for a warning: without `isStrict`, the outcome must be the same picture.
            return try Bitmap.decode(file, format: format, minimumWidth: minimumWidth, arena: arena)
          }
        }
        add("\(name), in pieces") {
          var decoder = PictureDecoder(minimumWidth: minimumWidth, limits: .default, arena: arena)
          for start in stride(from: 0, to: file.count, by: 37) {
            try LateMetadataTests.append(file[start..<min(start + 37, file.count)], to: &decoder)
          }
          return try decoder.finish(format: format)
        }
      }
      add("\(format), in place") {
        var target = try Bitmap(width: width, height: height, format: format, arena: arena)
        do {
          // SAFETY: an array of bytes is initialised throughout.
          try unsafe target.replacePixels(decoding: file.span.bytes, arena: arena)
        } catch {
          target.dispose()
          throw error
        }
        return target
      }
    }
    return outcomes
  }

  static func expect(
    _ file: [UInt8], _ expected: String, arena: Arena, _ comment: Comment? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let outcomes = outcomes(file, width: 24, height: 18, arena: arena)
    #expect(
      outcomes.count == 21 && Set(outcomes.values) == [expected],
      "\(comment?.rawValue ?? ""): \(outcomes.filter { $0.value != expected })", sourceLocation: sourceLocation)
  }

  @Test(
    "A JPEG without any one scan is corrupt, and without the last scan and the end it is truncated", arguments: names)
  func missingScan(name: String) throws {
    try withOwnArena { arena in
      let whole = try Self.segments(name)
      #expect(whole.bytes == (try CompletePictureTests.seed("jpeg/\(name).jpg")) && whole.scans.count >= 3)
      Self.expect(whole.bytes, "", arena: arena)
      for scan in whole.scans {
        let file = whole.removing(scan).bytes
        Self.expect(file, "corrupt", arena: arena, "without the scan at \(scan)")
        // A scan that refines a scan which is missing is damage, whether or not the file was cut behind it.
        let code = try bitmapError { try Bitmap.decode(file.dropLast(2), arena: arena).dispose() }.code
        #expect(scan == whole.scans.last ? code == .truncated : [.truncated, .corrupt].contains(code))
      }
    }
  }

  @Test("A JPEG that was ended early lacks bits, however many scans it has", arguments: names)
  func endedEarly(name: String) throws {
    try withOwnArena { arena in
      let whole = try Self.segments(name)
      for scan in whole.scans.dropFirst() {
        var part = whole
        part.segments.removeSubrange(scan..<whole.segments.count - 1)
        #expect(part.bytes.suffix(2) == [0xFF, 0xD9])
        Self.expect(part.bytes, "corrupt", arena: arena, "up to the scan at \(scan)")
      }
    }
  }

  @Test("A gray file whose header declares three components is corrupt")
  func grownFrame() throws {
    try withOwnArena { arena in
      var file = try Self.segments("gray")
      let frame = try #require(file.frame)
      let content = file.segments[frame].content
      let component = Array(content[8..<11])
      var grown = [0, 17] + Array(content[2..<7]) + [3] + component
      for identifier: UInt8 in 2...3 { grown += [identifier] + component.dropFirst() }
      file.segments[frame].content = grown
      let (height, width) = (Int(content[3]) << 8 | Int(content[4]), Int(content[5]) << 8 | Int(content[6]))
      let outcomes = Self.outcomes(file.bytes, width: width, height: height, arena: arena)
      #expect(Set(outcomes.values) == ["corrupt"], "\(outcomes)")
    }
  }

  @Test("A scan that is repeated before the last one changes nothing")
  func repeated() throws {
    try withOwnArena { arena in
      var file = try Self.segments("sequential-scans")
      let pixels = try Bitmap.decode(file.bytes, arena: arena).takePacked()
      file.segments.insert(file.segments[file.scans[0]], at: file.scans[0])
      Self.expect(file.bytes, "", arena: arena)
      #expect(try Bitmap.decode(file.bytes, arena: arena).takePacked() == pixels)
    }
  }

  static let trailers: [[UInt8]] = {
    var generator = SeededGenerator(seed: 20_261_129)
    let random = (0..<40_000).map { _ in UInt8.random(in: 0...255, using: &generator) }
    let box: [UInt8] = [0, 0, 0, 24] + Array("ftypmp42".utf8) + [0, 0, 0, 0] + Array("mp42isom".utf8)
    return [
      [0xFF, 0x02, 0, 4, 1, 2, 0xFF, 0xD9], [0xFF, 0xDB], [0xFF, 0xC0], [0xFF, 0xDA], [0xFF, 0xC0, 0, 5, 1, 2, 3],
      [0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0, 1, 2, 3, 0xFF, 0xD9], [0xFF, 0xDA, 0, 8, 1, 9, 0, 0, 63, 0, 0xFF, 0xD9],
      [0xFF, 0xC4, 0, 4, 9, 9, 0xFF, 0xD9], [0xFF, 0xE1, 0xFF, 0xFF], [0xFF, 0xD8, 0xFF, 0xD9], box + random,
      [0xFF, 0x02] + random, random + [0xFF, 0xD9],
    ]
  }()

  @Test("All data behind the last scan is a trailer, with the same warnings as behind a file of one scan")
  func trailers() throws {
    try withOwnArena { arena in
      let one = try CompletePictureTests.seed("jpeg/baseline.jpg").dropLast(2)
      for (index, trailer) in Self.trailers.enumerated() {
        let codes = try Bitmap.decode(one + trailer, arena: arena).takingWarnings()
        #expect(codes.count == 1 && [.missingEnd, .damagedEnd].contains(codes[0]), "trailer \(index): \(codes)")
        for name in Self.names {
          let file = try Self.segments(name).bytes
          let pixels = try Bitmap.decode(file, arena: arena).takePacked()
          let longer = Array(file.dropLast(2)) + trailer
          // The data of an arithmetic coder needs a marker behind it.
          guard !name.hasPrefix("arithmetic") || trailer[0] == 0xFF else { continue }
          Self.expect(longer, codes[0].description, arena: arena, "\(name), trailer \(index)")
          #expect(try Bitmap.decode(longer, arena: arena).takePacked() == pixels, "\(name), trailer \(index)")
        }
      }
    }
  }

  @Test("The header of a scan is checked even if a small or gray picture does not need the scan")
  func headersOfScansLeftOut() throws {
    try withOwnArena { arena in
      for name in ["progressive", "arithmetic-progressive"] {
        let whole = try Self.segments(name)
        for scan in whole.scans where whole.segments[scan].content[2] == 1 {
          // The changes are to its component, to its first and last coefficient, and to the bits before and after.
          for (place, value) in [(3, 9), (5, 64), (6, 64), (6, 0), (7, 0x2E), (7, 0x31), (7, 0x43)] as [(Int, UInt8)] {
            var changed = whole
            changed.segments[scan].content[place] = value
            Self.expect(changed.bytes, "corrupt", arena: arena, "\(name), scan at \(scan), byte \(place): \(value)")
          }
        }
      }
    }
  }

  @Test("A damaged segment is an error even if it is between scans that are not needed")
  func segmentsBetweenScansLeftOut() throws {
    try withOwnArena { arena in
      for name in ["progressive", "arithmetic-progressive"] {
        let whole = try Self.segments(name)
        let tables = whole.segments.indices.filter {
          $0 > whole.scans[0] && [0xC4, 0xCC].contains(whole.segments[$0].marker)
        }
        #expect(tables.count >= 8)
        for table in tables {
          var changed = whole
          changed.segments[table].content[2] = 0xCF  // no table has such a number
          Self.expect(changed.bytes, "corrupt", arena: arena, "\(name), segment \(table)")
          changed.segments[table] = .init(marker: 0x02, content: [0, 2], data: [])
          Self.expect(changed.bytes, "corrupt", arena: arena, "\(name), segment \(table)")
        }
      }
    }
  }

  @Test("The data of a scan that is not needed is not checked, and changes no pixel, which is the documented exception")
  func dataOfScansLeftOut() throws {
    try withOwnArena { arena in
      let whole = try Self.segments("progressive")
      let reduced = try Bitmap.decode(whole.bytes, format: .gray8, minimumWidth: 1, arena: arena).takePacked()
      let gray = try Bitmap.decode(whole.bytes, format: .gray8, arena: arena).takePacked()
      var seen = 0
      for scan in whole.scans {
        let content = whole.segments[scan].content
        let (isAlone, component, first) = (content[2] == 1, content[3], content[5])
        // One change removes the data. The other replaces the table before it by one in which three codes have one bit
        // each.
        var changes = [whole, whole]
        changes[0].segments[scan].data = []
        let overfull = [component == 1 ? 0x10 : 0x11, 3] + [UInt8](repeating: 0, count: 15) + [1, 2, 3]
        changes[1].segments[scan - 1].content = [0, 22] + overfull
        for (index, file) in changes.map(\.bytes).enumerated() where index == 0 || first > 0 {
          let outcomes = Self.outcomes(file, width: 24, height: 18, arena: arena)
          for (name, outcome) in outcomes {
            let isGray = name.hasPrefix("gray")
            // At 1/8 of the size, the first coefficients of luma are enough, but all of those of subsampled colours
            // count. In gray, colours do not count at all.
            let isLeftOut = isAlone && first > 0 && (component == 1 ? name.contains("reduced") : isGray)
            #expect(outcome == (isLeftOut ? "" : "corrupt"), "scan at \(scan), \(name), change \(index)")
            seen += isLeftOut ? 1 : 0
          }
          guard isAlone, first > 0 else { continue }
          let isLuma = component == 1
          let minimumWidth = isLuma ? 1 : nil
          let pixels = try Bitmap.decode(file, format: .gray8, minimumWidth: minimumWidth, arena: arena).takePacked()
          #expect(pixels == (isLuma ? reduced : gray))
        }
      }
      #expect(seen > 40)
    }
  }
}

extension Bitmap {
  /// The codes of the warnings about its file. Disposes the bitmap.
  consuming func takingWarnings() -> [PictureWarning.Code] {
    defer { dispose() }
    return decodingWarnings.map(\.code)
  }
}
