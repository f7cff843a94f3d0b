// SPDX-License-Identifier: Apache-2.0

// What all peers in C and Swift share: the command line, sampling, and the output that run.py reads.

#ifndef C_PEER_SUPPORT_H
#define C_PEER_SUPPORT_H

#include <stdbool.h>
#include <stddef.h>

#pragma clang assume_nonnull begin

/// Creates, uses and disposes memory of `byte_count` bytes, `times` times.
typedef void (*peer_work)(size_t byte_count, bool is_touched, long times);

/// Samples `work` as the command line asks: `SAMPLES MILLISECONDS SIZE...`. Prints, for each size untouched
/// and touched, a line `SIZE USE TIMES FAULTS NANOSECONDS...`: operations per sample, minor faults of all
/// samples together, and each sample's nanoseconds per operation. Returns an exit status.
int peer_main(int argument_count, char *_Nullable *_Nonnull arguments, peer_work work);

/// Lets an address escape, so that the optimiser keeps what made it.
void peer_sink(const void *_Nullable pointer);

/// Writes one byte in each 4 KiB page.
void peer_touch_pages(void *_Nullable pointer, size_t byte_count);

#pragma clang assume_nonnull end

#endif
