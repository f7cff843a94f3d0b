// SPDX-License-Identifier: Apache-2.0

// The heap of a WASM module: blocks of at least 16 bytes, in a list that is ordered by address. The tests build it for
// wasm32.
typedef unsigned int u32;

typedef struct block {
  u32 size;
  u32 used;
  struct block *next;
} block;

extern unsigned char __heap_base;
static block *first;

__attribute__((export_name("allocate"))) u32 allocate(u32 size) {
  size = (size + 15) & ~15u;
  block *last = 0;
  for (block *b = first; b; b = b->next) {
    if (!b->used && b->size >= size) {
      b->used = 1;
      return (u32)(b + 1);
    }
    last = b;
  }
  u32 start = last ? (u32)(last + 1) + last->size : ((u32)&__heap_base + 15) & ~15u;
  u32 end = start + sizeof(block) + size;
  u32 limit = __builtin_wasm_memory_size(0) << 16;
  if (end > limit && __builtin_wasm_memory_grow(0, ((end - limit) >> 16) + 1) == (unsigned long)-1) return 0;
  block *b = (block *)start;
  b->size = size;
  b->used = 1;
  b->next = 0;
  if (last) last->next = b; else first = b;
  return (u32)(b + 1);
}

__attribute__((export_name("release"))) void release(u32 address) { ((block *)address - 1)->used = 0; }

// The heap's own count, for the census of a domain.
__attribute__((export_name("live_count"))) u32 live_count(void) {
  u32 n = 0;
  for (block *b = first; b; b = b->next) n += b->used;
  return n;
}

__attribute__((export_name("live_bytes"))) u32 live_bytes(void) {
  u32 n = 0;
  for (block *b = first; b; b = b->next) n += b->used ? b->size : 0;
  return n;
}
