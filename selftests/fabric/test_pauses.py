# SPDX-License-Identifier: GPL-2.0-only
"""Hosts that stand still, as when a virtual machine is moved, and go on."""

import random
import time

from fabhosts import (EHOSTUNREACH, ETIMEDOUT, KB256, Fabric, Host, Later, a, b,
                      say, setting, together)


class Pauses(Fabric):
    def pause(self, host, seconds):
        """Stop the CPUs of a host, and let them go on."""
        host.qmp("stop")
        time.sleep(seconds)
        host.qmp("cont")

    def test_pauses(self):
        """FABRIC_PAUSES rounds of some: transfers end, links come back."""
        seed = setting("SEED", random.randrange(1 << 31))
        say("FABRIC_SEED=%d" % seed)
        chance = random.Random(seed)
        for i in range(setting("PAUSES", 1)):
            if i:
                together(self.hosts, Host.unload)
                together(self.hosts, Host.load)
                self.connect()
            first = self.blocks(24, KB256)
            later = Later(a.fab, "-T", "-o", "60000", "-w", "24", "-r", "3",
                          "fetch", first, 24, KB256, check=False)
            # Some begin while the links come up again.
            for _ in range(chance.randrange(1, 4)):
                time.sleep(chance.expovariate(2))
                self.pause(chance.choice((a, b)),
                           chance.choice((0.05, 0.5, 2, 4, 8)))
            done = later.result()
            self.assertEqual((done["ok"] + done["failed"], done["bad"]),
                             (72, 0), done)
            if done["failed"]:
                self.assertIn(-done["error"], (EHOSTUNREACH, ETIMEDOUT))
            self.up(2)
            a.fab("-T", "-o", "60000", "fetch", first, 24, KB256)
