/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_FABRIC_AUTH_H
#define _KVPOOL_FABRIC_AUTH_H

#include <linux/types.h>

#include "fabric/proto.h"

struct key;

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
 * @KVPOOL_AUTH_SECRET:	both sides prove that they know the secret
 * @KVPOOL_AUTH_OPEN:	nothing, where no secret is set
 */
enum kvpool_auth_mode {
	KVPOOL_AUTH_SECRET,
	KVPOOL_AUTH_OPEN,
};

/* The identity of this host while the module is loaded; random. */
extern u8 kvpool_auth_identity[KVPOOL_WIRE_HOST];

void kvpool_auth_init(void);
void kvpool_auth_exit(void);
bool kvpool_auth_open(void);
bool kvpool_auth_ready(void);
void kvpool_auth_set_mode(enum kvpool_auth_mode mode);
int kvpool_auth_set_secret(struct key *key);
int kvpool_auth_proof(enum kvpool_auth_role role,
		      const struct kvpool_wire_connect *connect,
		      const struct kvpool_wire_accept *accept, u8 *proof);
bool kvpool_auth_equal(const u8 *a, const u8 *b);

#endif /* _KVPOOL_FABRIC_AUTH_H */
