// SPDX-License-Identifier: Apache-2.0

import SystemPackage

/// The descriptors that Dispatch opens for itself, and never closes: one epoll, by which it waits, one eventfd, by
/// which its other threads wake the thread that waits, and a timerfd for each clock that was needed.
///
/// The first work that Dispatch has for another thread opens them. Every program has such work that uses Swift's tasks,
/// a Dispatch queue, or a registry or cache of this library. So they are no descriptors of the program.
enum DispatchDescriptors {
  /// Those among open descriptors.
  /// - Parameters:
  ///   - open: the descriptors, with what the kernel says that each refers to.
  ///   - watched: what an epoll watches.
  /// - Complexity: four system calls for each epoll.
  static func among(
    _ open: [Int32: String], watched: (_ epoll: Int32) -> [Watched] = Self.watched(by:)
  ) -> Set<Int32> {
    var own: Set<Int32> = []
    for (descriptor, target) in open where target == "anon_inode:[eventpoll]" {
      let watched = watched(descriptor)
      guard let waker = watched.first(where: { isWaker($0, open[$0.descriptor]) }) else { continue }
      let timers = watched.filter { isTimer($0, open[$0.descriptor]) }
      own.formUnion([descriptor, waker.descriptor] + timers.map(\.descriptor))
    }
    return own
  }

  /// A descriptor that an epoll watches.
  struct Watched: Equatable {
    let descriptor: Int32
    /// What is waited for.
    let events: UInt32
    /// What the owner of the epoll wrote beside it.
    let mark: UInt64
  }

  /// What `/proc/self/fdinfo` says of an epoll: lines like `tfd:  5 events:  4019 data:  1  pos:0 ino:40e sdev:10`,
  /// with the events and the data in hexadecimal digits.
  static func watched(inText text: some StringProtocol) -> [Watched] {
    text.split(separator: "\n").compactMap { line in
      let words = line.split(separator: " ")
      guard words.count >= 6, words[0] == "tfd:", words[2] == "events:", words[4] == "data:",
        let descriptor = Int32(words[1]), let events = UInt32(words[3], radix: 16),
        let mark = UInt64(words[5], radix: 16)
      else { return nil }
      return Watched(descriptor: descriptor, events: events, mark: mark)
    }
  }

  /// Whether this is the eventfd. Dispatch asks the kernel for an event that only code of the kernel knows (EPOLLFREE),
  /// and so no other library asks for it.
  private static func isWaker(_ watched: Watched, _ target: String?) -> Bool {
    target == "anon_inode:[eventfd]" && watched.events & 0x4000 != 0 && watched.mark == 1
  }

  /// Whether this is the timer of one of Dispatch's three clocks, if the epoll is Dispatch's.
  private static func isTimer(_ watched: Watched, _ target: String?) -> Bool {
    target == "anon_inode:[timerfd]" && (2...4).contains(watched.mark)
  }

  static func watched(by epoll: Int32) -> [Watched] {
    guard let file = try? FileDescriptor.open(FilePath("/proc/self/fdinfo/\(epoll)"), .readOnly, options: .closeOnExec)
    else { return [] }
    defer { try? file.close() }
    var text: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 1 << 12)
    while let count = try? unsafe piece.withUnsafeMutableBytes({ unsafe try file.read(into: $0) }), count > 0 {
      text += piece[..<count]
    }
    return watched(inText: String(decoding: text, as: UTF8.self))
  }
}
