// SPDX-License-Identifier: Apache-2.0

import Glibc

/// What runs when a thread ends.
package enum ThreadEnd {
  /// Makes a key under which each thread may keep a pointer (`pthread_setspecific`).
  /// - Parameter action: called on each thread that ends and has a pointer under the key, with that pointer. Actions of
  ///   other keys may run after it. If one of them sets a pointer under this key, the action is called again.
  package static func makeKey(_ action: @escaping @convention(c) (UnsafeMutableRawPointer?) -> Void) -> pthread_key_t {
    var key = pthread_key_t()
    let result = unsafe pthread_key_create(&key, action)
    precondition(result == 0, "pthread_key_create failed with \(result)")
    return key
  }
}
