// SPDX-License-Identifier: MIT
/*
 * A TCP connection between two of the example programs. It carries the messages
 * of an engine's router: which blocks to look for. It does not carry blocks.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"
#include "common-net.h"

/* HOST:PORT, [HOST]:PORT or PORT. */
static struct addrinfo *resolve(const char *option, const char *where, int flags)
{
	const struct addrinfo hints = {
		.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags,
	};
	struct addrinfo *found;
	char host[256] = "";
	const char *colon = strrchr(where, ':');
	const char *begin = where;
	size_t len = colon ? (size_t)(colon - where) : 0;
	int error;

	if (len >= 2 && begin[0] == '[' && begin[len - 1] == ']') {
		begin++;
		len -= 2;
	}
	if (len >= sizeof(host))
		die(EX_BAD_USAGE, "%s: the name of the host is too long", option);
	memcpy(host, begin, len);
	error = getaddrinfo(*host ? host : NULL, colon ? colon + 1 : where, &hints, &found);
	if (error)
		die(EX_BAD_USAGE, "%s: '%s' is not an address to use: %s; write HOST:PORT",
		    option, where, gai_strerror(error));
	return found;
}

static int ready(int fd)
{
	const int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

/* Waits for one connection; later ones are refused. */
int net_accept(const char *option, const char *where)
{
	struct addrinfo *at = resolve(option, where, AI_PASSIVE);
	const int on = 1;
	int fd, accepted;

	fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (fd < 0 || bind(fd, at->ai_addr, at->ai_addrlen) || listen(fd, 1))
		die(EX_BAD_USAGE, "%s: cannot listen on %s: %s", option, where, strerror(errno));
	freeaddrinfo(at);
	do {
		accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	} while (accepted < 0 && (errno == EINTR || errno == ECONNABORTED));
	if (accepted < 0)
		die(EX_FAILED, "%s: no program has connected to %s: %s", option, where,
		    strerror(errno));
	close(fd);
	return ready(accepted);
}

/* The other program may start later than this one, by @seconds at most. */
int net_connect(const char *option, const char *where, unsigned int seconds)
{
	const uint64_t end = now_ns() + seconds * 1000000000ULL;
	struct addrinfo *all = resolve(option, where, 0);
	struct addrinfo *at;
	int error = 0;
	int fd;

	do {
		for (at = all; at; at = at->ai_next) {
			fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
			if (fd >= 0 && !connect(fd, at->ai_addr, at->ai_addrlen)) {
				freeaddrinfo(all);
				return ready(fd);
			}
			error = errno;
			if (fd >= 0)
				close(fd);
		}
		usleep(100000);
	} while (now_ns() < end);
	die(EX_FAILED, "%s: cannot connect to %s: %s; start the other program there first",
	    option, where, strerror(error));
}

/* False when the other program has ended. */
bool send_all(int fd, const void *data, size_t len)
{
	const char *at = data;
	ssize_t done;

	while (len) {
		done = send(fd, at, len, MSG_NOSIGNAL);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		at += done;
		len -= (size_t)done;
	}
	return true;
}

bool receive_all(int fd, void *data, size_t len)
{
	char *at = data;
	ssize_t done;

	while (len) {
		done = recv(fd, at, len, 0);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return false;
		at += done;
		len -= (size_t)done;
	}
	return true;
}
