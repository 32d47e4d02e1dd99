// SPDX-License-Identifier: GPL-2.0
/*
 * netlink: the family of kvpool_rdma, on one host. Links lead to addresses where
 * no host answers (TEST-NET of RFC 5737 and its like for IPv6).
 */
#define _GNU_SOURCE
#include <grp.h>
#include <linux/keyctl.h>
#include <stdatomic.h>

#include "kvpool_async.h"
#include "netlink_util.h"

#define NOWHERE		"192.0.2.1"
#define NOWHERE6	"2001:db8::1"
#define SECRET		"correct horse battery staple 123"
#define UNKNOWN_ID	0x7fffffff

FIXTURE(netlink) {
	struct nl nl;
	struct nl_msg msg, reply;
	char name[KVPOOL_HOST_NAME_SIZE];
	__u64 memory;
};

FIXTURE_SETUP(netlink)
{
	int ret = nl_open(&self->nl);

	if (ret == -ENOENT)
		SKIP(return, "kvpool_rdma is not loaded");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, nl_fabric_get(&self->nl, &self->reply));
	snprintf(self->name, sizeof(self->name), "%s",
		 (const char *)nl_data(nl_find(&self->reply.nl,
					       KVPOOL_A_FABRIC_NAME)));
	self->memory = nl_u64(nl_find(&self->reply.nl,
				      KVPOOL_A_FABRIC_MEMORY));
}

FIXTURE_TEARDOWN(netlink)
{
	struct nl_ids peers;

	EXPECT_EQ(0, nl_set_name(&self->nl, self->name));
	EXPECT_EQ(0, nl_set_memory(&self->nl, self->memory));
	EXPECT_EQ(0, nl_reset(&self->nl));
	EXPECT_EQ(0, nl_peers(&self->nl, &peers));
	EXPECT_EQ(0, peers.nr);
	nl_close(&self->nl);
}

/* A refusal has to come with a message. */
#define EXPECT_REFUSED(error, call) do {				\
	EXPECT_EQ(error, call);						\
	EXPECT_NE('\0', self->nl.said[0]) {				\
		TH_LOG("line %d: there is no message", __LINE__);		\
	}								\
} while (0)

static void begin(struct nl_msg *msg, struct nl *nl, int cmd)
{
	nl_begin(msg, nl->family, cmd, 0);
}

TEST_F(netlink, peers_are_added_and_deleted)
{
	struct nl *nl = &self->nl;
	struct nl_ids peers;
	__u32 a, b;

	ASSERT_EQ(0, nl_peer_add(nl, "a", &a));
	ASSERT_EQ(0, nl_peer_add(nl, "b.example.org:7/x", &b));
	EXPECT_LT(0, a);
	EXPECT_LT(a, b);
	ASSERT_EQ(0, nl_peer_cmd(nl, KVPOOL_CMD_PEER_GET, b, &self->reply));
	EXPECT_EQ(b, nl_u32(nl_find(&self->reply.nl, KVPOOL_A_PEER_ID)));
	EXPECT_STREQ("b.example.org:7/x",
		     nl_data(nl_find(&self->reply.nl, KVPOOL_A_PEER_NAME)));
	EXPECT_EQ(0, nl_u32(nl_find(&self->reply.nl, KVPOOL_A_PEER_NR_LINKS)));
	ASSERT_EQ(0, nl_peers(nl, &peers));
	ASSERT_EQ(2, peers.nr);
	EXPECT_EQ(a, peers.ids[0]);
	EXPECT_EQ(b, peers.ids[1]);

	ASSERT_EQ(0, nl_peer_del(nl, a));
	EXPECT_REFUSED(-ENOENT, nl_peer_cmd(nl, KVPOOL_CMD_PEER_GET, a, NULL));
	EXPECT_REFUSED(-ENOENT, nl_peer_del(nl, a));
	ASSERT_EQ(0, nl_peers(nl, &peers));
	EXPECT_EQ(1, peers.nr);
	/* An id is not used again, so that a stale one never names another peer. */
	ASSERT_EQ(0, nl_peer_add(nl, "a", &a));
	EXPECT_LT(b, a);
}

static int find_peer(int fd, const char *name, __u32 id,
		     struct kvpool_peer_name *found)
{
	*found = (struct kvpool_peer_name){
		.size = sizeof(*found), .peer = id,
	};
	snprintf((char *)found->name, sizeof(found->name), "%s", name);
	return ioctl(fd, KVPOOL_IOC_PEER, found) ? -errno : 0;
}

TEST_F(netlink, engines_find_peers)
{
	struct kvpool_peer_name found;
	struct nl *nl = &self->nl;
	__u32 a, again, b;
	int fd;

	fd = open("/dev/kvpool", O_RDWR | O_CLOEXEC);
	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, nl_peer_add(nl, "a", &a));
	ASSERT_EQ(0, nl_peer_add(nl, "b", &b));
	EXPECT_EQ(0, find_peer(fd, "a", 0, &found));
	EXPECT_EQ(a, found.peer);
	EXPECT_EQ(0, find_peer(fd, "", b, &found));
	EXPECT_STREQ("b", (char *)found.name);
	EXPECT_EQ(-ENOENT, find_peer(fd, "c", 0, &found));
	EXPECT_EQ(-ENOENT, find_peer(fd, "", UNKNOWN_ID, &found));

	/* The name may be used again, the number is not. */
	ASSERT_EQ(0, nl_peer_del(nl, a));
	EXPECT_EQ(-ENOENT, find_peer(fd, "a", 0, &found));
	EXPECT_EQ(-ENOENT, find_peer(fd, "", a, &found));
	ASSERT_EQ(0, nl_peer_add(nl, "a", &again));
	EXPECT_EQ(0, find_peer(fd, "a", 0, &found));
	EXPECT_EQ(again, found.peer);
	EXPECT_NE(a, again);
	close(fd);
}

TEST_F(netlink, names)
{
	static const char * const wrong[] = {
		"", " ", "a b", "a\n", "\x7f", "\xc3\xa4", "\t",
		"12345678901234567890123456789012",
	};
	struct nl *nl = &self->nl;
	char name[32];
	size_t i;

	for (i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		EXPECT_LT(nl_peer_add(nl, wrong[i], NULL), 0);
	EXPECT_REFUSED(-EINVAL, nl_peer_add(nl, "a b", NULL));
	memset(name, 'x', 31);
	name[31] = '\0';
	EXPECT_EQ(0, nl_peer_add(nl, name, NULL));
	EXPECT_REFUSED(-EEXIST, nl_peer_add(nl, name, NULL));
	/* Not terminated. */
	begin(&self->msg, nl, KVPOOL_CMD_PEER_ADD);
	nl_append(&self->msg, KVPOOL_A_PEER_NAME, "abc", 3);
	EXPECT_GT(0, nl_call(nl, &self->msg, NULL));
}

TEST_F(netlink, limit_of_peers)
{
	struct nl *nl = &self->nl;
	struct nl_ids peers;
	char name[32];
	int i, ret = 0;

	for (i = 0; !ret && i < 2000; i++) {
		snprintf(name, sizeof(name), "peer-%d", i);
		ret = nl_peer_add(nl, name, NULL);
	}
	EXPECT_EQ(-ENOSPC, ret);
	EXPECT_NE('\0', nl->said[0]);
	ASSERT_EQ(0, nl_peers(nl, &peers));
	EXPECT_EQ(i - 1, peers.nr);
	ASSERT_EQ(0, nl_peer_del(nl, peers.ids[0]));
	EXPECT_EQ(0, nl_peer_add(nl, "again", NULL));
}

/*
 * A thousand peers have no link: an operation that may ask any peer fails with each
 * of them in turn.
 */
TEST_F(netlink, no_peer_has_a_link)
{
	struct kvpool_completion c[64];
	struct nl *nl = &self->nl;
	struct kvpool_op ops[64];
	struct kvpool_stats base, now;
	struct nl_ids peers;
	struct kv_bench t;
	char name[32];
	__u32 id = 0;
	int i, round;

	ASSERT_EQ(0, kv_bench_start(&t));
	ASSERT_EQ(0, kv_stats(t.fd, &base));
	for (i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "peer-%d", i);
		ASSERT_EQ(0, nl_peer_add(nl, name, &id));
	}
	for (round = 0; round < 4; round++) {
		for (i = 0; i < 64; i++) {
			ops[i] = kv_op(i & 1 ? KVPOOL_OP_LEASE :
					       KVPOOL_OP_PROBE,
				       KVPOOL_OP_REMOTE, 1 + i, i);
			/* The last peer, or any. */
			ops[i].peer = round & 1 ? id : 0;
			if (i & 1) {
				ops[i].length = 4096;
				ops[i].node = KVPOOL_NODE_ANY;
			}
			ops[i].timeout_ns = 1000000000000ULL;
		}
		ASSERT_EQ(0, kv_submit_wait(t.fd, ops, 64, c));
		for (i = 0; i < 64; i++)
			EXPECT_EQ(-EHOSTUNREACH, c[i].status);
	}
	ASSERT_EQ(0, kv_stats(t.fd, &now));
	EXPECT_TRUE(kv_same_gauges(&base, &now));
	EXPECT_EQ(0, kv_bench_end(&t));
	ASSERT_EQ(0, nl_peers(nl, &peers));
	EXPECT_EQ(1000, peers.nr);
}

TEST_F(netlink, links_are_added_and_deleted)
{
	struct nl *nl = &self->nl;
	struct nlattr *dst, *port;
	__u32 peer, id, id6;

	ASSERT_EQ(0, nl_peer_add(nl, "p", &peer));
	ASSERT_EQ(0, nl_link_add(nl, peer, NOWHERE, NULL, &id));
	ASSERT_EQ(0, nl_link_add(nl, peer, NOWHERE6, NULL, &id6));
	EXPECT_LT(0, id);
	EXPECT_LT(id, id6);

	ASSERT_EQ(0, nl_link_cmd(nl, KVPOOL_CMD_LINK_GET, peer, id,
				 &self->reply));
	dst = nl_find(&self->reply.nl, KVPOOL_A_LINK_DST);
	ASSERT_NE(NULL, dst);
	EXPECT_EQ(inet_addr(NOWHERE),
		  nl_u32(nl_find_nested(dst, KVPOOL_A_ENDPOINT_IPV4)));
	port = nl_find_nested(dst, KVPOOL_A_ENDPOINT_PORT);
	ASSERT_NE(NULL, port);
	EXPECT_EQ(htons(KVPOOL_DEFAULT_PORT), *(const __be16 *)nl_data(port));
	EXPECT_EQ(NULL, nl_find(&self->reply.nl, KVPOOL_A_LINK_SRC));
	EXPECT_NE(KVPOOL_LINK_STATE_UP,
		  nl_u32(nl_find(&self->reply.nl, KVPOOL_A_LINK_STATE)));

	ASSERT_EQ(0, nl_link_cmd(nl, KVPOOL_CMD_LINK_GET, peer, id6,
				 &self->reply));
	dst = nl_find(&self->reply.nl, KVPOOL_A_LINK_DST);
	EXPECT_NE(NULL, nl_find_nested(dst, KVPOOL_A_ENDPOINT_IPV6));

	ASSERT_EQ(0, nl_peer_cmd(nl, KVPOOL_CMD_PEER_GET, peer, &self->reply));
	EXPECT_EQ(2, nl_u32(nl_find(&self->reply.nl, KVPOOL_A_PEER_NR_LINKS)));
	EXPECT_EQ(0, nl_u32(nl_find(&self->reply.nl, KVPOOL_A_PEER_NR_UP)));

	EXPECT_EQ(0, nl_link_del(nl, peer, id));
	EXPECT_REFUSED(-ENOENT, nl_link_del(nl, peer, id));
	EXPECT_REFUSED(-ENOENT, nl_link_cmd(nl, KVPOOL_CMD_LINK_GET, peer, id,
					    NULL));
	EXPECT_REFUSED(-ENOENT, nl_link_del(nl, UNKNOWN_ID, 1));
	EXPECT_REFUSED(-ENOENT, nl_link_add(nl, UNKNOWN_ID, NOWHERE, NULL,
					    NULL));
	EXPECT_EQ(0, nl_link_cmd(nl, KVPOOL_CMD_LINK_CONNECT, peer, id6, NULL));
	EXPECT_REFUSED(-ENOENT, nl_link_cmd(nl, KVPOOL_CMD_LINK_CONNECT, peer,
					    id, NULL));
	EXPECT_REFUSED(-ENOENT, nl_link_cmd(nl, KVPOOL_CMD_LINK_CONNECT,
					    UNKNOWN_ID, 1, NULL));
	/* The other links are deleted with the peer. */
	EXPECT_EQ(0, nl_peer_del(nl, peer));
	EXPECT_REFUSED(-ENOENT, nl_link_cmd(nl, KVPOOL_CMD_LINK_GET, peer, id6,
					    NULL));
}

TEST_F(netlink, limit_of_links)
{
	struct nl *nl = &self->nl;
	char address[32];
	__u32 peer;
	int i;

	ASSERT_EQ(0, nl_peer_add(nl, "p", &peer));
	for (i = 1; i <= 16; i++) {
		snprintf(address, sizeof(address), "192.0.2.%d", i);
		ASSERT_EQ(0, nl_link_add(nl, peer, address, NULL, NULL));
	}
	EXPECT_REFUSED(-ENOSPC, nl_link_add(nl, peer, "192.0.2.99", NULL,
					    NULL));
}

TEST_F(netlink, addresses)
{
	static const char * const wrong[] = {
		"", "0.0.0.0", "224.0.0.1", "255.255.255.255", "::", "ff02::1",
		"::ffff:192.0.2.1", "fe80::1",
	};
	struct nl *nl = &self->nl;
	struct nlattr *nest;
	__u32 peer, scope = 1;
	unsigned char v6[16] = { 0x20, 1, 0xd, 0xb8 };
	size_t i;

	ASSERT_EQ(0, nl_peer_add(nl, "p", &peer));
	for (i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		EXPECT_REFUSED(-EINVAL, nl_link_add(nl, peer, wrong[i], NULL,
						    NULL));
		EXPECT_REFUSED(-EINVAL, nl_link_add(nl, peer, NOWHERE,
						    wrong[i], NULL));
	}
	EXPECT_REFUSED(-EINVAL, nl_link_add(nl, peer, NULL, NULL, NULL));
	EXPECT_REFUSED(-EINVAL, nl_link_add(nl, peer, NULL, NOWHERE, NULL));
	EXPECT_REFUSED(-EINVAL, nl_link_add(nl, peer, NOWHERE, NOWHERE6, NULL));

	/* Both families in one address; a scope of an IPv4 address. */
	begin(&self->msg, nl, KVPOOL_CMD_LINK_ADD);
	nl_append_u32(&self->msg, KVPOOL_A_LINK_PEER, peer);
	nest = nl_nest(&self->msg, KVPOOL_A_LINK_DST);
	nl_append_u32(&self->msg, KVPOOL_A_ENDPOINT_IPV4, inet_addr(NOWHERE));
	nl_append(&self->msg, KVPOOL_A_ENDPOINT_IPV6, v6, sizeof(v6));
	nl_nest_end(&self->msg, nest);
	EXPECT_REFUSED(-EINVAL, nl_call(nl, &self->msg, NULL));
	begin(&self->msg, nl, KVPOOL_CMD_LINK_ADD);
	nl_append_u32(&self->msg, KVPOOL_A_LINK_PEER, peer);
	nest = nl_nest(&self->msg, KVPOOL_A_LINK_DST);
	nl_append_u32(&self->msg, KVPOOL_A_ENDPOINT_IPV4, inet_addr(NOWHERE));
	nl_append(&self->msg, KVPOOL_A_ENDPOINT_SCOPE, &scope, sizeof(scope));
	nl_nest_end(&self->msg, nest);
	EXPECT_REFUSED(-EINVAL, nl_call(nl, &self->msg, NULL));

	ASSERT_EQ(0, nl_peer_cmd(nl, KVPOOL_CMD_PEER_GET, peer, &self->reply));
	EXPECT_EQ(0, nl_u32(nl_find(&self->reply.nl, KVPOOL_A_PEER_NR_LINKS)));
}

static const struct {
	int cmd;
	bool changes;
	bool needs;		/* attributes */
	bool dumps;
} commands[] = {
	{ KVPOOL_CMD_PEER_GET, false, true, true },
	{ KVPOOL_CMD_PEER_ADD, true, true, false },
	{ KVPOOL_CMD_PEER_DEL, true, true, false },
	{ KVPOOL_CMD_LINK_GET, false, true, true },
	{ KVPOOL_CMD_LINK_ADD, true, true, false },
	{ KVPOOL_CMD_LINK_DEL, true, true, false },
	{ KVPOOL_CMD_SESSION_GET, false, true, true },
	{ KVPOOL_CMD_FABRIC_GET, false, false, false },
	{ KVPOOL_CMD_FABRIC_SET, true, true, false },
	{ KVPOOL_CMD_LINK_CONNECT, true, true, false },
	{ KVPOOL_CMD_SESSION_DEL, true, true, false },
	{ KVPOOL_CMD_HOST_GET, false, true, true },
	{ KVPOOL_CMD_HOST_ADD, true, true, false },
	{ KVPOOL_CMD_HOST_DEL, true, true, false },
	{ KVPOOL_CMD_RIGHT_GET, false, true, true },
	{ KVPOOL_CMD_RIGHT_SET, true, true, false },
	{ KVPOOL_CMD_RIGHT_DEL, true, true, false },
};

#define NR_COMMANDS	(sizeof(commands) / sizeof(*commands))

static void ignore(struct nlmsghdr *hdr, void *arg)
{
	(void)hdr;
	(void)arg;
}

TEST_F(netlink, missing_and_unknown_attributes)
{
	struct nl *nl = &self->nl;
	__u64 zero = 0;
	size_t i;

	for (i = 0; i < NR_COMMANDS; i++) {
		begin(&self->msg, nl, commands[i].cmd);
		if (commands[i].needs)
			EXPECT_REFUSED(-EINVAL, nl_call(nl, &self->msg, NULL));
		else
			EXPECT_EQ(0, nl_call(nl, &self->msg, &self->reply));
		begin(&self->msg, nl, commands[i].cmd);
		nl_append_u32(&self->msg, 200, 1);
		EXPECT_EQ(-EINVAL, nl_call(nl, &self->msg, NULL));

		begin(&self->msg, nl, commands[i].cmd);
		EXPECT_EQ(commands[i].dumps ? 0 : -EOPNOTSUPP,
			  nl_dump(nl, &self->msg, ignore, NULL));
		/* A dump takes no attributes. */
		begin(&self->msg, nl, commands[i].cmd);
		nl_append_u32(&self->msg, KVPOOL_A_LINK_PEER, 1);
		EXPECT_GT(0, nl_dump(nl, &self->msg, ignore, NULL));
	}
	/* Ids begin with one. */
	EXPECT_GT(0, nl_peer_del(nl, 0));
	EXPECT_GT(0, nl_link_del(nl, 0, 0));
	begin(&self->msg, nl, KVPOOL_CMD_SESSION_GET);
	nl_append(&self->msg, KVPOOL_A_SESSION_ID, &zero, sizeof(zero));
	EXPECT_GT(0, nl_call(nl, &self->msg, NULL));
	zero = ~0ULL;
	begin(&self->msg, nl, KVPOOL_CMD_SESSION_GET);
	nl_append(&self->msg, KVPOOL_A_SESSION_ID, &zero, sizeof(zero));
	EXPECT_REFUSED(-ENOENT, nl_call(nl, &self->msg, NULL));
	EXPECT_REFUSED(-ENOENT, nl_session_end(nl, 1));
	EXPECT_REFUSED(-ENOENT, nl_session_end(nl, ~0ULL));
	EXPECT_GT(0, nl_session_end(nl, 0));
	/* Unknown commands, and one that is an event. */
	begin(&self->msg, nl, KVPOOL_CMD_MAX + 1);
	EXPECT_EQ(-EOPNOTSUPP, nl_call(nl, &self->msg, NULL));
	begin(&self->msg, nl, KVPOOL_CMD_PEER_ADD_NTF);
	EXPECT_EQ(-EOPNOTSUPP, nl_call(nl, &self->msg, NULL));
}

/* Attributes of wrong lengths, one at a time. */
TEST_F(netlink, attributes_of_wrong_length)
{
	static const struct {
		int cmd, type, nested;
		size_t length;
	} wrong[] = {
		{ KVPOOL_CMD_PEER_DEL, KVPOOL_A_PEER_ID, 0, 0 },
		{ KVPOOL_CMD_PEER_DEL, KVPOOL_A_PEER_ID, 0, 2 },
		{ KVPOOL_CMD_PEER_DEL, KVPOOL_A_PEER_ID, 0, 8 },
		{ KVPOOL_CMD_PEER_ADD, KVPOOL_A_PEER_NAME, 0, 0 },
		{ KVPOOL_CMD_PEER_ADD, KVPOOL_A_PEER_NAME, 0, 2000 },
		{ KVPOOL_CMD_SESSION_GET, KVPOOL_A_SESSION_ID, 0, 4 },
		{ KVPOOL_CMD_FABRIC_SET, KVPOOL_A_FABRIC_OPEN, 0, 4 },
		{ KVPOOL_CMD_FABRIC_SET, KVPOOL_A_FABRIC_NAME, 0, 2000 },
		{ KVPOOL_CMD_FABRIC_SET, KVPOOL_A_FABRIC_MEMORY, 0, 4 },
		{ KVPOOL_CMD_FABRIC_SET, KVPOOL_A_FABRIC_QUEUES, 0, 8 },
		{ KVPOOL_CMD_FABRIC_SET, KVPOOL_A_FABRIC_IDLE_MS, 0, 2 },
		{ KVPOOL_CMD_FABRIC_SET, KVPOOL_A_FABRIC_SERVICE_TYPE, 0, 1 },
		{ KVPOOL_CMD_FABRIC_SET, KVPOOL_A_FABRIC_STRICT_FENCE, 0, 0 },
		{ KVPOOL_CMD_SESSION_DEL, KVPOOL_A_SESSION_ID, 0, 4 },
		{ KVPOOL_CMD_HOST_ADD, KVPOOL_A_HOST_NAME, 0, 0 },
		{ KVPOOL_CMD_HOST_ADD, KVPOOL_A_HOST_NAME, 0, 33 },
		{ KVPOOL_CMD_HOST_ADD, KVPOOL_A_HOST_KEY, 0, 2000 },
		{ KVPOOL_CMD_RIGHT_SET, KVPOOL_A_RIGHT_TENANT, 0, 33 },
		{ KVPOOL_CMD_RIGHT_SET, KVPOOL_A_RIGHT_READ, 0, 4 },
		{ KVPOOL_CMD_FABRIC_SET, KVPOOL_A_FABRIC_LISTEN_OFF, 0, 1 },
		{ KVPOOL_CMD_FABRIC_SET, KVPOOL_A_FABRIC_SECRET_KEY, 0, 2000 },
		{ KVPOOL_CMD_FABRIC_SET, KVPOOL_A_FABRIC_LISTEN,
		  KVPOOL_A_ENDPOINT_IPV4, 3 },
		{ KVPOOL_CMD_FABRIC_SET, KVPOOL_A_FABRIC_LISTEN,
		  KVPOOL_A_ENDPOINT_IPV6, 15 },
		{ KVPOOL_CMD_FABRIC_SET, KVPOOL_A_FABRIC_LISTEN,
		  KVPOOL_A_ENDPOINT_IPV6, 17 },
		{ KVPOOL_CMD_FABRIC_SET, KVPOOL_A_FABRIC_LISTEN, 99, 4 },
	};
	struct nl *nl = &self->nl;
	char ones[2000];
	struct nlattr *nest;
	size_t i;

	memset(ones, 1, sizeof(ones));
	for (i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		begin(&self->msg, nl, wrong[i].cmd);
		if (wrong[i].nested) {
			nest = nl_nest(&self->msg, wrong[i].type);
			nl_append(&self->msg, wrong[i].nested, ones,
				  wrong[i].length);
			nl_nest_end(&self->msg, nest);
		} else {
			nl_append(&self->msg, wrong[i].type, ones,
				  wrong[i].length);
		}
		EXPECT_GT(0, nl_call(nl, &self->msg, NULL)) {
			TH_LOG("case %zu was accepted", i);
		}
	}
	/* A nest without the flag of a nest, and a nest that is cut off. */
	begin(&self->msg, nl, KVPOOL_CMD_FABRIC_SET);
	nl_append_address(&self->msg, KVPOOL_A_FABRIC_LISTEN, NOWHERE, 0);
	((struct nlattr *)self->msg.attrs)->nla_type &= ~NLA_F_NESTED;
	EXPECT_GT(0, nl_call(nl, &self->msg, NULL));
	begin(&self->msg, nl, KVPOOL_CMD_FABRIC_SET);
	nl_append_address(&self->msg, KVPOOL_A_FABRIC_LISTEN, NOWHERE, 0);
	((struct nlattr *)(self->msg.attrs + NLA_HDRLEN))->nla_len = 4000;
	EXPECT_GT(0, nl_call(nl, &self->msg, NULL));
}

/* After random messages the module works as before. */
TEST_F(netlink, garbage)
{
	__u64 seed = 20261123;
	struct nl *nl = &self->nl;
	int i, j, nr, ret, taken = 0;
	unsigned char bytes[64];
	size_t len;
	__u32 peer;

	ASSERT_EQ(0, nl_peer_add(nl, "victim", &peer));
	ASSERT_EQ(0, nl_link_add(nl, peer, NOWHERE, NULL, NULL));
	for (i = 0; i < 20000; i++) {
		begin(&self->msg, nl, kv_rand(&seed) % (KVPOOL_CMD_MAX + 2));
		nr = kv_rand(&seed) % 6;
		while (nr--) {
			for (j = 0; j < 64; j++)
				bytes[j] = kv_rand(&seed) >> 32;
			/* Often the length of a valid attribute. */
			len = kv_rand(&seed) % 4 ? 4 : kv_rand(&seed) % 64;
			if (kv_rand(&seed) % 2)
				memset(bytes + 1, 0, 63);
			nl_append(&self->msg, (kv_rand(&seed) % 20) |
			       (kv_rand(&seed) % 4 ? 0 : NLA_F_NESTED),
			       bytes, len);
		}
		/* Sometimes the message is cut short, or claims a wrong length. */
		if (!(kv_rand(&seed) % 8) && self->msg.nl.nlmsg_len > 24)
			self->msg.nl.nlmsg_len -= kv_rand(&seed) % 5;
		ret = nl_call(nl, &self->msg, &self->reply);
		ASSERT_LE(ret, 0);
		taken += !ret;
	}
	TH_LOG("%d of %d random requests were valid", taken, i);
	EXPECT_GT(taken, 0);
	EXPECT_EQ(0, nl_reset(nl));
	EXPECT_EQ(0, nl_peer_add(nl, "afterwards", &peer));
	EXPECT_EQ(0, nl_link_add(nl, peer, NOWHERE, NULL, NULL));
}

static int drop_privileges(void)
{
	return setgroups(0, NULL) || setresgid(4321, 4321, 4321) ||
	       setresuid(4321, 4321, 4321);
}

TEST_F(netlink, unprivileged_callers_may_only_read)
{
	static struct nl other;
	struct nl_msg msg;
	__u32 peer;
	pid_t pid;
	size_t i;
	int ret;

	ASSERT_EQ(0, nl_peer_add(&self->nl, "p", &peer));
	pid = fork();
	ASSERT_GE(pid, 0);
	if (!pid) {
		if (drop_privileges() || nl_open(&other))
			_exit(200);
		for (i = 0; i < NR_COMMANDS; i++) {
			begin(&msg, &other, commands[i].cmd);
			nl_append_u32(&msg, KVPOOL_A_PEER_ID, peer);
			ret = nl_call(&other, &msg, NULL);
			if (commands[i].changes != (ret == -EPERM))
				_exit(1 + i);
		}
		begin(&msg, &other, KVPOOL_CMD_PEER_GET);
		if (nl_dump(&other, &msg, ignore, NULL))
			_exit(100);
		if (nl_fabric_get(&other, &msg))
			_exit(101);
		_exit(0);
	}
	EXPECT_EQ(0, kv_reap(pid));
	EXPECT_EQ(0, nl_peer_cmd(&self->nl, KVPOOL_CMD_PEER_GET, peer, NULL));
}

TEST_F(netlink, not_in_other_network_namespaces)
{
	static struct nl other;
	pid_t pid = fork();

	ASSERT_GE(pid, 0);
	if (!pid) {
		if (unshare(CLONE_NEWNET))
			_exit(200);
		_exit(nl_open(&other) == -ENOENT ? 0 : 1);
	}
	EXPECT_EQ(0, kv_reap(pid));
}

/* ---- a dump while peers are added and deleted ---- */

#define STEADY	120

static atomic_bool churn_ends;

static void *churn(void *arg)
{
	static struct nl nl;
	char name[32];
	uintptr_t n = 0;
	__u32 id[8];
	int i;

	(void)arg;
	if (nl_open(&nl))
		return (void *)1;
	while (!churn_ends) {
		for (i = 0; i < 8; i++) {
			snprintf(name, sizeof(name), "passing-%zu", (size_t)n++);
			if (nl_peer_add(&nl, name, &id[i]) ||
			    nl_link_add(&nl, id[i], NOWHERE, NULL, NULL))
				return (void *)2;
		}
		for (i = 0; i < 8; i++)
			if (nl_peer_del(&nl, id[i]))
				return (void *)3;
	}
	nl_close(&nl);
	return NULL;
}

TEST_F(netlink, dump_while_changing)
{
	int round, i, j, seen, bad = 0, passing = 0;
	struct nl *nl = &self->nl;
	__u32 steady[STEADY];
	struct nl_ids peers;
	pthread_t thread;
	char name[32];
	void *ret;

	for (i = 0; i < STEADY; i++) {
		snprintf(name, sizeof(name), "steady-%d", i);
		ASSERT_EQ(0, nl_peer_add(nl, name, &steady[i]));
		/* Every other peer is deleted: the dump has to skip the gaps. */
		if (i % 2)
			ASSERT_EQ(0, nl_peer_del(nl, steady[i]));
	}
	churn_ends = false;
	ASSERT_EQ(0, pthread_create(&thread, NULL, churn, NULL));
	for (round = 0; round < 300; round++) {
		bad += !!nl_peers(nl, &peers);
		for (i = 0; i < STEADY; i += 2) {
			seen = 0;
			for (j = 0; j < peers.nr; j++)
				seen += peers.ids[j] == steady[i];
			bad += seen != 1;
		}
		for (j = 1; j < peers.nr; j++)
			bad += peers.ids[j] <= peers.ids[j - 1];
		passing += peers.nr - STEADY / 2;
		begin(&self->msg, nl, KVPOOL_CMD_LINK_GET);
		bad += !!nl_dump(nl, &self->msg, ignore, NULL);
	}
	churn_ends = true;
	pthread_join(thread, &ret);
	EXPECT_EQ(NULL, ret);
	EXPECT_EQ(0, bad);
	TH_LOG("%d peers were seen passing", passing);
}

/* A dump that is not read to its end must not stay. */
TEST_F(netlink, dump_is_abandoned)
{
	struct nl nl;
	char name[32];
	int i;

	for (i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "p%d", i);
		ASSERT_EQ(0, nl_peer_add(&self->nl, name, NULL));
	}
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, nl_open(&nl));
		begin(&self->msg, &nl, KVPOOL_CMD_PEER_GET);
		self->msg.nl.nlmsg_flags |= NLM_F_DUMP;
		ASSERT_EQ(0, nl_send(&nl, &self->msg));
		nl_close(&nl);
	}
}

/* ---- events ---- */

struct event {
	int cmd;
	__u32 peer, link, state;
};

/* The next event; what is in a received buffer is used up first. */
static int next_event(struct nl *nl, struct nlmsghdr **hdr, size_t *left,
		      struct event *event)
{
	bool is_link, is_peer;
	int ret;

	while (!*hdr || !NLMSG_OK(*hdr, *left)) {
		ret = nl_receive(nl);
		if (ret)
			return ret;
		*hdr = (void *)nl->answer;
		*left = nl->got;
	}
	event->cmd = nl_cmd(*hdr);
	is_link = event->cmd >= KVPOOL_CMD_LINK_ADD_NTF &&
		  event->cmd <= KVPOOL_CMD_LINK_CHANGE_NTF;
	is_peer = event->cmd < KVPOOL_CMD_LINK_ADD_NTF;
	event->peer = is_link ? nl_u32(nl_find(*hdr, KVPOOL_A_LINK_PEER)) :
		      is_peer ? nl_u32(nl_find(*hdr, KVPOOL_A_PEER_ID)) : 0;
	event->link = is_link ? nl_u32(nl_find(*hdr, KVPOOL_A_LINK_ID)) : 0;
	event->state = is_link ? nl_u32(nl_find(*hdr, KVPOOL_A_LINK_STATE)) : 0;
	*hdr = NLMSG_NEXT(*hdr, *left);
	return 0;
}

TEST_F(netlink, every_change_has_an_event)
{
	static struct nl listener;
	struct nlmsghdr *hdr = NULL;
	struct nl *nl = &self->nl;
	struct event event = { 0 };
	__u32 peer, a, b;
	size_t left = 0;
	int changes = 0;

	ASSERT_EQ(0, nl_open(&listener));
	ASSERT_EQ(0, nl_join(&listener));
	ASSERT_EQ(0, nl_peer_add(nl, "p", &peer));
	ASSERT_EQ(0, nl_link_add(nl, peer, NOWHERE, NULL, &a));
	ASSERT_EQ(0, nl_link_add(nl, peer, NOWHERE6, NULL, &b));
	ASSERT_EQ(0, nl_link_del(nl, peer, a));
	ASSERT_EQ(0, nl_peer_del(nl, peer));

	ASSERT_EQ(0, next_event(&listener, &hdr, &left, &event));
	EXPECT_EQ(KVPOOL_CMD_PEER_ADD_NTF, event.cmd);
	EXPECT_EQ(peer, event.peer);

	/* States change at any time between adding and deleting a link. */
	bool alive_a = false, alive_b = false, gone_a = false;

	while (1) {
		ASSERT_EQ(0, next_event(&listener, &hdr, &left, &event));
		ASSERT_EQ(peer, event.peer);
		if (event.cmd == KVPOOL_CMD_LINK_ADD_NTF) {
			bool *alive = event.link == a ? &alive_a : &alive_b;

			EXPECT_FALSE(*alive);
			*alive = true;
		} else if (event.cmd == KVPOOL_CMD_LINK_CHANGE_NTF) {
			EXPECT_TRUE(event.link == a ? alive_a : alive_b);
			EXPECT_NE(KVPOOL_LINK_STATE_UP, event.state);
			changes++;
		} else if (event.cmd == KVPOOL_CMD_LINK_DEL_NTF) {
			bool *alive = event.link == a ? &alive_a : &alive_b;

			EXPECT_TRUE(*alive);
			*alive = false;
			gone_a |= event.link == a;
		} else {
			break;
		}
	}
	EXPECT_EQ(KVPOOL_CMD_PEER_DEL_NTF, event.cmd);
	EXPECT_TRUE(gone_a);
	EXPECT_FALSE(alive_a);
	EXPECT_FALSE(alive_b);
	TH_LOG("%d changes of state", changes);
	nl_close(&listener);
}

/* A link that cannot connect does not stay "connecting" without an event. */
TEST_F(netlink, failure_to_connect_has_an_event)
{
	static struct nl listener;
	struct nlmsghdr *hdr = NULL;
	struct event event = { 0 };
	size_t left = 0;
	__u32 peer, id;

	ASSERT_EQ(0, nl_peer_add(&self->nl, "p", &peer));
	ASSERT_EQ(0, nl_open(&listener));
	ASSERT_EQ(0, nl_join(&listener));
	ASSERT_EQ(0, nl_link_add(&self->nl, peer, NOWHERE, NULL, &id));
	ASSERT_EQ(0, nl_link_cmd(&self->nl, KVPOOL_CMD_LINK_CONNECT, peer, id,
				 NULL));
	while (event.cmd != KVPOOL_CMD_LINK_CHANGE_NTF ||
	       event.state != KVPOOL_LINK_STATE_DOWN)
		ASSERT_EQ(0, next_event(&listener, &hdr, &left, &event));
	EXPECT_EQ(id, event.link);
	ASSERT_EQ(0, nl_link_cmd(&self->nl, KVPOOL_CMD_LINK_GET, peer, id,
				 &self->reply));
	EXPECT_NE(KVPOOL_CLOSE_REASON_NONE,
		  nl_u32(nl_find(&self->reply.nl, KVPOOL_A_LINK_CLOSE_REASON)));
	EXPECT_NE(0, nl_u32(nl_find(&self->reply.nl, KVPOOL_A_LINK_LAST_ERROR)));
	nl_close(&listener);
}

/* A listener that does not read loses events, and no call waits for it. */
TEST_F(netlink, listener_that_does_not_read)
{
	static struct nl listener;
	int size = 2048, i;
	__u32 peer;

	ASSERT_EQ(0, nl_open(&listener));
	ASSERT_EQ(0, setsockopt(listener.fd, SOL_SOCKET, SO_RCVBUF, &size,
				sizeof(size)));
	ASSERT_EQ(0, nl_join(&listener));
	for (i = 0; i < 200; i++) {
		ASSERT_EQ(0, nl_peer_add(&self->nl, "p", &peer));
		ASSERT_EQ(0, nl_peer_del(&self->nl, peer));
	}
	for (i = 0; i < 400; i++)
		if (nl_receive(&listener))
			break;
	EXPECT_EQ(ENOBUFS, errno);
	nl_close(&listener);
}

/* ---- the secret ---- */

static int add_key(const char *type, const char *name, const char *payload)
{
	return syscall(SYS_add_key, type, name, payload, strlen(payload),
		       KEY_SPEC_PROCESS_KEYRING);
}

TEST_F(netlink, secret_is_a_key_of_the_caller)
{
	struct nl *nl = &self->nl;
	struct nlattr *name;
	int key, ret;

	EXPECT_REFUSED(-ENOKEY, nl_set_secret(nl, "kvpool:no-such-key"));
	key = add_key("logon", "kvpool:short", "fifteen bytes..");
	if (key < 0 && errno == ENOSYS)
		SKIP(return, "the kernel has no keys");
	ASSERT_GE(key, 0);
	EXPECT_REFUSED(-EKEYREJECTED, nl_set_secret(nl, "kvpool:short"));
	ASSERT_GE(add_key("logon", "kvpool:logon", SECRET), 0);
	EXPECT_EQ(0, nl_set_secret(nl, "kvpool:logon"));
	ASSERT_EQ(0, nl_fabric_get(nl, &self->reply));
	name = nl_find(&self->reply.nl, KVPOOL_A_FABRIC_SECRET_KEY);
	ASSERT_NE(NULL, name);
	EXPECT_STREQ("kvpool:logon", nl_data(name));
	/* The secret itself is not in the reply. */
	EXPECT_EQ(NULL, memmem(&self->reply, sizeof(self->reply), SECRET,
			       strlen(SECRET)));

	key = add_key("user", "kvpool:user", SECRET);
	ASSERT_GE(key, 0);
	EXPECT_EQ(0, nl_set_secret(nl, "kvpool:user"));
	/* A refused change leaves the former setting. */
	ASSERT_EQ(0, syscall(SYS_keyctl, KEYCTL_REVOKE, key));
	ret = nl_set_secret(nl, "kvpool:user");
	EXPECT_TRUE(ret == -EKEYREVOKED || ret == -ENOKEY) {
		TH_LOG("the error is %d", ret);
	}
	EXPECT_NE('\0', nl->said[0]);
	EXPECT_REFUSED(-EKEYREJECTED, nl_set_secret(nl, "kvpool:short"));
	ASSERT_EQ(0, nl_fabric_get(nl, &self->reply));
	name = nl_find(&self->reply.nl, KVPOOL_A_FABRIC_SECRET_KEY);
	ASSERT_NE(NULL, name);
	EXPECT_STREQ("kvpool:user", nl_data(name));
	EXPECT_EQ(0, nl_set_secret(nl, ""));
	ASSERT_EQ(0, nl_fabric_get(nl, &self->reply));
	EXPECT_EQ(NULL, nl_find(&self->reply.nl, KVPOOL_A_FABRIC_SECRET_KEY));
}

/* A key of another type is no secret, whatever its name is. */
TEST_F(netlink, keyring_is_no_secret)
{
	int key = syscall(SYS_add_key, "keyring", "kvpool:ring", NULL, 0,
			  KEY_SPEC_PROCESS_KEYRING);

	if (key < 0 && errno == ENOSYS)
		SKIP(return, "the kernel has no keys");
	ASSERT_GE(key, 0);
	EXPECT_REFUSED(-ENOKEY, nl_set_secret(&self->nl, "kvpool:ring"));
}

/* ---- hosts ---- */

TEST_F(netlink, hosts_are_added_and_deleted)
{
	static struct nl_names names;
	struct nl *nl = &self->nl;
	struct nl_msg *reply = &self->reply;

	ASSERT_EQ(0, nl_host_add(nl, "node-2", NULL));
	ASSERT_EQ(0, nl_host_add(nl, "node-1", NULL));
	/* To add a host once more is to give it another key. */
	EXPECT_EQ(0, nl_host_add(nl, "node-1", NULL));
	ASSERT_EQ(0, nl_host_cmd(nl, KVPOOL_CMD_HOST_GET, "node-1", reply));
	EXPECT_STREQ("node-1",
		     nl_data(nl_find(&reply->nl, KVPOOL_A_HOST_NAME)));
	EXPECT_EQ(0, nl_u8(nl_find(&reply->nl, KVPOOL_A_HOST_HAS_KEY)));
	EXPECT_EQ(NULL, nl_find(&reply->nl, KVPOOL_A_HOST_KEY));
	ASSERT_EQ(0, nl_names(nl, KVPOOL_CMD_HOST_GET, &names));
	ASSERT_EQ(2, names.nr);
	EXPECT_STREQ("node-1", names.first[0]);
	EXPECT_STREQ("node-2", names.first[1]);

	EXPECT_EQ(0, nl_host_cmd(nl, KVPOOL_CMD_HOST_DEL, "node-1", NULL));
	EXPECT_REFUSED(-ENOENT, nl_host_cmd(nl, KVPOOL_CMD_HOST_DEL, "node-1",
					    NULL));
	EXPECT_REFUSED(-ENOENT, nl_host_cmd(nl, KVPOOL_CMD_HOST_GET, "node-1",
					    NULL));
	EXPECT_REFUSED(-EINVAL, nl_host_add(nl, "*", NULL));
	EXPECT_REFUSED(-EINVAL, nl_host_add(nl, "", NULL));
	EXPECT_REFUSED(-EINVAL, nl_host_add(nl, "a b", NULL));
	EXPECT_GT(0, nl_host_add(nl, "12345678901234567890123456789012", NULL));
	EXPECT_EQ(0, nl_host_add(nl, "1234567890123456789012345678901", NULL));
}

TEST_F(netlink, key_of_a_host_is_a_key_of_the_caller)
{
	struct nl_msg *reply = &self->reply;
	struct nl *nl = &self->nl;
	int key;

	EXPECT_REFUSED(-ENOKEY, nl_host_add(nl, "h", "kvpool:no-such-key"));
	key = add_key("logon", "kvpool:short", "fifteen bytes..");
	if (key < 0 && errno == ENOSYS)
		SKIP(return, "the kernel has no keys");
	ASSERT_GE(key, 0);
	EXPECT_REFUSED(-EKEYREJECTED, nl_host_add(nl, "h", "kvpool:short"));
	EXPECT_REFUSED(-ENOENT, nl_host_cmd(nl, KVPOOL_CMD_HOST_GET, "h",
					    NULL));
	key = add_key("user", "kvpool:h", SECRET);
	ASSERT_GE(key, 0);
	ASSERT_EQ(0, nl_host_add(nl, "h", "kvpool:h"));
	ASSERT_EQ(0, nl_host_cmd(nl, KVPOOL_CMD_HOST_GET, "h", reply));
	EXPECT_STREQ("kvpool:h",
		     nl_data(nl_find(&reply->nl, KVPOOL_A_HOST_KEY)));
	EXPECT_EQ(1, nl_u8(nl_find(&reply->nl, KVPOOL_A_HOST_HAS_KEY)));
	EXPECT_EQ(1, nl_u8(nl_find(&reply->nl, KVPOOL_A_HOST_KEY_VALID)));
	EXPECT_EQ(NULL, memmem(reply, sizeof(*reply), SECRET, strlen(SECRET)));
	/* A refused change leaves the former key. */
	EXPECT_REFUSED(-EKEYREJECTED, nl_host_add(nl, "h", "kvpool:short"));
	ASSERT_EQ(0, nl_host_cmd(nl, KVPOOL_CMD_HOST_GET, "h", reply));
	EXPECT_EQ(1, nl_u8(nl_find(&reply->nl, KVPOOL_A_HOST_KEY_VALID)));
	ASSERT_EQ(0, syscall(SYS_keyctl, KEYCTL_REVOKE, key));
	ASSERT_EQ(0, nl_host_cmd(nl, KVPOOL_CMD_HOST_GET, "h", reply));
	EXPECT_EQ(0, nl_u8(nl_find(&reply->nl, KVPOOL_A_HOST_KEY_VALID)));
	ASSERT_EQ(0, nl_host_add(nl, "h", NULL));
	ASSERT_EQ(0, nl_host_cmd(nl, KVPOOL_CMD_HOST_GET, "h", reply));
	EXPECT_EQ(0, nl_u8(nl_find(&reply->nl, KVPOOL_A_HOST_HAS_KEY)));
}

/* ---- rights ---- */

/* Bit 0: read, bit 1: push. */
static int rights_of(struct nl *nl, const char *tenant, const char *host)
{
	struct nl_msg reply = { 0 };
	int ret;

	ret = nl_right_cmd(nl, KVPOOL_CMD_RIGHT_GET, tenant, host, &reply);
	if (ret)
		return ret;
	return nl_u8(nl_find(&reply.nl, KVPOOL_A_RIGHT_READ)) |
	       nl_u8(nl_find(&reply.nl, KVPOOL_A_RIGHT_PUSH)) << 1;
}

TEST_F(netlink, rights)
{
	static struct nl_names names;
	struct nl *nl = &self->nl;

	ASSERT_EQ(0, nl_names(nl, KVPOOL_CMD_RIGHT_GET, &names));
	ASSERT_EQ(1, names.nr);
	EXPECT_STREQ("default", names.first[0]);
	EXPECT_STREQ("*", names.second[0]);
	EXPECT_EQ(3, rights_of(nl, "default", "*"));

	EXPECT_REFUSED(-ENOENT, rights_of(nl, "team-b", "node-1"));
	EXPECT_EQ(0, nl_right_set(nl, "team-b", "node-1", 1, -1));
	EXPECT_EQ(1, rights_of(nl, "team-b", "node-1"));
	EXPECT_EQ(0, nl_right_set(nl, "team-b", "node-1", -1, 1));
	EXPECT_EQ(3, rights_of(nl, "team-b", "node-1"));
	EXPECT_EQ(0, nl_right_set(nl, "team-b", "node-1", 0, -1));
	EXPECT_EQ(2, rights_of(nl, "team-b", "node-1"));
	EXPECT_REFUSED(-ENOENT, rights_of(nl, "team-b", "*"));

	/* What is not named stays as it is now, by the rights of all. */
	EXPECT_EQ(0, nl_right_set(nl, "default", "node-1", -1, 0));
	EXPECT_EQ(1, rights_of(nl, "default", "node-1"));
	EXPECT_EQ(0, nl_right_set(nl, "default", "*", 0, 0));
	EXPECT_EQ(0, rights_of(nl, "default", "*"));
	EXPECT_EQ(1, rights_of(nl, "default", "node-1"));

	EXPECT_EQ(0, nl_right_cmd(nl, KVPOOL_CMD_RIGHT_DEL, "team-b", "node-1",
				  NULL));
	EXPECT_REFUSED(-ENOENT, nl_right_cmd(nl, KVPOOL_CMD_RIGHT_DEL,
					     "team-b", "node-1", NULL));
	EXPECT_REFUSED(-EINVAL, nl_right_set(nl, "team-b", "node-1", -1, -1));
	EXPECT_REFUSED(-EINVAL, nl_right_set(nl, "", "node-1", 1, 1));
	EXPECT_REFUSED(-EINVAL, nl_right_set(nl, "team-b", "a b", 1, 1));
	EXPECT_GT(0, nl_right_set(nl, "team-b", "node-1", 2, -1));
}

/* Dumps of hosts and rights go on from message to message. */
TEST_F(netlink, many_hosts_and_rights)
{
	static struct nl_names names;
	struct nl *nl = &self->nl;
	char name[32], tenant[32];
	int i, bad = 0;

	for (i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "%031d", i);
		snprintf(tenant, sizeof(tenant), "%031d", i / 100);
		ASSERT_EQ(0, nl_host_add(nl, name, NULL));
		ASSERT_EQ(0, nl_right_set(nl, tenant, name, 1, 0));
	}
	ASSERT_EQ(0, nl_names(nl, KVPOOL_CMD_HOST_GET, &names));
	ASSERT_EQ(1000, names.nr);
	for (i = 0; i < 1000; i++)
		bad += atoi(names.first[i]) != i;
	ASSERT_EQ(0, nl_names(nl, KVPOOL_CMD_RIGHT_GET, &names));
	ASSERT_EQ(1001, names.nr);
	for (i = 0; i < 1000; i++)
		bad += atoi(names.first[i]) != i / 100 ||
		       atoi(names.second[i]) != i;
	EXPECT_EQ(0, bad);
	EXPECT_STREQ("default", names.first[1000]);
	EXPECT_EQ(1, rights_of(nl, tenant, name));
	/* A dump that is not read to its end must not stay. */
	begin(&self->msg, nl, KVPOOL_CMD_RIGHT_GET);
	self->msg.nl.nlmsg_flags |= NLM_F_DUMP;
	ASSERT_EQ(0, nl_send(nl, &self->msg));
	nl_close(nl);
	ASSERT_EQ(0, nl_open(nl));
}

/* ---- settings ---- */

TEST_F(netlink, settings)
{
	static const struct {
		int type;
		__u32 good[3], bad[2];
	} settings[] = {
		{ KVPOOL_A_FABRIC_QUEUES, { 1, 8, 3 }, { 0, 9 } },
		{ KVPOOL_A_FABRIC_IDLE_MS, { 0, 86400000, 1 },
		  { 86400001, 0xffffffff } },
		{ KVPOOL_A_FABRIC_ACK_TIMEOUT, { 8, 24, 0 }, { 7, 25 } },
		{ KVPOOL_A_FABRIC_SERVICE_TYPE, { 0, 255, -1 }, { -2, 256 } },
	};
	struct nl_msg *reply = &self->reply;
	struct nl *nl = &self->nl;
	__u8 strict;
	size_t i, j;

	for (i = 0; i < sizeof(settings) / sizeof(*settings); i++) {
		for (j = 0; j < 3; j++) {
			ASSERT_EQ(0, nl_set_u32(nl, settings[i].type,
						settings[i].good[j]));
			ASSERT_EQ(0, nl_fabric_get(nl, reply));
			EXPECT_EQ(settings[i].good[j],
				  nl_u32(nl_find(&reply->nl,
						 settings[i].type)));
		}
		for (j = 0; j < 2; j++)
			EXPECT_REFUSED(-EINVAL,
				       nl_set_u32(nl, settings[i].type,
						  settings[i].bad[j]));
		ASSERT_EQ(0, nl_fabric_get(nl, reply));
		EXPECT_EQ(settings[i].good[2],
			  nl_u32(nl_find(&reply->nl, settings[i].type)));
	}
	for (strict = 1; strict < 2; strict--) {
		begin(&self->msg, nl, KVPOOL_CMD_FABRIC_SET);
		nl_append(&self->msg, KVPOOL_A_FABRIC_STRICT_FENCE, &strict, 1);
		ASSERT_EQ(0, nl_call(nl, &self->msg, NULL));
		ASSERT_EQ(0, nl_fabric_get(nl, reply));
		EXPECT_EQ(strict,
			  nl_u8(nl_find(&reply->nl,
					KVPOOL_A_FABRIC_STRICT_FENCE)));
	}
}

TEST_F(netlink, memory_and_name)
{
	struct nl_msg *reply = &self->reply;
	struct nl *nl = &self->nl;

	EXPECT_LE(1 << 20, self->memory);
	ASSERT_EQ(0, nl_set_memory(nl, 3ULL << 30));
	ASSERT_EQ(0, nl_fabric_get(nl, reply));
	EXPECT_EQ(3ULL << 30,
		  nl_u64(nl_find(&reply->nl, KVPOOL_A_FABRIC_MEMORY)));
	/* Nothing is connected. */
	EXPECT_EQ(0, nl_u64(nl_find(&reply->nl, KVPOOL_A_FABRIC_MEMORY_USED)));
	EXPECT_EQ(0, nl_u32(nl_find(&reply->nl,
				    KVPOOL_A_FABRIC_MEMORY_SHARES)));
	EXPECT_EQ(0, nl_u32(nl_find(&reply->nl, KVPOOL_A_FABRIC_STUCK)));
	EXPECT_REFUSED(-EINVAL, nl_set_memory(nl, 0));
	EXPECT_REFUSED(-EINVAL, nl_set_memory(nl, ~0ULL));

	EXPECT_NE('\0', self->name[0]);
	ASSERT_EQ(0, nl_set_name(nl, "node-9"));
	EXPECT_REFUSED(-EINVAL, nl_set_name(nl, "*"));
	EXPECT_REFUSED(-EINVAL, nl_set_name(nl, ""));
	EXPECT_REFUSED(-EINVAL, nl_set_name(nl, "node 9"));
	ASSERT_EQ(0, nl_fabric_get(nl, reply));
	EXPECT_STREQ("node-9",
		     nl_data(nl_find(&reply->nl, KVPOOL_A_FABRIC_NAME)));
}

TEST_F(netlink, peer_has_a_host)
{
	struct nl_msg *reply = &self->reply;
	struct nl *nl = &self->nl;
	__u32 id;

	begin(&self->msg, nl, KVPOOL_CMD_PEER_ADD);
	nl_append_string(&self->msg, KVPOOL_A_PEER_NAME, "p");
	nl_append_string(&self->msg, KVPOOL_A_PEER_HOST, "node-1");
	ASSERT_EQ(0, nl_call(nl, &self->msg, reply));
	id = nl_u32(nl_find(&reply->nl, KVPOOL_A_PEER_ID));
	ASSERT_EQ(0, nl_peer_cmd(nl, KVPOOL_CMD_PEER_GET, id, reply));
	EXPECT_STREQ("node-1",
		     nl_data(nl_find(&reply->nl, KVPOOL_A_PEER_HOST)));
	ASSERT_EQ(0, nl_peer_add(nl, "q", &id));
	ASSERT_EQ(0, nl_peer_cmd(nl, KVPOOL_CMD_PEER_GET, id, reply));
	EXPECT_EQ(NULL, nl_find(&reply->nl, KVPOOL_A_PEER_HOST));
	begin(&self->msg, nl, KVPOOL_CMD_PEER_ADD);
	nl_append_string(&self->msg, KVPOOL_A_PEER_NAME, "r");
	nl_append_string(&self->msg, KVPOOL_A_PEER_HOST, "node 1");
	EXPECT_REFUSED(-EINVAL, nl_call(nl, &self->msg, NULL));
}

TEST_F(netlink, settings_have_events)
{
	static const int expected[] = {
		KVPOOL_CMD_HOST_ADD_NTF, KVPOOL_CMD_RIGHT_SET_NTF,
		KVPOOL_CMD_FABRIC_SET_NTF, KVPOOL_CMD_RIGHT_DEL_NTF,
		KVPOOL_CMD_HOST_DEL_NTF,
	};
	static struct nl listener;
	struct nlmsghdr *hdr = NULL;
	struct nl *nl = &self->nl;
	struct event event;
	size_t left = 0, i;

	ASSERT_EQ(0, nl_open(&listener));
	ASSERT_EQ(0, nl_join(&listener));
	ASSERT_EQ(0, nl_host_add(nl, "h", NULL));
	ASSERT_EQ(0, nl_right_set(nl, "t", "h", 1, 0));
	ASSERT_EQ(0, nl_set_u32(nl, KVPOOL_A_FABRIC_QUEUES, 3));
	/* What is refused has no event. */
	ASSERT_GT(0, nl_set_u32(nl, KVPOOL_A_FABRIC_QUEUES, 0));
	ASSERT_EQ(0, nl_right_cmd(nl, KVPOOL_CMD_RIGHT_DEL, "t", "h", NULL));
	ASSERT_EQ(0, nl_host_cmd(nl, KVPOOL_CMD_HOST_DEL, "h", NULL));
	for (i = 0; i < sizeof(expected) / sizeof(*expected); i++) {
		ASSERT_EQ(0, next_event(&listener, &hdr, &left, &event));
		EXPECT_EQ(expected[i], event.cmd);
	}
	nl_close(&listener);
}

/* ---- listening ---- */

TEST_F(netlink, no_listening_without_a_secret_unless_open)
{
	struct nl *nl = &self->nl;
	struct nlattr *open;
	int ret;

	EXPECT_REFUSED(-EPERM, nl_listen(nl, "0.0.0.0"));
	ASSERT_EQ(0, nl_fabric_get(nl, &self->reply));
	EXPECT_EQ(NULL, nl_find(&self->reply.nl, KVPOOL_A_FABRIC_LISTEN));
	EXPECT_GT(0, nl_set_open(nl, 2));
	ASSERT_EQ(0, nl_set_open(nl, 1));
	ASSERT_EQ(0, nl_fabric_get(nl, &self->reply));
	open = nl_find(&self->reply.nl, KVPOOL_A_FABRIC_OPEN);
	ASSERT_NE(NULL, open);
	EXPECT_EQ(1, *(const __u8 *)nl_data(open));

	EXPECT_REFUSED(-EINVAL, nl_listen(nl, "224.0.0.1"));
	EXPECT_REFUSED(-EINVAL, nl_listen(nl, ""));
	/* An address of another host. */
	ret = nl_listen(nl, NOWHERE);
	EXPECT_TRUE(ret == -EADDRNOTAVAIL || ret == -ENODEV) {
		TH_LOG("the error is %d", ret);
	}
	EXPECT_NE('\0', nl->said[0]);
	ASSERT_EQ(0, nl_listen(nl, "0.0.0.0"));
	ASSERT_EQ(0, nl_fabric_get(nl, &self->reply));
	EXPECT_NE(NULL, nl_find(&self->reply.nl, KVPOOL_A_FABRIC_LISTEN));

	begin(&self->msg, nl, KVPOOL_CMD_FABRIC_SET);
	nl_append_address(&self->msg, KVPOOL_A_FABRIC_LISTEN, "0.0.0.0", 0);
	nl_append(&self->msg, KVPOOL_A_FABRIC_LISTEN_OFF, NULL, 0);
	EXPECT_REFUSED(-EINVAL, nl_call(nl, &self->msg, NULL));
	ASSERT_EQ(0, nl_listen(nl, NULL));
	EXPECT_EQ(0, nl_listen(nl, NULL));
	ASSERT_EQ(0, nl_fabric_get(nl, &self->reply));
	EXPECT_EQ(NULL, nl_find(&self->reply.nl, KVPOOL_A_FABRIC_LISTEN));
}

TEST_HARNESS_MAIN
