// SPDX-License-Identifier: GPL-2.0
/* Addresses in the messages of the netlink family. */
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/inet.h>
#include <linux/socket.h>
#include <linux/string.h>
#include <net/ipv6.h>

#include "fabric/netlink_address.h"
#include "fabric/netlink_gen.h"

/**
 * kvpool_nl_encode_endpoint() - Add an address to a message
 * @skb: the message
 * @type: of the attribute
 * @addr: the address; nothing is added for one of family AF_UNSPEC
 *
 * Return: 0 or -EMSGSIZE.
 */
int kvpool_nl_encode_endpoint(struct sk_buff *skb, int type,
			      const struct sockaddr_storage *addr)
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)addr;
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)addr;
	struct nlattr *nest;

	if (addr->ss_family != AF_INET && addr->ss_family != AF_INET6)
		return 0;
	nest = nla_nest_start(skb, type);
	if (!nest)
		return -EMSGSIZE;
	if (addr->ss_family == AF_INET) {
		if (nla_put_in_addr(skb, KVPOOL_A_ENDPOINT_IPV4,
				    v4->sin_addr.s_addr) ||
		    nla_put_be16(skb, KVPOOL_A_ENDPOINT_PORT, v4->sin_port))
			return -EMSGSIZE;
	} else {
		if (nla_put_in6_addr(skb, KVPOOL_A_ENDPOINT_IPV6,
				     &v6->sin6_addr) ||
		    nla_put_be16(skb, KVPOOL_A_ENDPOINT_PORT, v6->sin6_port) ||
		    (v6->sin6_scope_id &&
		     nla_put_u32(skb, KVPOOL_A_ENDPOINT_SCOPE,
				 v6->sin6_scope_id)))
			return -EMSGSIZE;
	}
	nla_nest_end(skb, nest);
	return 0;
}

static int kvpool_nl_check_v4(struct genl_info *info, struct nlattr *nest,
			      __be32 addr, enum kvpool_nl_use use)
{
	if (ipv4_is_multicast(addr) || ipv4_is_lbcast(addr)) {
		NL_SET_ERR_MSG_ATTR(info->extack, nest,
				    "this is not the address of one host");
		return -EINVAL;
	}
	if (!addr && use != KVPOOL_NL_LISTEN) {
		NL_SET_ERR_MSG_ATTR(info->extack, nest,
				    "0.0.0.0 is valid for listening only; give one address");
		return -EINVAL;
	}
	return 0;
}

static int kvpool_nl_check_v6(struct genl_info *info, struct nlattr *nest,
			      const struct in6_addr *addr, u32 scope,
			      enum kvpool_nl_use use)
{
	int type = ipv6_addr_type(addr);

	if ((type & IPV6_ADDR_MULTICAST) || ipv6_addr_v4mapped(addr)) {
		NL_SET_ERR_MSG_ATTR(info->extack, nest,
				    "this is not the IPv6 address of one host");
		return -EINVAL;
	}
	if (ipv6_addr_any(addr) && use != KVPOOL_NL_LISTEN) {
		NL_SET_ERR_MSG_ATTR(info->extack, nest,
				    ":: is valid for listening only; give one address");
		return -EINVAL;
	}
	if (!(type & IPV6_ADDR_LINKLOCAL) != !scope) {
		NL_SET_ERR_MSG_ATTR(info->extack, nest,
				    "a link-local address, and no other, needs a scope: the index of its interface");
		return -EINVAL;
	}
	return 0;
}

/**
 * kvpool_nl_decode_endpoint() - Read an address of a request
 * @info: the request
 * @type: of the attribute, which the request has
 * @use: what the address is for
 * @addr: where to write it
 *
 * Without a port it is that of the family, but for KVPOOL_NL_SRC.
 *
 * Return: 0, or a negative errno after a message to the caller.
 */
int kvpool_nl_decode_endpoint(struct genl_info *info, int type,
			      enum kvpool_nl_use use,
			      struct sockaddr_storage *addr)
{
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)addr;
	struct sockaddr_in *v4 = (struct sockaddr_in *)addr;
	struct nlattr *tb[KVPOOL_A_ENDPOINT_SCOPE + 1];
	struct nlattr *nest = info->attrs[type];
	__be16 port = 0;
	u32 scope = 0;
	int ret;

	memset(addr, 0, sizeof(*addr));
	/* The policy of the request has checked the nest. */
	ret = nla_parse_nested(tb, KVPOOL_A_ENDPOINT_SCOPE, nest, NULL,
			       info->extack);
	if (ret)
		return ret;
	if (!tb[KVPOOL_A_ENDPOINT_IPV4] == !tb[KVPOOL_A_ENDPOINT_IPV6]) {
		NL_SET_ERR_MSG_ATTR(info->extack, nest,
				    "give either an IPv4 or an IPv6 address");
		return -EINVAL;
	}
	if (tb[KVPOOL_A_ENDPOINT_PORT])
		port = nla_get_be16(tb[KVPOOL_A_ENDPOINT_PORT]);
	if (!port && use != KVPOOL_NL_SRC)
		port = htons(KVPOOL_DEFAULT_PORT);
	if (tb[KVPOOL_A_ENDPOINT_SCOPE])
		scope = nla_get_u32(tb[KVPOOL_A_ENDPOINT_SCOPE]);

	if (tb[KVPOOL_A_ENDPOINT_IPV4]) {
		if (scope) {
			NL_SET_ERR_MSG_ATTR(info->extack, nest,
					    "an IPv4 address has no scope");
			return -EINVAL;
		}
		v4->sin_family = AF_INET;
		v4->sin_port = port;
		v4->sin_addr.s_addr =
			nla_get_in_addr(tb[KVPOOL_A_ENDPOINT_IPV4]);
		return kvpool_nl_check_v4(info, nest, v4->sin_addr.s_addr, use);
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = port;
	v6->sin6_addr = nla_get_in6_addr(tb[KVPOOL_A_ENDPOINT_IPV6]);
	v6->sin6_scope_id = scope;
	return kvpool_nl_check_v6(info, nest, &v6->sin6_addr, scope, use);
}
