// SPDX-License-Identifier: GPL-2.0
/* The one place where the fabric's tracepoints are defined. */
#define CREATE_TRACE_POINTS
#include "fabric/trace.h"
