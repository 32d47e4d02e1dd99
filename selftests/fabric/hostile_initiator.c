// SPDX-License-Identifier: GPL-2.0
/* A hostile initiator: the target is under test. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "hostile.h"

#define CROWD		100	/* more connections without a proof than a target keeps */

static bool honest_fetch(void)
{
	struct request r;
	struct conn c;
	bool ok = false;

	if (!conn_open(&c))
		return false;
	request_fill(&r, KVPOOL_WIRE_FETCH);
	if (conn_window(&c, &r, r.wire.length, IBV_ACCESS_REMOTE_WRITE) &&
	    ask(&c, &r) == KVPOOL_WIRE_OK)
		ok = filled(&c, opt.length);
	conn_end(&c);
	return ok;
}

/* ---- tests -------------------------------------------------------------- */

static bool test_honest(void)
{
	return honest_fetch();
}

static bool refused(const void *data, size_t len, int reason, const char *what)
{
	struct conn c = { 0 };
	enum outcome how = conn_ask(&c, data, len);
	bool ok = expect(how, REFUSED, what);

	if (ok && (c.rejected.magic != KVPOOL_WIRE_MAGIC ||
		   c.rejected.reason != reason)) {
		ksft_print_msg("%s: reason %u, not %d\n", what,
			       c.rejected.reason, reason);
		ok = false;
	}
	conn_end(&c);
	return ok;
}

static bool test_connect(void)
{
	struct kvpool_wire_connect good, w;
	bool ok = true;

	connect_fill(&good);
#define TRY(field, value, reason)					\
	(w = good, w.field = (value),					\
	 ok &= refused(&w, sizeof(w), KVPOOL_CLOSE_##reason,		\
		       #field " = " #value))
	TRY(magic, 0, MESSAGE);
	TRY(magic, 0x4b56504c, MESSAGE);
	TRY(version, 0, VERSION);
	TRY(version_min, KVPOOL_WIRE_VERSION + 1, VERSION);
	TRY(version_min, 0xffff, VERSION);
	TRY(nr_queues, 0, MESSAGE);
	TRY(nr_queues, KVPOOL_WIRE_QUEUES_MAX + 1, MESSAGE);
	TRY(nr_queues, 0xff, MESSAGE);
	TRY(queue, 1, MESSAGE);
	TRY(queue, 0xff, MESSAGE);
	TRY(credits, 0, MESSAGE);
	TRY(credits, KVPOOL_WIRE_CREDITS_MAX + 1, MESSAGE);
	TRY(link, 0, MESSAGE);
	TRY(mtu, 1, MESSAGE);
	TRY(mtu, 128, MESSAGE);
	TRY(mtu, 1500, MESSAGE);
	TRY(mtu, 4097, MESSAGE);
	TRY(mtu, 8192, MESSAGE);
#undef TRY
	/* Nothing at all: padded with zeros by the transport. */
	ok &= refused(NULL, 0, KVPOOL_CLOSE_MESSAGE, "no private data");
	ok &= refused(&good, 8, KVPOOL_CLOSE_MESSAGE, "short private data");
	/* A PUSH would wait for ever. */
	reads = 0;
	ok &= refused(&good, sizeof(good), KVPOOL_CLOSE_MESSAGE, "no reads");
	reads = 4;
	return ok;
}

static bool wrong_proof(int damage)
{
	struct conn c = { 0 };
	bool ok;

	connect_fill(&c.asked);
	ok = expect(conn_ask(&c, &c.asked, sizeof(c.asked)), ANSWERED,
		    "connect") &&
	     expect(conn_auth(&c, damage), CLOSED, "a wrong proof");
	if (!ok)
		ksft_print_msg("damage %d\n", damage);
	conn_end(&c);
	return ok;
}

/* A name that is none, with a proof that covers it. */
static bool wrong_name(const char *name, size_t len)
{
	struct kvpool_wire_auth wire = {
		.header = { .opcode = KVPOOL_WIRE_AUTH, .id = 1 },
	};
	struct conn c = { 0 };
	bool ok;

	memcpy(wire.name, name, len);
	connect_fill(&c.asked);
	ok = expect(conn_ask(&c, &c.asked, sizeof(c.asked)), ANSWERED,
		    "connect");
	if (ok) {
		conn_proof(&c, true, name, NOTHING, wire.proof);
		ok = conn_send(&c, &wire, sizeof(wire)) &&
		     expect(conn_wait(&c, NULL, NULL), CLOSED, "a wrong name");
	}
	conn_end(&c);
	return ok;
}

static bool test_auth(void)
{
	struct request r;
	struct conn c;
	bool ok = true;
	int bit;

	/* A request before the proof. */
	memset(&c, 0, sizeof(c));
	connect_fill(&c.asked);
	request_fill(&r, KVPOOL_WIRE_PROBE);
	ok &= expect(conn_ask(&c, &c.asked, sizeof(c.asked)), ANSWERED,
		     "connect") &&
	      conn_request(&c, &r) &&
	      expect(conn_wait(&c, NULL, NULL), CLOSED, "a request first");
	conn_end(&c);
	/* Wrong proofs: their bits, and what they are about. */
	for (bit = 0; bit < KVPOOL_WIRE_PROOF * 8; bit += 51)
		ok &= wrong_proof(BIT + bit);
	for (bit = LABEL; opt.secret && bit < NR_DAMAGES; bit++)
		ok &= wrong_proof(bit);
	ok &= wrong_name("", 0) && wrong_name("a\0b", 4) &&
	      wrong_name("0123456789abcdef0123456789abcdef", 32);
	/* A proof of an earlier connection: both nonces have changed. */
	if (opt.secret) {
		struct kvpool_wire_connect asked;
		struct kvpool_wire_accept given;

		if (!conn_open(&c))
			return false;
		asked = c.asked;
		given = c.given;
		conn_end(&c);
		ok &= expect(conn_ask(&c, &asked, sizeof(asked)), ANSWERED,
			     "connect again");
		c.asked = asked;
		c.given = given;
		ok &= expect(conn_auth(&c, NOTHING), CLOSED, "a replayed proof");
		conn_end(&c);
	}
	/* Twice. */
	if (!conn_open(&c))
		return false;
	ok &= expect(conn_auth(&c, NOTHING), CLOSED, "a second proof");
	conn_end(&c);
	return ok;
}

static bool test_lengths(void)
{
	static const size_t cuts[] = {
		1, 7, 8, 9, 39, 40, 41, 63, 64, 65, 71, 72, 73, 95
	};
	static const uint8_t opcodes[] = {
		KVPOOL_WIRE_PROBE, KVPOOL_WIRE_FETCH, KVPOOL_WIRE_DROP
	};
	struct request r;
	unsigned int i;
	bool ok = true;

	request_fill(&r, KVPOOL_WIRE_PROBE);
	for (i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++)
		ok &= closes(&r, cuts[i], "a truncated request");
	ok &= closes(&r, 0, "an empty message");
	for (i = 0; i < sizeof(opcodes); i++) {
		uint8_t op = opcodes[i];
		unsigned int most = op == KVPOOL_WIRE_PROBE ?
				    KVPOOL_WIRE_KEYS_MAX : KVPOOL_WIRE_SEGS_MAX;

		request_fill(&r, op);
		ok &= closes(&r, sized(op, 1) + 1, "a byte too many");
		ok &= closes(&r, sized(op, most),
			     "more segments than it says");
		r.wire.header.nr = 2;
		ok &= closes(&r, sized(op, 1), "fewer segments than it says");
		r.wire.header.nr = 0;
		ok &= closes(&r, sized(op, 0), "no segment");
		r.wire.header.nr = 0xffff;
		ok &= closes(&r, sized(op, 1), "65535 segments");
		r.wire.header.nr = most + 1;
		ok &= closes(&r, sized(op, most),
			     "a segment more than there may be");
	}
	request_fill(&r, KVPOOL_WIRE_CANCEL);
	ok &= closes(&r, sizeof(r.wire.header), "CANCEL of segments");
	r.wire.header.nr = 0;
	ok &= closes(&r, sizeof(r.wire), "a CANCEL that is too long");
	return ok;
}

/* Longer than the buffers of the target. */
static bool test_oversized(void)
{
	static uint8_t big[CAPSULE];
	struct conn c;
	bool ok;

	memset(big, 0xff, sizeof(big));
	if (!conn_open(&c))
		return false;
	ok = conn_send(&c, big, sizeof(big)) &&
	     expect(conn_wait(&c, NULL, NULL), CLOSED, "an oversized message");
	conn_end(&c);
	return ok;
}

static bool test_headers(void)
{
	struct request r;
	bool ok = true;
	int i;

	for (i = 0; i < 256; i += i < 8 ? 1 : 31) {
		request_fill(&r, KVPOOL_WIRE_PROBE);
		r.wire.header.opcode = i;
		if (i == KVPOOL_WIRE_PROBE)
			continue;
		ok &= closes(&r, sized(KVPOOL_WIRE_PROBE, 1), "another opcode");
	}
	for (i = 1; i < 256; i <<= 1) {
		request_fill(&r, KVPOOL_WIRE_PROBE);
		r.wire.header.flags = i;
		ok &= closes(&r, request_size(&r), "a flag");
	}
	/* With the memory that is in the request, or for what has no bytes. */
	request_fill(&r, KVPOOL_WIRE_FETCH);
	r.wire.header.flags = KVPOOL_WIRE_INLINE | KVPOOL_WIRE_RESPONSE;
	ok &= closes(&r, request_size(&r), "an answer");
	request_fill(&r, KVPOOL_WIRE_PUSH);
	r.wire.header.flags = KVPOOL_WIRE_INLINE;
	ok &= closes(&r, request_size(&r), "PUSH with bytes in the answer");
	request_fill(&r, KVPOOL_WIRE_PROBE);
	r.wire.reserved = 1;
	ok &= closes(&r, request_size(&r), "a reserved field");
	request_fill(&r, KVPOOL_WIRE_FETCH);
	r.wire.node = 0;
	ok &= closes(&r, request_size(&r), "FETCH with a node");
	request_fill(&r, KVPOOL_WIRE_PROBE);
	r.wire.wait_ms = 1;
	ok &= closes(&r, request_size(&r), "PROBE that waits");
	request_fill(&r, KVPOOL_WIRE_PUSH);
	r.wire.wait_ms = 1;
	ok &= closes(&r, request_size(&r), "PUSH that waits");
	request_fill(&r, KVPOOL_WIRE_FETCH);
	r.wire.wait_ms = KVPOOL_WIRE_WAIT_MAX_MS + 1;
	ok &= closes(&r, request_size(&r), "FETCH that waits too long");
	request_fill(&r, KVPOOL_WIRE_PROBE);
	memset(r.wire.tenant, 'a', sizeof(r.wire.tenant));
	ok &= closes(&r, request_size(&r), "a tenant without an end");
	memset(r.wire.tenant, 0, sizeof(r.wire.tenant));
	ok &= closes(&r, request_size(&r), "no tenant");
	r.wire.tenant[5] = 'a';
	ok &= closes(&r, request_size(&r), "bytes after the tenant's name");
	return ok;
}

static bool test_segments(void)
{
	struct kvpool_wire_segment *s;
	struct request r;
	bool ok = true;

#define TRY(op, field, value)						\
	(request_fill(&r, KVPOOL_WIRE_##op), s = request_segment(&r, 0), \
	 r.wire.address = 0x1000, s->field = (value),			\
	 ok &= closes(&r, request_size(&r), #op " " #field " = " #value))
	TRY(FETCH, block_length, 0);
	TRY(FETCH, block_length, KVPOOL_BLOCK_MIN - 1);
	TRY(FETCH, block_length, KVPOOL_BLOCK_MAX + 1);
	TRY(FETCH, block_length, 0xffffffff);
	TRY(FETCH, offset, 1);
	TRY(FETCH, offset, opt.length);
	TRY(FETCH, offset, 0xfffff000);
	TRY(FETCH, length, 0);
	TRY(FETCH, length, 1);
	TRY(FETCH, length, opt.length + 1);
	TRY(FETCH, length, 0xffffffff);
	TRY(FETCH, push, 1);
	TRY(FETCH, parent[0], 1);
	TRY(PUSH, push, 0);
	TRY(PUSH, offset, 0xfffff000);
	TRY(PUSH, parent[31], 1);
	TRY(PUSH, block_length, 0xffffffff);
	TRY(DROP, push, 0);
	TRY(DROP, length, 1);
	TRY(DROP, depth, 2);
	TRY(DROP, parent[7], 1);
#undef TRY
	request_fill(&r, KVPOOL_WIRE_FETCH);
	r.wire.length += 4096;
	ok &= closes(&r, request_size(&r), "more memory than the segments take");
	request_fill(&r, KVPOOL_WIRE_FETCH);
	r.wire.length -= 4096;
	ok &= closes(&r, request_size(&r), "less memory than they take");
	request_fill(&r, KVPOOL_WIRE_FETCH);
	r.wire.address = -4096ULL;
	ok &= closes(&r, request_size(&r), "memory beyond the last address");
	request_fill(&r, KVPOOL_WIRE_PROBE);
	r.wire.rkey = 1;
	ok &= closes(&r, request_size(&r), "PROBE with memory");
	request_fill(&r, KVPOOL_WIRE_DROP);
	r.wire.address = 4096;
	ok &= closes(&r, request_size(&r), "DROP with memory");
	return ok;
}

/* More bytes than one request may move, in segments that are all in order. */
static bool test_too_much(void)
{
	struct request r;
	unsigned int i;

	request_fill(&r, KVPOOL_WIRE_FETCH);
	r.wire.header.nr = KVPOOL_WIRE_SEGS_MAX;
	for (i = 0; i < KVPOOL_WIRE_SEGS_MAX; i++) {
		struct kvpool_wire_segment *s = request_segment(&r, i);

		memcpy(s->key, opt.key, sizeof(s->key));
		s->block_length = KVPOOL_BLOCK_MAX;
		s->length = KVPOOL_BLOCK_MAX;
	}
	r.wire.length = (uint32_t)(KVPOOL_WIRE_SEGS_MAX * KVPOOL_BLOCK_MAX);
	return closes(&r, request_size(&r),
		      "lengths whose sum overflows");
}

/* Valid requests for missing blocks: they are answered, nothing is written. */
static bool test_missing(void)
{
	struct request r;
	struct conn c;
	bool ok = true;

	if (!conn_open(&c))
		return false;
	request_fill(&r, KVPOOL_WIRE_PROBE);
	ok &= ask(&c, &r) == KVPOOL_WIRE_OK;
	r.keys[0].key[31] ^= 1;
	ok &= ask(&c, &r) == KVPOOL_WIRE_MISSING;
	request_fill(&r, KVPOOL_WIRE_PROBE);
	/* Whether there is one is nobody's business who has no right to it. */
	strcpy((char *)r.wire.tenant, "no-such-tenant");
	ok &= ask(&c, &r) == KVPOOL_WIRE_DENIED;

	request_fill(&r, KVPOOL_WIRE_FETCH);
	request_segment(&r, 0)->key[0] ^= 1;
	ok &= conn_window(&c, &r, r.wire.length, IBV_ACCESS_REMOTE_WRITE) &&
	      ask(&c, &r) == KVPOOL_WIRE_MISSING;
	request_fill(&r, KVPOOL_WIRE_FETCH);
	request_segment(&r, 0)->block_length += 4096;
	ok &= conn_window(&c, &r, r.wire.length, IBV_ACCESS_REMOTE_WRITE) &&
	      ask(&c, &r) == KVPOOL_WIRE_LENGTH;
	request_fill(&r, KVPOOL_WIRE_PUSH);
	ok &= conn_window(&c, &r, r.wire.length, IBV_ACCESS_REMOTE_READ) &&
	      ask(&c, &r) == KVPOOL_WIRE_EXISTS;
	ok &= !c.memory[0] && !memcmp(c.memory, c.memory + 1, MEMORY - 1);
	conn_end(&c);
	return ok;
}

/* Memory that is not as the request says: the target's NIC refuses. */
static bool test_access(void)
{
	struct request r;
	bool ok = true;
	struct conn c;
	int i;

	for (i = 0; i < 6; i++) {
		bool push = i >= 3;

		/* Soft iWARP lets what may be written be read as well. */
		if (opt.iwarp && i == 3)
			continue;
		if (!conn_open(&c))
			return false;
		request_fill(&r, push ? KVPOOL_WIRE_PUSH : KVPOOL_WIRE_FETCH);
		if (push)
			request_segment(&r, 0)->key[0] ^= 0x40 + i;
		/* The other direction's access; a key of nothing; no memory. */
		ok &= conn_window(&c, &r, r.wire.length, push == (i % 3 == 0) ?
				  IBV_ACCESS_REMOTE_WRITE :
				  IBV_ACCESS_REMOTE_READ);
		if (i % 3 == 1)
			r.wire.rkey += 0x100;
		if (i % 3 == 2)
			r.wire.address += 1ULL << 40;
		ok &= conn_send(&c, &r, request_size(&r)) &&
		      expect(conn_wait(&c, NULL, NULL), CLOSED,
			     "memory that may not be accessed");
		conn_end(&c);
	}
	return ok;
}

/* The same request again: its memory is not the target's any more. */
static bool test_replay(void)
{
	struct request r;
	struct conn c;
	bool ok;

	if (!conn_open(&c))
		return false;
	request_fill(&r, KVPOOL_WIRE_FETCH);
	ok = conn_window(&c, &r, r.wire.length, IBV_ACCESS_REMOTE_WRITE) &&
	     ask(&c, &r) == KVPOOL_WIRE_OK;
	memset(c.memory, 0xee, MEMORY);
	ok &= conn_send(&c, &r, request_size(&r)) &&
	      expect(conn_wait(&c, NULL, NULL), CLOSED, "a replayed request");
	ok &= c.memory[0] == 0xee &&
	      !memcmp(c.memory, c.memory + 1, MEMORY - 1);
	conn_end(&c);
	return ok;
}

/* Far more requests than credits: served or closed, nothing else. */
static bool test_credits(void)
{
	unsigned int i, answers = 0;
	enum outcome how;
	struct request r;
	struct conn c;

	if (!conn_open(&c))
		return false;
	request_fill(&r, KVPOOL_WIRE_PROBE);
	for (i = 0; i < DEPTH - 2; i++)
		if (!conn_send(&c, &r, request_size(&r)))
			break;
	do {
		how = conn_wait(&c, NULL, NULL);
		answers += how == ANSWERED;
	} while (how == ANSWERED && answers < i);
	conn_end(&c);
	ksft_print_msg("%u of %u answered, then %s\n", answers, i,
		       outcomes[how]);
	return how == ANSWERED || how == CLOSED;
}

/* Parts of a block that never becomes whole, and parts that do not fit. */
static bool test_push(void)
{
	struct kvpool_wire_segment *s;
	struct request r, probe;
	struct conn c;
	bool ok = true;
	int i, status;

	for (i = 0; i < 4; i++) {
		if (!conn_open(&c))
			return false;
		request_fill(&r, KVPOOL_WIRE_PUSH);
		s = request_segment(&r, 0);
		s->key[1] ^= 0x20 + i;
		probe = r;
		s->length = 4096;
		r.wire.length = 4096;
		ok &= conn_window(&c, &r, 4096, IBV_ACCESS_REMOTE_READ);
		status = ask(&c, &r);
		ok &= wants(status, KVPOOL_WIRE_OK, "the first part");
		request_probe(&r, request_segment(&probe, 0)->key);
		ok &= wants(ask(&c, &r), KVPOOL_WIRE_PENDING, "its key");

		r = probe;
		s->length = 4096;
		r.wire.length = 4096;
		if (i == 1)		/* the same push, another key */
			s->key[2] ^= 1;
		if (i == 2)		/* the same push, another length */
			s->block_length -= 4096;
		if (i == 3)		/* another push of the same key */
			s->push += 2;
		ok &= conn_window(&c, &r, 4096, IBV_ACCESS_REMOTE_READ);
		/* The same part may come twice. */
		ok &= wants(ask(&c, &r), i == 0 ? KVPOOL_WIRE_OK :
			    i == 3 ? KVPOOL_WIRE_PENDING : KVPOOL_WIRE_STALE,
			    "another part");
		conn_end(&c);

		/* No other part follows: the key does not stay pending. */
		if (!conn_open(&c))
			return false;
		request_probe(&r, request_segment(&probe, 0)->key);
		do {
			status = ask(&c, &r);
		} while (status == KVPOOL_WIRE_PENDING);
		ok &= wants(status, KVPOOL_WIRE_MISSING, "the key at last");
		conn_end(&c);
	}
	return ok;
}

/* PUSH one page of a block that has three; returns the status. */
static int push_page(struct conn *c, uint64_t push, uint32_t page)
{
	struct kvpool_wire_segment *s;
	struct request r;

	request_fill(&r, KVPOOL_WIRE_PUSH);
	s = request_segment(&r, 0);
	s->key[4] ^= 0x80;
	s->push = push;
	s->block_length = 3 * 4096;
	s->offset = page * 4096;
	s->length = 4096;
	r.wire.length = 4096;
	return conn_window(c, &r, 4096, IBV_ACCESS_REMOTE_READ) ?
	       ask(c, &r) : -1;
}

/*
 * A page that has come before is no progress: the key does not stay pending
 * while an initiator sends the same page over and over, and another push gets it.
 */
static bool test_stall(void)
{
	struct conn first, other;
	int status, again;
	bool ok = true;
	time_t end;

	if (!conn_open(&first))
		return false;
	if (!conn_open(&other)) {
		conn_end(&first);
		return false;
	}
	ok &= wants(push_page(&first, 1, 0), KVPOOL_WIRE_OK, "the first page");
	end = time(NULL) + WAIT_MS / 1000;
	do {
		again = push_page(&first, 1, 0);
		do {
			status = push_page(&other, 3, 0);
		} while (status == KVPOOL_WIRE_PENDING && chance() % 64);
	} while (again == KVPOOL_WIRE_OK && status == KVPOOL_WIRE_PENDING &&
		 time(NULL) < end);
	ok &= wants(status, KVPOOL_WIRE_OK, "the other's page") &&
	      wants(push_page(&first, 1, 1), KVPOOL_WIRE_PENDING, "too late");
	conn_end(&first);
	conn_end(&other);
	return ok;
}

/*
 * Concurrently the target is told from outside to accept no connections without a
 * secret: that holds also for a connection which has not proved anything yet.
 */
static bool test_door(void)
{
	struct conn late = { 0 }, next = { 0 };
	enum outcome how;
	bool ok;

	do {
		/* It was closed because it was too slow: make another. */
		if (!late.up || conn_event(&late, 0) >= 0 || late.gone) {
			conn_end(&late);
			connect_fill(&late.asked);
			if (conn_ask(&late, &late.asked, sizeof(late.asked)) !=
			    ANSWERED)
				return false;
		}
		connect_fill(&next.asked);
		how = conn_ask(&next, &next.asked, sizeof(next.asked));
		conn_end(&next);
	} while (how == ANSWERED);
	ok = expect(how, REFUSED, "another connection") &&
	     expect(conn_auth(&late, NOTHING), CLOSED, "the connection from before");
	conn_end(&late);
	return ok;
}

/* A DROP of an unknown push succeeds. */
static bool test_drop(void)
{
	struct request r;
	struct conn c;
	bool ok;

	if (!conn_open(&c))
		return false;
	request_fill(&r, KVPOOL_WIRE_DROP);
	ok = ask(&c, &r) == KVPOOL_WIRE_OK;
	request_fill(&r, KVPOOL_WIRE_PROBE);
	ok &= ask(&c, &r) == KVPOOL_WIRE_OK;
	conn_end(&c);
	return ok;
}

/* The memory goes while the target writes to it. */
static bool test_vanish(void)
{
	struct request r;
	struct conn c;
	bool ok = true;
	int i, n;

	for (i = 0; i < 30; i++) {
		if (!conn_open(&c))
			return false;
		for (n = 0; n < 8; n++) {
			request_fill(&r, i & 1 ? KVPOOL_WIRE_FETCH :
						 KVPOOL_WIRE_PUSH);
			if (!(i & 1))
				request_segment(&r, 0)->key[3] ^= 1 + n;
			/* The region itself: no window has to be bound. */
			r.wire.address = (uintptr_t)c.memory;
			r.wire.rkey = c.mr->rkey;
			ok &= conn_send(&c, &r, request_size(&r));
		}
		/* Without a message, or with a proper disconnect. */
		c.up = i & 2;
		conn_end(&c);
	}
	return ok;
}

/*
 * Connections that never prove anything: the target closes those that are too
 * many or too old, so that an honest initiator can connect at any time.
 */
static bool test_crowd(void)
{
	static struct conn crowd[CROWD];
	unsigned int i, up = 0, refusals = 0;
	bool ok = true;

	for (i = 0; i < CROWD; i++) {
		struct conn *c = &crowd[i];

		c->silent = true;
		connect_fill(&c->asked);
		switch (conn_ask(c, &c->asked, sizeof(c->asked))) {
		case ANSWERED:
			up++;
			break;
		case REFUSED:
			ok &= wants(c->rejected.reason, KVPOOL_CLOSE_MEMORY,
				    "a connection without a proof is refused");
			refusals++;
			conn_end(c);
			break;
		default:
			conn_end(c);
			ok = false;
		}
	}
	ksft_print_msg("%u connections accepted, %u refused\n", up, refusals);
	ok &= honest_fetch();
	for (i = 0; i < CROWD; i++)
		conn_end(&crowd[i]);
	return ok && up;
}

/* Valid messages that are changed at random. */
static bool test_random(void)
{
	unsigned int i, n, flips, answered = 0, closed = 0;
	struct request r;
	struct conn c = { 0 };
	size_t len;

	for (i = 0; i < opt.rounds; i++) {
		if (!c.id && !conn_open(&c)) {
			ksft_print_msg("after %u rounds\n", i);
			return false;
		}
		request_fill(&r, KVPOOL_WIRE_ALIVE + chance() % 6);
		r.wire.header.nr = 1 + chance() % 3;
		for (n = 1; n < r.wire.header.nr; n++)
			*request_segment(&r, n) = *request_segment(&r, 0);
		r.wire.length *= r.wire.header.nr;
		len = request_size(&r);
		switch (r.wire.header.opcode) {
		case KVPOOL_WIRE_ALIVE:
		case KVPOOL_WIRE_CANCEL:
			r.wire.header.nr = 0;
			len = sizeof(r.wire.header);
			break;
		case KVPOOL_WIRE_FETCH:
			conn_window(&c, &r, r.wire.length,
				    IBV_ACCESS_REMOTE_WRITE);
			break;
		case KVPOOL_WIRE_PUSH:
			conn_window(&c, &r, r.wire.length,
				    IBV_ACCESS_REMOTE_READ);
			break;
		}
		for (flips = chance() % 4; flips; flips--)
			((uint8_t *)&r)[chance() % len] ^= 1 << chance() % 8;
		if (chance() % 8 == 0)
			len = chance() % sizeof(r);
		if (!conn_send(&c, &r, len)) {
			conn_end(&c);
			continue;
		}
		switch (conn_wait(&c, NULL, NULL)) {
		case ANSWERED:
			answered++;
			break;
		case CLOSED:
			closed++;
			conn_end(&c);
			break;
		default:
			ksft_print_msg("no reaction in round %u\n", i);
			conn_end(&c);
			return false;
		}
	}
	conn_end(&c);
	ksft_print_msg("%u answered, %u closed\n", answered, closed);
	return closed && answered;
}

static const struct {
	const char *name;
	bool (*run)(void);
} tests[] = {
	{ "honest", test_honest },
	{ "connect", test_connect },
	{ "auth", test_auth },
	{ "lengths", test_lengths },
	{ "oversized", test_oversized },
	{ "headers", test_headers },
	{ "segments", test_segments },
	{ "too_much", test_too_much },
	{ "missing", test_missing },
	{ "access", test_access },
	{ "replay", test_replay },
	{ "credits", test_credits },
	{ "push", test_push },
	{ "stall", test_stall },
	{ "drop", test_drop },
	{ "inline", test_inline },
	{ "immediate", test_immediate },
	{ "probe", test_probe },
	{ "wait", test_wait },
	{ "cancel", test_cancel },
	{ "many_waits", test_many_waits },
	{ "window", test_window },
	{ "pushes", test_pushes },
	{ "thief", test_thief },
	{ "heir", test_heir },
	{ "vanish", test_vanish },
	{ "crowd", test_crowd },
	{ "random", test_random },
	{ "honest_at_last", test_honest },
	{ "door", test_door },
};

#define NR_TESTS	(sizeof(tests) / sizeof(tests[0]))

/* The last one needs help from outside, so it runs only on request. */
static bool chosen(const char *only, unsigned int i)
{
	return only ? !strcmp(only, tests[i].name) : i < NR_TESTS - 1;
}

/* Run all tests, or the one of this name. */
void initiate(const char *only)
{
	unsigned int i, plan = 0;

	for (i = 0; i < NR_TESTS; i++)
		plan += chosen(only, i);
	ksft_set_plan(plan);
	ksft_print_msg("seed %llu\n", (unsigned long long)opt.seed);
	for (i = 0; i < NR_TESTS; i++)
		if (chosen(only, i))
			ksft_test_result(tests[i].run(), "%s\n",
					 tests[i].name);
	ksft_finished();
}
