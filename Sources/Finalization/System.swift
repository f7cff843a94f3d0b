import CFinalization
import Glibc

/// What strerror says.
func systemMessage(_ errno: Int32) -> String { unsafe String(cString: strerror(errno)) }

/// See CFinalization.h.
func heavyBarrier() { cfinalization_heavy_barrier() }

func yieldProcessor() { sched_yield() }

/// Sleeps for about so many microseconds.
func nap(microseconds: UInt32) { usleep(microseconds) }

func monotonicNanoseconds() -> UInt64 {
  var time = timespec()
  unsafe clock_gettime(CLOCK_MONOTONIC, &time)
  return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
}
