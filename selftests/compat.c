// SPDX-License-Identifier: GPL-2.0
/*
 * compat: a 32-bit program does a block's whole life through the compat ioctl.
 * The structures have one layout for both, which both compilations assert.
 */
#include <libgen.h>

#include "kvpool_util.h"

#define LAYOUT(type, member, at) \
	_Static_assert(offsetof(struct type, member) == (at), #type "." #member)
#define SIZE(type, bytes) _Static_assert(sizeof(struct type) == (bytes), #type)

SIZE(kvpool_span, 16);
SIZE(kvpool_entry, 64);
SIZE(kvpool_handle_entry, 16);
SIZE(kvpool_info, 96);
SIZE(kvpool_attach, 40);
SIZE(kvpool_reserve, 40);
SIZE(kvpool_handles, 24);
SIZE(kvpool_lookup, 48);
SIZE(kvpool_keys, 24);
SIZE(kvpool_spans, 40);
SIZE(kvpool_stats, 256);
LAYOUT(kvpool_entry, flags, 60);
LAYOUT(kvpool_stats, rejected, 168);
LAYOUT(kvpool_stats, timedout_ops, 248);
SIZE(kvpool_ring_setup, 48);
LAYOUT(kvpool_ring_setup, offset, 16);
SIZE(kvpool_op, 96);
LAYOUT(kvpool_op, key, 32);
LAYOUT(kvpool_op, peer, 80);
SIZE(kvpool_completion, 64);
SIZE(kvpool_submit, 32);
SIZE(kvpool_cancel, 24);
SIZE(kvpool_uring, 16);

TEST(caller_of_32_bits)
{
	char self[4096], path[4200];
	struct kvpool_stats stats;
	ssize_t n;
	pid_t pid;
	int fd, ret;

	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	ASSERT_GT(n, 0);
	self[n] = '\0';
	snprintf(path, sizeof(path), "%s/compat32", dirname(self));
	if (access(path, X_OK))
		SKIP(return, "the compiler made no 32-bit program");

	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		execl(path, path, NULL);
		_exit(errno == ENOEXEC ? 126 : 127);
	}
	ret = kv_reap(pid);
	if (ret == 126)
		SKIP(return, "the kernel runs no 32-bit programs");
	EXPECT_EQ(0, ret);

	/* It left a lease-free, block-free pool behind. */
	fd = kv_open(NULL, O_RDONLY);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, kv_stats(fd, &stats));
	EXPECT_EQ(0, stats.bytes);
	EXPECT_EQ(0, stats.leases);
	EXPECT_EQ(0, stats.pending);
	close(fd);
}

TEST_HARNESS_MAIN
