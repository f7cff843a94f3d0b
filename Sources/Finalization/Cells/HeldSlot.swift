/// Where a cell's held value is.
// SAFETY: a cell of a registry has room for a value of the registry's type there; the cell's owner of the
// moment puts it in, moves it out or destroys it, once each.
@safe @usableFromInline
struct HeldSlot {
  @usableFromInline let address: UnsafeMutableRawPointer

  init(_ address: UnsafeMutableRawPointer) { unsafe self.address = address }

  @inlinable
  func initialize<Value>(to value: consuming Value) {
    unsafe address.assumingMemoryBound(to: Value.self).initialize(to: value)
  }

  @inlinable
  func copy<Value>(as type: Value.Type) -> Value { unsafe address.assumingMemoryBound(to: type).pointee }

  @inlinable
  func move<Value>(as type: Value.Type) -> Value { unsafe address.assumingMemoryBound(to: type).move() }

  @inlinable
  func destroy<Value>(as type: Value.Type) { unsafe address.assumingMemoryBound(to: type).deinitialize(count: 1) }
}
