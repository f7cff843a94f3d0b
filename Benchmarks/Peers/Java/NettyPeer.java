// SPDX-License-Identifier: Apache-2.0

import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;

/** Netty's pooled direct buffers. The leak detection level is a system property, set by run.py. */
final class NettyPeer {
  public static void main(String[] arguments) throws Exception {
    PooledByteBufAllocator allocator = PooledByteBufAllocator.DEFAULT;
    PeerRun.main(arguments, (byteCount, isTouched, times) -> {
      for (long index = 0; index < times; index += 1) {
        ByteBuf buffer = allocator.directBuffer(byteCount);
        if (isTouched) {
          for (int offset = 0; offset < byteCount; offset += 4096) buffer.setByte(offset, 1);
        }
        buffer.release();
      }
    });
  }
}
