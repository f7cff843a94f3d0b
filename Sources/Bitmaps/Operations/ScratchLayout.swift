// SPDX-License-Identifier: Apache-2.0

/// Divides one piece of scratch memory into arrays. Each array starts at a multiple of 64 bytes.
struct ScratchLayout {
  /// An array of the memory that the layout describes.
  struct Part<Element> {
    let offset: Int
    let count: Int

    /// The array with undefined contents, for code that writes every element before it reads it.
    func uninitialized(in scratch: UnsafeMutableRawPointer) -> UnsafeMutablePointer<Element> {
      // SAFETY: the layout gave these bytes to no other part, and they are aligned.
      unsafe (scratch + offset).bindMemory(to: Element.self, capacity: count)
    }

    /// The array, filled with zeros.
    func zeroed(in scratch: UnsafeMutableRawPointer) -> UnsafeMutablePointer<Element> {
      // SAFETY: as above; zero bytes are a value of every number type that parts hold.
      unsafe (scratch + offset).initializeMemory(
        as: UInt8.self, repeating: 0, count: count * MemoryLayout<Element>.stride)
      return unsafe uninitialized(in: scratch)
    }
  }

  private(set) var byteCount = 0

  mutating func add<Element: BitwiseCopyable>(_ type: Element.Type, count: Int) -> Part<Element> {
    let part = Part<Element>(offset: byteCount, count: count)
    byteCount += (count * MemoryLayout<Element>.stride + 63) / 64 * 64
    return part
  }
}
