# SPDX-License-Identifier: GPL-2.0-only
"""Which hosts may connect, and what they must have in common."""

import os
import unittest

from fabhosts import (DELAY, DEVICE, EHOSTUNREACH, HOSTILE, MB, Fabric, Later,
                      RigError, a, b, wait_until)


class Connect(Fabric):
    def test_version(self):
        """A peer of another version; what it asks for is test_hostile's part."""
        first = self.blocks(4, 65536)
        a.ctl("peer", "del", "b")
        b.ctl("fabric", "set", "--no-listen")
        b.sh("modprobe rdma_ucm")
        other = Later(b.run, HOSTILE, "--mute", "0.0.0.0", "--version", "99",
                      timeout=600)
        a.ctl("peer", "add", "b", "10.77.0.2", "10.77.1.2")
        # Each second of four connections is refused, the others are accepted
        # with that version.
        wait_until(lambda: all(link["close_reason"] == "version" for link in
                               self.woken()), "ends of connections")
        for link in a.links():
            self.assertEqual((link["queues"], link["requests"]), (0, 0), link)
        a.fab("-e", EHOSTUNREACH, "fetch", first, 4, 65536)
        b.sh("kill $(pidof hostile)")
        other.result()
        # With the same version the links come up by themselves.
        b.ctl("fabric", "set", "--listen", "0.0.0.0")
        self.up(2)
        a.fab("fetch", first, 4, 65536)

    def test_secret(self):
        a.ctl("peer", "del", "b")
        for host in a, b:
            host.ctl("fabric", "set", "--no-listen", "--no-open")
            host.sh("for k in 1 2; do head -c 32 /dev/zero | tr '\\0' $k | "
                    "keyctl padd user kvpool:$k @u; done >/dev/null")
        # Without a secret a host neither listens nor connects.
        with self.assertRaises(RigError):
            b.ctl("fabric", "set", "--listen", "0.0.0.0")
        b.ctl("fabric", "set", "--secret-key", "kvpool:1")
        b.ctl("fabric", "set", "--listen", "0.0.0.0")
        a.ctl("peer", "add", "b", "10.77.0.2")

        def why(reason):
            wait_until(lambda: self.woken()[0]["close_reason"] == reason,
                       "closed for " + reason)
        why("auth")
        a.ctl("fabric", "set", "--secret-key", "kvpool:2")
        before = b.json("fabric", "show")
        wait_until(lambda: b.json("fabric", "show") != before, "an attempt")
        why("auth")
        self.assertFalse(any(s["authenticated"]
                             for s in b.sessions()), b.sessions())
        a.ctl("fabric", "set", "--secret-key", "kvpool:1")
        self.up(1)
        self.assertTrue(all(s["authenticated"] for s in b.sessions()))
        first = self.blocks(4, 65536)
        a.fab("fetch", first, 4, 65536)
        # An initiator with a secret does not use a target without one.
        a.ctl("peer", "del", "b")
        b.ctl("fabric", "set", "--no-secret-key")
        b.ctl("fabric", "set", "--open")
        b.ctl("fabric", "set", "--listen", "0.0.0.0")
        a.ctl("peer", "add", "b", "10.77.0.2")
        why("auth")
        a.ctl("fabric", "set", "--no-secret-key")

    # ---- the end of an attempt ----

    def test_deleted_while_it_connects(self):
        """As the connection manager changes the state of the queue pair.

        Kernel 6.1's soft RDMA checks a change of state and makes it a while
        later; in between it may sleep, with its receiving side disabled.
        """
        if not os.path.exists(DELAY):
            self.skipTest("the kernel has no function tracer")
        a.ctl("link", "del", "b", "1")
        a.run("insmod", DELAY, "function=rxe_disable_task", "ms=1500")
        self.addCleanup(a.run, "rmmod", "kvpool_testdelay")

        def calls():
            return a.sh("cat /sys/module/kvpool_testdelay/parameters/calls")

        for _ in range(3):
            before = calls()
            a.ctl("link", "add", "b", "10.77.0.2")
            link = a.links()[-1]
            # Kernels that have mended it do not call the function.
            wait_until(lambda: calls() != before or
                       self.woken()[-1]["state"] == "up", "an attempt")
            a.ctl("link", "del", "b", link["id"])
            self.assertEqual(len(a.links()), 1)

    # ---- MTU ----

    def mtu(self, host, mtu):
        for link in 0, 1:
            host.run("ip", "link", "set", host.nic(link), "mtu", mtu)

    def reconnect(self):
        a.ctl("peer", "del", "b")
        self.connect()

    def restore_mtu(self):
        for host in a, b:
            self.mtu(host, 4200)

    def test_mtu_smaller_here(self):
        """The initiator names the path MTU, which is a small one then."""
        self.addCleanup(self.restore_mtu)
        self.mtu(a, 1500)
        self.reconnect()
        for length in 4096, 300001, MB:
            first = self.blocks(4, length)
            a.fab("fetch", first, 4, length)
            first = self.numbers()
            a.fab("produce", first, 4, length)
            a.fab("-p", "b", "push", first, 4, length)
            b.fab("check", first, 4, 0)

    @unittest.skipIf(DEVICE == "siw", "iWARP has no path MTU")
    def test_mtu_smaller_there(self):
        """The owner cannot take the path MTU, and says which one it can."""
        self.addCleanup(self.restore_mtu)
        self.mtu(b, 1500)
        self.reconnect()
        first = self.blocks(4, 65536)
        a.fab("fetch", first, 4, 65536)
        self.assertGreater(b.closed()["mtu"], 0)
        self.assertNotIn("transport", b.closed())
        first = self.numbers()
        a.fab("produce", first, 4, 65536)
        a.fab("-p", "b", "push", first, 4, 65536)
        b.fab("check", first, 4, 0)
        self.mtu(b, 4200)
        self.reconnect()
        first = self.blocks(4, 65536)
        a.fab("fetch", first, 4, 65536)
