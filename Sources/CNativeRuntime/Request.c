// SPDX-License-Identifier: Apache-2.0

#define _GNU_SOURCE
#include "CNativeRuntime.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static uint32_t *word;
// Written before `descriptor`, which is read first.
static uint64_t device;
static uint64_t inode;
static int descriptor = -1;

static uint32_t *make(int file, size_t length) {
  struct stat made;
  if (fstat(file, &made) != 0) return NULL;
  if (fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) return NULL;
  // Its memory is taken now, so that a request can be read when memory is short.
  void *page = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, file, 0);
  if (page == MAP_FAILED) return NULL;
  // A child that had the page would take its parent's requests for its own.
  madvise(page, length, MADV_DONTFORK);
  device = made.st_dev;
  inode = made.st_ino;
  __atomic_store_n(&descriptor, file, __ATOMIC_RELEASE);
  return page;
}

uint32_t *cnativeruntime_request_word(void) {
  if (word != NULL) return word;
  size_t length = (size_t)sysconf(_SC_PAGESIZE);
  int file = cnativeruntime_make_nameless_file("native-buffers-request", length);
  if (file < 0) return NULL;
  word = make(file, length);
  if (word == NULL) close(file);
  return word;
}

bool cnativeruntime_is_request(int file) {
  return __atomic_load_n(&descriptor, __ATOMIC_ACQUIRE) >= 0 && cnativeruntime_is_file(file, device, inode);
}

void cnativeruntime_leave_request(void) {
  // The program may have closed the descriptor, and the number may be that of another file now.
  if (cnativeruntime_is_file(descriptor, device, inode)) close(descriptor);
  descriptor = -1;
  word = NULL;
}
