// SPDX-License-Identifier: Apache-2.0

#define _GNU_SOURCE
#include "CNativeRuntime.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

// Files

/// Beyond the limit on the size of files, ftruncate and fallocate would end the process by SIGXFSZ.
static bool is_within_limit(size_t byte_count) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur >= byte_count) return true;
  errno = EFBIG;
  return false;
}

bool cnativeruntime_is_file(int descriptor, uint64_t device, uint64_t inode) {
  struct stat file;
  return descriptor >= 0 && fstat(descriptor, &file) == 0 && file.st_dev == device && file.st_ino == inode;
}

static int close_with_error(int file) {
  int code = errno;
  close(file);
  errno = code;
  return -1;
}

/// A process that was started without standard streams must not print into a ledger.
static int away_from_standard_streams(int file) {
  if (file > STDERR_FILENO) return file;
  int higher = fcntl(file, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  close(file);
  return higher;
}

int cnativeruntime_make_named_file(const char *name, size_t byte_count) {
  if (!is_within_limit(byte_count)) return -1;
  int file = open(name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (file < 0) return -1;
  file = away_from_standard_streams(file);
  if (file >= 0 && ftruncate(file, (off_t)byte_count) == 0) return file;
  int code = errno;
  unlink(name);
  if (file >= 0) close(file);
  errno = code;
  return -1;
}

bool cnativeruntime_name_with_process_id(const char *text, char *buffer, size_t capacity) {
  size_t length = 0;
  while (*text) {
    char number[12] = {*text, 0};
    if (text[0] == '%' && text[1] == 'p') {
      // Without printf, which may allocate.
      int digits = 0;
      for (int rest = getpid(); rest > 0; rest /= 10) digits++;
      number[digits] = 0;
      for (int rest = getpid(); rest > 0; rest /= 10) number[--digits] = (char)('0' + rest % 10);
      text++;
    }
    text++;
    for (const char *place = number; *place; place++) {
      if (length + 1 >= capacity) return false;
      buffer[length++] = *place;
    }
  }
  buffer[length] = 0;
  return true;
}

int cnativeruntime_make_nameless_file(const char *name, size_t byte_count) {
  if (!is_within_limit(byte_count)) return -1;
  int file = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
  // Kernels before 6.3 do not know the last flag.
  if (file < 0 && errno == EINVAL) file = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (file < 0) return -1;
  file = away_from_standard_streams(file);
  if (file < 0) return -1;
  return ftruncate(file, (off_t)byte_count) == 0 ? file : close_with_error(file);
}

// The region

bool cnativeruntime_region_map(cnativeruntime_region *region, int file) {
  int flags = MAP_NORESERVE | (file < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED) | (region->base ? MAP_FIXED : 0);
  void *place = mmap(region->base, region->byte_count, PROT_NONE, flags, file, 0);
  if (place == MAP_FAILED) return false;
  region->base = place;
  region->descriptor = file;
  if (file < 0) return true;
  struct stat status;
  if (fstat(file, &status) == 0) {
    region->device = status.st_dev;
    region->inode = status.st_ino;
  }
  // The mapping that exists may write to the file; no other one may.
  fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE);
  madvise(place, region->byte_count, MADV_DONTFORK);
  return true;
}

/// Sets room in the file aside, so that a shortage is an error here and not a signal at the first use. Returns 0, or
/// the `errno` of the call that the system refused.
static int set_aside(const cnativeruntime_region *region, size_t begin, size_t end) {
  // If the program has closed the file, the number may be another file's.
  if (!cnativeruntime_region_owns(region, region->descriptor)) return EBADF;
  if (!is_within_limit(end)) return EFBIG;
  while (fallocate(region->descriptor, 0, (off_t)begin, (off_t)(end - begin)) != 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

/// Takes memory for pages of the mapping, which costs less than a fault for each page at its first use. Returns as
/// above. Kernels before 5.14 do not know the call, and then take it page by page.
static int take_pages(const cnativeruntime_region *region, size_t begin, size_t end) {
  if (madvise(region->base + begin, end - begin, MADV_POPULATE_WRITE) == 0 || errno == EINVAL) return 0;
  // A page for which a file system has no room is a bad address.
  return errno == EFAULT ? ENOSPC : errno;
}

int cnativeruntime_region_make_usable(cnativeruntime_region *region, size_t begin, size_t end) {
  bool is_file = region->descriptor >= 0;
  int code = is_file ? set_aside(region, begin, end) : 0;
  // Pages can be taken without the descriptor, and no limit on the size of files is meant for a file without a name.
  bool needs_no_room = code == EBADF || (code == EFBIG && !region->has_name);
  if (code != 0 && !needs_no_room) return code;
  if (mprotect(region->base + begin, end - begin, PROT_READ | PROT_WRITE) != 0) return errno;
  // Private memory is taken page by page at the first use, as everywhere.
  return is_file ? take_pages(region, begin, end) : 0;
}

bool cnativeruntime_region_owns(const cnativeruntime_region *region, int descriptor) {
  return region->descriptor >= 0 && cnativeruntime_is_file(descriptor, region->device, region->inode);
}

void cnativeruntime_region_close(cnativeruntime_region *region) {
  if (cnativeruntime_region_owns(region, region->descriptor)) close(region->descriptor);
  region->descriptor = -1;
}

// fork

/// How many bytes from its begin on a child needs of a part: whole pages.
static size_t used_length(const cnativeruntime_region *region, const cnativeruntime_region_part *part) {
  if (part->record_size == 0) return 0;
  if (part->count_offset == 0) return part->usable_end - part->begin;
  uint64_t count = __atomic_load_n((uint64_t *)(region->base + part->count_offset), __ATOMIC_RELAXED);
  size_t length = (size_t)count * part->record_size;
  length = (length + region->page_size - 1) / region->page_size * region->page_size;
  size_t usable = part->usable_end - part->begin;
  return length < usable ? length : usable;
}

static bool write_all(int file, const unsigned char *bytes, size_t count, size_t offset) {
  while (count > 0) {
    ssize_t written = pwrite(file, bytes, count, (off_t)offset);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes += written;
    count -= (size_t)written;
    offset += (size_t)written;
  }
  return true;
}

/// Copies the used bytes into a new file.
static bool copy_to_file(cnativeruntime_region *region) {
  int file = cnativeruntime_make_nameless_file(cnativeruntime_ledger_name, region->byte_count);
  if (file < 0) return false;
  // The field at `state_offset` is left out: it is 0, so readers know that the ledger is being made.
  size_t after = region->state_offset + sizeof(uint32_t);
  bool is_written = write_all(file, region->base, region->state_offset, 0) &&
                    write_all(file, region->base + after, region->parts[0].copied_length - after, after);
  for (int index = 1; index < cnativeruntime_region_part_count && is_written; index++) {
    const cnativeruntime_region_part *part = &region->parts[index];
    is_written = write_all(file, region->base + part->begin, part->copied_length, part->begin);
  }
  if (is_written) {
    region->copy_descriptor = file;
  } else {
    close(file);
  }
  return is_written;
}

/// Copies the used bytes into private memory, one part behind the other.
static bool copy_to_memory(cnativeruntime_region *region) {
  size_t byte_count = 0;
  for (int index = 0; index < cnativeruntime_region_part_count; index++) {
    byte_count += region->parts[index].copied_length;
  }
  void *copy = mmap(NULL, byte_count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (copy == MAP_FAILED) return false;
  region->copy = copy;
  region->copy_byte_count = byte_count;
  unsigned char *place = copy;
  for (int index = 0; index < cnativeruntime_region_part_count; index++) {
    const cnativeruntime_region_part *part = &region->parts[index];
    memcpy(place, region->base + part->begin, part->copied_length);
    place += part->copied_length;
  }
  return true;
}

/// Makes a second mapping of the records, which a child gets, unlike the region.
static void make_view(cnativeruntime_region *region) {
  const cnativeruntime_region_part *records = &region->parts[1];
  if (records->copied_length == 0) return;
  // With an old size of 0, mremap maps the same pages once more.
  void *view = mremap(region->base + records->begin, 0, records->copied_length, MREMAP_MAYMOVE);
  if (view == MAP_FAILED) return;
  mprotect(view, records->copied_length, PROT_READ);
  madvise(view, records->copied_length, MADV_DOFORK);
  region->view = view;
}

void cnativeruntime_region_copy(cnativeruntime_region *region) {
  // The child of a process with private memory has a copy of it anyway, and an exact one.
  if (region->descriptor < 0) return;
  int code = errno;
  for (int index = 0; index < cnativeruntime_region_part_count; index++) {
    region->parts[index].copied_length = used_length(region, &region->parts[index]);
  }
  // First the copy and then the view: what the view shows is never older than the copy.
  if (copy_to_file(region) || copy_to_memory(region)) make_view(region);
  errno = code;
}

void cnativeruntime_region_drop_copy(cnativeruntime_region *region) {
  int code = errno;
  if (region->copy_descriptor >= 0) close(region->copy_descriptor);
  if (region->copy) munmap(region->copy, region->copy_byte_count);
  if (region->view) munmap(region->view, region->parts[1].copied_length);
  region->copy_descriptor = -1;
  region->copy = NULL;
  region->view = NULL;
  errno = code;
}

/// Puts the copy into a file with the child's name. Returns its descriptor; -1 if that is not possible.
static int name_copy(cnativeruntime_region *region) {
  char name[4096];
  if (!region->name_of_child || region->copy_descriptor < 0 ||
      !cnativeruntime_name_with_process_id(region->name_of_child, name, sizeof name)) {
    return -1;
  }
  int file = cnativeruntime_make_named_file(name, region->byte_count);
  if (file < 0) return -1;
  for (int index = 0; index < cnativeruntime_region_part_count; index++) {
    const cnativeruntime_region_part *part = &region->parts[index];
    off_t begin = (off_t)part->begin;
    off_t usable = (off_t)(part->usable_end - part->begin);
    if (usable == 0) continue;
    size_t rest = part->copied_length;
    bool has_room = fallocate(file, 0, begin, usable) == 0 && lseek(file, begin, SEEK_SET) == begin;
    while (has_room && rest > 0) {
      ssize_t sent = sendfile(file, region->copy_descriptor, &begin, rest);
      if (sent < 0 && errno == EINTR) continue;
      has_room = sent > 0;
      if (has_room) rest -= (size_t)sent;
    }
    if (has_room) continue;
    close(file);
    unlink(name);
    return -1;
  }
  return file;
}

bool cnativeruntime_region_take_copy(cnativeruntime_region *region) {
  // If this child's parent is such a child, too, and does not know yet which of its entries were out of step, the view
  // of them is of no use here.
  bool is_doubtful = region->is_copy && !region->is_settled;
  cnativeruntime_region_drop_child_view(region);
  region->is_settled = false;
  if (region->descriptor < 0) {
    region->is_copy = is_doubtful;
    return true;
  }
  region->is_copy = true;
  cnativeruntime_region_close(region);
  bool is_private = region->copy != NULL;
  if (!is_private && region->copy_descriptor < 0) return false;
  int named = name_copy(region);
  region->has_name = named >= 0;
  if (named >= 0) {
    close(region->copy_descriptor);
    region->copy_descriptor = named;
  }
  if (!cnativeruntime_region_map(region, region->copy_descriptor)) return false;
  const unsigned char *source = region->copy;
  for (int index = 0; index < cnativeruntime_region_part_count; index++) {
    const cnativeruntime_region_part *part = &region->parts[index];
    unsigned char *place = region->base + part->begin;
    size_t usable = part->usable_end - part->begin;
    if (usable == 0) continue;
    mprotect(place, usable, PROT_READ | PROT_WRITE);
    if (is_private) memcpy(place, source, part->copied_length);
    source += part->copied_length;
  }
  // The file and the view are the child's now.
  region->copy_descriptor = -1;
  if (is_doubtful) return true;
  region->child_view = region->view;
  region->child_view_byte_count = region->parts[1].copied_length;
  region->view = NULL;
  return true;
}

void cnativeruntime_region_drop_child_view(cnativeruntime_region *region) {
  if (region->child_view) munmap(region->child_view, region->child_view_byte_count);
  region->child_view = NULL;
}
