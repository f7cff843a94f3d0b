import Glibc

/// The files below some folders, in a fixed order.
///
/// Names are bytes to the kernel, not text: they are kept as they are. Links to folders are not followed, so
/// there are no cycles, and nothing but regular files is opened.
struct PictureWalk {
  struct File {
    let path: FilePath
    /// The path below the folder that was named; the file's own name where a file was named.
    let relativePath: String
  }

  private(set) var files: [File] = []
  private(set) var failures: [DemoReport.Failure] = []

  private let excluded: FileIdentity?

  /// - Parameter excluded: a folder that is not walked where it lies below another one: it holds results.
  init(_ paths: [String], excluding excluded: FileIdentity?) {
    self.excluded = excluded
    for path in paths {
      let path = FilePath(path)
      switch path.kind(followingLinks: true) {
      case .folder: walk(path, below: [])
      case .file: files.append(File(path: path, relativePath: path.lastComponent.text))
      case .other(let what): fail(path, what)
      case .unknown(let code): fail(path, "cannot be read: \(FilePath.message(code))")
      }
    }
  }

  private mutating func fail(_ path: FilePath, _ reason: String) {
    failures.append(.init(path: path.text, reason: reason))
  }

  private mutating func walk(_ folder: FilePath, below prefix: [UInt8]) {
    guard let names = folder.names() else { return fail(folder, "unreadable folder: \(FilePath.message(errno))") }
    for name in names {
      let path = folder.appending(name)
      let relative = prefix.isEmpty ? name : prefix + [UInt8(ascii: "/")] + name
      switch path.kind(followingLinks: false) {
      case .folder: if excluded == nil || FileIdentity(path) != excluded { walk(path, below: relative) }
      case .file: files.append(File(path: path, relativePath: FilePath(relative).text))
      case .other("a link"):
        switch path.kind(followingLinks: true) {
        case .file: files.append(File(path: path, relativePath: FilePath(relative).text))
        case .folder: break
        case .other(let what): fail(path, "is \(what), which is no picture file")
        case .unknown(let code): fail(path, "a link that leads nowhere: \(FilePath.message(code))")
        }
      case .other(let what): fail(path, "is \(what), which is no picture file")
      case .unknown(let code): fail(path, "cannot be read: \(FilePath.message(code))")
      }
    }
  }
}
