// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The system's text for an errno value.
package func systemMessage(_ errno: Int32) -> String {
  // SAFETY: glibc returns a constant or a thread-local string, which is copied at once; it never returns NULL.
  unsafe strerror(errno).map { unsafe String(cString: $0) } ?? "error \(errno)"
}
