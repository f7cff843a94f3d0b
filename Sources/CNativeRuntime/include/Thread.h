#ifndef CNATIVERUNTIME_THREAD_H
#define CNATIVERUNTIME_THREAD_H

#include "Barrier.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// What all modules know about a thread. Only the thread itself reads and writes it, except for `cache` and
/// `uses_cache`: see ThreadCaches+Windows.swift.
typedef struct {
  /// The thread's block cache; NULL while it has none, and while another thread looks into it. Its own thread and the
  /// holder of the caches' lock write it.
  void *_Nullable cache;
  /// 1 while the thread uses its cache. Only its own thread writes it; others read it.
  uint32_t uses_cache;
  /// Threads are numbered from 1 on, in the order in which they asked; 0 before that.
  uint32_t number;
  /// What the Finalization module keeps for a thread (ThreadStorage.swift); NULL before the first use and once the thread
  /// ends.
  void *_Nullable storage;
  /// Cells to deliver on this thread: the first and the last of a list.
  void *_Nullable first_pending;
  void *_Nullable last_pending;
  /// Registrations made by this thread.
  uint64_t registrations;
  /// Objects that this thread had watched (WatchTable.swift).
  uint64_t watches;
  /// Cleanups under way on this thread, one inside the other.
  uint32_t cleanup_depth;
  /// Whether the thread gave its storage back: destructors that run later go without.
  bool has_ended;
} cnativeruntime_thread;

extern _Thread_local cnativeruntime_thread cnativeruntime_thread_record __attribute__((tls_model("initial-exec")));

/// The calling thread's record. It stays at this address until the thread ends.
static inline cnativeruntime_thread *cnativeruntime_current_thread(void) { return &cnativeruntime_thread_record; }

/// Gives the calling thread its number.
uint32_t cnativeruntime_take_number(void);

/// The calling thread's number: threads that began one after the other have neighbouring numbers.
static inline uint32_t cnativeruntime_number(void) {
  uint32_t number = cnativeruntime_thread_record.number;
  return __builtin_expect(number != 0, 1) ? number : cnativeruntime_take_number();
}

/// The calling thread's cache, to read what never changes in it.
static inline void *_Nullable cnativeruntime_cache(void) {
  return __atomic_load_n(&cnativeruntime_thread_record.cache, __ATOMIC_ACQUIRE);
}

/// The same, to use it until `cnativeruntime_end_cache_use()`, which must follow even if the result is NULL. Two plain
/// instructions: the fence is one for the compiler only, and the other side pays for both.
static inline void *_Nullable cnativeruntime_begin_cache_use(void) {
  __atomic_store_n(&cnativeruntime_thread_record.uses_cache, 1, __ATOMIC_RELAXED);
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
  return __atomic_load_n(&cnativeruntime_thread_record.cache, __ATOMIC_ACQUIRE);
}

/// One plain instruction.
static inline void cnativeruntime_end_cache_use(void) {
  __atomic_store_n(&cnativeruntime_thread_record.uses_cache, 0, __ATOMIC_RELEASE);
}

static inline void cnativeruntime_set_cache(cnativeruntime_thread *thread, void *_Nullable cache) {
  __atomic_store_n(&thread->cache, cache, __ATOMIC_RELEASE);
}

static inline bool cnativeruntime_uses_cache(const cnativeruntime_thread *thread) {
  return __atomic_load_n(&thread->uses_cache, __ATOMIC_ACQUIRE) != 0;
}

/// Names the calling thread, for debuggers; 15 bytes are kept.
void cnativeruntime_set_thread_name(const char *name);

/// Which locks a thread holds, by their rank: for `LockWitness`, in debug builds.
///
/// A thread-local record, and not one that a pthread key's destructor frees: the destructors of other keys, which may run
/// after it when a thread ends, take locks too.
typedef struct {
  /// How many locks of each rank the thread holds.
  uint32_t counts[32];
  /// The latest of them, by the order in which they were made.
  uint64_t latest[32];
  /// A bit for each rank of which it holds one.
  uint32_t ranks;
} cnativeruntime_held_locks;

/// The calling thread's record.
cnativeruntime_held_locks *cnativeruntime_current_held_locks(void);

#pragma clang assume_nonnull end

#endif
