// SPDX-License-Identifier: Apache-2.0

// Plain names for the functions of one instance of the module that wasm2c made from heap.c.
#include "heap_wasm.h"

static Z_heap_instance_t instance;

int wasm_start(void) {
  wasm_rt_init();
  Z_heap_init_module();
  Z_heap_instantiate(&instance);
  return 0;
}

u32 wasm_allocate(u32 size) { return Z_heapZ_allocate(&instance, size); }
void wasm_release(u32 address) { Z_heapZ_release(&instance, address); }
u32 wasm_live_count(void) { return Z_heapZ_live_count(&instance); }
u32 wasm_live_bytes(void) { return Z_heapZ_live_bytes(&instance); }
u8 *wasm_memory(void) { return Z_heapZ_memory(&instance)->data; }
