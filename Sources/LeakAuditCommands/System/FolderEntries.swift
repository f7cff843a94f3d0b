// SPDX-License-Identifier: Apache-2.0

import Glibc
import NativeSynchronization

/// An errno value.
struct SystemError: Error, Equatable {
  let number: Int32
}

/// The system's text for an errno value, as the end of a sentence.
func systemError(_ number: Int32) -> String {
  let text = systemMessage(number)
  return text.prefix(1).lowercased() + text.dropFirst()
}

/// The names in a folder that are text, without `.` and `..`, in no order.
func folderEntries(_ path: String) throws(SystemError) -> [String] {
  guard let folder = unsafe opendir(path) else { throw SystemError(number: errno) }
  defer { unsafe closedir(folder) }
  var names: [String] = []
  while let entry = unsafe readdir(folder) {
    let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
      // SAFETY: `d_name` is an array of 256 characters, and a zero ends the name.
      unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(validatingCString: $0) }
    }
    if let name, name != ".", name != ".." { names.append(name) }
  }
  return names
}
