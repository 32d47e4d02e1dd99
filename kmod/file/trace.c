// SPDX-License-Identifier: GPL-2.0
/* Definitions of the tracepoints of open files. */
#define CREATE_TRACE_POINTS
#include "file/trace.h"
