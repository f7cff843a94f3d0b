#include "CFinalization.h"

_Thread_local cfinalization_thread cfinalization_thread_record __attribute__((tls_model("initial-exec")));
