// SPDX-License-Identifier: Apache-2.0

import LeakAuditCommands
import Testing

@testable import LedgerReading

@Suite("Suppressions")
struct SuppressionTests {
  private func suppressions(_ text: String) throws -> Suppressions {
    var suppressions = Suppressions()
    try suppressions.add(text, from: "known.txt")
    return suppressions
  }

  private func site(_ file: String, _ function: String, _ count: Int) -> SiteTotals {
    SiteTotals(file: file, line: 7, function: function, count: count, byteCount: 100 * count)
  }

  private func held(_ sites: SiteTotals...) -> Finding {
    Finding(
      kind: .held, count: sites.reduce(0) { $0 + $1.count }, byteCount: sites.reduce(0) { $0 + $1.byteCount },
      sites: sites)
  }

  @Test("A rule covers its lines of code, and the rest of the finding stays with its own count and bytes")
  func partly() throws {
    var rules = try suppressions("# known\n\nheld Server/Cache* warm* because it lives as long as the server\n")
    let (kept, covered) = rules.apply(to: [
      held(site("Server/Cache.swift", "warmUp()", 3), site("Server/Main.swift", "warmUp()", 2))
    ])
    #expect(kept == [held(site("Server/Main.swift", "warmUp()", 2))])
    #expect(covered.map(\.count) == [3] && rules.remarks.isEmpty)
  }

  @Test("If all lines of a finding are covered, it is gone")
  func wholly() throws {
    var rules = try suppressions("* Server/* * at most 3 because of caches")
    #expect(rules.apply(to: [held(site("Server/Cache.swift", "warmUp()", 3))]).kept.isEmpty)
  }

  @Test("What is covered is counted for each rule and kind, with the rule's place and its reason")
  func covered() throws {
    var rules = try suppressions("held Server/* * because of caches\n* Video/* * because of frames\n")
    let old = Finding(kind: .old, count: 4, byteCount: 40, sites: [site("Video/Frames.swift", "next()", 4)])
    let covered = rules.apply(to: [
      held(site("Server/A.swift", "a()", 3), site("Video/B.swift", "b()", 1)), held(site("Server/C.swift", "c()", 2)),
      old, held(site("Audio/D.swift", "d()", 7)),
    ]).covered
    #expect(
      covered.map { "\($0.kind) \($0.count) \($0.byteCount) \($0.file):\($0.line) \($0.reason)" } == [
        "held 5 500 known.txt:1 of caches", "held 1 100 known.txt:2 of frames", "old 4 400 known.txt:2 of frames",
      ])
  }

  @Test("A rule of another kind, file or function covers nothing, and it is said that it is not used")
  func unused() throws {
    var rules = try suppressions(
      "ghost Server/* * because a\nheld Client/* * because b\nheld Server/* load* because c")
    let finding = held(site("Server/Cache.swift", "warmUp()", 3))
    #expect(rules.apply(to: [finding]).kept == [finding])
    #expect(
      rules.remarks
        == (1...3).map { "known.txt:\($0): this suppression matched nothing. Remove it if that stays so." })
  }

  @Test("A rule that does nothing because an earlier one is about the same is told the place of that one")
  func secondRule() throws {
    var rules = try suppressions("held Server/* * because a\n\nheld Server/* * because b")
    try rules.add("held */Cache.swift * because c", from: "other.txt")
    #expect(rules.apply(to: [held(site("Server/Cache.swift", "warmUp()", 3))]).covered.map(\.line) == [1])
    let text = ", which comes first. Remove one of the two."
    #expect(
      rules.remarks == [
        "known.txt:3: what this suppression matches is covered by the rule in line 1" + text,
        "other.txt:1: what this suppression matches is covered by the rule in known.txt:1" + text,
      ])
  }

  @Test("If there is more than the largest count, also over several findings, the rule is not applied, and it says so")
  func exceeded() throws {
    var rules = try suppressions("held Server/* * at most 4 because of caches")
    let findings = [held(site("Server/A.swift", "a()", 3)), held(site("Server/B.swift", "b()", 2))]
    let (kept, covered) = rules.apply(to: findings)
    #expect(kept == findings && covered.isEmpty)
    #expect(
      rules.remarks == [
        "known.txt:1: this suppression allows at most 4, but there are 5. So it was not applied."
      ])
  }

  @Test("The largest count is that of each report, whatever other reports have")
  func severalReports() throws {
    var rules = try suppressions("held Server/* * at most 4 because of caches")
    for count in [3, 4] {
      let (kept, covered) = rules.apply(to: [held(site("Server/A.swift", "a()", count))])
      #expect(kept.isEmpty && covered.map(\.count) == [count])
    }
    #expect(rules.remarks.isEmpty)
  }

  @Test("If a rule is exceeded in several reports, the remark has the largest of their counts")
  func exceededInSeveralReports() throws {
    var rules = try suppressions("held Server/* * at most 4 because of caches")
    for count in [5, 7, 6, 2] {
      let (kept, covered) = rules.apply(to: [held(site("Server/A.swift", "a()", count))])
      #expect(kept.isEmpty == (count == 2) && covered.isEmpty == (count != 2))
    }
    #expect(
      rules.remarks == [
        "known.txt:1: this suppression allows at most 4, but there are 7. So it was not applied."
      ])
  }

  @Test("Findings that have no line are covered only by a rule with stars for file and function")
  func withoutSites() throws {
    let orphan = Finding(kind: .orphan, count: 2, byteCount: 640)
    var named = try suppressions("orphan ?* * because a")
    #expect(named.apply(to: [orphan]).kept == [orphan])
    var any = try suppressions("orphan * * at most 2 because the driver keeps two")
    #expect(any.apply(to: [orphan]).kept.isEmpty)
  }

  @Test(
    "A mistake is refused with the file, the line and what to write",
    arguments: [
      ("held Server/* *", "there is no reason."), ("held Server/* * because", "there is no reason."),
      ("held Server/* because x", "there must be three patterns"),
      ("held Server/* * at most many because x", "\"many\" is no count."),
      ("held Server/* * at most -1 because x", "\"-1\" is no count."),
      ("leaked Server/* * because x", "\"leaked\" matches no kind of finding. The kinds are held,"),
      ("* * ** because x", "this rule would suppress every finding."),
      ("* ?* * because x", "this rule would suppress every finding."),
      ("?* */* * because x", "this rule would suppress every finding."),
      ("* *.swift * because x", "this rule would suppress every finding of Swift code."),
      ("* */*.swift *(*) because x", "this rule would suppress every finding of Swift code."),
    ])
  func mistakes(line: String, reason: String) {
    #expect {
      _ = try suppressions("# first\n" + line)
    } throws: {
      "\($0)".hasPrefix("known.txt:2: \(reason)")
    }
  }
}
