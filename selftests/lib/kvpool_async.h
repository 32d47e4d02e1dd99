/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kvpool_async.h: operations for the kselftest programs: submission, the
 * completion ring, cancellation.  As in kvpool_util.h nothing here asserts.
 */
#ifndef KVPOOL_ASYNC_H
#define KVPOOL_ASYNC_H

#include <sys/eventfd.h>

#include "kvpool_util.h"

/* Number of the first ring of a file. */
#define KV_RING_FIRST	1

struct kv_ring {
	struct kvpool_ring_setup setup;
	__u8 *map;
	__u32 *head, *tail;
	struct kvpool_completion *cqes;
	__u32 mask;
};

static inline int kv_ring_setup(int fd, struct kvpool_ring_setup *arg,
				__u32 entries, int eventfd)
{
	memset(arg, 0, sizeof(*arg));
	arg->size = sizeof(*arg);
	arg->entries = entries;
	arg->eventfd = eventfd;
	return kv_call(fd, KVPOOL_IOC_RING, arg);
}

/* Maps a ring that is set up. */
static inline int kv_ring_map(int fd, struct kv_ring *r)
{
	void *map = mmap(NULL, r->setup.length, PROT_READ | PROT_WRITE,
			 MAP_SHARED, fd, r->setup.offset);

	if (map == MAP_FAILED)
		return -errno;
	r->map = map;
	r->head = (__u32 *)(r->map + r->setup.head_offset);
	r->tail = (__u32 *)(r->map + r->setup.tail_offset);
	r->cqes = (void *)(r->map + r->setup.completions_offset);
	r->mask = r->setup.entries - 1;
	return 0;
}

static inline int kv_ring_open(int fd, struct kv_ring *r, __u32 entries)
{
	int ret = kv_ring_setup(fd, &r->setup, entries, -1);

	return ret ? ret : kv_ring_map(fd, r);
}

/*
 * Ends a ring; returns the number of operations that were in flight, or a
 * negative errno. The mapping stays.
 */
static inline int kv_ring_end(int fd, __u32 ring)
{
	struct kvpool_ring_end arg = { .size = sizeof(arg), .ring = ring };
	int ret = kv_call(fd, KVPOOL_IOC_RING_END, &arg);

	return ret ? ret : (int)arg.nr_done;
}

static inline void kv_ring_close(struct kv_ring *r)
{
	if (r->map)
		munmap(r->map, r->setup.length);
	r->map = NULL;
}

static inline __u32 kv_ring_ready(const struct kv_ring *r)
{
	return __atomic_load_n(r->tail, __ATOMIC_ACQUIRE) -
	       __atomic_load_n(r->head, __ATOMIC_RELAXED);
}

/* Takes the next completion; false if there is none. */
static inline bool kv_ring_reap(struct kv_ring *r, struct kvpool_completion *out)
{
	__u32 head = __atomic_load_n(r->head, __ATOMIC_RELAXED);

	if (head == __atomic_load_n(r->tail, __ATOMIC_ACQUIRE))
		return false;
	*out = r->cqes[head & r->mask];
	__atomic_store_n(r->head, head + 1, __ATOMIC_RELEASE);
	return true;
}

/* Waits for the next completion and takes it. */
static inline int kv_ring_wait(int fd, struct kv_ring *r,
			       struct kvpool_completion *out)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	memset(out, 0, sizeof(*out));
	while (!kv_ring_reap(r, out))
		if (poll(&p, 1, -1) < 0 && errno != EINTR)
			return -errno;
	return 0;
}

/* Operations */

static inline struct kvpool_op kv_op(__u32 opcode, __u32 flags, __u64 number,
				     __u64 user_data)
{
	struct kvpool_op op = {
		.opcode = opcode, .flags = flags, .user_data = user_data,
	};

	kv_key(&op.key, number);
	return op;
}

static inline struct kvpool_op kv_op_nop(__u64 user_data)
{
	return (struct kvpool_op){
		.opcode = KVPOOL_OP_NOP, .user_data = user_data,
	};
}

static inline struct kvpool_op kv_op_reserve(__u64 number, __u64 length,
					     __u64 user_data)
{
	struct kvpool_op op = kv_op(KVPOOL_OP_RESERVE, 0, number, user_data);

	op.length = length;
	op.node = KVPOOL_NODE_ANY;
	return op;
}

static inline struct kvpool_op kv_op_seal(__u64 handle, __u32 flags,
					  __u64 user_data)
{
	return (struct kvpool_op){
		.opcode = KVPOOL_OP_SEAL, .flags = flags,
		.user_data = user_data, .handle = handle,
	};
}

static inline struct kvpool_op kv_op_release(__u64 handle, __u64 user_data)
{
	return (struct kvpool_op){
		.opcode = KVPOOL_OP_RELEASE, .user_data = user_data,
		.handle = handle,
	};
}

/* Returns the number of operations begun, or a negative errno. */
static inline int kv_submit_ring(int fd, __u32 ring,
				 const struct kvpool_op *ops, __u32 n)
{
	struct kvpool_submit arg = {
		.size = sizeof(arg), .nr_ops = n, .ops = kv_ptr(ops),
		.ring = ring,
	};
	int ret = kv_call(fd, KVPOOL_IOC_SUBMIT, &arg);

	return ret ? ret : (int)arg.nr_done;
}

/* The same, to the first ring of the file. */
static inline int kv_submit(int fd, const struct kvpool_op *ops, __u32 n)
{
	return kv_submit_ring(fd, KV_RING_FIRST, ops, n);
}

/* Submits and waits; returns zero or a negative errno of the call. */
static inline int kv_submit_flags(int fd, __u32 flags,
				  const struct kvpool_op *ops, __u32 n,
				  struct kvpool_completion *results)
{
	struct kvpool_submit arg = {
		.size = sizeof(arg), .flags = flags, .nr_ops = n, .ops = kv_ptr(ops),
		.results = kv_ptr(results),
	};
	int ret = kv_call(fd, KVPOOL_IOC_SUBMIT, &arg);

	if (!ret && arg.nr_done != n)
		return -EPROTO;
	return ret;
}

static inline int kv_submit_wait(int fd, const struct kvpool_op *ops, __u32 n,
				 struct kvpool_completion *results)
{
	return kv_submit_flags(fd, 0, ops, n, results);
}

/* One operation, synchronously: its status. */
static inline int kv_do(int fd, const struct kvpool_op *op,
			struct kvpool_completion *result)
{
	struct kvpool_completion cqe;
	int ret = kv_submit_wait(fd, op, 1, &cqe);

	if (ret)
		return ret;
	if (result)
		*result = cqe;
	return cqe.user_data == op->user_data ? cqe.status : -EPROTO;
}

/*
 * Looks at the operations of one ring, or of the file (zero). Returns the
 * number of operations that matched, or a negative errno.
 */
static inline int kv_cancel_ring(int fd, __u32 ring, __u32 flags, __u64 match)
{
	struct kvpool_cancel arg = {
		.size = sizeof(arg), .flags = flags, .match = match,
		.ring = ring,
	};
	int ret = kv_call(fd, KVPOOL_IOC_CANCEL, &arg);

	return ret ? ret : (int)arg.nr_done;
}

static inline int kv_cancel(int fd, __u32 flags, __u64 match)
{
	return kv_cancel_ring(fd, 0, flags, match);
}

/* Finds the number of a peer; zero or a negative errno. */
static inline int kv_peer(int fd, const char *name, __u32 *peer)
{
	struct kvpool_peer_name arg = { .size = sizeof(arg) };
	int ret;

	memcpy(arg.name, name, strnlen(name, sizeof(arg.name)));
	ret = kv_call(fd, KVPOOL_IOC_PEER, &arg);
	if (!ret)
		*peer = arg.peer;
	return ret;
}

/* The block of a LEASE or RESERVE that has completed. */
static inline int kv_block_of(int fd, __u64 number,
			      const struct kvpool_completion *cqe,
			      struct kv_block *b)
{
	int ret;

	b->number = number;
	b->length = cqe->length;
	b->handle = cqe->handle;
	ret = kv_spans(fd, cqe->handle, b->span, KV_BLOCK_SPANS, 0,
		       &b->nr_spans);
	if (ret < 0)
		return ret;
	if (cqe->nr_spans != (__u32)ret ||
	    memcmp(&cqe->span, &b->span[0], sizeof(b->span[0])))
		return -EPROTO;
	return 0;
}

#endif /* KVPOOL_ASYNC_H */
