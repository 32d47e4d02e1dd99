# SPDX-License-Identifier: GPL-2.0-only
"""A peer that does not keep to the protocol."""

from fabhosts import (EHOSTUNREACH, ENOENT, EREMOTEIO, HOSTILE,
                      KERNEL, MB, SECRET, Fabric, Later, a, b, setting, wait_until)


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
            host.secret()
        self.hostile("--secret", SECRET, "--test", "auth",
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
        blocks = {1: 2 * MB, 2: 65536, 3: 4096}
        errors = {key: [] for key in blocks}
        while served.is_alive() and 0 not in errors[1]:
            for key, length in blocks.items():
                errors[key].append(-a.fab(
                    "-T", "-n", "-o", "60000", "fetch", key, 1, length,
                    check=False)["error"])
        a.ctl("peer", "del", "h")
        served.result()
        # Parts of different blocks are no block.
        self.assertEqual(errors[1].count(EREMOTEIO), 1, errors)
        # The answers after which it broke a rule are whole blocks.
        self.assertLessEqual(errors[2].count(0), 2, errors)
        self.assertLessEqual(errors[3].count(0), 1, errors)
        for each in errors.values():
            self.assertLessEqual(set(each), {
                0, ENOENT, EREMOTEIO, EHOSTUNREACH}, errors)

    def test_hostile_early(self):
        """A target that answers before it is asked: no link comes up."""
        a.ctl("peer", "del", "b")
        b.ctl("fabric", "set", "--no-listen")
        a.sh("echo 1 > /sys/module/kvpool_rdma/parameters/queues")
        served = Later(b.run, HOSTILE, "--early", "0.0.0.0", "--rounds",
                       setting("EARLY", 1), timeout=3600)
        while served.is_alive():
            # A new peer: it does not back off.
            a.ctl("peer", "add", "h", "10.77.0.2")
            done = a.fab("-T", "-n", "-o", "700", "fetch", 1, 1, 65536,
                         check=False)
            self.assertLess(done["error"], 0)
            a.ctl("peer", "del", "h")
        served.result()
