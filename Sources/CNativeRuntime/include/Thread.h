// SPDX-License-Identifier: Apache-2.0

#ifndef CNATIVERUNTIME_THREAD_H
#define CNATIVERUNTIME_THREAD_H

#include "Barrier.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// A line of code and its number in the ledger (SiteCache.swift).
typedef struct {
  /// See `cnativeruntime_site_key`; 0 for none.
  uint64_t key;
  uint32_t site;
} cnativeruntime_known_site;

enum { cnativeruntime_known_site_count = 64 };

/// The locks that a thread holds, by rank: for `LockWitness`, in debug builds.
typedef struct {
  /// How many locks of each rank the thread holds.
  uint32_t counts[32];
  /// For each rank, the highest number of a lock that the thread holds. Locks are numbered in the order in which they
  /// were made.
  uint64_t latest[32];
  /// One bit for each rank of which the thread holds a lock.
  uint32_t ranks;
} cnativeruntime_held_locks;

/// What all modules keep about a thread. Only the thread itself reads and writes it, except for `cache` and
/// `uses_cache`: see ThreadCaches+Quiescing.swift.
///
/// It is thread-local, and not memory that a pthread key's destructor frees: when a thread ends, destructors of other
/// keys may run after that one, and they take locks and create resources, too.
typedef struct {
  /// The thread's block cache; NULL while it has none, and while another thread looks into it. Written by the thread
  /// itself and by the thread that holds the lock of the caches.
  void *_Nullable cache;
  /// 1 while the thread uses its cache. Only the thread itself writes it; other threads read it.
  uint32_t uses_cache;
  /// The thread's number: threads are numbered from 1 on, in the order in which they first ask. 0 before that.
  uint32_t number;
  /// What the Finalization module keeps for the thread (ThreadStorage.swift); NULL before the first use and after the
  /// thread has given it back.
  void *_Nullable storage;
  /// The first and the last of a list of cells whose cleanups are to run on this thread.
  void *_Nullable first_pending;
  void *_Nullable last_pending;
  /// The number of registrations that this thread made (ExitOrder.swift).
  uint64_t registrations;
  /// The number of objects for which this thread added a watch (WatchTable.swift).
  uint64_t watches;
  /// The number of cleanups that are running on this thread, one inside another.
  uint32_t cleanup_depth;
  /// Whether the thread has given its storage back. Destructors that run later must work without it.
  bool has_ended;
  cnativeruntime_held_locks held_locks;
  /// The lines of code that the thread saw last, each in the slot that `cnativeruntime_site_slot` gives.
  cnativeruntime_known_site sites[cnativeruntime_known_site_count];
} cnativeruntime_thread;

extern _Thread_local cnativeruntime_thread cnativeruntime_thread_record __attribute__((tls_model("initial-exec")));

/// The calling thread's record. It stays at this address until the thread ends.
static inline cnativeruntime_thread *cnativeruntime_current_thread(void) { return &cnativeruntime_thread_record; }

/// Gives the calling thread its number and returns it.
uint32_t cnativeruntime_take_number(void);

/// The calling thread's number. Threads that first ask one after the other get neighbouring numbers.
static inline uint32_t cnativeruntime_number(void) {
  uint32_t number = cnativeruntime_thread_record.number;
  return __builtin_expect(number != 0, 1) ? number : cnativeruntime_take_number();
}

/// The calling thread's cache, for reading what never changes in it.
static inline void *_Nullable cnativeruntime_cache(void) {
  return __atomic_load_n(&cnativeruntime_thread_record.cache, __ATOMIC_ACQUIRE);
}

/// The calling thread's cache, for use until `cnativeruntime_leave_cache_as_owner()`, which must follow even if the
/// result is NULL. This is the owner's side of the two-flag protocol (Barrier.h): `uses_cache` is the owner's flag, and
/// a `cache` of NULL is the visitor's. Costs two plain instructions: the fence is for the compiler only, because a
/// visitor goes in only if all threads have passed its heavy barrier.
static inline void *_Nullable cnativeruntime_enter_cache_as_owner(void) {
  __atomic_store_n(&cnativeruntime_thread_record.uses_cache, 1, __ATOMIC_RELAXED);
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
  return __atomic_load_n(&cnativeruntime_thread_record.cache, __ATOMIC_ACQUIRE);
}

/// Ends the use of the calling thread's cache: takes the owner's flag back. Costs one plain instruction.
static inline void cnativeruntime_leave_cache_as_owner(void) {
  __atomic_store_n(&cnativeruntime_thread_record.uses_cache, 0, __ATOMIC_RELEASE);
}

static inline void cnativeruntime_set_cache(cnativeruntime_thread *thread, void *_Nullable cache) {
  __atomic_store_n(&thread->cache, cache, __ATOMIC_RELEASE);
}

static inline bool cnativeruntime_uses_cache(const cnativeruntime_thread *thread) {
  return __atomic_load_n(&thread->uses_cache, __ATOMIC_ACQUIRE) != 0;
}

/// Stands for a line of a file as long as the program runs. `file` is the address of the file's `#fileID` literal: it
/// has 47 bits in user space, and the line takes the other 17. 0 if the line's number is larger.
static inline uint64_t cnativeruntime_site_key(const void *file, uint64_t line) {
  return line < 1u << 17 ? (uint64_t)(uintptr_t)file | line << 47 : 0;
}

/// The slot of the calling thread in which a line is, if the thread knows it. No other thread uses the slot.
static inline cnativeruntime_known_site *cnativeruntime_site_slot(const void *file, uint64_t line) {
  uint64_t hash = (uint64_t)(uintptr_t)file >> 4 ^ line;
  return &cnativeruntime_thread_record.sites[hash & (cnativeruntime_known_site_count - 1)];
}

/// Names the calling thread, for debuggers. The name must have at most 15 bytes: the system ignores a longer one.
void cnativeruntime_set_thread_name(const char *name);

/// Gives the calling thread a table of descriptors of its own, without any descriptor in it. The process's table stays
/// as it is. What the thread opens later is in the thread's own table: no other thread can close it, and the thread can
/// never use or close a file that another thread opened under the same number.
///
/// Returns false if the thread still has the process's table: the kernel is older than 5.9, a sandbox refuses the call,
/// or the program was built with a sanitizer.
bool cnativeruntime_separate_descriptors(void);

#pragma clang assume_nonnull end

#endif
