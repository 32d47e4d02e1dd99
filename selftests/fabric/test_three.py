# SPDX-License-Identifier: GPL-2.0-only
"""Three hosts: c fetches from a and b, and b from a."""

from fabhosts import (EHOSTUNREACH, ENOENT, RDMA, Fabric, Later, a, b, c,
                      wait_until)

KB64 = 65536
A, B = "a", "b"


class Three(Fabric):
    hosts = a, b, c

    def connect(self):
        c.ctl("peer", "add", "a", "10.77.2.1")
        c.ctl("peer", "add", "b", "10.77.3.1")
        b.ctl("peer", "add", "a", "10.77.0.1", "10.77.1.1")
        self.up(2, c)
        self.up(2, b)

    def from_peers(self):
        return [peer["in_bytes"] for peer in c.json("peer")["peers"]]

    def test_any(self):
        of_a = self.blocks(4, KB64, host=a)
        of_b = self.blocks(4, KB64, host=b)
        self.assertEqual(c.fab("-T", "fetch", of_a, 4, KB64)["moved"], 4)
        self.assertEqual(self.from_peers(), [4 * KB64, 0])
        self.assertEqual(c.fab("-T", "fetch", of_b, 4, KB64)["moved"], 4)
        self.assertEqual(self.from_peers(), [4 * KB64, 4 * KB64])
        c.fab("probe", of_a, 4, KB64)
        c.fab("probe", of_b, 4, KB64)
        # If both have a block, it is fetched once.
        b.fab("produce", of_a, 4, KB64)
        c.fab("-T", "fetch", of_a, 4, KB64)
        self.assertEqual(sum(self.from_peers()), 12 * KB64)
        # No peer has it.
        c.fab("-e", ENOENT, "fetch", of_b + 10, 4, KB64)
        c.fab("-e", ENOENT, "probe", of_b + 10, 4, 0)
        # Only the named peer is asked.
        c.fab("-p", B, "-e", ENOENT, "fetch", of_b + 10, 4, KB64)
        c.fab("-p", A, "-e", ENOENT, "fetch", of_b, 4, KB64)
        c.fab("-p", B, "fetch", of_b, 4, KB64)
        for host in self.hosts:
            self.assertEqual(host.tenant()["pending"], 0)

    def test_other_length(self):
        """One peer has another block of the key, as far as length goes."""
        first = self.blocks(4, 4096, host=a)
        b.fab("produce", first, 4, KB64)
        self.assertEqual(c.fab("-T", "fetch", first, 4, KB64)["moved"], 4)
        self.assertEqual(self.from_peers(), [0, 4 * KB64])

    def test_mixed_batch(self):
        first = self.numbers()
        for n, host in enumerate((a, b) * 5):
            host.fab("produce", first + 3 * n, 1, 20000)
        got = c.fab("-w", "30", "-a", ENOENT, "fetch", first, 30, 20000)
        self.assertEqual((got["ok"], got["accepted"]), (10, 20))
        self.assertEqual(self.from_peers(), [5 * 20000] * 2)

    def test_chain(self):
        """b serves what it has fetched and kept."""
        first = self.blocks(6, 300001, host=a)
        self.assertEqual(b.fab("-k", "fetch", first, 6, 300001)["moved"], 6)
        a.fab("remove", first, 6, 0)
        c.fab("-p", A, "-e", ENOENT, "fetch", first, 6, 300001)
        self.assertEqual(c.fab("-k", "fetch", first, 6, 300001)["moved"], 6)
        self.assertEqual(self.from_peers(), [0, 6 * 300001])
        # And a can fetch it from b.
        a.ctl("peer", "add", "b", "10.77.0.2")
        self.up(1, a)
        a.fab("-k", "fetch", first, 6, 300001)
        a.fab("check", first, 6, 0)

    def end_one(self, end):
        """a ends while c fetches; what b has is served."""
        of_a = self.blocks(8, KB64 * 4, host=a)
        of_b = self.blocks(8, KB64 * 4, host=b)
        both = self.blocks(8, KB64 * 4, host=a)
        b.fab("produce", both, 8, KB64 * 4)

        def reads(first):
            return Later(c.fab, "-T", "-o", "60000", "-w", "8", "-r", "30",
                         "fetch", first, 8, KB64 * 4, check=False)
        only_a, only_b, either = map(reads, (of_a, of_b, both))
        wait_until(lambda: all(self.from_peers()), "bytes of both")
        end()
        for later in only_b, either:
            done = later.result()
            self.assertEqual((done["ok"], done["failed"], done["bad"]),
                             (240, 0, 0), done)
        done = only_a.result()
        self.assertEqual((done["ok"] + done["failed"], done["bad"]), (240, 0))
        self.assertIn(-done["error"], (ENOENT, EHOSTUNREACH), done)
        self.assertEqual(c.tenant()["pending"], 0)
        c.fab("-T", "fetch", of_b, 8, KB64 * 4)

    def test_one_unloads(self):
        self.end_one(lambda: a.run("rmmod", "kvpool_rdma"))
        a.run("insmod", RDMA)
        a.ctl("fabric", "set", "--open", "--listen", "0.0.0.0")
        self.up(2, c)
        first = self.blocks(4, KB64, host=a)
        c.fab("fetch", first, 4, KB64)

    def test_one_dies(self):
        self.end_one(a.kill)
        a.boot()
        a.load()
        self.up(2, c)
        self.up(2, b)
        first = self.blocks(4, KB64, host=a)
        c.fab("fetch", first, 4, KB64)
        b.fab("fetch", first, 4, KB64)
