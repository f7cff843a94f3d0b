// SPDX-License-Identifier: Apache-2.0

import java.lang.ref.Cleaner;
import java.lang.reflect.Field;
import java.nio.ByteBuffer;
import sun.misc.Unsafe;

/**
 * The JDK's means for the same purpose: a handle whose memory is freed by close(), or by a Cleaner if the program does
 * not close the handle. allocateDirect fills the memory with zeros; there is no public way to avoid that.
 */
final class CleanerPeer {
  private static final Cleaner CLEANER = Cleaner.create();
  private static final Unsafe UNSAFE = unsafe();

  private static final class Handle implements AutoCloseable {
    final ByteBuffer bytes;
    private final Cleaner.Cleanable cleanable;

    Handle(int byteCount) {
      ByteBuffer bytes = ByteBuffer.allocateDirect(byteCount);
      this.bytes = bytes;
      cleanable = CLEANER.register(this, () -> UNSAFE.invokeCleaner(bytes));
    }

    @Override
    public void close() {
      cleanable.clean();
    }
  }

  public static void main(String[] arguments) throws Exception {
    PeerRun.main(arguments, (byteCount, isTouched, times) -> {
      for (long index = 0; index < times; index += 1) {
        try (Handle handle = new Handle(byteCount)) {
          if (isTouched) {
            for (int offset = 0; offset < byteCount; offset += 4096) handle.bytes.put(offset, (byte) 1);
          }
        }
      }
    });
  }

  private static Unsafe unsafe() {
    try {
      Field field = Unsafe.class.getDeclaredField("theUnsafe");
      field.setAccessible(true);
      return (Unsafe) field.get(null);
    } catch (ReflectiveOperationException error) {
      throw new IllegalStateException("this JDK has no sun.misc.Unsafe", error);
    }
  }
}
