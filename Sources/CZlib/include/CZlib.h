// SPDX-License-Identifier: Apache-2.0

// gzip in memory. Swift cannot call zlib's initialisers, because they are macros.

#ifndef CZLIB_H
#define CZLIB_H

#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

typedef enum CZlibResult {
  CZlibDone = 0,
  /// The output has no room for all of it.
  CZlibNoRoom = 1,
  /// The input is no gzip, or is damaged, or more follows its end.
  CZlibDamaged = 2,
  CZlibNoMemory = 3,
  /// The input ends before the gzip does.
  CZlibCutShort = 4,
} CZlibResult;

/// The most bytes that `czlib_compress` writes for an input of this length.
size_t czlib_compressed_bound(size_t length);

/// Writes the input as gzip, and the number of bytes that were written.
CZlibResult czlib_compress(const uint8_t *input, size_t length, uint8_t *output, size_t capacity, size_t *written);

/// Reads gzip, and checks its checksum and its length.
CZlibResult czlib_decompress(const uint8_t *input, size_t length, uint8_t *output, size_t capacity, size_t *written);

#pragma clang assume_nonnull end

#endif
