# SPDX-License-Identifier: GPL-2.0-only
"""After the end of a transfer no device writes to its memory.

Transfers are cancelled, expire, or are killed with their process, all of it at
random moments, while links are cut and deleted. After each of these ends all
memory of the tenant is taken, filled, and looked at again (see kvfab.c).
FABRIC_FENCES is the number of times, 80 if not given.
"""

import random
import threading
import time

from fabhosts import EHOSTUNREACH, KB256, MB, Fabric, Later, a, b, say, setting

# The transfers in flight fill the quota of the tenant.
BLOCKS, SIZE, WINDOW = 16, 512 << 10, 8


class Fences(Fabric):
    def setUp(self):
        super().setUp()
        for host in a, b:
            host.ctl("tenants", "add", "fenced")
        b.ctl("right", "set", "fenced", "*", "--read", "yes")
        a.sh("echo $1 > /sys/class/misc/kvpool/tenants/fenced/quota_bytes",
             WINDOW * SIZE)
        self.cuts = self.deleted = 0

    def cut(self, stop):
        """Cut links until told to stop; not both at a time."""
        rnd = random.Random(setting("SEED", 0))
        link = 0
        while not stop.is_set():
            host = rnd.choice((a, b))
            host.set_link(link, False)
            # Some are so short that only packets are lost.
            time.sleep(rnd.choice((0.02, 0.1, 0.5, 2.5)))
            host.set_link(link, True)
            self.cuts += 1
            if rnd.random() < 0.1:
                number = a.links()[0]
                a.ctl("link", "del", "b", number["id"])
                a.ctl("link", "add", "b", number["dst"].partition(":")[0])
                self.deleted += 1
            time.sleep(rnd.random() / 2)
            link = 1 - link

    def fence(self, verb, rounds):
        first = self.blocks(BLOCKS, SIZE, "-t", "fenced", "-n")
        b.fab("-t", "fenced", "produce", first + BLOCKS, 1, 4096)
        before = sum(b.closed().values())
        stop = threading.Event()
        cuts = Later(self.cut, stop)
        try:
            # A link may be coming back just when the other one goes.
            done = a.fab("-t", "fenced", "-T", "-w", WINDOW, "-o", "60000",
                         "-a", EHOSTUNREACH, "-r", rounds, "-s",
                         setting("SEED", 0), verb, first, BLOCKS, SIZE,
                         timeout=20 * rounds + 300)
        finally:
            stop.set()
        cuts.result()
        say("%s: %d rounds: %d operations cancelled, %d expired; %d processes "
            "killed; %d links cut, %d deleted; %d queue pairs ended; memory "
            "looked at %d times, %d MiB; %.0f s" % (
                        verb, rounds, done["cancelled"], done["expired"],
                        done["kills"], self.cuts, self.deleted,
                        sum(b.closed().values()) - before, done["looks"],
                        done["bytes"] // MB,
                        done["ns"] / 1e9))
        self.assertEqual((done["looks"], done["bad"]), (rounds, 0))
        # The memory of the transfers was looked at.
        self.assertGreaterEqual(done["bytes"], rounds * WINDOW * SIZE)
        self.assertGreater(self.cuts, 0)
        tenant = a.tenant("fenced")
        self.assertEqual((tenant["pending"], tenant["leases"]), (0, 0))
        return done

    def test_fence(self):
        done = self.fence("fence", setting("FENCES", 80))
        self.assertGreater(done["cancelled"], 0)
        self.assertGreater(done["expired"], 0)

    def test_killed(self):
        rounds = setting("FENCES", 80)
        done = self.fence("kill", rounds)
        self.assertEqual(done["kills"], rounds)

    def test_cancel(self):
        first = self.blocks(24, KB256)
        done = a.fab("-c", "0.5", "-w", "16", "-o", "60000", "-r", "12",
                     "fetch", first, 24, KB256, timeout=600)
        self.assertGreater(done["cancelled"], 0)
        self.assertGreater(done["ok"], 0)
        first = self.blocks(100, 65536)
        a.fab("-T", "-c", "0.5", "-w", "64", "-o", "60000", "-r", "20",
              "fetch", first, 100, 65536, timeout=600)
