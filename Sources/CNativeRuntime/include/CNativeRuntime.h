// SPDX-License-Identifier: Apache-2.0

// Things that Swift cannot express:
// - Thread.h: a thread-local record that inlined code can read;
// - Barrier.h: a memory barrier of which only one side costs time;
// - System.h: a sleep that another thread can end, and cheap clocks;
// - Identity.h: which process this is, read without an allocation;
// - Region.h: memory that others can map, and the copy that a forked child gets;
// - Mapped.h: a copy of memory that may be gone;
// - Request.h: a page by which other processes can ask for something;
// - SwiftRuntime.h: the functions of Swift's runtime for `unowned` references;
// - CNativeRuntime.c: code that runs before `main`.
//
// This module decides nothing. NativeSynchronization and the modules above it use these functions, and say why that is
// safe.

#ifndef CNATIVERUNTIME_H
#define CNATIVERUNTIME_H

#include "Barrier.h"
#include "Identity.h"
#include "Mapped.h"
#include "Region.h"
#include "Request.h"
#include "SwiftRuntime.h"
#include "System.h"
#include "Thread.h"

#endif
