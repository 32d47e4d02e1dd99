// SPDX-License-Identifier: GPL-2.0
/* Definitions of the tracepoints of memory. */
#define CREATE_TRACE_POINTS
#include "mem/trace.h"
