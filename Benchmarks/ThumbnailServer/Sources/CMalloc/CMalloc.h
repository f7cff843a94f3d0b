// SPDX-License-Identifier: Apache-2.0
// Swift's module Glibc does not have this header of glibc.
#include <malloc.h>
