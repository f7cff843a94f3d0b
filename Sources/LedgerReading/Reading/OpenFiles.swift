// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The files that a process has open, and where another process can open them, too.
struct OpenFiles {
  private let process: Int
  /// The numbers of the descriptors, and what `/proc` says of their files.
  private let links: [(number: Int, target: String)]

  /// - Returns: nil if the process is gone, or may not be looked at. `errno` then says why.
  init?(ofProcess process: Int) {
    guard let numbers = ProcFile.numbers(in: "/proc/\(process)/fd") else { return nil }
    var refusal: Int32?
    self.process = process
    links = numbers.compactMap { number in
      let target = ProcFile.link("/proc/\(process)/fd/\(number)")
      if target == nil, errno == EACCES || errno == EPERM { refusal = errno }
      return target.map { (number, $0) }
    }
    // Root may list the descriptors of a process that has more capabilities, but not look at one of them.
    if links.isEmpty, let refusal {
      errno = refusal
      return nil
    }
  }

  private func path(_ number: Int) -> String { "/proc/\(process)/fd/\(number)" }

  /// The start of what `/proc` says of a memfd with such a name.
  private static func start(of name: StaticString) -> String { "/memfd:\(name)" }

  /// Paths of the open files without a name (memfd) that were made with a name that begins like this.
  func nameless(_ name: StaticString) -> [String] {
    links.filter { $0.target.hasPrefix(Self.start(of: name)) }.map { path($0.number) }
  }

  /// Paths of the open files with one of these names, without memfds and devices: to open a device may do something.
  func named(_ names: Set<String>) -> [String] {
    links.filter { link in
      names.contains(link.target) && link.target.hasPrefix("/") && !link.target.hasPrefix("/memfd:")
    }
    .map { path($0.number) }
    .filter { path in
      var status = stat()
      return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }
  }

  /// Paths of the memfds that the process has mapped, and whose descriptors it has closed: a program may close
  /// descriptors that it does not know (`closefrom`). The kernel lets only root open these paths, or who has
  /// CAP_CHECKPOINT_RESTORE, in both cases outside of user namespaces.
  func closed(_ name: StaticString, _ mappings: [MemoryMap.Mapping]) -> [String] {
    let mapped = mappings.filter { $0.name.hasPrefix(Self.start(of: name)) }
    guard !mapped.isEmpty else { return [] }
    var known = Set(nameless(name).compactMap(Self.inode))
    return mapped.filter { known.insert($0.inode).inserted }.map { mapping in
      let range = mapping.range
      return "/proc/\(process)/map_files/\(String(range.lowerBound, radix: 16))-\(String(range.upperBound, radix: 16))"
    }
  }

  /// Whether the process has mapped a file to write to it, and has no descriptor by which it could be looked at. This
  /// may be a ledger.
  func hasUnknownWritableFile(_ mappings: [MemoryMap.Mapping]) -> Bool {
    let targets = Set(links.map(\.target))
    return mappings.contains { mapping in
      // Memory without a file that is shared with children has these names.
      let isMemory = mapping.name.hasPrefix("/dev/zero") || mapping.name.hasPrefix("/SYSV")
      return mapping.permissions.contains(.write) && mapping.inode != 0 && !isMemory && !targets.contains(mapping.name)
    }
  }

  private static func inode(of path: String) -> UInt64? {
    var status = stat()
    return unsafe stat(path, &status) == 0 ? UInt64(status.st_ino) : nil
  }
}
