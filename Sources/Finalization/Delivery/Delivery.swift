// SPDX-License-Identifier: Apache-2.0

public import Dispatch

/// Says where a registry runs its cleanups.
public struct Delivery: Sendable {
  enum Kind: Sendable {
    case background
    case queue(DispatchQueue)
    case serialExecutor(any SerialExecutor)
    case taskExecutor(any TaskExecutor)
    case inline
    case manual
  }

  let kind: Kind

  /// On a serial queue of the registry's own, at utility priority. The default.
  public static var background: Delivery { Delivery(kind: .background) }

  /// On a Dispatch queue.
  public static func queue(_ queue: DispatchQueue) -> Delivery { Delivery(kind: .queue(queue)) }

  /// On a serial executor, for example that of the main actor, or of the one thread that owns a graphics context.
  public static func executor(_ executor: any SerialExecutor) -> Delivery { Delivery(kind: .serialExecutor(executor)) }

  /// On a task executor. Cleanups may then run at the same time, on several threads.
  public static func taskExecutor(_ executor: any TaskExecutor) -> Delivery {
    Delivery(kind: .taskExecutor(executor))
  }

  /// On the thread that releases the target's last reference, inside that release. A death in a cleanup is delivered
  /// after that cleanup.
  ///
  /// The releasing thread may hold any lock, so a cleanup that takes a lock can deadlock. The death of a target without
  /// an anchor is delivered by the thread whose sweep finds it.
  public static var inlineOnReleasingThread: Delivery { Delivery(kind: .inline) }

  /// Only when the program calls ``FinalizationRegistry/drain()`` or `flush`. When the registry goes away, it delivers
  /// the deaths that are due; later deaths are delivered on a queue in the background.
  public static var manual: Delivery { Delivery(kind: .manual) }

  var isInline: Bool { if case .inline = kind { true } else { false } }
  var isManual: Bool { if case .manual = kind { true } else { false } }
}

/// An actor that runs deliveries on a given executor.
actor ExecutorHost {
  private let executor: any SerialExecutor

  init(_ executor: any SerialExecutor) { self.executor = executor }

  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

  func run(_ body: @Sendable () -> Void) { body() }
}
