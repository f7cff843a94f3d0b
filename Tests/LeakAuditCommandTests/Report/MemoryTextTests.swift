// SPDX-License-Identifier: Apache-2.0

import LeakAuditCommands
import Testing

@testable import LedgerReading

@Suite("The memory table of a report")
struct MemoryTextTests {
  private func sum(mallocResident: Int, mallocSize: Int?, other: String = "[vdso]") -> ResidentSum {
    let rows: [ResidentSum.Row] = [
      .init(term: .live, resident: 1_000_000, size: 1_000_000),
      .init(term: .idle, resident: 0, size: 0),
      .init(term: .jemalloc, resident: 200, size: 123),
      .init(term: .books, resident: 86_016, size: 1_208_487_936),
      .init(term: .malloc, resident: mallocResident, size: mallocSize),
      .init(term: .files, resident: 12_288, size: 76_259_328),
      .init(term: .stacks, resident: 4_096, size: 16_912_384),
      .init(term: .other, resident: 30, size: nil),
    ]
    return ResidentSum(
      total: rows.map(\.resident).reduce(0, +), rows: rows, otherParts: [.init(name: other, resident: 30)],
      retained: 5, hugePages: 0, sharedMemory: 12_288, swapped: 0, mallocName: "libc.so.6")
  }

  @Test("A size says what it is if it is no memory in use, and one that is smaller than what is resident is explained")
  func whole() {
    let lines = sum(mallocResident: 41_607_168, mallocSize: 7_952).textLines(units: .bytes)
    #expect(
      lines.joined(separator: "\n") == """
        memory
                                 resident             of
          live                  1,000,000      1,000,000
          idle                          0              0
          jemalloc's own              200
          the books                86,016  1,208,487,936  reserved
          malloc (libc.so.6)   41,607,168          7,952  given out
          files and libraries      12,288     76,259,328  mapped
          stacks                    4,096     16,912,384  reserved
          other                        30
            [vdso]                     30
          resident set         42,709,798
          malloc: more is resident than it has given out, because it keeps what was released for reuse. Large memory \
        that other code mapped by itself counts here, too.
          besides: 5 bytes of address space without memory
          shared memory, among the files: 12,288 bytes
        """)
    for size in [nil, 50_000_000] {
      let text = sum(mallocResident: 41_607_168, mallocSize: size).textLines(units: .bytes).joined(separator: "\n")
      #expect(!text.contains("more is resident") && text.contains("given out") == (size != nil))
    }
  }

  @Test("Memory in swap space has a column, and a sum without the process's answer says what it lacks")
  func swapped() {
    let sum = ResidentSum(
      total: 4_096,
      rows: [
        .init(term: .live, resident: 0, size: 8_192, swapped: 8_192), .init(term: .unused, resident: 4_096, size: nil),
      ], otherParts: [], retained: nil, hugePages: 0, sharedMemory: 0, swapped: 8_192, mallocName: nil)
    #expect(
      sum.textLines(units: .bytes) == [
        "memory",
        "                             resident     of  in swap space",
        "  live                              0  8,192          8,192",
        "  unused, or jemalloc's own     4,096",
        "  resident set                  4,096",
        "  in swap space, not in the sum: 8,192 bytes",
        "  The process did not say how much of its unused memory is of which sort.",
      ])
  }

  @Test("A long name is whole if there is room for it, and no line is wider", arguments: [40, 80, 100, 132, 200, nil])
  func longNames(width: Int?) {
    let name = "/usr/lib/x86_64-linux-gnu/dri/shader-cache-of-a-graphics-driver-with-a-long-name.so"
    let lines = sum(mallocResident: 41_607_168, mallocSize: 7_952, other: name).textLines(units: .bytes, width: width)
    #expect(lines.allSatisfy { $0.count <= width ?? .max }, "\(lines.joined(separator: "\n"))")
    #expect(lines.contains { $0.contains(name) } == (width ?? .max >= 132), "\(lines.joined(separator: "\n"))")
    // The middle is left out of it, and not the end.
    #expect(lines.contains { $0.contains(".so ") })
  }

  @Test("A narrow terminal shows what is resident, and no line is wider", arguments: [40, 60, 80], ByteText.allCases)
  func narrow(width: Int, units: ByteText) {
    let lines = sum(mallocResident: 41_607_168, mallocSize: 7_952).textLines(units: units, width: width)
    #expect(lines.allSatisfy { $0.count <= width }, "\(lines.joined(separator: "\n"))")
    #expect(
      lines.joined().contains("reserved") == (width >= 60) && lines.joined().contains("86,016") == (units == .bytes))
  }
}
