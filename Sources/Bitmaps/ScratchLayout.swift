/// How one piece of scratch memory is divided into arrays: each starts at a multiple of 64 bytes.
struct ScratchLayout {
  /// An array of the memory that the layout describes.
  struct Part<Element> {
    let offset: Int
    let count: Int

    /// All zeros.
    func zeroed(in scratch: UnsafeMutableRawPointer) -> UnsafeMutablePointer<Element> {
      // SAFETY: the layout gave this part to nobody else, aligned; zeros are a value of the numbers that parts hold.
      let bytes = unsafe scratch + offset
      unsafe bytes.initializeMemory(as: UInt8.self, repeating: 0, count: count * MemoryLayout<Element>.stride)
      return unsafe bytes.bindMemory(to: Element.self, capacity: count)
    }
  }

  private(set) var byteCount = 0

  mutating func add<Element: BitwiseCopyable>(_ type: Element.Type, count: Int) -> Part<Element> {
    let part = Part<Element>(offset: byteCount, count: count)
    byteCount += (count * MemoryLayout<Element>.stride + 63) / 64 * 64
    return part
  }
}
