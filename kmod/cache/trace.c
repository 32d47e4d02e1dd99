// SPDX-License-Identifier: GPL-2.0
/* Where the tracepoints of blocks and tenants are defined. */
#define CREATE_TRACE_POINTS
#include "cache/trace.h"
