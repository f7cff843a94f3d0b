// SPDX-License-Identifier: Apache-2.0

import Glibc

/// What a path leads to.
package enum FileKind: Equatable, Sendable {
  case folder, file, link, pipe, socket, device, special

  /// - Parameter mode: The field `st_mode` of a file's status.
  package init(mode: mode_t) {
    switch mode & S_IFMT {
    case S_IFDIR: self = .folder
    case S_IFREG: self = .file
    case S_IFLNK: self = .link
    case S_IFIFO: self = .pipe
    case S_IFSOCK: self = .socket
    case S_IFCHR, S_IFBLK: self = .device
    default: self = .special
    }
  }

  /// With its article, for messages: "a folder".
  package var name: String {
    switch self {
    case .folder: "a folder"
    case .file: "a file"
    case .link: "a link"
    case .pipe: "a pipe"
    case .socket: "a socket"
    case .device: "a device"
    case .special: "a special file"
    }
  }
}
