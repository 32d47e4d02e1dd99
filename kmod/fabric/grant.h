/* SPDX-License-Identifier: GPL-2.0 */
/* The memory that connections may take, shared between hosts. */
#ifndef _KVPOOL_FABRIC_GRANT_H
#define _KVPOOL_FABRIC_GRANT_H

#include <linux/bits.h>
#include <linux/sizes.h>
#include <linux/types.h>

#define KVPOOL_GRANT_MIN	SZ_1M
#define KVPOOL_GRANT_MAX	BIT_ULL(42)

/**
 * struct kvpool_share - What a host, or a peer, has of the memory granted
 * @bytes: zero while it has nothing; kvpool_grant_lock, read without
 *
 * All zeros is a share that has nothing. It may be freed then.
 */
struct kvpool_share {
	u64 bytes;
};

/**
 * struct kvpool_grant_info - The memory granted, as it is now
 * @granted:	bytes that connections may take
 * @used:	bytes that they have taken; more after the grant was made smaller
 * @shares:	hosts and peers that have taken some
 */
struct kvpool_grant_info {
	u64 granted;
	u64 used;
	u32 shares;
};

void kvpool_grant_init(void);
int kvpool_grant_charge(struct kvpool_share *share, u64 bytes);
void kvpool_grant_uncharge(struct kvpool_share *share, u64 bytes);
bool kvpool_grant_over(const struct kvpool_share *share);
u64 kvpool_grant_total(void);
int kvpool_grant_set(u64 bytes);
void kvpool_grant_read(struct kvpool_grant_info *info);

#endif /* _KVPOOL_FABRIC_GRANT_H */
