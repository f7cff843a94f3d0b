// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

/// The pictures beside the clone, at `../shared/corpus`. They are not part of the repository.
enum Corpus {
  static let folder: String = {
    var parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
    parts.removeLast(4)  // Corpus.swift, BitmapsTests, Tests, the package
    for _ in 0..<3 {
      let candidate = parts.joined(separator: "/") + "/shared/corpus"
      if unsafe access(candidate, R_OK) == 0 { return candidate }
      if parts.count > 1 { parts.removeLast() }
    }
    return ""
  }()

  static var isPresent: Bool { !folder.isEmpty }
  static let absence: Comment = "There is no corpus of pictures at ../shared/corpus."

  static func path(_ name: String) -> String { "\(folder)/\(name)" }

  static func bytes(_ name: String) throws -> [UInt8] { try Files.bytes(path(name)) }

  /// The names of the files in a folder of the corpus, such as `photos/rocket.jpg`.
  static func names(in part: String, suffixes: [String] = [".jpg", ".png"]) -> [String] {
    Files.names(in: path(part)).filter { name in suffixes.contains { name.hasSuffix($0) } }.map { "\(part)/\($0)" }
  }
}

enum Files {
  struct Failure: Error { let path: String }

  static func bytes(_ path: String) throws -> [UInt8] {
    let descriptor = unsafe open(path, O_RDONLY)
    guard descriptor >= 0 else { throw Failure(path: path) }
    defer { close(descriptor) }
    let size = Int(lseek(descriptor, 0, SEEK_END))
    return unsafe [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      count = max(0, unsafe pread(descriptor, buffer.baseAddress, size, 0))
    }
  }

  static func write(_ bytes: [UInt8], to path: String) throws {
    let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    guard descriptor >= 0 else { throw Failure(path: path) }
    defer { close(descriptor) }
    guard unsafe Glibc.write(descriptor, bytes, bytes.count) == bytes.count else { throw Failure(path: path) }
  }

  static func names(in folder: String) -> [String] {
    guard let directory = unsafe opendir(folder) else { return [] }
    defer { unsafe closedir(directory) }
    var names: [String] = []
    while let entry = unsafe readdir(directory) {
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        unsafe String(cString: UnsafeRawPointer(pointer).assumingMemoryBound(to: CChar.self))
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  /// A new folder in the system's folder for temporary files.
  static func makeTemporaryFolder() throws -> String {
    // SAFETY: getenv returns a string of the environment, which is copied at once.
    let parent = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? P_tmpdir
    var template = Array("\(parent)/bitmaps-tests-XXXXXX".utf8CString)
    guard unsafe mkdtemp(&template) != nil else { throw Failure(path: parent) }
    return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Calls `body` with a new folder, and then removes the folder with everything in it.
  static func withTemporaryFolder<R>(_ body: (String) throws -> R) throws -> R {
    let folder = try makeTemporaryFolder()
    defer {
      for name in names(in: folder) {
        if unsafe unlink("\(folder)/\(name)") != 0 { unsafe rmdir("\(folder)/\(name)") }
      }
      unsafe rmdir(folder)
    }
    return try body(folder)
  }
}
