/* SPDX-License-Identifier: GPL-2.0 */
/*
 * abi.h: for tests that put values outside their range into every member of a
 * structure, and check that the call refuses them and changes nothing.
 */
#ifndef KVPOOL_ABI_H
#define KVPOOL_ABI_H

#include "kvpool_util.h"


/* A value for a member, and the result that the call must have. */
struct poke {
	const char *what;
	unsigned int offset;
	unsigned int width;
	__u64 value;
	int want;
};

#define POKE(type, member, val, ret) {				\
	.what = #type "." #member " = " #val,			\
	.offset = offsetof(struct type, member),		\
	.width = sizeof(((struct type *)0)->member),		\
	.value = (__u64)(val),					\
	.want = ret,						\
}

static inline bool unchanged(int fd, const struct kvpool_stats *before)
{
	struct kvpool_stats now;

	return !kv_stats(fd, &now) && kv_same_stats(before, &now);
}

static inline void apply(void *to, const struct poke *p)
{
	memcpy((__u8 *)to + p->offset, &p->value, p->width);
}

/* Calls with one member poked; @good does not change. */
static inline int call_poked(int fd, unsigned long nr, const void *good,
			     size_t size, const struct poke *p)
{
	__u8 copy[512] = {};

	memcpy(copy, good, size);
	apply(copy, p);
	return kv_call(fd, nr, copy);
}

/* For a fixture with a file self->t.fd and statistics self->before. */
#define EXPECT_POKES(nr, good, pokes) do {				\
	unsigned int __i;						\
									\
	for (__i = 0; __i < ARRAY_SIZE(pokes); __i++) {			\
		EXPECT_EQ((pokes)[__i].want,				\
			  call_poked(self->t.fd, nr, &(good),		\
				     sizeof(good), &(pokes)[__i]))	\
			TH_LOG("%s", (pokes)[__i].what);		\
		EXPECT_TRUE(unchanged(self->t.fd, &self->before))	\
			TH_LOG("%s changed something",			\
			       (pokes)[__i].what);			\
	}								\
} while (0)

/* Pokes each member of the last of several entries, which is zero otherwise. */
#define EXPECT_ENTRY_POKES(nr, good, last, pokes) do {			\
	unsigned int __i;						\
									\
	for (__i = 0; __i < ARRAY_SIZE(pokes); __i++) {			\
		apply(last, &(pokes)[__i]);				\
		EXPECT_EQ((pokes)[__i].want,				\
			  kv_call(self->t.fd, nr, &(good)))		\
			TH_LOG("call %#lx: %s", (unsigned long)(nr),	\
			       (pokes)[__i].what);			\
		memset(last, 0, sizeof(*(last)));			\
	}								\
} while (0)

/* Values that every call with an array of entries refuses. */
#define ARRAY_POKES(type)						\
	POKE(type, flags, 1U << 31, -EINVAL),				\
	POKE(type, nr_entries, 0, -EINVAL),				\
	POKE(type, nr_entries, KVPOOL_MAX_BATCH + 1, -EINVAL),		\
	POKE(type, nr_entries, ~0U, -EINVAL),				\
	POKE(type, entries, 0, -EFAULT)

/*
 * The size rules of every structure: too small, or longer with a tail that is
 * not zero, is refused. @first is the size that was published first.
 */
static inline int check_size(int fd, unsigned long nr, const void *good,
			     size_t size, size_t first)
{
	static __u8 buf[3 * 4096] __attribute__((aligned(8)));
	__u32 bad[] = { 0, 1, 4, first / 2, first - 8, first - 1 };
	__u32 longer[] = { size + 1, size + 8, 1024, 4096 };
	unsigned int i;
	__u32 at;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		memset(buf, 0, sizeof(buf));
		memcpy(buf, good, size);
		memcpy(buf, &bad[i], sizeof(__u32));
		if (kv_call(fd, nr, buf) != -EINVAL)
			return -1 - (int)i;
	}
	for (i = 0; i < ARRAY_SIZE(longer); i++) {
		for (at = size; at < longer[i];
		     at = at == longer[i] - 1 ? longer[i] : longer[i] - 1) {
			memset(buf, 0, sizeof(buf));
			memcpy(buf, good, size);
			memcpy(buf, &longer[i], sizeof(__u32));
			buf[at] = 1;
			if (kv_call(fd, nr, buf) != -E2BIG)
				return -11 - (int)i;
		}
	}
	return 0;
}

/* A longer structure of a newer program, its new members zero, is accepted. */
static inline int check_longer(int fd, unsigned long nr, void *good,
			       size_t size)
{
	__u8 buf[1024] __attribute__((aligned(8))) = {};
	__u32 len = sizeof(buf);
	unsigned int i;
	int ret;

	memcpy(buf, good, size);
	memcpy(buf, &len, sizeof(len));
	ret = kv_call(fd, nr, buf);
	if (ret)
		return ret;
	for (i = size; i < sizeof(buf); i++)
		if (buf[i])
			return -EPROTO;
	memcpy((__u8 *)good + 4, buf + 4, size - 4);
	return 0;
}

#endif /* KVPOOL_ABI_H */
