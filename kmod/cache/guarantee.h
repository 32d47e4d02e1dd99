/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_GUARANTEE_H
#define _KVPOOL_GUARANTEE_H

#include <linux/nodemask.h>
#include <linux/types.h>

struct kvpool_tenant;

unsigned long kvpool_guarantee_get(struct kvpool_tenant *tenant);
int kvpool_guarantee_set(struct kvpool_tenant *tenant, unsigned long chunks);
int kvpool_guarantee_set_quota(struct kvpool_tenant *tenant, u64 bytes);
int kvpool_guarantee_set_nodes(struct kvpool_tenant *tenant,
			       const nodemask_t *nodes);

#endif /* _KVPOOL_GUARANTEE_H */
