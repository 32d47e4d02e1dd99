// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The header from C++: all structures without the word struct, and every call.
 * The tests in C cover the behaviour; here the calls have to compile, link and work
 * together.
 */

#include <kvpool.h>
#include <linux/kvpool.h>

#include "mock.h"
#include "tap.h"

#include <cerrno>
#include <memory>
#include <vector>

namespace {

struct pool_closer {
	void operator()(kvpool *pool) const { kvpool_close(pool); }
};

struct batch_destroyer {
	void operator()(kvpool_batch *batch) const { kvpool_batch_destroy(batch); }
};

struct ring_destroyer {
	void operator()(kvpool_ring *ring) const { kvpool_ring_destroy(ring); }
};

struct chain_destroyer {
	void operator()(kvpool_key_chain *chain) const { kvpool_key_chain_destroy(chain); }
};

using pool_ptr = std::unique_ptr<kvpool, pool_closer>;
using batch_ptr = std::unique_ptr<kvpool_batch, batch_destroyer>;
using ring_ptr = std::unique_ptr<kvpool_ring, ring_destroyer>;
using chain_ptr = std::unique_ptr<kvpool_key_chain, chain_destroyer>;

pool_ptr open_pool()
{
	kvpool_open_opts opts = {};
	kvpool *pool = nullptr;

	mock_reset();
	opts.size = sizeof(opts);
	opts.tenant = "red";
	expect_int(kvpool_open(&pool, &opts), 0);
	return pool_ptr(pool);
}

batch_ptr make_batch(const pool_ptr &pool, unsigned int nr)
{
	kvpool_batch *batch = nullptr;

	expect_int(kvpool_batch_create(pool.get(), nr, &batch), 0);
	return batch_ptr(batch);
}

std::vector<kvpool_key> make_keys(unsigned int nr)
{
	std::vector<kvpool_key> keys(nr);

	mock_ids(keys.data(), nr);
	return keys;
}

void opens()
{
	pool_ptr pool = open_pool();
	kvpool *received = nullptr;
	kvpool_info info = {};
	kvpool_stats stats = {};

	expect_int(kvpool_version(), KVPOOL_VERSION);
	expect(kvpool_info_cached(pool.get())->abi_version == KVPOOL_ABI_VERSION);
	expect_int(kvpool_info_read(pool.get(), &info, sizeof(info)), 0);
	expect_int(kvpool_stats_read(pool.get(), &stats, sizeof(stats)), 0);
	expect_int(stats.blocks, 11);
	expect(kvpool_fd(pool.get()) >= 0 && kvpool_base(pool.get()));
	expect_int(kvpool_open_fd(&received, -1, nullptr), -EPROTONOSUPPORT);
	expect_text(kvpool_last_error(), "not a kvpool device");
	expect_text(kvpool_strerror(-ENOENT), "no such");
}

void produces_and_consumes()
{
	const std::vector<kvpool_key> keys = make_keys(3);
	const std::vector<uint64_t> lengths = { 4096, 8192, 65536 };
	const std::vector<uint32_t> pins = { KVPOOL_PIN_SOFT, 0, KVPOOL_PIN_HARD };
	pool_ptr pool = open_pool();
	batch_ptr batch = make_batch(pool, 3);
	kvpool_produce_opts produce = {};
	kvpool_consume_opts consume = {};
	const unsigned int last = 2;
	char text[6] = "";
	unsigned int nr;
	size_t avail;
	iovec iov;

	produce.size = sizeof(produce);
	expect_int(kvpool_produce_begin(batch.get(), keys.data(), lengths.data(), 3, &produce), 3);
	expect_int(kvpool_block_write(batch.get(), 0, 100, "hello", 6), 0);
	expect_int(kvpool_produce_abort(batch.get(), &last, 1), 1);
	expect_int(kvpool_produce_commit(batch.get(), nullptr, pins.data(), 0, 0), 2);
	expect_int(kvpool_batch_count(batch.get()), 3);
	expect_int(kvpool_block_status(batch.get(), 2), -ECANCELED);

	consume.size = sizeof(consume);
	consume.flags = KVPOOL_CONSUME_REMOTE | KVPOOL_CONSUME_PREFIX;
	consume.peer_name = MOCK_PEER;
	expect_int(kvpool_consume_begin(batch.get(), keys.data(), lengths.data(), 3, &consume), 3);
	expect_int(kvpool_batch_held(batch.get()), 3);
	expect_int(kvpool_block_read(batch.get(), 0, 100, text, 6), 0);
	expect_text(text, "hello");
	expect_int(kvpool_block_length(batch.get(), 0), 4096);
	expect_int(kvpool_block_route(batch.get(), 0), KVPOOL_ROUTE_LOCAL);
	expect(kvpool_block_handle(batch.get(), 0) != 0);
	expect(kvpool_block_spans(batch.get(), 0, &nr) && nr == 1);
	expect(kvpool_block_at(batch.get(), 0, 0, &avail) && avail == 4096);
	expect_int(kvpool_block_iov(batch.get(), 0, &iov, 1), 1);
	expect_int(kvpool_consume_end(batch.get(), nullptr, 0), 3);
}

void asks_without_leases()
{
	const std::vector<kvpool_key> keys = make_keys(3);
	pool_ptr pool = open_pool();
	kvpool_remote_opts remote = {};
	std::vector<uint64_t> lengths(3);
	std::vector<uint32_t> peers(3);
	char name[KVPOOL_NAME_SIZE];
	std::vector<int> status(3);
	uint32_t peer = 0;

	remote.size = sizeof(remote);
	remote.peer_name = MOCK_PEER;
	expect_int(kvpool_match_prefix(pool.get(), keys.data(), 3), 3);
	expect_int(kvpool_exists(pool.get(), keys.data(), 3, status.data(), lengths.data()), 3);
	expect_int(kvpool_remove(pool.get(), keys.data(), 3, nullptr), 3);
	expect_int(kvpool_pin(pool.get(), keys.data(), 3, KVPOOL_PIN_SOFT, nullptr), 3);
	expect_int(kvpool_probe(pool.get(), keys.data(), 3, &remote, status.data(), lengths.data(),
				peers.data()), 3);
	expect_int(peers[2], MOCK_PEER_NR);
	expect_int(kvpool_push(pool.get(), keys.data(), 3, &remote, nullptr), 3);
	expect_int(kvpool_peer_find(pool.get(), MOCK_PEER, &peer), 0);
	expect_int(kvpool_peer_read_name(pool.get(), peer, name, sizeof(name)), 0);
	expect_text(name, MOCK_PEER);
}

void runs_operations()
{
	const std::vector<kvpool_key> keys = make_keys(1);
	std::vector<kvpool_completion> done(7);
	std::vector<kvpool_op> ops(7);
	pool_ptr pool = open_pool();
	kvpool_span span;
	uint64_t handle;
	iovec iov;

	kvpool_op_init(&ops[0], KVPOOL_OP_NOP, 0);
	kvpool_op_probe(&ops[1], &keys[0], KVPOOL_OP_REMOTE, 0, 1);
	kvpool_op_lease(&ops[2], &keys[0], KVPOOL_OP_WAIT, 2);
	kvpool_op_fetch(&ops[3], &keys[0], 4096, MOCK_PEER_NR, 3);
	kvpool_op_push(&ops[4], &keys[0], MOCK_PEER_NR, 4);
	kvpool_op_reserve(&ops[5], &keys[0], 4096, 5);
	kvpool_op_reserve(&ops[6], &keys[0], 8192, 6);
	kvpool_op_chain(&ops[5], nullptr, 0);
	expect_int(kvpool_run(pool.get(), ops.data(), 7, done.data()), 7);
	expect_int(kvpool_lease_spans(pool.get(), done[2].handle, &span, 1), 1);
	expect_int(kvpool_lease_iov(pool.get(), &done[5], &iov, 1), 1);
	kvpool_op_release(&ops[0], done[2].handle, 0);
	kvpool_op_release(&ops[1], done[3].handle, 1);
	kvpool_op_seal(&ops[2], done[5].handle, KVPOOL_OP_PIN_SOFT, 2);
	handle = done[6].handle;
	expect_int(kvpool_run(pool.get(), ops.data(), 3, done.data()), 3);
	expect_int(kvpool_abort_handles(pool.get(), &handle, 1, nullptr), 1);
	expect_int(kvpool_cancel_ops(pool.get(), KVPOOL_CANCEL_ALL, 0), 0);
	expect_int(mock.held, 0);
}

void uses_a_ring()
{
	pool_ptr pool = open_pool();
	kvpool_ring_opts opts = {};
	kvpool_completion done = {};
	kvpool_ring *made = nullptr;
	kvpool_op op;

	opts.size = sizeof(opts);
	opts.entries = 5;
	expect_int(kvpool_ring_create(pool.get(), &opts, &made), 0);

	ring_ptr ring(made);

	expect(kvpool_ring_fd(ring.get()) >= 0);
	expect_int(kvpool_ring_entries(ring.get()), 8);
	kvpool_op_init(&op, KVPOOL_OP_NOP, 99);
	expect_int(kvpool_ring_submit(ring.get(), &op, 1), 1);
	expect_int(kvpool_ring_pending(ring.get()), 1);
	expect_int(kvpool_ring_reap(ring.get(), &done, 1, 1, KVPOOL_WAIT_FOREVER), 1);
	expect_int(done.user_data, 99);
	expect_int(kvpool_ring_cancel(ring.get(), KVPOOL_CANCEL_TAG, 1), 0);
}

void makes_keys()
{
	const uint32_t tokens[] = { 1, 2, 3, 4 };
	kvpool_key_chain *made = nullptr;
	kvpool_key whole[2], grown[2];

	expect_int(kvpool_prefix_keys("seed", 4, 2, tokens, 4, whole, 2), 2);
	expect_int(kvpool_key_chain_create("seed", 4, 2, &made), 0);

	chain_ptr chain(made);

	expect_int(kvpool_key_chain_append(chain.get(), tokens, 3, grown, 2), 1);
	expect_int(kvpool_key_chain_clone(chain.get(), &made), 0);

	chain_ptr clone(made);

	expect_int(kvpool_key_chain_append(clone.get(), tokens + 3, 1, grown + 1, 1), 1);
	expect(!memcmp(whole, grown, sizeof(whole)));
}

} // namespace

int main()
{
	run(opens);
	run(produces_and_consumes);
	run(asks_without_leases);
	run(runs_operations);
	run(uses_a_ring);
	run(makes_keys);
	expect(!mock.bad_input);
	return tap_end();
}
