# SPDX-License-Identifier: GPL-2.0-only
"""What engines met: misses, stuck keys, signals, nodes, addresses, MTUs."""

import os

import fabhosts
from fabhosts import (DEVICE, ENOENT, KERNEL, MB, Fabric, Group, Later, a, b,
                      figure, wait_until)


class Recipes(Fabric):
    # ---- misses ----

    def misses(self):
        """A tenant full of hot blocks, and 32 keys that nobody has."""
        # Otherwise some of the hot ones go ahead of need.
        a.ctl("knob", "set", "watermark_high", "100")
        a.ctl("tenant", "set", "default", "--quota", "64M")
        hot = self.blocks(32, 2 * MB, "-n", host=a)
        evicted = a.tenant()["evicted_blocks"]
        for how in ("-B",), ("-B", "-P"), ("-w", "32"):
            got = a.fab(*how, "fetch", self.numbers(), 32, 2 * MB,
                        check=False)
            self.assertEqual(got["error"], -ENOENT, got)
            # Those behind the first miss of a prefix are cancelled.
            self.assertEqual(got["failed"], 1 if "-P" in how else 32, got)
            self.assertEqual(got["failed"] + got["cancelled"], 32, got)
        figure("miss_evicted", a.tenant()["evicted_blocks"] - evicted)
        self.assertEqual(a.fab("-n", "check", hot, 32, 0, check=False)["ok"],
                         32)
        self.assertEqual(a.tenant()["evicted_blocks"], evicted)

    def test_misses_without_peers(self):
        a.ctl("peer", "del", "b")
        self.misses()

    def test_misses(self):
        before = a.fetched()
        self.misses()
        self.assertEqual(a.fetched(), before)

    def test_same_miss(self):
        """Many gets of one block that the peer has not: few messages."""
        for options in (), ("-p", "b"):
            before = a.json("peer")["peers"][0]["requests"]
            a.fab(*options, "-w", "32", "-r", "32", "-e", ENOENT, "fetch",
                  self.numbers(), 1, 4096)
            self.assertLess(a.json("peer")["peers"][0]["requests"] - before, 8)

    def test_prefix(self):
        """Nothing is brought behind a miss."""
        first = self.blocks(4, MB)
        b.fab("produce", first + 5, 4, MB)
        before = a.fetched()
        got = a.fab("-B", "-P", "-k", "fetch", first, 9, MB, check=False)
        self.assertEqual((got["ok"], got["failed"], got["cancelled"]),
                         (4, 1, 4), got)
        figure("miss_behind", a.fetched() - before - 4 * MB)
        self.assertEqual(a.fetched() - before, 4 * MB)
        # Without it they are.
        got = a.fab("-B", "-k", "-a", ENOENT, "fetch", first, 9, MB)
        self.assertEqual((got["ok"], got["accepted"]), (8, 1), got)

    # ---- pushes and chains, in one call ----

    def test_push_at_once(self):
        first = self.numbers()
        Fabric.number += 1000
        a.fab("-B", "produce", first, 1024, 4096)
        a.fab("-p", "b", "-B", "push", first, 1024, 4096)
        b.fab("check", first, 1024, 0)

    def test_chain_at_once(self):
        """32 blocks sealed and pushed in one call, then 16 strangers."""
        b.ctl("knob", "set", "watermark_high", "100")
        b.ctl("tenant", "set", "default", "--quota", "64M")
        first = self.numbers()
        a.fab("-C", "-B", "produce", first, 32, 2 * MB)
        a.fab("-p", "b", "-B", "push", first, 32, 2 * MB)
        b.fab("check", first, 32, 0)
        self.blocks(16, 2 * MB, "-n")
        if b.fab("check", first, 16, 0, check=False)["ok"] != 16:
            self.assertEqual([n for n in range(32) if b.fab(
                "check", first + n, 1, 0, check=False)["ok"]],
                list(range(16)))
        b.fab("-e", ENOENT, "check", first + 16, 16, 0)

    # ---- a stuck reservation ----

    def test_stuck(self):
        """A reservation that is too old does not hide a peer's block."""
        a.ctl("knob", "set", "preempt_ms", "100")
        first = self.numbers()
        held = Later(a.fab, "hold", first, 2, 65536, check=False)
        wait_until(lambda: a.tenant()["pending"] == 2, "reservations")
        b.fab("produce", first, 2, 65536)
        wait_until(lambda: a.fab("-k", "fetch", first, 2, 65536,
                                 check=False)["ok"] == 2, "the peer's blocks")
        a.sh("kill -INT $(pidof kvfab)")
        held.result()
        a.fab("check", first, 2, 0)

    # ---- signals ----

    def test_signals(self):
        """A profiler interrupts the caller, who gets all bytes nevertheless."""
        first = self.blocks(2, 32 * MB)
        got = a.fab("-B", "-S", "20", "-T", "fetch", first, 2, 32 * MB)
        self.assertGreater(got["handled"], 0)
        self.assertEqual(got["moved"], 2)
        first = self.numbers()
        a.fab("produce", first, 2, 32 * MB)
        got = a.fab("-B", "-S", "20", "-p", "b", "push", first, 2, 32 * MB)
        self.assertGreater(got["handled"], 0)
        b.fab("check", first, 2, 0)

    # ---- addresses ----

    def over(self, *addresses):
        """Blocks go both ways over links to these addresses."""
        for peer in a.json("peer")["peers"]:
            a.ctl("peer", "del", peer["id"])
        a.ctl("peer", "add", "b", *addresses)
        self.up(len(addresses))
        first = self.blocks(8, 100000)
        a.fab("fetch", first, 8, 100000)
        first = self.numbers()
        a.fab("produce", first, 4, 65536)
        a.fab("-p", "b", "push", first, 4, 65536)
        b.fab("check", first, 4, 0)

    def test_ipv6(self):
        b.ctl("fabric", "set", "--no-listen")
        b.ctl("fabric", "set", "--listen", "::")
        for n, host in enumerate((a, b), 1):
            host.sh("ip addr add fd77::$2/64 dev $1 nodad",
                    host.nic(0), str(n))
            self.addCleanup(host.sh, "ip addr del fd77::$2/64 dev $1",
                            host.nic(0), str(n))
        self.over("fd77::2")
        self.over("[fd77::2]:4710")
        # IPv4 too, when the listener is of any address; siw does not do that.
        if DEVICE != "siw":
            self.over("10.77.1.2")

    def test_link_local(self):
        b.ctl("fabric", "set", "--no-listen")
        b.ctl("fabric", "set", "--listen", "::")
        local = [host.sh("ip -o -6 addr show dev $1 scope link | "
                         "sed 's,.*inet6 \\([^/]*\\)/.*,\\1,'",
                         host.nic(0)).strip() for host in (a, b)]
        self.over("%s%%%s" % (local[1], a.nic(0)))

    def test_names_of_hosts(self):
        """kvpoolctl looks names of addresses up."""
        a.sh("echo 10.77.0.2 the-owner >>/etc/hosts")
        self.over("the-owner")
        self.over("the-owner:4710", "10.77.1.2")

    # ---- MTUs ----

    def test_mtus(self):
        """The smaller one of both sides, or a refusal that says so."""
        def mtu(host, mtu):
            for link in 0, 1:
                host.run("ip", "link", "set", host.nic(link), "mtu", mtu)

        for host in a, b:
            self.addCleanup(mtu, host, 4200)
        for here, there in (4200, 1500), (1500, 4200), (2200, 4200):
            mtu(a, here)
            mtu(b, there)
            a.ctl("peer", "del", "b")
            a.ctl("peer", "add", "b", "10.77.0.2")
            wait_until(lambda: self.woken()[0]["state"] == "up" or
                       a.links()[0]["close_reason"] == "mtu",
                       "a link, or a refusal")
            if a.links()[0]["state"] != "up":
                self.assertGreater(here, there)
                continue
            for length in 4096, 300001:
                first = self.blocks(4, length)
                a.fab("fetch", first, 4, length)
                first = self.numbers()
                a.fab("produce", first, 4, length)
                a.fab("-p", "b", "push", first, 4, length)
                b.fab("check", first, 4, 0)


class Nodes(Fabric):
    """Two hosts with two NUMA nodes each."""

    @classmethod
    def setUpClass(cls):
        fabhosts.build()
        cls.others = fabhosts.group
        names = ["nodes-%d-%s" % (os.getpid(), n) for n in "ab"]
        fabhosts.group = Group(names, [":".join(names)] * 2, kernel=KERNEL,
                               mem="1G", smp=2, numa="512M:0,512M:1")

    @classmethod
    def tearDownClass(cls):
        fabhosts.group.down()
        fabhosts.group = cls.others

    def used(self, host, node):
        return sum(chunk["used_pages"]
                   for chunk in host.json("chunk")["chunks"]
                   if chunk["node"] == node)

    def test_nodes(self):
        """Copies are on the node that the caller names."""
        for node in 0, 1:
            first = self.blocks(4, MB)
            before = self.used(a, node)
            a.fab("-k", "-N", node, "fetch", first, 4, MB)
            self.assertEqual(self.used(a, node) - before, 4 * MB // 4096)
            first = self.numbers()
            a.fab("produce", first, 4, MB)
            before = self.used(b, node)
            a.fab("-N", node, "-p", "b", "push", first, 4, MB)
            self.assertEqual(self.used(b, node) - before, 4 * MB // 4096)
            b.fab("check", first, 4, 0)
