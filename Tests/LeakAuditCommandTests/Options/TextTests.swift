// SPDX-License-Identifier: Apache-2.0

import LeakAuditCommands
import ResourceLedger
import Testing

@Suite("Text of reports")
struct TextTests {
  @Test(
    "Sizes are rounded to three digits, or exact",
    arguments: [
      (0, "0", "0"), (1, "1", "1"), (1_023, "1023", "1,023"), (1_024, "1.00 KiB", "1,024"),
      (10_567_680, "10.1 MiB", "10,567,680"), (1_023_487, "999 KiB", "1,023,487"), (1_023_488, "0.98 MiB", "1,023,488"),
      (-33_177_600, "-31.6 MiB", "-33,177,600"), (10_234, "9.99 KiB", "10,234"), (10_235, "10.0 KiB", "10,235"),
      (Int.max, "8.00 EiB", "9,223,372,036,854,775,807"), (Int.min, "-8.00 EiB", "-9,223,372,036,854,775,808"),
    ])
  func sizes(count: Int, rounded: String, exact: String) {
    #expect(ByteText.auto.text(count) == rounded)
    #expect(ByteText.bytes.text(count) == exact)
  }

  @Test("A number without a unit has the word bytes behind it, and a growth has its sign")
  func phrases() {
    #expect(ByteText.auto.phrase(1) == "1 byte" && ByteText.auto.phrase(2_048) == "2.00 KiB")
    #expect(ByteText.bytes.phrase(2_048) == "2,048 bytes")
    #expect(ByteText.auto.signed(2_048) == "+2.00 KiB" && ByteText.auto.signed(-5) == "-5")
    #expect(ByteText.auto.signed(0) == "0")
  }

  @Test("A long name loses its middle, and keeps its beginning and its end")
  func shortening() {
    #expect("makeThumbnail(of:)".shortened(to: 18) == "makeThumbnail(of:)")
    #expect("makeThumbnail(of:)".shortened(to: 9) == "make…of:)")
    #expect("makeThumbnail(of:)".shortened(to: 1) == "…" && "makeThumbnail(of:)".shortened(to: 0) == "")
  }

  @Test(
    "Ages have at most two units",
    arguments: [
      (-1, "0 s"), (45, "45 s"), (60, "1 min"), (725, "12 min 5 s"), (3_600, "1 h"), (12_059, "3 h 20 min"),
      (187_200, "2 d 4 h"),
    ])
  func ages(seconds: Int, text: String) {
    #expect(Age.text(seconds: seconds) == text)
  }
}
