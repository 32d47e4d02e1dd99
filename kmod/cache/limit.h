/* SPDX-License-Identifier: GPL-2.0 */
/* What a tenant is told in the log when it reaches a limit. */
#ifndef _KVPOOL_LIMIT_H
#define _KVPOOL_LIMIT_H

struct kvpool_tenant;

void kvpool_limit_space(struct kvpool_tenant *tenant, int why);
void kvpool_limit_pins(struct kvpool_tenant *tenant);

#endif /* _KVPOOL_LIMIT_H */
