// SPDX-License-Identifier: Apache-2.0

#ifndef CNATIVERUNTIME_REQUEST_H
#define CNATIVERUNTIME_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// Returns the page by which other processes ask this one for an answer; makes it if there is none. Its first 4 bytes
/// are the word that they change. NULL if the system gives no such page. The page lies in a file without a name, which
/// others of the same user may write, and can make neither longer nor shorter. A forked child does not get the page.
/// The caller makes sure that only one thread at a time calls this.
uint32_t *_Nullable cnativeruntime_request_word(void);

/// Whether a descriptor is that of the page's file.
bool cnativeruntime_is_request(int descriptor);

/// Called in a forked child while it has one thread: closes the file of its parent's page.
void cnativeruntime_leave_request(void);

#pragma clang assume_nonnull end

#endif
