// SPDX-License-Identifier: Apache-2.0

// The parts that all peers in C and Swift share: the command line, sampling, and the output that run.py reads.

#ifndef C_PEER_SUPPORT_H
#define C_PEER_SUPPORT_H

#include <stdbool.h>
#include <stddef.h>

#pragma clang assume_nonnull begin

/// Creates, uses and disposes memory of `byte_count` bytes, `times` times.
typedef void (*peer_work)(size_t byte_count, bool is_touched, long times);

/// Samples `work` as the command line says: `SAMPLES MILLISECONDS SIZE...`. For each size, prints two lines, one for
/// untouched and one for touched memory: `SIZE USE TIMES FAULTS NANOSECONDS...`. TIMES is the number of operations per
/// sample, FAULTS the minor faults of all samples together, and NANOSECONDS the time per operation, one number for each
/// sample. Returns an exit status.
int peer_main(int argument_count, char *_Nullable *_Nonnull arguments, peer_work work);

/// Lets an address escape, so that the optimiser cannot remove the code that made it.
void peer_sink(const void *_Nullable pointer);

/// Writes one byte in each 4 KiB page.
void peer_touch_pages(void *_Nullable pointer, size_t byte_count);

#pragma clang assume_nonnull end

#endif
