// SPDX-License-Identifier: Apache-2.0

#if AllFormats
  import Foundation
  import ResourceLedger
  import TestSupport
  import Testing

  @testable import LeakAuditCommands
  @testable import LedgerReading

  @Suite("Reports in HTML")
  struct HTMLReportTests {
    private func page(_ snapshot: LedgerSnapshot, _ options: String...) throws -> String {
      let folder = try ScratchFolder()
      let outcome = try Command.run(
        "leak-audit", ["report", try folder.write(snapshot, "snapshot"), "--format", "html"] + options)
      #expect(outcome.errors == "")
      return outcome.output
    }

    /// Where a page has the data of its script.
    private func dataRange(_ page: String) throws -> Range<String.Index> {
      let start = try #require(page.range(of: "class=\"data\">"))
      let end = try #require(page[start.upperBound...].range(of: "</script>"))
      return start.upperBound..<end.lowerBound
    }

    private func data(_ page: String) throws -> [[Any]] {
      let text = try page[dataRange(page)]
      return try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [[Any]])
    }

    /// The page without the data of its script, in which a quotation mark is a part of JSON.
    private func markup(_ page: String) throws -> String {
      let range = try dataRange(page)
      return String(page[..<range.lowerBound] + page[range.upperBound...])
    }

    @Test("A page has the verdict, the findings, the lines of code, the books and the timeline, and loads nothing")
    func whole() throws {
      var made = MadeSnapshot(
        lines: [.init(file: "Server/Cache.swift", count: 3, byteCount: 3_000_000, ageBand: 4, oldestAge: 3_792)],
        idleByteCount: 4_096)
      (made.books, made.status) = ((13, 12, 1), .ended)
      made.history = (1...20).map { second in
        HistorySample(
          second: second, pressure: 0, liveCount: 3, liveByteCount: second * 1_000, idleByteCount: 0,
          residentSet: 40_000, disposedCount: 0, rescuedCount: 0, budgetByteCount: 0)
      }
      let page = try page(made.snapshot, "--fail-on", "held")
      #expect(page.contains("<p class=\"verdict faults\">verdict: faults. See the findings below.</p>"))
      #expect(page.contains("<span class=\"label\">fault</span> held: 3 of 2.86 MiB"))
      #expect(page.contains("<title>Server/Cache.swift:12 in load(_:): 2.86 MiB</title>"))
      #expect(page.contains("<polyline class=\"live\" points=\"0,215 "))
      #expect(try data(page)[0] as NSArray == ["Server/Cache.swift", 12, "load(_:)", 3_000_000, 3, "1 h 3 min", 3_792])
      // No address is in it, so nothing can be loaded; the policy forbids it, too.
      #expect(!page.contains("http:") && !page.contains("https:") && !page.contains("src="))
      #expect(page.contains("default-src 'none'"))
    }

    @Test("Names are shown as text, whatever is in them")
    func hostile() throws {
      var snapshot = FormatTests.hostile.snapshot
      snapshot.domains[1].name = "</table><img src=x onerror=alert(1)>"
      let page = try page(snapshot)
      for text in ["<script>alert", "<img", "onload=\"x", "\u{202E}", "\u{1B}"] {
        #expect(!page.contains(text), "\(text)")
      }
      #expect(page.components(separatedBy: "<script").count == 3)
      // An attribute is not ended by a quotation mark with a combining mark behind it, which is one character in Swift.
      let attribute = Array("\"\u{338}".utf8)
      #expect(Array(try self.markup(page).utf8).firstRange(of: attribute) == nil)
      let functions = try data(page).compactMap { $0[2] as? String }
      for line in FormatTests.hostile.lines { #expect(functions.contains(line.function.shownOnTerminals)) }
    }

    @Test("Pages without a line of code, and without a history, have no empty chart")
    func empty() throws {
      let page = try page(MadeSnapshot().snapshot)
      #expect(!page.contains("<svg") && page.contains("Nothing was found.") && page.contains(">[]</script>"))
    }

    @Test("The rectangles of a treemap fill it, do not overlap, and have areas in the ratio of the values")
    func treemap() {
      let seed = UInt64.random(in: 0 ... .max)
      print("treemap: seed \(seed)")
      var generator = SeededGenerator(seed: seed)
      for count in [1, 2, 3, 10, 61] {
        let values = (0..<count).map { _ in Double(Int.random(in: 1...1_000_000, using: &generator)) }.sorted(by: >)
        let places = Treemap(values, width: 900, height: 420).rectangles
        let total = values.reduce(0, +)
        #expect(places.count == count)
        for (value, place) in zip(values, places) {
          #expect(abs(place.width * place.height - value / total * 900 * 420) < 1e-3, "seed \(seed)")
          #expect(place.x > -1e-6 && place.y > -1e-6 && place.x + place.width < 900.001)
          #expect(place.y + place.height < 420.001, "seed \(seed)")
        }
        for first in places.indices {
          for second in places.indices.dropFirst(first + 1) {
            let (a, b) = (places[first], places[second])
            let width = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
            let height = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
            #expect(width < 1e-3 || height < 1e-3, "seed \(seed): \(first) and \(second)")
          }
        }
      }
    }

    @Test("A gap in the history is no line across it")
    func gap() throws {
      var made = MadeSnapshot()
      made.history = [1, 2, 3, 100, 101].map { second in
        HistorySample(
          second: second, pressure: 0, liveCount: 1, liveByteCount: 1_000, idleByteCount: 0, residentSet: 2_000,
          disposedCount: 0, rescuedCount: 0, budgetByteCount: 0)
      }
      let timeline = try #require(Timeline(made.snapshot))
      #expect(timeline.live == ["0,110 9,110 18,110", "891,110 900,110"] && timeline.seconds == 100)
      made.history = []
      #expect(Timeline(made.snapshot) == nil)
    }
  }
#endif
