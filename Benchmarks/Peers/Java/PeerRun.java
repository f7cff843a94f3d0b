// SPDX-License-Identifier: Apache-2.0

import java.nio.file.Files;
import java.nio.file.Path;

/**
 * The parts that the peers on the JVM share: the command line, sampling, and the output that run.py reads. It is like
 * CPeerSupport in C, but with a warm-up, so that the compiler has finished before the samples.
 */
final class PeerRun {
  /** The compiler needs most time for the first size. */
  private static final long FIRST_WARM_UP_NANOSECONDS = 1_500_000_000L;
  private static final long WARM_UP_NANOSECONDS = 400_000_000L;

  interface Work {
    /** Creates, uses and disposes memory of byteCount bytes, times times. */
    void run(int byteCount, boolean isTouched, long times);
  }

  static void main(String[] arguments, Work work) throws Exception {
    if (arguments.length < 3) {
      System.err.println("usage: SAMPLES MILLISECONDS SIZE...");
      System.exit(64);
    }
    int samples = Integer.parseInt(arguments[0]);
    double length = Double.parseDouble(arguments[1]) * 1e6;
    for (int index = 2; index < arguments.length; index += 1) {
      int byteCount = Integer.parseInt(arguments[index]);
      sample(byteCount, false, samples, length, index == 2 ? FIRST_WARM_UP_NANOSECONDS : WARM_UP_NANOSECONDS, work);
      sample(byteCount, true, samples, length, WARM_UP_NANOSECONDS, work);
    }
  }

  private static void sample(
      int byteCount, boolean isTouched, int samples, double length, long warmUp, Work work) throws Exception {
    long warmUpEnd = System.nanoTime() + warmUp;
    long times = 1;
    double perOperation;
    do {
      long start = System.nanoTime();
      work.run(byteCount, isTouched, times);
      double elapsed = System.nanoTime() - start;
      perOperation = elapsed / times;
      times = Math.max(1, (long) (length / Math.max(1, perOperation)));
    } while (System.nanoTime() < warmUpEnd);
    double[] nanoseconds = new double[samples];
    long faults = minorFaults();
    for (int index = 0; index < samples; index += 1) {
      long start = System.nanoTime();
      work.run(byteCount, isTouched, times);
      nanoseconds[index] = (double) (System.nanoTime() - start) / times;
    }
    faults = minorFaults() - faults;
    StringBuilder line = new StringBuilder();
    line.append(byteCount).append(isTouched ? " touched " : " untouched ").append(times).append(' ').append(faults);
    for (double value : nanoseconds) line.append(' ').append(value);
    System.out.println(line);
  }

  /** The minor faults of the whole process, including its collector's threads. */
  private static long minorFaults() throws Exception {
    String text = Files.readString(Path.of("/proc/self/stat"));
    return Long.parseLong(text.substring(text.lastIndexOf(')') + 2).split(" ")[7]);
  }
}
