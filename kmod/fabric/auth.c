// SPDX-License-Identifier: GPL-2.0
/*
 * The identity of this host, the secret of the cluster, and proofs that a host
 * knows the secret.
 *
 * A proof covers the nonces of both sides and all that they have agreed on, so
 * it is of no use on another connection, in the other direction, or with other
 * terms.
 */
#include <crypto/algapi.h>
#include <crypto/hash.h>
#include <keys/user-type.h>
#include <linux/err.h>
#include <linux/key-type.h>
#include <linux/mutex.h>
#include <linux/random.h>
#include <linux/rcupdate.h>

#include "fabric/auth.h"

#define KVPOOL_SECRET_MIN	16	/* bytes */

u8 kvpool_auth_identity[KVPOOL_WIRE_HOST];

static DEFINE_MUTEX(kvpool_secret_lock);	/* both below */
static struct key *kvpool_secret;
static struct crypto_shash *kvpool_secret_tfm;	/* keyed with it */
static enum kvpool_auth_mode kvpool_auth_mode;

/**
 * kvpool_auth_open() - May connections go without a secret?
 *
 * Return: true if the administrator has said so.
 */
bool kvpool_auth_open(void)
{
	return READ_ONCE(kvpool_auth_mode) == KVPOOL_AUTH_OPEN;
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
 * kvpool_auth_set_mode() - Allow connections without a secret, or forbid them
 * @mode: what connections need from now on, in both directions
 *
 * The caller has to see to the listener: kvpool_target_check().
 */
void kvpool_auth_set_mode(enum kvpool_auth_mode mode)
{
	WRITE_ONCE(kvpool_auth_mode, mode);
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
 * kvpool_auth_set_secret() - Set the secret of the cluster
 * @key: of type "user" or "logon", at least KVPOOL_SECRET_MIN bytes long; its
 *	 reference is taken over in any case. NULL: none.
 *
 * The payload is taken as it is now. When the key expires or is revoked, no
 * connection can be made until another key is set. The caller has to see to the
 * listener: kvpool_target_check().
 *
 * Return: 0; -EKEYREJECTED; -EKEYREVOKED; -EKEYEXPIRED; -ENOENT without
 * HMAC-SHA256 in the kernel; -ENOMEM.
 */
int kvpool_auth_set_secret(struct key *key)
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
	return 0;
}

/**
 * kvpool_auth_proof() - Prove that this host knows the secret, or check a proof
 * @role: whose proof
 * @connect: what the initiator sent
 * @accept: what the target sent
 * @proof: where to write KVPOOL_WIRE_PROOF bytes
 *
 * Return: 0; -ENOKEY without a secret; -EKEYREVOKED; -EKEYEXPIRED.
 */
int kvpool_auth_proof(enum kvpool_auth_role role,
		      const struct kvpool_wire_connect *connect,
		      const struct kvpool_wire_accept *accept, u8 *proof)
{
	static const char labels[][16] = {
		[KVPOOL_AUTH_INITIATOR] = "kvpool initiator",
		[KVPOOL_AUTH_TARGET] = "kvpool target",
	};
	struct {
		char label[16];
		struct kvpool_wire_connect connect;
		struct kvpool_wire_accept accept;
	} __packed what = { .connect = *connect, .accept = *accept };
	int ret = -ENOKEY;

	memcpy(what.label, labels[role], sizeof(what.label));

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
 * @a: a proof
 * @b: another proof
 *
 * Return: true if they are equal.
 */
bool kvpool_auth_equal(const u8 *a, const u8 *b)
{
	return !crypto_memneq(a, b, KVPOOL_WIRE_PROOF);
}

/**
 * kvpool_auth_init() - Give this host an identity
 */
void kvpool_auth_init(void)
{
	get_random_bytes(kvpool_auth_identity, sizeof(kvpool_auth_identity));
}

/**
 * kvpool_auth_exit() - Forget the secret
 */
void kvpool_auth_exit(void)
{
	kvpool_secret_replace(NULL, NULL);
}
