// SPDX-License-Identifier: GPL-2.0
/* Definitions of the tracepoints of control. */
#define CREATE_TRACE_POINTS
#include "control/trace.h"
