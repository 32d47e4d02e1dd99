// SPDX-License-Identifier: GPL-2.0
/* Where the tracepoints of calls are defined. */
#define CREATE_TRACE_POINTS
#include "dev/trace.h"
