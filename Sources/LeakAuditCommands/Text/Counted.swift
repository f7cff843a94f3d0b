// SPDX-License-Identifier: Apache-2.0

import ResourceLedger

extension Int {
  /// The number with its noun: "1 block", "1,200 blocks", "2 entries".
  /// - Parameter plural: nil for a noun that only gets an s.
  func counted(_ noun: String, _ plural: String? = nil) -> String {
    "\(grouped) \(self == 1 ? noun : plural ?? noun + "s")"
  }
}

/// What is said in the place of a list from which options leave out every line.
/// - Parameters:
///   - options: those that leave lines out.
///   - text: how many there are without them, in words: "4 changed lines".
func noLineText(_ options: [String], _ count: Int, _ text: String) -> String {
  let (leave, them) = options.count == 1 ? ("leaves", "it") : ("leave", "them")
  return
    "\(options.joined(separator: " and ")) \(leave) no line; without \(them) there \(count == 1 ? "is" : "are") \(text)"
}

/// What is said below a list from which --site leaves lines out; nothing if it leaves out none.
func leftOutText(_ count: Int, width: Int?, indent: Int) -> [String] {
  guard count > 0 else { return [] }
  let (lines, match) = (count.counted("line"), count == 1 ? "does" : "do")
  return "… and \(lines) of code that \(match) not match --site".wrapped(to: width, indent: indent)
}
