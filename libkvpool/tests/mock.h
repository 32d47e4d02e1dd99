/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A stand-in for /dev/kvpool at the library's system calls (--wrap). The bytes of
 * a key control how the device treats it, so that a test is a table of keys and of
 * the calls that must reach the device.
 */
#ifndef KVPOOL_MOCK_H
#define KVPOOL_MOCK_H

#include <kvpool.h>

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MOCK_ARENA	(64ULL << 20)
#define MOCK_CHUNK	(2ULL << 20)
#define MOCK_MANY_SPANS	70000U		/* for @spans 255 */
#define MOCK_PEER	"rack-1"	/* name of the only peer that can be found */
#define MOCK_PEER_NR	3U

/* The bytes of a mock key. */
struct mock_key {
	unsigned char status;		/* errno of the call that takes the handle */
	unsigned char spans;		/* number of spans; 0 means 1 */
	unsigned char end_status;	/* errno of the call that ends the handle */
	unsigned char spans_error;	/* errno of KVPOOL_IOC_SPANS */
	unsigned int id;		/* tells keys apart */
	unsigned int settles;		/* status is 0 from this look-up on, if not 0 */
	bool remote;			/* an operation finds it at a peer */
};

/**
 * mock_make_key() - Make a key that the device treats in some way
 * @spec: The way.
 *
 * Return: the key.
 */
struct kvpool_key mock_make_key(struct mock_key spec);

/**
 * mock_id() - Make the key of a block that is there
 * @id: Tells keys apart.
 *
 * Return: the key.
 */
struct kvpool_key mock_id(unsigned int id);

/**
 * mock_ids() - Make keys whose ids are their indices
 * @keys: Where to store them.
 * @nr:   Their number.
 */
void mock_ids(struct kvpool_key *keys, unsigned int nr);

/* One ioctl as the device saw it. */
struct mock_call {
	unsigned long cmd;
	unsigned int nr;		/* entries */
	unsigned int flags;
	int node;
	unsigned int first;		/* id of the first entry, or first span */
	unsigned int last;		/* id of the last entry */
	unsigned int entry_flags;	/* of the first entry */
	unsigned int last_flags;	/* of the last entry */
	unsigned long long timeout_ns;
	unsigned int nr_spans;
	unsigned int peer;
	unsigned long long length;	/* of the first entry */
	unsigned int ring;
	unsigned int position;		/* of a chain */
	unsigned int parent;		/* id */
};

#define MOCK_MAX_CALLS 64

struct mock {
	/* How the device behaves. */
	int open_error;
	int mmap_error;
	int fail_errno;			/* of the ioctl number @fail_at, from 1 */
	unsigned int fail_at;
	int info_error, tenant_error;
	struct kvpool_info info;
	bool no_log;
	unsigned int room;		/* spans written per call, ~0U for all */
	unsigned int slow_ns;		/* duration of every lease call */
	unsigned int fail_alloc;	/* number of the allocation that fails, from 1 */
	unsigned int ring_start;	/* head and tail of a new ring */
	bool misaligned;		/* the kernel does not align mappings */
	bool ring_nonsense;		/* the description of the ring is wrong */

	/* The calls that reached it. */
	char path[128];
	int open_flags;
	unsigned int opens, closes, maps, unmaps;
	int map_prot, map_flags;
	size_t map_length;
	char tenant[KVPOOL_NAME_SIZE];
	unsigned int nr_calls;		/* without INFO and OPEN_TENANT */
	unsigned int nr_infos, nr_tenants;
	struct mock_call calls[MOCK_MAX_CALLS];
	struct kvpool_op op;		/* the first one of the last SUBMIT */
	long long held;			/* handles made and not ended */
	bool bad_input;			/* a member that must be zero was not */
};

extern struct mock mock;

/* mock_reset() - Forget all, and make a device that works */
void mock_reset(void);

/* mock_forget() - Forget the calls */
void mock_forget(void);

/**
 * mock_saw() - Compare the calls with a table, and print the differences
 * @calls: The table.
 * @nr:    Its length.
 *
 * Return: whether they are the same, and all input was well-formed.
 */
bool mock_saw(const struct mock_call *calls, unsigned int nr);

/* For mock-ring.c; threads may call these concurrently. */

#define MOCK_RESERVATION	(1ULL << 56)	/* in handles of reservations */

/**
 * mock_bad() - Record that the caller did something wrong
 * @is_bad: Whether it did.
 */
void mock_bad(bool is_bad);

/**
 * mock_count_held() - Count handles that were made or ended
 * @n: Their number, negative for those that ended.
 */
void mock_count_held(int n);

/**
 * mock_handle() - The handle of a lease
 * @key: The key of the block.
 *
 * Return: the handle.
 */
unsigned long long mock_handle(const struct kvpool_key *key);

/**
 * mock_count_spans() - How many spans a block has
 * @key: The key of the block.
 *
 * Return: the number.
 */
unsigned int mock_count_spans(const struct kvpool_key *key);

/**
 * mock_first_span() - The first span of a block
 * @key:    The key of the block.
 * @length: Its length in bytes.
 *
 * Return: the span.
 */
struct kvpool_span mock_first_span(const struct kvpool_key *key, unsigned long long length);

/**
 * mock_lease_length() - The length of a leased block
 * @spans: Number of its spans.
 *
 * Return: bytes.
 */
unsigned long long mock_lease_length(unsigned int spans);

#define expect_calls(...) do {							\
	static const struct mock_call calls_[] = { __VA_ARGS__ };		\
										\
	expect(mock_saw(calls_, sizeof(calls_) / sizeof(*calls_)));		\
} while (0)

#ifdef __cplusplus
}
#endif

#endif
