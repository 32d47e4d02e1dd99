// SPDX-License-Identifier: GPL-2.0
/* Where the tracepoints of operations are defined. */
#define CREATE_TRACE_POINTS
#include "xfer/trace.h"
