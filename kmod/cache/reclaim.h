/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_RECLAIM_H
#define _KVPOOL_RECLAIM_H

#include <linux/types.h>

struct kvpool_tenant;
struct kvpool_tier;

int kvpool_reclaim_init(void);
void kvpool_reclaim_exit(void);
void kvpool_reclaim_tenant_init(struct kvpool_tenant *tenant);
void kvpool_reclaim_tenant_exit(struct kvpool_tenant *tenant);
bool kvpool_reclaim_claim(struct kvpool_tenant *tenant, int node,
			  unsigned long nr);
unsigned long kvpool_reclaim_others(struct kvpool_tenant *tenant, int node,
				    unsigned long nr);
void kvpool_reclaim_empty(struct kvpool_tenant *tenant, unsigned long nr);
unsigned long kvpool_reclaim_own(struct kvpool_tenant *tenant, int node,
				 unsigned long nr);
bool kvpool_reclaim_spares(struct kvpool_tenant *tenant, u32 pages);
void kvpool_reclaim_kick(struct kvpool_tenant *tenant);
void kvpool_reclaim_quota(struct kvpool_tenant *tenant);
void kvpool_reclaim_kick_all(void);
void kvpool_reclaim_tier(struct kvpool_tier *tier);

#endif /* _KVPOOL_RECLAIM_H */
