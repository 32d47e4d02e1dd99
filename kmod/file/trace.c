// SPDX-License-Identifier: GPL-2.0
/* Where the tracepoints of open files are defined. */
#define CREATE_TRACE_POINTS
#include "file/trace.h"
