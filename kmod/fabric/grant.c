// SPDX-License-Identifier: GPL-2.0
/*
 * The memory granted to connections. Queue pairs are charged for what they take
 * of it, on both sides. Who has to give some back when it is exhausted is up to
 * those that charge; each share can be compared with its fair part.
 */
#include <linux/errno.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/spinlock.h>

#include "fabric/grant.h"

#define KVPOOL_GRANT_LEAST	SZ_64M
#define KVPOOL_GRANT_MOST	SZ_4G

static DEFINE_SPINLOCK(kvpool_grant_lock);	/* what follows, and shares */
static u64 kvpool_granted;
static u64 kvpool_grant_used;
static u32 kvpool_grant_shares;

/**
 * kvpool_grant_init() - Grant an eighth of the memory, 64 MiB to 4 GiB
 */
void kvpool_grant_init(void)
{
	u64 memory = (u64)totalram_pages() << PAGE_SHIFT;

	kvpool_granted = clamp_t(u64, memory / 8, KVPOOL_GRANT_LEAST,
				 KVPOOL_GRANT_MOST);
}

/**
 * kvpool_grant_charge() - Take a part of the memory granted
 * @share: who takes it
 * @bytes: how much
 *
 * Context: any in which a lock may be taken that interrupts do not take.
 *
 * Return: 0, until kvpool_grant_uncharge(); -ENOBUFS if there is not so much
 * left.
 */
int kvpool_grant_charge(struct kvpool_share *share, u64 bytes)
{
	int ret = -ENOBUFS;

	spin_lock(&kvpool_grant_lock);
	if (kvpool_grant_used < kvpool_granted &&
	    bytes <= kvpool_granted - kvpool_grant_used) {
		kvpool_grant_used += bytes;
		if (!share->bytes && bytes)
			kvpool_grant_shares++;
		WRITE_ONCE(share->bytes, share->bytes + bytes);
		ret = 0;
	}
	spin_unlock(&kvpool_grant_lock);
	return ret;
}

/**
 * kvpool_grant_uncharge() - Undo kvpool_grant_charge()
 * @share: as there
 * @bytes: up to what @share has
 *
 * Context: as there.
 */
void kvpool_grant_uncharge(struct kvpool_share *share, u64 bytes)
{
	spin_lock(&kvpool_grant_lock);
	kvpool_grant_used -= bytes;
	WRITE_ONCE(share->bytes, share->bytes - bytes);
	if (!share->bytes && bytes)
		kvpool_grant_shares--;
	spin_unlock(&kvpool_grant_lock);
}

/**
 * kvpool_grant_over() - Has a share more than its fair part?
 * @share: the share
 *
 * Context: as kvpool_grant_charge().
 *
 * Return: true if it has more than the memory granted divided by the number of
 * shares.
 */
bool kvpool_grant_over(const struct kvpool_share *share)
{
	bool over;

	spin_lock(&kvpool_grant_lock);
	over = share->bytes > div_u64(kvpool_granted,
				      max(kvpool_grant_shares, 1U));
	spin_unlock(&kvpool_grant_lock);
	return over;
}

/**
 * kvpool_grant_total() - Tell how much memory is granted
 *
 * Context: as kvpool_grant_charge().
 *
 * Return: bytes.
 */
u64 kvpool_grant_total(void)
{
	struct kvpool_grant_info info;

	kvpool_grant_read(&info);
	return info.granted;
}

/**
 * kvpool_grant_set() - Grant more or less memory
 * @bytes: KVPOOL_GRANT_MIN to _MAX; what has been taken stays
 *
 * Context: as kvpool_grant_charge().
 *
 * Return: 0 or -EINVAL.
 */
int kvpool_grant_set(u64 bytes)
{
	if (bytes < KVPOOL_GRANT_MIN || bytes > KVPOOL_GRANT_MAX)
		return -EINVAL;
	spin_lock(&kvpool_grant_lock);
	kvpool_granted = bytes;
	spin_unlock(&kvpool_grant_lock);
	return 0;
}

/**
 * kvpool_grant_read() - Describe the memory granted
 * @info: where to write it
 *
 * Context: as kvpool_grant_charge().
 */
void kvpool_grant_read(struct kvpool_grant_info *info)
{
	spin_lock(&kvpool_grant_lock);
	info->granted = kvpool_granted;
	info->used = kvpool_grant_used;
	info->shares = kvpool_grant_shares;
	spin_unlock(&kvpool_grant_lock);
}
