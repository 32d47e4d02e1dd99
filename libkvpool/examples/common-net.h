/* SPDX-License-Identifier: MIT */
/* A TCP connection between two of the example programs. */
#ifndef KVPOOL_EXAMPLES_COMMON_NET_H
#define KVPOOL_EXAMPLES_COMMON_NET_H

#include <stdbool.h>
#include <stddef.h>

/**
 * net_accept() - Wait for one connection; later ones are refused
 * @option: Name of the option, for messages.
 * @where:  [HOST:]PORT to listen on.
 *
 * A failure ends the program with a message.
 *
 * Return: a descriptor that the caller closes.
 */
int net_accept(const char *option, const char *where);

/**
 * net_connect() - Connect to a program that may start later than this one
 * @option:  Name of the option, for messages.
 * @where:   HOST:PORT.
 * @seconds: How long to retry.
 *
 * A failure ends the program with a message.
 *
 * Return: a descriptor that the caller closes.
 */
int net_connect(const char *option, const char *where, unsigned int seconds);

/**
 * send_all() - Send bytes
 * @fd:	  The connection.
 * @data: The bytes.
 * @len:  Their number.
 *
 * Return: false when the other program has ended.
 */
bool send_all(int fd, const void *data, size_t len);

/**
 * receive_all() - Receive bytes
 * @fd:	  The connection.
 * @data: Where to store them.
 * @len:  How many to wait for.
 *
 * Return: false when the other program has ended before.
 */
bool receive_all(int fd, void *data, size_t len);

#endif /* KVPOOL_EXAMPLES_COMMON_NET_H */
