// SPDX-License-Identifier: Apache-2.0

#ifndef CNATIVERUNTIME_MAPPED_H
#define CNATIVERUNTIME_MAPPED_H

#include <stddef.h>

/// Copies bytes out of a mapped file. The kernel does it, so that a page that the file no longer has is an error, and
/// not the signal SIGBUS. Returns 0, or an errno: EFAULT for such a page, ENOSYS or EPERM if this process may not make
/// the call (process_vm_readv). Bytes before the page that is gone may have been copied.
int cnativeruntime_copy_mapped(void *_Nonnull destination, const void *_Nonnull source, size_t byte_count);

#endif
