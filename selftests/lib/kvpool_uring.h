/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kvpool_uring.h: the part of io_uring that operations need, by its system
 * calls.
 */
#ifndef KVPOOL_URING_H
#define KVPOOL_URING_H

#include <linux/io_uring.h>

#include "kvpool_async.h"

#define URING_ENTRIES	64

struct uring {
	int fd;
	struct io_uring_params p;
	__u8 *rings;
	size_t rings_len;
	struct io_uring_sqe *sqes;
};

static inline int uring_open(struct uring *u)
{
	memset(u, 0, sizeof(*u));
	u->fd = syscall(__NR_io_uring_setup, URING_ENTRIES, &u->p);
	if (u->fd < 0)
		return -errno;
	u->rings_len = u->p.cq_off.cqes +
		       u->p.cq_entries * sizeof(struct io_uring_cqe);
	if (u->rings_len < u->p.sq_off.array + u->p.sq_entries * 4)
		u->rings_len = u->p.sq_off.array + u->p.sq_entries * 4;
	u->rings = mmap(NULL, u->rings_len, PROT_READ | PROT_WRITE, MAP_SHARED,
			u->fd, IORING_OFF_SQ_RING);
	u->sqes = mmap(NULL, u->p.sq_entries * sizeof(*u->sqes),
		       PROT_READ | PROT_WRITE, MAP_SHARED, u->fd,
		       IORING_OFF_SQES);
	return u->rings == MAP_FAILED || (void *)u->sqes == MAP_FAILED ?
	       -ENOMEM : 0;
}

static inline void uring_close(struct uring *u)
{
	munmap(u->sqes, u->p.sq_entries * sizeof(*u->sqes));
	munmap(u->rings, u->rings_len);
	close(u->fd);
}

static inline int uring_command(struct uring *u, int fd, __u32 cmd_op,
				const void *cmd, size_t len, __u64 user_data)
{
	__u32 *tail = (__u32 *)(u->rings + u->p.sq_off.tail);
	__u32 mask = *(__u32 *)(u->rings + u->p.sq_off.ring_mask);
	__u32 *array = (__u32 *)(u->rings + u->p.sq_off.array);
	struct io_uring_sqe *sqe = &u->sqes[*tail & mask];
	int ret;

	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = fd;
	sqe->user_data = user_data;
	/* Members with other names in the header of some kernels. */
	memcpy((__u8 *)sqe + 8, &cmd_op, sizeof(cmd_op));
	memcpy((__u8 *)sqe + 48, cmd, len);
	array[*tail & mask] = *tail & mask;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	ret = syscall(__NR_io_uring_enter, u->fd, 1, 0, 0, NULL, 0);
	return ret == 1 ? 0 : ret < 0 ? -errno : -EPROTO;
}

static inline int uring_submit(struct uring *u, int fd,
			       const struct kvpool_op *op,
			       struct kvpool_completion *c)
{
	struct kvpool_uring cmd = { .op = kv_ptr(op), .completion = kv_ptr(c) };

	return uring_command(u, fd, KVPOOL_URING_OP, &cmd, sizeof(cmd),
			     op->user_data + 1000);
}

static inline bool uring_reap(struct uring *u, struct io_uring_cqe *out)
{
	__u32 *head = (__u32 *)(u->rings + u->p.cq_off.head);
	__u32 *tail = (__u32 *)(u->rings + u->p.cq_off.tail);
	__u32 mask = *(__u32 *)(u->rings + u->p.cq_off.ring_mask);
	struct io_uring_cqe *cqes = (void *)(u->rings + u->p.cq_off.cqes);

	if (*head == __atomic_load_n(tail, __ATOMIC_ACQUIRE))
		return false;
	*out = cqes[*head & mask];
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return true;
}

/* Waits for the next completion; its user_data, or a negative errno. */
static inline int uring_wait(struct uring *u, int *res)
{
	struct io_uring_cqe cqe = {};

	while (!uring_reap(u, &cqe))
		if (syscall(__NR_io_uring_enter, u->fd, 0, 1,
			    IORING_ENTER_GETEVENTS, NULL, 0) < 0 &&
		    errno != EINTR)
			return -errno;
	*res = cqe.res;
	return cqe.user_data - 1000;
}

#endif /* KVPOOL_URING_H */
