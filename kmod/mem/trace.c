// SPDX-License-Identifier: GPL-2.0
/* Where the tracepoints of memory are defined. */
#define CREATE_TRACE_POINTS
#include "mem/trace.h"
