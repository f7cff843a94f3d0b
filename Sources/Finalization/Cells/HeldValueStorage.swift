// SPDX-License-Identifier: Apache-2.0

/// The place of a cell's held value.
// SAFETY: a registry's cell has room there for a value of the registry's type. The cell's current owner initialises it
// once, and once moves it out or destroys it.
@safe @usableFromInline
struct HeldValueStorage {
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
