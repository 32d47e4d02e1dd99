/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_DRAM_H
#define _KVPOOL_DRAM_H

struct kvpool_tier_ops;

extern const struct kvpool_tier_ops kvpool_tier_dram;

#endif /* _KVPOOL_DRAM_H */
