# SPDX-License-Identifier: GPL-2.0-only
"""Hosts, modules, processes and peers that end under load."""

from fabhosts import (EHOSTUNREACH, ENOENT, ETIMEDOUT, HOSTILE, KB256, MB, RDMA,
                      Fabric, Host, Later, RigError, a, b, need, together,
                      wait_until)


class Ends(Fabric):
    def test_peer_deleted(self):
        later = self.load()
        a.ctl("peer", "del", "b")
        with self.assertRaises(RigError):
            self.stop(later)

    def test_owner_unloads(self):
        later = self.load()
        b.run("rmmod", "kvpool_rdma")
        with self.assertRaises(RigError):
            self.stop(later)
        b.run("insmod", RDMA)
        b.ctl("fabric", "set", "--open")
        b.ctl("fabric", "set", "--listen", "0.0.0.0")
        self.up(2)
        first = self.blocks(4, 65536)
        a.fab("fetch", first, 4, 65536)

    def test_requester_unloads(self):
        later = self.load()
        a.run("rmmod", "kvpool_rdma")
        with self.assertRaises(RigError):
            self.stop(later)
        wait_until(lambda: not b.sessions(), "no sessions")
        a.run("insmod", RDMA)

    def test_requester_killed(self):
        first = self.blocks(24, KB256)
        later = Later(a.fab, "-n", "-T", "-w", "24", "-r", "1000", "fetch",
                      first, 24, KB256)
        self.busy()
        a.sh("kill -9 $(pidof kvfab)")
        with self.assertRaises(RigError):
            later.result()
        self.assertEqual(a.tenant()["leases"], 0)
        a.fab("fetch", first, 24, KB256)

    def nothing_left(self):
        """No operation of the test is left, whatever its result was."""
        tenant = a.tenant()
        self.assertEqual((tenant["pending"], tenant["leases"]), (0, 0))
        self.assertEqual([link["inflight"] for link in a.links()],
                         [0] * len(a.links()))

    def test_owner_dies(self):
        """The whole host, and it comes back."""
        a.ctl("knobs", "set", "remote_timeout_ms", "8000")
        first = self.blocks(24, KB256)
        # The second program waits for the copies of the first.
        reads = [Later(a.fab, "-w", "24", "-r", "40", "fetch", first, 24, KB256,
                       check=False) for _ in range(2)]
        alone = Later(a.fab, "-r", "400", "ping", first, 2, KB256, check=False)
        self.busy()
        b.kill()
        # None takes longer than its deadline, so they all end soon.
        for later, total in (reads[0], 960), (reads[1], 960), (alone, 800):
            done = later.result()
            self.assertEqual((done["ok"] + done["failed"], done["bad"]),
                             (total, 0), done)
            self.assertGreater(done["failed"], 0)
            self.assertIn(-done["error"], (EHOSTUNREACH, ETIMEDOUT))
        self.nothing_left()
        b.boot()
        b.load()
        self.up(2)
        a.fab("remove", first, 24, 0, check=False)
        a.fab("-e", ENOENT, "fetch", first, 24, KB256)
        first = self.blocks(8, KB256)
        a.fab("fetch", first, 8, KB256)

    def test_owner_dies_while_it_is_pushed_to(self):
        a.ctl("knobs", "set", "remote_timeout_ms", "8000")
        first = self.numbers()
        a.fab("produce", first, 200, KB256)
        later = Later(a.fab, "-p", "b", "-w", "32", "push", first, 200, KB256,
                      check=False)
        wait_until(lambda: sum(link["out_bytes"] for link in a.links()) >
                   MB, "bytes pushed")
        b.kill()
        done = later.result()
        self.assertEqual(done["ok"] + done["failed"], 200, done)
        self.assertIn(-done["error"], (EHOSTUNREACH, ETIMEDOUT), done)
        self.nothing_left()

    def test_both_restart(self):
        later = self.load()
        b.kill()
        a.kill()
        with self.assertRaises(RigError):
            later.result()
        need(a, b)
        together((a, b), Host.load)
        self.connect()
        first = self.blocks(8, KB256)
        a.fab("fetch", first, 8, KB256)

    def test_both_reload(self):
        later = self.load()
        for host in a, b:
            host.run("rmmod", "kvpool_rdma")
        with self.assertRaises(RigError):
            self.stop(later)
        self.assertEqual(a.tenant()["pending"], 0)
        for host in a, b:
            host.run("insmod", RDMA)
            host.ctl("fabric", "set", "--open", "--listen", "0.0.0.0")
        self.connect()
        first = self.blocks(8, KB256)
        a.fab("fetch", first, 8, KB256)

    def mute(self):
        """Replace b by a peer that lives and answers no request.

        Not b with its links cut: once no queue pair comes back, nothing waits.
        """
        a.ctl("peer", "del", "b")
        b.sh("modprobe rdma_ucm")
        served = Later(b.run, HOSTILE, "--mute", "10.77.0.2", "--port", "4711",
                       timeout=600)
        a.ctl("peer", "add", "mute", "10.77.0.2:4711")
        self.up(1)
        return served

    def waiting(self, nr):
        wait_until(lambda: a.sh("pidof kvfab | wc -w").strip() == str(nr),
                   "the waiters")

    def unmute(self, served):
        """b is the peer again."""
        b.sh("kill $(pidof hostile)")
        served.result()
        self.connect()

    def test_peer_deleted_with_waiters(self):
        """Operations that wait for a fetch from it do not wait for ever."""
        first = self.blocks(8, KB256)
        served = self.mute()
        # One peer is asked for the blocks at once; all are asked who has them.
        fetch = Later(a.fab, "-p", "mute", "-w", "8", "-o", "600000", "fetch",
                      first, 8, KB256, check=False)
        wait_until(lambda: a.tenant()["pending"] == 8, "pending keys")
        asks = Later(a.fab, "-w", "8", "-o", "600000", "fetch", self.numbers(),
                     8, KB256, check=False)
        waits = [Later(a.fab, "-l", *how, first, 8, 0, check=False)
                 for how in (("-w", "8", "fetch"), ("ping",))]
        same = Later(a.fab, "-w", "8", "-o", "600000", "fetch", first, 8, KB256,
                     check=False)
        self.waiting(5)
        a.ctl("peer", "del", "mute")
        for later in fetch, asks, same, *waits:
            done = later.result()
            self.assertEqual((done["failed"], done["ok"]), (8, 0), done)
            self.assertIn(-done["error"], (ENOENT, EHOSTUNREACH), done)
        self.assertEqual(a.tenant()["pending"], 0)
        # The peer that is added afterwards has all blocks.
        self.unmute(served)
        a.fab("fetch", first, 8, KB256)

    def test_waiter_killed(self):
        """A process that waits for a fetch from a mute peer can be killed."""
        first = self.blocks(8, KB256)
        served = self.mute()
        fetch = [Later(a.fab, "-p", "mute", "-w", "8", "-o", "600000", "fetch",
                       first, 8, KB256)]
        # Before that, a local one finds nothing to wait for.
        wait_until(lambda: a.tenant()["pending"] == 8, "pending keys")
        fetch += [Later(a.fab, "-o", "600000", *how, first, 8, KB256)
                  for how in (("ping",), ("-l", "ping"))]
        # And this one has no memory yet.
        fetch += [Later(a.fab, "-w", "8", "-o", "600000", "fetch",
                        self.numbers(), 8, KB256)]
        self.waiting(4)
        a.sh("kill -9 $(pidof kvfab)")
        for later in fetch:
            with self.assertRaises(RigError):
                later.result()
        wait_until(lambda: not a.tenant()["pending"], "no pending key")
        self.nothing_left()
        a.ctl("peer", "del", "mute")
        self.unmute(served)
        a.fab("fetch", first, 8, KB256)
