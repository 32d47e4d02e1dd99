// SPDX-License-Identifier: GPL-2.0
/*
 * The name and the identity of this host, the secret of the cluster, the keys
 * of other hosts, and proofs that a host knows the one or the other.
 *
 * A proof covers the nonces of both sides, their names, their ends of the
 * connection and all that they have agreed on, so it is of no use on another
 * connection, in the other direction, to another host, or with other terms.
 */
#include <crypto/algapi.h>
#include <crypto/hash.h>
#include <keys/user-type.h>
#include <linux/ctype.h>
#include <linux/err.h>
#include <linux/key-type.h>
#include <linux/random.h>
#include <linux/rbtree.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/utsname.h>

#include "fabric/auth.h"

#define KVPOOL_SECRET_MIN	16	/* bytes */
#define KVPOOL_MAX_KNOWN	65536	/* hosts that the administrator names */

/**
 * struct kvpool_credential - A key that connections are authenticated with
 * @refs:	users
 * @id:		number, never used again
 * @key:	the key, which may expire or be revoked
 * @tfm:	HMAC-SHA256, keyed with it
 */
struct kvpool_credential {
	refcount_t refs;
	u64 id;
	struct key *key;
	struct crypto_shash *tfm;
};

/**
 * struct kvpool_known - A host that the administrator has named
 * @node:	in the table of all, by name
 * @name:	its name
 * @credential:	its key, or NULL: the secret of the cluster
 */
struct kvpool_known {
	struct rb_node node;
	char name[KVPOOL_NAME_SIZE];
	struct kvpool_credential *credential;
};

u8 kvpool_auth_identity[KVPOOL_WIRE_HOST];
static u8 kvpool_auth_life[KVPOOL_WIRE_LIFE];

static DEFINE_SPINLOCK(kvpool_auth_lock);	/* what follows */
static struct kvpool_credential *kvpool_secret;
static struct rb_root kvpool_known = RB_ROOT;
static unsigned int kvpool_nr_known;
static unsigned int kvpool_nr_keys;	/* of them with a key */
static u64 kvpool_credential_next;
static char kvpool_name[KVPOOL_NAME_SIZE];
static u64 kvpool_name_number;
static enum kvpool_auth_mode kvpool_auth_mode;

static void (*kvpool_auth_notify)(void);

/**
 * kvpool_auth_changed() - What connections need may have changed
 *
 * Those that exist and are not as they would have to be are closed a moment
 * later. Each function here that changes something calls it.
 */
void kvpool_auth_changed(void)
{
	kvpool_auth_notify();
}

/**
 * kvpool_auth_identify() - Make an identity of this host as an initiator
 * @identity: where to write KVPOOL_WIRE_HOST bytes
 *
 * No host but the peer that it is for should know it, as it is all that a
 * target can tell those with one name apart by.
 */
void kvpool_auth_identify(u8 *identity)
{
	memcpy(identity, kvpool_auth_life, KVPOOL_WIRE_LIFE);
	get_random_bytes(identity + KVPOOL_WIRE_LIFE,
			 KVPOOL_WIRE_HOST - KVPOOL_WIRE_LIFE);
}

/* ---- what connections need ---- */

/**
 * kvpool_auth_open() - Did the administrator ask for the open mode?
 *
 * Return: true if so; kvpool_auth_needed() tells whether it is in force.
 */
bool kvpool_auth_open(void)
{
	return READ_ONCE(kvpool_auth_mode) == KVPOOL_AUTH_OPEN;
}

/**
 * kvpool_auth_ready() - Is there a secret, or a key of a host?
 *
 * Return: true if so. Then no connection goes without a proof, in either
 * direction.
 */
bool kvpool_auth_ready(void)
{
	return READ_ONCE(kvpool_secret) || READ_ONCE(kvpool_nr_keys);
}

/**
 * kvpool_auth_needed() - Do connections need a proof?
 *
 * Return: false in open mode, if there is neither a secret nor a key.
 */
bool kvpool_auth_needed(void)
{
	return kvpool_auth_ready() || !kvpool_auth_open();
}

/**
 * kvpool_auth_set_mode() - Allow connections without a proof, or forbid them
 * @mode: what connections need from now on, in both directions
 */
void kvpool_auth_set_mode(enum kvpool_auth_mode mode)
{
	WRITE_ONCE(kvpool_auth_mode, mode);
	kvpool_auth_changed();
}

/* ---- keys ---- */

static void kvpool_credential_put(struct kvpool_credential *credential)
{
	if (!credential || !refcount_dec_and_test(&credential->refs))
		return;
	key_put(credential->key);
	crypto_free_shash(credential->tfm);
	kfree(credential);
}

static int kvpool_credential_setkey(struct crypto_shash *tfm, struct key *key)
{
	const struct user_key_payload *payload;
	int ret;

	down_read(&key->sem);
	ret = key_validate(key);
	if (!ret) {
		payload = user_key_payload_locked(key);
		if (!payload)
			ret = -EKEYREVOKED;
		else if (payload->datalen < KVPOOL_SECRET_MIN)
			ret = -EKEYREJECTED;
		else
			ret = crypto_shash_setkey(tfm, payload->data,
						  payload->datalen);
	}
	up_read(&key->sem);
	return ret;
}

/* Takes over the reference to @key in any case; NULL for NULL. */
static struct kvpool_credential *kvpool_credential_new(struct key *key)
{
	struct kvpool_credential *credential;
	struct crypto_shash *tfm;
	int ret = -EKEYREJECTED;

	if (!key)
		return NULL;
	if (strcmp(key->type->name, "user") && strcmp(key->type->name, "logon"))
		goto err_key;
	ret = -ENOMEM;
	credential = kzalloc(sizeof(*credential), GFP_KERNEL);
	if (!credential)
		goto err_key;
	tfm = crypto_alloc_shash("hmac(sha256)", 0, 0);
	ret = PTR_ERR_OR_ZERO(tfm);
	if (ret)
		goto err_credential;
	ret = kvpool_credential_setkey(tfm, key);
	if (ret)
		goto err_tfm;
	refcount_set(&credential->refs, 1);
	credential->key = key;
	credential->tfm = tfm;
	return credential;

err_tfm:
	crypto_free_shash(tfm);
err_credential:
	kfree(credential);
err_key:
	key_put(key);
	return ERR_PTR(ret);
}

static int kvpool_known_cmp(const void *name, const struct rb_node *node)
{
	return strcmp(name, rb_entry(node, struct kvpool_known, node)->name);
}

static struct kvpool_known *kvpool_known_find(const char *name)
{
	struct rb_node *node = rb_find(name, &kvpool_known, kvpool_known_cmp);

	lockdep_assert_held(&kvpool_auth_lock);
	return node ? rb_entry(node, struct kvpool_known, node) : NULL;
}

/* The key for connections with a host of this name; the lock is held. */
static struct kvpool_credential *kvpool_credential_of(const char *name)
{
	const struct kvpool_known *known = kvpool_known_find(name);

	return known && known->credential ? known->credential : kvpool_secret;
}

/**
 * kvpool_auth_set_secret() - Set the secret of the cluster
 * @key: of type "user" or "logon", at least KVPOOL_SECRET_MIN bytes long; its
 *	 reference is taken over in any case. NULL: none.
 *
 * It is for connections with all hosts that have no key of their own. The
 * payload is taken as it is now. When the key expires or is revoked, no such
 * connection can be made until another key is set.
 *
 * Context: process context.
 * Return: 0; -EKEYREJECTED; -EKEYREVOKED; -EKEYEXPIRED; -ENOENT without
 * HMAC-SHA256 in the kernel; -ENOMEM.
 */
int kvpool_auth_set_secret(struct key *key)
{
	struct kvpool_credential *credential = kvpool_credential_new(key);

	if (IS_ERR(credential))
		return PTR_ERR(credential);
	spin_lock(&kvpool_auth_lock);
	if (credential)
		credential->id = ++kvpool_credential_next;
	swap(kvpool_secret, credential);
	spin_unlock(&kvpool_auth_lock);
	kvpool_credential_put(credential);
	kvpool_auth_changed();
	return 0;
}

/* ---- names ---- */

/**
 * kvpool_auth_name_ok() - May a host have this name?
 * @name: NUL-terminated
 *
 * Return: true if it has 1 to KVPOOL_NAME_SIZE - 1 bytes that can be printed
 * and is not "*", which stands for every host.
 */
bool kvpool_auth_name_ok(const char *name)
{
	size_t i, len = strnlen(name, KVPOOL_NAME_SIZE);

	if (!len || len == KVPOOL_NAME_SIZE || !strcmp(name, "*"))
		return false;
	for (i = 0; i < len; i++)
		if (!isascii(name[i]) || !isgraph(name[i]))
			return false;
	return true;
}

/**
 * kvpool_auth_set_name() - Set the name of this host
 * @name: the name that it proves to others from now on
 *
 * Connections that were made under another name are closed.
 *
 * Return: 0 or -EINVAL.
 */
int kvpool_auth_set_name(const char *name)
{
	bool changed;

	if (!kvpool_auth_name_ok(name))
		return -EINVAL;
	spin_lock(&kvpool_auth_lock);
	changed = strcmp(name, kvpool_name);
	if (changed) {
		strscpy_pad(kvpool_name, name, sizeof(kvpool_name));
		kvpool_name_number++;
	}
	spin_unlock(&kvpool_auth_lock);
	if (changed)
		kvpool_auth_changed();
	return 0;
}

/**
 * kvpool_auth_name() - Tell the name of this host
 * @name: where to write it: KVPOOL_NAME_SIZE bytes, padded with zeros
 *
 * Return: the number of the name, for struct kvpool_auth_stamp.
 */
u64 kvpool_auth_name(char *name)
{
	u64 number;

	spin_lock(&kvpool_auth_lock);
	memcpy(name, kvpool_name, KVPOOL_NAME_SIZE);
	number = kvpool_name_number;
	spin_unlock(&kvpool_auth_lock);
	return number;
}

/* Give a host that is known this key; the lock is held. */
static void kvpool_known_set(struct kvpool_known *known,
			     struct kvpool_credential **credential)
{
	lockdep_assert_held(&kvpool_auth_lock);
	kvpool_nr_keys -= !!known->credential;
	if (*credential)
		(*credential)->id = ++kvpool_credential_next;
	swap(known->credential, *credential);
	kvpool_nr_keys += !!known->credential;
}

static bool kvpool_known_less(struct rb_node *a, const struct rb_node *b)
{
	const struct kvpool_known *known;

	known = rb_entry(a, struct kvpool_known, node);
	return kvpool_known_cmp(known->name, b) < 0;
}

/**
 * kvpool_auth_host_add() - Make a host known, or give it another key
 * @name: its name
 * @key: as for kvpool_auth_set_secret(), for connections with it; its
 *	 reference is taken over in any case. NULL: the secret of the cluster.
 *
 * Context: process context.
 * Return: 0; -EINVAL for the name; -ENOSPC if too many hosts are known;
 * otherwise as kvpool_auth_set_secret().
 */
int kvpool_auth_host_add(const char *name, struct key *key)
{
	struct kvpool_credential *credential = kvpool_credential_new(key);
	struct kvpool_known *known, *new;
	int ret = 0;

	if (IS_ERR(credential))
		return PTR_ERR(credential);
	if (!kvpool_auth_name_ok(name)) {
		kvpool_credential_put(credential);
		return -EINVAL;
	}
	new = kzalloc(sizeof(*new), GFP_KERNEL);
	if (!new) {
		kvpool_credential_put(credential);
		return -ENOMEM;
	}
	strscpy(new->name, name, sizeof(new->name));

	spin_lock(&kvpool_auth_lock);
	known = kvpool_known_find(name);
	if (!known && kvpool_nr_known >= KVPOOL_MAX_KNOWN) {
		ret = -ENOSPC;
	} else {
		if (!known) {
			known = new;
			new = NULL;
			rb_add(&known->node, &kvpool_known, kvpool_known_less);
			kvpool_nr_known++;
		}
		kvpool_known_set(known, &credential);
	}
	spin_unlock(&kvpool_auth_lock);
	kfree(new);
	kvpool_credential_put(credential);
	if (!ret)
		kvpool_auth_changed();
	return ret;
}

/* Forget a host; the lock is held, and is dropped. */
static void kvpool_known_del(struct kvpool_known *known)
	__releases(&kvpool_auth_lock)
{
	struct kvpool_credential *credential = NULL;

	kvpool_known_set(known, &credential);
	rb_erase(&known->node, &kvpool_known);
	kvpool_nr_known--;
	spin_unlock(&kvpool_auth_lock);
	kvpool_credential_put(credential);
	kfree(known);
}

/**
 * kvpool_auth_host_del() - Forget a host
 * @name: its name
 *
 * Connections that were authenticated with its key are closed.
 *
 * Context: process context.
 * Return: 0 or -ENOENT.
 */
int kvpool_auth_host_del(const char *name)
{
	struct kvpool_known *known;

	spin_lock(&kvpool_auth_lock);
	known = kvpool_known_find(name);
	if (!known) {
		spin_unlock(&kvpool_auth_lock);
		return -ENOENT;
	}
	kvpool_known_del(known);
	kvpool_auth_changed();
	return 0;
}

/* Describe a host that is known; the lock is held. */
static void kvpool_known_read(const struct kvpool_known *known,
			      struct kvpool_auth_host_info *info)
{
	struct key *key;

	lockdep_assert_held(&kvpool_auth_lock);
	memset(info, 0, sizeof(*info));
	strscpy(info->name, known->name, sizeof(info->name));
	info->has_key = known->credential;
	if (!info->has_key)
		return;
	key = known->credential->key;
	info->valid = !key_validate(key);
	strscpy(info->key, key->description ?: "", sizeof(info->key));
}

/**
 * kvpool_auth_host_find() - Describe a host that is known
 * @name: its name
 * @info: where to write it
 *
 * Return: 0 or -ENOENT.
 */
int kvpool_auth_host_find(const char *name, struct kvpool_auth_host_info *info)
{
	const struct kvpool_known *known;

	spin_lock(&kvpool_auth_lock);
	known = kvpool_known_find(name);
	if (known)
		kvpool_known_read(known, info);
	spin_unlock(&kvpool_auth_lock);
	return known ? 0 : -ENOENT;
}

/**
 * kvpool_auth_host_next() - Describe the next host that is known
 * @after: a name, "" to begin
 * @info: where to write it
 *
 * Return: 0, or -ENOENT at the end. They are in the order of their names.
 */
int kvpool_auth_host_next(const char *after,
			  struct kvpool_auth_host_info *info)
{
	const struct kvpool_known *known = NULL;
	struct rb_node *node;

	spin_lock(&kvpool_auth_lock);
	node = kvpool_known.rb_node;
	while (node) {
		if (kvpool_known_cmp(after, node) < 0) {
			known = rb_entry(node, struct kvpool_known, node);
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	if (known)
		kvpool_known_read(known, info);
	spin_unlock(&kvpool_auth_lock);
	return known ? 0 : -ENOENT;
}

/* ---- proofs ---- */

/**
 * kvpool_auth_proof() - Prove that this host knows a key, or check a proof
 * @role: whose proof
 * @other: name of the other host
 * @proven: what it covers; the label is set here
 * @proof: where to write KVPOOL_WIRE_PROOF bytes
 * @stamp: its @key is set
 *
 * Context: process context.
 * Return: 0; -ENOKEY without a secret and a key of @other; -EKEYREVOKED;
 * -EKEYEXPIRED.
 */
int kvpool_auth_proof(enum kvpool_auth_role role, const char *other,
		      struct kvpool_wire_proven *proven, u8 *proof,
		      struct kvpool_auth_stamp *stamp)
{
	static const char labels[][16] = {
		[KVPOOL_AUTH_INITIATOR] = "kvpool initiator",
		[KVPOOL_AUTH_TARGET] = "kvpool target",
	};
	struct kvpool_credential *credential;
	int ret;

	memcpy(proven->label, labels[role], sizeof(proven->label));

	spin_lock(&kvpool_auth_lock);
	credential = kvpool_credential_of(other);
	if (credential)
		refcount_inc(&credential->refs);
	spin_unlock(&kvpool_auth_lock);
	if (!credential)
		return -ENOKEY;
	stamp->key = credential->id;
	ret = key_validate(credential->key);
	ret = ret ?: crypto_shash_tfm_digest(credential->tfm, (u8 *)proven,
					     sizeof(*proven), proof);
	kvpool_credential_put(credential);
	return ret;
}

/**
 * kvpool_auth_valid() - Would a connection be authenticated in the same way?
 * @other: name of the other host
 * @stamp: what was used when it was made
 *
 * Cannot sleep.
 *
 * Return: false if the key or the name has changed, the key has expired or was
 * revoked, or a proof is needed and there was none.
 */
bool kvpool_auth_valid(const char *other,
		       const struct kvpool_auth_stamp *stamp)
{
	const struct kvpool_credential *credential;
	bool valid;

	spin_lock(&kvpool_auth_lock);
	valid = stamp->name == kvpool_name_number;
	if (stamp->key) {
		credential = kvpool_credential_of(other);
		valid = valid && credential && credential->id == stamp->key &&
			!key_validate(credential->key);
	} else {
		valid = valid && !kvpool_auth_needed();
	}
	spin_unlock(&kvpool_auth_lock);
	return valid;
}

/**
 * kvpool_auth_equal() - Compare proofs, in a time that tells nothing
 * @a: a proof
 * @b: another proof
 *
 * Return: true if they are equal.
 */
bool kvpool_auth_equal(const u8 *a, const u8 *b)
{
	return !crypto_memneq(a, b, KVPOOL_WIRE_PROOF);
}

/* ---- load and unload ---- */

/**
 * kvpool_auth_init() - Give this host an identity and a name
 * @changed: called in process context when connections have to be checked;
 *	     cannot wait for them
 */
void kvpool_auth_init(void (*changed)(void))
{
	const char *from = init_utsname()->nodename;
	unsigned int i;

	kvpool_auth_notify = changed;
	get_random_bytes(kvpool_auth_identity, sizeof(kvpool_auth_identity));
	get_random_bytes(kvpool_auth_life, sizeof(kvpool_auth_life));
	for (i = 0; i < sizeof(kvpool_name) - 1 && from[i]; i++)
		kvpool_name[i] = isascii(from[i]) && isgraph(from[i]) ?
				 from[i] : '-';
	if (!kvpool_auth_name_ok(kvpool_name))
		strscpy_pad(kvpool_name, "localhost", sizeof(kvpool_name));
}

/**
 * kvpool_auth_exit() - Forget the secret and all keys; there is no connection
 */
void kvpool_auth_exit(void)
{
	struct kvpool_known *known;

	for (;;) {
		spin_lock(&kvpool_auth_lock);
		if (RB_EMPTY_ROOT(&kvpool_known))
			break;
		known = rb_entry(rb_first(&kvpool_known), struct kvpool_known,
				 node);
		kvpool_known_del(known);
	}
	spin_unlock(&kvpool_auth_lock);
	kvpool_credential_put(kvpool_secret);
	kvpool_secret = NULL;
}
