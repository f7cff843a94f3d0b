#include "CPixelKernels.h"
#include "pixel_dispatch.h"

// The squares of so many bytes fit into 32 bits.
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

PIXEL_BODY cpixel_compare_row_16_body(const uint16_t *a, const uint16_t *b, size_t count, double *square_sum,
                                      uint16_t *maximum) {
  uint16_t most = *maximum;
  // The squares of 2^32 such numbers fit into 64 bits, and no row is longer.
  uint64_t sum = 0;
  for (size_t i = 0; i < count; i++) {
    uint16_t distance = a[i] > b[i] ? (uint16_t)(a[i] - b[i]) : (uint16_t)(b[i] - a[i]);
    most = distance > most ? distance : most;
    sum += (uint32_t)distance * distance;
  }
  *square_sum += (double)sum;
  *maximum = most;
}
PIXEL_KERNEL(cpixel_compare_row_16,
             (const uint16_t *a, const uint16_t *b, size_t count, double *square_sum, uint16_t *maximum),
             (a, b, count, square_sum, maximum))

PIXEL_BODY cpixel_compare_row_f32_body(const float *a, const float *b, size_t count, double *square_sum,
                                       float *maximum) {
  double sum = 0;
  float most = *maximum;
  for (size_t i = 0; i < count; i++) {
    // The same infinity is no difference.
    float distance = a[i] == b[i] ? 0 : a[i] > b[i] ? a[i] - b[i] : b[i] - a[i];
    most = distance > most ? distance : most;
    sum += (double)distance * (double)distance;
  }
  *square_sum += sum;
  *maximum = most;
}
PIXEL_KERNEL(cpixel_compare_row_f32,
             (const float *a, const float *b, size_t count, double *square_sum, float *maximum),
             (a, b, count, square_sum, maximum))
