// SPDX-License-Identifier: Apache-2.0

#define _GNU_SOURCE
#include "CJemalloc.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>

#ifdef CJEMALLOC_PRIVATE
#define JEMALLOC_NO_RENAME
#include <jemalloc/jemalloc.h>
#define JE(name) je_##name
#else
#include <jemalloc/jemalloc.h>
#define JE(name) name
#endif

void *cjemalloc_allocate(size_t byte_count, uint32_t arena, uint32_t lg_alignment, bool zeroed) {
  int flags = MALLOCX_ARENA(arena) | MALLOCX_TCACHE_NONE | MALLOCX_LG_ALIGN((int)lg_alignment);
  return JE(mallocx)(byte_count, zeroed ? flags | MALLOCX_ZERO : flags);
}

void cjemalloc_deallocate(void *pointer) { JE(dallocx)(pointer, MALLOCX_TCACHE_NONE); }

void cjemalloc_free(void *pointer) {
  if (pointer != NULL) cjemalloc_deallocate(pointer);
}

size_t cjemalloc_size_class(size_t byte_count, uint32_t lg_alignment) {
  return JE(nallocx)(byte_count, MALLOCX_LG_ALIGN((int)lg_alignment));
}

int cjemalloc_mallctl(const char *key, void *old_value, size_t *old_size, void *new_value, size_t new_size) {
  return JE(mallctl)(key, old_value, old_size, new_value, new_size);
}

int cjemalloc_mib(const char *key, size_t *mib, size_t *mib_length) {
  return JE(mallctlnametomib)(key, mib, mib_length);
}

int cjemalloc_mallctl_by_mib(const size_t *mib, size_t mib_length, void *old_value, size_t *old_size,
                             void *new_value, size_t new_size) {
  return JE(mallctlbymib)(mib, mib_length, old_value, old_size, new_value, new_size);
}

// Looked up before main. Later, in a forked child, the loader's lock might be held by a thread that the child does not
// have.
static bool is_process_malloc;

static bool is_in_object(const char *symbol, const void *object) {
  void *function = dlsym(RTLD_DEFAULT, symbol);
  Dl_info found;
  return function != NULL && dladdr(function, &found) != 0 && found.dli_fbase == object;
}

// A preloaded allocator, a sanitizer or the order of linking decides whose functions the process calls. If a private
// jemalloc is linked into the same file as a sanitizer's malloc, it has no `malloc` that the process could call.
__attribute__((constructor)) static void look_up_process_malloc(void) {
#ifndef CJEMALLOC_PRIVATE
  Dl_info own;
  if (dladdr((void *)dlsym(RTLD_DEFAULT, "mallocx"), &own) == 0) return;
  is_process_malloc = is_in_object("malloc", own.dli_fbase) && is_in_object("free", own.dli_fbase) &&
                      is_in_object("realloc", own.dli_fbase);
#endif
}

bool cjemalloc_is_process_malloc(void) { return is_process_malloc; }

// jemalloc's own hooks, except for two. With its own two, an arena maps memory in advance (opt.retain), and keeps
// mapped what it does not need, for itself alone.
static extent_hooks_t thrifty_hooks;
static extent_alloc_t *map_extent;

// jemalloc 5.3 asks for uncommitted memory only if it maps in advance. If that is refused, it asks for what it needs.
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
  if (JE(mallctl)("arena.0.extent_hooks", &own, &size, NULL, 0) != 0) return;
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
  return JE(mallctl)(key, NULL, NULL, &hooks, sizeof hooks);
}
