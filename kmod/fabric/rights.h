/* SPDX-License-Identifier: GPL-2.0 */
/* What other hosts may do with the blocks of a tenant. */
#ifndef _KVPOOL_FABRIC_RIGHTS_H
#define _KVPOOL_FABRIC_RIGHTS_H

#include <linux/kvpool.h>
#include <linux/types.h>

#define KVPOOL_RIGHT_READ	0x1U	/* probe and fetch */
#define KVPOOL_RIGHT_PUSH	0x2U	/* push */
#define KVPOOL_RIGHTS_ALL	(KVPOOL_RIGHT_READ | KVPOOL_RIGHT_PUSH)

#define KVPOOL_RIGHTS_ANY	"*"	/* in the place of a host: every host */

/**
 * struct kvpool_rights_info - What a host may do with a tenant
 * @tenant:	name of the tenant, which need not exist
 * @host:	name of the host, or KVPOOL_RIGHTS_ANY
 * @rights:	KVPOOL_RIGHT_*
 */
struct kvpool_rights_info {
	char tenant[KVPOOL_NAME_SIZE];
	char host[KVPOOL_NAME_SIZE];
	unsigned int rights;
};

int kvpool_rights_init(void);
void kvpool_rights_exit(void);
unsigned int kvpool_rights(const char *tenant, const char *host);
int kvpool_rights_set(const char *tenant, const char *host,
		      unsigned int rights);
int kvpool_rights_del(const char *tenant, const char *host);
int kvpool_rights_get(const char *tenant, const char *host,
		      struct kvpool_rights_info *info);
int kvpool_rights_next(const char *tenant, const char *host,
		       struct kvpool_rights_info *info);

#endif /* _KVPOOL_FABRIC_RIGHTS_H */
