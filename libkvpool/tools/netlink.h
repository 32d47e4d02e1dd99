/* SPDX-License-Identifier: MIT */
#ifndef KVPOOLCTL_NETLINK_H
#define KVPOOLCTL_NETLINK_H

#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdbool.h>
#include <stdint.h>

#include <linux/kvpool_netlink.h>

#include "error.h"

/**
 * typedef netlink_reply_fn - Called for each message of an answer
 * @hdr:	The message.
 * @arg:	As given with the request.
 */
typedef void (*netlink_reply_fn)(struct genlmsghdr *hdr, void *arg);

/**
 * typedef netlink_event_fn - Called for each event
 * @hdr:	The message; null says that events were lost, or that none came for long.
 * @arg:	As given to netlink_follow().
 *
 * Return: false to end.
 */
typedef bool (*netlink_event_fn)(struct genlmsghdr *hdr, void *arg);

/**
 * struct netlink_number - How an attribute that is a number is shown
 * @attr:	Its type.
 * @name:	Of the member, with the unit as its end.
 */
struct netlink_number {
	int attr;
	const char *name;
};

enum code netlink_open(void);
struct nl_msg *netlink_request(int cmd);
int netlink_call(struct nl_msg *msg, netlink_reply_fn reply, void *arg);
int netlink_dump(int cmd, netlink_reply_fn reply, void *arg);
enum code netlink_failed(int error, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
enum code netlink_subscribe(unsigned int seconds);
enum code netlink_follow(netlink_event_fn event, void *arg);
void netlink_attrs(struct genlmsghdr *hdr, struct nlattr **attrs, int max);
uint64_t netlink_number(const struct nlattr *attr);
const char *netlink_text(const struct nlattr *attr);
void netlink_show_numbers(struct nlattr **attrs, const struct netlink_number *numbers, int nr);

#endif /* KVPOOLCTL_NETLINK_H */
