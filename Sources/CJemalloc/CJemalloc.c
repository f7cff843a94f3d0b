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
#include <stdio.h>
#include <sys/mman.h>

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

// jemalloc's own hooks, except for the two that map and unmap memory. With jemalloc's own two, an arena maps memory in
// advance (opt.retain). It also keeps its unused memory mapped, and no other arena can use that memory.
static extent_hooks_t thrifty_hooks;
static extent_alloc_t *map_extent;

// jemalloc 5.3 asks for uncommitted memory only if it maps in advance. If that is refused, it asks for no more than it
// needs.
static void *map_needed(extent_hooks_t *hooks, void *address, size_t size, size_t alignment, bool *zero, bool *commit,
                        unsigned arena) {
  if (!*commit && size > (2 << 20)) return NULL;
  return map_extent(hooks, address, size, alignment, zero, commit, arena);
}

static bool unmap_unused(extent_hooks_t *hooks, void *address, size_t size, bool committed, unsigned arena) {
  (void)hooks, (void)committed, (void)arena;
  return munmap(address, size) != 0;
}

// Runs before main: there is one thread, and no client has changed the first arena's hooks.
__attribute__((constructor)) static void make_thrifty_hooks(void) {
  extent_hooks_t *own;
  size_t size = sizeof own;
  if (mallctl("arena.0.extent_hooks", &own, &size, NULL, 0) != 0) return;
  thrifty_hooks = *own;
  map_extent = own->alloc;
  thrifty_hooks.alloc = map_needed;
  thrifty_hooks.dalloc = unmap_unused;
}

int cjemalloc_map_only_needed(uint32_t arena) {
  if (map_extent == NULL) return ENOENT;
  char key[64];
  snprintf(key, sizeof key, "arena.%u.extent_hooks", (unsigned)arena);
  extent_hooks_t *hooks = &thrifty_hooks;
  return mallctl(key, NULL, NULL, &hooks, sizeof hooks);
}
