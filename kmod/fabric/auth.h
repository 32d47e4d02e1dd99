/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_FABRIC_AUTH_H
#define _KVPOOL_FABRIC_AUTH_H

#include <linux/types.h>

#include "fabric/proto.h"

struct key;

#define KVPOOL_KEY_DESC_SIZE	256	/* with the zero at its end */

/**
 * enum kvpool_auth_role - Whose proof it is
 * @KVPOOL_AUTH_INITIATOR:	the host that connected
 * @KVPOOL_AUTH_TARGET:		the host that accepted
 */
enum kvpool_auth_role {
	KVPOOL_AUTH_INITIATOR,
	KVPOOL_AUTH_TARGET,
};

/**
 * enum kvpool_auth_mode - What connections need
 * @KVPOOL_AUTH_SECRET:	both sides prove that they know a key
 * @KVPOOL_AUTH_OPEN:	nothing, as long as neither a secret nor a key is set
 */
enum kvpool_auth_mode {
	KVPOOL_AUTH_SECRET,
	KVPOOL_AUTH_OPEN,
};

/**
 * struct kvpool_auth_stamp - What a connection was authenticated with
 * @key:	number of the key, zero without a proof
 * @name:	number of this host's name at that time
 *
 * kvpool_auth_valid() tells whether it still holds.
 */
struct kvpool_auth_stamp {
	u64 key;
	u64 name;
};

/**
 * struct kvpool_auth_host_info - A host that the administrator has named
 * @name:	its name
 * @has_key:	it has a key of its own
 * @valid:	that key has neither expired nor been revoked
 * @key:	description of the key, or an empty string
 */
struct kvpool_auth_host_info {
	char name[KVPOOL_NAME_SIZE];
	bool has_key;
	bool valid;
	char key[KVPOOL_KEY_DESC_SIZE];
};

/* The identity of this host as a target while the module is loaded; random. */
extern u8 kvpool_auth_identity[KVPOOL_WIRE_HOST];

void kvpool_auth_init(void (*changed)(void));
void kvpool_auth_exit(void);
void kvpool_auth_changed(void);
void kvpool_auth_identify(u8 *identity);

bool kvpool_auth_open(void);
bool kvpool_auth_ready(void);
bool kvpool_auth_needed(void);
void kvpool_auth_set_mode(enum kvpool_auth_mode mode);
int kvpool_auth_set_secret(struct key *key);

bool kvpool_auth_name_ok(const char *name);
int kvpool_auth_set_name(const char *name);
u64 kvpool_auth_name(char *name);

int kvpool_auth_host_add(const char *name, struct key *key);
int kvpool_auth_host_del(const char *name);
int kvpool_auth_host_find(const char *name,
			  struct kvpool_auth_host_info *info);
int kvpool_auth_host_next(const char *after,
			  struct kvpool_auth_host_info *info);

int kvpool_auth_proof(enum kvpool_auth_role role, const char *other,
		      struct kvpool_wire_proven *proven, u8 *proof,
		      struct kvpool_auth_stamp *stamp);
bool kvpool_auth_valid(const char *other,
		       const struct kvpool_auth_stamp *stamp);
bool kvpool_auth_equal(const u8 *a, const u8 *b);

#endif /* _KVPOOL_FABRIC_AUTH_H */
