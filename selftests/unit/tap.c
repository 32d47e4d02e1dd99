// SPDX-License-Identifier: GPL-2.0
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

#define CASE_SECONDS	60

u64 tap_seed(void)
{
	const char *seed = getenv("UNIT_SEED");

	return seed ? strtoull(seed, NULL, 0) : 1;
}

/* SplitMix64: a counter and a mixing function. */
u64 rnd_next(struct rnd *rnd)
{
	u64 z = rnd->state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

int tap_run(const struct tap_case *cases, int nr)
{
	int i, status, failed = 0;
	pid_t pid;

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("1..%d\n", nr);
	for (i = 0; i < nr; i++) {
		pid = fork();
		if (pid < 0) {
			perror("# fork");
			return 1;
		}
		if (!pid) {
			alarm(CASE_SECONDS);
			cases[i].run();
			/* exit(), so that leaks are looked for. */
			exit(0);
		}
		if (waitpid(pid, &status, 0) != pid)
			status = -1;
		if (status) {
			failed++;
			if (WIFSIGNALED(status))
				printf("# signal %d%s\n", WTERMSIG(status),
				       WTERMSIG(status) == SIGALRM ?
				       ": out of time" : "");
		}
		printf("%s %d - %s\n", status ? "not ok" : "ok", i + 1,
		       cases[i].name);
	}
	return failed ? 1 : 0;
}
