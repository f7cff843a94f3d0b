// SPDX-License-Identifier: Apache-2.0

// How an arena maps memory, if it does not do so as jemalloc would: jemalloc's own hooks, with changes.

#define _GNU_SOURCE
#include "CJemalloc.h"

#include <errno.h>
#include <jemalloc/jemalloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

// The hooks of one arena. jemalloc gives them to each hook, so they are the first field.
typedef struct {
  extent_hooks_t hooks;
  bool maps_only_needed;
  char name[CJEMALLOC_NAME_SIZE];
} arena_hooks;

static extent_hooks_t own_hooks;
static bool has_own_hooks;

static int name_mapping(void *address, size_t size, const char *name) {
  return prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, (unsigned long)address, size, (unsigned long)name);
}

// Null if the kernel gives no names.
static cjemalloc_naming *naming;

// Runs before main: there is one thread, and no client has changed the first arena's hooks.
__attribute__((constructor)) static void look_up_own_hooks(void) {
  extent_hooks_t *own;
  size_t size = sizeof own;
  if (mallctl("arena.0.extent_hooks", &own, &size, NULL, 0) != 0) return;
  own_hooks = *own;
  has_own_hooks = true;
  // A kernel that gives names accepts an empty range; any other one does not know the call. Sanitizers read the name.
  int before = errno;
  if (name_mapping(NULL, 0, "native-buffers") == 0) naming = name_mapping;
  errno = before;
}

static void *map_extent(extent_hooks_t *hooks, void *address, size_t size, size_t alignment, bool *zero,
                        bool *commit, unsigned arena) {
  const arena_hooks *changed = (const arena_hooks *)hooks;
  // jemalloc 5.3 asks for uncommitted memory only if it maps in advance. If that is refused, it asks for no more than
  // it needs.
  if (changed->maps_only_needed && !*commit && size > (2 << 20)) return NULL;
  void *extent = own_hooks.alloc(hooks, address, size, alignment, zero, commit, arena);
  if (extent != NULL && changed->name[0] != 0 && naming != NULL) {
    int before = errno;
    naming(extent, size, changed->name);
    errno = before;
  }
  return extent;
}

static bool unmap_unused(extent_hooks_t *hooks, void *address, size_t size, bool committed, unsigned arena) {
  (void)hooks, (void)committed, (void)arena;
  return munmap(address, size) != 0;
}

// The hooks of each arena that has such, by its index. They are kept when the arena is destroyed, for the next arena of
// this index. Only the thread that makes an arena uses the arena's pointer.
#define ARENA_LIMIT 4096
static arena_hooks *changed_hooks[ARENA_LIMIT];

static void hooks_key(char key[64], uint32_t arena) {
  snprintf(key, 64, "arena.%u.extent_hooks", (unsigned)arena);
}

// The changed hooks of a new arena. They are jemalloc's own until this was called for the arena, and are not installed
// before `install`. NULL if there is no room for them.
static arena_hooks *hooks_to_change(uint32_t arena) {
  if (!has_own_hooks || arena >= ARENA_LIMIT) return NULL;
  extent_hooks_t *current = NULL;
  size_t size = sizeof current;
  char key[64];
  hooks_key(key, arena);
  if (mallctl(key, &current, &size, NULL, 0) != 0) return NULL;
  arena_hooks *changed = changed_hooks[arena];
  if (changed != NULL && current == &changed->hooks) return changed;
  if (changed == NULL) changed = changed_hooks[arena] = malloc(sizeof *changed);
  if (changed == NULL) return NULL;
  memset(changed, 0, sizeof *changed);
  changed->hooks = own_hooks;
  changed->hooks.alloc = map_extent;
  return changed;
}

static int install(uint32_t arena, arena_hooks *changed) {
  char key[64];
  hooks_key(key, arena);
  extent_hooks_t *hooks = &changed->hooks;
  return mallctl(key, NULL, NULL, &hooks, sizeof hooks);
}

int cjemalloc_map_only_needed(uint32_t arena) {
  arena_hooks *changed = hooks_to_change(arena);
  if (changed == NULL) return ENOENT;
  changed->maps_only_needed = true;
  changed->hooks.dalloc = unmap_unused;
  return install(arena, changed);
}

bool cjemalloc_names_mappings(void) { return naming != NULL; }

int cjemalloc_name_mappings(uint32_t arena, const char *name) {
  arena_hooks *changed = hooks_to_change(arena);
  if (changed == NULL) return ENOENT;
  snprintf(changed->name, sizeof changed->name, "%s", name);
  return install(arena, changed);
}

void cjemalloc_set_naming(cjemalloc_naming *replacement) { naming = replacement; }
