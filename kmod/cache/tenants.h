/* SPDX-License-Identifier: GPL-2.0 */
/* The table of tenants. */
#ifndef _KVPOOL_TENANTS_H
#define _KVPOOL_TENANTS_H

#include <linux/rculist.h>
#include <linux/srcu.h>

#include "cache/pool.h"

struct attribute_group;
struct file;
struct kset;
struct kvpool_policy_ops;
struct kvpool_tenant;

/*
 * Tenants end only after all read-side sections in which they could be found:
 * for tasks that work on tenants and sleep.
 */
extern struct srcu_struct kvpool_tenants_srcu;

#define kvpool_for_each_tenant(tenant)					\
	list_for_each_entry_srcu(tenant, &kvpool_pool.tenants, entry,	\
				 srcu_read_lock_held(&kvpool_tenants_srcu))

int kvpool_tenants_init(void);
int kvpool_tenants_register(struct kset *kset,
			    const struct attribute_group **groups);
void kvpool_tenants_exit(void);
int kvpool_tenants_add(const char *name);
int kvpool_tenants_del(const char *name);
struct kvpool_tenant *kvpool_tenants_attach(const char *name,
					    const struct file *file);
struct kvpool_tenant *kvpool_tenants_use(const char *name);
void kvpool_tenants_set_policy(const struct kvpool_policy_ops *ops);

#endif /* _KVPOOL_TENANTS_H */
