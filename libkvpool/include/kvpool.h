/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libkvpool: produce and consume KV-cache blocks in the host's pool.
 *
 * Link with -lkvpool (pkg-config libkvpool). The manual begins at libkvpool(3).
 */
#ifndef KVPOOL_H
#define KVPOOL_H

#include <linux/kvpool.h>

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * DOC: Conventions
 *
 * Calls return a negative errno when they fail as a whole, and describe the
 * failure in kvpool_last_error(). Calls on many keys return how many keys
 * succeeded and give a status for each: zero or a negative errno.
 *
 * Structures of options begin with @size, which the caller sets to the size of
 * the structure; members that are zero ask for the default, and a null pointer
 * in place of the options asks for all defaults.
 *
 * Thread safety: any number of threads may use a struct kvpool concurrently,
 * until kvpool_close(), and a struct kvpool_ring until kvpool_ring_destroy(). A
 * struct kvpool_batch and a struct kvpool_key_chain serve one thread at a time.
 * The library has no other shared state.
 *
 * Lengths and offsets are in bytes, times in nanoseconds.
 *
 * Keys, spans, operations, completions, information and statistics are the
 * structures of <linux/kvpool.h>. No function has the name of a structure, so
 * that C++ programs can leave out the word struct.
 */

/** struct kvpool - One open file of the pool. */
struct kvpool;

/** struct kvpool_batch - Blocks that are being produced or consumed. */
struct kvpool_batch;

/** struct kvpool_key_chain - State of a growing sequence of token ids. */
struct kvpool_key_chain;

/* ------------------------------------------------------------------------ */
/* Version                                                                  */
/* ------------------------------------------------------------------------ */

/* The version of this header. The build takes the version of the library from here. */
#define KVPOOL_VERSION_MAJOR	0
#define KVPOOL_VERSION_MINOR	1
#define KVPOOL_VERSION_PATCH	0

/** KVPOOL_VERSION_NUMBER() - a version as a number that can be compared. */
#define KVPOOL_VERSION_NUMBER(major, minor, patch) \
	((major) * 1000000U + (minor) * 1000U + (patch))

/** KVPOOL_VERSION - the version of this header as a number. */
#define KVPOOL_VERSION \
	KVPOOL_VERSION_NUMBER(KVPOOL_VERSION_MAJOR, KVPOOL_VERSION_MINOR, \
			      KVPOOL_VERSION_PATCH)

/**
 * kvpool_version() - The version of the library that is loaded
 *
 * It may differ from KVPOOL_VERSION, the version that the program was built
 * with.
 *
 * Return: major * 1000000 + minor * 1000 + patch.
 */
uint32_t kvpool_version(void);

/* ------------------------------------------------------------------------ */
/* Opening                                                                  */
/* ------------------------------------------------------------------------ */

/** KVPOOL_DEFAULT_DEVICE - used without a path and without $KVPOOL_DEVICE. */
#define KVPOOL_DEFAULT_DEVICE	"/dev/kvpool"

#define KVPOOL_OPEN_RDONLY	(1U << 0)	/* consume only */
#define KVPOOL_OPEN_NOMAP	(1U << 1)	/* do not map the arena */
#define KVPOOL_OPEN_INTERRUPTIBLE (1U << 2)	/* any signal ends any wait */

/**
 * struct kvpool_open_opts - How to open the pool
 * @size:	sizeof(struct kvpool_open_opts)
 * @flags:	KVPOOL_OPEN_*.
 * @device:	Path of the device; if null the environment's KVPOOL_DEVICE, if
 *		that is not set KVPOOL_DEFAULT_DEVICE.
 * @tenant:	Name of the tenant; if null, that of the file: "default".
 *
 * A call that waits does so until its time is over, whatever signals come: their
 * handlers run when it returns. With KVPOOL_OPEN_INTERRUPTIBLE a signal that is
 * not ignored ends the wait of every call on the pool, with the status or error
 * -EINTR; KVPOOL_CONSUME_INTERRUPTIBLE says so for one call.
 */
struct kvpool_open_opts {
	uint32_t size;
	uint32_t flags;
	const char *device;
	const char *tenant;
};

/**
 * kvpool_open() - Open the pool and map its arena
 * @pool: Where to store the pool; null when the call fails.
 * @opts: Options, or null.
 *
 * Return: 0 or a negative errno. kvpool_last_error() then says what to do.
 */
int kvpool_open(struct kvpool **pool, const struct kvpool_open_opts *opts);

/**
 * kvpool_open_fd() - Use a file of the device that is open already
 * @pool: Where to store the pool; null when the call fails.
 * @fd:	  The file. It belongs to the pool if the call succeeds, and is closed
 *	  then if @opts names a tenant, of which the pool opens a file.
 * @opts: Options, or null. @device must be null. KVPOOL_OPEN_RDONLY maps the
 *	  arena read-only; so is that of a file that is open for reading only.
 *
 * Return: 0 or a negative errno.
 */
int kvpool_open_fd(struct kvpool **pool, int fd, const struct kvpool_open_opts *opts);

/**
 * kvpool_close() - Unmap the arena and close the file
 * @pool: The pool, or null.
 *
 * All its batches and rings must have been destroyed, and no other thread may
 * use the pool. Leases end and reservations are aborted when the last descriptor
 * and the last mapping of the file are gone.
 */
void kvpool_close(struct kvpool *pool);

/**
 * kvpool_fd() - The file descriptor, for poll()
 * @pool: The pool.
 *
 * The descriptor becomes readable when a key that was pending in the last
 * kvpool_consume_begin() has been sealed, aborted or pre-empted, and while a
 * ring of the pool holds completions. It belongs to the pool.
 */
int kvpool_fd(const struct kvpool *pool);

/**
 * kvpool_base() - Where the arena is mapped
 * @pool: The pool.
 *
 * A span begins at kvpool_base() + span.offset. The mapping is
 * kvpool_info_cached()->arena_size bytes long. Addresses outside the spans that
 * the caller holds must not be touched: they raise SIGBUS or belong to other
 * blocks.
 *
 * Return: the address, or null when opened with KVPOOL_OPEN_NOMAP.
 */
void *kvpool_base(const struct kvpool *pool);

/**
 * kvpool_info_cached() - The module's information as it was at kvpool_open()
 * @pool: The pool.
 *
 * Version, limits, tenant and mode do not change while the file is open.
 * Features may: a fabric can be loaded later. kvpool_info_read() asks for them
 * now.
 *
 * Return: information that lives as long as the pool.
 */
const struct kvpool_info *kvpool_info_cached(const struct kvpool *pool);

/**
 * kvpool_info_read() - Ask the module for its information now
 * @pool: The pool.
 * @info: Where to store the information. Members that the module does not know
 *	  become zero.
 * @size: sizeof(*@info).
 *
 * Return: 0 or a negative errno.
 */
int kvpool_info_read(struct kvpool *pool, struct kvpool_info *info, size_t size);

/* ------------------------------------------------------------------------ */
/* Errors                                                                   */
/* ------------------------------------------------------------------------ */

/**
 * kvpool_last_error() - The error of the last failed call of this thread
 *
 * Return: a sentence that is valid until the thread's next call that fails,
 * or "" if no call has failed.
 */
const char *kvpool_last_error(void);

/**
 * kvpool_strerror() - The meaning of a status or return value
 * @error: An errno, negative or positive, or zero.
 *
 * Return: a constant string.
 */
const char *kvpool_strerror(int error);

/* ------------------------------------------------------------------------ */
/* Batches                                                                  */
/* ------------------------------------------------------------------------ */

/**
 * kvpool_batch_create() - Make an empty batch
 * @pool:    The pool that it works on.
 * @nr_keys: Keys to make room for; the batch grows when it gets more.
 * @batch:   Where to store the batch; null when the call fails.
 *
 * Keep a batch and use it many times: once it has seen its largest load it
 * allocates no memory.
 *
 * Return: 0, -EINVAL or -ENOMEM.
 */
int kvpool_batch_create(struct kvpool *pool, unsigned int nr_keys,
			struct kvpool_batch **batch);

/**
 * kvpool_batch_destroy() - Abort or end the blocks of a batch, and free it
 * @batch: The batch, or null.
 */
void kvpool_batch_destroy(struct kvpool_batch *batch);

/**
 * kvpool_batch_count() - Keys of the last begin
 * @batch: The batch.
 *
 * Blocks are addressed by their index in the array of keys.
 */
unsigned int kvpool_batch_count(const struct kvpool_batch *batch);

/**
 * kvpool_batch_held() - Reservations or leases that the batch holds now
 * @batch: The batch.
 */
unsigned int kvpool_batch_held(const struct kvpool_batch *batch);

/**
 * kvpool_block_status() - The status of a key
 * @batch: The batch.
 * @index: The index of the key.
 *
 * Return: 0 or a negative errno, of the last call on this batch that acted on
 * the key; -ECANCELED after an abort, -ERANGE if there is no such index.
 */
int kvpool_block_status(const struct kvpool_batch *batch, unsigned int index);

/**
 * kvpool_block_handle() - The handle of a reservation or lease
 * @batch: The batch.
 * @index: The index of the key.
 *
 * Return: the handle, or 0 when the batch holds none for this key.
 */
uint64_t kvpool_block_handle(const struct kvpool_batch *batch, unsigned int index);

/**
 * kvpool_block_route() - The route that a leased block took
 * @batch: The batch, filled by kvpool_consume_begin().
 * @index: The index of the key.
 *
 * Return: KVPOOL_ROUTE_LOCAL if the block was on this host, KVPOOL_ROUTE_RDMA
 * if that call read it from a peer; -EBADF if the batch holds no lease for
 * this key.
 */
int kvpool_block_route(const struct kvpool_batch *batch, unsigned int index);

/**
 * kvpool_block_length() - Length of a held block in bytes
 * @batch: The batch.
 * @index: The index of the key.
 *
 * Return: the length, or 0 when the batch does not hold the block.
 */
uint64_t kvpool_block_length(const struct kvpool_batch *batch, unsigned int index);

/**
 * kvpool_block_spans() - The pieces of a held block in the arena
 * @batch:    The batch.
 * @index:    The index of the key.
 * @nr_spans: Where to store their number, or null.
 *
 * Return: the spans in the order of the block's bytes, valid until the next
 * begin or the end of the batch; null when the batch does not hold the block.
 */
const struct kvpool_span *kvpool_block_spans(const struct kvpool_batch *batch,
					     unsigned int index, unsigned int *nr_spans);

/**
 * kvpool_block_at() - The address of a byte of a held block
 * @batch:  The batch.
 * @index:  The index of the key.
 * @offset: Offset of the byte in the block.
 * @avail:  Where to store how many bytes follow without a gap, or null.
 *
 * Memory of a lease must not be written.
 *
 * Return: the address, or null if the batch does not hold the block, @offset
 * is not below its length, or the arena is not mapped.
 */
void *kvpool_block_at(const struct kvpool_batch *batch, unsigned int index,
		      uint64_t offset, size_t *avail);

/**
 * kvpool_block_iov() - A held block as an I/O vector
 * @batch:  The batch.
 * @index:  The index of the key.
 * @iov:    Where to store it, or null if @nr_iov is zero.
 * @nr_iov: Room in @iov.
 *
 * Return: the number of pieces that the block has; of these, @nr_iov at most
 * were stored. -EINVAL if there is no @iov, -EBADF if the batch does not hold the block, -ENXIO if the
 * arena is not mapped.
 */
int kvpool_block_iov(const struct kvpool_batch *batch, unsigned int index,
		     struct iovec *iov, int nr_iov);

/**
 * kvpool_block_write() - Copy bytes into a reserved block
 * @batch:  The batch, filled by kvpool_produce_begin().
 * @index:  The index of the key.
 * @offset: Offset in the block.
 * @buf:    The bytes.
 * @length: Their number.
 *
 * Return: 0; -EBADF if the block is not reserved, -ERANGE if it is too short,
 * -ENXIO if the arena is not mapped.
 */
int kvpool_block_write(struct kvpool_batch *batch, unsigned int index,
		       uint64_t offset, const void *buf, size_t length);

/**
 * kvpool_block_read() - Copy bytes out of a held block
 * @batch:  The batch.
 * @index:  The index of the key.
 * @offset: Offset in the block.
 * @buf:    Where to store the bytes.
 * @length: Their number.
 *
 * Return: 0; -EBADF if the batch does not hold the block, -ERANGE if it is too
 * short, -ENXIO if the arena is not mapped.
 */
int kvpool_block_read(const struct kvpool_batch *batch, unsigned int index,
		      uint64_t offset, void *buf, size_t length);

/* ------------------------------------------------------------------------ */
/* Produce                                                                  */
/* ------------------------------------------------------------------------ */

#define KVPOOL_PRODUCE_NODE	   (1U << 0)	/* prefer the node in @node */
#define KVPOOL_PRODUCE_STRICT_NODE (1U << 1)	/* take no other node */
#define KVPOOL_PRODUCE_CHAIN	   (1U << 2)	/* consecutive blocks of a chain */

/**
 * struct kvpool_produce_opts - How to reserve
 * @size:   sizeof(struct kvpool_produce_opts)
 * @flags:  KVPOOL_PRODUCE_*.
 * @length: Length of every block where no array of lengths is given, bytes.
 * @node:   The NUMA node, with one of the flags; otherwise ignored, and the
 *	    caller's node is preferred.
 * @position: With KVPOOL_PRODUCE_CHAIN: position of the first block in its chain;
 *	    the head has zero. Otherwise zero.
 * @parent: With KVPOOL_PRODUCE_CHAIN and a position that is not zero: the key
 *	    before the first one. Otherwise null.
 *
 * The pool keeps a block while a block that continues it is there. Keys that this
 * library has made (see "Chained prefix keys") need no KVPOOL_PRODUCE_CHAIN: the
 * library remembers the places of the latest 262,144 of them in their chains, for
 * all threads of the process. The flag is for keys that the caller makes, each of
 * which continues the one before it.
 */
struct kvpool_produce_opts {
	uint32_t size;
	uint32_t flags;
	uint64_t length;
	int32_t node;
	uint32_t position;
	const struct kvpool_key *parent;
};

/**
 * kvpool_produce_begin() - Reserve space for new blocks
 * @batch:   A batch that holds nothing. Its former results are forgotten.
 * @keys:    The keys.
 * @lengths: Length of each block in bytes, KVPOOL_BLOCK_MIN to KVPOOL_BLOCK_MAX,
 *	     or null to use @opts->length for all.
 * @nr_keys: Number of keys, of any size.
 * @opts:    Options, or null if @lengths is given.
 *
 * The caller fills the blocks whose status is zero, and commits or aborts them.
 *
 * Return: the number of blocks reserved, or a negative errno; the batch holds
 * nothing then.
 */
int kvpool_produce_begin(struct kvpool_batch *batch, const struct kvpool_key *keys,
			 const uint64_t *lengths, unsigned int nr_keys,
			 const struct kvpool_produce_opts *opts);

/**
 * kvpool_produce_commit() - Seal reserved blocks: publish them, unchangeable
 * @batch: The batch.
 * @which: Indices of blocks that are reserved, in prefix order, or null for all
 *	   that still are.
 * @pins:  Pin of each block: in the order of @which, or of the keys where @which
 *	   is null. Or null to use @pin for all.
 * @nr:	   Number of indices; zero if @which is null.
 * @pin:   Zero, KVPOOL_PIN_SOFT or KVPOOL_PIN_HARD; not used where @pins is
 *	   given.
 *
 * A block whose status is -EDQUOT afterwards remains reserved.
 *
 * Return: the number of blocks sealed, or a negative errno; blocks that still
 * have a handle remain reserved.
 */
int kvpool_produce_commit(struct kvpool_batch *batch, const unsigned int *which,
			  const uint32_t *pins, unsigned int nr, uint32_t pin);

/**
 * kvpool_produce_abort() - Give reserved space back
 * @batch: The batch.
 * @which: Indices of blocks that are reserved, or null for all that still are.
 * @nr:	   Number of indices; zero if @which is null.
 *
 * The caller asserts that neither a thread nor a device writes to these blocks
 * any more.
 *
 * Return: the number of reservations aborted, or a negative errno.
 */
int kvpool_produce_abort(struct kvpool_batch *batch, const unsigned int *which,
			 unsigned int nr);

/* ------------------------------------------------------------------------ */
/* Consume                                                                  */
/* ------------------------------------------------------------------------ */

#define KVPOOL_CONSUME_PREFIX	(1U << 0)	/* stop at the first miss */
#define KVPOOL_CONSUME_REMOTE	(1U << 1)	/* ask peers for blocks that are not here */
#define KVPOOL_CONSUME_TRANSIENT (1U << 2)	/* with it: keep no copy here */
#define KVPOOL_CONSUME_INTERRUPTIBLE (1U << 3)	/* any signal ends the wait */

/** KVPOOL_WAIT_FOREVER - a timeout that does not end. */
#define KVPOOL_WAIT_FOREVER	UINT64_MAX

/**
 * struct kvpool_consume_opts - How to take leases
 * @size:	sizeof(struct kvpool_consume_opts)
 * @flags:	KVPOOL_CONSUME_*.
 * @timeout_ns:	How long the call may wait for pending keys and for peers, in
 *		total. With KVPOOL_CONSUME_REMOTE, zero is the module's default.
 * @length:	With KVPOOL_CONSUME_REMOTE, where no array of lengths is given:
 *		length of every block in bytes, which must be the one that the
 *		block has, here or at the peer. Otherwise zero.
 * @peer:	With KVPOOL_CONSUME_REMOTE: number of the peer to ask, or zero.
 *		Otherwise zero.
 * @reserved:	Zero.
 * @peer_name:	With KVPOOL_CONSUME_REMOTE, where @peer is zero: name of the peer
 *		to ask, or null for all peers. Otherwise null.
 *
 * With KVPOOL_CONSUME_REMOTE a block that is not in the pool of this host is
 * read from a peer and kept as a copy; with KVPOOL_CONSUME_TRANSIENT too its
 * space is free when the lease ends. The call waits for blocks that are pending
 * here. It asks for all keys together, also for those behind a miss.
 */
struct kvpool_consume_opts {
	uint32_t size;
	uint32_t flags;
	uint64_t timeout_ns;
	uint64_t length;
	uint32_t peer;
	uint32_t reserved;
	const char *peer_name;
};

/**
 * kvpool_consume_begin() - Take leases on blocks
 * @batch:   A batch that holds nothing. Its former results are forgotten.
 * @keys:    The keys.
 * @lengths: With KVPOOL_CONSUME_REMOTE: length of each block in bytes, or null
 *	     to use @opts->length for all. Otherwise null.
 * @nr_keys: Number of keys, of any size.
 * @opts:    Options, or null.
 *
 * Return: the number of blocks leased, the leading ones with
 * KVPOOL_CONSUME_PREFIX, or a negative errno; the batch holds nothing then.
 */
int kvpool_consume_begin(struct kvpool_batch *batch, const struct kvpool_key *keys,
			 const uint64_t *lengths, unsigned int nr_keys,
			 const struct kvpool_consume_opts *opts);

/**
 * kvpool_consume_end() - End leases
 * @batch: The batch.
 * @which: Indices of blocks that are leased, in prefix order, or null for all
 *	   that still are.
 * @nr:	   Number of indices; zero if @which is null.
 *
 * Return: the number of leases ended, or a negative errno.
 */
int kvpool_consume_end(struct kvpool_batch *batch, const unsigned int *which,
		       unsigned int nr);

/* ------------------------------------------------------------------------ */
/* Blocks that are in the pool                                              */
/* ------------------------------------------------------------------------ */

/**
 * kvpool_match_prefix() - How many leading keys are in the pool
 * @pool:    The pool.
 * @keys:    The keys.
 * @nr_keys: Their number.
 *
 * Takes no leases, so the answer may be outdated when it arrives.
 *
 * Return: the number, or a negative errno.
 */
int kvpool_match_prefix(struct kvpool *pool, const struct kvpool_key *keys,
			unsigned int nr_keys);

/**
 * kvpool_exists() - Which keys are in the pool
 * @pool:    The pool.
 * @keys:    The keys.
 * @nr_keys: Their number.
 * @status:  Where to store the status of each, or null.
 * @lengths: Where to store the length of each block, zero if it is not there,
 *	     or null.
 *
 * Return: the number of keys whose status is zero, or a negative errno.
 */
int kvpool_exists(struct kvpool *pool, const struct kvpool_key *keys,
		  unsigned int nr_keys, int *status, uint64_t *lengths);

/**
 * kvpool_remove() - Make blocks unknown
 * @pool:    The pool.
 * @keys:    The keys.
 * @nr_keys: Their number.
 * @status:  Where to store the status of each, or null.
 *
 * Leases on them stay valid.
 *
 * Return: the number of blocks removed, or a negative errno if the call failed
 * before the first. Keys that the call did not reach have its error as their
 * status.
 */
int kvpool_remove(struct kvpool *pool, const struct kvpool_key *keys,
		  unsigned int nr_keys, int *status);

/**
 * kvpool_pin() - Say which blocks are evicted last or never
 * @pool:    The pool.
 * @keys:    The keys.
 * @nr_keys: Their number.
 * @pin:     KVPOOL_PIN_SOFT, KVPOOL_PIN_HARD or zero for none.
 * @status:  Where to store the status of each, or null.
 *
 * Return: the number of blocks changed, or a negative errno if the call failed
 * before the first. Keys that the call did not reach have its error as their
 * status.
 */
int kvpool_pin(struct kvpool *pool, const struct kvpool_key *keys,
	       unsigned int nr_keys, uint32_t pin, int *status);

/**
 * kvpool_stats_read() - Read the statistics of the tenant
 * @pool:  The pool.
 * @stats: Where to store them. Members that the module does not know become
 *	   zero.
 * @size:  sizeof(*@stats).
 *
 * Return: 0 or a negative errno.
 */
int kvpool_stats_read(struct kvpool *pool, struct kvpool_stats *stats, size_t size);

/* ------------------------------------------------------------------------ */
/* Operations                                                               */
/* ------------------------------------------------------------------------ */

/**
 * DOC: Operations
 *
 * Work that may take time, because a key is pending or a block comes from
 * another host, can be done as an operation: a struct kvpool_op says what to
 * do, a struct kvpool_completion how the operation ended. <linux/kvpool.h>
 * describes both. The functions kvpool_op_*() fill an operation; members that
 * they do not take (@tag, @timeout_ns, @node, more flags) can be set afterwards.
 *
 * kvpool_run() waits for operations. With a ring they are submitted by
 * kvpool_ring_submit() and reaped by kvpool_ring_reap() when they have
 * completed, each exactly once and in any order; @user_data tells which
 * completion belongs to which operation.
 *
 * A lease that an operation took is its completion's @handle. It ends by
 * kvpool_op_release(), or with the pool. A reservation that an operation made is
 * its completion's @handle too. It ends by kvpool_op_seal(), by
 * kvpool_abort_handles(), or with the pool. kvpool_lease_iov() turns either
 * completion into an I/O vector.
 */

/*
 * KVPOOL_INLINE - how the functions kvpool_op_*() are declared. They are inline
 * in C and C++ programs. The library exports each of them under the same name,
 * for languages that cannot include this header; a generator of bindings for
 * such a language defines KVPOOL_INLINE as extern before it includes the header.
 */
#ifndef KVPOOL_INLINE
#define KVPOOL_INLINE	static inline
#endif

/**
 * kvpool_op_init() - Begin an operation that does nothing yet
 * @op:	       The operation.
 * @opcode:    enum kvpool_opcode.
 * @user_data: Comes back with the completion.
 */
KVPOOL_INLINE void kvpool_op_init(struct kvpool_op *op, uint32_t opcode, uint64_t user_data)
{
	memset(op, 0, sizeof(*op));
	op->opcode = opcode;
	op->user_data = user_data;
}

/**
 * kvpool_op_probe() - Say whether there is a block, and how long it is
 * @op:	       The operation.
 * @key:       The key.
 * @flags:     KVPOOL_OP_REMOTE to ask peers if the block is not here, or zero.
 * @peer:      Number of the peer to ask, or zero for all.
 * @user_data: Comes back with the completion.
 */
KVPOOL_INLINE void kvpool_op_probe(struct kvpool_op *op, const struct kvpool_key *key,
				   uint32_t flags, uint32_t peer, uint64_t user_data)
{
	kvpool_op_init(op, KVPOOL_OP_PROBE, user_data);
	op->key = *key;
	op->flags = flags;
	op->peer = peer;
}

/**
 * kvpool_op_lease() - Take a lease on a block of this host
 * @op:	       The operation.
 * @key:       The key.
 * @flags:     KVPOOL_OP_WAIT to wait while the key is pending, or zero.
 * @user_data: Comes back with the completion.
 */
KVPOOL_INLINE void kvpool_op_lease(struct kvpool_op *op, const struct kvpool_key *key,
				   uint32_t flags, uint64_t user_data)
{
	kvpool_op_init(op, KVPOOL_OP_LEASE, user_data);
	op->key = *key;
	op->flags = flags;
}

/**
 * kvpool_op_fetch() - Take a lease on a block, from a peer if it is not here
 * @op:	       The operation.
 * @key:       The key.
 * @length:    Length of the block in bytes, which a probe can tell.
 * @peer:      Number of the peer to ask, or zero for all.
 * @user_data: Comes back with the completion.
 *
 * The copy stays in the pool when the lease ends, unless KVPOOL_OP_TRANSIENT is
 * added to @flags. @node may name a NUMA node for it.
 */
KVPOOL_INLINE void kvpool_op_fetch(struct kvpool_op *op, const struct kvpool_key *key,
				   uint64_t length, uint32_t peer, uint64_t user_data)
{
	kvpool_op_init(op, KVPOOL_OP_LEASE, user_data);
	op->key = *key;
	op->flags = KVPOOL_OP_REMOTE;
	op->length = length;
	op->peer = peer;
	op->node = KVPOOL_NODE_ANY;
}

/**
 * kvpool_op_push() - Give a peer a copy of a block
 * @op:	       The operation.
 * @key:       The key.
 * @peer:      Number of the peer.
 * @user_data: Comes back with the completion.
 */
KVPOOL_INLINE void kvpool_op_push(struct kvpool_op *op, const struct kvpool_key *key,
				  uint32_t peer, uint64_t user_data)
{
	kvpool_op_init(op, KVPOOL_OP_PUSH, user_data);
	op->key = *key;
	op->peer = peer;
	op->node = KVPOOL_NODE_ANY;
}

/**
 * kvpool_op_release() - End a lease
 * @op:	       The operation.
 * @handle:    The lease.
 * @user_data: Comes back with the completion.
 */
KVPOOL_INLINE void kvpool_op_release(struct kvpool_op *op, uint64_t handle, uint64_t user_data)
{
	kvpool_op_init(op, KVPOOL_OP_RELEASE, user_data);
	op->handle = handle;
}

/**
 * kvpool_op_reserve() - Make room for a new block
 * @op:	       The operation.
 * @key:       The key.
 * @length:    Length of the block in bytes, KVPOOL_BLOCK_MIN to KVPOOL_BLOCK_MAX.
 * @user_data: Comes back with the completion.
 *
 * @node may name a NUMA node to prefer; with KVPOOL_OP_STRICT_NODE in @flags no
 * other node is taken.
 */
KVPOOL_INLINE void kvpool_op_reserve(struct kvpool_op *op, const struct kvpool_key *key,
				     uint64_t length, uint64_t user_data)
{
	kvpool_op_init(op, KVPOOL_OP_RESERVE, user_data);
	op->key = *key;
	op->length = length;
	op->node = KVPOOL_NODE_ANY;
}

/**
 * kvpool_op_chain() - Say where the block of an operation stands in its chain
 * @op:	       The operation: it reserves a block, or leases one that a peer may
 *	       have.
 * @parent:    The key of the block before it; not looked at if @position is zero,
 *	       and may be null then.
 * @position:  Its position in the chain; the head has zero.
 */
KVPOOL_INLINE void kvpool_op_chain(struct kvpool_op *op, const struct kvpool_key *parent,
				   uint32_t position)
{
	op->flags |= KVPOOL_OP_CHAIN;
	op->position = position;
	if (position)
		op->parent = *parent;
}

/**
 * kvpool_op_seal() - Publish a reserved block
 * @op:	       The operation.
 * @handle:    The reservation.
 * @flags:     KVPOOL_OP_PIN_SOFT, KVPOOL_OP_PIN_HARD or zero.
 * @user_data: Comes back with the completion.
 *
 * All that was written before the operation is submitted is published; transfers
 * by devices into the block must have ended.
 */
KVPOOL_INLINE void kvpool_op_seal(struct kvpool_op *op, uint64_t handle, uint32_t flags,
				  uint64_t user_data)
{
	kvpool_op_init(op, KVPOOL_OP_SEAL, user_data);
	op->handle = handle;
	op->flags = flags;
}

/**
 * kvpool_run() - Do operations and wait for them
 * @pool:	 The pool.
 * @ops:	 The operations.
 * @nr_ops:	 Their number, any.
 * @completions: Where to store how each operation ended, in the order of @ops.
 *
 * The operations are submitted kvpool_info_cached()->max_batch at a time. On a
 * pool that is open with KVPOOL_OPEN_INTERRUPTIBLE a signal that is not ignored
 * cancels operations that have not completed: status -EINTR.
 *
 * Return: the number of operations whose status is zero, or a negative errno if
 * nothing was done. If the module refuses a later batch, that is the status of
 * its operations and of those after it.
 */
int kvpool_run(struct kvpool *pool, const struct kvpool_op *ops, unsigned int nr_ops,
	       struct kvpool_completion *completions);

/**
 * kvpool_cancel_ops() - End operations that are in flight on a pool
 * @pool:  The pool.
 * @flags: KVPOOL_CANCEL_USER_DATA, KVPOOL_CANCEL_TAG or KVPOOL_CANCEL_ALL, and
 *	   KVPOOL_CANCEL_NOWAIT not to wait until they have completed.
 * @match: The user_data or tag to look for; zero with KVPOOL_CANCEL_ALL.
 *
 * Looks at the operations of all rings, and at those that other threads wait for
 * in kvpool_run(), kvpool_probe(), kvpool_push() and kvpool_consume_begin().
 * They complete as kvpool_ring_cancel() says.
 *
 * Return: the number of operations in flight that matched, or a negative errno.
 */
int kvpool_cancel_ops(struct kvpool *pool, uint32_t flags, uint64_t match);

/**
 * kvpool_lease_spans() - The pieces of a leased or reserved block in the arena
 * @pool:     The pool.
 * @handle:   The lease or reservation.
 * @spans:    Where to store them, in the order of the block's bytes; null if
 *	      @nr_spans is zero.
 * @nr_spans: Room in @spans.
 *
 * A completion has the first span. A block that lies in one piece has no other.
 *
 * Return: the number of spans that the block has; of these, @nr_spans at most
 * were stored. -ENOENT if there is no such handle.
 */
int kvpool_lease_spans(struct kvpool *pool, uint64_t handle, struct kvpool_span *spans,
		       unsigned int nr_spans);

/**
 * kvpool_lease_iov() - The block of a completion as an I/O vector
 * @pool:	The pool.
 * @completion: How a KVPOOL_OP_LEASE or KVPOOL_OP_RESERVE ended, while its handle
 *		lasts.
 * @iov:	Where to store the vector, or null if @nr_iov is zero.
 * @nr_iov:	Room in @iov.
 *
 * Does no system call where the block lies in one piece, or where @iov has room
 * for no more than the first piece. Memory of a lease must not be written.
 *
 * Return: the number of pieces that the block has; of these, @nr_iov at most
 * were stored. -EBADF if the completion has no handle, -ENXIO if the arena is
 * not mapped, -ENOENT if the handle has ended.
 */
int kvpool_lease_iov(struct kvpool *pool, const struct kvpool_completion *completion,
		     struct iovec *iov, int nr_iov);

/**
 * kvpool_abort_handles() - Give back the space of reservations
 * @pool:	The pool.
 * @handles:	The reservations, each the handle of a KVPOOL_OP_RESERVE.
 * @nr_handles: Their number, any.
 * @status:	Where to store the status of each, or null.
 *
 * The caller asserts that neither a thread nor a device writes to these blocks
 * any more.
 *
 * Return: the number of reservations aborted, or a negative errno if the call
 * failed before the first. Handles that the call did not reach have its error as
 * their status.
 */
int kvpool_abort_handles(struct kvpool *pool, const uint64_t *handles,
			 unsigned int nr_handles, int *status);

/* ------------------------------------------------------------------------ */
/* Rings                                                                    */
/* ------------------------------------------------------------------------ */

/** struct kvpool_ring - Operations of a pool that are submitted and reaped. */
struct kvpool_ring;

/**
 * struct kvpool_ring_opts - How to make a ring
 * @size:    sizeof(struct kvpool_ring_opts)
 * @flags:   Zero.
 * @entries: How many operations may be submitted and not reaped, up to 65536;
 *	     zero for 256. It is rounded up to a power of two.
 */
struct kvpool_ring_opts {
	uint32_t size;
	uint32_t flags;
	uint32_t entries;
};

/**
 * kvpool_ring_create() - Make a ring
 * @pool: A pool that is open for producing and has fewer than KVPOOL_RINGS_MAX
 *	  rings.
 * @opts: Options, or null.
 * @ring: Where to store the ring; null when the call fails.
 *
 * Each ring has its own completions and its own descriptor. Any number of
 * threads may use a ring concurrently, until kvpool_ring_destroy(); a ring for
 * each thread needs no lock that threads share.
 *
 * Return: 0 or a negative errno: -ENOSPC if the pool has KVPOOL_RINGS_MAX rings,
 * -EBADF if it is open for consuming only.
 */
int kvpool_ring_create(struct kvpool *pool, const struct kvpool_ring_opts *opts,
		       struct kvpool_ring **ring);

/**
 * kvpool_ring_destroy() - End the operations of a ring and free the ring
 * @ring: The ring, or null.
 *
 * Cancels the operations of this ring that are in flight and waits until no
 * device and no peer touches their memory. Leases and reservations in
 * completions that were not reaped end. Other rings go on. To be called before
 * kvpool_close().
 */
void kvpool_ring_destroy(struct kvpool_ring *ring);

/**
 * kvpool_ring_fd() - A descriptor for an event loop
 * @ring: The ring.
 *
 * An eventfd: it becomes readable when operations of this ring have completed.
 * A thread that waits on it reads its eight bytes first and then reaps until
 * nothing is left, and does not wait in kvpool_ring_reap() as well. The
 * descriptor belongs to the ring.
 */
int kvpool_ring_fd(const struct kvpool_ring *ring);

/**
 * kvpool_ring_entries() - How many operations there is room for
 * @ring: The ring.
 */
unsigned int kvpool_ring_entries(const struct kvpool_ring *ring);

/**
 * kvpool_ring_pending() - Operations that were submitted and not reaped
 * @ring: The ring.
 *
 * Those that another thread submits concurrently may count in full, also where
 * the ring has no room for all.
 */
unsigned int kvpool_ring_pending(const struct kvpool_ring *ring);

/**
 * kvpool_ring_submit() - Begin operations
 * @ring:   The ring.
 * @ops:    The operations; they may be changed when the call returns.
 * @nr_ops: Their number, any.
 *
 * Return: the number of operations that were begun, the first ones; each has
 * exactly one completion. The number is smaller than @nr_ops, or zero, when the
 * ring has no room until some are reaped. A negative errno if none was begun
 * because the module refuses an operation of the first batch, -EINVAL for
 * instance.
 */
int kvpool_ring_submit(struct kvpool_ring *ring, const struct kvpool_op *ops,
		       unsigned int nr_ops);

/**
 * kvpool_ring_reap() - Take completions
 * @ring:	 The ring.
 * @completions: Where to store them.
 * @nr:		 Room in @completions, at least 1.
 * @min:	 How many to wait for, up to @nr; zero does not wait.
 * @timeout_ns:	 How long, or KVPOOL_WAIT_FOREVER.
 *
 * Does no system call unless it waits. Submitting an operation that does
 * nothing, KVPOOL_OP_NOP, wakes a thread that waits.
 *
 * Return: the number of completions stored, fewer than @min if the time is over
 * or, with KVPOOL_OPEN_INTERRUPTIBLE, a signal came. -ETIMEDOUT or -EINTR if
 * there are none then.
 */
int kvpool_ring_reap(struct kvpool_ring *ring, struct kvpool_completion *completions,
		     unsigned int nr, unsigned int min, uint64_t timeout_ns);

/**
 * kvpool_ring_cancel() - End operations of a ring that are in flight
 * @ring:  The ring.
 * @flags: KVPOOL_CANCEL_USER_DATA, KVPOOL_CANCEL_TAG or KVPOOL_CANCEL_ALL, and
 *	   KVPOOL_CANCEL_NOWAIT not to wait until they have completed.
 * @match: The user_data or tag to look for; zero with KVPOOL_CANCEL_ALL.
 *
 * They complete with -ECANCELED, or as they would have if it was too late, and
 * have to be reaped in either case. When the call returns, unless
 * KVPOOL_CANCEL_NOWAIT was given, no device and no peer touches their memory.
 * Operations of other rings are not looked at; kvpool_cancel_ops() does that.
 *
 * Return: the number of operations in flight that matched, or a negative errno.
 */
int kvpool_ring_cancel(struct kvpool_ring *ring, uint32_t flags, uint64_t match);

/* ------------------------------------------------------------------------ */
/* Peers                                                                    */
/* ------------------------------------------------------------------------ */

/**
 * kvpool_peer_find() - The number of a peer
 * @pool: The pool.
 * @name: Name of the peer, as the administrator gave it.
 * @peer: Where to store the number, which operations and options take.
 *
 * A number is not used for another peer while the module is loaded.
 *
 * Return: 0 or a negative errno: -ENOENT if there is no such peer.
 */
int kvpool_peer_find(struct kvpool *pool, const char *name, uint32_t *peer);

/**
 * kvpool_peer_read_name() - The name of a peer
 * @pool: The pool.
 * @peer: Number of the peer, as in a completion.
 * @name: Where to store the name, with a NUL at its end.
 * @size: Room in @name; KVPOOL_NAME_SIZE bytes are always enough.
 *
 * Return: 0 or a negative errno: -ENOENT if there is no such peer, -ENOBUFS if
 * @name is too small.
 */
int kvpool_peer_read_name(struct kvpool *pool, uint32_t peer, char *name, size_t size);

/**
 * struct kvpool_remote_opts - Which peer, and how long to wait for it
 * @size:	sizeof(struct kvpool_remote_opts)
 * @peer:	Number of the peer, or zero.
 * @timeout_ns:	The longest time for the whole call; zero for the module's
 *		remote_timeout_ms.
 * @peer_name:	Where @peer is zero: name of the peer, or null for all peers.
 */
struct kvpool_remote_opts {
	uint32_t size;
	uint32_t peer;
	uint64_t timeout_ns;
	const char *peer_name;
};

/**
 * kvpool_probe() - Which keys are here or at a peer
 * @pool:    The pool.
 * @keys:    The keys.
 * @nr_keys: Their number.
 * @opts:    Options, or null.
 * @status:  Where to store the status of each, or null: -ENOENT if neither this
 *	     host nor a peer that was asked has the block.
 * @lengths: Where to store the length of each block, zero if it was not found,
 *	     or null.
 * @peers:   Where to store the number of the peer that has the block, zero for
 *	     this host, or null.
 *
 * Takes no leases, so the answer may be outdated when it arrives.
 *
 * Return: the number of keys found, or a negative errno.
 */
int kvpool_probe(struct kvpool *pool, const struct kvpool_key *keys, unsigned int nr_keys,
		 const struct kvpool_remote_opts *opts, int *status, uint64_t *lengths,
		 uint32_t *peers);

/**
 * kvpool_push() - Give a peer copies of blocks
 * @pool:    The pool, open for producing.
 * @keys:    The keys, in prefix order.
 * @nr_keys: Their number.
 * @opts:    Options that name a peer.
 * @status:  Where to store the status of each, or null: -EEXIST if the peer had
 *	     the block already.
 *
 * Return: the number of blocks that the peer has sealed, or a negative errno.
 */
int kvpool_push(struct kvpool *pool, const struct kvpool_key *keys, unsigned int nr_keys,
		const struct kvpool_remote_opts *opts, int *status);

/* ------------------------------------------------------------------------ */
/* Keys                                                                     */
/* ------------------------------------------------------------------------ */

/**
 * DOC: Chained prefix keys
 *
 * A prompt is cut into blocks of @block_tokens token ids. With || for
 * concatenation and le32() for the four bytes of a number, lowest first:
 *
 *   key[-1] = SHA-256(seed)
 *   key[i]  = SHA-256(key[i-1] || le32(token[i * block_tokens]) || ...
 *			|| le32(token[(i + 1) * block_tokens - 1]))
 *
 * So equal keys mean equal prompts up to and including that block. Tokens at
 * the end that do not fill a block have no key. The seed must differ wherever
 * the bytes of the cache would: model and revision, layout, data type, parallel
 * rank, @block_tokens.
 */

/**
 * kvpool_prefix_keys() - Make the keys of a whole prompt
 * @seed:	  The seed.
 * @seed_size:	  Its length in bytes; may be zero.
 * @block_tokens: Tokens per block, at least 1.
 * @tokens:	  The token ids.
 * @nr_tokens:	  Their number.
 * @keys:	  Where to store the keys.
 * @max_keys:	  Room in @keys.
 *
 * Return: the number of keys, @nr_tokens / @block_tokens; -EINVAL; -ENOBUFS if
 * @keys is too small, nothing was stored then.
 */
int kvpool_prefix_keys(const void *seed, size_t seed_size, uint32_t block_tokens,
		       const uint32_t *tokens, size_t nr_tokens,
		       struct kvpool_key *keys, size_t max_keys);

/**
 * kvpool_key_chain_create() - Begin a sequence that grows
 * @seed:	  The seed.
 * @seed_size:	  Its length in bytes; may be zero.
 * @block_tokens: Tokens per block, at least 1.
 * @chain:	  Where to store the chain; null when the call fails.
 *
 * Return: 0, -EINVAL or -ENOMEM.
 */
int kvpool_key_chain_create(const void *seed, size_t seed_size, uint32_t block_tokens,
			    struct kvpool_key_chain **chain);

/**
 * kvpool_key_chain_append() - Append tokens to a sequence
 * @chain:     The chain.
 * @tokens:    The token ids.
 * @nr_tokens: Their number.
 * @keys:      Where to store the keys of the blocks that became full.
 * @max_keys:  Room in @keys.
 *
 * Return: the number of keys; -EINVAL; -ENOBUFS if @keys is too small, nothing
 * was stored or appended then.
 */
int kvpool_key_chain_append(struct kvpool_key_chain *chain, const uint32_t *tokens,
			    size_t nr_tokens, struct kvpool_key *keys, size_t max_keys);

/**
 * kvpool_key_chain_clone() - Copy a sequence, so that the copies can diverge
 * @chain: The chain.
 * @clone: Where to store the copy; null when the call fails.
 *
 * Return: 0 or -ENOMEM.
 */
int kvpool_key_chain_clone(const struct kvpool_key_chain *chain,
			   struct kvpool_key_chain **clone);

/**
 * kvpool_key_chain_destroy() - Free a sequence
 * @chain: The chain, or null.
 */
void kvpool_key_chain_destroy(struct kvpool_key_chain *chain);

#ifdef __cplusplus
}
#endif

#endif /* KVPOOL_H */
