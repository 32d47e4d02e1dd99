/* SPDX-License-Identifier: MIT */
#ifndef KVPOOLCTL_ADDRESS_H
#define KVPOOLCTL_ADDRESS_H

#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#define ADDRESS_MAX	80	/* longest address as text, with the null byte */

bool address_parse(const char *text, struct sockaddr_storage *addr);
void address_encode(struct nl_msg *msg, int type, const struct sockaddr_storage *addr);
const char *address_text(struct nlattr *attr, char *buf, size_t len);
void address_show(const char *name, struct nlattr *attr);

#endif /* KVPOOLCTL_ADDRESS_H */
