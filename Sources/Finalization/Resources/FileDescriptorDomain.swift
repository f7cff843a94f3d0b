// SPDX-License-Identifier: Apache-2.0

import CNativeRuntime
import Glibc
import NativeSynchronization
public import ResourceLedger

/// The process's open file descriptors, counted by the kernel.
///
/// Its census counts the descriptors that `/proc/self/fd` lists, but not:
///
/// - those that were open when the domain began and still refer to the same file, until an ``OwnedFileDescriptor``
///   takes them;
/// - the library's own two files: the one in which the ledger is, and the one by which other processes ask this one for
///   an answer;
/// - what Dispatch opens once for itself (an epoll, an eventfd and up to three timers), because every program that uses
///   Swift's tasks, a Dispatch queue, or a registry or cache of this library has these.
///
/// A descriptor that is opened without an ``OwnedFileDescriptor`` is in the census and not in the ledger: an audit
/// reports it as an orphan. That also holds for descriptors that another library opens after the domain began and
/// keeps, for example for an event loop, a connection or a log, and for the one that a Dispatch source for a signal
/// needs. Start such libraries before the first use of the domain, so that their descriptors are open when it begins.
// SAFETY: `baseline` is used under `lock`.
public final class FileDescriptorDomain: ResourceDomain, @unchecked Sendable {
  /// The domain of this process. It begins when it is first used: after other libraries have opened what they keep, and
  /// before the program opens what it should close.
  public static var shared: FileDescriptorDomain { lazyShared.value }
  private static let lazyShared = ForkSafeLazy { FileDescriptorDomain(name: "file descriptors") }

  public let name: String
  /// The ledger's number of the shared domain, in which ``OwnedFileDescriptor``s are created; nil if the ledger had no
  /// room for one more domain.
  public static var sharedID: DomainID? { lazyID.value }
  private static let lazyID = ForkSafeLazy { () -> DomainID? in
    let domain = shared
    guard (try? Ledger.makeShared()) != nil,
      let id = try? Ledger.shared.addDomain(.fileDescriptor, name: domain.name).id
    else { return nil }
    ResourceDomains.listOnly(domain, as: id)
    return id
  }

  static func makeStatics() {
    ForkGuard.touch(lazyShared)
    ForkGuard.touch(lazyID)
  }

  private let lock = RankedLock(.descriptors)
  /// Descriptors that were open when the domain began and that no ``OwnedFileDescriptor`` took since, with what they
  /// referred to. Guarded by `lock`.
  private var baseline: [Int32: String]

  private init(name: String) {
    self.name = name
    baseline = (try? Self.open()) ?? [:]
  }

  /// Descriptors that are open now and were not when the domain began. Bytes are 0: the kernel's memory is not counted.
  /// - Throws: ``FinalizationError`` if `/proc/self/fd` cannot be opened.
  /// - Complexity: three system calls per descriptor, and four more for each that is an epoll.
  public func census() throws(FinalizationError) -> Census {
    let open = try Self.open()
    let count = lock.withLock { open.count { descriptor, target in baseline[descriptor] != target } }
    return Census(count: count, byteCount: 0)
  }

  /// Counts a descriptor from now on, because an ``OwnedFileDescriptor`` owns it.
  func count(_ descriptor: Int32) { lock.withLock { baseline[descriptor] = nil } }

  private static func open() throws(FinalizationError) -> [Int32: String] {
    guard let directory = unsafe opendir("/proc/self/fd") else { throw FinalizationError(.system(errno: errno)) }
    defer { unsafe closedir(directory) }
    let own = unsafe dirfd(directory)
    var open: [Int32: String] = [:]
    while let item = unsafe readdir(directory) {
      let name = unsafe withUnsafeBytes(of: item.pointee.d_name) { bytes in
        unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      guard let descriptor = Int32(name), descriptor != own, !Ledger.owns(descriptor),
        !cnativeruntime_is_request(descriptor)
      else { continue }
      open[descriptor] = target(of: descriptor)
    }
    // After the folder was read, because this opens files.
    for descriptor in DispatchDescriptors.among(open) { open[descriptor] = nil }
    return open
  }

  /// What a descriptor refers to, as the kernel names it: `pipe:[4711]`.
  private static func target(of descriptor: Int32) -> String {
    var bytes = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = unsafe bytes.withUnsafeMutableBytes { buffer in
      // The buffer is not empty, so it has an address.
      guard let base = buffer.baseAddress else { return 0 }
      return unsafe readlink("/proc/self/fd/\(descriptor)", base, buffer.count)
    }
    return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
  }
}
