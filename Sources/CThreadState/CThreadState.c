#include "CThreadState.h"

_Thread_local void *cthreadstate_cache_pointer;
