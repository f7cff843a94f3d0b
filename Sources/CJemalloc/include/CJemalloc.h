// SPDX-License-Identifier: Apache-2.0

// The functions of jemalloc, in a form that Swift can call. This module decides nothing: sizes, flags and errno values
// go through unchanged. Only NativeBuffers' folder Arena calls these functions.
//
// No declaration here names a jemalloc symbol, so that only CJemalloc.c needs jemalloc's header.

#ifndef CJEMALLOC_H
#define CJEMALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// mallocx in one arena, without the thread caches. `lg_alignment` is a base-2 logarithm.
void *_Nullable cjemalloc_allocate(size_t byte_count, uint32_t arena, uint32_t lg_alignment, bool zeroed);

/// dallocx without the thread caches.
void cjemalloc_deallocate(void *pointer);

/// dallocx without the thread caches, with the type of C's `free`: it ignores NULL.
void cjemalloc_free(void *_Nullable pointer);

/// nallocx: the size class that a request would take; 0 if no class is large enough.
size_t cjemalloc_size_class(size_t byte_count, uint32_t lg_alignment);

/// Makes an arena map no more than 2 MiB in advance, and unmap the memory that it does not need. Without this call,
/// jemalloc keeps that address space for the arena (opt.retain). Returns an errno value, 0 for success.
int cjemalloc_map_only_needed(uint32_t arena);

/// Whether the kernel gives names to memory without a file (`PR_SET_VMA_ANON_NAME`), as asked once before main.
bool cjemalloc_names_mappings(void);

/// The longest name of a mapping, with its final zero.
#define CJEMALLOC_NAME_SIZE 80

/// Gives what a new arena maps from now on a name. Returns an errno value, 0 for success.
///
/// The arena then has hooks of its own, and jemalloc fills memory for zeroed blocks itself, if it has used pages for
/// them, instead of giving these pages back and getting new ones.
int cjemalloc_name_mappings(uint32_t arena, const char *name);

/// For tests: takes the place of the kernel. NULL if no names are given.
typedef int cjemalloc_naming(void *address, size_t size, const char *name);
void cjemalloc_set_naming(cjemalloc_naming *_Nullable naming);

/// mallctl, unchanged. Returns an errno value, 0 for success.
int cjemalloc_mallctl(const char *key, void *_Nullable old_value, size_t *_Nullable old_size,
                      void *_Nullable new_value, size_t new_size);

/// mallctlnametomib, unchanged.
int cjemalloc_mib(const char *key, size_t *mib, size_t *mib_length);

/// mallctlbymib, unchanged.
int cjemalloc_mallctl_by_mib(const size_t *mib, size_t mib_length, void *_Nullable old_value,
                             size_t *_Nullable old_size, void *_Nullable new_value, size_t new_size);

/// Whose malloc, realloc and free the process calls, as found before main. The order of linking decides this, unless a
/// library is preloaded or a sanitizer is used.
typedef enum {
  CJEMALLOC_MALLOC_OF_JEMALLOC,
  CJEMALLOC_MALLOC_OF_GLIBC,
  CJEMALLOC_MALLOC_OF_ANOTHER,
} cjemalloc_malloc_owner;

cjemalloc_malloc_owner cjemalloc_process_malloc(void);

/// The path of the file that holds the process's malloc.
const char *cjemalloc_process_malloc_file(void);

/// The bytes that glibc's malloc has given out and not got back: in its heaps, and in mappings of their own. This waits
/// for the locks of all its heaps, and walks the lists of their free blocks.
size_t cjemalloc_glibc_allocated(void);

#pragma clang assume_nonnull end

#endif
