#define _GNU_SOURCE
#include "CThreadState.h"

#include <linux/futex.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

_Thread_local cthreadstate_record cthreadstate_thread;

// Swift, in BeforeMain.swift: the language itself has no way to run code before main.
void nativebuffers_make_statics(void);
__attribute__((constructor)) static void make_statics(void) { nativebuffers_make_statics(); }

uint32_t cthreadstate_take_number(void) {
  static uint32_t last;
  uint32_t number = __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED);
  // Wrapped after 2^32 threads: any other number serves as well.
  cthreadstate_thread.number = number != 0 ? number : 1;
  return cthreadstate_thread.number;
}

bool cthreadstate_allow_barrier(void) {
  return syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
}

bool cthreadstate_barrier(void) { return syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0; }

void cthreadstate_set_name(const char *name) { pthread_setname_np(pthread_self(), name); }

void cthreadstate_sleep(uint32_t *word, uint32_t value, uint64_t deadline) {
  struct timespec time = {.tv_sec = (time_t)(deadline / 1000000000u), .tv_nsec = (long)(deadline % 1000000000u)};
  // Of the waiting calls, this one takes a moment and not a length of time.
  syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, value, deadline == UINT64_MAX ? NULL : &time, NULL,
          FUTEX_BITSET_MATCH_ANY);
}

void cthreadstate_wake(uint32_t *word) { syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0); }
