// SPDX-License-Identifier: Apache-2.0

import Glibc
import TestSupport
import Testing

@testable import LedgerReading

@Suite("The mappings of a process")
struct MemoryMapTests {
  private static let library = """
    7f5e30000000-7f5e30021000 rw-p 00001000 fe:0a 254626                     /usr/lib/libexample.so
    Size:                132 kB
    KernelPageSize:        4 kB
    Rss:                 120 kB
    LazyFree:              8 kB
    AnonHugePages:         4 kB
    Swap:                 12 kB
    THPeligible:           0
    ProtectionKey:         0
    VmFlags: rd wr mr mw me nr zz

    """

  private static func map(_ text: String) throws -> MemoryMap { try MemoryMap(Array(text.utf8)) }

  private static func line(ofErrorIn text: String) throws -> Int? {
    let error = #expect(throws: ResidencyError.self) { try map(text) }
    #expect(error?.code == .malformed)
    return error?.line?.number
  }

  @Test("A mapping has the numbers of the text, and keys that are not known are skipped")
  func fields() throws {
    let mappings = try Self.map(Self.library + "ffffffffff600000-ffffffffff601000 --xs 00000000 00:00 0 \nRss: 0 kB\n")
      .mappings
    #expect(mappings.count == 2)
    #expect(
      mappings.first
        == MemoryMap.Mapping(
          range: 0x7f5e_3000_0000..<0x7f5e_3002_1000, permissions: [.read, .write], offset: 0x1000,
          device: .init(major: 0xfe, minor: 10), inode: 254_626, name: "/usr/lib/libexample.so",
          residentByteCount: 120 << 10, swappedByteCount: 12 << 10, lazyFreeByteCount: 8 << 10,
          hugePageByteCount: 4 << 10, kernelFlags: .noReserve))
    #expect(mappings.last?.permissions == [.execute, .shared])
    #expect(mappings.last?.isUnnamed == true)
  }

  @Test("The total is the sum over all mappings")
  func total() throws {
    let second = Self.library.replacing("7f5e30000000-7f5e30021000", with: "7f5e40000000-7f5e40021000")
    #expect(try Self.map(Self.library + second).residentByteCount == 240 << 10)
    #expect(try Self.map("").residentByteCount == 0)
  }

  @Test(
    "A name is what the kernel wrote, whatever it looks like",
    arguments: [
      "/tmp/with spaces  and\\012Rss:   9999 kB", "/tmp/gone (deleted)", "/tmp/a: b", "[heap]", "[anon:my pool]",
      "/memfd:name (deleted)", "7f5e30000000-7f5e30021000 rw-p 00000000 00:00 0 x", "/tmp/\u{1B}[31m",
    ])
  func names(_ name: String) throws {
    let map = try Self.map(Self.library.replacing("/usr/lib/libexample.so", with: name))
    #expect(map.mappings.map(\.name) == [name])
    #expect(map.residentByteCount == 120 << 10)
  }

  @Test("A name that is no UTF-8 is shown with replacement characters")
  func invalidName() throws {
    let text = Array(Self.library.utf8)
    let start = try #require(text.firstIndex(of: UInt8(ascii: "/")))
    let map = try MemoryMap(Array(text[...start] + [0xFF] + text[start...]))
    #expect(map.mappings.map(\.name) == ["/\u{FFFD}/usr/lib/libexample.so"])
  }

  @Test("A text with another form is refused, with the number of the line")
  func malformed() throws {
    let lines = Self.library.split(separator: "\n", omittingEmptySubsequences: false)
    func replacing(_ old: String, _ new: String) -> String { Self.library.replacing(old, with: new) }
    #expect(try Self.line(ofErrorIn: "Rss: 4 kB\n" + Self.library) == 1)
    #expect(try Self.line(ofErrorIn: replacing("120 kB", "120 MB")) == 4)
    #expect(try Self.line(ofErrorIn: replacing("120 kB", "99999999999999999999 kB")) == 4)
    #expect(try Self.line(ofErrorIn: replacing("120 kB", "9999999999999999 kB")) == 4)
    #expect(try Self.line(ofErrorIn: replacing("120 kB", "-1 kB")) == 4)
    #expect(try Self.line(ofErrorIn: replacing("Size:", "Size")) == 2)
    #expect(try Self.line(ofErrorIn: replacing("rw-p", "rwyp")) == 1)
    #expect(try Self.line(ofErrorIn: replacing("7f5e30021000", "7f5e30000000")) == 1)
    #expect(try Self.line(ofErrorIn: replacing("7f5e30021000", "10007f5e300210000")) == 1)
    #expect(try Self.line(ofErrorIn: Self.library + "\n") == 11)
    // A mapping that does not say what it has in memory, at the end and before another one.
    let silent = lines.filter { !$0.hasPrefix("Rss") }.joined(separator: "\n")
    #expect(try Self.line(ofErrorIn: silent) == 9)
    #expect(try Self.line(ofErrorIn: silent + Self.library) == 10)
  }

  @Test("A text that is cut anywhere is refused, or has whole mappings with the size in memory")
  func cut() throws {
    let text = Array(Self.library.utf8)
    for length in 1..<text.count {
      guard let map = try? MemoryMap(Array(text[..<length])) else { continue }
      #expect(map.residentByteCount == 120 << 10)
    }
  }

  @Test("A mapping that is described again, because it became larger meanwhile, counts once")
  func describedAgain() throws {
    func mapping(_ start: String, _ end: String, _ kilobytes: Int) -> String {
      "\(start)-\(end) rw-p 00000000 00:00 0 \nRss: \(kilobytes) kB\n"
    }
    let grown = try Self.map(mapping("10000", "20000", 16) + mapping("10000", "30000", 32))
    #expect(grown.mappings.map(\.range) == [0x10000..<0x30000])
    #expect(grown.residentByteCount == 32 << 10)
    let joined = try Self.map(
      mapping("10000", "20000", 16) + mapping("20000", "30000", 8) + mapping("10000", "40000", 40))
    #expect(joined.mappings.map(\.range) == [0x10000..<0x40000])
    let divided = try Self.map(mapping("10000", "20000", 64) + mapping("18000", "30000", 40))
    #expect(divided.mappings.map(\.range) == [0x10000..<0x18000, 0x18000..<0x30000])
    #expect(divided.residentByteCount == (32 + 40) << 10)
    #expect(try Self.line(ofErrorIn: mapping("10000", "20000", 16) + mapping("8000", "20000", 16)) == 3)
  }

  @Test("A process has the memory that the kernel says, within what it maps and frees meanwhile")
  func ownProcess() throws {
    let map = try MemoryMap(ofProcess: getpid())
    #expect(map.mappings.contains { $0.name == "[stack]" })
    #expect(map.mappings.contains { $0.name.contains("libc.so") && $0.inode != 0 })
    #expect(map.residentByteCount > 1 << 20)
  }

  @Test("A process that does not exist, or that has ended, is refused by its own code")
  func absent() async {
    let missing = #expect(throws: ResidencyError.self) { try MemoryMap(ofProcess: .max) }
    #expect(missing?.code == .noSuchProcess)
    #expect(throws: ResidencyError.self) { _ = try PageMap(ofProcess: .max, pageByteCount: 4_096) }
    await #expect(processExitsWith: .success) {
      let child = Forking.fork()
      if child == 0 { _exit(0) }
      // Waits for its end, but leaves it as a process that has ended and that nothing has waited for.
      var information = unsafe siginfo_t()
      guard unsafe waitid(P_PID, id_t(child), &information, WEXITED | WNOWAIT) == 0 else { exit(1) }
      do throws(ResidencyError) {
        _ = try MemoryMap(ofProcess: child)
        exit(2)
      } catch {
        exit(error.code == .vanished ? 0 : 3)
      }
    }
  }

  @Test("Another user's process is refused", .enabled(if: getuid() == 0, "Only root can become another user."))
  func anotherUser() async {
    await #expect(processExitsWith: .success) {
      let parent = getppid()
      guard setgid(65_534) == 0, setuid(65_534) == 0 else { exit(1) }
      do throws(ResidencyError) {
        _ = try MemoryMap(ofProcess: parent)
        exit(2)
      } catch {
        exit(error.code == .notPermitted ? 0 : 3)
      }
    }
  }
}
