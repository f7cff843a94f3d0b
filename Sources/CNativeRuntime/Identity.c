// SPDX-License-Identifier: Apache-2.0

#define _GNU_SOURCE
#include "CNativeRuntime.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(offsetof(cnativeruntime_identity, start_time) == 48 - 32, "as in Ledger-Layout.md");
_Static_assert(offsetof(cnativeruntime_identity, host_name) == 96 - 32, "as in Ledger-Layout.md");
_Static_assert(offsetof(cnativeruntime_identity, monotonic_time) == 168 - 32, "as in Ledger-Layout.md");

/// Reads the begin of a file, and ends it with a zero. Returns how many bytes were read.
static size_t read_file(const char *path, char *bytes, size_t capacity) {
  bytes[0] = 0;
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  ssize_t count = read(file, bytes, capacity - 1);
  close(file);
  if (count < 0) count = 0;
  bytes[count] = 0;
  return (size_t)count;
}

/// Field 22 of /proc/self/stat. Field 2, the command name in parentheses, may have spaces and parentheses in it.
static uint64_t start_time(void) {
  char text[1024];
  read_file("/proc/self/stat", text, sizeof text);
  const char *place = strrchr(text, ')');
  for (int field = 3; place && field <= 22; field++) {
    place = strchr(place, ' ');
    if (place) place++;
  }
  return place ? strtoull(place, NULL, 10) : 0;
}

static int hex_digit(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/// The boot id is a text of 32 hexadecimal digits and 4 hyphens.
static void read_boot_id(uint8_t id[16]) {
  char text[64];
  read_file("/proc/sys/kernel/random/boot_id", text, sizeof text);
  int digits = 0;
  for (const char *place = text; *place && digits < 32; place++) {
    int digit = hex_digit(*place);
    if (digit < 0) continue;
    id[digits / 2] = (uint8_t)(id[digits / 2] << 4 | digit);
    digits++;
  }
}

/// The name that the kernel has for the process, of at most 15 bytes. Without /proc, it is made in the way in which the
/// kernel makes it when the program begins.
static void read_command_name(char command[16]) {
  char name[32];
  size_t length = read_file("/proc/self/comm", name, sizeof name);
  while (length > 0 && name[length - 1] == '\n') length--;
  const char *source = length > 0 ? name : program_invocation_short_name;
  if (length == 0) length = strlen(source);
  if (length > 15) length = 15;
  memset(command, 0, 16);
  memcpy(command, source, length);
}

void cnativeruntime_read_identity(cnativeruntime_identity *identity) {
  identity->process_id = (uint32_t)getpid();
  identity->user_id = (uint32_t)getuid();
  identity->start_time = start_time();
  struct stat space;
  identity->pid_namespace = stat("/proc/self/ns/pid", &space) == 0 ? space.st_ino : 0;
  memset(identity->boot_id, 0, sizeof identity->boot_id);
  read_boot_id(identity->boot_id);
  read_command_name(identity->command_name);
  memset(identity->host_name, 0, sizeof identity->host_name);
  gethostname(identity->host_name, sizeof identity->host_name);
}
