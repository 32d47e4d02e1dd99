/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_POLICY_SIEVE_H
#define _KVPOOL_POLICY_SIEVE_H

struct kvpool_policy_ops;

extern const struct kvpool_policy_ops kvpool_policy_sieve;

#endif /* _KVPOOL_POLICY_SIEVE_H */
