# SPDX-License-Identifier: GPL-2.0-only
"""Requests: messages of a get, small answers, many keys, what waits and ends."""

from fabhosts import (DEVICE, ENOENT, KB256, MB, Fabric, Later, RigError, a, b,
                      together, wait_until)


class Messages(Fabric):
    """A get is as many messages as the design says."""

    def messages(self, host):
        """SENDs of a host over both its devices to its peer."""
        if DEVICE == "siw":
            self.skipTest("siw counts no messages")
        return int(host.sh(
            "cat /sys/class/infiniband/rxe[01]/ports/1/hw_counters/rdma_sends | "
            "awk '{n += $1} END {print n}'"))

    def alone(self, first, count, length, repeat=1):
        """Fetch one at a time; returns the messages of each side for one."""
        before = self.messages(a), self.messages(b)
        # Nobody has to be asked who has it.
        a.fab("-p", "b", "-T", "-w", 1, "-r", repeat, "fetch", first, count,
              length)
        return [(self.messages(host) - old) / (count * repeat)
                for host, old in zip((a, b), before)]

    def inline(self):
        return sum(link["inline_bytes"] for link in a.links())

    def test_immediate(self):
        """A request, and an RDMA WRITE: no answer."""
        first = self.blocks(4, 65536)
        there, back = self.alone(first, 4, 65536, 8)
        self.assertGreaterEqual(there, 1)
        # ALIVE may come in between.
        self.assertLess(there, 1.5)
        self.assertLess(back, 0.5)
        self.assertEqual(self.inline(), 0)

    def test_strict_fence(self):
        """Then the peer invalidates: an answer for each."""
        a.ctl("peer", "del", "b")
        a.ctl("fabric", "set", "--strict-fence")
        self.connect()
        first = self.blocks(4, 65536)
        there, back = self.alone(first, 4, 65536, 8)
        self.assertGreaterEqual(min(there, back), 1)
        a.ctl("fabric", "set", "--no-strict-fence")

    def test_bytes_in_the_answer(self):
        first = self.blocks(8, 4096)
        before = self.inline(), a.fetched()
        there, back = self.alone(first, 8, 4096, 4)
        self.assertGreaterEqual(min(there, back), 1)
        # ALIVE may come in between.
        self.assertLess(max(there, back), 1.5)
        moved = 32 * 4096
        self.assertEqual((self.inline() - before[0],
                          a.fetched() - before[1]), (moved, moved))

    def test_none_is_copied(self):
        """Not of large blocks, not their tails, not of small ones together."""
        for count, length in (2, 4097), (2, MB + 1), (1, 20 * MB + 9):
            first = self.blocks(count, length)
            a.fab("-T", "-w", 1, "-o", 60000, "fetch", first, count, length)
        self.assertEqual(self.inline(), 0)
        first = self.blocks(300, 4096)
        before = self.messages(a)
        a.fab("-w", 256, "-r", 2, "fetch", first, 300, 4096)
        # They share requests.
        self.assertLess(self.messages(a) - before, 300)
        self.assertLess(self.inline(), 300 * 4096)

    def test_missing(self):
        """Also with bytes that would come in the answer, or an immediate."""
        first = self.numbers()
        for length in 4096, 65536:
            a.fab("-w", 1, "-e", ENOENT, "fetch", first, 4, length)
            a.fab("-e", ENOENT, "fetch", first, 100, length)

    def test_many_keys(self):
        first = self.blocks(500, 4096, "-n")
        before = self.messages(a)
        a.fab("-w", 512, "probe", first, 500, 4096)
        self.assertLess(self.messages(a) - before, 500)
        a.fab("-w", 512, "-e", ENOENT, "probe", first + 500, 300, 0)


class Cancels(Fabric):
    """What ends early leaves the queue pairs up, where that is possible."""

    def errors(self):
        return [(link["reconnects"], link["errors"]) for link in a.links()]

    def test_waits(self):
        """Waits that are cancelled end in a round trip."""
        first = self.numbers()
        held = Later(b.fab, "hold", first, 16, KB256, check=False)
        wait_until(lambda: b.tenant()["pending"] == 16, "pending keys")
        before = self.errors()
        for _ in range(3):
            later = Later(a.fab, "-W", "-w", 16, "-o", 60000, "fetch", first,
                          16, KB256, check=False)
            wait_until(lambda: sum(s["waiting"] for s in b.sessions()),
                       "requests that wait")
            a.sh("kill -9 $(pidof kvfab)")
            with self.assertRaises(RigError):
                later.result()
            wait_until(lambda: not sum(s["waiting"] for s in b.sessions()),
                       "no request that waits")
        self.assertEqual(self.errors(), before)
        b.sh("kill -TERM $(pidof kvfab)")
        held.result()
        a.fab("fetch", first, 16, KB256)

    def test_small(self):
        """What is not registered needs no fence."""
        first = self.blocks(8, 4096)
        before = self.errors()
        a.fab("-T", "-c", 0.5, "-w", 1, "-r", 40, "fetch", first, 8, 4096)
        self.assertEqual(self.errors(), before)

    def test_of_another_tenant(self):
        """One tenant cancels all it can; another one's fetches go on."""
        for host in a, b:
            host.ctl("tenants", "add", "wild")
        b.ctl("right", "set", "wild", "*", "--read", "yes")
        first = self.blocks(16, MB, "-t", "wild", "-n")
        later = self.load()
        done = a.fab("-t", "wild", "-n", "-T", "-c", 1, "-w", 8, "-o", 60000,
                     "-d", 8, "fetch", first, 16, MB)
        self.assertGreater(done["cancelled"], 0)
        got = self.stop(later)
        self.assertEqual((got["failed"], got["bad"]), (0, 0), got)
        self.assertGreater(got["ok"], 0)
        together((a, b), lambda host: (
            host.ctl("tenant", "drop", "wild"),
            host.ctl("tenants", "del", "wild")))
