/* SPDX-License-Identifier: GPL-2.0 */
/* Ending open files. */
#ifndef _KVPOOL_REVOKE_H
#define _KVPOOL_REVOKE_H

#include <linux/types.h>

struct kvpool_ctx;

int kvpool_revokes_init(void);
void kvpool_revokes_flush(void);
void kvpool_revokes_exit(void);
int kvpool_revoke(u32 id);
void kvpool_revoke_overdue(struct kvpool_ctx *ctx, unsigned int lease_ms);
void kvpool_revoke_leases(void);
void kvpool_file_end(struct kvpool_ctx *ctx);

#endif /* _KVPOOL_REVOKE_H */
