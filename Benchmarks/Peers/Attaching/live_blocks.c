// SPDX-License-Identifier: Apache-2.0

// Has many live blocks of malloc, and allocates and frees one block after the other: see ../attaching_target.py.

#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static size_t byte_count;
// The compiler cannot remove what is stored here.
static void *volatile sink;
static volatile uint64_t number_sink;

static uint64_t nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void *checked(void *block) {
  if (!block) exit(1);
  return memset(block, 1, byte_count);
}

// Two functions, so that a report shows two places. They are not static, so that both have names for it.
__attribute__((noinline)) void keep_before(void **blocks, long count) {
  for (long index = 0; index < count; index += 1) blocks[index] = checked(malloc(byte_count));
}

__attribute__((noinline)) void keep_after(void **blocks, long count) {
  for (long index = 0; index < count; index += 1) blocks[index] = checked(malloc(byte_count));
}

// About 10 µs of other work.
static void compute(void) {
  uint64_t value = number_sink | 1;
  for (int step = 0; step < 8000; step += 1) {
    value ^= value << 13;
    value ^= value >> 7;
    value ^= value << 17;
  }
  number_sink = value;
}

static void say(uint64_t now, uint64_t operations) {
  printf("%llu %llu\n", (unsigned long long)now, (unsigned long long)operations);
  fflush(stdout);
}

int main(int argument_count, char **arguments) {
  if (argument_count != 4) return 64;
  long count = atol(arguments[1]);
  byte_count = (size_t)atol(arguments[2]);
  long more = atol(arguments[3]);
  void **blocks = calloc((size_t)(count + more), sizeof(void *));
  if (!blocks) return 1;
  keep_before(blocks, count);
  printf("ready %d %llu\n", getpid(), (unsigned long long)nanoseconds());

  int is_working = 0;
  uint64_t operations = 0, due = 0;
  while (1) {
    for (int time = 0; time < 100; time += 1) {
      void *block = malloc(byte_count);
      sink = block;
      free(block);
      if (is_working) compute();
    }
    operations += 100;
    uint64_t now = nanoseconds();
    if (now < due) continue;
    due = now + 5000000;
    say(now, operations);
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    if (poll(&input, 1, 0) <= 0) continue;
    char command;
    if (read(STDIN_FILENO, &command, 1) != 1) return 0;
    if (command == 'm') keep_after(blocks + count, more);
    else if (command == 'w') is_working = !is_working;
  }
}
