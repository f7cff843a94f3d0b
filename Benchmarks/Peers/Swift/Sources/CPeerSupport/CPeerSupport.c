// SPDX-License-Identifier: Apache-2.0

#include "CPeerSupport.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static long minor_faults(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt;
}

void peer_sink(const void *pointer) { __asm__ volatile("" : : "r"(pointer) : "memory"); }

void peer_touch_pages(void *pointer, size_t byte_count) {
  volatile char *bytes = pointer;
  for (size_t offset = 0; offset < byte_count; offset += 4096) bytes[offset] = 1;
}

// The number of operations that a sample of `length` nanoseconds needs.
static long calibrate(size_t byte_count, bool is_touched, double length, peer_work work) {
  work(byte_count, is_touched, 3);
  for (long times = 1;; times *= 2) {
    double start = now();
    work(byte_count, is_touched, times);
    double elapsed = now() - start;
    if (elapsed >= length / 4) {
      double wanted = (double)times * length / elapsed;
      return wanted < 1 ? 1 : (long)wanted;
    }
  }
}

static void sample(size_t byte_count, bool is_touched, int samples, double length, peer_work work) {
  long times = calibrate(byte_count, is_touched, length, work);
  double nanoseconds[samples];
  for (int index = 0; index < samples; index += 1) nanoseconds[index] = 0;
  long faults = minor_faults();
  for (int index = 0; index < samples; index += 1) {
    double start = now();
    work(byte_count, is_touched, times);
    nanoseconds[index] = (now() - start) / (double)times;
  }
  faults = minor_faults() - faults;
  printf("%zu %s %ld %ld", byte_count, is_touched ? "touched" : "untouched", times, faults);
  for (int index = 0; index < samples; index += 1) printf(" %.2f", nanoseconds[index]);
  printf("\n");
  fflush(stdout);
}

int peer_main(int argument_count, char **arguments, peer_work work) {
  if (argument_count < 4) {
    fprintf(stderr, "usage: %s SAMPLES MILLISECONDS SIZE...\n", arguments[0]);
    return 64;
  }
  int samples = atoi(arguments[1]);
  double length = atof(arguments[2]) * 1e6;
  if (samples < 1 || samples > 1000 || length <= 0) {
    fprintf(stderr, "%s: bad number of samples or milliseconds\n", arguments[0]);
    return 64;
  }
  for (int index = 3; index < argument_count; index += 1) {
    size_t byte_count = (size_t)strtoull(arguments[index], NULL, 10);
    sample(byte_count, false, samples, length, work);
    sample(byte_count, true, samples, length, work);
  }
  return 0;
}
