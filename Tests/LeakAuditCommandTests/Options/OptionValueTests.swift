// SPDX-License-Identifier: Apache-2.0

import LeakAuditCommands
import LedgerReading
import ResourceLedger
import Testing

@Suite("Values of options")
struct OptionValueTests {
  @Test(
    "Sizes are read with their units",
    arguments: [
      ("0", 0), ("4096", 4_096), ("4096B", 4_096), ("10k", 10_240), ("10K", 10_240), ("10KiB", 10_240),
      ("10kB", 10_000), ("1.5GiB", 1_610_612_736), ("0.5", 0), ("2TB", 2_000_000_000_000),
      ("9223372036854775807", Int.max),
    ])
  func sizes(text: String, bytes: Int) throws {
    #expect(try ByteSize.parse(text) == bytes)
  }

  @Test(
    "What is no size is refused, and the text says what to give",
    arguments: [
      "", "k", "10x", "-1", "1e3", "1..5", ".5k", "5.k", "1.2.3", "10 k", "9223372036854775808", "99999999999T", "١",
    ])
  func refusedSizes(text: String) {
    #expect { try ByteSize.parse(text) } throws: {
      "\($0)" == "Give a number of bytes that is not negative, such as 4096, 10k, 16MiB or 1.5GiB."
    }
  }

  @Test(
    "Ages are read with their units",
    arguments: [
      ("0s", 0), ("90s", 90), ("10m", 600), ("1h30m", 5_400), ("2d", 172_800), ("1d1h1m1s", 90_061),
    ])
  func ages(text: String, seconds: Int) throws {
    #expect(try Age.parse(text) == seconds)
  }

  @Test(
    "What is no age is refused, and the text says what to give",
    arguments: ["", "m", "10x", "1m1h", "1m1m", "-1s", "1.5h", "10 m", "9223372036854775807d", "1h30x"])
  func refusedAges(text: String) {
    #expect { try Age.parse(text) } throws: { "\($0)" == "Give an age, such as 90s, 10m, 1h30m or 2d." }
  }

  @Test(
    "A number without a unit is no age, because it may be meant in seconds or in minutes",
    arguments: [("0", "0"), ("10", "10"), ("1h30", "30")])
  func agesWithoutUnit(text: String, number: String) {
    #expect {
      try Age.parse(text)
    } throws: {
      "\($0)" == "\(number) has no unit: write \(number)s, \(number)m, \(number)h or \(number)d."
    }
  }

  @Test("Kinds are read from a list, and a word that is no kind is named together with all kinds")
  func kinds() throws {
    #expect(try CountedKinds.parse("held,orphan") == [.held, .orphan])
    #expect(try CountedKinds.parse(" held, orphan ") == [.held, .orphan])
    for (text, word) in [("held,leaked", "leaked"), ("", ""), ("held,", ""), ("Held", "Held")] {
      #expect {
        try CountedKinds.parse(text)
      } throws: {
        "\($0)".hasPrefix("\"\(word)\" is no kind of finding. The kinds are held, rescued, orphan, ghost,")
      }
    }
  }

  @Test("Faults count, and notes do not, unless the options say otherwise")
  func countedKinds() {
    let usual = CountedKinds()
    #expect(usual.counts(.orphan, isFault: true) && !usual.counts(.rescued, isFault: false))
    #expect(CountedKinds(added: [.rescued]).counts(.rescued, isFault: false))
    #expect(CountedKinds(isStrict: true).counts(.rescued, isFault: false))
    #expect(!CountedKinds(added: [.held], removed: [.held], isStrict: true).counts(.held, isFault: true))
  }
}
