// SPDX-License-Identifier: Apache-2.0

/// Remembers which classes are ``Finalizable``, of those that a thread asked about last, because Swift's dynamic cast
/// takes longer than all the rest of a registration.
struct KnownTypes: ~Copyable {
  private struct Answer {
    var type: UInt = 0
    var isFinalizable = false
  }

  private var answers = InlineArray<32, Answer>(repeating: Answer())

  mutating func isFinalizable(_ object: AnyObject) -> Bool {
    // SAFETY: a class's metadata is never freed, so no other class gets its address, which is compared, never
    // dereferenced.
    let type = unsafe unsafeBitCast(Swift.type(of: object) as AnyObject.Type, to: UInt.self)
    let slot = Int(truncatingIfNeeded: type >> 4) & 31
    if answers[slot].type == type { return answers[slot].isFinalizable }
    let isFinalizable = object is any Finalizable
    answers[slot] = Answer(type: type, isFinalizable: isFinalizable)
    return isFinalizable
  }
}
