// SPDX-License-Identifier: GPL-2.0
/*
 * compat: a 32-bit program makes, reads and removes a block through the compat
 * ioctl.
 */
#include <libgen.h>

#include "kvpool_layout.h"
#include "kvpool_util.h"

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

	/* The program has left neither a lease nor a block. */
	fd = kv_open(NULL, O_RDONLY);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, kv_stats(fd, &stats));
	EXPECT_EQ(0, stats.bytes);
	EXPECT_EQ(0, stats.leases);
	EXPECT_EQ(0, stats.pending);
	close(fd);
}

TEST_HARNESS_MAIN
