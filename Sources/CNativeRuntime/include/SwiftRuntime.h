#ifndef CNATIVERUNTIME_SWIFTRUNTIME_H
#define CNATIVERUNTIME_SWIFTRUNTIME_H

#include <stdbool.h>
#include <stddef.h>

// Functions of Swift's runtime: the compiler emits calls to them (swift/Runtime/HeapObject.h in the Swift sources). An
// object that is held by an unowned reference keeps its memory, though not its contents, until the last unowned reference
// is gone: until then no other object has its address, and its reference count may be read. That gives a weak reference
// without a side table, and a test for death that never makes the asker an owner. The language has no other way to ask.

#pragma clang assume_nonnull begin

/// Whether the object's deinit has begun (or ended).
bool swift_isDeallocating(void *object);
/// A strong reference if the object's deinit has not begun, else NULL.
void *_Nullable swift_tryRetain(void *object);
void *swift_unownedRetain(void *object);
void swift_unownedRelease(void *object);
/// Whether the object has one strong reference; it is of a Swift class and not NULL.
bool swift_isUniquelyReferenced_nonNull_native(const void *object);
/// Unowned references, one more until the object's deinit has ended.
size_t swift_unownedRetainCount(void *object);

#pragma clang assume_nonnull end

#endif
