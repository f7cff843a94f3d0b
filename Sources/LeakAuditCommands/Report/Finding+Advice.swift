// SPDX-License-Identifier: Apache-2.0

package import LedgerReading

extension Finding.Kind {
  /// What a person can do next about a finding of this kind: one sentence or two.
  package var advice: String {
    switch self {
    case .held:
      "Find what still refers to it: a global variable, a cache, a closure, or two objects that refer to each other. "
        + toKeepIt
    case .rescued:
      "The memory was released, but only when the last reference went. Call dispose() on this line's buffers, if the "
        + "moment of the release matters."
    case .orphan:
      "Look for code that takes memory from the arena by itself, and does not give it back; a capture names C code."
    case .ghost:
      "Look for code that frees a buffer's memory by free() or by the arena's deallocator. Such a buffer must not be "
        + "used any more: restart the process."
    case .unsettled: "Run the audit again when the program does less."
    case .uncounted: "Look at the error of the domain's census; the driver behind it may not answer."
    case .stuck: "Look at what the cleanup of this line waits for. A cleanup must not block."
    case .unrecorded: "The sums are exact, but these resources have no line. The program has more lines than are usual."
    case .old:
      "Look at what this line's resources are kept in: a dictionary or a cache without a bound grows like this. "
        + toKeepIt
    case .live:
      "Compare with an earlier snapshot (`leak-audit diff`), or look at a process that ends by itself, to see "
        + "whether this line's resources pile up."
    default: "Look at the lines that are named."
    }
  }

  /// For what is kept on purpose.
  private var toKeepIt: String {
    "If it is meant to stay, let a ResourceCache hold it, create it in a ProcessLifetime.scope, or name it in a "
      + "suppression file."
  }
}
