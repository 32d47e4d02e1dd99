/* SPDX-License-Identifier: MIT */
#ifndef KVPOOLCTL_ADDRESS_H
#define KVPOOLCTL_ADDRESS_H

#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#define ADDRESS_MAX	80	/* longest address as text, with the null byte */

/**
 * struct address - An address as it stands on the command line
 * @text:	What stands there.
 * @addr:	Of the family AF_INET or AF_INET6.
 * @is_name:	@text is the name of a host.
 * @nr:		Number of addresses that it has, of the family that was asked for.
 */
struct address {
	const char *text;
	struct sockaddr_storage addr;
	bool is_name;
	int nr;
};

bool address_parse(const char *text, int family, struct address *address);
bool address_pair(struct address *a, struct address *b);
void address_tell(const struct address *list, int nr);
void address_encode(struct nl_msg *msg, int type, const struct sockaddr_storage *addr);
const char *address_text(struct nlattr *attr, char *buf, size_t len);
void address_show(const char *name, struct nlattr *attr);

#endif /* KVPOOLCTL_ADDRESS_H */
