// SPDX-License-Identifier: Apache-2.0

import CNativeRuntime
import Glibc
import NativeSynchronization
import Synchronization

/// Puts the process's ledger into a file, which stays after any end of the process, SIGKILL included.
///
/// The environment variable `NATIVE_BUFFERS_LEDGER` does the same without a change of the program; an empty one is as
/// if it were not set. `%p` in the path stands for the process id. The file must not exist; it is made for this user
/// alone (mode 0600), and no symbolic link is followed at the end of the path. Room is set aside before it is used, so
/// a full file system is an error and not a signal. If the file cannot be made, one line on standard error says why,
/// and the ledger lies in memory, as without a file. A forked child gets a file of its own if the path has a `%p`,
/// otherwise memory.
///
/// A program that the process begins by `exec` has the same process id, so its file would have the same path. The file
/// of the program before is then renamed to the path with `.before-exec` at its end, and says that its program was
/// replaced. Only the last such file is kept.
///
/// Use a file system in memory (tmpfs), for example a folder below `/dev/shm`. On a disk, the kernel writes changed
/// pages back, and each such page faults again at its next change: that makes creating and disposing buffers slower.
///
/// Not promised: if another program makes the file shorter, this process ends by SIGBUS. So it does on Btrfs and other
/// file systems that copy on write, if they are full or a quota is reached: there, a page that was written back needs
/// new room at its next change, although room was set aside for it.
public enum LedgerFile {
  /// The address of the path that ``use(path:)`` was given; 0 for none. It is never freed.
  private static let chosenPath = Atomic<UInt>(0)

  /// With this begins the name of the folder that `leak-audit run` makes for ledgers, and removes when it ends.
  package static var runFolderPrefix: String { "leak-audit-run-" }

  static func makeStatics() { ForkGuard.touch(chosenPath) }

  /// Has the process's ledger lie in a file. Must be called before the first use of this package's types, and has the
  /// last word over the environment variable.
  /// - Parameter path: the file's path, in which `%p` stands for the process id. It is resolved at the first use.
  /// - Returns: false if the ledger exists already: nothing changes then.
  @discardableResult
  public static func use(path: String) -> Bool {
    guard !Ledger.lazyShared.isMade else { return false }
    chosenPath.store(unsafe UInt(bitPattern: strdup(path)), ordering: .sequentiallyConsistent)
    return !Ledger.lazyShared.isMade
  }

  /// The path that was asked for, as it was given; nil if none was.
  static var path: String? {
    if let text = unsafe UnsafePointer<CChar>(bitPattern: chosenPath.load(ordering: .sequentiallyConsistent)) {
      return unsafe String(cString: text)
    }
    guard let text = unsafe getenv("NATIVE_BUFFERS_LEDGER"), unsafe text.pointee != 0 else { return nil }
    return unsafe String(cString: text)
  }

  /// The path with the number of this process.
  static func expanded(_ path: String) -> String? {
    unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(PATH_MAX)) { buffer in
      guard let name = buffer.baseAddress,
        unsafe cnativeruntime_name_with_process_id(path, name, buffer.count)
      else { return nil }
      return unsafe String(cString: name)
    }
  }

  /// Makes the file.
  /// - Returns: its descriptor.
  /// - Throws: ``Refusal`` if it cannot be made.
  static func make(_ path: String, byteCount: Int) throws(Refusal) -> Int32 {
    guard let name = expanded(path) else { throw Refusal(name: path, number: ENAMETOOLONG, byteCount: byteCount) }
    moveOwnAside(name)
    let file = unsafe cnativeruntime_make_named_file(name, byteCount)
    guard file >= 0 else {
      let number = errno
      throw Refusal(name: name, number: number, byteCount: byteCount, obstacle: Obstacle(name))
    }
    return file
  }

  /// Renames a file that this process left before it began another program by `exec`: it would be in the way, and it
  /// says what that program had. The file then says that its program was replaced.
  private static func moveOwnAside(_ name: String) {
    guard let file = openOwn(name) else { return }
    defer { close(file) }
    var state = LedgerLayout.State.replaced.rawValue
    _ = unsafe pwrite(file, &state, MemoryLayout.size(ofValue: state), off_t(LedgerLayout.stateOffset))
    let kept = name + ".before-exec"
    if let older = openOwn(kept) {
      close(older)
      unsafe unlink(kept)
    }
    // Unlike `rename`, this replaces no file of others. If it fails, the new program's ledger is the more useful one.
    unsafe link(name, kept)
    unsafe unlink(name)
  }

  /// Opens a ledger that this process made. Returns nil for every other file.
  private static func openOwn(_ name: String) -> Int32? {
    let file = unsafe open(name, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
    guard file >= 0 else { return nil }
    var known = cnativeruntime_identity()
    unsafe cnativeruntime_read_identity(&known)
    var magic: UInt64 = 0
    var found = cnativeruntime_identity()
    let isOwn =
      unsafe pread(file, &magic, 8, 0) == 8 && magic == LedgerLayout.magic
      && pread(file, &found, MemoryLayout.size(ofValue: found), off_t(LedgerLayout.identityOffset))
        == MemoryLayout.size(ofValue: found)
      && found.process_id == known.process_id && found.start_time == known.start_time && found.start_time != 0
      && found.pid_namespace == known.pid_namespace
    if isOwn { return file }
    close(file)
    return nil
  }

  /// Removes a file that ``make(_:byteCount:)`` made and that has no room for a ledger. Returns what is to be said.
  static func withdraw(_ path: String, _ error: LedgerError, byteCount: Int) -> Refusal {
    let name = expanded(path)
    if let name { unsafe unlink(name) }
    return Refusal(name: name ?? path, number: error.systemErrorNumber ?? ENOSPC, byteCount: byteCount)
  }

  /// What has the name that the ledger's file would have.
  enum Obstacle {
    case folder, symbolicLink, ledger, other

    /// Nil if nothing has this name.
    init?(_ name: String) {
      var status = stat()
      guard unsafe lstat(name, &status) == 0 else { return nil }
      switch status.st_mode & S_IFMT {
      case S_IFDIR: self = .folder
      case S_IFLNK: self = .symbolicLink
      default: self = LedgerFile.isLedger(name) ? .ledger : .other
      }
    }

    var reason: String {
      switch self {
      case .folder: "it is a folder"
      case .symbolicLink: "it is a symbolic link"
      case .ledger: "another ledger is there"
      case .other: "a file is there that is not a ledger"
      }
    }

    /// What to do. Only a ledger may be removed: what else is there may be the only copy of something.
    func advice(_ name: String) -> String {
      switch self {
      case .folder: "Name a file in it: \(name)\(name.hasSuffix("/") ? "" : "/")%p.ledger, where %p is the process id."
      case .symbolicLink: "Name a file that is no symbolic link."
      case .ledger: "Remove it, or put %p into the path, which stands for the process id."
      case .other: "Name another file."
      }
    }
  }

  /// Whether a file begins like a ledger; false if it cannot be read.
  package static func isLedger(_ path: String) -> Bool {
    let file = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
    guard file >= 0 else { return false }
    defer { close(file) }
    var magic: UInt64 = 0
    return unsafe pread(file, &magic, 8, 0) == 8 && magic == LedgerLayout.magic
  }

  /// Why the ledger is not in its file, and what to do.
  struct Refusal: Error, CustomStringConvertible {
    let name: String
    /// errno's value.
    let number: Int32
    /// The size that the file would have.
    let byteCount: Int
    /// What is in the way, if something is.
    var obstacle: Obstacle?

    var description: String {
      let obstacle = [EEXIST, EISDIR, ELOOP].contains(number) ? obstacle : nil
      let reason = obstacle?.reason ?? systemMessage(number)
      let advice = obstacle?.advice(name) ?? advice
      return "the ledger cannot be in the file \(name): \(reason). \(advice)"
    }

    private var isInFolderOfRun: Bool {
      name.split(separator: "/").dropLast().last?.hasPrefix(LedgerFile.runFolderPrefix) ?? false
    }

    private var advice: String {
      switch number {
      case EEXIST: "Name another file."
      case ELOOP: "Name a file that is no symbolic link."
      case ENOENT where isInFolderOfRun:
        "Its folder is gone (the `leak-audit run` that named it has ended). To have this process audited, let the "
          + "command of `run` wait for it."
      case ENOENT: "Make its folder first."
      case EFBIG: "Raise the limit on the size of files (ulimit -f) to \(byteCount) bytes."
      case ENOSPC, EDQUOT: "Free some space, or choose another file system."
      default: "Choose a folder in which this user may make files, for example one below /dev/shm."
      }
    }
  }
}
