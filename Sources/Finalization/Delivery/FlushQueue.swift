// SPDX-License-Identifier: Apache-2.0

import Dispatch

/// The queue whose threads asynchronous flushes block.
enum FlushQueue {
  static let shared = DispatchQueue(label: "finalization flush", qos: .utility, attributes: .concurrent)
}
