// SPDX-License-Identifier: GPL-2.0
/* Definitions of the tracepoints of operations. */
#define CREATE_TRACE_POINTS
#include "xfer/trace.h"
