#include "CJemalloc.h"

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

bool cjemalloc_is_process_malloc(void) {
#ifdef CJEMALLOC_PRIVATE
  return false;
#else
  return true;
#endif
}
