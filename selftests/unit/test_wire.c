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

/* Encode a valid request; returns its bytes. */
static size_t request(u8 opcode, u16 nr)
{
	bool moves = opcode == KVPOOL_WIRE_FETCH || opcode == KVPOOL_WIRE_PUSH;
	struct kvpool_wire_message message = {
		.opcode = opcode, .nr = nr, .id = 0x12345678, .tenant = "t",
	};
	u16 i;

	memset(&buf, 0, sizeof(buf));
	for (i = 0; i < nr; i++) {
		struct kvpool_wire_part part = {
			.key.words = { i, 1, 2, 3 },
			.push = opcode == KVPOOL_WIRE_PUSH ||
			       opcode == KVPOOL_WIRE_DROP ? i + 1 : 0,
		};

		if (moves) {
			part.block_length = 20000 + i;
			part.offset = 4096;
			part.length = i & 1 ? 8192 : part.block_length - 4096;
			message.length += kvpool_wire_align(part.length);
		}
		kvpool_wire_part_encode(&buf.request.segments[i], &part);
	}
	if (moves) {
		message.address = 0xffff000000000000ULL;
		message.rkey = 0xabcdef;
	}
	wire_terms(&terms, 0xff);
	return kvpool_wire_request_encode(&buf.request, &message);
}

static int decode(size_t size)
{
	return wire_capsule(&buf, size, &terms);
}

static const u8 opcodes[] = {
	KVPOOL_WIRE_PROBE, KVPOOL_WIRE_FETCH, KVPOOL_WIRE_PUSH, KVPOOL_WIRE_DROP,
};

static void test_good(void)
{
	unsigned int i;
	u16 nr;

	for (i = 0; i < ARRAY_SIZE(opcodes); i++)
		for (nr = 1; nr <= KVPOOL_WIRE_SEGS_MAX; nr++)
			CHECK_EQ(decode(request(opcodes[i], nr)), 0);
	CHECK_EQ(decode(kvpool_wire_header_encode(&buf, KVPOOL_WIRE_ALIVE, 0, 0,
						  7)), 0);
	kvpool_wire_header_encode(&buf, KVPOOL_WIRE_AUTH, 0, 0, 7);
	CHECK_EQ(decode(sizeof(struct kvpool_wire_auth)), 0);
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
		kvpool_wire_header_encode(&buf, i, 0, 0, 7);
		for (cut = 0; cut < 64; cut++)
			CHECK_EQ(!decode(cut),
				 (i == KVPOOL_WIRE_ALIVE && cut == 8) ||
				 (i == KVPOOL_WIRE_AUTH && cut == 40));
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
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(opcodes); i++) {
		REFUSED(opcodes[i], buf.header.flags = 1);
		REFUSED(opcodes[i], buf.header.flags = KVPOOL_WIRE_RESPONSE);
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
		REFUSED(opcodes[i], s->parent[31] = 1);
		if (opcodes[i] != KVPOOL_WIRE_PUSH)
			REFUSED(opcodes[i], s->depth = cpu_to_le32(1));
		REFUSED(opcodes[i], s->length = 0xffffffff);
		REFUSED(opcodes[i], s->offset = cpu_to_le32(1));
		REFUSED(opcodes[i], s->offset = cpu_to_le32(0xfffff000));
	}
	REFUSED(KVPOOL_WIRE_PROBE, buf.request.rkey = 1);
	REFUSED(KVPOOL_WIRE_PROBE, buf.request.address = 1);
	REFUSED(KVPOOL_WIRE_PROBE, s->push = 1);
	REFUSED(KVPOOL_WIRE_PROBE, s->block_length = cpu_to_le32(4096));
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
}

/* Encode a response with three valid results; returns its bytes. */
static size_t response(u8 opcode)
{
	unsigned int i;

	memset(&buf, 0, sizeof(buf));
	kvpool_wire_header_encode(&buf, opcode, KVPOOL_WIRE_RESPONSE, 3, 9);
	for (i = 0; opcode == KVPOOL_WIRE_FETCH && i < 3; i++)
		buf.response.results[i].generation = cpu_to_le64(1ULL << 32);
	return sizeof(buf.response) + 3 * sizeof(buf.response.results[0]);
}

static void test_response(void)
{
	static const char statuses[][KVPOOL_WIRE_NR_STATUS + 1] = {
		/* OK MISSING PENDING LENGTH EXISTS NO_SPACE QUOTA NO_MEMORY STALE */
		[KVPOOL_WIRE_PROBE] =	"yyynnnnnn",
		[KVPOOL_WIRE_FETCH] =	"yyyynnnyn",
		[KVPOOL_WIRE_PUSH] =	"yyynyyyyy",
		[KVPOOL_WIRE_DROP] =	"yynnnnnnn",
	};
	struct kvpool_wire_result *result = &buf.response.results[2];
	unsigned int i, status;
	size_t cut, size;

	for (i = 0; i < ARRAY_SIZE(opcodes); i++) {
		size = response(opcodes[i]);
		for (cut = 0; cut < 600; cut++)
			CHECK_EQ(!wire_response(&buf, cut), cut == size);
		for (status = 0; status < 64; status++) {
			response(opcodes[i]);
			result->status = cpu_to_le32(status);
			if (status)
				result->generation = 0;
			CHECK_EQ(!wire_response(&buf, size),
				 status < KVPOOL_WIRE_NR_STATUS &&
				 statuses[opcodes[i]][status] == 'y');
			/* A FETCH that moved bytes names a generation, no other result does. */
			if (!status)
				result->generation ^= cpu_to_le64(1ULL << 32);
			else
				result->generation = cpu_to_le64(1);
			CHECK(wire_response(&buf, size));
		}
		response(opcodes[i]);
		result->status = cpu_to_le32(1U << 31);
		CHECK(wire_response(&buf, size));
		response(opcodes[i]);
		result->length = cpu_to_le32(KVPOOL_BLOCK_MAX + 1);
		CHECK(wire_response(&buf, size));
		result->length = cpu_to_le32(KVPOOL_BLOCK_MAX);
		CHECK(!wire_response(&buf, size));
		buf.header.flags = 0;
		CHECK(wire_response(&buf, size));
	}
}

static void test_connect(void)
{
	struct kvpool_wire_connect wire = {}, good;
	size_t cut;

	wire_terms(&terms, 200);
	kvpool_wire_connect_encode(&wire, &terms);
	good = wire;
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
	wire.reserved = 1;
	CHECK_EQ(wire_connect(&wire, sizeof(wire)), KVPOOL_CLOSE_MESSAGE);
}

static void test_accept(void)
{
	struct kvpool_wire_terms asked;
	struct kvpool_wire_accept wire = {}, good;
	struct kvpool_wire_reject reject;

	wire_terms(&terms, 0xfe);
	asked = terms;
	kvpool_wire_accept_encode(&wire, &terms);
	good = wire;
	CHECK_EQ(wire_accept(&wire, sizeof(wire), &asked), 0);
	CHECK(wire_accept(&wire, sizeof(wire) - 1, &asked));
	asked.credits--;
	CHECK(wire_accept(&wire, sizeof(wire), &asked));
	asked.credits++;
	wire.features = cpu_to_le32(1);
	CHECK(wire_accept(&wire, sizeof(wire), &asked));
	wire = good;
	wire.auth = cpu_to_le16(2);
	CHECK(wire_accept(&wire, sizeof(wire), &asked));
	wire = good;
	wire.max_bytes = cpu_to_le32(4097);
	CHECK(wire_accept(&wire, sizeof(wire), &asked));
	wire = good;
	wire.version = cpu_to_le16(KVPOOL_WIRE_VERSION + 1);
	CHECK_EQ(wire_accept(&wire, sizeof(wire), &asked),
		 KVPOOL_CLOSE_VERSION);

	kvpool_wire_reject_encode(&reject, KVPOOL_CLOSE_LIMIT);
	CHECK_EQ(wire_reject(&reject, sizeof(reject)), KVPOOL_CLOSE_LIMIT);
	CHECK_EQ(wire_reject(&reject, 7), KVPOOL_CLOSE_REFUSED);
	reject.reason = 0;
	CHECK_EQ(wire_reject(&reject, sizeof(reject)), KVPOOL_CLOSE_REFUSED);
	reject.reason = cpu_to_le16(999);
	CHECK_EQ(wire_reject(&reject, sizeof(reject)), KVPOOL_CLOSE_REFUSED);
}

/* Valid requests with some bytes changed: most are refused, none does harm. */
static void test_random(void)
{
	struct rnd rnd = { tap_seed() };
	unsigned int n, k;
	size_t size;

	for (n = 0; n < 200000; n++) {
		size = request(opcodes[rnd_below(&rnd, 4)],
			       rnd_range(&rnd, 1, 6));
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
	{ "wire: requests beyond the agreed terms are refused", test_terms },
	{ "wire: responses", test_response },
	{ "wire: connection requests", test_connect },
	{ "wire: replies and refusals", test_accept },
	{ "wire: texts of reasons", test_reasons },
	{ "wire: random changes", test_random },
};

TAP_MAIN(cases)
