// SPDX-License-Identifier: LGPL-2.1-or-later
/* Leases and reservations that operations made: bytes, spans, ends. */

#include "mock.h"
#include "tap.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#define NR	300

static struct kvpool *pool;
static struct kvpool_op op;
static struct kvpool_completion done;
static struct iovec iov[MOCK_MANY_SPANS];

static void setup(void)
{
	mock_reset();
	expect_int(kvpool_open(&pool, NULL), 0);
}

static void cleanup(void)
{
	kvpool_close(pool);
	expect_int(mock.held, 0);
	expect(!mock.bad_input);
}

static void lease_one(struct mock_key spec)
{
	struct kvpool_key key = mock_make_key(spec);

	kvpool_op_lease(&op, &key, 0, 0);
	expect_int(kvpool_run(pool, &op, 1, &done), 1);
}

static void release(void)
{
	struct kvpool_completion end;

	kvpool_op_release(&op, done.handle, 0);
	expect_int(kvpool_run(pool, &op, 1, &end), 1);
}

static void reads_spans(void)
{
	struct kvpool_key key = mock_make_key((struct mock_key){ .id = 5, .spans = 255 });
	struct kvpool_key hidden = mock_make_key((struct mock_key){ .id = 6, .spans_error = ENOENT });
	struct kvpool_span *spans = calloc(MOCK_MANY_SPANS + 1, sizeof(*spans));
	struct kvpool_batch *batch;
	uint64_t handle;

	setup();
	expect_int(kvpool_batch_create(pool, 2, &batch), 0);
	expect_int(kvpool_consume_begin(batch, &key, NULL, 1, NULL), 1);
	handle = kvpool_block_handle(batch, 0);
	mock_forget();
	expect_int(kvpool_lease_spans(pool, handle, spans, MOCK_MANY_SPANS + 1), MOCK_MANY_SPANS);
	expect_int(mock.nr_calls, 2);
	expect(spans[MOCK_MANY_SPANS - 1].length && !spans[MOCK_MANY_SPANS].length);
	expect_int(kvpool_lease_spans(pool, handle, spans, 3), MOCK_MANY_SPANS);
	expect_int(mock.nr_calls, 3);
	expect_int(kvpool_consume_end(batch, NULL, 0), 1);
	expect_int(kvpool_consume_begin(batch, &hidden, NULL, 1, NULL), 1);
	expect_int(kvpool_lease_spans(pool, kvpool_block_handle(batch, 0), spans, 1), -ENOENT);
	expect_int(kvpool_lease_spans(NULL, handle, spans, 1), -EINVAL);
	kvpool_batch_destroy(batch);
	free(spans);
	cleanup();
}

static void one_piece_needs_no_call(void)
{
	setup();
	lease_one((struct mock_key){ .id = 3 });
	mock_forget();
	expect_int(kvpool_lease_iov(pool, &done, NULL, 0), 1);
	expect_int(kvpool_lease_iov(pool, &done, iov, 4), 1);
	expect(iov[0].iov_base == (char *)kvpool_base(pool) + 3 * 8192);
	expect_int(iov[0].iov_len, 4096);
	expect(!iov[1].iov_base);
	expect_int(mock.nr_calls, 0);
	release();
	cleanup();
}

static void pieces_are_read(void)
{
	char *base;
	int i, bad = 0;

	setup();
	base = kvpool_base(pool);
	lease_one((struct mock_key){ .id = 5, .spans = 200 });
	mock_forget();
	/* The completion has the first piece. */
	expect_int(kvpool_lease_iov(pool, &done, iov, 1), 200);
	expect(iov[0].iov_base == base + 5 * 8192);
	expect_int(mock.nr_calls, 0);
	memset(iov, 0, sizeof(iov));
	expect_int(kvpool_lease_iov(pool, &done, iov, 3), 200);
	expect(iov[2].iov_base == base + (2 * 64 + 5) * 8192 && !iov[3].iov_base);
	expect_int(kvpool_lease_iov(pool, &done, iov, 300), 200);
	expect_calls({ KVPOOL_IOC_SPANS, .nr = 2, .first = 1, .last = 5 },
		     { KVPOOL_IOC_SPANS, .nr = 128, .first = 1, .last = 5 },
		     { KVPOOL_IOC_SPANS, .nr = 71, .first = 129, .last = 5 });
	for (i = 0; i < 200; i++)
		bad += iov[i].iov_base != base + (i * 64 + 5) * 8192 ||
		       iov[i].iov_len != (i < 199 ? 4096 : 3996);
	expect_int(bad, 0);
	expect(!iov[200].iov_base);
	release();

	lease_one((struct mock_key){ .id = 1, .spans = 255 });
	expect_int(kvpool_lease_iov(pool, &done, iov, MOCK_MANY_SPANS), MOCK_MANY_SPANS);
	expect(iov[MOCK_MANY_SPANS - 1].iov_len == 3996);
	release();
	cleanup();
}

static void reservations_have_pieces_too(void)
{
	struct kvpool_key key = mock_make_key((struct mock_key){ .id = 7, .spans = 3 });
	struct kvpool_completion end;

	setup();
	kvpool_op_reserve(&op, &key, 3 * 4096 - 100, 9);
	expect_int(kvpool_run(pool, &op, 1, &done), 1);
	expect_int(done.user_data, 9);
	expect_int(done.length, 3 * 4096 - 100);
	expect_int(kvpool_lease_iov(pool, &done, iov, 8), 3);
	memset(iov[0].iov_base, 1, iov[0].iov_len);
	memset(iov[2].iov_base, 3, iov[2].iov_len);
	expect_int(iov[2].iov_len, 3996);
	kvpool_op_seal(&op, done.handle, KVPOOL_OP_PIN_SOFT, 10);
	expect_int(kvpool_run(pool, &op, 1, &end), 1);
	expect_int(end.user_data, 10);
	expect_int(mock.op.flags, KVPOOL_OP_PIN_SOFT);
	cleanup();
}

static void iov_says_what_is_wrong(void)
{
	struct kvpool_open_opts opts = { .size = sizeof(opts), .flags = KVPOOL_OPEN_NOMAP };
	struct kvpool_key miss = mock_make_key((struct mock_key){ .status = ENOENT });

	setup();
	kvpool_op_lease(&op, &miss, 0, 0);
	expect_int(kvpool_run(pool, &op, 1, &done), 0);
	expect_int(kvpool_lease_iov(pool, &done, iov, 1), -EBADF);
	expect_text(kvpool_last_error(), "no lease and no reservation; its status is -2");
	lease_one((struct mock_key){ .id = 2, .spans = 3 });
	expect_int(kvpool_lease_iov(NULL, &done, iov, 1), -EINVAL);
	expect_int(kvpool_lease_iov(pool, NULL, iov, 1), -EINVAL);
	expect_int(kvpool_lease_iov(pool, &done, NULL, 1), -EINVAL);
	expect_int(kvpool_lease_iov(pool, &done, iov, -1), -EINVAL);
	/* The handle is that of another block by now. */
	done.nr_spans = 2;
	expect_int(kvpool_lease_iov(pool, &done, iov, 4), -EBADF);
	expect_text(kvpool_last_error(), "not the completion's any more");
	mock_forget();
	mock.fail_at = 1;
	mock.fail_errno = ENOENT;
	done.nr_spans = 3;
	expect_int(kvpool_lease_iov(pool, &done, iov, 4), -ENOENT);
	mock.fail_at = 0;
	release();
	kvpool_close(pool);

	expect_int(kvpool_open(&pool, &opts), 0);
	lease_one((struct mock_key){ .id = 2 });
	expect_int(kvpool_lease_iov(pool, &done, iov, 1), -ENXIO);
	expect_text(kvpool_last_error(), "KVPOOL_OPEN_NOMAP");
	release();
	cleanup();
}

static void aborts_handles(void)
{
	static struct kvpool_completion all[NR];
	static struct kvpool_op ops[NR];
	uint64_t handles[NR];
	int status[NR], i;

	setup();
	for (i = 0; i < NR; i++) {
		struct kvpool_key key = mock_id(i);

		kvpool_op_reserve(&ops[i], &key, 4096, i);
	}
	expect_int(kvpool_run(pool, ops, NR, all), NR);
	for (i = 0; i < NR; i++)
		handles[i] = all[i].handle;
	/* A lease is none. */
	lease_one((struct mock_key){ .id = 9 });
	handles[3] = done.handle;
	mock_forget();
	expect_int(kvpool_abort_handles(pool, handles, NR, status), NR - 1);
	expect_int(status[2], 0);
	expect_int(status[3], -ENOENT);
	expect_int(status[NR - 1], 0);
	handles[3] = all[3].handle;
	expect_int(kvpool_abort_handles(pool, handles + 3, 1, NULL), 1);
	expect_calls({ KVPOOL_IOC_ABORT, .nr = 128, .last = 127 },
		     { KVPOOL_IOC_ABORT, .nr = 128, .first = 128, .last = 255 },
		     { KVPOOL_IOC_ABORT, .nr = 44, .first = 256, .last = 299 },
		     { KVPOOL_IOC_ABORT, .nr = 1, .first = 3, .last = 3 });
	release();

	expect_int(kvpool_run(pool, ops, NR, all), NR);
	for (i = 0; i < NR; i++)
		handles[i] = all[i].handle;
	mock_forget();
	mock.fail_at = 2;
	mock.fail_errno = ENOMEM;
	expect_int(kvpool_abort_handles(pool, handles, NR, status), 128);
	expect_int(status[127], 0);
	expect_int(status[128], -ENOMEM);
	expect_int(status[NR - 1], -ENOMEM);
	mock_forget();
	mock.fail_at = 1;
	expect_int(kvpool_abort_handles(pool, handles + 128, NR - 128, status), -ENOMEM);
	mock.fail_at = 0;
	expect_int(kvpool_abort_handles(pool, handles + 128, NR - 128, NULL), NR - 128);
	expect_int(kvpool_abort_handles(pool, NULL, 0, NULL), 0);
	expect_int(kvpool_abort_handles(pool, NULL, 1, NULL), -EINVAL);
	expect_int(kvpool_abort_handles(NULL, handles, 1, NULL), -EINVAL);
	expect_int(kvpool_abort_handles(pool, handles, 1U << 31, NULL), -EINVAL);
	cleanup();
}

int main(void)
{
	run(reads_spans);
	run(one_piece_needs_no_call);
	run(pieces_are_read);
	run(reservations_have_pieces_too);
	run(iov_says_what_is_wrong);
	run(aborts_handles);
	return tap_end();
}
