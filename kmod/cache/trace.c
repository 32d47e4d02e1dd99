// SPDX-License-Identifier: GPL-2.0
/* Definitions of the tracepoints of blocks and tenants. */
#define CREATE_TRACE_POINTS
#include "cache/trace.h"
