// SPDX-License-Identifier: GPL-2.0
/* The decoder of the wire protocol: valid messages, and all kinds of invalid ones. */
#include <asm/byteorder.h>

#include "model_wire.h"
#include "tap.h"

static union {
	struct kvpool_wire_request request;
	struct kvpool_wire_header header;
	struct kvpool_wire_response response;
	u8 bytes[2 * KVPOOL_WIRE_CAPSULE_MAX];
} buf;

static struct kvpool_wire_terms terms;

static bool moves(u8 opcode)
{
	return opcode == KVPOOL_WIRE_FETCH || opcode == KVPOOL_WIRE_PUSH;
}

static struct kvpool_wire_part part_of(u8 opcode, u16 i)
{
	struct kvpool_wire_part part = { .key.words = { i, 1, 2, 3 } };

	if (opcode == KVPOOL_WIRE_PUSH || opcode == KVPOOL_WIRE_DROP)
		part.push = i + 1;
	if (moves(opcode)) {
		part.block_length = 20000 + i;
		part.offset = 4096;
		part.length = i & 1 ? 8192 : part.block_length - 4096;
		part.depth = i;
	}
	if (opcode == KVPOOL_WIRE_PUSH && part.depth > 1)
		part.parent.words[2] = i;
	return part;
}

/* Encode a valid request; returns its bytes. */
static size_t request(u8 opcode, u16 nr)
{
	struct kvpool_wire_message message = {
		.opcode = opcode, .nr = nr, .id = 0x12345678, .tenant = "t",
		.node = KVPOOL_WIRE_NODE_ANY,
	};
	u16 i;

	memset(&buf, 0, sizeof(buf));
	for (i = 0; i < nr; i++) {
		struct kvpool_wire_part part = part_of(opcode, i);

		if (opcode == KVPOOL_WIRE_PROBE) {
			buf.request.keys[i].key[i % KVPOOL_KEY_SIZE] = i;
			continue;
		}
		message.length += kvpool_wire_align(part.length);
		kvpool_wire_part_encode(&buf.request.segments[i], &part);
	}
	if (moves(opcode)) {
		message.address = 0xffff000000000000ULL;
		message.rkey = 0xabcdef;
	}
	wire_terms(&terms, 0xff);
	return kvpool_wire_request_encode(&buf.request, &message);
}

/* A FETCH whose bytes come in the answer. */
static size_t request_inline(void)
{
	size_t size = request(KVPOOL_WIRE_FETCH, 1);

	buf.header.flags = KVPOOL_WIRE_INLINE;
	buf.request.address = 0;
	buf.request.rkey = 0;
	buf.request.length = cpu_to_le32(4096);
	buf.request.segments[0].length = cpu_to_le32(4096);
	return size;
}

static int decode(size_t size)
{
	return wire_capsule(&buf, size, &terms);
}

static const u8 opcodes[] = {
	KVPOOL_WIRE_PROBE, KVPOOL_WIRE_FETCH, KVPOOL_WIRE_PUSH, KVPOOL_WIRE_DROP,
};

static const u8 bare[] = { KVPOOL_WIRE_ALIVE, KVPOOL_WIRE_CANCEL };

/* Most segments or keys of a request. */
static u16 most(u8 opcode)
{
	return opcode == KVPOOL_WIRE_PROBE ? KVPOOL_WIRE_KEYS_MAX :
					     KVPOOL_WIRE_SEGS_MAX;
}

static const u8 no_proof[KVPOOL_WIRE_PROOF];

static size_t auth(void)
{
	memset(&buf, 0, sizeof(buf));
	return kvpool_wire_auth_encode((void *)&buf, 0, 7, "name", no_proof);
}

static void test_good(void)
{
	unsigned int i;
	u16 nr;

	for (i = 0; i < ARRAY_SIZE(opcodes); i++)
		for (nr = 1; nr <= most(opcodes[i]); nr++)
			CHECK_EQ(decode(request(opcodes[i], nr)), 0);
	CHECK_EQ(decode(request_inline()), 0);
	for (i = 0; i < ARRAY_SIZE(bare); i++)
		CHECK_EQ(decode(kvpool_wire_header_encode(&buf, bare[i], 0, 0,
							  7)), 0);
	CHECK_EQ(decode(auth()), 0);
}

/* A name has at least one byte and an end, and nothing behind it. */
static void test_names(void)
{
	struct kvpool_wire_auth *wire = (void *)&buf;
	unsigned int len, i;

	for (len = 0; len <= KVPOOL_NAME_SIZE; len++) {
		auth();
		memset(wire->name, 0, sizeof(wire->name));
		memset(wire->name, 'x', len);
		CHECK_EQ(!decode(sizeof(*wire)), len && len < KVPOOL_NAME_SIZE);
		for (i = len + 1; i < KVPOOL_NAME_SIZE; i++) {
			wire->name[i] = 'y';
			CHECK_EQ(decode(sizeof(*wire)), KVPOOL_CLOSE_MESSAGE);
			wire->name[i] = 0;
		}
	}
	/* What is too long for a name is cut. */
	kvpool_wire_auth_encode(wire, 0, 1, "0123456789abcdefghijklmnopqrstuvwxyz",
				no_proof);
	CHECK_EQ(decode(sizeof(*wire)), 0);
	CHECK_EQ(strlen((char *)wire->name), KVPOOL_NAME_SIZE - 1);
}

static void test_length(void)
{
	size_t size, cut;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(opcodes); i++) {
		size = request(opcodes[i], 5);
		for (cut = 0; cut < sizeof(buf); cut++)
			CHECK_EQ(decode(cut) != 0, cut != size);
	}
	for (i = 0; i < 256; i++) {
		auth();
		buf.header.opcode = i;
		for (cut = 0; cut < 128; cut++)
			CHECK_EQ(!decode(cut),
				 ((i == KVPOOL_WIRE_ALIVE ||
				   i == KVPOOL_WIRE_CANCEL) && cut == 8) ||
				 (i == KVPOOL_WIRE_AUTH && cut == 72));
	}
	for (i = 0; i < ARRAY_SIZE(bare); i++) {
		size = kvpool_wire_header_encode(&buf, bare[i], 0, 1, 7);
		CHECK_EQ(decode(size), KVPOOL_CLOSE_MESSAGE);
	}
}

/* One change, after which the request is refused. */
#define REFUSED(opcode, change) do {					\
	size_t __size = request(opcode, 3);				\
	struct kvpool_wire_segment *s = &buf.request.segments[1];	\
									\
	CHECK_EQ(decode(__size), 0);					\
	change;								\
	CHECK_EQ(decode(__size), KVPOOL_CLOSE_MESSAGE);			\
	(void)s;							\
} while (0)

static void test_fields(void)
{
	unsigned int i, flag;

	for (i = 0; i < ARRAY_SIZE(opcodes); i++) {
		for (flag = 1; flag < 256; flag <<= 1)
			REFUSED(opcodes[i], buf.header.flags = flag);
		REFUSED(opcodes[i], buf.header.opcode = 77);
		REFUSED(opcodes[i], buf.header.opcode = KVPOOL_WIRE_AUTH);
		REFUSED(opcodes[i], buf.header.nr = cpu_to_le16(2));
		REFUSED(opcodes[i], buf.header.nr = 0);
		REFUSED(opcodes[i], buf.header.nr = 0xffff);
		REFUSED(opcodes[i], buf.request.length ^= cpu_to_le32(4096));
		REFUSED(opcodes[i], buf.request.length |= cpu_to_le32(1));
		REFUSED(opcodes[i], memset(buf.request.tenant, 'x',
					   KVPOOL_NAME_SIZE));
		REFUSED(opcodes[i], buf.request.tenant[0] = 0);
		REFUSED(opcodes[i], buf.request.tenant[31] = 'x');
		REFUSED(opcodes[i], buf.request.reserved = cpu_to_le16(1));
		REFUSED(opcodes[i], buf.request.wait_ms = cpu_to_le32(1));
		if (opcodes[i] != KVPOOL_WIRE_PUSH) {
			REFUSED(opcodes[i], buf.request.node = 0);
			REFUSED(opcodes[i], buf.request.node = 0x7fff);
		}
		if (opcodes[i] == KVPOOL_WIRE_PROBE)
			continue;
		REFUSED(opcodes[i], s->parent[31] = 1);
		REFUSED(opcodes[i], s->length = 0xffffffff);
		REFUSED(opcodes[i], s->offset = cpu_to_le32(1));
		REFUSED(opcodes[i], s->offset = cpu_to_le32(0xfffff000));
	}
	REFUSED(KVPOOL_WIRE_DROP, s->depth = cpu_to_le32(1));
	REFUSED(KVPOOL_WIRE_PROBE, buf.request.rkey = 1);
	REFUSED(KVPOOL_WIRE_PROBE, buf.request.address = 1);
	REFUSED(KVPOOL_WIRE_PROBE, buf.request.length = cpu_to_le32(4096));
	REFUSED(KVPOOL_WIRE_DROP, s->push = 0);
	REFUSED(KVPOOL_WIRE_DROP, buf.request.rkey = 1);
	REFUSED(KVPOOL_WIRE_FETCH, s->push = 1);
	REFUSED(KVPOOL_WIRE_PUSH, s->push = 0);
	for (i = 1; i < 3; i++) {
		REFUSED(opcodes[i], s->length = 0);
		REFUSED(opcodes[i], s->length = cpu_to_le32(8191));
		REFUSED(opcodes[i], s->block_length = cpu_to_le32(4095));
		REFUSED(opcodes[i], s->block_length = 0xffffffff);
		REFUSED(opcodes[i], s->block_length = cpu_to_le32(12287));
		REFUSED(opcodes[i],
			s->block_length = cpu_to_le32(KVPOOL_BLOCK_MAX + 1));
		REFUSED(opcodes[i], buf.request.address = ~0ULL);
		REFUSED(opcodes[i], buf.request.address =
			cpu_to_le64(-(u64)le32_to_cpu(buf.request.length) + 1));
	}
}

/* What only some requests may have, and only one of. */
static void test_special(void)
{
	size_t size = request(KVPOOL_WIRE_FETCH, 1);

	/* Any wait up to the longest, and any node of a PUSH. */
	buf.request.wait_ms = cpu_to_le32(1);
	CHECK_EQ(decode(size), 0);
	buf.request.wait_ms = cpu_to_le32(KVPOOL_WIRE_WAIT_MAX_MS);
	CHECK_EQ(decode(size), 0);
	buf.request.wait_ms = cpu_to_le32(KVPOOL_WIRE_WAIT_MAX_MS + 1);
	CHECK_EQ(decode(size), KVPOOL_CLOSE_MESSAGE);
	buf.request.wait_ms = 0xffffffff;
	CHECK_EQ(decode(size), KVPOOL_CLOSE_MESSAGE);
	size = request(KVPOOL_WIRE_PUSH, 2);
	buf.request.node = 0;
	CHECK_EQ(decode(size), 0);
	buf.request.node = cpu_to_le16(0xfffe);
	CHECK_EQ(decode(size), 0);

	/* Inline: one segment, no memory, at most a page. */
	size = request_inline();
	buf.request.wait_ms = cpu_to_le32(7);
	CHECK_EQ(decode(size), 0);
	buf.request.rkey = cpu_to_le32(1);
	CHECK_EQ(decode(size), KVPOOL_CLOSE_MESSAGE);
	request_inline();
	buf.request.address = cpu_to_le64(4096);
	CHECK_EQ(decode(size), KVPOOL_CLOSE_MESSAGE);
	request_inline();
	buf.request.length = cpu_to_le32(8192);
	buf.request.segments[0].length = cpu_to_le32(8192);
	CHECK_EQ(decode(size), KVPOOL_CLOSE_MESSAGE);
	size = request(KVPOOL_WIRE_FETCH, 2);
	buf.header.flags = KVPOOL_WIRE_INLINE;
	buf.request.address = 0;
	buf.request.rkey = 0;
	CHECK_EQ(decode(size), KVPOOL_CLOSE_MESSAGE);
}

/* More than the two sides agreed on. */
static void test_terms(void)
{
	size_t size = request(KVPOOL_WIRE_FETCH, 9);

	terms.max_segs = 8;
	CHECK_EQ(decode(size), KVPOOL_CLOSE_MESSAGE);
	terms.max_segs = 9;
	CHECK_EQ(decode(size), 0);
	terms.max_bytes = le32_to_cpu(buf.request.length) - KVPOOL_WIRE_PAGE;
	CHECK_EQ(decode(size), KVPOOL_CLOSE_MESSAGE);
	/* Keys are not counted as segments. */
	size = request(KVPOOL_WIRE_PROBE, KVPOOL_WIRE_KEYS_MAX);
	terms.max_segs = 1;
	CHECK_EQ(decode(size), 0);
	size = request(KVPOOL_WIRE_PROBE, KVPOOL_WIRE_KEYS_MAX + 1);
	CHECK_EQ(decode(size), KVPOOL_CLOSE_MESSAGE);
}

/* Encode a response with three valid results; returns its bytes. */
static size_t response(u8 opcode)
{
	struct kvpool_wire_outcome outcome = { .length = 4096 };
	unsigned int i;

	memset(&buf, 0, sizeof(buf));
	kvpool_wire_header_encode(&buf, opcode, KVPOOL_WIRE_RESPONSE, 3, 9);
	for (i = 0; i < 3; i++) {
		if (opcode == KVPOOL_WIRE_FETCH) {
			outcome.generation = 1ULL << 32;
			outcome.depth = i;
			outcome.parent.words[0] = i > 1;
		}
		kvpool_wire_outcome_encode(&buf, opcode, i, &outcome);
	}
	return kvpool_wire_response_length(opcode, 3);
}

/* Give the third result another status, and what goes with it. */
static void set_status(u8 opcode, u32 status)
{
	struct kvpool_wire_outcome outcome = { .status = status };

	if (opcode == KVPOOL_WIRE_FETCH && !status)
		outcome.generation = 1;
	kvpool_wire_outcome_encode(&buf, opcode, 2, &outcome);
}

static void test_statuses(void)
{
	static const char statuses[][KVPOOL_WIRE_NR_STATUS + 1] = {
		/*
		 * OK MISSING PENDING LENGTH EXISTS NO_SPACE QUOTA LATER STALE
		 * DENIED
		 */
		[KVPOOL_WIRE_PROBE] =	"yyynnnnnny",
		[KVPOOL_WIRE_FETCH] =	"yyyynnnyny",
		[KVPOOL_WIRE_PUSH] =	"yyynyyyyyy",
		[KVPOOL_WIRE_DROP] =	"yynnnnnnnn",
	};
	unsigned int i, status;
	size_t size;

	for (i = 0; i < ARRAY_SIZE(opcodes); i++) {
		size = response(opcodes[i]);
		for (status = 0; status < 64; status++) {
			set_status(opcodes[i], status);
			CHECK_EQ(!wire_response(&buf, size),
				 status < KVPOOL_WIRE_NR_STATUS &&
				 statuses[opcodes[i]][status] == 'y');
		}
		set_status(opcodes[i], 1U << 31);
		CHECK(wire_response(&buf, size));
	}
}

/* One change, after which the answer is refused. */
#define BAD_ANSWER(opcode, change) do {					\
	size_t __size = response(opcode);				\
									\
	CHECK(!wire_response(&buf, __size));				\
	change;								\
	CHECK_EQ(wire_response(&buf, __size), KVPOOL_CLOSE_MESSAGE);	\
} while (0)

static void test_response(void)
{
	struct kvpool_wire_result *result = &buf.response.results[2];
	unsigned int i, flag;
	size_t cut, size;
	u8 opcode;

	for (i = 0; i < ARRAY_SIZE(opcodes); i++) {
		opcode = opcodes[i];
		size = response(opcode);
		for (cut = 0; cut < 600; cut++)
			CHECK_EQ(!wire_response(&buf, cut), cut == size);
		BAD_ANSWER(opcode, buf.header.flags = 0);
		for (flag = 1; flag < 128; flag <<= 1)
			BAD_ANSWER(opcode, buf.header.flags |= flag);
		BAD_ANSWER(opcode, buf.header.nr = 0);
		BAD_ANSWER(opcode, buf.header.nr = cpu_to_le16(2));
		if (opcode == KVPOOL_WIRE_PROBE) {
			BAD_ANSWER(opcode, buf.response.found[2].length =
				   cpu_to_le32(KVPOOL_BLOCK_MAX + 1));
			continue;
		}
		BAD_ANSWER(opcode, result->length =
			   cpu_to_le32(KVPOOL_BLOCK_MAX + 1));
		BAD_ANSWER(opcode, result->reserved = 1);
		/* A FETCH that moved bytes names a generation, no other result does. */
		BAD_ANSWER(opcode, result->generation ^= cpu_to_le64(1ULL << 32));
		BAD_ANSWER(opcode, (set_status(opcode, KVPOOL_WIRE_MISSING),
				    result->generation = cpu_to_le64(1)));
		/* So it is with chains. */
		BAD_ANSWER(opcode, (set_status(opcode, KVPOOL_WIRE_MISSING),
				    result->depth = cpu_to_le32(1)));
		BAD_ANSWER(opcode, (set_status(opcode, KVPOOL_WIRE_OK),
				    result->parent[0] = 1));
		if (opcode == KVPOOL_WIRE_FETCH)
			BAD_ANSWER(opcode, result->depth = cpu_to_le32(1));
		else
			BAD_ANSWER(opcode, result->depth = cpu_to_le32(2));
	}
	for (i = 0; i < ARRAY_SIZE(bare); i++) {
		size = kvpool_wire_header_encode(&buf, bare[i],
						 KVPOOL_WIRE_RESPONSE, 0, 3);
		for (cut = 0; cut < 100; cut++)
			CHECK_EQ(!wire_response(&buf, cut), cut == size);
		buf.header.nr = cpu_to_le16(1);
		CHECK(wire_response(&buf, size));
	}
	/* As many results as there may be. */
	for (i = 0; i < ARRAY_SIZE(opcodes); i++) {
		response(opcodes[i]);
		for (cut = 0; cut <= most(opcodes[i]); cut++) {
			struct kvpool_wire_outcome outcome = {
				.status = KVPOOL_WIRE_MISSING,
			};

			kvpool_wire_outcome_encode(&buf, opcodes[i], cut,
						   &outcome);
		}
		buf.header.nr = cpu_to_le16(most(opcodes[i]));
		CHECK(!wire_response(&buf, kvpool_wire_response_length(
			opcodes[i], most(opcodes[i]))));
		buf.header.nr = cpu_to_le16(most(opcodes[i]) + 1);
		CHECK(wire_response(&buf, kvpool_wire_response_length(
			opcodes[i], most(opcodes[i]) + 1)));
	}
}

/* The bytes of a block follow its result, if that is OK. */
static void test_payload(void)
{
	size_t size, results = kvpool_wire_response_length(KVPOOL_WIRE_FETCH, 1);
	struct kvpool_wire_outcome outcome = { .length = 4096, .generation = 5 };
	unsigned int status;

	response(KVPOOL_WIRE_FETCH);
	buf.header.nr = cpu_to_le16(1);
	kvpool_wire_outcome_encode(&buf, KVPOOL_WIRE_FETCH, 0, &outcome);
	for (size = results; size < sizeof(buf); size++) {
		buf.header.flags = KVPOOL_WIRE_RESPONSE | KVPOOL_WIRE_INLINE;
		CHECK_EQ(!wire_response(&buf, size),
			 size > results &&
			 size <= results + KVPOOL_WIRE_INLINE_MAX);
		buf.header.flags = KVPOOL_WIRE_RESPONSE;
		CHECK_EQ(!wire_response(&buf, size), size == results);
	}
	buf.header.flags = KVPOOL_WIRE_RESPONSE | KVPOOL_WIRE_INLINE;
	for (status = 1; status < KVPOOL_WIRE_NR_STATUS; status++) {
		memset(&outcome, 0, sizeof(outcome));
		outcome.status = status;
		kvpool_wire_outcome_encode(&buf, KVPOOL_WIRE_FETCH, 0, &outcome);
		CHECK(wire_response(&buf, results + 1));
		CHECK_EQ(!wire_response(&buf, results),
			 status == KVPOOL_WIRE_MISSING ||
			 status == KVPOOL_WIRE_PENDING ||
			 status == KVPOOL_WIRE_LENGTH ||
			 status == KVPOOL_WIRE_LATER ||
			 status == KVPOOL_WIRE_DENIED);
	}
}

static bool mtu_ok(unsigned int mtu)
{
	return !mtu || mtu == 256 || mtu == 512 || mtu == 1024 || mtu == 2048 ||
	       mtu == 4096;
}

static void test_connect(void)
{
	struct kvpool_wire_connect wire = {}, good;
	struct {
		struct kvpool_wire_connect wire;
		u8 padding[4];
	} padded = { .padding = { 1, 2, 3, 4 } };
	unsigned int mtu;
	size_t cut;

	wire_terms(&terms, 200);
	kvpool_wire_connect_encode(&wire, &terms);
	good = wire;
	padded.wire = wire;
	for (cut = 0; cut <= sizeof(wire); cut++)
		CHECK_EQ(!wire_connect(&wire, cut), cut == sizeof(wire));
	wire.magic ^= cpu_to_le32(1);
	CHECK_EQ(wire_connect(&wire, sizeof(wire)), KVPOOL_CLOSE_MESSAGE);
	wire = good;
	wire.version = cpu_to_le16(KVPOOL_WIRE_VERSION + 5);
	CHECK_EQ(wire_connect(&wire, sizeof(wire)), 0);
	wire.version_min = cpu_to_le16(KVPOOL_WIRE_VERSION + 1);
	CHECK_EQ(wire_connect(&wire, sizeof(wire)), KVPOOL_CLOSE_VERSION);
	wire = good;
	wire.version = 0;
	CHECK_EQ(wire_connect(&wire, sizeof(wire)), KVPOOL_CLOSE_VERSION);
	wire = good;
	wire.queue = wire.nr_queues;
	CHECK_EQ(wire_connect(&wire, sizeof(wire)), KVPOOL_CLOSE_MESSAGE);
	wire = good;
	wire.credits = 0;
	CHECK_EQ(wire_connect(&wire, sizeof(wire)), KVPOOL_CLOSE_MESSAGE);
	wire = good;
	wire.link = 0;
	CHECK_EQ(wire_connect(&wire, sizeof(wire)), KVPOOL_CLOSE_MESSAGE);
	wire = good;
	wire.link = 0xffff;
	wire.features = 0xffffffff;
	CHECK_EQ(wire_connect(&wire, sizeof(wire)), 0);
	/* Private data is padded. */
	CHECK_EQ(wire_connect(&padded, sizeof(padded)), 0);
	for (mtu = 0; mtu < 0x10000; mtu++) {
		wire.mtu = cpu_to_le16(mtu);
		CHECK_EQ(!wire_connect(&wire, sizeof(wire)), mtu_ok(mtu));
	}
}

/* One change, after which the reply is refused. */
#define BAD_REPLY(change) do {						\
	wire = good;							\
	change;								\
	CHECK_EQ(wire_accept(&wire, sizeof(wire), &asked),		\
		 KVPOOL_CLOSE_MESSAGE);					\
} while (0)

static void test_accept(void)
{
	struct kvpool_wire_accept wire = {}, good;
	struct kvpool_wire_terms asked;
	unsigned int mtu;

	/* Has features and waits. */
	wire_terms(&terms, 0x7f - 0x60);
	asked = terms;
	CHECK(terms.features && terms.waits && terms.mtu);
	kvpool_wire_accept_encode(&wire, &terms);
	good = wire;
	CHECK_EQ(wire_accept(&wire, sizeof(wire), &asked), 0);
	CHECK(wire_accept(&wire, sizeof(wire) - 1, &asked));
	asked.credits--;
	CHECK(wire_accept(&wire, sizeof(wire), &asked));
	asked.credits++;
	asked.features = 0;
	CHECK(wire_accept(&wire, sizeof(wire), &asked));
	wire.features = 0;
	CHECK_EQ(wire_accept(&wire, sizeof(wire), &asked), 0);
	asked.features = terms.features;
	CHECK_EQ(wire_accept(&wire, sizeof(wire), &asked), 0);
	BAD_REPLY(wire.magic ^= cpu_to_le32(1));
	BAD_REPLY(wire.features = cpu_to_le32(2));
	BAD_REPLY(wire.auth = cpu_to_le16(2));
	BAD_REPLY(wire.max_bytes = cpu_to_le32(4097));
	BAD_REPLY(wire.max_bytes = 0);
	BAD_REPLY(wire.max_bytes = cpu_to_le32(2 * KVPOOL_WIRE_BYTES_MAX));
	BAD_REPLY(wire.max_segs = 0);
	BAD_REPLY(wire.max_segs = cpu_to_le16(KVPOOL_WIRE_SEGS_MAX + 1));
	BAD_REPLY(wire.credits = 0);
	BAD_REPLY(wire.waits = wire.credits);
	BAD_REPLY(wire.waits = 0xffff);
	BAD_REPLY(wire.pushes = 0);
	BAD_REPLY(wire.reserved = cpu_to_le16(1));
	BAD_REPLY(wire.name[0] = 0);
	BAD_REPLY(memset(wire.name, 'x', sizeof(wire.name)));
	BAD_REPLY((memset(wire.name, 0, sizeof(wire.name)),
		   wire.name[0] = 'x', wire.name[2] = 'x'));
	wire = good;
	wire.version = cpu_to_le16(KVPOOL_WIRE_VERSION + 1);
	CHECK_EQ(wire_accept(&wire, sizeof(wire), &asked),
		 KVPOOL_CLOSE_VERSION);
	wire = good;
	asked.mtu = 1024;
	for (mtu = 0; mtu < 0x10000; mtu++) {
		wire.mtu = cpu_to_le16(mtu);
		CHECK_EQ(!wire_accept(&wire, sizeof(wire), &asked),
			 mtu_ok(mtu) && mtu <= 1024);
	}
}

static void test_reject(void)
{
	struct kvpool_wire_reject reject;
	unsigned int reason;
	u16 mtu;

	for (reason = 0; reason < 0x10000; reason++) {
		kvpool_wire_reject_encode(&reject, reason, 2048);
		CHECK_EQ(wire_reject(&reject, sizeof(reject)),
			 reason && reason < KVPOOL_NR_CLOSES ?
			 reason : KVPOOL_CLOSE_REFUSED);
	}
	kvpool_wire_reject_encode(&reject, KVPOOL_CLOSE_MTU, 1024);
	CHECK_EQ(kvpool_wire_reject_decode(&reject, sizeof(reject), &mtu),
		 KVPOOL_CLOSE_MTU);
	CHECK_EQ(mtu, 1024);
	CHECK_EQ(wire_reject(&reject, sizeof(reject) - 1),
		 KVPOOL_CLOSE_REFUSED);
	/* What is no path MTU is none; the reason is known nevertheless. */
	kvpool_wire_reject_encode(&reject, KVPOOL_CLOSE_MTU, 1500);
	CHECK_EQ(kvpool_wire_reject_decode(&reject, sizeof(reject), &mtu),
		 KVPOOL_CLOSE_MTU);
	CHECK_EQ(mtu, 0);
	kvpool_wire_reject_encode(&reject, KVPOOL_CLOSE_LIMIT, 1024);
	CHECK_EQ(kvpool_wire_reject_decode(&reject, sizeof(reject), &mtu),
		 KVPOOL_CLOSE_LIMIT);
	CHECK_EQ(mtu, 0);
	reject.magic ^= cpu_to_le32(1);
	CHECK_EQ(wire_reject(&reject, sizeof(reject)), KVPOOL_CLOSE_REFUSED);
}

/* Valid requests with some bytes changed: most are refused, none does harm. */
static void test_random(void)
{
	struct rnd rnd = { tap_seed() };
	unsigned int n, k;
	size_t size;
	u8 opcode;

	for (n = 0; n < 200000; n++) {
		opcode = opcodes[rnd_below(&rnd, 4)];
		if (n % 16 == 0)
			size = n % 32 ? request_inline() : auth();
		else if (n % 2)
			size = request(opcode, rnd_range(&rnd, 1, 6));
		else
			size = response(opcode);
		for (k = rnd_below(&rnd, 4); k > 0; k--)
			buf.bytes[rnd_below(&rnd, size)] = rnd_next(&rnd);
		decode(size);
		wire_response(&buf, size);
	}
}

/* Every reason has a text of its own, and so has what is no reason. */
static void test_reasons(void)
{
	int a, b;

	for (a = -1; a <= KVPOOL_NR_CLOSES; a++) {
		CHECK(kvpool_wire_reason(a) && *kvpool_wire_reason(a));
		for (b = 0; b < a && b < KVPOOL_NR_CLOSES; b++)
			CHECK(strcmp(kvpool_wire_reason(a),
				     kvpool_wire_reason(b)));
	}
}

static const struct tap_case cases[] = {
	{ "wire: valid requests", test_good },
	{ "wire: only one length is valid", test_length },
	{ "wire: every field is checked", test_fields },
	{ "wire: names", test_names },
	{ "wire: waits, nodes and bytes in the answer", test_special },
	{ "wire: requests beyond the agreed terms are refused", test_terms },
	{ "wire: responses", test_response },
	{ "wire: statuses", test_statuses },
	{ "wire: bytes in the answer", test_payload },
	{ "wire: connection requests", test_connect },
	{ "wire: replies", test_accept },
	{ "wire: refusals", test_reject },
	{ "wire: texts of reasons", test_reasons },
	{ "wire: random changes", test_random },
};

TAP_MAIN(cases)
