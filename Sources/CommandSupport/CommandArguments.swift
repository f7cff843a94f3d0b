// SPDX-License-Identifier: Apache-2.0

import SystemPackage

/// The arguments of this process as the kernel passed them.
package enum CommandArguments {
  /// Why the command line cannot be used; nil if it can.
  ///
  /// Swift replaces the bytes of an argument that are not UTF-8 text, so that a path would become another path.
  package static var refusal: String? {
    for index in 1..<max(1, Int(CommandLine.argc)) {
      // SAFETY: the kernel passes `argc` C strings, and nothing in this package changes them.
      guard let argument = unsafe CommandLine.unsafeArgv[index], unsafe String(validatingCString: argument) == nil
      else { continue }
      return "The argument \(FilePath.printable(unsafe String(cString: argument))) is not UTF-8 text. Name a folder or "
        + "file whose path is text. A picture whose name is not text is found if you name its folder."
    }
    return nil
  }
}
