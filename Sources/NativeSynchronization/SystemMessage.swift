import Glibc

/// What the system says of an errno value.
package func systemMessage(_ errno: Int32) -> String {
  // SAFETY: glibc answers with a constant or a thread-local string, which is copied at once; never with NULL.
  unsafe strerror(errno).map { unsafe String(cString: $0) } ?? "error \(errno)"
}
