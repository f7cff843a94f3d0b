// SPDX-License-Identifier: Apache-2.0

import Bitmaps
import Foundation

/// A folder with two pictures, one of them in a folder below.
final class PictureFolder {
  let url: URL
  var path: String { url.path }

  init() throws {
    url = FileManager.default.temporaryDirectory.appendingPathComponent("pictures-\(UUID().uuidString)")
    try FileManager.default.createDirectory(
      at: url.appendingPathComponent("below"), withIntermediateDirectories: true)
    for (name, variant) in [("one.jpg", 1), ("below/two.jpg", 2)] {
      let picture = try Bitmap.drawn(width: 640, height: 400, variant: variant)
      defer { picture.dispose() }
      try picture.writeJPEG(toFileAt: url.appendingPathComponent(name).path)
    }
  }

  func add(_ name: String, _ data: Data) throws { try data.write(to: url.appendingPathComponent(name)) }

  deinit { try? FileManager.default.removeItem(at: url) }
}

/// The parts of the JSON report that tests look at.
struct DemoReport: Decodable {
  struct Site: Decodable, Equatable {
    let file: String
    let line: Int
    let count: Int
    let byteCount: Int
  }
  struct Finding: Decodable {
    let kind: String
    let count: Int
    let byteCount: Int
    let sizeClass: Int?
    let sites: [Site]
  }
  struct Total: Decodable {
    let count: Int
    let byteCount: Int
  }
  struct Arena: Decodable {
    let name: String
    let allocatorCount: Int
    let live: Total
    let idle: Total
    let difference: Int
  }
  struct Failure: Decodable {
    let path: String
    let reason: String
  }
  struct Run: Decodable {
    let pictures: Int
    let drawn: Bool
    let failures: [Failure]
    let buffersCreated: Int
    let buffersDisposed: Int
    let buffersRescued: Int
    let minorFaults: Int
    let peakResidentSet: Int
    let picturesPerSecond: Double
  }
  let verdict: String
  let findings: [Finding]
  let arenas: [Arena]
  let run: Run

  init(_ text: String) throws { self = try JSONDecoder().decode(DemoReport.self, from: Data(text.utf8)) }
}
