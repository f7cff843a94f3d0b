// SPDX-License-Identifier: Apache-2.0

// Makes memory that libjpeg allocates and that the caller must free.
#include <stdio.h>
#include <stdlib.h>
#include <jpeglib.h>

unsigned char *jpeg_gray_ramp(int width, int height, unsigned long *size) {
  struct jpeg_compress_struct c;
  struct jpeg_error_mgr errors;
  c.err = jpeg_std_error(&errors);
  jpeg_create_compress(&c);
  unsigned char *bytes = NULL;
  *size = 0;
  jpeg_mem_dest(&c, &bytes, size);
  c.image_width = width;
  c.image_height = height;
  c.input_components = 1;
  c.in_color_space = JCS_GRAYSCALE;
  jpeg_set_defaults(&c);
  jpeg_start_compress(&c, TRUE);
  unsigned char *row = malloc(width);
  for (int x = 0; x < width; x++) row[x] = x & 255;
  while (c.next_scanline < c.image_height) jpeg_write_scanlines(&c, &row, 1);
  free(row);
  jpeg_finish_compress(&c);
  jpeg_destroy_compress(&c);
  return bytes;
}
