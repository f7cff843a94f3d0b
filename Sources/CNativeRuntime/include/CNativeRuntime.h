// SPDX-License-Identifier: Apache-2.0

// What Swift cannot express: a thread-local record that inlined code reaches, a memory barrier that one side pays for,
// a sleep that another thread can end, the runtime's own functions behind `unowned` references, and code that runs
// before `main`. This module decides nothing: NativeSynchronization and the modules above it use these functions, and
// say why that is safe.

#ifndef CNATIVERUNTIME_H
#define CNATIVERUNTIME_H

#include "Barrier.h"
#include "SwiftRuntime.h"
#include "System.h"
#include "Thread.h"

#endif
