# SPDX-License-Identifier: GPL-2.0-only
"""What the owner of blocks does with requests: waits, pushes, small answers."""

from errno import EACCES

from fabhosts import (EEXIST, EINPROGRESS, ENOENT, ETIMEDOUT, KB256, MB, Fabric,
                      Later, RigError, a, b, wait_until)


class Waits(Fabric):
    """KVPOOL_OP_WAIT of a key that is pending at the peer."""

    def hold(self, count, length=65536):
        """Pending keys on b; returns the number of the first, and their task."""
        first = self.numbers()
        before = b.tenant()["pending"]
        later = Later(b.fab, "hold", first, count, length, check=False)
        wait_until(lambda: b.tenant()["pending"] == before + count,
                   "pending keys")
        return first, later

    def end(self, later, signal="TERM"):
        b.sh("kill -%s $(pidof kvfab)" % signal)
        return later.result()

    def wait(self, first, count, length=65536, *options, check=False):
        return Later(a.fab, "-W", "-w", count, "-o", 60000, *options, "fetch",
                     first, count, length, check=check)

    def waiting(self, nr):
        wait_until(lambda: sum(s["waiting"] for s in b.sessions()) == nr,
                   "%d requests that wait at the owner" % nr)

    def test_sealed(self):
        for length in 4096, 65536, 2 * MB + 1:
            first, held = self.hold(4, length)
            later = self.wait(first, 4, length)
            self.waiting(4)
            self.end(held)
            done = later.result()
            self.assertEqual((done["ok"], done["moved"]), (4, 4), done)

    def test_aborted(self):
        first, held = self.hold(3)
        later = self.wait(first, 3)
        self.waiting(3)
        self.end(held, "INT")
        done = later.result()
        self.assertEqual((done["failed"], done["error"]), (3, -ENOENT), done)

    def test_producer_dies(self):
        first, held = self.hold(3)
        later = self.wait(first, 3)
        self.waiting(3)
        with self.assertRaises(RigError):
            self.end(held, "KILL")
        done = later.result()
        self.assertEqual((done["failed"], done["error"]), (3, -ENOENT), done)

    def test_time_is_over(self):
        first, held = self.hold(3)
        done = self.wait(first, 3, 65536, "-o", 300).result()
        self.assertEqual((done["failed"], done["bad"]), (3, 0), done)
        self.assertIn(-done["error"], (ETIMEDOUT, EINPROGRESS))
        self.waiting(0)
        # They come all the same.
        later = self.wait(first, 3)
        self.waiting(3)
        self.end(held)
        self.assertEqual(later.result()["ok"], 3)

    def test_waiter_killed(self):
        first, held = self.hold(8)
        later = self.wait(first, 8)
        self.waiting(8)
        a.sh("kill -9 $(pidof kvfab)")
        with self.assertRaises(RigError):
            later.result()
        self.waiting(0)
        self.end(held)
        a.fab("fetch", first, 8, 65536)

    def test_many(self):
        """More than may wait there: the others come later."""
        first, held = self.hold(100, 4096)
        later = self.wait(first, 100, 4096)
        wait_until(lambda: a.tenant()["pending"] == 100, "100 fetches")
        # Others are served meanwhile.
        ready = self.blocks(8, KB256)
        a.fab("fetch", ready, 8, KB256)
        self.end(held)
        self.assertEqual(later.result()["ok"], 100)

    def test_link_breaks(self):
        """A wait goes on over another queue pair."""
        first, held = self.hold(4)
        later = self.wait(first, 4)
        self.waiting(4)
        a.set_link(0, False)
        wait_until(lambda: a.links()[0]["state"] != "up", "the link down")
        self.waiting(4)
        self.end(held)
        self.assertEqual(later.result()["ok"], 4)
        a.set_link(0, True)

    def test_owner_unloads(self):
        first, held = self.hold(4)
        later = self.wait(first, 4)
        self.waiting(4)
        b.run("rmmod", "kvpool_rdma")
        self.assertEqual(later.result()["failed"], 4)
        self.end(held)

    def test_tenant_is_deleted(self):
        """The tenant goes when its producer does, whoever waits for it."""
        for host in a, b:
            host.ctl("tenants", "add", "w")
        b.ctl("right", "set", "w", "*", "--read", "yes")
        first = self.numbers()
        held = Later(b.fab, "-t", "w", "hold", first, 3, 65536)
        wait_until(lambda: b.tenant("w")["pending"] == 3, "pending keys")
        later = self.wait(first, 3, 65536, "-t", "w")
        self.waiting(3)
        self.end(held, "INT")
        wait_until(lambda: not b.tenant("w")["pending"], "no pending key")
        b.ctl("tenants", "del", "w")
        self.assertEqual(later.result()["failed"], 3)
        a.ctl("tenants", "del", "w")


    def test_right_is_taken(self):
        """It is looked at again when the block has come."""
        first, held = self.hold(2)
        later = self.wait(first, 2)
        self.waiting(2)
        b.ctl("right", "set", "default", "*", "--read", "no")
        self.end(held)
        done = later.result()
        self.assertEqual((done["failed"], done["error"]), (2, -EACCES), done)
        a.fab("-p", "b", "-e", EACCES, "fetch", first, 2, 65536)
        b.ctl("right", "set", "default", "*", "--read", "yes")
        a.fab("fetch", first, 2, 65536)


class Pushes(Fabric):
    def test_denied(self):
        b.ctl("right", "set", "default", "*", "--push", "no")
        first = self.numbers()
        a.fab("produce", first, 2, 65536)
        a.fab("-p", "b", "-e", EACCES, "push", first, 2, 65536)
        b.ctl("right", "set", "default", "*", "--push", "yes")
        a.fab("-p", "b", "push", first, 2, 65536)

    def test_more_than_fits(self):
        """Larger together than the quota: none keeps what the others need."""
        b.ctl("tenant", "set", "default", "--quota", "16M")
        first = self.numbers()
        a.fab("-n", "produce", first, 24, 3 * MB)
        a.fab("-p", "b", "-w", 24, "-o", 120000, "push", first, 24, 3 * MB)
        wait_until(lambda: not b.tenant()["pending"], "no part of a push")

    def test_full_receiver(self):
        """A push waits until there is room."""
        b.ctl("tenant", "set", "default", "--quota", "8M")
        kept, held = self.numbers(), None
        held = Later(b.fab, "-n", "hold", kept, 4, 2 * MB)
        wait_until(lambda: b.tenant()["pending"] == 4, "a full tenant")
        first = self.numbers()
        a.fab("produce", first, 2, 2 * MB)
        later = Later(a.fab, "-p", "b", "-o", 120000, "push", first, 2, 2 * MB)
        wait_until(lambda: sum(s["requests"] for s in b.sessions()) > 3,
                   "attempts")
        b.sh("kill -INT $(pidof kvfab)")
        held.result()
        later.result()
        b.fab("check", first, 2, 0)

    def test_dropped(self):
        """A push that its deadline ends leaves nothing."""
        b.ctl("tenant", "set", "default", "--quota", "8M")
        kept = self.numbers()
        held = Later(b.fab, "-n", "hold", kept, 4, 2 * MB)
        wait_until(lambda: b.tenant()["pending"] == 4, "a full tenant")
        first = self.numbers()
        a.fab("produce", first, 2, 2 * MB)
        done = a.fab("-p", "b", "-o", 1000, "push", first, 2, 2 * MB,
                     check=False)
        self.assertEqual(done["failed"], 2, done)
        wait_until(lambda: b.tenant()["pending"] == 4, "no key of the push")
        b.sh("kill -TERM $(pidof kvfab)")
        held.result()
        a.fab("-p", "b", "-o", 60000, "push", first, 2, 2 * MB)
        a.fab("-p", "b", "-e", EEXIST, "push", first, 2, 2 * MB)


class Small(Fabric):
    def test_inline(self):
        first = self.blocks(8, 4096)
        a.fab("-T", "-r", 4, "fetch", first, 8, 4096)
        a.fab("-T", "ping", first, 8, 4096)

    def test_chain_is_fetched(self):
        """The copy has the place in the chain that the owner's block has."""
        a.ctl("tenant", "set", "default", "--quota", "32M")
        first = self.numbers()
        b.fab("-C", "produce", first, 8, 2 * MB)
        for at, count in (0, 2), (2, 5), (7, 1):
            a.fab("-k", "-o", 120000, "fetch", first + at, count, 2 * MB)
        self.blocks(11, 2 * MB, "-n", host=a)
        left = a.fab("check", first, 8, 0, check=False)["ok"]
        self.assertIn(left, range(1, 8))
        a.fab("check", first, left, 0)
