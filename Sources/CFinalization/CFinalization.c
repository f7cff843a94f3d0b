#define _GNU_SOURCE
#include "CFinalization.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

_Thread_local cfinalization_thread cfinalization_thread_record __attribute__((tls_model("initial-exec")));

bool cfinalization_is_one_sided = false;

// Before main: no thread may pass a light barrier of one kind while another passes the other kind.
__attribute__((constructor)) static void choose_barrier(void) {
  cfinalization_is_one_sided = syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
}

// Swift, in BeforeMain.swift: the language itself has no way to run code before main.
void finalization_make_statics(void);
__attribute__((constructor)) static void make_statics(void) { finalization_make_statics(); }

void cfinalization_heavy_barrier(void) {
  if (__atomic_load_n(&cfinalization_is_one_sided, __ATOMIC_RELAXED)) {
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0) return;
    // A sandbox that was closed since refuses it. Light barriers are full ones from now on; a store before
    // one that still was not is in memory long before a millisecond is over.
    __atomic_store_n(&cfinalization_is_one_sided, false, __ATOMIC_RELAXED);
    struct timespec wait = {0, 1000000};
    nanosleep(&wait, NULL);
  }
  atomic_thread_fence(memory_order_seq_cst);
}
