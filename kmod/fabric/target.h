/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_FABRIC_TARGET_H
#define _KVPOOL_FABRIC_TARGET_H

#include <linux/socket.h>
#include <linux/types.h>

/**
 * struct kvpool_target_info - Where this host takes sessions
 * @listening:	it takes them
 * @addr:	where it listens, of family AF_UNSPEC if it was not told to
 */
struct kvpool_target_info {
	bool listening;
	struct sockaddr_storage addr;
};

int kvpool_target_listen(const struct sockaddr_storage *addr);
void kvpool_target_check(void);
void kvpool_target_read(struct kvpool_target_info *info);
void kvpool_target_exit(void);

#endif /* _KVPOOL_FABRIC_TARGET_H */
