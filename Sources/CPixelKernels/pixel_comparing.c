// SPDX-License-Identifier: Apache-2.0

#include "CPixelKernels.h"
#include "pixel_dispatch.h"

// The sum of the squares of 65,536 bytes fits into 32 bits.
enum { stretch = 65536 };

PIXEL_BODY cpixel_compare_row_body(const uint8_t *a, const uint8_t *b, size_t count, uint64_t *square_sum,
                                   uint8_t *maximum) {
  uint8_t most = *maximum;
  for (size_t start = 0; start < count; start += stretch) {
    size_t end = count - start < stretch ? count : start + stretch;
    uint32_t sum = 0;
    for (size_t i = start; i < end; i++) {
      uint8_t distance = a[i] > b[i] ? (uint8_t)(a[i] - b[i]) : (uint8_t)(b[i] - a[i]);
      most = distance > most ? distance : most;
      sum += (uint32_t)distance * distance;
    }
    *square_sum += sum;
  }
  *maximum = most;
}
PIXEL_KERNEL(cpixel_compare_row,
             (const uint8_t *a, const uint8_t *b, size_t count, uint64_t *square_sum, uint8_t *maximum),
             (a, b, count, square_sum, maximum))
