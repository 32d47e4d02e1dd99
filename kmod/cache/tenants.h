/* SPDX-License-Identifier: GPL-2.0 */
/* The table of tenants. */
#ifndef _KVPOOL_TENANTS_H
#define _KVPOOL_TENANTS_H

struct attribute_group;
struct file;
struct kset;
struct kvpool_policy_ops;
struct kvpool_tenant;

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
