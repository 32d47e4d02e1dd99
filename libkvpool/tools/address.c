// SPDX-License-Identifier: MIT
/* Addresses of the fabric: ADDRESS, ADDRESS:PORT, [IPV6]:PORT, and names of hosts. */
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
#include "utf8.h"

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

/* Takes the first address of a list, and counts all. */
static bool take_first(const struct addrinfo *found, struct address *address)
{
	for (; found; found = found->ai_next) {
		if (found->ai_family != AF_INET && found->ai_family != AF_INET6)
			continue;
		if (!address->nr++)
			memcpy(&address->addr, found->ai_addr, found->ai_addrlen);
	}
	return address->nr;
}

static bool resolve(const char *host, const char *port, int family, int flags,
		    struct address *address)
{
	const struct addrinfo hints = {
		.ai_socktype = SOCK_STREAM, .ai_family = family, .ai_flags = flags,
	};
	struct addrinfo *found;
	bool known;

	if (getaddrinfo(host, port, &hints, &found))
		return false;
	known = take_first(found, address);
	freeaddrinfo(found);
	return known;
}

/**
 * address_parse - Read an address
 * @text:	A numeric address or the name of a host, with a port or without; must
 *		live as long as @address.
 * @family:	AF_INET, AF_INET6, or AF_UNSPEC for any.
 * @address:	Is set; the port is 0 where @text has none.
 *
 * Of the addresses of a name, the first one of the family is taken.
 * Return: true if @text is an address or the name of a known host, of the family.
 */
bool address_parse(const char *text, int family, struct address *address)
{
	const char *port;
	uint64_t number;
	char host[256];

	memset(address, 0, sizeof(*address));
	address->text = text;
	if (!split(text, host, sizeof(host), &port) ||
	    (port && (!parse_u64(port, &number) || !number || number > UINT16_MAX)))
		return false;
	if (resolve(host, port, family, AI_NUMERICHOST, address))
		return true;
	address->is_name = true;
	return resolve(host, port, family, 0, address);
}

/**
 * address_pair - Make two addresses belong to one family
 * @a:		An address; is changed where it is a name that has another one.
 * @b:		Likewise, if @a cannot be changed.
 *
 * Return: false if they are of two families.
 */
bool address_pair(struct address *a, struct address *b)
{
	struct address other;

	if (a->addr.ss_family == b->addr.ss_family)
		return true;
	if (a->is_name && address_parse(a->text, b->addr.ss_family, &other)) {
		*a = other;
		return true;
	}
	if (b->is_name && address_parse(b->text, a->addr.ss_family, &other)) {
		*b = other;
		return true;
	}
	return false;
}

/* Without the port. */
static void numeric_text(const struct address *address, char *buf, size_t len)
{
	if (getnameinfo((const struct sockaddr *)&address->addr, sizeof(address->addr), buf,
			(socklen_t)len, NULL, 0, NI_NUMERICHOST))
		snprintf(buf, len, "?");
}

/**
 * address_tell - Show which addresses were taken for names
 * @list:	Addresses.
 * @nr:		Number of addresses.
 *
 * Shows nothing of those that are not names.
 */
void address_tell(const struct address *list, int nr)
{
	char text[ADDRESS_MAX];
	bool any = false;
	int i;

	for (i = 0; i < nr; i++)
		any |= list[i].is_name;
	if (!any)
		return;
	if (out_is_json())
		out_array("resolved");
	for (i = 0; i < nr; i++) {
		if (!list[i].is_name)
			continue;
		numeric_text(&list[i], text, sizeof(text));
		if (out_is_json()) {
			out_object(NULL);
			out_text("name", list[i].text);
			out_text("address", text);
			out_number("addresses", (uint64_t)list[i].nr);
			out_end();
			continue;
		}
		utf8_print(stdout, list[i].text);
		printf(" is %s", text);
		if (list[i].nr > 1)
			printf(", the first of %d addresses", list[i].nr);
		putchar('\n');
	}
	if (out_is_json())
		out_end();
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
