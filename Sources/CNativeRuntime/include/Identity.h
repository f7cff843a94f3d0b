// SPDX-License-Identifier: Apache-2.0

#ifndef CNATIVERUNTIME_IDENTITY_H
#define CNATIVERUNTIME_IDENTITY_H

#include <stdint.h>

#pragma clang assume_nonnull begin

/// Which process this is. These are bytes 32 to 175 of a ledger's header: Ledger-Layout.md describes each field.
typedef struct {
  uint32_t sequence;
  uint32_t parent_id;
  uint32_t process_id;
  uint32_t user_id;
  uint64_t start_time;
  uint64_t pid_namespace;
  uint8_t boot_id[16];
  char command_name[16];
  char host_name[64];
  uint64_t real_time;
  uint64_t monotonic_time;
} cnativeruntime_identity;

/// Fills the fields from `process_id` to `host_name`. What the system does not tell, for example because there is no
/// `/proc`, is 0. It allocates nothing and takes no lock, so that it may be called in `fork`.
void cnativeruntime_read_identity(cnativeruntime_identity *identity);

#pragma clang assume_nonnull end

#endif
