// SPDX-License-Identifier: Apache-2.0

#define _GNU_SOURCE
#include "CNativeRuntime.h"

#include <errno.h>
#include <limits.h>
#include <linux/close_range.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

// Before `main`

// These functions are written in Swift, in the two files BeforeMain.swift, and called from here, because Swift has no
// way to run code before `main`. They are weak symbols, because a program may use one of the two modules alone.
extern void nativebuffers_make_statics(void) __attribute__((weak));
extern void finalization_make_statics(void) __attribute__((weak));

__attribute__((constructor)) static void before_main(void) {
  // This comes first, because all threads must use the same kind of light barrier.
  cnativeruntime_is_barrier_one_sided = syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
  if (nativebuffers_make_statics) nativebuffers_make_statics();
  if (finalization_make_statics) finalization_make_statics();
}

// Threads

_Thread_local cnativeruntime_thread cnativeruntime_thread_record __attribute__((tls_model("initial-exec")));

uint32_t cnativeruntime_take_number(void) {
  static uint32_t last;
  uint32_t number = __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED);
  // After 2^32 threads the numbers start again. 0 means that a thread has no number, so 1 takes its place.
  cnativeruntime_thread_record.number = number != 0 ? number : 1;
  return cnativeruntime_thread_record.number;
}

void cnativeruntime_set_thread_name(const char *name) { pthread_setname_np(pthread_self(), name); }

bool cnativeruntime_separate_descriptors(void) {
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
  // The sanitizers write their reports to descriptor 2.
  return false;
#else
  return syscall(SYS_close_range, 0u, ~0u, CLOSE_RANGE_UNSHARE) == 0;
#endif
}

// The barrier

bool cnativeruntime_is_barrier_one_sided = false;

bool cnativeruntime_heavy_barrier(void) {
  if (cnativeruntime_has_one_sided_barrier()) {
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0) return true;
    // A sandbox that was set up after the start may refuse the call. From now on, light barriers are full barriers. But
    // a thread may just have passed a light barrier that was not a full one. This thread waits a millisecond, which is
    // far longer than that thread's store takes to reach memory.
    __atomic_store_n(&cnativeruntime_is_barrier_one_sided, false, __ATOMIC_RELAXED);
    struct timespec wait = {0, 1000000};
    nanosleep(&wait, NULL);
  }
  atomic_thread_fence(memory_order_seq_cst);
  return false;
}

// The ledger's clock

uint32_t cnativeruntime_ledger_second;

// Sleeping

void cnativeruntime_sleep(uint32_t *word, uint32_t value, uint64_t deadline) {
  struct timespec time = {.tv_sec = (time_t)(deadline / 1000000000u), .tv_nsec = (long)(deadline % 1000000000u)};
  // FUTEX_WAIT_BITSET takes a point in time; FUTEX_WAIT would take a duration.
  syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, value, deadline == UINT64_MAX ? NULL : &time, NULL,
          FUTEX_BITSET_MATCH_ANY);
}

void cnativeruntime_sleep_on_both(uint32_t *word, uint32_t value, uint32_t *foreign, uint32_t foreign_value,
                                  uint64_t deadline) {
#if defined(SYS_futex_waitv) && defined(FUTEX_WAITV_MAX)
  struct timespec time = {.tv_sec = (time_t)(deadline / 1000000000u), .tv_nsec = (long)(deadline % 1000000000u)};
  struct futex_waitv words[2] = {
      {.val = value, .uaddr = (uintptr_t)word, .flags = FUTEX_32 | FUTEX_PRIVATE_FLAG},
      {.val = foreign_value, .uaddr = (uintptr_t)foreign, .flags = FUTEX_32},
  };
  long result = syscall(SYS_futex_waitv, words, 2, 0, deadline == UINT64_MAX ? NULL : &time, CLOCK_MONOTONIC);
  if (result >= 0 || errno == EAGAIN || errno == EINTR || errno == ETIMEDOUT) return;
#endif
  cnativeruntime_sleep(word, value, deadline);
}

void cnativeruntime_wake(uint32_t *word) { syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0); }

void cnativeruntime_wake_foreign(uint32_t *word) { syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0); }
