// SPDX-License-Identifier: Apache-2.0

// Compiles one function body twice, for every processor and for those with AVX2 and FMA, and chooses at run time.
//
// This is done by hand, because target_clones chooses at load time, before a sanitizer has set itself up.

#ifndef PIXEL_DISPATCH_H
#define PIXEL_DISPATCH_H

// A body is inlined into the function that calls it, and so is compiled for that function's processor.
#define PIXEL_BODY static inline __attribute__((always_inline)) void

#if defined(__x86_64__)
#define PIXEL_KERNEL(name, parameters, arguments)                                                                      \
  __attribute__((target("avx2,fma"))) static void name##_avx2 parameters { name##_body arguments; }                    \
  static void name##_plain parameters { name##_body arguments; }                                                       \
  void name parameters {                                                                                               \
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))                                               \
      name##_avx2 arguments;                                                                                           \
    else                                                                                                               \
      name##_plain arguments;                                                                                          \
  }
#else
#define PIXEL_KERNEL(name, parameters, arguments)                                                                      \
  void name parameters { name##_body arguments; }
#endif

#endif
