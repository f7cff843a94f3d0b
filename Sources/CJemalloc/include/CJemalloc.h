// SPDX-License-Identifier: Apache-2.0

// What Swift cannot call or cannot express about jemalloc. No policy: sizes, flags and errno values go
// through unchanged. Every function is called from NativeBuffers' folder Arena only.
//
// Nothing here names a jemalloc symbol, so that a build over a private, je_-prefixed jemalloc (for
// sanitizers) changes CJemalloc.c alone: the Swift importer does not see defines given to C files.

#ifndef CJEMALLOC_H
#define CJEMALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// mallocx in one arena, past the thread caches. `lg_alignment` is a base-2 logarithm.
void *_Nullable cjemalloc_allocate(size_t byte_count, uint32_t arena, uint32_t lg_alignment, bool zeroed);

/// dallocx past the thread caches.
void cjemalloc_deallocate(void *pointer);

/// The same in the shape of C's `free`: ignores NULL.
void cjemalloc_free(void *_Nullable pointer);

/// nallocx: the size class a request would take, 0 where no class is large enough.
size_t cjemalloc_size_class(size_t byte_count, uint32_t lg_alignment);

/// Has an arena map no more than 2 MiB in advance, and unmap what it does not need: address space that jemalloc otherwise
/// keeps for that arena (opt.retain). Returns an errno value, 0 for success.
int cjemalloc_map_only_needed(uint32_t arena);

/// mallctl, unchanged. Returns an errno value, 0 for success.
int cjemalloc_mallctl(const char *key, void *_Nullable old_value, size_t *_Nullable old_size,
                      void *_Nullable new_value, size_t new_size);

/// mallctlnametomib, unchanged.
int cjemalloc_mib(const char *key, size_t *mib, size_t *mib_length);

/// mallctlbymib, unchanged.
int cjemalloc_mallctl_by_mib(const size_t *mib, size_t mib_length, void *_Nullable old_value,
                             size_t *_Nullable old_size, void *_Nullable new_value, size_t new_size);

/// Whether the process's own malloc, realloc and free are this jemalloc's, as found before main: not so in a sanitizer
/// build, or where another allocator is preloaded or linked first.
bool cjemalloc_is_process_malloc(void);

#pragma clang assume_nonnull end

#endif
