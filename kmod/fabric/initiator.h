/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_FABRIC_INITIATOR_H
#define _KVPOOL_FABRIC_INITIATOR_H

#include "xfer/mover.h"

extern struct kvpool_mover kvpool_initiator;

#endif /* _KVPOOL_FABRIC_INITIATOR_H */
