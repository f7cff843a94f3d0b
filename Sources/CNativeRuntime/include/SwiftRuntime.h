// SPDX-License-Identifier: Apache-2.0

#ifndef CNATIVERUNTIME_SWIFTRUNTIME_H
#define CNATIVERUNTIME_SWIFTRUNTIME_H

#include <stdbool.h>
#include <stddef.h>

// Functions of Swift's runtime that the compiler calls, too (swift/Runtime/HeapObject.h in the Swift sources).
//
// While there is an unowned reference to an object, the object keeps its memory, though not its contents: no other
// object gets its address, and its reference count may be read. So these functions give a weak reference without a side
// table, and a way to ask whether an object is dead without becoming its owner. The language has no other way.

#pragma clang assume_nonnull begin

/// Whether the object's deinit has begun (or ended).
bool swift_isDeallocating(void *object);
/// A strong reference if the object's deinit has not begun, else NULL.
void *_Nullable swift_tryRetain(void *object);
/// Adds an unowned reference. The object's memory stays until the same number of references is given back.
void *swift_unownedRetain(void *object);
void swift_unownedRelease(void *object);
/// Whether the object has exactly one strong reference. The object must be of a Swift class, and not NULL.
bool swift_isUniquelyReferenced_nonNull_native(const void *object);
/// The number of unowned references, plus 1 until the object's deinit has ended.
size_t swift_unownedRetainCount(void *object);

#pragma clang assume_nonnull end

#endif
