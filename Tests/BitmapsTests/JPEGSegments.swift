// SPDX-License-Identifier: Apache-2.0

/// A JPEG as the list of its segments, so that a test can remove or change some of them.
struct JPEGSegments {
  struct Segment {
    var marker: UInt8
    /// The bytes from the length on; empty if the segment has none.
    var content: [UInt8]
    /// The bytes behind a scan's header, up to the next marker.
    var data: [UInt8]

    var bytes: [UInt8] { [0xFF, marker] + content + data }
  }

  /// The segments behind the first marker. The last one is the end-of-image marker, if there is one.
  var segments: [Segment] = []

  init(_ file: [UInt8]) {
    var position = 2
    while position + 1 < file.count, file[position] == 0xFF {
      let marker = file[position + 1]
      var end = position + 2
      if marker != 0xD9 { end += Int(file[end]) << 8 | Int(file[end + 1]) }
      let content = Array(file[position + 2..<end])
      position = end
      while marker == 0xDA, position < file.count, !Self.isMarker(file, position) { position += 1 }
      segments.append(Segment(marker: marker, content: content, data: Array(file[end..<position])))
      if marker == 0xD9 { break }
    }
  }

  private static func isMarker(_ file: [UInt8], _ position: Int) -> Bool {
    file[position] == 0xFF && position + 1 < file.count && file[position + 1] != 0
      && !(0xD0...0xD7).contains(file[position + 1])
  }

  var bytes: [UInt8] { [0xFF, 0xD8] + segments.flatMap(\.bytes) }

  /// The places of the scans in the list.
  var scans: [Int] { segments.indices.filter { segments[$0].marker == 0xDA } }

  /// The place of the frame's header in the list.
  var frame: Int? { segments.firstIndex { (0xC0...0xC2).contains($0.marker) || (0xC9...0xCA).contains($0.marker) } }

  func removing(_ index: Int) -> JPEGSegments {
    var changed = self
    changed.segments.remove(at: index)
    return changed
  }
}
