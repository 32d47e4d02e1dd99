// SPDX-License-Identifier: GPL-2.0
/*
 * The secret of the cluster, and proofs that one knows it.
 *
 * Both sides prove it over the nonces of both and over all that they have agreed
 * on, so a proof is of no use on another connection, in the other direction, or
 * with other terms.
 */
#include <crypto/algapi.h>
#include <crypto/hash.h>
#include <keys/user-type.h>
#include <linux/err.h>
#include <linux/key-type.h>
#include <linux/rcupdate.h>

#include "fabric/rdma.h"

#define KVPOOL_SECRET_MIN	16	/* bytes */

static DEFINE_MUTEX(kvpool_secret_lock);	/* both below */
static struct key *kvpool_secret;
static struct crypto_shash *kvpool_secret_tfm;	/* keyed with it */
static bool kvpool_open;

/**
 * kvpool_auth_open() - May connections go without a secret?
 *
 * Return: true if the administrator has said so.
 */
bool kvpool_auth_open(void)
{
	return READ_ONCE(kvpool_open);
}

/**
 * kvpool_auth_ready() - Is there a secret?
 *
 * Return: true if one is set.
 */
bool kvpool_auth_ready(void)
{
	return READ_ONCE(kvpool_secret);
}

/**
 * kvpool_fabric_set_open() - Allow connections without a secret, or forbid them
 * @open: whether they are allowed, in both directions
 */
void kvpool_fabric_set_open(bool open)
{
	WRITE_ONCE(kvpool_open, open);
	kvpool_target_check();
}

static struct crypto_shash *kvpool_secret_key(struct key *key)
{
	const struct user_key_payload *payload;
	struct crypto_shash *tfm;
	int ret;

	if (strcmp(key->type->name, "user") && strcmp(key->type->name, "logon"))
		return ERR_PTR(-EKEYREJECTED);
	tfm = crypto_alloc_shash("hmac(sha256)", 0, 0);
	if (IS_ERR(tfm))
		return tfm;

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
	if (ret) {
		crypto_free_shash(tfm);
		return ERR_PTR(ret);
	}
	return tfm;
}

static void kvpool_secret_replace(struct key *key, struct crypto_shash *tfm)
{
	mutex_lock(&kvpool_secret_lock);
	swap(kvpool_secret, key);
	swap(kvpool_secret_tfm, tfm);
	mutex_unlock(&kvpool_secret_lock);
	key_put(key);
	if (tfm)
		crypto_free_shash(tfm);
}

/**
 * kvpool_fabric_set_secret() - Set the secret of the cluster
 * @key: of type "user" or "logon", at least KVPOOL_SECRET_MIN bytes long; its
 *	 reference is taken over in any case. NULL: none.
 *
 * It is taken as it is now. When the key expires or is revoked, no connection
 * can be made until another is set.
 *
 * Return: 0; -EKEYREJECTED; -EKEYREVOKED; -EKEYEXPIRED; -ENOENT without
 * HMAC-SHA256 in the kernel; -ENOMEM.
 */
int kvpool_fabric_set_secret(struct key *key)
{
	struct crypto_shash *tfm = NULL;

	if (key) {
		tfm = kvpool_secret_key(key);
		if (IS_ERR(tfm)) {
			key_put(key);
			return PTR_ERR(tfm);
		}
	}
	kvpool_secret_replace(key, tfm);
	kvpool_target_check();
	return 0;
}

/**
 * kvpool_auth_proof() - Prove that this host knows the secret
 * @target: as the target, or as the initiator
 * @asked: what the initiator sent
 * @given: what the target sent
 * @proof: KVPOOL_WIRE_PROOF bytes
 *
 * Return: 0; -ENOKEY without a secret; -EKEYREVOKED; -EKEYEXPIRED.
 */
int kvpool_auth_proof(bool target, const struct kvpool_wire_connect *asked,
		      const struct kvpool_wire_accept *given, u8 *proof)
{
	static const char labels[2][16] = {
		"kvpool initiator", "kvpool target",
	};
	struct {
		char label[16];
		struct kvpool_wire_connect asked;
		struct kvpool_wire_accept given;
	} __packed what = { .asked = *asked, .given = *given };
	int ret = -ENOKEY;

	memcpy(what.label, labels[target], sizeof(what.label));

	mutex_lock(&kvpool_secret_lock);
	if (kvpool_secret)
		ret = key_validate(kvpool_secret);
	ret = ret ?: crypto_shash_tfm_digest(kvpool_secret_tfm, (u8 *)&what,
					     sizeof(what), proof);
	mutex_unlock(&kvpool_secret_lock);
	return ret;
}

/**
 * kvpool_auth_equal() - Compare proofs, in a time that tells nothing
 * @a: one
 * @b: the other
 *
 * Return: true if they are equal.
 */
bool kvpool_auth_equal(const u8 *a, const u8 *b)
{
	return !crypto_memneq(a, b, KVPOOL_WIRE_PROOF);
}

/**
 * kvpool_auth_exit() - Forget the secret
 */
void kvpool_auth_exit(void)
{
	kvpool_secret_replace(NULL, NULL);
}
