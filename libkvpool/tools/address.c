// SPDX-License-Identifier: MIT
/* Addresses of the fabric: ADDRESS, ADDRESS:PORT, [IPV6]:PORT. */
#include "address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include <linux/kvpool_netlink.h>

#include "../shared/shared.h"
#include "netlink.h"
#include "out.h"

/* Splits "host", "host:port", "[host]:port"; a bare IPv6 address has no port. */
static bool split(const char *text, char *host, size_t len, const char **port)
{
	const char *colon = strrchr(text, ':');
	size_t nr = strlen(text);

	*port = NULL;
	if (*text == '[') {
		const char *end = strchr(text, ']');

		if (!end || (end[1] && end[1] != ':'))
			return false;
		*port = end[1] ? end + 2 : NULL;
		nr = (size_t)(end - ++text);
	} else if (colon && colon == strchr(text, ':')) {
		*port = colon + 1;
		nr = (size_t)(colon - text);
	}
	if (!nr || nr >= len || (*port && !**port))
		return false;
	memcpy(host, text, nr);
	host[nr] = '\0';
	return true;
}

/**
 * address_parse - Read an address
 * @text:	A numeric address or the name of a host, with a port or without.
 * @addr:	Is set; the port is 0 where @text has none.
 *
 * Return: true if @text is an address or the name of a known host.
 */
bool address_parse(const char *text, struct sockaddr_storage *addr)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *found;
	const char *port;
	uint64_t number;
	char host[256];
	bool known;

	memset(addr, 0, sizeof(*addr));
	if (!split(text, host, sizeof(host), &port) ||
	    (port && (!parse_u64(port, &number) || !number || number > UINT16_MAX)) ||
	    getaddrinfo(host, port, &hints, &found))
		return false;
	known = found->ai_family == AF_INET || found->ai_family == AF_INET6;
	if (known)
		memcpy(addr, found->ai_addr, found->ai_addrlen);
	freeaddrinfo(found);
	return known;
}

/**
 * address_encode - Add an endpoint to a message
 * @msg:	The message.
 * @type:	Of the attribute.
 * @addr:	The endpoint.
 */
void address_encode(struct nl_msg *msg, int type, const struct sockaddr_storage *addr)
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)addr;
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)addr;
	struct nlattr *nest = nla_nest_start(msg, type);

	if (addr->ss_family == AF_INET) {
		nla_put_u32(msg, KVPOOL_A_ENDPOINT_IPV4, v4->sin_addr.s_addr);
		nla_put_u16(msg, KVPOOL_A_ENDPOINT_PORT, v4->sin_port);
	} else {
		nla_put(msg, KVPOOL_A_ENDPOINT_IPV6, sizeof(v6->sin6_addr), &v6->sin6_addr);
		nla_put_u16(msg, KVPOOL_A_ENDPOINT_PORT, v6->sin6_port);
		if (v6->sin6_scope_id)
			nla_put_u32(msg, KVPOOL_A_ENDPOINT_SCOPE, v6->sin6_scope_id);
	}
	nla_nest_end(msg, nest);
}

/**
 * address_text - Write an endpoint as address_parse() reads it
 * @attr:	The endpoint, or null. An endpoint without a port is any port of its address.
 * @buf:	Receives the text.
 * @len:	Size of @buf; ADDRESS_MAX is enough.
 *
 * Return: @buf; "" if there is no endpoint.
 */
const char *address_text(struct nlattr *attr, char *buf, size_t len)
{
	struct nlattr *parts[KVPOOL_A_ENDPOINT_MAX + 1];
	char host[INET6_ADDRSTRLEN], zone[IF_NAMESIZE] = "";
	unsigned int port, scope;

	*buf = '\0';
	if (!attr || nla_parse_nested(parts, KVPOOL_A_ENDPOINT_MAX, attr, NULL))
		return buf;
	port = ntohs((uint16_t)netlink_number(parts[KVPOOL_A_ENDPOINT_PORT]));
	scope = (unsigned int)netlink_number(parts[KVPOOL_A_ENDPOINT_SCOPE]);
	if (parts[KVPOOL_A_ENDPOINT_IPV4] &&
	    nla_len(parts[KVPOOL_A_ENDPOINT_IPV4]) == sizeof(struct in_addr)) {
		inet_ntop(AF_INET, nla_data(parts[KVPOOL_A_ENDPOINT_IPV4]), host, sizeof(host));
		snprintf(buf, len, "%s:%u", host, port);
	} else if (parts[KVPOOL_A_ENDPOINT_IPV6] &&
		   nla_len(parts[KVPOOL_A_ENDPOINT_IPV6]) == sizeof(struct in6_addr)) {
		inet_ntop(AF_INET6, nla_data(parts[KVPOOL_A_ENDPOINT_IPV6]), host, sizeof(host));
		if (scope && !if_indextoname(scope, zone))
			snprintf(zone, sizeof(zone), "%u", scope);
		snprintf(buf, len, "[%s%s%s]:%u", host, *zone ? "%" : "", zone, port);
	}
	if (!port && *buf)
		buf[strlen(buf) - 2] = '\0';
	return buf;
}

/**
 * address_show - Show an endpoint, or nothing for null
 * @name:	Of the member.
 * @attr:	The endpoint, or null.
 */
void address_show(const char *name, struct nlattr *attr)
{
	char text[ADDRESS_MAX];

	if (*address_text(attr, text, sizeof(text)))
		out_text(name, text);
}
