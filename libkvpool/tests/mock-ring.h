/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Operations of the mock device, and its completion rings. An operation for a ring
 * whose key has @settles stays in flight until it is cancelled or completed here.
 * Rings are numbered from 1 in the order of their creation.
 */
#ifndef KVPOOL_MOCK_RING_H
#define KVPOOL_MOCK_RING_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* mock_ring_reset() - Forget all rings */
void mock_ring_reset(void);

/**
 * mock_ring_ioctl() - KVPOOL_IOC_RING, _RING_END, _SUBMIT and _CANCEL
 * @cmd: The command.
 * @arg: Its structure.
 *
 * Return: 0, or -1 with errno set. Threads may call it concurrently.
 */
int mock_ring_ioctl(unsigned long cmd, void *arg);

/**
 * mock_ring_map() - A new mapping of a ring
 * @offset: The offset that the set-up gave.
 * @length: Bytes to map.
 *
 * Return: the mapping, which the caller unmaps. Threads may call it concurrently.
 */
void *mock_ring_map(unsigned long long offset, size_t length);

/**
 * mock_ring_complete() - Complete the oldest operations in flight
 * @ring:   Number of the ring.
 * @nr:     Most operations.
 * @status: Their status.
 */
void mock_ring_complete(unsigned int ring, unsigned int nr, int status);

/**
 * mock_ring_head() - The head of a ring in its mapping
 * @ring: Number of the ring.
 *
 * Return: its address.
 */
uint32_t *mock_ring_head(unsigned int ring);

/**
 * mock_ring_tail() - The tail of a ring in its mapping
 * @ring: Number of the ring.
 *
 * Return: its address.
 */
uint32_t *mock_ring_tail(unsigned int ring);

/**
 * mock_rings() - Count the rings that were made and not ended
 *
 * Return: their number.
 */
unsigned int mock_rings(void);

#ifdef __cplusplus
}
#endif

#endif
