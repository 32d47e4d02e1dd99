# SPDX-License-Identifier: GPL-2.0-only
"""Who another host is, what it may do, and what it may take of this one."""

import errno
import unittest

from fabhosts import (DEVICE, EHOSTUNREACH, MB, Fabric, Later, RigError, a, b, c,
                      wait_until)

EACCES = errno.EACCES
KEYS = {"1": "11" * 16, "2": "22" * 16, "3": "33" * 16}


def secret(host, number):
    """The description of a key that the host's keyring has."""
    host.sh("keyctl search @u user kvpool:$1 >/dev/null 2>&1 || "
            "keyctl padd user kvpool:$1 @u >/dev/null <<E\n%s\nE" % KEYS[number],
            number)
    return "kvpool:" + number


class Named(Fabric):
    """Hosts with names."""

    def connect(self):
        """Both have a name and the same secret; a has no peer yet."""
        for host, name in (a, "alpha"), (b, "beta"):
            host.ctl("fabric", "set", "--name", name, "--no-open",
                     "--secret-key", secret(host, "1"))
        b.ctl("fabric", "set", "--listen", "0.0.0.0")

    def peer(self, *options, links=1):
        a.ctl("peer", "add", "b", *["10.77.%d.2" % link
                                    for link in range(links)], *options)

    def why(self, reason):
        def there():
            return self.woken()[0]["close_reason"] == reason

        try:
            wait_until(there, "closed for " + reason, 30)
        except AssertionError as e:
            raise AssertionError("%s: %s, %s" % (e, a.links(),
                                                 b.sessions())) from None

    def live(self, host=b):
        """Sessions that are not being closed."""
        return [s for s in host.sessions() if s["close_reason"] == "none"]

    def ended(self, reason, before):
        wait_until(lambda: b.closed().get(reason, 0) >
                   before.get(reason, 0), "closed for " + reason)


class Hosts(Named):
    # ---- names and keys ----

    def test_keys(self):
        self.peer()
        self.up(1)
        self.assertEqual({(s["host"], s["authenticated"]) for s in b.sessions()},
                         {("alpha", True)})
        # A key on one side only.
        before = b.closed()
        b.ctl("host", "add", "alpha", "--key", secret(b, "2"))
        self.ended("auth", before)
        self.why("auth")
        # On both sides, each under the name of the other.
        a.ctl("host", "add", "beta", "--key", secret(a, "2"))
        self.up(1)
        # The secret is not asked any more: the other keys are as good as before.
        a.ctl("fabric", "set", "--secret-key", secret(a, "3"))
        before = b.closed()
        b.ctl("fabric", "set", "--no-secret-key")
        first = self.blocks(4, 65536)
        a.fab("fetch", first, 4, 65536)
        self.assertEqual(b.closed().get("auth", 0), before.get("auth", 0))
        # Another name is not that of the key.
        a.ctl("fabric", "set", "--name", "gamma")
        self.ended("auth", before)
        self.why("auth")
        a.ctl("fabric", "set", "--name", "alpha")
        self.up(1)
        # The key goes, and with it what was made with it.
        before = b.closed()
        b.ctl("host", "del", "alpha")
        self.ended("auth", before)
        self.assertEqual(self.live(), [])
        for bad in "", "*", "a b", "x" * 32:
            with self.assertRaises(RigError, msg=bad):
                b.ctl("host", "add", bad)

    def test_open_with_a_secret(self):
        """Whatever open says, a side with a secret or a key wants a proof."""
        for host in a, b:
            host.ctl("fabric", "set", "--open", "--no-secret-key")
        b.ctl("fabric", "set", "--listen", "0.0.0.0")
        self.peer()
        self.up(1)
        self.assertFalse(b.sessions()[0]["authenticated"])
        # The target.
        before = b.closed()
        b.ctl("host", "add", "delta", "--key", secret(b, "2"))
        self.ended("auth", before)
        self.why("auth")
        b.ctl("host", "del", "delta")
        self.up(1)
        # The initiator.
        a.ctl("fabric", "set", "--secret-key", secret(a, "1"))
        self.why("auth")
        a.ctl("fabric", "set", "--no-secret-key")
        self.up(1)
        before = b.closed()
        # Then there is nobody left whom the target could take.
        b.ctl("fabric", "set", "--no-open")
        self.ended("auth", before)
        self.why("refused")

    def test_another_host_than_expected(self):
        self.peer("--host", "gamma")
        self.why("host")
        b.ctl("fabric", "set", "--name", "gamma")
        self.up(1)
        b.ctl("fabric", "set", "--name", "beta")
        self.why("host")

    # ---- what exists ends ----

    def test_revoked(self):
        self.peer()
        self.up(1)
        first = self.blocks(24, MB)
        later = Later(a.fab, "-T", "-a", EHOSTUNREACH, "-o", "60000", "-d", 3600,
                      "fetch", first, 24, MB, timeout=600)
        self.busy()
        # A new secret, under traffic: it goes on when both have it.
        before = b.closed()
        b.ctl("fabric", "set", "--secret-key", secret(b, "3"))
        self.ended("auth", before)
        a.ctl("fabric", "set", "--secret-key", secret(a, "3"))
        self.busy()
        before = b.closed()
        b.sh("keyctl revoke $(keyctl search @u user kvpool:3)")
        self.ended("auth", before)
        b.ctl("fabric", "set", "--secret-key", secret(b, "1"))
        a.ctl("fabric", "set", "--secret-key", secret(a, "1"))
        self.busy()
        # An administrator ends a session; the host comes again.
        before = b.closed()
        b.ctl("session", "end", self.live()[0]["id"])
        self.ended("local", before)
        self.busy()
        before = b.closed()
        b.ctl("fabric", "set", "--no-listen")
        self.ended("local", before)
        self.assertEqual(self.live(), [])
        b.ctl("fabric", "set", "--listen", "0.0.0.0")
        self.busy()
        done = self.stop(later)
        self.assertEqual((done["bad"], done["failed"]), (0, 0), done)

    @unittest.skipIf(DEVICE == "siw", "TCP tells the other side of the end when it can")
    def test_replaced(self):
        """A host that begins anew does not find its own leavings in the way."""
        self.peer(links=2)
        self.up(2)
        old = {s["id"] for s in self.live()}
        # As if it had lost its power: nothing tells the other side.
        a.netem("loss 100%")
        a.unload()
        a.netem(None)
        a.load()
        a.ctl("fabric", "set", "--name", "alpha", "--no-open",
              "--secret-key", secret(a, "1"))
        before = b.closed()
        self.peer(links=2)
        self.up(2)
        wait_until(lambda: not old & {s["id"] for s in self.live()},
                   "the end of the former sessions")
        # They went because of that, not for their silence.
        self.assertGreaterEqual(b.closed().get("replaced", 0),
                                before.get("replaced", 0) + len(old))
        first = self.blocks(4, 65536)
        a.fab("fetch", first, 4, 65536)

    # ---- rights ----

    def test_rights(self):
        self.peer()
        first = self.blocks(4, 65536)
        a.fab("fetch", first, 4, 65536)
        b.ctl("tenant", "add", "t")
        a.ctl("tenant", "add", "t")
        other = self.blocks(4, 65536, "-t", "t")
        mine = self.numbers()
        a.fab("-t", "t", "produce", mine, 4, 65536)

        def fetch(error):
            a.fab("-t", "t", "-e", error, "fetch", other, 4, 65536)

        def push(error):
            a.fab("-t", "t", "-p", "b", "-e", error, "push", mine, 4, 65536)

        # Nothing but the default tenant, unless someone says so.
        fetch(EACCES)
        push(EACCES)
        b.ctl("right", "set", "t", "alpha", "--read", "yes")
        fetch(0)
        push(EACCES)
        b.ctl("right", "set", "t", "alpha", "--read", "no", "--push", "yes")
        fetch(EACCES)
        push(0)
        b.fab("-t", "t", "check", mine, 4, 0)
        # What is said of a host counts before what is said of all.
        b.ctl("right", "set", "t", "*", "--read", "yes", "--push", "yes")
        fetch(EACCES)
        b.ctl("right", "set", "default", "alpha", "--read", "no")
        first = self.blocks(4, 65536)
        a.fab("-e", EACCES, "fetch", first, 4, 65536)


class Share(Named):
    hosts = a, b, c

    def test_share(self):
        """Who has most of little memory makes room for who has less."""
        for host, name in (a, "alpha"), (c, "gamma"):
            host.ctl("fabric", "set", "--queues", "8", "--name", name,
                     "--no-open", "--secret-key", secret(host, "1"))
        b.ctl("fabric", "set", "--memory", "1M")
        first = self.blocks(32, MB)

        def fetch(host):
            return Later(host.fab, "-T", "-n", "-o", "60000", "-w", "24", "-d",
                         3600, "fetch", first, 32, MB, timeout=600)

        def memory(name):
            return sum(s["memory_bytes"] for s in self.live()
                       if s.get("host") == name)

        self.peer(links=2)
        one = fetch(a)
        wait_until(lambda: b.closed().get("limit"),
                   "a session for which there is no memory")
        alpha = memory("alpha")
        self.assertGreater(alpha, MB // 2)
        self.assertLessEqual(b.json("fabric")["fabric"]["memory_used_bytes"],
                             MB)
        c.ctl("peer", "add", "b", "10.77.3.1")
        two = fetch(c)
        try:
            wait_until(lambda: memory("gamma") and c.fetched() > 4 * MB,
                       "a share for another host", 60)
        except AssertionError as e:
            raise AssertionError("%s: %s, %s, %s" % (
                e, b.sessions(), c.links(), b.closed())) from None
        self.assertLessEqual(memory("alpha"), alpha)
        for host, later in (a, one), (c, two):
            host.sh("kill -TERM $(pidof kvfab)")
            done = later.result()
            self.assertEqual((done["bad"], done["failed"]), (0, 0), done)
            self.assertGreater(done["ok"], 0)
        for session in b.sessions():
            self.assertLessEqual(session["memory_bytes"], 256 << 10, session)
