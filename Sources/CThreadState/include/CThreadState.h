// What Swift cannot express: a thread-local pointer, reached by code that the compiler inlines into its callers.
// No policy.

#ifndef CTHREADSTATE_H
#define CTHREADSTATE_H

#include <stdint.h>

/// The calling thread's block cache; NULL until it has one. Only its own thread reads or writes it.
extern _Thread_local void *_Nullable cthreadstate_cache_pointer __attribute__((tls_model("initial-exec")));

static inline void *_Nullable cthreadstate_cache(void) { return cthreadstate_cache_pointer; }
static inline void cthreadstate_set_cache(void *_Nullable cache) { cthreadstate_cache_pointer = cache; }

#endif
