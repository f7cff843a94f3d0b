// SPDX-License-Identifier: Apache-2.0

import Glibc
import LedgerReading

/// The text of a small file.
/// - Throws: ``CommandFailure`` if it cannot be read, has more than 1 MiB, or is no UTF-8 text.
func wholeText(ofFile path: String) throws(CommandFailure) -> String {
  let name = "\"\(path.shownOnTerminals)\""
  let largest = 1 << 20
  let file = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY)
  guard file >= 0 else { throw CommandFailure("\(name) cannot be read: \(systemError(errno)). Check the path.") }
  defer { close(file) }
  var bytes = [UInt8](repeating: 0, count: largest + 1)
  var done = 0
  while done < bytes.count {
    let count = unsafe bytes.withUnsafeMutableBytes { buffer in
      unsafe read(file, buffer.baseAddress.map { unsafe $0 + done }, buffer.count - done)
    }
    if count < 0, errno == EINTR { continue }
    guard count >= 0 else { throw CommandFailure("\(name) cannot be read: \(systemError(errno)). Check the path.") }
    if count == 0 { break }
    done += count
  }
  guard done <= largest else { throw CommandFailure("\(name) has more than 1 MiB. Check the path.") }
  guard let text = String(validating: bytes[..<done], as: UTF8.self) else {
    throw CommandFailure("\(name) is no UTF-8 text. Check the path.")
  }
  return text
}
