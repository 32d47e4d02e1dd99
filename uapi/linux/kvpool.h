/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * /dev/kvpool: one KV-cache pool for all LLM inference engines of a host.
 *
 * This header is the whole interface between the kvpool module and its users.
 * After the first release it may grow but not change: structures are extended
 * at their end, and the module accepts any @size from that of the first release
 * to its own.
 */
#ifndef _UAPI_LINUX_KVPOOL_H
#define _UAPI_LINUX_KVPOOL_H

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * DOC: General rules
 *
 * Every ioctl takes a pointer to a structure whose first member is its @size in
 * bytes. These errors are common to all ioctls:
 *
 * - ``ENOTTY``: the ioctl number is unknown to this module.
 * - ``EINVAL``: @size is smaller than that of the first release, a flag is
 *   unknown, a reserved member is not zero, or a value is outside its range.
 *   The call has changed nothing.
 * - ``E2BIG``: @size is larger than that of the module and the unknown part is
 *   not zero. The call has changed nothing.
 * - ``EFAULT``: a pointer does not lead to accessible memory. If the inputs
 *   could not be read, the call has changed nothing. If only the results could
 *   not be written, KVPOOL_IOC_RESERVE and KVPOOL_IOC_LEASE end the handles
 *   that they have made, and so does KVPOOL_IOC_SUBMIT with a results array;
 *   the effects of other calls stay.
 * - ``ENOMEM``: the kernel has no memory for the call itself.
 * - ``ENODEV``: an administrator has revoked the file, or lease_ms has. It has
 *   no leases, reservations and operations any more, its mappings of the arena
 *   raise SIGBUS, and poll() reports EPOLLHUP and EPOLLERR. A call that was in
 *   progress may have sealed, removed and pinned blocks before.
 *
 * Calls on many keys carry an array of entries and report the result of each
 * entry in its @status: zero or a negative errno. The ioctl itself then returns
 * zero, also if every entry failed. All entries are read and checked before the
 * first entry is executed, and entries are executed in their order.
 *
 * A handle names one reservation or one lease. It belongs to the open file that
 * it was made on; processes that share the file through fork() or SCM_RIGHTS
 * share the handle. When the last descriptor and the last mapping of an open
 * file are gone, its leases end and its reservations are aborted; if a task
 * that exits leaves thousands of them behind, soon after it has gone.
 *
 * An operation may take time. Operations are submitted with KVPOOL_IOC_SUBMIT
 * or through io_uring, and complete later, each exactly once, in any order. An
 * operation in flight belongs to the open file, as a handle does: it is
 * cancelled when the file ends. Cancelling is a fence: once the operation has
 * completed, no device and no peer writes to its memory or reads it.
 *
 * All calls may be used from several threads on one file concurrently.
 */

/** KVPOOL_ABI_VERSION - raised with each addition to this header. */
#define KVPOOL_ABI_VERSION	5

#define KVPOOL_KEY_SIZE		32
#define KVPOOL_NAME_SIZE	32

/* Limits that belong to this version of the ABI. */
#define KVPOOL_MAX_BATCH	1024			/* entries in one call */
#define KVPOOL_BLOCK_MIN	4096ULL			/* bytes */
#define KVPOOL_BLOCK_MAX	(256ULL << 20)		/* bytes */

/** KVPOOL_NODE_ANY - no preference for a NUMA node. */
#define KVPOOL_NODE_ANY		(-1)

/** KVPOOL_SPAN_NONE - the spans of this entry were not written. */
#define KVPOOL_SPAN_NONE	0xffffffffU

#define KVPOOL_IOC_TYPE		0xbb

/**
 * struct kvpool_key - The name of a block
 * @bytes: 32 bytes that the pool does not interpret. The same key of two
 *	   tenants names two blocks.
 * @words: The same bytes as words.
 */
struct kvpool_key {
	union {
		__u8 bytes[KVPOOL_KEY_SIZE];
		__aligned_u64 words[KVPOOL_KEY_SIZE / 8];
	};
};

/**
 * struct kvpool_span - A piece of a block in the mapping of the arena
 * @offset: Start of the span in bytes from the start of the arena, which is the
 *	    offset for mmap(); a multiple of 4096.
 * @length: Length in bytes. Only the last span of a block may have a
 *	    length that is not a multiple of 4096.
 */
struct kvpool_span {
	__aligned_u64 offset;
	__aligned_u64 length;
};

/**
 * struct kvpool_entry - One key of a call on many keys
 * @key:	In: the key.
 * @length:	KVPOOL_IOC_RESERVE, in: length of the block in bytes,
 *		KVPOOL_BLOCK_MIN to KVPOOL_BLOCK_MAX. Other calls, in: zero;
 *		out: length of the block if @status is zero.
 * @handle:	In: zero. Out: the reservation or lease, never zero if @status
 *		is zero and the call makes handles.
 * @status:	In: zero. Out: zero or a negative errno.
 * @span_index:	In: zero. Out: index in the span array of the first span of this
 *		block, or KVPOOL_SPAN_NONE if its spans did not fit. Either all
 *		spans of a block are written or none; KVPOOL_IOC_SPANS can read
 *		them later.
 * @nr_spans:	In: zero. Out: number of spans of this block.
 * @flags:	In: flags of this entry, as the call defines them. Out:
 *		unchanged.
 */
struct kvpool_entry {
	struct kvpool_key key;
	__aligned_u64 length;
	__aligned_u64 handle;
	__s32 status;
	__u32 span_index;
	__u32 nr_spans;
	__u32 flags;
};

/**
 * struct kvpool_handle_entry - One handle of a call on many handles
 * @handle: In: the handle.
 * @status: In: zero. Out: zero or a negative errno.
 * @flags:  In: flags of this entry, as the call defines them.
 */
struct kvpool_handle_entry {
	__aligned_u64 handle;
	__s32 status;
	__u32 flags;
};

/* Features that a module reports in struct kvpool_info. */
#define KVPOOL_FEATURE_MMAP_PIN	(1ULL << 0)	/* pin_user_pages() works on mappings */
#define KVPOOL_FEATURE_PREEMPT	(1ULL << 1)	/* stuck reservations are pre-empted */
#define KVPOOL_FEATURE_POLL	(1ULL << 2)	/* poll() reports settled keys */
#define KVPOOL_FEATURE_RING	(1ULL << 3)	/* operations: RING, SUBMIT, CANCEL */
#define KVPOOL_FEATURE_FABRIC	(1ULL << 4)	/* a fabric is loaded: peers can be named */
#define KVPOOL_FEATURE_URING	(1ULL << 5)	/* operations through io_uring */
#define KVPOOL_FEATURE_CHAIN	(1ULL << 6)	/* KVPOOL_RESERVE_CHAIN, KVPOOL_OP_CHAIN */

/**
 * struct kvpool_info - KVPOOL_IOC_INFO: version, features and limits
 * @size:	sizeof(struct kvpool_info)
 * @flags:	In: zero.
 * @abi_version: Out: KVPOOL_ABI_VERSION of the module.
 * @max_batch:	Out: most entries in one call.
 * @features:	Out: KVPOOL_FEATURE_*.
 * @arena_size:	Out: bytes of offset space that mmap() accepts. Space without
 *		memory behind it costs nothing; an access to it raises SIGBUS.
 * @chunk_size:	Out: bytes by which the arena grows and shrinks.
 * @block_min:	Out: shortest block, bytes.
 * @block_max:	Out: longest block, bytes.
 * @tenant:	Out: name of the tenant of the file, NUL-terminated.
 * @tenant_id:	Out: number of that tenant.
 * @mode:	Out: KVPOOL_MODE_*: the rights of this open file.
 * @context:	Out: number of this open file, by which an administrator can
 *		revoke it.
 * @reserved:	Out: zero.
 *
 * Errors: only those common to all ioctls.
 */
struct kvpool_info {
	__u32 size;
	__u32 flags;
	__u32 abi_version;
	__u32 max_batch;
	__aligned_u64 features;
	__aligned_u64 arena_size;
	__aligned_u64 chunk_size;
	__aligned_u64 block_min;
	__aligned_u64 block_max;
	__u8 tenant[KVPOOL_NAME_SIZE];
	__u32 tenant_id;
	__u32 mode;
	__u32 context;
	__u32 reserved;
};

#define KVPOOL_MODE_CONSUME	(1U << 0)	/* exists, lease, release */
#define KVPOOL_MODE_PRODUCE	(1U << 1)	/* reserve, seal, abort, remove, pin */

#define KVPOOL_IOC_INFO		_IO(KVPOOL_IOC_TYPE, 0x00)

/**
 * struct kvpool_open_tenant - KVPOOL_IOC_OPEN_TENANT: open a file of a tenant
 * @size:     sizeof(struct kvpool_open_tenant)
 * @flags:    In: zero.
 * @tenant:   In: name of the tenant, NUL-terminated.
 * @fd:	      In: zero. Out: a new file descriptor, with close-on-exec set.
 * @reserved: In: zero.
 *
 * A file that is opened by its name belongs to the tenant "default", and a file
 * never changes its tenant. This call opens the device once more, as a file of
 * another tenant, with the mode (reading, writing, O_NONBLOCK) and the
 * credentials of this file, which stays as it is and may be closed. The
 * credentials must be those of the tenant's owner (its uid), of a member of its
 * group (its gid), or have CAP_SYS_ADMIN.
 *
 * Errors: ``ENOENT`` no such tenant; ``EACCES`` the credentials do not allow
 * it; ``EMFILE``, ``ENFILE`` too many open files; ``EINVAL`` the name is not
 * terminated.
 */
struct kvpool_open_tenant {
	__u32 size;
	__u32 flags;
	__u8 tenant[KVPOOL_NAME_SIZE];
	__s32 fd;
	__u32 reserved;
};

#define KVPOOL_IOC_OPEN_TENANT	_IO(KVPOOL_IOC_TYPE, 0x01)

/* Flags of struct kvpool_reserve. */
#define KVPOOL_RESERVE_STRICT_NODE (1U << 0)	/* only on the named node */
#define KVPOOL_RESERVE_CHAIN	(1U << 1)	/* consecutive blocks of a chain */

/**
 * struct kvpool_reserve - KVPOOL_IOC_RESERVE: reserve space for new blocks
 * @size:	sizeof(struct kvpool_reserve)
 * @flags:	In: KVPOOL_RESERVE_*.
 * @nr_entries:	In: number of entries, 1 to KVPOOL_MAX_BATCH.
 * @nr_spans:	In: room in @spans, in spans. Out: spans written.
 * @entries:	In: pointer to an array of struct kvpool_entry, @flags zero.
 * @spans:	In: pointer to an array of struct kvpool_span; zero if @nr_spans
 *		is zero.
 * @node:	In: NUMA node to prefer, or KVPOOL_NODE_ANY for the caller's.
 * @nr_done:	In: zero. Out: entries with status zero.
 * @parent:	With KVPOOL_RESERVE_CHAIN and a @position that is not zero, in:
 *		key of the block before the first entry. Otherwise zero.
 * @position:	With KVPOOL_RESERVE_CHAIN, in: position of the first entry in
 *		its chain; the head of a chain has zero. Otherwise zero.
 * @reserved:	In: zero.
 *
 * First, all keys that are unknown become pending. Then their blocks get space
 * in the order of the array, for which other blocks are evicted if necessary
 * and allowed. A key whose block gets no space becomes unknown. The content of
 * the space is undefined: it may hold bytes of earlier blocks of the same
 * tenant, never of another tenant. The owner fills the space through its
 * mapping and seals or aborts the reservation. A reservation that is older than
 * the knob preempt_ms is pre-empted when its key is reserved next.
 *
 * With KVPOOL_RESERVE_CHAIN, each entry is the parent of the entry after it. A
 * block is not evicted while a block that names it as parent is sealed or
 * pending, so what remains of a chain begins at its head. Orphans, blocks whose
 * parent is neither sealed nor pending, and what continues them, are evicted
 * before other blocks. That holds for entries that get ``-EEXIST`` or
 * ``-EBUSY`` too: a call that makes a missing parent ends that state of the
 * blocks that it names after it, and, for a number of parents that were missed
 * most recently, also of those that had named it before. A block has one parent for good, at one
 * position; what contradicts that, or would be a cycle, has no effect on other
 * blocks. Positions from 16777215 on, and more than 16777212 blocks with one
 * parent, are not noted.
 *
 * The ioctl fails with ``EBADF`` if the file is not open for writing, and with
 * ``EINVAL`` if @node is neither KVPOOL_NODE_ANY nor a node with a tier, or is
 * KVPOOL_NODE_ANY with KVPOOL_RESERVE_STRICT_NODE.
 *
 * Status: ``-EEXIST`` the key is sealed, take a lease instead; ``-EBUSY`` the
 * key is pending in this or another file, a lease can wait for it; ``-ENOSPC``
 * the tier is full of blocks that may not be evicted; ``-EDQUOT`` the tenant's
 * quota is full of such blocks, or less than the block; ``-EMFILE`` the file
 * has reached its limit of handles; ``-ENOMEM`` the kernel has no memory for
 * the block's description; ``-EINTR`` a fatal signal interrupted the call.
 */
struct kvpool_reserve {
	__u32 size;
	__u32 flags;
	__u32 nr_entries;
	__u32 nr_spans;
	__aligned_u64 entries;
	__aligned_u64 spans;
	__s32 node;
	__u32 nr_done;
	struct kvpool_key parent;
	__u32 position;
	__u32 reserved;
};

#define KVPOOL_IOC_RESERVE	_IO(KVPOOL_IOC_TYPE, 0x02)

/* Flags of an entry of KVPOOL_IOC_SEAL and KVPOOL_IOC_PIN. At most one. */
#define KVPOOL_PIN_SOFT		(1U << 0)	/* evicted after the unpinned */
#define KVPOOL_PIN_HARD		(1U << 1)	/* not evicted; counts against the pin quota */

/**
 * struct kvpool_handles - KVPOOL_IOC_SEAL, _ABORT, _RELEASE: end handles
 * @size:	sizeof(struct kvpool_handles)
 * @flags:	In: zero.
 * @nr_entries:	In: number of entries, 1 to KVPOOL_MAX_BATCH.
 * @nr_done:	In: zero. Out: entries with status zero.
 * @entries:	In: pointer to an array of struct kvpool_handle_entry.
 *
 * KVPOOL_IOC_SEAL publishes reserved blocks: a later lease of the block sees
 * all bytes that were written before the call, and the block is immutable.
 * Entries may carry KVPOOL_PIN_*. The handle ends unless the status is
 * ``-EDQUOT``. Put the blocks of a prefix in prefix order: the head of the
 * array becomes the most recently used. Keep the leases on earlier blocks of
 * the prefix until its new blocks are sealed; otherwise the new blocks are
 * younger than the blocks that they continue.
 *
 * KVPOOL_IOC_ABORT releases reserved space and makes the keys unknown. The
 * caller guarantees that no CPU and no device writes to the space any more.
 *
 * KVPOOL_IOC_RELEASE ends leases. Put the blocks of a prefix in prefix order,
 * so that its tail is evicted before its head. @flags of the entries are zero.
 *
 * The ioctl fails with ``EBADF`` if the file is not open for writing (seal,
 * abort) or not open for reading (release).
 *
 * Status: ``-ENOENT`` no such handle, or a handle of the other kind;
 * ``-ESTALE`` (seal) the reservation was pre-empted, or what was cached has been
 * dropped since: the bytes are lost and the handle ends; ``-EDQUOT`` (seal with
 * KVPOOL_PIN_HARD) the pin quota would be exceeded: the reservation stays as it
 * was.
 */
struct kvpool_handles {
	__u32 size;
	__u32 flags;
	__u32 nr_entries;
	__u32 nr_done;
	__aligned_u64 entries;
};

#define KVPOOL_IOC_SEAL		_IO(KVPOOL_IOC_TYPE, 0x03)
#define KVPOOL_IOC_ABORT	_IO(KVPOOL_IOC_TYPE, 0x04)
#define KVPOOL_IOC_RELEASE	_IO(KVPOOL_IOC_TYPE, 0x06)

/* Flags of struct kvpool_lookup. */
#define KVPOOL_LOOKUP_PREFIX	(1U << 0)	/* stop at the first miss */
#define KVPOOL_LOOKUP_WAIT	(1U << 1)	/* wait for pending keys (lease only) */
#define KVPOOL_LOOKUP_INTERRUPTIBLE (1U << 2)	/* with it: any signal ends the wait */

/**
 * struct kvpool_lookup - KVPOOL_IOC_LEASE, KVPOOL_IOC_EXISTS: find blocks
 * @size:	sizeof(struct kvpool_lookup)
 * @flags:	In: KVPOOL_LOOKUP_*.
 * @nr_entries:	In: number of entries, 1 to KVPOOL_MAX_BATCH.
 * @nr_spans:	In: room in @spans, in spans. Out: spans written.
 * @entries:	In: pointer to an array of struct kvpool_entry, @flags zero.
 * @spans:	In: pointer to an array of struct kvpool_span; zero if @nr_spans
 *		is zero.
 * @timeout_ns:	In: with KVPOOL_LOOKUP_WAIT, the longest time that the whole
 *		call waits, in nanoseconds; zero does not wait. Otherwise zero.
 *		A key that is still pending does not get ``-ETIMEDOUT`` earlier,
 *		whatever signals are handled meanwhile.
 * @nr_hits:	In: zero. Out: entries with status zero; with
 *		KVPOOL_LOOKUP_PREFIX these are the leading entries.
 * @nr_more:	In: with KVPOOL_LOOKUP_PREFIX, number of keys of the same prefix
 *		that the caller looks up next if all of @entries are hits. If
 *		the call stops they count as asked for: see @lookups of struct
 *		kvpool_stats. Otherwise zero.
 *
 * KVPOOL_IOC_LEASE takes a lease on every sealed block that it finds. While a
 * lease lasts, the block is neither evicted nor moved, and its spans stay
 * valid. A removed block stays readable through its leases.
 *
 * KVPOOL_IOC_EXISTS takes no leases and writes no spans: @spans, @nr_spans and
 * @timeout_ns are zero. Its results may be outdated when it returns.
 *
 * Signals that have a handler do not end a wait: the handlers run when the call
 * returns. With KVPOOL_LOOKUP_INTERRUPTIBLE they end it.
 *
 * A call of KVPOOL_IOC_LEASE that leaves keys pending arms poll(): the file
 * becomes readable (POLLIN) when one of these keys has been sealed, aborted or
 * pre-empted, and where memory is short perhaps earlier. The next
 * KVPOOL_IOC_LEASE disarms poll(), or arms it for the keys that it leaves
 * pending.
 *
 * Both ioctls fail with ``EBADF`` if the file is not open for reading.
 *
 * Status: ``-ENOENT`` no such block; ``-EINPROGRESS`` the key is pending;
 * ``-ETIMEDOUT`` (wait) the key was still pending after @timeout_ns; ``-EINTR``
 * a fatal signal, or with KVPOOL_LOOKUP_INTERRUPTIBLE any signal that is not
 * ignored, ended the wait or the call, and the entries after this one were not
 * looked up and have the same status; ``-ENOMEM`` (wait) the kernel has no
 * memory to wait; ``-EMFILE`` the file has reached its limit of handles;
 * ``-ECANCELED`` (prefix) not looked up, because an earlier key missed.
 */
struct kvpool_lookup {
	__u32 size;
	__u32 flags;
	__u32 nr_entries;
	__u32 nr_spans;
	__aligned_u64 entries;
	__aligned_u64 spans;
	__aligned_u64 timeout_ns;
	__u32 nr_hits;
	__u32 nr_more;
};

#define KVPOOL_IOC_LEASE	_IO(KVPOOL_IOC_TYPE, 0x05)
#define KVPOOL_IOC_EXISTS	_IO(KVPOOL_IOC_TYPE, 0x07)

/**
 * struct kvpool_keys - KVPOOL_IOC_REMOVE, KVPOOL_IOC_PIN: change sealed blocks
 * @size:	sizeof(struct kvpool_keys)
 * @flags:	In: zero.
 * @nr_entries:	In: number of entries, 1 to KVPOOL_MAX_BATCH.
 * @nr_done:	In: zero. Out: entries with status zero.
 * @entries:	In: pointer to an array of struct kvpool_entry.
 *
 * KVPOOL_IOC_REMOVE makes sealed blocks unknown: when it returns, lookups do
 * not find them. Their memory is freed when their last lease ends. @flags of
 * the entries are zero.
 *
 * KVPOOL_IOC_PIN sets the pin of sealed blocks to the @flags of the entry, zero
 * for none. Pins outlive the file.
 *
 * The ioctl fails with ``EBADF`` if the file is not open for writing.
 *
 * Status: ``-ENOENT`` no such block; ``-EBUSY`` the key is pending;
 * ``-EDQUOT`` (pin) the pin quota would be exceeded.
 */
struct kvpool_keys {
	__u32 size;
	__u32 flags;
	__u32 nr_entries;
	__u32 nr_done;
	__aligned_u64 entries;
};

#define KVPOOL_IOC_REMOVE	_IO(KVPOOL_IOC_TYPE, 0x08)
#define KVPOOL_IOC_PIN		_IO(KVPOOL_IOC_TYPE, 0x09)

/**
 * struct kvpool_spans - KVPOOL_IOC_SPANS: read the spans of a handle
 * @size:	sizeof(struct kvpool_spans)
 * @flags:	In: zero.
 * @handle:	In: a reservation or a lease of this file.
 * @spans:	In: pointer to an array of struct kvpool_span.
 * @nr_spans:	In: room in @spans, in spans, up to 65536. Out: spans written.
 * @first:	In: index of the first span to write.
 * @total:	In: zero. Out: number of spans of the block.
 * @reserved:	In: zero.
 *
 * Errors: ``ENOENT`` no such handle; ``ESTALE`` the reservation was pre-empted;
 * ``ERANGE`` @first is beyond the last span.
 */
struct kvpool_spans {
	__u32 size;
	__u32 flags;
	__aligned_u64 handle;
	__aligned_u64 spans;
	__u32 nr_spans;
	__u32 first;
	__u32 total;
	__u32 reserved;
};

#define KVPOOL_IOC_SPANS	_IO(KVPOOL_IOC_TYPE, 0x0a)

/**
 * struct kvpool_stats - KVPOOL_IOC_STATS: statistics of the file's tenant
 * @size:		sizeof(struct kvpool_stats)
 * @flags:		In: zero.
 * @blocks:		Out: sealed blocks that lookups find.
 * @bytes:		Out: bytes of arena allocated to blocks, including
 *			pending, removed and quarantined blocks.
 * @arena_bytes:	Out: bytes of memory that the tenant's arena holds.
 * @quota_bytes:	Out: most that @arena_bytes may be; zero if unlimited.
 * @pinned_bytes:	Out: bytes of hard-pinned blocks.
 * @pin_quota_bytes:	Out: most that @pinned_bytes may be.
 * @quarantined_bytes:	Out: bytes of reservations whose owner has ended while
 *			their memory had a DMA pin, and of pre-empted
 *			reservations that their owner has not ended.
 * @pending:		Out: reservations not sealed, aborted or pre-empted.
 * @leases:		Out: leases that have not ended.
 * @lookups:		Out: keys that calls have asked to lease, also those
 *			that a call did not look up because an earlier key of
 *			its prefix missed. A key that is asked for twice counts
 *			twice.
 * @hits:		Out: those of @lookups that got a lease: @local_hits and
 *			@peer_hits. The hit rate is @hits / @lookups.
 * @local_hits:		Out: leases on blocks that were here.
 * @local_bytes:	Out: bytes of those blocks.
 * @peer_hits:		Out: leases on blocks that were fetched from a peer for
 *			the lease.
 * @peer_bytes:		Out: bytes of those blocks.
 * @probes:		Out: keys that KVPOOL_IOC_EXISTS and KVPOOL_OP_PROBE were
 *			asked about, counted as for @lookups. They count
 *			apart from it, because who asks mostly leases then.
 * @probe_hits:		Out: those of @probes that found a sealed block.
 * @produced_blocks:	Out: blocks sealed.
 * @produced_bytes:	Out: bytes of the blocks sealed.
 * @consumed_bytes:	Out: bytes of the blocks that were leased: @local_bytes
 *			and @peer_bytes.
 * @copied_bytes:	Out: bytes that the kernel copied with a CPU.
 * @evicted_blocks:	Out: blocks evicted.
 * @evicted_bytes:	Out: bytes of the blocks evicted.
 * @removed_blocks:	Out: blocks removed by KVPOOL_IOC_REMOVE.
 * @aborted_blocks:	Out: reservations aborted by their owner or by its end.
 * @preempted_blocks:	Out: reservations pre-empted.
 * @rejected:		Out: reservations that found no space.
 * @fetched_blocks:	Out: blocks read from a peer.
 * @fetched_bytes:	Out: bytes of the blocks read from a peer.
 * @pushed_blocks:	Out: blocks written to a peer.
 * @pushed_bytes:	Out: bytes of the blocks written to a peer.
 * @served_blocks:	Out: blocks that peers have read from this host.
 * @served_bytes:	Out: bytes that peers have read from this host.
 * @received_blocks:	Out: blocks that peers have written to this host.
 * @received_bytes:	Out: bytes of the blocks that peers have written.
 * @cancelled_ops:	Out: operations that were cancelled, by request, by a
 *			signal, by the end of their file, or by a miss before
 *			them (KVPOOL_OP_PREFIX).
 * @timedout_ops:	Out: operations that reached their deadline.
 * @described_bytes:	Out: bytes that the kernel needs to describe blocks and
 *			where they lie. They count against the quota: the arena
 *			has a chunk less for each chunk that they would fill.
 * @pushed_in_bytes:	Out: bytes of arena that belong to blocks that peers have
 *			pushed or are pushing to this host.
 * @push_quota_bytes:	Out: most that @pushed_in_bytes may be; zero if
 *			unlimited.
 *
 * The numbers are read while they may change: each is exact only while the
 * tenant is idle, and otherwise they may not add up.
 *
 * Errors: only those common to all ioctls.
 */
struct kvpool_stats {
	__u32 size;
	__u32 flags;
	__aligned_u64 blocks;
	__aligned_u64 bytes;
	__aligned_u64 arena_bytes;
	__aligned_u64 quota_bytes;
	__aligned_u64 pinned_bytes;
	__aligned_u64 pin_quota_bytes;
	__aligned_u64 quarantined_bytes;
	__aligned_u64 pending;
	__aligned_u64 leases;
	__aligned_u64 lookups;
	__aligned_u64 hits;
	__aligned_u64 local_hits;
	__aligned_u64 local_bytes;
	__aligned_u64 peer_hits;
	__aligned_u64 peer_bytes;
	__aligned_u64 probes;
	__aligned_u64 probe_hits;
	__aligned_u64 produced_blocks;
	__aligned_u64 produced_bytes;
	__aligned_u64 consumed_bytes;
	__aligned_u64 copied_bytes;
	__aligned_u64 evicted_blocks;
	__aligned_u64 evicted_bytes;
	__aligned_u64 removed_blocks;
	__aligned_u64 aborted_blocks;
	__aligned_u64 preempted_blocks;
	__aligned_u64 rejected;
	__aligned_u64 fetched_blocks;
	__aligned_u64 fetched_bytes;
	__aligned_u64 pushed_blocks;
	__aligned_u64 pushed_bytes;
	__aligned_u64 served_blocks;
	__aligned_u64 served_bytes;
	__aligned_u64 received_blocks;
	__aligned_u64 received_bytes;
	__aligned_u64 cancelled_ops;
	__aligned_u64 timedout_ops;
	__aligned_u64 described_bytes;
	__aligned_u64 pushed_in_bytes;
	__aligned_u64 push_quota_bytes;
};

#define KVPOOL_IOC_STATS	_IO(KVPOOL_IOC_TYPE, 0x0b)

/* Operations */

#define KVPOOL_RING_ENTRIES_MAX	65536U		/* completions in one ring */
#define KVPOOL_RINGS_MAX	64U		/* rings of one file */

/**
 * struct kvpool_ring_setup - KVPOOL_IOC_RING: make a completion ring
 * @size:		sizeof(struct kvpool_ring_setup)
 * @flags:		In: zero.
 * @entries:		In: most operations that are in flight or whose
 *			completion is not reaped, 1 to KVPOOL_RING_ENTRIES_MAX.
 *			Out: the value rounded up to a power of two.
 * @eventfd:		In: an eventfd that is signalled when completions have
 *			been added, or -1.
 * @offset:		Out: the offset for mmap(), with PROT_READ | PROT_WRITE
 *			and MAP_SHARED.
 * @length:		Out: bytes to map.
 * @head_offset:	Out: offset of the head in the mapping, a __u32.
 * @tail_offset:	Out: offset of the tail in the mapping, a __u32.
 * @completions_offset:	Out: offset in the mapping of the array of @entries
 *			struct kvpool_completion.
 * @ring:		In: zero. Out: number of the ring, from 1, for
 *			KVPOOL_IOC_SUBMIT, _CANCEL and _RING_END.
 *
 * A file has up to KVPOOL_RINGS_MAX rings. A ring lasts until
 * KVPOOL_IOC_RING_END or the end of the file; then its number may be reused.
 * Both indices run freely and wrap at 2^32; completion number n is at n modulo
 * @entries. The module writes completions and then the tail; the user reads the
 * tail (acquire), reads the completions between head and tail, and writes the
 * head (release). That needs no call, and poll() reports POLLIN while any ring
 * of the file holds completions.
 *
 * The module keeps its own tail. It reads only the head from the mapping, and
 * only to compute the free room. Room is reserved when an operation is
 * submitted, so no completion is dropped. A program that writes a wrong head or
 * writes to the completions affects only the completions that it reads itself.
 * A head more than @entries behind the tail counts as a full ring.
 *
 * Errors: ``EBADF`` the file is not open for reading and writing, which the
 * mapping needs (KVPOOL_IOC_SUBMIT with a results array needs no ring), or
 * @eventfd is not a descriptor; ``ENOSPC`` the file has KVPOOL_RINGS_MAX rings;
 * ``EINVAL`` @entries is out of its range, or @eventfd is not an eventfd.
 */
struct kvpool_ring_setup {
	__u32 size;
	__u32 flags;
	__u32 entries;
	__s32 eventfd;
	__aligned_u64 offset;
	__aligned_u64 length;
	__u32 head_offset;
	__u32 tail_offset;
	__u32 completions_offset;
	__u32 ring;
};

#define KVPOOL_IOC_RING		_IO(KVPOOL_IOC_TYPE, 0x0c)

/**
 * struct kvpool_ring_end - KVPOOL_IOC_RING_END: end a completion ring
 * @size:	sizeof(struct kvpool_ring_end)
 * @flags:	In: zero.
 * @ring:	In: number of the ring.
 * @nr_done:	In: zero. Out: operations in flight that were cancelled.
 *
 * New submissions to the ring fail, its operations in flight are cancelled, and
 * the call waits until they have completed. Their completions can still be read
 * while the ring is mapped; leases and reservations in them last until they are
 * ended or the file is closed.
 *
 * Errors: ``EBADF`` the file is not open for reading and writing; ``ENOENT`` no
 * such ring; ``EINTR`` a fatal signal interrupted the wait (the ring still
 * ends).
 */
struct kvpool_ring_end {
	__u32 size;
	__u32 flags;
	__u32 ring;
	__u32 nr_done;
};

#define KVPOOL_IOC_RING_END	_IO(KVPOOL_IOC_TYPE, 0x0f)

/**
 * enum kvpool_opcode - Kind of an operation
 * @KVPOOL_OP_NOP:	Complete without doing anything.
 * @KVPOOL_OP_PROBE:	Tell whether a block exists, and its length.
 * @KVPOOL_OP_LEASE:	Take a lease on a block.
 * @KVPOOL_OP_RELEASE:	End a lease.
 * @KVPOOL_OP_PUSH:	Write a block to a peer, which seals it.
 * @KVPOOL_OP_RESERVE:	Reserve space for a new block.
 * @KVPOOL_OP_SEAL:	Publish a reserved block.
 */
enum kvpool_opcode {
	KVPOOL_OP_NOP,
	KVPOOL_OP_PROBE,
	KVPOOL_OP_LEASE,
	KVPOOL_OP_RELEASE,
	KVPOOL_OP_PUSH,
	KVPOOL_OP_RESERVE,
	KVPOOL_OP_SEAL,
};

/* Flags of an operation. */
#define KVPOOL_OP_WAIT		(1U << 0)	/* LEASE: wait for a pending key */
#define KVPOOL_OP_REMOTE	(1U << 1)	/* PROBE, LEASE: also ask peers */
#define KVPOOL_OP_TRANSIENT	(1U << 2)	/* LEASE with REMOTE: keep no copy */
#define KVPOOL_OP_STRICT_NODE	(1U << 3)	/* RESERVE: only on the named node */
#define KVPOOL_OP_PIN_SOFT	(1U << 4)	/* SEAL: as KVPOOL_PIN_SOFT */
#define KVPOOL_OP_PIN_HARD	(1U << 5)	/* SEAL: as KVPOOL_PIN_HARD */
#define KVPOOL_OP_CHAIN		(1U << 6)	/* RESERVE, LEASE with REMOTE: a block of a chain */
#define KVPOOL_OP_PREFIX	(1U << 7)	/* LEASE with REMOTE: continues the one before it */

/**
 * struct kvpool_op - One operation
 * @opcode:	enum kvpool_opcode.
 * @flags:	KVPOOL_OP_*.
 * @user_data:	Copied to the completion. KVPOOL_IOC_CANCEL can match it.
 * @tag:	Any number. KVPOOL_IOC_CANCEL can match it.
 * @timeout_ns:	With KVPOOL_OP_WAIT, KVPOOL_OP_REMOTE and KVPOOL_OP_PUSH: the
 *		longest time until completion, in nanoseconds from the
 *		submission. Zero means the knob remote_timeout_ms for operations
 *		that may ask a peer or come through io_uring, and no limit for
 *		others. Zero for all other operations.
 * @key:	PROBE, LEASE, PUSH, RESERVE: the key. Otherwise zero.
 * @length:	RESERVE, and LEASE with KVPOOL_OP_REMOTE: length of the block in
 *		bytes, KVPOOL_BLOCK_MIN to KVPOOL_BLOCK_MAX; PROBE reports that
 *		of an existing block. Otherwise zero.
 * @handle:	RELEASE: the lease. SEAL: the reservation. Otherwise zero.
 * @peer:	With KVPOOL_OP_REMOTE: number of the peer to ask, or zero for
 *		all peers. PUSH: number of the peer. Otherwise zero.
 * @node:	RESERVE, and LEASE with KVPOOL_OP_REMOTE: NUMA node to prefer,
 *		or KVPOOL_NODE_ANY: a fetch prefers the node that is nearest to
 *		the device that brings the block, if the fabric knows it, else
 *		that of the caller. PUSH: NUMA node that the peer is to prefer,
 *		or KVPOOL_NODE_ANY for the one that is nearest to its device; a
 *		node that the peer has not counts as that. Otherwise zero.
 * @parent:	With KVPOOL_OP_CHAIN and a @position that is not zero: key of the
 *		block before this one in its chain. Otherwise zero.
 * @position:	With KVPOOL_OP_CHAIN: position in the chain; the head has zero.
 *		Otherwise zero.
 * @reserved:	Zero.
 *
 * LEASE finds a block as KVPOOL_IOC_LEASE does. With KVPOOL_OP_WAIT it waits
 * while the key is pending, and completes when the key is sealed or unknown.
 * With KVPOOL_OP_REMOTE it waits likewise, and fetches a block that is not here
 * from a peer: into space that is reserved under the key, which is then sealed
 * and leased. Other operations on the key wait for the same transfer. With
 * KVPOOL_OP_TRANSIENT in addition, the block is not entered under its key, and
 * its space, which counts as used, is freed when the lease ends.
 *
 * No block is evicted for one of which no peer has said that it is sealed there.
 * All peers are asked at the same time, and the block is fetched from the first
 * that has it, or, if that fails, from the next. With KVPOOL_OP_WAIT, a key that
 * is pending at a peer, and sealed at none, is waited for there: the operation
 * ends with ``-ENOENT`` when its producer ends without sealing it. A key that a
 * host has pending only because it fetches the block is unknown to its peers. A
 * reservation here that is older than preempt_ms does not hide the block of a
 * peer: it is pre-empted when a peer has the block sealed.
 *
 * A LEASE with KVPOOL_OP_PREFIX continues the LEASE that is the one before it in
 * the array. If that fails, also by cancellation, it ends with ``-ECANCELED``,
 * unless its block was here already. Nothing is fetched for it before it is known
 * of all operations that it continues that their blocks are sealed, here or at a
 * peer. An operation with the flag that does not follow a LEASE of the same call
 * begins a prefix, also if that is because the call took only some operations.
 *
 * RELEASE ends a lease as KVPOOL_IOC_RELEASE does.
 *
 * PUSH keeps the block from being evicted until the peer has sealed or refused
 * it. What this host knows of the block's chain, the peer gets to know.
 *
 * KVPOOL_OP_CHAIN says what KVPOOL_RESERVE_CHAIN says, for the block that a
 * RESERVE makes or that a LEASE with KVPOOL_OP_REMOTE finds or fetches.
 *
 * RESERVE and SEAL do for one entry what KVPOOL_IOC_RESERVE and KVPOOL_IOC_SEAL
 * do. Adjacent operations of the same kind in one call are done together, as
 * the entries of the ioctl are: put the RELEASEs and SEALs of a prefix next to
 * each other in prefix order. An operation does not wait for earlier operations
 * that are still in flight.
 */
struct kvpool_op {
	__u32 opcode;
	__u32 flags;
	__aligned_u64 user_data;
	__aligned_u64 tag;
	__aligned_u64 timeout_ns;
	struct kvpool_key key;
	__aligned_u64 length;
	__aligned_u64 handle;
	__u32 peer;
	__s32 node;
	struct kvpool_key parent;
	__u32 position;
	__u32 reserved;
};

/* Route of the bytes of an operation: struct kvpool_completion. */
#define KVPOOL_ROUTE_NONE	0		/* the operation has no bytes */
#define KVPOOL_ROUTE_LOCAL	1		/* here: no bytes were moved */
#define KVPOOL_ROUTE_RDMA	2		/* by a fabric, with RDMA */

/**
 * struct kvpool_completion - Result of an operation
 * @user_data:	@user_data of the operation.
 * @status:	Zero or a negative errno.
 * @route:	KVPOOL_ROUTE_*.
 * @handle:	LEASE: the lease. RESERVE: the reservation. Otherwise zero.
 * @length:	Length of the block in bytes, if @status is zero or
 *		``-EMSGSIZE``. Zero for NOP, RELEASE and SEAL.
 * @bytes:	Bytes that this operation moved.
 * @span:	LEASE, RESERVE: the first span of the block.
 * @nr_spans:	LEASE, RESERVE: number of spans of the block; KVPOOL_IOC_SPANS
 *		reads all of them.
 * @peer:	Number of the peer that served the operation; zero if this host
 *		did.
 *
 * Status of all operations: ``-ENOMEM`` the kernel has no memory for the
 * operation; ``-ECANCELED`` the operation was cancelled, or what it continues has
 * missed (KVPOOL_OP_PREFIX); ``-ETIMEDOUT`` the
 * operation reached its deadline; ``-EINTR`` a signal ended the wait for the
 * results: see struct kvpool_submit.
 *
 * PROBE: ``-ENOENT`` no such block; ``-EINPROGRESS`` the key is pending (with
 * KVPOOL_OP_REMOTE a sealed block of a peer is found nevertheless). LEASE:
 * ``-ENOENT``; ``-EINPROGRESS`` the key is pending, here or at a peer, and
 * KVPOOL_OP_WAIT is not set; ``-EMFILE`` the file has reached its limit of handles. RELEASE:
 * ``-ENOENT`` no such lease. PUSH: ``-ENOENT``; ``-EINPROGRESS`` the key is
 * pending here. RESERVE and SEAL: as for the ioctls of these names.
 *
 * Operations that ask a peer: ``-EOPNOTSUPP`` no fabric is loaded; ``-ENOENT``
 * no peer has this number, or no peer has the block; ``-EHOSTUNREACH`` no link
 * to the peer is up; ``-EMSGSIZE`` the block, here or at the peer, has another
 * length, see @length; ``-EREMOTEIO`` the peer failed; ``-EACCES`` this host has
 * no right to do that there; ``-ENOSPC``, ``-EDQUOT`` no space for the copy, here
 * (LEASE) or at the peer (PUSH); ``-EEXIST`` the peer has the block already
 * (PUSH); ``-EIO`` it cannot be proved that no device accesses the memory, which
 * counts as quarantined until the device is gone.
 */
struct kvpool_completion {
	__aligned_u64 user_data;
	__s32 status;
	__u32 route;
	__aligned_u64 handle;
	__aligned_u64 length;
	__aligned_u64 bytes;
	struct kvpool_span span;
	__u32 nr_spans;
	__u32 peer;
};

/* Flags of struct kvpool_submit. */
#define KVPOOL_SUBMIT_INTERRUPTIBLE (1U << 0)	/* any signal ends the wait for results */

/**
 * struct kvpool_submit - KVPOOL_IOC_SUBMIT: submit operations
 * @size:	sizeof(struct kvpool_submit)
 * @flags:	In: zero, or with a results array KVPOOL_SUBMIT_INTERRUPTIBLE.
 * @nr_ops:	In: number of operations, 1 to KVPOOL_MAX_BATCH.
 * @nr_done:	In: zero. Out: number of leading operations of the array that
 *		were submitted. Each of them completes exactly once; the rest of
 *		the array had no effect.
 * @ops:	In: pointer to an array of struct kvpool_op.
 * @results:	In: zero if completions go to @ring. Otherwise pointer to an
 *		array of @nr_ops struct kvpool_completion: the call waits for
 *		all operations and writes their completions in the order of the
 *		operations.
 * @ring:	In: number of the ring, or zero with a results array.
 * @reserved:	In: zero.
 *
 * With a ring, fewer than @nr_ops operations are submitted if the ring has no
 * room for more: at most its entries are in flight or not reaped. Operations
 * that need not wait are done, in their order, before the call returns, so
 * their completions are in the ring then.
 *
 * With a results array, the call waits until each operation has completed, been
 * cancelled or reached its deadline. Signals that have a handler do not end the
 * wait: the handlers run when the call returns. A fatal signal, and with
 * KVPOOL_SUBMIT_INTERRUPTIBLE any signal that is not ignored, cancels the
 * operations in flight: the call waits until they have completed, succeeds, and
 * reports ``-EINTR`` for them.
 *
 * Errors: ``EBADF`` an operation needs what the file is not open for: reading
 * (PROBE, LEASE, RELEASE), writing (RESERVE, SEAL), or both (PUSH); ``ENOENT`` no
 * results array, and no such ring; ``EBUSY`` the ring has no room.
 */
struct kvpool_submit {
	__u32 size;
	__u32 flags;
	__u32 nr_ops;
	__u32 nr_done;
	__aligned_u64 ops;
	__aligned_u64 results;
	__u32 ring;
	__u32 reserved;
};

#define KVPOOL_IOC_SUBMIT	_IO(KVPOOL_IOC_TYPE, 0x0d)

/* Flags of struct kvpool_cancel. Exactly one of the first three. */
#define KVPOOL_CANCEL_USER_DATA	(1U << 0)	/* with @match as user_data */
#define KVPOOL_CANCEL_TAG	(1U << 1)	/* with @match as tag */
#define KVPOOL_CANCEL_ALL	(1U << 2)	/* all of the file or ring */
#define KVPOOL_CANCEL_NOWAIT	(1U << 3)	/* do not wait for completion */

/**
 * struct kvpool_cancel - KVPOOL_IOC_CANCEL: cancel operations in flight
 * @size:	sizeof(struct kvpool_cancel)
 * @flags:	In: KVPOOL_CANCEL_*.
 * @match:	In: the user data or the tag; zero with KVPOOL_CANCEL_ALL.
 * @nr_done:	In: zero. Out: operations in flight that matched.
 * @ring:	In: number of a ring, to cancel only its operations; or zero.
 *
 * Cancels matching operations that were submitted on this file before, through
 * any interface. An operation that is cancelled too late completes as it would
 * have without the call; the others complete with ``-ECANCELED``. When the call
 * returns, all of them have completed, unless KVPOOL_CANCEL_NOWAIT was set.
 *
 * Errors: ``ENOENT`` no such ring; ``EINTR`` a fatal signal interrupted the
 * wait.
 */
struct kvpool_cancel {
	__u32 size;
	__u32 flags;
	__aligned_u64 match;
	__u32 nr_done;
	__u32 ring;
};

#define KVPOOL_IOC_CANCEL	_IO(KVPOOL_IOC_TYPE, 0x0e)

/**
 * struct kvpool_peer_name - KVPOOL_IOC_PEER: find a peer by its name
 * @size:	sizeof(struct kvpool_peer_name)
 * @flags:	In: zero.
 * @name:	In: name of the peer, NUL-terminated; or empty. Out: the name.
 * @peer:	In: zero; or number of the peer, if @name is empty. Out: the
 *		number, which operations take.
 * @reserved:	In: zero.
 *
 * The administrator adds and deletes peers. The number of a deleted peer is not
 * reused while the module is loaded; its name may be.
 *
 * Errors: ``ENOENT`` no such peer; ``EINVAL`` the name is not terminated, or
 * both or neither of @name and @peer are given.
 */
struct kvpool_peer_name {
	__u32 size;
	__u32 flags;
	__u8 name[KVPOOL_NAME_SIZE];
	__u32 peer;
	__u32 reserved;
};

#define KVPOOL_IOC_PEER		_IO(KVPOOL_IOC_TYPE, 0x10)

/**
 * struct kvpool_uring - One operation through io_uring (IORING_OP_URING_CMD)
 * @op:		Pointer to a struct kvpool_op, read when the command is issued,
 *		which a worker of io_uring may do later: it stays until the
 *		command completes.
 * @completion:	Pointer to a struct kvpool_completion, written before the
 *		command completes; or zero.
 *
 * This is the @cmd of the submission queue entry, whose @fd is the file and
 * whose @cmd_op is KVPOOL_URING_OP. The @res of its completion is zero or a
 * negative errno: the operation's status, ``-EINVAL`` or ``-EBADF`` as
 * KVPOOL_IOC_SUBMIT gives them, or ``-EFAULT``, when the lease or reservation
 * that the operation made has ended. The @user_data of the entry is io_uring's, that of
 * the operation is for KVPOOL_IOC_CANCEL.
 *
 * Such an operation always has a deadline; see struct kvpool_op. Before Linux
 * 6.8, io_uring cannot cancel commands, and a process that exits waits for its
 * commands, so the deadline is the knob remote_timeout_ms at the latest.
 */
struct kvpool_uring {
	__aligned_u64 op;
	__aligned_u64 completion;
};

#define KVPOOL_URING_OP		0

#endif /* _UAPI_LINUX_KVPOOL_H */
