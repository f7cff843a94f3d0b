#include "CNativeRuntime.h"

static _Thread_local cnativeruntime_held_locks held_locks __attribute__((tls_model("initial-exec")));

cnativeruntime_held_locks *cnativeruntime_current_held_locks(void) { return &held_locks; }
