// SPDX-License-Identifier: Apache-2.0

#define _GNU_SOURCE
#include "CNativeRuntime.h"

#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

int cnativeruntime_copy_mapped(void *destination, const void *source, size_t byte_count) {
  size_t copied = 0;
  while (copied < byte_count) {
    struct iovec to = {(char *)destination + copied, byte_count - copied};
    struct iovec from = {(char *)source + copied, byte_count - copied};
    ssize_t count = process_vm_readv(getpid(), &to, 1, &from, 1, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno;
    // It copies less than was asked for if a page is gone. The next call says so.
    if (count == 0) return EFAULT;
    copied += (size_t)count;
  }
  return 0;
}
