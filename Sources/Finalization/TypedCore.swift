import ResourceLedger

/// A registry's core: cells with held values of one type behind them.
final class TypedCore<HeldValue: Sendable>: RegistryCore, @unchecked Sendable {
  // SAFETY: constants only; a cell's held value is touched by the owner of the cell alone.
  private let cleanup: @Sendable (HeldValue) throws -> Void
  private let errorHandler: @Sendable (any Error) -> Void

  init(
    name: String, delivery: Delivery, cleanup: @escaping @Sendable (HeldValue) throws -> Void,
    errorHandler: @escaping @Sendable (any Error) -> Void
  ) {
    self.cleanup = cleanup
    self.errorHandler = errorHandler
    super.init(
      name: name, delivery: delivery, heldSize: MemoryLayout<HeldValue>.size,
      heldAlignment: MemoryLayout<HeldValue>.alignment)
  }

  /// Where a cell's held value is.
  static func held(_ cell: Cell) -> UnsafeMutablePointer<HeldValue> {
    // SAFETY: the pool set aside room for it there, and a core's cells hold values of its type only.
    unsafe (UnsafeMutableRawPointer(cell.record) + Cell.heldOffset(for: MemoryLayout<HeldValue>.alignment))
      .assumingMemoryBound(to: HeldValue.self)
  }

  override func cleanUp(_ cell: Cell) throws { try run(cleanup, on: cell) }

  /// Runs a cleanup with the held value of a claimed cell that is on no list, then retires the cell.
  func run(_ cleanup: (HeldValue) throws -> Void, on cell: Cell) throws {
    defer { retire(cell) }
    try runOnly(cleanup, on: cell)
  }

  override func cleanUpQueued(_ cell: Cell) throws { try runOnly(cleanup, on: cell) }

  private func runOnly(_ cleanup: (HeldValue) throws -> Void, on cell: Cell) throws {
    // The held value goes when the cleanup is over, and what dies with it is delivered after that.
    try DeliveringThread.run { try cleanup(unsafe Self.held(cell).move()) }
  }

  override func dropHeldValue(of cell: Cell) { unsafe Self.held(cell).deinitialize(count: 1) }

  override func report(_ error: any Error) { errorHandler(error) }
}
