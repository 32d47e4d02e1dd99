// SPDX-License-Identifier: GPL-2.0
/*
 * A hostile initiator: requests that wait, that are cancelled, whose bytes come in
 * the answer, and pushes beyond what was agreed.
 */
#include <string.h>
#include <time.h>

#include "hostile.h"

#define PAGE		KVPOOL_WIRE_PAGE
#define PAGES		3U	/* of a block that is pushed in parts */

/* ---- blocks that are pushed page by page ---- */

/* A request about a page of block number @salt, or about all of it. */
static void page_fill(struct request *r, uint8_t opcode, uint8_t salt,
		      uint64_t push, int page)
{
	struct kvpool_wire_segment *s = request_segment(r, 0);

	request_fill(r, opcode);
	s->key[5] ^= salt;
	s->push = push;
	if (opcode == KVPOOL_WIRE_DROP)
		return;
	s->block_length = PAGES * PAGE;
	s->offset = page < 0 ? 0 : page * PAGE;
	s->length = page < 0 ? PAGES * PAGE : PAGE;
	r->wire.length = s->length;
}

static int push_page(struct conn *c, uint8_t salt, uint64_t push, int page)
{
	struct request r;

	page_fill(&r, KVPOOL_WIRE_PUSH, salt, push, page);
	return conn_window(c, &r, r.wire.length, IBV_ACCESS_REMOTE_READ) ?
	       ask(c, &r) : -1;
}

static int drop(struct conn *c, uint8_t salt, uint64_t push)
{
	struct request r;

	page_fill(&r, KVPOOL_WIRE_DROP, salt, push, 0);
	return ask(c, &r);
}

/* Send a FETCH of all of the block, which waits. */
static bool wait_for(struct conn *c, struct request *r, uint8_t salt,
		     uint32_t ms)
{
	page_fill(r, KVPOOL_WIRE_FETCH, salt, 0, -1);
	r->wire.wait_ms = ms;
	return conn_window(c, r, r->wire.length, IBV_ACCESS_REMOTE_WRITE) &&
	       conn_request(c, r);
}

/* An answer to ALIVE: what was sent before it has been looked at. */
static bool alive(struct conn *c)
{
	struct kvpool_wire_header alive = {
		.opcode = KVPOOL_WIRE_ALIVE, .id = chance(),
	};
	const struct kvpool_wire_header *back;
	size_t len;

	return conn_send(c, &alive, sizeof(alive)) &&
	       expect(conn_wait(c, (const void **)&back, &len), ANSWERED,
		      "ALIVE") &&
	       len == sizeof(*back) && back->opcode == KVPOOL_WIRE_ALIVE &&
	       back->id == alive.id;
}

static bool cancel(struct conn *c, uint32_t id)
{
	struct kvpool_wire_header wire = {
		.opcode = KVPOOL_WIRE_CANCEL, .id = id,
	};

	return conn_send(c, &wire, sizeof(wire));
}

static bool is_cancel(const struct kvpool_wire_header *answer, size_t len,
		      uint32_t id)
{
	return len == sizeof(*answer) && !answer->nr && answer->id == id &&
	       answer->opcode == KVPOOL_WIRE_CANCEL &&
	       answer->flags == KVPOOL_WIRE_RESPONSE;
}

/* Two connections, of a producer and of one that waits. */
static bool open_two(struct conn *a, struct conn *b)
{
	if (!conn_open(a))
		return false;
	if (conn_open(b))
		return true;
	conn_end(a);
	return false;
}

/* ---- tests ---- */

/* The bytes come in the answer, and nothing is written or invalidated. */
bool test_inline(void)
{
	struct kvpool_wire_segment *s;
	struct request r;
	struct conn c;
	bool ok = true;

	if (!conn_open(&c))
		return false;
	request_fill(&r, KVPOOL_WIRE_FETCH);
	s = request_segment(&r, 0);
	r.wire.header.flags = KVPOOL_WIRE_INLINE;
	s->length = PAGE;
	s->offset = opt.length - PAGE;
	r.wire.length = PAGE;
	ok &= wants(ask(&c, &r), KVPOOL_WIRE_OK, "a page in the answer");
	if (ok && c.taken) {
		const struct kvpool_wire_response *answer =
			(void *)(c.in + (c.taken - 1) * CAPSULE);
		const uint8_t *bytes = (void *)&answer->results[1];
		unsigned int i;

		for (i = 0; i < PAGE && bytes[i] == opt.fill; i++)
			;
		ok &= i == PAGE && answer->results[0].length == opt.length &&
		      answer->results[0].generation &&
		      !(c.last.wc_flags & IBV_WC_WITH_INV);
	}
	s->key[0] ^= 1;
	ok &= wants(ask(&c, &r), KVPOOL_WIRE_MISSING, "a block that is not");
	s->key[0] ^= 1;
	s->block_length += PAGE;
	ok &= wants(ask(&c, &r), KVPOOL_WIRE_LENGTH, "another length");
	ok &= !c.memory[0] && !memcmp(c.memory, c.memory + 1, MEMORY - 1);
	conn_end(&c);

#define TRY(change) (request_fill(&r, KVPOOL_WIRE_FETCH),		\
		     s = request_segment(&r, 0), s->length = PAGE,	\
		     r.wire.header.flags = KVPOOL_WIRE_INLINE,		\
		     r.wire.length = PAGE, change,			\
		     ok &= closes(&r, request_size(&r), #change))
	TRY(r.wire.rkey = 1);
	TRY(r.wire.address = PAGE);
	TRY(r.wire.length = 0);
	TRY((r.wire.length = 2 * PAGE, s->length = 2 * PAGE));
	TRY((r.wire.length = 2 * PAGE, s[1] = s[0], r.wire.header.nr = 2));
#undef TRY
	return ok;
}

/* An immediate comes only where it was agreed on, for a whole block. */
bool test_immediate(void)
{
	struct kvpool_wire_connect terms;
	struct kvpool_wire_segment *s;
	bool ok = true, agreed;
	struct request r;
	struct conn c;
	int i;

	connect_fill(&terms);
	terms.features = KVPOOL_WIRE_IMM | 0x80000000;
	c.silent = false;
	if (!conn_open_as(&c, &terms, "hostile"))
		return false;
	agreed = c.given.features == KVPOOL_WIRE_IMM;
	ok &= agreed == !opt.iwarp && !(c.given.features & ~KVPOOL_WIRE_IMM);
	for (i = 0; ok && i < 4; i++) {
		request_fill(&r, KVPOOL_WIRE_FETCH);
		s = request_segment(&r, 0);
		if (i == 1) {		/* a part */
			s->length -= PAGE;
			r.wire.length = s->length;
		} else if (i == 2) {	/* two segments */
			s[1] = s[0];
			r.wire.header.nr = 2;
			r.wire.length *= 2;
		} else if (i == 3) {	/* another place in its chain */
			s->depth = 5;
		}
		ok &= conn_window(&c, &r, r.wire.length,
				  IBV_ACCESS_REMOTE_WRITE) &&
		      wants(ask(&c, &r), KVPOOL_WIRE_OK, "a FETCH");
		ok &= c.last.opcode == (agreed && !i ?
					IBV_WC_RECV_RDMA_WITH_IMM :
					IBV_WC_RECV);
		if (!ok)
			ksft_print_msg("FETCH number %d\n", i);
		if (c.memory)
			memset(c.memory, 0, MEMORY);
	}
	conn_end(&c);

	/* Nobody asked for it. */
	if (!conn_open(&c))
		return false;
	request_fill(&r, KVPOOL_WIRE_FETCH);
	ok &= conn_window(&c, &r, r.wire.length, IBV_ACCESS_REMOTE_WRITE) &&
	      wants(ask(&c, &r), KVPOOL_WIRE_OK, "a FETCH") &&
	      c.last.opcode == IBV_WC_RECV && !c.given.features;
	conn_end(&c);
	return ok;
}

/* As many keys as there may be. */
bool test_probe(void)
{
	const struct kvpool_wire_response *answer;
	struct request r;
	unsigned int i;
	struct conn c;
	bool ok;

	if (!conn_open(&c))
		return false;
	request_fill(&r, KVPOOL_WIRE_PROBE);
	r.wire.header.nr = KVPOOL_WIRE_KEYS_MAX;
	for (i = 0; i < KVPOOL_WIRE_KEYS_MAX; i++) {
		memcpy(r.keys[i].key, opt.key, KVPOOL_KEY_SIZE);
		r.keys[i].key[9] ^= i % 3;
	}
	ok = wants(ask(&c, &r), KVPOOL_WIRE_OK, "many keys") && c.taken;
	answer = (void *)(c.in + (c.taken - 1) * CAPSULE);
	for (i = 0; ok && i < KVPOOL_WIRE_KEYS_MAX; i++)
		ok &= wants(answer->found[i].status, i % 3 ?
			    KVPOOL_WIRE_MISSING : KVPOOL_WIRE_OK, "a key") &&
		      answer->found[i].length == (i % 3 ? 0 : opt.length);
	conn_end(&c);
	return ok;
}

/* The request waits until the block is there, or will not be. */
bool test_wait(void)
{
	struct conn maker, waiter;
	struct request r;
	bool ok = true;

	if (!open_two(&maker, &waiter))
		return false;
	ok &= waiter.given.waits && waiter.given.waits < waiter.given.credits;

	/* Sealed. */
	ok &= wants(push_page(&maker, 1, 11, 0), KVPOOL_WIRE_OK, "page 0") &&
	      wait_for(&waiter, &r, 1, 60000) && alive(&waiter) &&
	      wants(push_page(&maker, 1, 11, 2), KVPOOL_WIRE_OK, "page 2") &&
	      alive(&waiter) &&
	      wants(push_page(&maker, 1, 11, 1), KVPOOL_WIRE_OK, "page 1") &&
	      wants(conn_status(&waiter, &r), KVPOOL_WIRE_OK, "when sealed");
	ok &= filled(&waiter, 0);
	/* It is there: no wait. */
	ok &= wait_for(&waiter, &r, 1, 60000) &&
	      wants(conn_status(&waiter, &r), KVPOOL_WIRE_OK, "sealed");
	/* There is nothing to wait for. */
	ok &= wait_for(&waiter, &r, 2, 60000) &&
	      wants(conn_status(&waiter, &r), KVPOOL_WIRE_MISSING, "missing");
	/* Its producer ends without. */
	ok &= wants(push_page(&maker, 3, 13, 0), KVPOOL_WIRE_OK, "page 0") &&
	      wait_for(&waiter, &r, 3, 60000) && alive(&waiter) &&
	      wants(drop(&maker, 3, 13), KVPOOL_WIRE_OK, "DROP") &&
	      wants(conn_status(&waiter, &r), KVPOOL_WIRE_MISSING, "dropped");
	/* The time is over. */
	ok &= wants(push_page(&maker, 4, 15, 0), KVPOOL_WIRE_OK, "page 0") &&
	      wait_for(&waiter, &r, 4, 10) &&
	      wants(conn_status(&waiter, &r), KVPOOL_WIRE_PENDING, "late");
	/* Who waits goes away. */
	ok &= wait_for(&waiter, &r, 4, 60000) && alive(&waiter);
	conn_end(&waiter);
	if (!conn_open(&waiter)) {
		conn_end(&maker);
		return false;
	}
	/* The producer goes away: what it pushed is dropped. */
	ok &= wait_for(&waiter, &r, 4, 60000) && alive(&waiter);
	conn_end(&maker);
	/* Both are of one host, which has another session. */
	ok &= conn_status(&waiter, &r) >= 0;
	conn_end(&waiter);
	return ok;
}

/* CANCEL ends a wait, and nothing else. */
bool test_cancel(void)
{
	const struct kvpool_wire_header *answer;
	struct conn maker, waiter;
	struct request r, other;
	enum outcome how;
	int i, answers = 0;
	bool ok = true;
	size_t len;

	if (!open_two(&maker, &waiter))
		return false;
	/* Of nothing, and of what has ended. */
	ok &= cancel(&waiter, 4711) &&
	      expect(conn_wait(&waiter, (const void **)&answer, &len), ANSWERED,
		     "CANCEL of nothing") && is_cancel(answer, len, 4711);
	ok &= wants(push_page(&maker, 0x11, 21, 0), KVPOOL_WIRE_OK, "page 0") &&
	      wait_for(&waiter, &r, 0x11, 60000) && alive(&waiter);
	/* Another's id: it goes on waiting. */
	ok &= cancel(&maker, r.wire.header.id) &&
	      expect(conn_wait(&maker, (const void **)&answer, &len), ANSWERED,
		     "CANCEL of another's") &&
	      is_cancel(answer, len, r.wire.header.id) && alive(&waiter);
	/* Both are answered, in any order. */
	ok &= cancel(&waiter, r.wire.header.id);
	for (i = 0; ok && i < 2; i++) {
		how = conn_wait(&waiter, (const void **)&answer, &len);
		ok &= expect(how, ANSWERED, "CANCEL");
		if (ok && answer->opcode == KVPOOL_WIRE_FETCH)
			answers += wants(((struct kvpool_wire_response *)
					  answer)->results[0].status,
					 KVPOOL_WIRE_PENDING, "cancelled");
		else if (ok)
			answers += is_cancel(answer, len, r.wire.header.id);
	}
	ok &= answers == 2;
	/* Twice, and a FETCH with the same id follows at once. */
	ok &= cancel(&waiter, r.wire.header.id) &&
	      expect(conn_wait(&waiter, (const void **)&answer, &len), ANSWERED,
		     "CANCEL again") && is_cancel(answer, len, r.wire.header.id);
	ok &= wait_for(&waiter, &other, 0x11, 60000) && alive(&waiter) &&
	      wants(push_page(&maker, 0x11, 21, 1), KVPOOL_WIRE_OK, "page 1") &&
	      wants(push_page(&maker, 0x11, 21, 2), KVPOOL_WIRE_OK, "page 2") &&
	      wants(conn_status(&waiter, &other), KVPOOL_WIRE_OK, "the next");
	/* Many at a time, while something waits: answered or closed. */
	ok &= wants(push_page(&maker, 0x12, 23, 0), KVPOOL_WIRE_OK, "page 0") &&
	      wait_for(&waiter, &r, 0x12, 60000);
	for (i = 0; ok && i < 64; i++)
		ok &= cancel(&waiter, i % 2 ? r.wire.header.id : chance());
	conn_end(&waiter);
	conn_end(&maker);
	return ok;
}

/* More requests that wait than were agreed on: the others are answered at once. */
bool test_many_waits(void)
{
	static struct request r[KVPOOL_WIRE_CREDITS_MAX];
	struct conn maker, waiter;
	unsigned int i, over;
	bool ok = true;
	int answers = 0;

	if (!open_two(&maker, &waiter))
		return false;
	over = waiter.given.credits - waiter.given.waits;
	ok &= wants(push_page(&maker, 0x21, 31, 0), KVPOOL_WIRE_OK, "page 0");
	for (i = 0; ok && i < waiter.given.credits; i++)
		ok &= wait_for(&waiter, &r[i], 0x21, 60000);
	/* Those that may not wait. */
	for (i = 0; ok && i < over; i++) {
		const struct kvpool_wire_response *answer;

		ok &= expect(conn_wait(&waiter, (const void **)&answer, NULL),
			     ANSWERED, "too many waits") &&
		      wants(answer->results[0].status, KVPOOL_WIRE_PENDING,
			    "one too many");
	}
	ok &= alive(&waiter) &&
	      wants(drop(&maker, 0x21, 31), KVPOOL_WIRE_OK, "DROP");
	for (i = 0; ok && i < waiter.given.waits; i++) {
		const struct kvpool_wire_response *answer;

		ok &= expect(conn_wait(&waiter, (const void **)&answer, NULL),
			     ANSWERED, "a wait") &&
		      wants(answer->results[0].status, KVPOOL_WIRE_MISSING,
			    "dropped");
		answers++;
	}
	conn_end(&waiter);
	conn_end(&maker);
	return ok && answers;
}

/* A part far beyond what is there gets LATER; what it brings is not reserved. */
bool test_window(void)
{
	struct kvpool_wire_segment *s;
	struct request r;
	struct conn c;
	bool ok = true;

	if (!conn_open(&c))
		return false;
	request_fill(&r, KVPOOL_WIRE_PUSH);
	s = request_segment(&r, 0);
	s->key[6] ^= 0x31;
	s->block_length = KVPOOL_BLOCK_MAX;
	s->length = PAGE;
	s->offset = KVPOOL_BLOCK_MAX - PAGE;
	r.wire.length = PAGE;
	ok &= conn_window(&c, &r, PAGE, IBV_ACCESS_REMOTE_READ) &&
	      wants(ask(&c, &r), KVPOOL_WIRE_LATER, "the last page first");
	/* Its first page needs a page, not the block. */
	s->offset = 0;
	ok &= conn_window(&c, &r, PAGE, IBV_ACCESS_REMOTE_READ) &&
	      wants(ask(&c, &r), KVPOOL_WIRE_OK, "the first page");
	s->offset = KVPOOL_WIRE_PUSH_WINDOW + 2 * PAGE;
	ok &= conn_window(&c, &r, PAGE, IBV_ACCESS_REMOTE_READ) &&
	      wants(ask(&c, &r), KVPOOL_WIRE_LATER, "beyond the window");
	r.wire.header.opcode = KVPOOL_WIRE_DROP;
	r.wire.address = 0;
	r.wire.rkey = 0;
	r.wire.length = 0;
	s->block_length = 0;
	s->length = 0;
	s->offset = 0;
	ok &= wants(ask(&c, &r), KVPOOL_WIRE_OK, "DROP");
	conn_end(&c);
	return ok;
}

/* The key of block number @n of those below. */
static void push_key(struct request *r, unsigned int n)
{
	memcpy(request_segment(r, 0)->key + 16, &n, sizeof(n));
}

/* Does the first push of those below still keep its key pending? */
static bool first_pends(struct conn *c)
{
	struct request first, r;

	page_fill(&first, KVPOOL_WIRE_PUSH, 0x41, 1001, 0);
	push_key(&first, 0);
	request_probe(&r, request_segment(&first, 0)->key);
	return ask(c, &r) == KVPOOL_WIRE_PENDING;
}

/*
 * More incomplete pushes than were agreed on get LATER, until one has ended: by a
 * DROP, or on a slow machine because it makes no progress. The host is another one
 * than that of the other tests, whose pushes may still be there.
 */
bool test_pushes(void)
{
	struct kvpool_wire_connect terms;
	bool ok = true, late = false;
	unsigned int i, most;
	struct request r;
	struct conn c;
	int status;

	connect_fill(&terms);
	memcpy(terms.host, "pushes", 7);
	c.silent = false;
	if (!conn_open_as(&c, &terms, "pushes"))
		return false;
	most = c.given.pushes;
	for (i = 0; ok && !late && i < most + 3; i++) {
		page_fill(&r, KVPOOL_WIRE_PUSH, 0x41, 1001 + i, 0);
		push_key(&r, i);
		ok &= conn_window(&c, &r, PAGE, IBV_ACCESS_REMOTE_READ);
		status = ok ? ask(&c, &r) : -1;
		late = i >= most && status == KVPOOL_WIRE_OK &&
		       !first_pends(&c);
		ok &= late || wants(status, i < most ? KVPOOL_WIRE_OK :
				    KVPOOL_WIRE_LATER, "a push");
	}
	ksft_print_msg("%u pushes at a time%s\n", most,
		       late ? ", and the first has timed out" : "");
	/* The youngest that was to succeed. */
	ok &= wants(drop(&c, 0x41, 1000 + most), KVPOOL_WIRE_OK, "DROP") &&
	      wants(push_page(&c, 0x42, 999, 0), KVPOOL_WIRE_OK, "the next");
	conn_end(&c);
	return ok;
}

/* Begin a push, and open a second connection, as another host of that name. */
static bool steal(struct conn *owner, struct conn *thief, const char *name,
		  uint8_t salt)
{
	struct kvpool_wire_connect terms;

	if (!conn_open(owner))
		return false;
	connect_fill(&terms);
	memcpy(terms.host, "thief", 6);
	thief->silent = false;
	if (wants(push_page(owner, salt, salt, 0), KVPOOL_WIRE_OK, "page 0") &&
	    conn_open_as(thief, &terms, name))
		return true;
	conn_end(owner);
	return false;
}

static void probe_page(struct request *r, uint8_t salt)
{
	request_probe(r, opt.key);
	r->keys[0].key[5] ^= salt;
}

/* Pushes belong to the host that began them, whatever another one guesses. */
bool test_thief(void)
{
	struct conn owner, thief;
	struct request r;
	bool ok;

	if (!steal(&owner, &thief, "thief", 0x51))
		return false;
	ok = wants(push_page(&thief, 0x51, 0x51, 1), KVPOOL_WIRE_PENDING,
		   "a page of another host's push");
	drop(&thief, 0x51, 0x51);
	probe_page(&r, 0x51);
	ok &= wants(ask(&owner, &r), KVPOOL_WIRE_PENDING, "after a DROP") &&
	      wants(push_page(&owner, 0x51, 0x51, 1), KVPOOL_WIRE_OK,
		    "page 1") &&
	      wants(push_page(&owner, 0x51, 0x51, 2), KVPOOL_WIRE_OK,
		    "page 2") &&
	      wants(ask(&owner, &r), KVPOOL_WIRE_OK, "the block");
	conn_end(&owner);
	conn_end(&thief);
	return ok;
}

/*
 * A host that begins anew under its name, as it seems, drives its former sessions
 * out, and their pushes end with them: it cannot go on with one.
 */
bool test_heir(void)
{
	struct conn owner, heir;
	struct request r;
	time_t end = time(NULL) + WAIT_MS / 1000;
	int status, page;
	bool ok;

	if (!steal(&owner, &heir, "hostile", 0x53))
		return false;
	ok = expect(conn_closed(&owner), CLOSED, "the former session");
	/* Its push keeps the key until it has ended; then this is another one. */
	for (page = 1; ok && page < (int)PAGES; page++) {
		status = push_page(&heir, 0x53, 0x53, page);
		ok &= status == KVPOOL_WIRE_PENDING ||
		      wants(status, KVPOOL_WIRE_OK, "a page that follows");
	}
	probe_page(&r, 0x53);
	status = ok ? ask(&heir, &r) : -1;
	ok &= status == KVPOOL_WIRE_MISSING ||
	      wants(status, KVPOOL_WIRE_PENDING, "a block without page 0");
	drop(&heir, 0x53, 0x53);
	do {
		status = ok ? ask(&heir, &r) : -1;
	} while (status == KVPOOL_WIRE_PENDING && time(NULL) < end);
	ok &= wants(status, KVPOOL_WIRE_MISSING, "what was pushed in part");
	conn_end(&owner);
	conn_end(&heir);
	return ok;
}
