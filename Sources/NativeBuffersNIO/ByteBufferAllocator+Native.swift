// SPDX-License-Identifier: Apache-2.0

#if NIOBridge
  @_spi(CustomByteBufferAllocator) public import NIOCore
  import NativeBuffers

  extension ByteBufferAllocator {
    /// Makes `ByteBuffer`s whose memory is that of native buffers: in an arena, in the ledger, and kept for reuse.
    ///
    ///     let buffer = ByteBufferAllocator.native.buffer(capacity: 65_536)
    ///
    /// NIO does not tell an allocator who asked. So reports name one line of this module for all of this memory. Each
    /// `ByteBuffer` takes 64 bytes more than its capacity.
    ///
    /// If there is no memory, the program ends with a message, as with NIO's own allocator, which cannot fail either.
    public static var native: ByteBufferAllocator {
      unsafe ByteBufferAllocator(
        allocate: { unsafe HeadedMemory.allocate($0) },
        reallocate: { unsafe HeadedMemory.reallocate($0, $1, $2) { unsafe HeadedMemory.deallocate($0) } },
        deallocate: { unsafe HeadedMemory.deallocate($0) }, copy: { unsafe $0.copyMemory(from: $1, byteCount: $2) })
    }
  }

  /// Memory of unique buffers whose handle lies in the bytes before the memory, so that it is found by the address
  /// alone: NIO's allocators have functions of C, without any other context.
  enum HeadedMemory {
    /// As much as a block's alignment, so that the memory is aligned to that.
    private static var headerByteCount: Int { 64 }

    static func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer {
      do throws(NativeBufferError) {
        let buffer = try UniqueBuffer(uninitializedByteCount: headerByteCount + byteCount)
        // SAFETY: the handle goes into its own memory, which ends only by `deallocate`, which takes the handle first.
        let start = unsafe buffer.withUnsafeBytes { unsafe UnsafeMutableRawPointer(mutating: $0.baseAddress) }
          .unsafelyUnwrapped
        unsafe start.initializeMemory(as: UniqueBuffer.self, to: buffer)
        return unsafe start + headerByteCount
      } catch {
        fatalError("NativeBuffersNIO: no memory for a ByteBuffer: \(error)")
      }
    }

    /// - Parameter deallocate: gives the old memory back.
    static func reallocate(
      _ old: UnsafeMutableRawPointer?, _ oldByteCount: Int, _ byteCount: Int,
      deallocate: (UnsafeMutableRawPointer) -> Void
    ) -> UnsafeMutableRawPointer {
      let new = unsafe allocate(byteCount)
      if let old = unsafe old {
        unsafe new.copyMemory(from: old, byteCount: min(oldByteCount, byteCount))
        unsafe deallocate(old)
      }
      return unsafe new
    }

    static func deallocate(_ memory: UnsafeMutableRawPointer) {
      // SAFETY: NIO gives back what `allocate` returned, once.
      let buffer = unsafe (memory - headerByteCount).assumingMemoryBound(to: UniqueBuffer.self).move()
      buffer.dispose()
    }
  }

  /// The memory of buffers that `ByteBuffer`s took over.
  enum TakenOverMemory {
    /// Gives memory that was taken over back to its buffer, and other memory to ``HeadedMemory``, from where a
    /// `ByteBuffer` of this allocator gets memory if it must grow, or copy what it shares.
    static var allocator: ByteBufferAllocator {
      unsafe ByteBufferAllocator(
        allocate: { unsafe HeadedMemory.allocate($0) },
        reallocate: { unsafe HeadedMemory.reallocate($0, $1, $2) { unsafe TakenOverMemory.deallocate($0) } },
        deallocate: { unsafe TakenOverMemory.deallocate($0) }, copy: { unsafe $0.copyMemory(from: $1, byteCount: $2) })
    }

    private static func deallocate(_ memory: UnsafeMutableRawPointer) {
      if unsafe !BytesTakenOver.release(at: memory) { unsafe HeadedMemory.deallocate(memory) }
    }
  }
#endif
