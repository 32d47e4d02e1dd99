// SPDX-License-Identifier: GPL-2.0
/* Definitions of the tracepoints of calls. */
#define CREATE_TRACE_POINTS
#include "dev/trace.h"
