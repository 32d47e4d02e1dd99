/* SPDX-License-Identifier: MIT */
/* A TCP connection between two of the example programs. */
#ifndef KVPOOL_EXAMPLES_COMMON_NET_H
#define KVPOOL_EXAMPLES_COMMON_NET_H

#include <stdbool.h>
#include <stddef.h>

int net_accept(const char *option, const char *where);
int net_connect(const char *option, const char *where, unsigned int seconds);
bool send_all(int fd, const void *data, size_t len);
bool receive_all(int fd, void *data, size_t len);

#endif /* KVPOOL_EXAMPLES_COMMON_NET_H */
