# SPDX-License-Identifier: GPL-2.0-only
"""Blocks that are removed while they are fetched: a fetch fails, or is right."""

from fabhosts import (EEXIST, EINPROGRESS, ENOENT, Fabric, Later, RigError, a,
                      b, wait_until)

SIZE = 128 << 10
COUNT = 128             # twice what the owner's quota has room for


class Removed(Fabric):
    def setUp(self):
        super().setUp()
        for host in a, b:
            host.ctl("tenants", "add", "small")
        b.ctl("right", "set", "small", "*", "--read", "yes")
        b.sh("echo $1 > /sys/class/misc/kvpool/tenants/small/quota_bytes",
             COUNT * SIZE // 2)
        self.addCleanup(self.nothing_left)

    def nothing_left(self):
        """No pending key or lease is left."""
        for host in a, b:
            tenant = host.tenant("small")
            self.assertEqual((tenant["pending"], tenant["leases"]), (0, 0))
            host.ctl("tenants", "del", "small")

    def read(self, first, count, *options):
        return a.fab("-t", "small", "-w", "24", "-o", "60000", "-a", ENOENT,
                     "-a", EINPROGRESS, *options, "fetch", first, count, SIZE,
                     timeout=600)

    def test_evicted(self):
        first = self.numbers()
        make = Later(b.fab, "-t", "small", "-a", EEXIST, "-r", "100000",
                     "produce", first, COUNT, SIZE)
        wait_until(lambda: b.tenant("small")["evicted_blocks"], "an eviction")
        for keep in (), ("-T",):
            done = self.read(first, COUNT, *keep, "-r", "4")
            self.assertGreater(done["ok"], 0, done)
            self.assertGreater(done["accepted"], 0, done)
        b.sh("kill $(pidof kvfab)")
        with self.assertRaises(RigError):
            make.result()

    def test_removed(self):
        first = self.blocks(8, SIZE, "-t", "small")
        later = Later(self.read, first, 8, "-T", "-d", "8")
        self.busy()
        removed = 0
        while later.is_alive():
            for n in range(8):
                b.fab("-t", "small", "remove", first + n, 1, 0)
            # Other blocks take their memory.
            b.fab("-t", "small", "produce", first + 100, COUNT // 2, SIZE)
            b.fab("-t", "small", "-a", ENOENT, "remove", first + 100,
                  COUNT // 2, 0)
            b.fab("-t", "small", "produce", first, 8, SIZE)
            removed += 8
        done = later.result()
        self.assertGreater(removed, 0)
        self.assertGreater(done["ok"], 0, done)
        self.assertGreater(done["accepted"], 0, done)

    def test_leased_there(self):
        """Leases of the owner's own programs, on blocks that a peer reads."""
        first = self.blocks(16, SIZE, "-t", "small")
        hold = Later(b.fab, "-t", "small", "lease", first, 16, 0)
        wait_until(lambda: b.tenant("small")["leases"] == 16, "the leases")
        self.assertEqual(self.read(first, 16)["ok"], 16)
        # Removed: its memory stays while it is leased, but lookups fail.
        b.fab("-t", "small", "remove", first, 8, 0)
        self.assertEqual(self.read(first, 8)["accepted"], 8)
        # Leased blocks are not evicted: the other blocks are.
        b.fab("-t", "small", "produce", first + 100, COUNT, SIZE)
        done = self.read(first + 100, COUNT)
        self.assertGreater(done["accepted"], COUNT // 2)
        self.assertEqual(self.read(first + 8, 8)["ok"], 8)
        b.fab("-t", "small", "produce", first + 16, 1, SIZE)
        self.assertEqual(hold.result()["ok"], 16)

    def test_leased_here(self):
        """A copy that is leased outlives the block at its owner."""
        first = self.blocks(8, SIZE, "-t", "small")
        self.assertEqual(self.read(first, 8, "-k")["moved"], 8)
        hold = Later(a.fab, "-t", "small", "lease", first, 8, 0)
        wait_until(lambda: a.tenant("small")["leases"] == 8, "the leases")
        b.fab("-t", "small", "remove", first, 8, 0)
        self.assertEqual(self.read(first, 8, "-k")["moved"], 0)
        a.fab("-t", "small", "remove", first, 8, 0)
        self.assertEqual(self.read(first, 8)["accepted"], 8)
        a.fab("-t", "small", "produce", first + 8, 1, SIZE)
        self.assertEqual(hold.result()["ok"], 8)
