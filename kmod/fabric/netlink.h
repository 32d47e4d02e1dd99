/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _KVPOOL_FABRIC_NETLINK_H
#define _KVPOOL_FABRIC_NETLINK_H

int kvpool_netlink_init(void);
void kvpool_netlink_exit(void);

#endif /* _KVPOOL_FABRIC_NETLINK_H */
