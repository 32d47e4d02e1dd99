// SPDX-License-Identifier: GPL-2.0
/* Where the tracepoints of control are defined. */
#define CREATE_TRACE_POINTS
#include "control/trace.h"
