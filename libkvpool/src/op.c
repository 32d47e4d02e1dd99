// SPDX-License-Identifier: LGPL-2.1-or-later
/* The functions kvpool_op_*() of the header, for languages that cannot include it. */

#include "export.h"

#define KVPOOL_INLINE	extern inline KVP_EXPORT

#include <kvpool.h>
