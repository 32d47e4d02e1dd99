// SPDX-License-Identifier: GPL-2.0
/*
 * preempt: a reservation whose owner is stuck is pre-empted by the next RESERVE
 * of its key. The owner may continue to write to its old space, which stays its
 * own until the owner seals, aborts or closes.
 */
#include "kvpool_util.h"

FIXTURE(preempt) {
	struct kv_bench t;	/* the stuck owner */
	struct kv_block old;
	int fd;			/* another file */
	__u8 *map;
};

FIXTURE_SETUP(preempt)
{
	ASSERT_EQ(0, kv_bench_start(&self->t));
	self->fd = kv_open(self->t.tenant, O_RDWR);
	ASSERT_GE(self->fd, 0);
	self->map = kv_map(self->fd, PROT_READ | PROT_WRITE);
	ASSERT_NE(NULL, self->map);
	ASSERT_EQ(0, kv_reserve(self->t.fd, &self->old, 1, 65536));
}

FIXTURE_TEARDOWN(preempt)
{
	kv_unmap(self->fd, self->map);
	close(self->fd);
	EXPECT_EQ(0, kv_bench_end(&self->t));
}

/* Retries until the reservation is old enough to be pre-empted. */
static int take_over(int fd, struct kv_block *b, __u64 number, __u64 length)
{
	int ret;

	do {
		ret = kv_reserve(fd, b, number, length);
	} while (ret == -EBUSY);
	return ret;
}

TEST_F(preempt, not_before_its_time)
{
	struct kvpool_stats st;
	struct kv_block b;

	EXPECT_EQ(-EBUSY, kv_reserve(self->fd, &b, 1, 65536));
	/* Zero turns pre-emption off. */
	ASSERT_EQ(0, kv_sys_set("preempt_ms", 0));
	EXPECT_EQ(-EBUSY, kv_reserve(self->fd, &b, 1, 65536));
	ASSERT_EQ(0, kv_stats(self->fd, &st));
	EXPECT_EQ(0, st.preempted_blocks);
	kv_fill(self->t.map, &self->old);
	EXPECT_EQ(0, kv_seal(self->t.fd, self->old.handle));
	EXPECT_EQ(0, kv_consume(self->fd, self->map, 1));
}

TEST_F(preempt, takes_over)
{
	struct kvpool_stats st;
	struct kvpool_span span;
	struct kv_block b, lease;

	ASSERT_EQ(0, kv_sys_set("preempt_ms", 1));
	ASSERT_EQ(0, take_over(self->fd, &b, 1, 65536));
	EXPECT_NE(self->old.span[0].offset, b.span[0].offset);
	ASSERT_EQ(0, kv_stats(self->fd, &st));
	EXPECT_EQ(1, st.preempted_blocks);
	EXPECT_EQ(1, st.pending);
	EXPECT_EQ(2 * 65536, st.bytes);
	EXPECT_EQ(65536, st.quarantined_bytes);
	EXPECT_EQ(0, st.aborted_blocks);

	/* Late writes, before, between and after the new owner's. */
	kv_fill_as(self->t.map, &self->old, 666);
	kv_fill(self->map, &b);
	kv_fill_as(self->t.map, &self->old, 667);
	EXPECT_EQ(0, kv_check(self->map, &b));
	EXPECT_EQ(-ESTALE, kv_spans(self->t.fd, self->old.handle, &span, 1, 0,
				    NULL));
	ASSERT_EQ(0, kv_seal(self->fd, b.handle));
	kv_fill_as(self->t.map, &self->old, 668);
	ASSERT_EQ(0, kv_lease(self->fd, &lease, 1));
	EXPECT_EQ(0, kv_check(self->map, &lease));

	/* The old owner's seal fails, and its handle has ended. */
	EXPECT_EQ(-ESTALE, kv_seal(self->t.fd, self->old.handle));
	EXPECT_EQ(-ENOENT, kv_seal(self->t.fd, self->old.handle));
	EXPECT_EQ(-ENOENT, kv_abort(self->t.fd, self->old.handle));
	EXPECT_EQ(0, kv_check(self->map, &lease));
	EXPECT_EQ(0, kv_release(self->fd, lease.handle));
	ASSERT_EQ(0, kv_stats(self->fd, &st));
	EXPECT_EQ(65536, st.bytes);
	EXPECT_EQ(0, st.quarantined_bytes);
	EXPECT_EQ(1, st.blocks);
	EXPECT_EQ(1, st.produced_blocks);
}

/* The space of a pre-empted owner is not reused, although it is needed. */
TEST_F(preempt, space_stays)
{
	const int nr = 2 * KV_CHUNK / 65536;
	struct kvpool_stats st;
	struct kv_block b;
	int i;

	ASSERT_EQ(0, kv_tenant_set(self->t.tenant, "quota_bytes",
				   2 * KV_CHUNK));
	ASSERT_EQ(0, kv_sys_set("preempt_ms", 1));
	ASSERT_EQ(0, take_over(self->fd, &b, 1, 65536));
	kv_fill(self->map, &b);
	ASSERT_EQ(0, kv_seal(self->fd, b.handle));
	/* Twice as much as there is room for. */
	for (i = 0; i < 2 * nr; i++) {
		ASSERT_EQ(0, kv_produce(self->fd, self->map, 100 + i, 65536));
		kv_fill_as(self->t.map, &self->old, 666 + i);
		ASSERT_EQ(0, kv_consume(self->fd, self->map, 100 + i));
	}
	for (i = nr + 1; i < 2 * nr; i++)
		EXPECT_EQ(0, kv_consume(self->fd, self->map, 100 + i));
	EXPECT_EQ(0, kv_check_as(self->t.map, &self->old, 666 + 2 * nr - 1));
	ASSERT_EQ(0, kv_stats(self->fd, &st));
	EXPECT_EQ(65536, st.quarantined_bytes);

	/* An abort releases the space too. */
	EXPECT_EQ(0, kv_abort(self->t.fd, self->old.handle));
	ASSERT_EQ(0, kv_stats(self->fd, &st));
	EXPECT_EQ(0, st.quarantined_bytes);
}

TEST_F(preempt, owner_closes)
{
	struct kvpool_stats st;
	struct kv_block b;

	ASSERT_EQ(0, kv_sys_set("preempt_ms", 1));
	ASSERT_EQ(0, take_over(self->fd, &b, 1, 4096));
	kv_bench_close(&self->t);
	ASSERT_EQ(0, kv_stats(self->fd, &st));
	EXPECT_EQ(0, st.quarantined_bytes);
	EXPECT_EQ(4096, st.bytes);
	EXPECT_EQ(1, st.pending);
	EXPECT_EQ(0, kv_seal(self->fd, b.handle));
}

/* The second owner can be pre-empted too. */
TEST_F(preempt, chain)
{
	struct kv_block b[6];
	struct kvpool_stats st;
	int fds[6], i;

	ASSERT_EQ(0, kv_sys_set("preempt_ms", 1));
	for (i = 0; i < 6; i++) {
		fds[i] = kv_open(self->t.tenant, O_RDWR);
		ASSERT_GE(fds[i], 0);
		ASSERT_EQ(0, take_over(fds[i], &b[i], 1, 4096));
	}
	ASSERT_EQ(0, kv_stats(self->fd, &st));
	EXPECT_EQ(6, st.preempted_blocks);
	EXPECT_EQ(1, st.pending);
	EXPECT_EQ(65536 + 5 * 4096, st.quarantined_bytes);
	for (i = 0; i < 5; i++)
		EXPECT_EQ(-ESTALE, kv_seal(fds[i], b[i].handle));
	EXPECT_EQ(0, kv_seal(fds[5], b[5].handle));
	EXPECT_EQ(-ESTALE, kv_seal(self->t.fd, self->old.handle));
	ASSERT_EQ(0, kv_stats(self->fd, &st));
	EXPECT_EQ(4096, st.bytes);
	for (i = 0; i < 6; i++)
		close(fds[i]);
}

/* A file can pre-empt its own reservation. */
TEST_F(preempt, own_file)
{
	struct kv_block b;

	ASSERT_EQ(0, kv_sys_set("preempt_ms", 1));
	ASSERT_EQ(0, take_over(self->t.fd, &b, 1, 4096));
	EXPECT_NE(b.handle, self->old.handle);
	kv_fill_as(self->t.map, &self->old, 666);
	kv_fill(self->t.map, &b);
	EXPECT_EQ(-ESTALE, kv_seal(self->t.fd, self->old.handle));
	EXPECT_EQ(0, kv_seal(self->t.fd, b.handle));
	EXPECT_EQ(0, kv_consume(self->fd, self->map, 1));
}

/* A block that is sealed in time stays, at any age. */
TEST_F(preempt, sealed_in_time)
{
	struct kv_block b;

	kv_fill(self->t.map, &self->old);
	ASSERT_EQ(0, kv_seal(self->t.fd, self->old.handle));
	ASSERT_EQ(0, kv_sys_set("preempt_ms", 1));
	EXPECT_EQ(-EEXIST, kv_reserve(self->fd, &b, 1, 65536));
	EXPECT_EQ(0, kv_consume(self->fd, self->map, 1));
}

/* Only keys that are reserved are pre-empted. */
TEST_F(preempt, others_keep_theirs)
{
	struct kv_block b, second;

	ASSERT_EQ(0, kv_reserve(self->t.fd, &second, 2, 4096));
	ASSERT_EQ(0, kv_sys_set("preempt_ms", 1));
	ASSERT_EQ(0, take_over(self->fd, &b, 1, 4096));
	kv_fill(self->t.map, &second);
	EXPECT_EQ(0, kv_seal(self->t.fd, second.handle));
	EXPECT_EQ(0, kv_consume(self->fd, self->map, 2));
}

struct racer {
	int fd;
	__u8 *map;
	unsigned int id;
	unsigned long rounds;
	unsigned long sealed, stale;
	int error;
};

static void *race_thread(void *data)
{
	struct racer *r = data;
	struct kv_block b, lease;
	unsigned long n;
	int ret;

	for (n = 0; n < r->rounds && !r->error; n++) {
		__u64 number = 100 + n % 4;

		ret = kv_reserve(r->fd, &b, number, 8192);
		if (ret == -EBUSY)
			continue;
		if (ret == -EEXIST) {
			ret = kv_lease(r->fd, &lease, number);
			if (!ret) {
				ret = kv_check(r->map, &lease);
				kv_release(r->fd, lease.handle);
				if (!ret)
					ret = kv_remove(r->fd, number);
			}
			if (ret && ret != -ENOENT && ret != -EBUSY &&
			    ret != -EINPROGRESS)
				r->error = ret;
			continue;
		}
		if (ret) {
			r->error = ret;
			break;
		}
		kv_fill(r->map, &b);
		if (n % 3)
			sched_yield();
		ret = kv_seal(r->fd, b.handle);
		if (!ret)
			r->sealed++;
		else if (ret == -ESTALE)
			r->stale++;
		else
			r->error = ret;
	}
	return NULL;
}

/* A seal and a pre-emption at the same moment: exactly one of them succeeds. */
TEST_F(preempt, seal_race)
{
	struct kvpool_stats st;
	struct racer r[3];
	pthread_t threads[3];
	unsigned long sealed = 0, stale = 0;
	int i;

	ASSERT_EQ(0, kv_abort(self->t.fd, self->old.handle));
	ASSERT_EQ(0, kv_sys_set("preempt_ms", 1));
	for (i = 0; i < 3; i++) {
		r[i] = (struct racer) {
			.id = i,
			.rounds = kv_rounds("KVPOOL_PREEMPT_ROUNDS", 5000, 1000),
		};
		r[i].fd = kv_open(self->t.tenant, O_RDWR);
		ASSERT_GE(r[i].fd, 0);
		r[i].map = kv_map(r[i].fd, PROT_READ | PROT_WRITE);
		ASSERT_NE(NULL, r[i].map);
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, race_thread,
					    &r[i]));
	}
	for (i = 0; i < 3; i++) {
		pthread_join(threads[i], NULL);
		EXPECT_EQ(0, r[i].error);
		sealed += r[i].sealed;
		stale += r[i].stale;
		kv_unmap(r[i].fd, r[i].map);
		close(r[i].fd);
	}
	ASSERT_EQ(0, kv_stats(self->fd, &st));
	EXPECT_EQ(sealed, st.produced_blocks);
	EXPECT_EQ(stale, st.preempted_blocks);
	EXPECT_EQ(0, st.pending);
	EXPECT_EQ(0, st.quarantined_bytes);
	EXPECT_EQ(st.blocks * 8192, st.bytes);
}

TEST_HARNESS_MAIN
