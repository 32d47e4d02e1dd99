// SPDX-License-Identifier: MIT
/* Addresses of the fabric: ADDRESS, ADDRESS:PORT, [IPV6]:PORT. */
#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>

#include "fabric.h"

/* Splits "host", "host:port", "[host]:port"; an IPv6 address has no port then. */
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

/* A struct sockaddr_storage from a numeric address or the name of a host. */
bool parse_address(const char *text, void *addr)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *found;
	const char *port;
	uint64_t number;
	char host[256];
	bool known;

	memset(addr, 0, sizeof(struct sockaddr_storage));
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

void put_address(struct nl_msg *msg, int type, const struct sockaddr_storage *addr)
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

/* An endpoint as parse_address() takes it; "" if there is none. */
const char *address_text(struct nlattr *attr, char *buf, size_t len)
{
	struct nlattr *parts[KVPOOL_A_ENDPOINT_MAX + 1];
	char host[INET6_ADDRSTRLEN], zone[IF_NAMESIZE] = "";
	unsigned int port, scope;

	*buf = '\0';
	if (!attr || nla_parse_nested(parts, KVPOOL_A_ENDPOINT_MAX, attr, NULL))
		return buf;
	port = ntohs((uint16_t)attr_number(parts[KVPOOL_A_ENDPOINT_PORT]));
	scope = (unsigned int)attr_number(parts[KVPOOL_A_ENDPOINT_SCOPE]);
	if (parts[KVPOOL_A_ENDPOINT_IPV4]) {
		inet_ntop(AF_INET, nla_data(parts[KVPOOL_A_ENDPOINT_IPV4]), host, sizeof(host));
		snprintf(buf, len, "%s:%u", host, port);
	} else if (parts[KVPOOL_A_ENDPOINT_IPV6] &&
		   nla_len(parts[KVPOOL_A_ENDPOINT_IPV6]) == sizeof(struct in6_addr)) {
		inet_ntop(AF_INET6, nla_data(parts[KVPOOL_A_ENDPOINT_IPV6]), host, sizeof(host));
		if (scope && !if_indextoname(scope, zone))
			snprintf(zone, sizeof(zone), "%u", scope);
		snprintf(buf, len, "[%s%s%s]:%u", host, *zone ? "%" : "", zone, port);
	}
	/* A source without a port is any port. */
	if (!port && *buf)
		buf[strlen(buf) - 2] = '\0';
	return buf;
}
