// SPDX-License-Identifier: Apache-2.0

import ResourceLedger

/// The mappings of a process, from one reading of `/proc/PID/smaps`.
///
/// The kernel writes this file while the process runs. Each mapping is described as it was at one moment, but two
/// mappings may be described as of two moments. The mappings are in order, and do not overlap.
package struct MemoryMap: Sendable {
  /// In the order of their addresses.
  package let mappings: [Mapping]

  /// Bytes of the process that are in memory: the sum over all mappings. This is exact, unlike the number of
  /// `/proc/PID/statm`, which the kernel brings up to date only now and then. Pages of `hugetlbfs` do not count.
  package var residentByteCount: Int { .clampedSum(mappings.map(\.residentByteCount)) }

  /// Reads the mappings of a process.
  /// - Parameter process: the number of the process, as the `/proc` of this process has it.
  /// - Throws: ``ResidencyError`` if there is no such process, if it ends meanwhile, if its memory may not be looked
  ///   at, or if the file has an unexpected form.
  /// - Complexity: the kernel looks at each page that is in memory: some 10 ms for each GB.
  package init(ofProcess process: Int32) throws(ResidencyError) {
    let file = try ProcessFile("smaps", ofProcess: process)
    let text = try file.readWhole()
    // A process that has ended, or a kernel thread, has an empty file.
    guard !text.isEmpty else { throw ResidencyError(.vanished, path: file.path) }
    try self.init(text, path: file.path)
    // If the process ended meanwhile, the file just ends earlier, and a part of the mappings is missing.
    guard Self.hasMemory(process) else { throw ResidencyError(.vanished, path: file.path) }
  }

  /// Whether the process runs a program. The first number of its sizes is 0 if it has ended.
  private static func hasMemory(_ process: Int32) -> Bool {
    guard let sizes = try? ProcessFile("statm", ofProcess: process).readWhole() else { return false }
    return sizes.first.map { $0 != UInt8(ascii: "0") } ?? false
  }

  package init(_ mappings: [Mapping]) { self.mappings = mappings }

  /// One mapping: a range of addresses that the kernel treats alike.
  package struct Mapping: Equatable, Sendable {
    package var range: Range<UInt>
    package var permissions: Permissions
    /// Where in the file the mapping begins; 0 for memory without a file.
    package var offset: UInt64
    package var device: Device
    /// 0 for memory without a file.
    package var inode: UInt64
    /// The kernel's text: a path, or a name in brackets as "[heap]"; empty if there is none. A line feed in a path is
    /// shown as `\012`, and a path that was removed ends with " (deleted)". A path that has these characters itself
    /// looks the same.
    package var name: String
    /// Bytes that are in memory.
    package var residentByteCount: Int
    /// Bytes that were moved to swap space.
    package var swappedByteCount: Int
    /// Bytes that are in memory and may be taken away by the kernel (`MADV_FREE`).
    package var lazyFreeByteCount: Int
    /// Bytes that are in memory in huge pages, without files.
    package var hugePageByteCount: Int
    package var kernelFlags: KernelFlags

    package init(
      range: Range<UInt>, permissions: Permissions, offset: UInt64 = 0, device: Device = Device(major: 0, minor: 0),
      inode: UInt64 = 0, name: String = "", residentByteCount: Int = 0, swappedByteCount: Int = 0,
      lazyFreeByteCount: Int = 0, hugePageByteCount: Int = 0, kernelFlags: KernelFlags = []
    ) {
      self.range = range
      self.permissions = permissions
      self.offset = offset
      self.device = device
      self.inode = inode
      self.name = name
      self.residentByteCount = residentByteCount
      self.swappedByteCount = swappedByteCount
      self.lazyFreeByteCount = lazyFreeByteCount
      self.hugePageByteCount = hugePageByteCount
      self.kernelFlags = kernelFlags
    }

    package var byteCount: Int { Int(clamping: range.upperBound - range.lowerBound) }
    /// Whether it has neither a file nor a name.
    package var isUnnamed: Bool { inode == 0 && name.isEmpty }
  }

  package struct Permissions: OptionSet, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static var read: Permissions { Permissions(rawValue: 1) }
    package static var write: Permissions { Permissions(rawValue: 2) }
    package static var execute: Permissions { Permissions(rawValue: 4) }
    /// Changes are seen by all that map the same file.
    package static var shared: Permissions { Permissions(rawValue: 8) }
  }

  package struct Device: Equatable, Sendable {
    package var major: UInt32
    package var minor: UInt32

    package init(major: UInt32, minor: UInt32) {
      self.major = major
      self.minor = minor
    }
  }

  /// Of the line `VmFlags`, what tells owners of memory apart.
  package struct KernelFlags: OptionSet, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// `nr`: mapped with `MAP_NORESERVE`. The kernel does not join such a mapping with one that has reserved memory.
    package static var noReserve: KernelFlags { KernelFlags(rawValue: 1) }
  }
}
