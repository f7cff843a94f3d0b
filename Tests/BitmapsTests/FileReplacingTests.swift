// SPDX-License-Identifier: Apache-2.0

import Glibc
import NativeBuffers
import Testing

@testable import Bitmaps

@Suite("What a written file replaces")
struct FileReplacingTests {
  private static func status(_ path: String) throws -> stat {
    var status = stat()
    try #require(unsafe lstat(path, &status) == 0)
    return status
  }

  /// A folder, and a bitmap to write there.
  private func withFolder(_ body: (String, Bitmap) throws -> Void) throws {
    try withOwnArena { arena in
      try Files.withTemporaryFolder { folder in
        let bitmap = try Bitmap.drawn(width: 8, height: 8, arena: arena)
        defer { bitmap.dispose() }
        try body(folder, bitmap)
      }
    }
  }

  @Test(
    "A file that is replaced keeps its mode", arguments: [0o640, 0o600, 0o664, 0o444, 0o777, 0o4755] as [mode_t])
  func mode(mode: mode_t) throws {
    try withFolder { folder, bitmap in
      let path = "\(folder)/picture.png"
      try Files.write([1], to: path)
      try #require(unsafe chmod(path, mode) == 0)
      let old = try Self.status(path)
      try bitmap.writePNG(toFileAt: path)
      let new = try Self.status(path)
      #expect(new.st_mode == S_IFREG | mode & 0o777 && new.st_ino != old.st_ino && new.st_size > 1)
      #expect(Files.names(in: folder) == ["picture.png"])
    }
  }

  @Test("A new file has the mode that other new files of the process have")
  func newFile() throws {
    try withFolder { folder, bitmap in
      try bitmap.writePNG(toFileAt: "\(folder)/picture.png")
      #expect(try Self.status("\(folder)/picture.png").st_mode == Self.modeOfNewFiles(in: folder))
    }
  }

  private static func modeOfNewFiles(in folder: String) throws -> mode_t {
    let path = "\(folder)/new"
    let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL, 0o666)
    try #require(descriptor >= 0)
    close(descriptor)
    defer { unsafe unlink(path) }
    return try status(path).st_mode
  }

  @Test(
    "A file that is replaced keeps its owner and group, too", .enabled(if: getuid() == 0, "Only root gives files away.")
  )
  func owner() throws {
    try withFolder { folder, bitmap in
      let path = "\(folder)/picture.png"
      try Files.write([1], to: path)
      try #require(unsafe chown(path, 1, 2) == 0)
      try #require(unsafe chmod(path, 0o640) == 0)
      try bitmap.writePNG(toFileAt: path)
      let new = try Self.status(path)
      #expect(new.st_uid == 1 && new.st_gid == 2 && new.st_mode & 0o7777 == 0o640)
    }
  }

  @Test(
    "If the group cannot be kept, the new group gets no more rights than all other users have",
    .enabled(if: getuid() == 0, "Only root can become another user."))
  func foreignGroup() async throws {
    let folder = try Files.makeTemporaryFolder()
    defer {
      unsafe unlink("\(folder)/picture.png")
      unsafe rmdir(folder)
    }
    await #expect(processExitsWith: .success) { [folder = folder as String] in
      let path = "\(folder)/picture.png"
      try Files.write([1], to: path)
      try #require(unsafe chmod(path, 0o664) == 0)
      try #require(unsafe chmod(folder, 0o777) == 0)
      let nobody: uid_t = 65_534
      try #require(setgroups(0, nil) == 0)
      try #require(setgid(nobody) == 0)
      try #require(setuid(nobody) == 0)
      let bitmap = try Bitmap.drawn(width: 8, height: 8)
      defer { bitmap.dispose() }
      try bitmap.writePNG(toFileAt: path)
      let new = try FileReplacingTests.status(path)
      try #require(new.st_uid == nobody && new.st_gid == nobody)
      try #require(new.st_mode & 0o7777 == 0o644)
    }
  }

  @Test("A link is replaced, and the file that it pointed to stays as it was")
  func links() throws {
    try withFolder { folder, bitmap in
      try Files.write([1, 2, 3], to: "\(folder)/kept")
      try #require(unsafe chmod("\(folder)/kept", 0o600) == 0)
      let new = try Self.modeOfNewFiles(in: folder)
      for (target, mode) in [("kept", S_IFREG | 0o600), ("nowhere", new)] {
        let path = "\(folder)/\(target).png"
        try #require(unsafe symlink(target, path) == 0)
        try bitmap.writePNG(toFileAt: path)
        #expect(try Self.status(path).st_mode == mode)
      }
      #expect(try Files.bytes("\(folder)/kept") == [1, 2, 3])
      #expect(Files.names(in: folder) == ["kept", "kept.png", "nowhere.png"])
    }
  }

  @Test("A folder, a pipe, a socket and a device are not replaced, and neither are links to them")
  func special() throws {
    try withFolder { folder, bitmap in
      try #require(unsafe mkdir("\(folder)/a folder", 0o755) == 0)
      try #require(unsafe mkfifo("\(folder)/a pipe", 0o644) == 0)
      try #require(unsafe mknod("\(folder)/a socket", S_IFSOCK | 0o644, 0) == 0)
      try #require(unsafe symlink("/dev/null", "\(folder)/a device") == 0)
      try #require(unsafe symlink("a pipe", "\(folder)/a pipe, by a link") == 0)
      let names = Files.names(in: folder)
      for name in names {
        let old = try Self.status("\(folder)/\(name)")
        let error = try bitmapError("\(name)") { try bitmap.writeJPEG(toFileAt: "\(folder)/\(name)") }
        #expect(error.code == .unwritableFile && error.path == "\(folder)/\(name)")
        let kind = name.split(separator: ",")[0]
        #expect(error.reason == "this is \(kind), which is not replaced by a file. Give another path.")
        let new = try Self.status("\(folder)/\(name)")
        #expect(new.st_ino == old.st_ino && new.st_mode == old.st_mode)
      }
      #expect(Files.names(in: folder) == names && names.count == 5)
    }
  }

  @Test("A link into /proc, such as /dev/stdout, is not replaced, even if it points to a regular file")
  func openFiles() throws {
    try withFolder { folder, bitmap in
      try Files.write([1, 2, 3], to: "\(folder)/output")
      let descriptor = unsafe open("\(folder)/output", O_RDONLY)
      defer { close(descriptor) }
      let path = "\(folder)/stdout"
      try #require(unsafe symlink("/proc/self/fd/\(descriptor)", path) == 0)
      let old = try Self.status(path)
      let error = try bitmapError { try bitmap.writeJPEG(toFileAt: path) }
      #expect(error.code == .unwritableFile && error.reason.hasPrefix("this is a link to /proc/self/fd/"))
      #expect(try Self.status(path).st_ino == old.st_ino)
      #expect(try Files.bytes("\(folder)/output") == [1, 2, 3])
    }
  }

  @Test("Temporary files that a killed process of the same ID left stay as they are, and another name is taken")
  func leftTemporaryFiles() async throws {
    let folder = try Files.makeTemporaryFolder()
    defer {
      for name in Files.names(in: folder) { unsafe unlink("\(folder)/\(name)") }
      unsafe rmdir(folder)
    }
    // In a process of its own, because the number in the name counts all files that a process writes.
    await #expect(processExitsWith: .success) { [folder = folder as String] in
      let left = (1...3).map { ".bitmap-\(getpid())-\($0).tmp" }
      for name in left { try Files.write([7], to: "\(folder)/\(name)") }
      let bitmap = try Bitmap.drawn(width: 8, height: 8)
      defer { bitmap.dispose() }
      try bitmap.writePNG(toFileAt: "\(folder)/picture.png")
      try #require(Files.names(in: folder).sorted() == (left + ["picture.png"]).sorted())
      for name in left { try #require(try Files.bytes("\(folder)/\(name)") == [7]) }
    }
  }
}
