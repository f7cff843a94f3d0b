import Dispatch

/// The queue whose threads asynchronous flushes block.
enum FlushQueue {
  static let shared = DispatchQueue(label: "finalization flush", qos: .utility, attributes: .concurrent)
}
