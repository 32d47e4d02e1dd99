// SPDX-License-Identifier: GPL-2.0
/*
 * Rights: which hosts may read the blocks of a tenant, and which may push.
 *
 * An entry for a host decides alone; without one, that for every host does.
 * Entries are found by a hash under RCU, as each request asks for them, and are
 * shown in the order of their names.
 */
#include <linux/hashtable.h>
#include <linux/jhash.h>
#include <linux/mutex.h>
#include <linux/random.h>
#include <linux/rbtree.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "fabric/rights.h"

#define KVPOOL_MAX_RIGHTS	65536	/* entries */
#define KVPOOL_RIGHTS_BITS	12

/**
 * struct kvpool_rights_key - What an entry is found by
 * @tenant:	padded with zeros
 * @host:	padded with zeros
 */
struct kvpool_rights_key {
	char tenant[KVPOOL_NAME_SIZE];
	char host[KVPOOL_NAME_SIZE];
};

/**
 * struct kvpool_rights - What a host may do with a tenant
 * @node:	in the order of names
 * @hash:	in the table
 * @rcu:	frees it
 * @key:	names
 * @rights:	KVPOOL_RIGHT_*
 */
struct kvpool_rights {
	struct rb_node node;
	struct hlist_node hash;
	struct rcu_head rcu;
	struct kvpool_rights_key key;
	unsigned int rights;
};

static DEFINE_MUTEX(kvpool_rights_lock);	/* changes of what follows */
static DEFINE_HASHTABLE(kvpool_rights_table, KVPOOL_RIGHTS_BITS);
static struct rb_root kvpool_rights_tree = RB_ROOT;
static unsigned int kvpool_nr_rights;
static u32 kvpool_rights_seed __read_mostly;

static void kvpool_rights_key_set(struct kvpool_rights_key *key,
				  const char *tenant, const char *host)
{
	strscpy_pad(key->tenant, tenant, sizeof(key->tenant));
	strscpy_pad(key->host, host, sizeof(key->host));
}

static u32 kvpool_rights_hash(const struct kvpool_rights_key *key)
{
	return jhash(key, sizeof(*key), kvpool_rights_seed);
}

/* Under RCU, or the lock. */
static struct kvpool_rights *
kvpool_rights_find(const struct kvpool_rights_key *key)
{
	struct kvpool_rights *entry;

	hash_for_each_possible_rcu(kvpool_rights_table, entry, hash,
				   kvpool_rights_hash(key),
				   lockdep_is_held(&kvpool_rights_lock))
		if (!memcmp(&entry->key, key, sizeof(*key)))
			return entry;
	return NULL;
}

/**
 * kvpool_rights() - What may a host do with a tenant's blocks?
 * @tenant: name of the tenant
 * @host: name of the host
 *
 * Cannot sleep. Ask whenever something new begins: the answer may change at any
 * time.
 *
 * Return: KVPOOL_RIGHT_*.
 */
unsigned int kvpool_rights(const char *tenant, const char *host)
{
	const struct kvpool_rights *entry;
	struct kvpool_rights_key key;
	unsigned int rights = 0;

	kvpool_rights_key_set(&key, tenant, host);
	rcu_read_lock();
	entry = kvpool_rights_find(&key);
	if (!entry) {
		kvpool_rights_key_set(&key, tenant, KVPOOL_RIGHTS_ANY);
		entry = kvpool_rights_find(&key);
	}
	if (entry)
		rights = READ_ONCE(entry->rights);
	rcu_read_unlock();
	return rights;
}

static int kvpool_rights_cmp(const void *key, const struct rb_node *node)
{
	/* Zeros follow each name, so this is the order of the names. */
	return memcmp(key, &rb_entry(node, struct kvpool_rights, node)->key,
		      sizeof(struct kvpool_rights_key));
}

static bool kvpool_rights_less(struct rb_node *a, const struct rb_node *b)
{
	return kvpool_rights_cmp(&rb_entry(a, struct kvpool_rights, node)->key,
				 b) < 0;
}

static bool kvpool_rights_name_ok(const char *name)
{
	size_t len = strnlen(name, KVPOOL_NAME_SIZE);

	return len && len < KVPOOL_NAME_SIZE;
}

/**
 * kvpool_rights_set() - Say what a host may do with a tenant's blocks
 * @tenant: name of the tenant, which need not exist
 * @host: name of the host, or KVPOOL_RIGHTS_ANY
 * @rights: KVPOOL_RIGHT_*; zero denies all
 *
 * Requests that begin later see it.
 *
 * Context: process context.
 * Return: 0; -EINVAL; -ENOSPC if there are too many entries; -ENOMEM.
 */
int kvpool_rights_set(const char *tenant, const char *host,
		      unsigned int rights)
{
	struct kvpool_rights_key key;
	struct kvpool_rights *entry;
	int ret = 0;

	if (rights & ~KVPOOL_RIGHTS_ALL || !kvpool_rights_name_ok(tenant) ||
	    !kvpool_rights_name_ok(host))
		return -EINVAL;
	kvpool_rights_key_set(&key, tenant, host);
	mutex_lock(&kvpool_rights_lock);
	entry = kvpool_rights_find(&key);
	if (entry) {
		WRITE_ONCE(entry->rights, rights);
		goto out;
	}
	ret = -ENOSPC;
	if (kvpool_nr_rights >= KVPOOL_MAX_RIGHTS)
		goto out;
	ret = -ENOMEM;
	entry = kzalloc(sizeof(*entry), GFP_KERNEL);
	if (!entry)
		goto out;
	entry->key = key;
	entry->rights = rights;
	rb_add(&entry->node, &kvpool_rights_tree, kvpool_rights_less);
	hash_add_rcu(kvpool_rights_table, &entry->hash,
		     kvpool_rights_hash(&key));
	kvpool_nr_rights++;
	ret = 0;
out:
	mutex_unlock(&kvpool_rights_lock);
	return ret;
}

/* Forget an entry; the lock is held. */
static void kvpool_rights_free(struct kvpool_rights *entry)
{
	lockdep_assert_held(&kvpool_rights_lock);
	hash_del_rcu(&entry->hash);
	rb_erase(&entry->node, &kvpool_rights_tree);
	kvpool_nr_rights--;
	kfree_rcu(entry, rcu);
}

/**
 * kvpool_rights_del() - Say nothing about a host and a tenant any more
 * @tenant: name of the tenant
 * @host: name of the host, or KVPOOL_RIGHTS_ANY
 *
 * What holds for every host then holds for this one.
 *
 * Context: process context.
 * Return: 0 or -ENOENT.
 */
int kvpool_rights_del(const char *tenant, const char *host)
{
	struct kvpool_rights_key key;
	struct kvpool_rights *entry;

	kvpool_rights_key_set(&key, tenant, host);
	mutex_lock(&kvpool_rights_lock);
	entry = kvpool_rights_find(&key);
	if (entry)
		kvpool_rights_free(entry);
	mutex_unlock(&kvpool_rights_lock);
	return entry ? 0 : -ENOENT;
}

static void kvpool_rights_read(const struct kvpool_rights *entry,
			       struct kvpool_rights_info *info)
{
	memcpy(info->tenant, entry->key.tenant, sizeof(info->tenant));
	memcpy(info->host, entry->key.host, sizeof(info->host));
	info->rights = READ_ONCE(entry->rights);
}

/**
 * kvpool_rights_get() - Describe an entry
 * @tenant: name of the tenant
 * @host: name of the host, or KVPOOL_RIGHTS_ANY
 * @info: where to write it
 *
 * Return: 0, or -ENOENT if nothing was said of them.
 */
int kvpool_rights_get(const char *tenant, const char *host,
		      struct kvpool_rights_info *info)
{
	const struct kvpool_rights *entry;
	struct kvpool_rights_key key;

	kvpool_rights_key_set(&key, tenant, host);
	rcu_read_lock();
	entry = kvpool_rights_find(&key);
	if (entry)
		kvpool_rights_read(entry, info);
	rcu_read_unlock();
	return entry ? 0 : -ENOENT;
}

/**
 * kvpool_rights_next() - Describe the next entry
 * @tenant: name of a tenant, "" to begin
 * @host: name of a host, "" to begin
 * @info: where to write it
 *
 * Context: process context.
 * Return: 0, or -ENOENT at the end. Entries are in the order of tenant and
 * host.
 */
int kvpool_rights_next(const char *tenant, const char *host,
		       struct kvpool_rights_info *info)
{
	const struct kvpool_rights *entry = NULL;
	struct kvpool_rights_key key;
	struct rb_node *node;

	kvpool_rights_key_set(&key, tenant, host);
	mutex_lock(&kvpool_rights_lock);
	node = kvpool_rights_tree.rb_node;
	while (node) {
		if (kvpool_rights_cmp(&key, node) < 0) {
			entry = rb_entry(node, struct kvpool_rights, node);
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	if (entry)
		kvpool_rights_read(entry, info);
	mutex_unlock(&kvpool_rights_lock);
	return entry ? 0 : -ENOENT;
}

/**
 * kvpool_rights_init() - Let every host use the default tenant
 *
 * Return: 0 or -ENOMEM.
 */
int kvpool_rights_init(void)
{
	kvpool_rights_seed = get_random_u32();
	return kvpool_rights_set("default", KVPOOL_RIGHTS_ANY,
				 KVPOOL_RIGHTS_ALL);
}

/**
 * kvpool_rights_exit() - Forget all entries
 */
void kvpool_rights_exit(void)
{
	struct kvpool_rights *entry, *next;

	mutex_lock(&kvpool_rights_lock);
	rbtree_postorder_for_each_entry_safe(entry, next, &kvpool_rights_tree,
					     node) {
		hash_del_rcu(&entry->hash);
		kfree_rcu(entry, rcu);
	}
	kvpool_rights_tree = RB_ROOT;
	mutex_unlock(&kvpool_rights_lock);
}
