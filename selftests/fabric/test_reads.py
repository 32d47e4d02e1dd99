# SPDX-License-Identifier: GPL-2.0-only
"""Blocks of another host: reads, pushes, and what is refused."""

import os
import time

from fabhosts import ENGINE, ENOENT, EEXIST, EMSGSIZE, MB, Fabric, a, b, setting


class Reads(Fabric):
    def test_sizes(self):
        for length in (4096, 5000, 65536, 300001, MB, 2 * MB + 1, 20 * MB + 9):
            first = self.blocks(3, length)
            a.fab("-o", "120000", "fetch", first, 3, length)
            a.fab("-o", "120000", "-T", "fetch", first, 3, length)
            b.fab("remove", first, 3, 0)

    def test_large(self):
        length = setting("LARGE", 64) * MB
        first = self.blocks(1, length)
        a.fab("-T", "-o", "120000", "fetch", first, 1, length)

    def test_batches(self):
        first = self.blocks(300, 4096)
        a.fab("-w", "256", "-r", "3", "fetch", first, 300, 4096)
        first = self.blocks(200, 12345)
        a.fab("-w", "200", "fetch", first, 200, 12345)

    def test_kept(self):
        first = self.blocks(4, 65536)
        self.assertEqual(a.fab("-k", "fetch", first, 4, 65536)["moved"], 4)
        self.assertEqual(a.fab("-k", "fetch", first, 4, 65536)["moved"], 0)
        a.fab("check", first, 4, 0)

    def test_both_links_carry(self):
        first = self.blocks(32, MB)
        a.fab("fetch", first, 32, MB)
        for link in a.links():
            self.assertGreater(link["in_bytes"], 4 * MB, link)

    def test_refusals(self):
        first = self.blocks(2, 65536)
        a.fab("-e", ENOENT, "fetch", first + 10, 3, 65536)
        a.fab("-e", ENOENT, "probe", first + 10, 3, 0)
        a.fab("-e", EMSGSIZE, "fetch", first, 2, 4096)
        a.fab("-e", ENOENT, "-p", "77", "fetch", first, 2, 65536)
        a.fab("probe", first, 2, 65536)

    def test_tenants(self):
        for host in a, b:
            host.ctl("tenants", "add", "t1")
        b.ctl("right", "set", "t1", "*", "--read", "yes")
        first = self.blocks(2, 65536, "-t", "t1")
        a.fab("-t", "t1", "fetch", first, 2, 65536)
        a.fab("-e", ENOENT, "fetch", first, 2, 65536)
        b.ctl("tenants", "del", "t1")
        a.fab("-t", "t1", "-e", ENOENT, "fetch", first, 2, 65536)
        a.ctl("tenants", "del", "t1")

    def test_push(self):
        for length in (4096, 70001, 5 * MB + 3):
            first = self.numbers()
            a.fab("produce", first, 8, length)
            a.fab("-p", "b", "-o", "120000", "push", first, 8, length)
            b.fab("check", first, 8, 0)
            a.fab("-p", "b", "-e", EEXIST, "push", first, 8, length)

    def chain_tenant(self):
        """A tenant with room for 16 blocks of 2 MiB on each host."""
        for host in a, b:
            host.ctl("tenants", "add", "chain")
            host.ctl("tenant", "set", "chain", "--quota", "32M")
        b.ctl("right", "set", "chain", "*", "--read", "yes", "--push", "yes")

    def chain_end(self):
        for host in a, b:
            host.ctl("tenant", "drop", "chain")
            host.ctl("tenants", "del", "chain")

    def left(self, host, first):
        """Some of the eight blocks are left, and they are the chain's beginning."""
        count = host.fab("-t", "chain", "check", first, 8, 0, check=False)["ok"]
        self.assertIn(count, range(1, 8))
        host.fab("-t", "chain", "check", first, count, 0)

    def test_chain_is_pushed(self):
        self.chain_tenant()
        first = self.numbers()
        a.fab("-t", "chain", "-C", "produce", first, 8, 2 * MB)
        for at, count in (0, 3), (3, 1), (4, 4):
            a.fab("-t", "chain", "-p", "b", "-o", "120000", "push", first + at, count, 2 * MB)
        self.blocks(11, 2 * MB, "-t", "chain", "-n")
        self.left(b, first)
        self.chain_end()

    def test_chain_is_fetched(self):
        self.chain_tenant()
        first = self.numbers()
        b.fab("-t", "chain", "-C", "produce", first, 8, 2 * MB)
        for at, count in (0, 2), (2, 5), (7, 1):
            a.fab("-t", "chain", "-C", "-k", "-o", "120000", "fetch", first + at, count, 2 * MB)
        self.blocks(11, 2 * MB, "-t", "chain", "-n", host=a)
        self.left(a, first)
        self.chain_end()

    def test_chain_is_served(self):
        """Piece by piece, the head first and the tail last."""
        self.chain_tenant()
        first = self.numbers()
        b.fab("-t", "chain", "-C", "produce", first, 8, 2 * MB)
        for at in range(8):
            a.fab("-t", "chain", "-T", "-o", "120000", "fetch", first + at, 1, 2 * MB)
        self.blocks(11, 2 * MB, "-t", "chain", "-n")
        self.left(b, first)
        self.chain_end()

    def test_library(self):
        """What a decode engine does, through the library."""
        seed = "library %d %f" % (os.getpid(), time.time())
        b.run(ENGINE, "produce", seed)
        a.run(ENGINE, "consume", seed, str(a.json("peer")["peers"][0]["id"]))
