// SPDX-License-Identifier: Apache-2.0

#define _GNU_SOURCE
#include "CBenchmarkSupport.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <jemalloc/jemalloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

void bench_sink(const void *pointer) { __asm__ volatile("" : : "r"(pointer) : "memory"); }

void bench_touch_pages(void *pointer, size_t byte_count) {
  volatile char *bytes = pointer;
  for (size_t offset = 0; offset < byte_count; offset += 4096) bytes[offset] = 1;
}

double bench_ticks_per_nanosecond(void) {
  uint64_t start = bench_nanoseconds(), ticks = bench_ticks(), now;
  do now = bench_nanoseconds();
  while (now - start < 20000000u);
  return (double)(bench_ticks() - ticks) / (double)(now - start);
}

uint64_t bench_minor_faults(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (uint64_t)usage.ru_minflt;
}

uint64_t bench_resident_bytes(void) {
  FILE *file = fopen("/proc/self/statm", "r");
  if (!file) return 0;
  unsigned long size = 0, resident = 0;
  int fields = fscanf(file, "%lu %lu", &size, &resident);
  fclose(file);
  return fields == 2 ? (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

static uint64_t read_count(uint32_t arena, const char *name) {
  char key[96];
  uint64_t value = 0;
  size_t size = sizeof value;
  snprintf(key, sizeof key, "stats.arenas.%u.%s", arena, name);
  return mallctl(key, &value, &size, NULL, 0) == 0 ? value : 0;
}

uint64_t bench_arena_calls(uint32_t arena) {
  uint64_t epoch = 1;
  mallctl("epoch", NULL, NULL, &epoch, sizeof epoch);
  return read_count(arena, "small.nmalloc") + read_count(arena, "small.ndalloc") +
         read_count(arena, "large.nmalloc") + read_count(arena, "large.ndalloc");
}

bool bench_malloc_is_glibc(void) {
  Dl_info malloc_object, libc_object;
  return dladdr(dlsym(RTLD_DEFAULT, "malloc"), &malloc_object) != 0 &&
         dladdr(dlsym(RTLD_DEFAULT, "gnu_get_libc_version"), &libc_object) != 0 &&
         malloc_object.dli_fbase == libc_object.dli_fbase;
}

__attribute__((noinline)) void *bench_malloc(size_t byte_count) {
  void *pointer = malloc(byte_count);
  bench_sink(pointer);
  return pointer;
}

__attribute__((noinline)) void bench_free(void *pointer) { free(pointer); }

static void *(*jemalloc_malloc)(size_t);
static void (*jemalloc_free)(void *);

__attribute__((constructor)) static void look_up_jemalloc(void) {
  void *jemalloc = dlopen("libjemalloc.so.2", RTLD_NOW | RTLD_NOLOAD);
  if (jemalloc == NULL) return;
  jemalloc_malloc = (void *(*)(size_t))dlsym(jemalloc, "malloc");
  jemalloc_free = (void (*)(void *))dlsym(jemalloc, "free");
}

void *bench_jemalloc_malloc(size_t byte_count) { return jemalloc_malloc(byte_count); }
void bench_jemalloc_free(void *pointer) { jemalloc_free(pointer); }

struct thread {
  pthread_t handle;
  int index;
  void (*body)(void *, int);
  void *context;
};

static void *run_thread(void *argument) {
  struct thread *thread = argument;
  thread->body(thread->context, thread->index);
  return NULL;
}

void bench_run_threads(int count, void (*body)(void *, int), void *context) {
  struct thread threads[count];
  for (int index = 0; index < count; index += 1) {
    threads[index] = (struct thread){.index = index, .body = body, .context = context};
    if (pthread_create(&threads[index].handle, NULL, run_thread, &threads[index]) != 0) {
      fputs("benchmarks: a thread could not be started\n", stderr);
      abort();
    }
  }
  for (int index = 0; index < count; index += 1) pthread_join(threads[index].handle, NULL);
}

static _Atomic int64_t bench_shared_number;

void bench_atomic_adds(int64_t times) {
  for (int64_t i = 0; i < times; i++) atomic_fetch_add_explicit(&bench_shared_number, 1, memory_order_relaxed);
}
