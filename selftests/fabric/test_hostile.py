# SPDX-License-Identifier: GPL-2.0-only
"""A peer that does not keep to the protocol."""

from fabhosts import (EHOSTUNREACH, EREMOTEIO, HOSTILE, KERNEL, MB, Fabric,
                      Later, a, b, wait_until)


class Hostile(Fabric):
    def hostile(self, *options,
                reasons=("message", "state", "version", "auth")):
        known = ("--key", "0x5a", "--fill", "0x33")
        b.run(HOSTILE, "--produce", *known)
        a.sh("modprobe rdma_ucm")
        before = b.closed()
        a.run(HOSTILE, "10.77.0.2", *known, *options, timeout=600)
        for reason in reasons:
            wait_until(lambda: b.closed()
                       .get(reason, 0) > before.get(reason, 0),
                       "closed for " + reason, 30)
        b.ctl("blocks")
        wait_until(lambda: not b.tenant()["pending"],
                   "no key pending")
        first = self.blocks(4, 65536)
        a.fab("fetch", first, 4, 65536)

    def test_hostile(self):
        # The debug kernel is slow, and sees more.
        self.hostile("--rounds", "10" if KERNEL == "debug" else "100")

    def test_hostile_without_the_secret(self):
        for host in a, b:
            host.sh("head -c 32 /dev/zero | tr '\\0' 7 | "
                    "keyctl padd user kvpool:7 @u >/dev/null")
            host.ctl("fabric", "set", "--no-open",
                     "--secret-key", "kvpool:7")
        self.hostile("--secret", "7" * 32, "--test", "auth",
                     reasons=("auth",))
        for host in a, b:
            host.ctl("fabric", "set", "--no-secret-key")

    def test_hostile_at_the_door(self):
        """A host that connected before open mode ended is not authenticated."""
        a.ctl("peer", "del", "b")
        a.sh("modprobe rdma_ucm")
        wait_until(lambda: not b.sessions(), "no session")
        later = Later(a.run, HOSTILE, "10.77.0.2", "--test", "door")
        wait_until(b.sessions, "a session without a proof")
        b.ctl("fabric", "set", "--no-open")
        later.result()

    def test_hostile_target(self):
        """It breaks the rules in its answers; the initiator closes or retries."""
        a.ctl("peer", "del", "b")
        b.ctl("fabric", "set", "--no-listen")
        a.sh("echo 1 > /sys/module/kvpool_rdma/parameters/queues")
        served = Later(b.run, HOSTILE, "--serve", "0.0.0.0")
        a.ctl("peer", "add", "h", "10.77.0.2")
        errors = []
        while not errors or errors[-1]:
            self.assertLess(len(errors), 2000, errors[-10:])
            done = a.fab("-T", "-n", "-o", "60000", "fetch", 1, 1, 2 * MB,
                         check=False)
            errors.append(-done["error"])
        a.ctl("peer", "del", "h")
        served.result()
        # Parts of different blocks are no block.
        self.assertEqual(errors.count(EREMOTEIO), 1, errors)
        self.assertLessEqual(set(errors), {0, EREMOTEIO, EHOSTUNREACH})
