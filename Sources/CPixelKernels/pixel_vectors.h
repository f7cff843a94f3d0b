// SPDX-License-Identifier: Apache-2.0

// Vectors as the compiler offers them for every processor. Use them only for local variables: if a vector is passed to
// a function, the ABI depends on the processor.

#ifndef PIXEL_VECTORS_H
#define PIXEL_VECTORS_H

#include <stdint.h>
#include <string.h>

typedef uint8_t u8x4 __attribute__((vector_size(4)));
typedef uint8_t u8x16 __attribute__((vector_size(16)));
typedef uint8_t u8x32 __attribute__((vector_size(32)));
typedef uint16_t u16x8 __attribute__((vector_size(16)));
typedef uint16_t u16x16 __attribute__((vector_size(32)));
typedef uint32_t u32x4 __attribute__((vector_size(16)));
typedef uint32_t u32x8 __attribute__((vector_size(32)));
typedef uint64_t u64x4 __attribute__((vector_size(32)));
typedef int32_t i32x4 __attribute__((vector_size(16)));
typedef int32_t i32x16 __attribute__((vector_size(64)));
typedef float f32x4 __attribute__((vector_size(16)));
typedef float f32x16 __attribute__((vector_size(64)));

// The address need not be aligned.
#define VECTOR_LOAD(vector, address) memcpy(&(vector), (address), sizeof(vector))
#define VECTOR_STORE(address, vector) memcpy((address), &(vector), sizeof(vector))

#endif
