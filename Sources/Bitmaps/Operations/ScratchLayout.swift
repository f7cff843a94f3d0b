/// How one piece of scratch memory is divided into arrays: each starts at a multiple of 64 bytes.
struct ScratchLayout {
  /// An array of the memory that the layout describes.
  struct Part<Element> {
    let offset: Int
    let count: Int

    /// With whatever is there, for what is written before it is read.
    func uninitialized(in scratch: UnsafeMutableRawPointer) -> UnsafeMutablePointer<Element> {
      // SAFETY: the layout gave this part to nobody else, aligned.
      unsafe (scratch + offset).bindMemory(to: Element.self, capacity: count)
    }

    /// All zeros.
    func zeroed(in scratch: UnsafeMutableRawPointer) -> UnsafeMutablePointer<Element> {
      // SAFETY: as above; zeros are a value of the numbers that parts hold.
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
