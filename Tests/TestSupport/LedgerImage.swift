// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The bytes of a ledger, version 2, made by hand: for tests of what reads a ledger. It is written from the article
/// Ledger-Layout.md, and uses nothing of the code that writes real ledgers.
public struct LedgerImage: Sendable {
  /// A table, by the number that the directory gives it.
  public enum Table: Int, CaseIterable, Sendable {
    case entries = 1
    case sites, strings, domains, scopes
    case answers = 7
    case answerArenas, answerClasses, history, peaks

    public var recordSize: Int {
      switch self {
      case .strings: 1
      case .entries, .sites, .scopes, .answerClasses, .history: 64
      case .domains, .answerArenas: 128
      case .answers: 256
      case .peaks: 512
      }
    }

    /// The row of the table in the directory.
    public var row: Int { 1_024 + (Table.allCases.firstIndex(of: self) ?? 0) * 32 }
  }

  public private(set) var bytes: [UInt8]
  private var offsets: [Table: Int] = [:]
  private var counts: [Table: Int] = [:]

  /// A ledger of this process without records, except for the first one of sites and of domains, which stand for none.
  /// - Parameter capacities: the records of each table. Others have as many as fit in a page.
  public init(capacities: [Table: Int] = [:]) {
    bytes = Array(repeating: 0, count: 4_096)
    for (index, byte) in "SWLEDGER".utf8.enumerated() { bytes[index] = byte }
    set(8, UInt32(2))
    set(12, UInt32(1))
    set(24, UInt32(4_096))
    set(28, UInt32(Table.allCases.count))
    set(32, UInt32(2))
    set(40, UInt32(getpid()))
    set(44, UInt32(getuid()))
    var link = [UInt8](repeating: 0, count: 64)
    let length = unsafe readlink("/proc/self/ns/pid", &link, link.count)
    let inode = link.prefix(max(0, length)).filter { $0 >= 0x30 && $0 <= 0x39 }
    set(56, inode.reduce(UInt64(0)) { $0 * 10 + UInt64($1 - 0x30) })
    setText(80, "trial", 16)
    setText(96, "host", 64)
    set(192, UInt32(2))
    set(196, UInt32(1_000))
    set(200, UInt32(1))
    for table in Table.allCases {
      let capacity = capacities[table] ?? (table == .history ? 3_600 : 4_096 / table.recordSize)
      let size = (capacity * table.recordSize + 4_095) / 4_096 * 4_096
      offsets[table] = bytes.count
      set(table.row, UInt32(table.rawValue))
      set(table.row + 4, UInt32(table.recordSize))
      set(table.row + 8, UInt64(bytes.count))
      set(table.row + 16, UInt64(capacity))
      bytes += Array(repeating: 0, count: size)
    }
    set(16, UInt64(bytes.count))
    setCount(.sites, 1)
    setCount(.domains, 1)
    for table in [Table.answers, .answerArenas, .answerClasses, .history, .peaks] {
      setCount(table, capacities[table] ?? (table == .history ? 3_600 : 4_096 / table.recordSize))
    }
  }

  // MARK: Fields

  public mutating func set<Number: FixedWidthInteger>(_ offset: Int, _ number: Number) {
    for byte in 0..<MemoryLayout<Number>.size {
      bytes[offset + byte] = UInt8(truncatingIfNeeded: number >> Number(truncatingIfNeeded: 8 * byte))
    }
  }

  public mutating func setText(_ offset: Int, _ text: String, _ byteCount: Int) {
    for (index, byte) in text.utf8.prefix(byteCount).enumerated() { bytes[offset + index] = byte }
  }

  public mutating func setCount(_ table: Table, _ count: Int) {
    counts[table] = count
    set(table.row + 24, UInt64(count))
  }

  public func offset(_ table: Table, _ index: Int = 0) -> Int { offsets[table]! + index * table.recordSize }

  /// Cuts the bytes, or adds zeros.
  public mutating func resize(to byteCount: Int) {
    bytes = Array(bytes.prefix(byteCount)) + Array(repeating: 0, count: max(0, byteCount - bytes.count))
  }

  // MARK: Records

  private mutating func next(_ table: Table) -> Int {
    let index = counts[table] ?? 0
    setCount(table, index + 1)
    return index
  }

  private mutating func place(_ text: [UInt8]) -> (offset: Int, length: Int) {
    let used = counts[.strings] ?? 0
    for (index, byte) in text.enumerated() { bytes[offset(.strings, used + index)] = byte }
    setCount(.strings, used + text.count)
    return (used, text.count)
  }

  /// - Returns: the line's number.
  @discardableResult
  public mutating func addSite(_ file: String, _ line: Int, _ function: String, rescued: (Int, Int) = (0, 0)) -> Int {
    addSite(Array(file.utf8), line, Array(function.utf8), rescued: rescued)
  }

  @discardableResult
  public mutating func addSite(
    _ file: [UInt8], _ line: Int, _ function: [UInt8], rescued: (Int, Int) = (0, 0)
  ) -> Int {
    let file = place(file)
    let function = place(function)
    let index = next(.sites)
    let record = offset(.sites, index)
    set(record, UInt32(file.offset))
    set(record + 4, UInt32(file.length))
    set(record + 8, UInt32(function.offset))
    set(record + 12, UInt32(function.length))
    set(record + 16, UInt32(line))
    set(record + 24, UInt64(rescued.0))
    set(record + 32, UInt64(rescued.1))
    return index
  }

  /// - Returns: the domain's number.
  @discardableResult
  public mutating func addDomain(_ kind: Int, _ name: String) -> Int {
    let index = next(.domains)
    let record = offset(.domains, index)
    set(record, UInt32(kind))
    set(record + 4, UInt32(1))
    setText(record + 8, name, 56)
    return index
  }

  public enum State: UInt64, Sendable {
    case free = 0
    case idle, live, quarantined
  }

  /// - Returns: the entry's index.
  @discardableResult
  public mutating func addEntry(
    _ state: State = .live, bits: UInt64 = 0, byteCount: Int = 0, capacity: Int = 0, site: Int = 0, domain: Int = 0,
    bucket: Int = 0, flags: UInt8 = 0, birth: Int = 0, scope: Int = 0, generation: Int = 0
  ) -> Int {
    let index = next(.entries)
    let record = offset(.entries, index)
    set(record, state.rawValue | bits | UInt64(generation) << 24)
    set(record + 8, UInt64(0x1000 + index * 64))
    set(record + 16, UInt64(byteCount))
    set(record + 24, UInt64(bitPattern: Int64(capacity)))
    set(record + 32, UInt32(site))
    set(record + 36, UInt16(domain))
    set(record + 38, UInt8(bucket))
    set(record + 39, flags)
    set(record + 44, UInt32(birth))
    set(record + 48, UInt32(scope))
    return index
  }

  // MARK: Files

  /// Writes the bytes to a new file, and returns its path.
  public func writeFile(in folder: String = "/tmp") -> String {
    let path = "\(folder)/ledger-\(getpid())-\(UInt64.random(in: 0...UInt64.max))"
    let file = unsafe open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    precondition(file >= 0, "no temporary file")
    write(to: file)
    close(file)
    return path
  }

  /// Makes the file have these bytes.
  public func write(to file: Int32) {
    let written = unsafe bytes.withUnsafeBytes { unsafe pwrite(file, $0.baseAddress, $0.count, 0) }
    precondition(written == bytes.count)
    // The file is not emptied first: the fuzzer writes thousands of images a second, and the kernel would free all
    // pages, and make them again, for each.
    precondition(ftruncate(file, off_t(bytes.count)) == 0)
  }
}
