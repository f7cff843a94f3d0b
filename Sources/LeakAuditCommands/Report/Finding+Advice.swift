// SPDX-License-Identifier: Apache-2.0

package import LedgerReading

extension Finding {
  /// What was found, in a report about a whole process.
  package var explanationForProcess: String {
    guard kind == .held else { return explanation }
    return "still live when the process ended: a global variable or a cache, another reference, or a retain cycle"
  }

  /// What a person can do next: one sentence or two.
  package var advice: String {
    let (them, their) = count == 1 ? ("it", "its") : ("them", "their")
    let theseLines = sites.count == 1 ? "this line" : "these lines"
    // For what is kept on purpose.
    let toKeep =
      "If \(count == 1 ? "it is" : "they are") meant to stay, let a ResourceCache hold \(them), create \(them) in a "
      + "ProcessLifetime.scope, or name \(them) in a suppression file."
    switch kind {
    case .held:
      return "Find what still referred to \(them): a global variable, a cache, a closure, or two objects that referred "
        + "to each other. \(toKeep)"
    case .rescued:
      return "The memory was released, but only when the last reference went. Call dispose() on the buffers of "
        + "\(theseLines), if the moment of the release matters."
    case .orphan:
      return
        "Look for code that takes memory from the arena by itself, and does not give it back; a capture names C code."
    case .ghost:
      return
        "Look for code that frees a buffer's memory by free() or by the arena's deallocator. Such a buffer must not "
        + "be used any more: restart the process."
    case .unsettled: return "Run the audit again when the program does less."
    case .uncounted: return "Look at the error of the domain's census; the driver behind it may not answer."
    case .stuck: return "Look at what the cleanup of \(theseLines) waits for. A cleanup must not block."
    case .unrecorded:
      return "The sums are exact, but these resources have no line. The program has more lines than are usual."
    case .old:
      return "Look at what keeps \(them): a dictionary or a cache without a bound grows like this. \(toKeep)"
    case .live:
      return "Compare with an earlier snapshot (`leak-audit diff`), or look at a process that ends regularly, to "
        + "see whether the resources of \(theseLines) pile up."
    default: return "Look at \(theseLines) and \(their) resources."
    }
  }
}
