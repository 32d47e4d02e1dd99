/* SPDX-License-Identifier: MIT */
/* What the commands on the fabric share: kvpoolctl over generic netlink. */
#ifndef KVPOOLCTL_FABRIC_H
#define KVPOOLCTL_FABRIC_H

#include <netlink/attr.h>
#include <netlink/msg.h>
#include <sys/socket.h>

#include <linux/kvpool_netlink.h>

#include "kvpoolctl.h"

#define ADDRESS_MAX	80	/* longest address as text */

/* netlink.c: exit codes, or zero and a negative errno where it says so. */

/* Called for each message of an answer. */
typedef void (*reply_fn)(struct genlmsghdr *hdr, void *arg);

int fabric_open(void);
void fabric_close(void);
struct nl_msg *fabric_request(int cmd, bool dump);
int fabric_call(struct nl_msg *msg, reply_fn reply, void *arg);
int fabric_dump(int cmd, reply_fn reply, void *arg);
int fabric_fail(int error, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int fabric_follow(bool (*event)(struct genlmsghdr *hdr, void *arg), void *arg);

void fabric_attrs(struct genlmsghdr *hdr, struct nlattr **attrs, int max);
uint64_t attr_number(const struct nlattr *attr);
const char *attr_text(const struct nlattr *attr);

/* address.c */
bool parse_address(const char *text, void *addr);
void put_address(struct nl_msg *msg, int type, const struct sockaddr_storage *addr);
const char *address_text(struct nlattr *attr, char *buf, size_t len);

/* fabric.c: the parts of an answer, as text and as JSON. */
struct number {
	int attr;
	const char *name;
};

void json_numbers(struct nlattr **attrs, const struct number *numbers, int nr);
void json_address(const char *name, struct nlattr *attr);
const char *reason_text(const struct nlattr *attr);

/* peers.c */
void json_peer(struct genlmsghdr *hdr);
void json_link(struct genlmsghdr *hdr);
void print_peer_event(struct genlmsghdr *hdr, const char *what);
void print_link_event(struct genlmsghdr *hdr, const char *what);

#endif /* KVPOOLCTL_FABRIC_H */
