import Foundation

/// The files below some folders, in a fixed order. Links to folders are not followed, so there are no cycles.
struct PictureWalk {
  struct File {
    let path: String
    /// The path below the folder that was named; the file's own name where a file was named.
    let relativePath: String
  }

  private(set) var files: [File] = []
  private(set) var failures: [DemoReport.Failure] = []

  init(_ paths: [String]) {
    for path in paths {
      var isFolder: ObjCBool = false
      // A path that is not there fails like any other folder that cannot be read.
      let exists = unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
      if exists, !isFolder.boolValue {
        files.append(File(path: path, relativePath: (path as NSString).lastPathComponent))
      } else {
        walk(path, below: "")
      }
    }
  }

  private mutating func walk(_ folder: String, below prefix: String) {
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
    } catch {
      failures.append(.init(path: folder, reason: "unreadable folder: \(Self.reason(error))"))
      return
    }
    for name in names {
      let path = (folder as NSString).appendingPathComponent(name)
      let relativePath = prefix.isEmpty ? name : prefix + "/" + name
      let type = try? FileManager.default.attributesOfItem(atPath: path)[.type] as? FileAttributeType
      if type == .typeDirectory {
        walk(path, below: relativePath)
      } else if type == .typeSymbolicLink, Self.isFolder(path) {
        continue
      } else {
        files.append(File(path: path, relativePath: relativePath))
      }
    }
  }

  private static func isFolder(_ path: String) -> Bool {
    var isFolder: ObjCBool = false
    return unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
  }

  /// The system's own words where Foundation wraps them.
  private static func reason(_ error: any Error) -> String {
    let underlying = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError ?? error as NSError
    if underlying.domain == NSPOSIXErrorDomain { return unsafe String(cString: strerror(Int32(underlying.code))) }
    return (error as NSError).localizedDescription
  }
}
