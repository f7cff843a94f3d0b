// What Swift cannot express about finalization: a thread-local record, a one-sided memory barrier, and the
// runtime's own functions behind `unowned` references. No policy.
//
// The runtime functions are the ones that the compiler emits calls to (swift/Runtime/HeapObject.h in the
// Swift sources). An object that is held by an unowned reference keeps its memory, though not its
// contents, until the last unowned reference is gone: so its address is nobody else's meanwhile, and its
// reference count may be read. That gives a weak reference without a side table, and a test for death
// that never makes the asker an owner. The language has no other way to ask.

#ifndef CFINALIZATION_H
#define CFINALIZATION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#pragma clang assume_nonnull begin

/// What a thread knows about the cleanups that it runs. Only its own thread reads or writes it.
typedef struct {
  /// From 1 on; 0 where the thread was not numbered yet.
  uint32_t number;
  /// Cleanups under way on this thread, one inside the other.
  uint32_t depth;
  /// Registrations made by this thread.
  uint64_t registrations;
  /// Cells to deliver on this thread, first and last of a list.
  void *_Nullable first_pending;
  void *_Nullable last_pending;
  /// See ThreadStorage.swift; NULL before its first use and once the thread ends.
  void *_Nullable storage;
  /// Whether the thread gave its storage back: destructors that run later go without.
  bool has_ended;
} cfinalization_thread;

extern _Thread_local cfinalization_thread cfinalization_thread_record __attribute__((tls_model("initial-exec")));

static inline cfinalization_thread *cfinalization_current_thread(void) { return &cfinalization_thread_record; }

// A one-sided barrier: what one thread does often costs nothing, what another does seldom pays for both.
// After a store, a light barrier and a load on one thread, and a store, a heavy barrier and a load on
// another, at least one of them sees the other's store. Linux's membarrier(2) makes every running thread of
// the process pass a full barrier; where the kernel refuses it, both barriers are full ones.

/// Whether the light barrier holds back the compiler only. Changes from true to false at most.
extern bool cfinalization_is_one_sided;

static inline void cfinalization_light_barrier(void) {
  if (__builtin_expect(cfinalization_is_one_sided, 1)) {
    atomic_signal_fence(memory_order_seq_cst);
  } else {
    atomic_thread_fence(memory_order_seq_cst);
  }
}

/// A system call: from 0.3 to a few microseconds.
void cfinalization_heavy_barrier(void);

/// A clock that is cheap to read, the same for all threads, of no particular unit.
static inline uint64_t cfinalization_ticks(void) {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
  uint64_t ticks;
  __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
  return ticks;
#else
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
#endif
}

/// Whether the object's deinit has begun (or ended).
bool swift_isDeallocating(void *object);
/// A strong reference where the object's deinit has not begun, else NULL.
void *_Nullable swift_tryRetain(void *object);
void *swift_unownedRetain(void *object);
void swift_unownedRelease(void *object);
/// Whether the object has one strong reference; it is of a Swift class and not NULL.
bool swift_isUniquelyReferenced_nonNull_native(const void *object);
/// Unowned references, one more until the object's deinit has ended.
size_t swift_unownedRetainCount(void *object);

#pragma clang assume_nonnull end

#endif
