/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_QUARANTINE_H
#define _KVPOOL_QUARANTINE_H

struct kvpool_block;
struct kvpool_tenant;

void kvpool_quarantine_init(struct kvpool_tenant *tenant);
void kvpool_quarantine_exit(struct kvpool_tenant *tenant);
void kvpool_quarantine_abort(struct kvpool_tenant *tenant,
			     struct kvpool_block *block);

#endif /* _KVPOOL_QUARANTINE_H */
