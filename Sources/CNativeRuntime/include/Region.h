// SPDX-License-Identifier: Apache-2.0

#ifndef CNATIVERUNTIME_REGION_H
#define CNATIVERUNTIME_REGION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The memory of a ledger: a file that other processes can map, or private memory. A forked child gets a copy.
// LedgerRegion.swift says when and why. It is in C, because code that runs in `fork` must not allocate.

#pragma clang assume_nonnull begin

/// The name by which others find the ledger's file in /proc/PID/maps and /proc/PID/fd.
#define cnativeruntime_ledger_name "native-buffers-ledger"

/// A part of a region: the header, or a table of the ledger.
typedef struct {
  /// The offsets in the region where the part begins, and where its readable and writable bytes end.
  size_t begin;
  size_t usable_end;
  /// How many bytes a record has, and where in the region the number of records is. A child gets a copy of so many
  /// records; if the size is 0, of none; if no place is given (0), of the whole part.
  size_t record_size;
  size_t count_offset;
  /// How many bytes were copied for the child.
  size_t copied_length;
} cnativeruntime_region_part;

enum { cnativeruntime_region_part_count = 16 };

typedef struct {
  /// NULL until the region is mapped.
  unsigned char *_Nullable base;
  size_t byte_count;
  size_t page_size;
  /// Where in the header it says (4 bytes) whether the region is complete; 0 there means that it is not.
  size_t state_offset;
  /// The file; -1 if the memory is private. A program may close descriptors that it does not know, and the number may
  /// then be another file's: nothing is done through it before `cnativeruntime_region_owns` says that it is still this
  /// file.
  int descriptor;
  uint64_t device;
  uint64_t inode;
  /// Whether the file has a name. Room in it is then set aside before it is used.
  bool has_name;
  /// The name for a forked child's file, in which `%p` stands for the process id; NULL if children get files without
  /// names.
  char *_Nullable name_of_child;
  /// Part 0 is the header. The others have the numbers of the tables; part 1 is the entries.
  cnativeruntime_region_part parts[cnativeruntime_region_part_count];

  // Between the handlers of `fork`

  /// The copy for the child: a file, or private memory; -1 and NULL if there is none.
  int copy_descriptor;
  unsigned char *_Nullable copy;
  size_t copy_byte_count;
  /// The parent's entries, for reading only.
  unsigned char *_Nullable view;

  // In a forked child

  /// Whether the region is such a copy: other threads of the parent may have changed entries between the copy and the
  /// fork.
  bool is_copy;
  /// Whether the child has found out which entries these are.
  bool is_settled;
  /// The parent's entries, for reading only, until `cnativeruntime_region_drop_child_view`; NULL if there is no view of
  /// them.
  unsigned char *_Nullable child_view;
  size_t child_view_byte_count;
} cnativeruntime_region;

/// The parts, as a pointer: Swift sees a C array as a tuple.
static inline cnativeruntime_region_part *cnativeruntime_region_parts(cnativeruntime_region *region) {
  return region->parts;
}

/// Makes a file without a name, which has no pages yet and which other programs do not inherit. Returns its descriptor;
/// -1 if the system refuses (`errno`), or if the limit on the size of files is too small (EFBIG).
int cnativeruntime_make_nameless_file(const char *name, size_t byte_count);

/// Whether a descriptor is open, and is the file that has this device and inode. A program may have closed the file,
/// and the number may be another file's by now.
bool cnativeruntime_is_file(int descriptor, uint64_t device, uint64_t inode);

/// Makes a file with a name, which must not exist, for this user alone. Follows no symbolic link. Returns its
/// descriptor; -1 if the system refuses (`errno`), or if the limit on the size of files is too small (EFBIG).
int cnativeruntime_make_named_file(const char *name, size_t byte_count);

/// Writes a text to a buffer, with the process id for each `%p`. Returns false if there is not enough room.
bool cnativeruntime_name_with_process_id(const char *text, char *buffer, size_t capacity);

/// Maps the file, or private memory if it is -1, without access; at `base` if that is not NULL. Forbids by seals that a
/// file without a name becomes shorter or longer, and that others write to it. Returns whether the system allowed it.
bool cnativeruntime_region_map(cnativeruntime_region *region, int file);

/// Makes whole pages readable and writable. Returns 0, or the `errno` of the call that the system refused.
int cnativeruntime_region_make_usable(cnativeruntime_region *region, size_t begin, size_t end);

/// Whether the descriptor is the region's file.
bool cnativeruntime_region_owns(const cnativeruntime_region *region, int descriptor);

/// Closes the region's file, if the number still is that file.
void cnativeruntime_region_close(cnativeruntime_region *region);

/// Before a fork: copies for the child what it needs. The caller makes sure that no part grows meanwhile. Threads that
/// take no lock go on, so an entry that such a thread changes is copied as it was at some moment.
void cnativeruntime_region_copy(cnativeruntime_region *region);

/// After the fork, in the parent: gives the copy back. Does nothing in a child that has taken it.
void cnativeruntime_region_drop_copy(cnativeruntime_region *region);

/// After the fork, in the child: puts the copy to the addresses of the parent's region. Returns false if there is no
/// copy; nothing is at these addresses then.
bool cnativeruntime_region_take_copy(cnativeruntime_region *region);

void cnativeruntime_region_drop_child_view(cnativeruntime_region *region);

#pragma clang assume_nonnull end

#endif
