# SPDX-License-Identifier: GPL-2.0-only
"""Many hosts, many peers: who is served, and what they cost of memory."""

import json
import unittest

from fabhosts import (CTL, DEVICE, HOSTILE, SECRET, Fabric, Later, a, b, figure,
                      say, setting, wait_until)

KIB = 1 << 10
GIB = 1 << 30
KNOWN = ("--key", "0x5a", "--fill", "0x33")
QUEUES_OF_1000 = 1000 * 8       # hosts with so many NICs each


class Many(Fabric):
    def connect(self):
        for host in a, b:
            host.secret()
            host.sh("modprobe rdma_ucm")

    def hostile(self, *options, timeout=600):
        return Later(a.run, HOSTILE, "10.77.0.2", "--secret", SECRET, *KNOWN,
                     *options, timeout=timeout)

    def live(self):
        return [s for s in b.sessions() if s["authenticated"]]

    @unittest.skipIf(DEVICE == "siw", "a session of iWARP takes more memory")
    def test_hosts(self):
        """All of them are served at a time, and none before the others."""
        nr, pages = setting("HOSTS", 200), 8
        b.ctl("fabric", "set", "--memory", "256M")
        before, used = b.memory(), b.fabric()["memory_used_bytes"]
        later = self.hostile("--hosts", nr, "--rounds", pages)
        wait_until(lambda: len(self.live()) == nr or not later.is_alive(),
                   "sessions of all hosts", 300)
        if not later.is_alive():
            later.result()
        self.assertEqual(len({s["host"] for s in self.live()}), nr)
        used = (b.fabric()["memory_used_bytes"] - used) / nr
        kernel = (before - b.memory()) / nr
        # Only now: the kernel may take blocks to see what is available.
        b.run(HOSTILE, "--produce", *KNOWN)
        a.sh("kill -TERM $(pidof hostile)")
        said = [line for line in later.result().splitlines()
                if "hosts: {" in line][0]
        got = json.loads(said[said.index("{"):])
        self.assertEqual((got["hosts"], got["pages"], got["lost"]),
                         (nr, pages, 0))
        say("%d hosts, %d pages each in %d ms, the first is never more than "
            "%d ahead of the last; a session takes %.1f KiB, of the kernel in "
            "all %.1f KiB, so 1,000 hosts with 8 NICs %.2f GiB" % (
                nr, pages, got["ms"], got["ahead"], used / KIB, kernel / KIB,
                kernel * QUEUES_OF_1000 / GIB))
        figure("hosts", nr)
        figure("hosts_ahead", got["ahead"])
        figure("session_memory", kernel / KIB)
        figure("memory_1000_hosts", kernel * QUEUES_OF_1000 / GIB)
        self.assertLessEqual(got["ahead"], pages // 2)
        self.assertLessEqual(used, 256 * KIB)
        self.assertLessEqual(kernel * QUEUES_OF_1000, 4 * GIB)
        wait_until(lambda: not b.sessions(), "the end of all sessions")

    def test_storm(self):
        """Hosts that break off at any point, and come again at once."""
        used = b.fabric()["memory_used_bytes"]
        b.run(HOSTILE, "--produce", *KNOWN)
        self.hostile("--storm", setting("STORM", 24), "--rounds",
                     "6").result()
        a.ctl("peer", "add", "b", "10.77.0.2", "10.77.1.2")
        self.up(2)
        first = self.blocks(4, 65536)
        a.fab("fetch", first, 4, 65536)
        a.ctl("peer", "del", "b")
        wait_until(lambda: not b.sessions(), "the end of all sessions")
        wait_until(lambda: b.fabric()["memory_used_bytes"] <= used,
                   "the memory of all sessions")

    # ---- what peers and queue pairs cost ----

    def peers(self, nr, *addresses):
        a.sh('for n in $(seq $1); do '
             '"$2" peer add p$n $3 >/dev/null || exit; done',
             nr, CTL, " ".join(addresses))
        self.addCleanup(a.sh, 'for n in $(seq $1); do "$2" peer del p$n; done',
                        nr, CTL)

    def test_idle_peers(self):
        nr = 60
        before = a.memory()
        self.peers(nr, *["10.77.0.2:%d" % (5000 + n) for n in range(8)])
        cost = (before - a.memory()) / nr
        say("an idle peer with 8 links takes %.1f KiB" % (cost / KIB))
        figure("idle_peer_memory", cost / KIB)
        self.assertLessEqual(cost, 64 * KIB)

    @unittest.skipIf(DEVICE == "siw", "a session of iWARP takes more memory")
    def test_active_queues(self):
        """Queue pairs of which all requests have been in flight at a time."""
        few, nr, megabytes = 6, 30, 12
        a.ctl("fabric", "set", "--queues", "1")
        self.peers(nr, "10.77.0.2")
        memory, granted = [], []
        for first, end in (0, few), (few, nr):
            # To see what there is takes blocks, here and there.
            blocks = self.blocks(megabytes, 1 << 20)
            for n in range(first, end):
                a.fab("-T", "-p", "p%d" % (n + 1), "fetch", blocks, megabytes,
                      1 << 20)
            wait_until(lambda: len(self.live()) == end,
                       "a session for each peer")
            memory.append([host.objects() for host in (a, b)])
            granted.append([host.fabric()["memory_used_bytes"]
                            for host in (a, b)])
        for which, what in enumerate(("initiator", "target")):
            cost = (memory[1][which] - memory[0][which]) / (nr - few)
            grant = (granted[1][which] - granted[0][which]) / (nr - few)
            say("an active queue pair takes %.1f KiB of the %s, %.1f KiB of "
                "them granted" % (cost / KIB, what, grant / KIB))
            figure("queue_memory_" + what, cost / KIB)
            self.assertLessEqual(cost, 256 * KIB)
            self.assertLessEqual(grant, 256 * KIB)
