// SPDX-License-Identifier: Apache-2.0

#define _GNU_SOURCE
#include "CJemalloc.h"

#if !__has_include(<jemalloc/jemalloc.h>)
#error "jemalloc is not installed. On Debian and Ubuntu: apt-get install libjemalloc-dev"
#endif

#include <dlfcn.h>
#include <errno.h>
#include <jemalloc/jemalloc.h>
#include <malloc.h>

void *cjemalloc_allocate(size_t byte_count, uint32_t arena, uint32_t lg_alignment, bool zeroed) {
  int flags = MALLOCX_ARENA(arena) | MALLOCX_TCACHE_NONE | MALLOCX_LG_ALIGN((int)lg_alignment);
  return mallocx(byte_count, zeroed ? flags | MALLOCX_ZERO : flags);
}

void cjemalloc_deallocate(void *pointer) { dallocx(pointer, MALLOCX_TCACHE_NONE); }

void cjemalloc_free(void *pointer) {
  if (pointer != NULL) cjemalloc_deallocate(pointer);
}

size_t cjemalloc_size_class(size_t byte_count, uint32_t lg_alignment) {
  return nallocx(byte_count, MALLOCX_LG_ALIGN((int)lg_alignment));
}

int cjemalloc_mallctl(const char *key, void *old_value, size_t *old_size, void *new_value, size_t new_size) {
  return mallctl(key, old_value, old_size, new_value, new_size);
}

int cjemalloc_mib(const char *key, size_t *mib, size_t *mib_length) {
  return mallctlnametomib(key, mib, mib_length);
}

int cjemalloc_mallctl_by_mib(const size_t *mib, size_t mib_length, void *old_value, size_t *old_size,
                             void *new_value, size_t new_size) {
  return mallctlbymib(mib, mib_length, old_value, old_size, new_value, new_size);
}

// Looked up before main, because a forked child may not use the loader: a thread that the child does not have may hold
// the loader's lock.
static cjemalloc_malloc_owner process_malloc = CJEMALLOC_MALLOC_OF_ANOTHER;
static const char *process_malloc_file = "";

// The executable or library that holds the function which the process calls by this name.
static const void *object_of(const char *symbol, const char **file) {
  void *function = dlsym(RTLD_DEFAULT, symbol);
  Dl_info found;
  if (function == NULL || dladdr(function, &found) == 0) return NULL;
  if (file != NULL) *file = found.dli_fname;
  return found.dli_fbase;
}

__attribute__((constructor)) static void look_up_process_malloc(void) {
  const void *object = object_of("malloc", &process_malloc_file);
  if (object == NULL || object_of("free", NULL) != object || object_of("realloc", NULL) != object) return;
  if (object == object_of("mallocx", NULL)) process_malloc = CJEMALLOC_MALLOC_OF_JEMALLOC;
  if (object == object_of("gnu_get_libc_version", NULL)) process_malloc = CJEMALLOC_MALLOC_OF_GLIBC;
}

cjemalloc_malloc_owner cjemalloc_process_malloc(void) { return process_malloc; }

const char *cjemalloc_process_malloc_file(void) { return process_malloc_file; }

size_t cjemalloc_glibc_allocated(void) {
  struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}
