# SPDX-License-Identifier: GPL-2.0-only
"""Queue pairs that cannot be brought to their end."""

import errno

from fabhosts import (DEVICE, HOSTILE, MB, TESTQP, Fabric, Later, a, b,
                      wait_until)


class Stuck(Fabric):
    def connect(self):
        """One link, over the device that fails."""
        a.ctl("peer", "add", "b", "10.77.0.2")
        self.up(1)

    def break_it(self, host, how="fail=%d" % errno.EIO):
        """From now on the host's first device ends no queue pair."""
        host.run("insmod", TESTQP, "device=%s0" % DEVICE, how)

    def mend_it(self, host, count="failed"):
        count = int(host.sh(
            "cat /sys/module/kvpool_testqp/parameters/" + count))
        self.assertGreater(count, 0)
        host.run("rmmod", "kvpool_testqp")

    def give_back(self, host):
        """When the device has gone, nothing is kept, and all of it works again."""
        host.run("rdma", "link", "delete", DEVICE + "0")
        wait_until(lambda: not host.fabric()["stuck"], "nothing stuck")
        host.rxe(0)
        for peer in a.json("peer")["peers"]:
            a.ctl("peer", "del", peer["id"])
        self.connect()
        first = self.blocks(4, MB)
        a.fab("fetch", first, 4, MB)

    def mute(self):
        """A peer that answers nothing."""
        a.ctl("peer", "del", "b")
        b.ctl("fabric", "set", "--no-listen")
        b.sh("modprobe rdma_ucm")
        other = Later(b.run, HOSTILE, "--mute", "0.0.0.0", timeout=600)
        a.ctl("peer", "add", "b", "10.77.0.2")
        self.up(1)
        self.assertEqual(a.fabric()["stuck"], 0)
        return other

    def speak(self, other):
        b.sh("kill $(pidof hostile)")
        other.result()
        b.ctl("fabric", "set", "--listen", "0.0.0.0")

    def lose(self):
        """A fetch whose queue pair is not flushed."""
        other = self.mute()
        before = a.tenant()["used_bytes"]
        later = Later(a.fab, "-p", "b", "-o", "3000", "-e", errno.EIO, "fetch",
                      1, 1, MB)
        # The request is on its way, and the device flushes no queue from now on.
        wait_until(lambda: any(link["inflight"] for link in a.links()),
                   "a request")
        self.break_it(a, "lose=1")
        later.result()
        wait_until(lambda: a.fabric()["stuck"], "a stuck queue pair", 60)
        self.assertGreaterEqual(a.tenant()["used_bytes"] - before, MB)
        return before, other

    def test_initiator(self):
        """The fetch fails; its memory stays until the device has gone."""
        other = self.mute()
        before = a.tenant()["used_bytes"]
        self.break_it(a)
        # Its deadline is over when it is seen that its memory has no fence.
        a.fab("-p", "b", "-o", "500", "-e", errno.EIO, "fetch", 1, 1, MB)
        wait_until(lambda: a.fabric()["stuck"], "a stuck queue pair", 60)
        self.assertGreaterEqual(a.tenant()["used_bytes"] - before, MB)
        # The key is not pending, the memory is nobody's.
        self.assertEqual(a.tenant()["pending"], 0)
        self.assertIn("kvpool_rdma", a.sh("dmesg | grep -i 'stuck\\|cannot be "
                                          "brought\\|kept until'"))
        self.mend_it(a)
        self.assertGreater(a.fabric()["stuck"], 0)
        self.speak(other)
        self.give_back(a)
        self.assertEqual(a.tenant()["used_bytes"], before)

    def test_late(self):
        """The device completes them late: the memory is free then."""
        before, other = self.lose()
        a.sh("echo 0 > /sys/module/kvpool_testqp/parameters/lose")
        wait_until(lambda: not a.fabric()["stuck"], "nothing stuck", 60)
        wait_until(lambda: a.tenant()["used_bytes"] == before, "free memory")
        self.mend_it(a, "lost")
        self.speak(other)
        a.ctl("peer", "del", "b")
        self.connect()
        first = self.blocks(4, MB)
        a.fab("fetch", first, 4, MB)

    def test_lost(self):
        """The device takes work requests, and never completes them."""
        before, other = self.lose()
        self.mend_it(a, "lost")
        self.speak(other)
        self.give_back(a)
        self.assertEqual(a.tenant()["used_bytes"], before)

    def test_target(self):
        """A session whose queue pair has no end keeps what it moved."""
        first = self.blocks(4, MB)
        a.fab("fetch", first, 4, MB)
        self.break_it(b)
        a.ctl("peer", "del", "b")
        wait_until(lambda: b.fabric()["stuck"], "a stuck queue pair", 60)
        self.mend_it(b)
        self.give_back(b)

    def test_unload(self):
        """The module goes, although its queue pairs cannot be ended."""
        self.break_it(a)
        later = Later(a.unload)
        wait_until(lambda: a.sh("cat /sys/module/kvpool_testqp/parameters/"
                                "failed").strip() != "0", "a failed change")
        self.mend_it(a)
        a.run("rdma", "link", "delete", DEVICE + "0")
        later.result()
        a.rxe(0)
        a.load()
        self.connect()
        first = self.blocks(4, MB)
        a.fab("fetch", first, 4, MB)
