// SPDX-License-Identifier: Apache-2.0

// malloc and free of the allocator that is preloaded, or of glibc if none is.

#include <stdio.h>
#include <stdlib.h>

#include "CPeerSupport.h"

static void work(size_t byte_count, bool is_touched, long times) {
  for (long index = 0; index < times; index += 1) {
    void *pointer = malloc(byte_count);
    if (!pointer) {
      fputs("malloc_peer: out of memory\n", stderr);
      exit(1);
    }
    if (is_touched) peer_touch_pages(pointer, byte_count);
    else peer_sink(pointer);
    free(pointer);
  }
}

int main(int argument_count, char **arguments) { return peer_main(argument_count, arguments, work); }
