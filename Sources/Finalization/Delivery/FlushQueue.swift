import Dispatch

/// Where asynchronous flushes wait.
enum FlushQueue {
  static let shared = DispatchQueue(label: "finalization flush", qos: .utility, attributes: .concurrent)
}
