# SPDX-License-Identifier: GPL-2.0-only
"""c is between a and b, and hands on all messages of both as they are."""

from fabhosts import (EHOSTUNREACH, ENOENT, HOSTILE, Fabric, Later, a, b, c,
                      wait_until)


class Relay(Fabric):
    hosts = a, b, c

    def connect(self):
        c.ctl("fabric", "set", "--no-listen")
        c.sh("modprobe rdma_ucm")
        b.secret()
        a.secret()
        self.first = self.blocks(1, 4096)

    def relay(self, *options):
        """a's only way to b is over c."""
        c.sh("kill $(pidof hostile) 2>/dev/null; true")
        later = Later(c.run, HOSTILE, "--relay", "10.77.3.1", "0.0.0.0",
                      *options, timeout=600)
        c.sh("until rdma resource show cm_id | grep -q LISTEN; do "
             "sleep 0.05; done")
        a.ctl("peer", "add", "b", "10.77.2.2")
        return later

    def end(self, later):
        """What the relay has to tell."""
        a.ctl("peer", "del", "b")
        c.sh("kill $(pidof hostile)")
        return later.result()

    def test_nothing(self):
        """It ends up with nothing, whoever it claims to be."""
        for options in (), ("--rewrite",):
            before = b.closed().get("auth", 0)
            later = self.relay(*options)
            a.fab("-o", "20000", "-e", EHOSTUNREACH, "fetch", self.first, 1,
                  4096)
            wait_until(lambda: b.closed().get("auth", 0) > before,
                       "the target's refusal")
            self.assertFalse([s for s in b.sessions() if s["authenticated"]])
            link = a.links()[0]
            self.assertNotEqual(link["state"], "up", link)
            self.assertEqual(link["close_reason"], "auth", link)
            said = self.end(later)
            # It did hand on the proof.
            self.assertIn("relay: connected", said)
            self.assertIn("relay: 1 messages", said)

    def test_everything(self):
        """Without a secret it is as good as the host: it does hand on all."""
        for host in a, b:
            host.ctl("fabric", "set", "--no-secret-key", "--open")
        b.ctl("fabric", "set", "--listen", "0.0.0.0")
        later = self.relay()
        self.up(1)
        a.fab("probe", self.first, 1, 4096)
        a.fab("-e", ENOENT, "probe", self.first + 1, 1, 0)
        sessions = b.sessions()
        # Nobody has proved a name, and the requests are served.
        self.assertEqual([s["authenticated"] for s in sessions], [False])
        self.assertGreater(sessions[0]["requests"], 0, sessions)
        self.assertEqual(a.links()[0]["state"], "up")
        self.end(later)
