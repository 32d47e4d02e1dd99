#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Tests of kvpoolctl on kvpool_rdma, one host: its peers are nobody.

To be run as root on a host where kvpool_rdma is loaded:
selftests/run-python selftests/tools guest_fabric
"""

import ctypes
import json
import os
import subprocess
import unittest

TOP = os.path.realpath(os.path.join(os.path.dirname(os.path.realpath(__file__)), "../.."))
BUILD = os.environ.get("KVPOOL_BUILD", os.path.join(TOP, "build"))
CTL = os.path.join(BUILD, "lib/tools/kvpoolctl")

SYS_ADD_KEY = 248       # x86-64
KEY_SPEC_USER_KEYRING = -4
NOBODY = 4321


def add_key(name, payload):
    libc = ctypes.CDLL(None, use_errno=True)
    key = libc.syscall(SYS_ADD_KEY, b"logon", name.encode(), payload, len(payload),
                       KEY_SPEC_USER_KEYRING)
    if key < 0:
        raise OSError(ctypes.get_errno(), "add_key")


def run(*args, **more):
    return subprocess.run([CTL, *args], capture_output=True, text=True, timeout=120, check=False,
                          **more)


@unittest.skipUnless(os.path.isdir("/sys/module/kvpool_rdma"), "kvpool_rdma is not loaded")
class OnTheFabric(unittest.TestCase):
    def setUp(self):
        self.addCleanup(self.clean)

    def clean(self):
        for peer in self.json("peer")["peers"]:
            self.ctl("peer", "del", str(peer["id"]))
        self.ctl("fabric", "set", "--no-listen", "--no-open", "--no-secret-key")

    def ctl(self, *args, code=0):
        done = run(*args)
        self.assertEqual(done.returncode, code, (args, done.stdout, done.stderr))
        return done.stderr if code else done.stdout

    def json(self, *args):
        return json.loads(self.ctl(*args, "--json"))

    def test_peers_and_links(self):
        self.assertEqual(self.json("peer")["peers"], [])
        self.ctl("peer", "add", "a", "192.0.2.1", "[2001:db8::1]:4711")
        b, = self.json("peer", "add", "b")["peers"]
        self.assertEqual((b["name"], b["links"], b["links_up"]), ("b", 0, 0))
        self.assertEqual([peer["name"] for peer in self.json("peer")["peers"]], ["a", "b"])
        self.assertEqual(self.json("peer", "show", str(b["id"]))["peers"], [b])
        link, = self.json("link", "add", "b", "192.0.2.7:99", "--src", "192.0.2.8")["links"]
        self.assertEqual((link["peer_name"], link["dst"], link["src"]),
                         ("b", "192.0.2.7:99", "192.0.2.8"))
        self.assertNotEqual(link["state"], "up")
        # Nobody is there.
        self.assertIn("the link 1 of the peer 'b' is",
                      self.ctl("link", "connect", "b", "1", "--wait", code=1))
        self.ctl("link", "connect", "b", "1")
        self.assertEqual([link["dst"] for link in self.json("link", "show", "a")["links"]],
                         ["192.0.2.1:4710", "[2001:db8::1]:4711"])
        self.assertEqual(len(self.json("link")["links"]), 3)
        self.assertIn("192.0.2.7:99", self.ctl("link", "show", "b", str(link["id"])))
        self.ctl("link", "del", "b", str(link["id"]))
        self.assertEqual(self.json("link", "show", "b")["links"], [])
        self.ctl("peer", "del", "a")
        self.assertEqual(self.json("link")["links"], [])

    def test_what_is_refused(self):
        self.ctl("peer", "add", "a")
        for args, code, words in (
                (["peer", "add", "a"], 7, "of this name already"),
                (["peer", "add", "a b"], 1, "without spaces"),
                (["peer", "del", "z"], 5, "no peer 'z'"),
                (["peer", "show", "99999999"], 5, "no peer"),
                (["link", "add", "z", "192.0.2.1"], 5, "no peer 'z'"),
                (["link", "add", "a", "0.0.0.0"], 1, "listening only"),
                (["link", "add", "a", "192.0.2.1", "--src", "2001:db8::1"], 2, "same family"),
                (["link", "add", "a", "[nonsense"], 2, "neither an address"),
                (["link", "del", "a", "77"], 5, "no link"),
                (["link", "show", "a", "77"], 5, "no link '77'"),
                (["link", "connect", "a", "77"], 5, "no link"),
                (["session", "show", "77"], 5, "no session '77'"),
                (["session", "end", "77"], 5, "no session"),
                (["host", "add", "*"], 1, "every host"),
                (["host", "add", "b", "--key", "kvpool:nobody-has-it"], 1, "keyctl"),
                (["host", "del", "b"], 5, "no host of this name"),
                (["right", "del", "default", "b"], 5, "nothing has been set"),
                (["right", "set", "default", "a b", "--read", "yes"], 1, "without spaces"),
                (["fabric", "set", "--queues", "9"], 1, "1 to 8"),
                (["fabric", "set", "--memory", "4K"], 1, "1 MiB"),
                (["fabric", "set", "--listen", "0.0.0.0"], 1, "secret"),
                (["fabric", "set", "--secret-key", "kvpool:nobody-has-it"], 1, "keyctl")):
            self.assertIn(words, self.ctl(*args, code=code), args)

    def test_settings(self):
        self.assertEqual(self.json("fabric")["fabric"]["open"], False)
        add_key("kvpool:short", b"too short")
        self.assertIn("shorter", self.ctl("fabric", "set", "--secret-key", "kvpool:short", code=1))
        add_key("kvpool:test", os.urandom(32))
        fabric = self.json("fabric", "set", "--secret-key", "kvpool:test",
                           "--listen", "0.0.0.0")["fabric"]
        self.assertEqual((fabric["secret_key"], fabric["listen"], fabric["open"]),
                         ("kvpool:test", "0.0.0.0:4710", False))
        self.assertRegex(self.ctl("fabric"), "(?m)^secret_key +kvpool:test$")
        self.assertEqual(self.json("session")["sessions"], [])
        fabric = self.json("fabric", "set", "--no-listen", "--no-secret-key", "--open")["fabric"]
        self.assertNotIn("listen", fabric)
        self.assertNotIn("secret_key", fabric)
        self.assertTrue(fabric["open"])

    def test_settings_of_connections(self):
        before = self.json("fabric")["fabric"]
        self.assertEqual((before["queues"], before["idle_seconds"], before["ack_timeout"],
                          before["service_type"], before["strict_fence"], before["stuck"]),
                         (2, 60, "auto", "default", False, 0))
        self.addCleanup(self.ctl, "fabric", "set", "--name", before["name"], "--memory",
                        str(before["memory_bytes"]), "--queues", "2", "--idle-ms", "60000",
                        "--ack-timeout", "auto", "--service-type", "default",
                        "--no-strict-fence")
        fabric = self.json("fabric", "set", "--name", "node-1", "--memory", "2G", "--queues", "4",
                           "--idle-ms", "1500", "--ack-timeout", "15", "--service-type", "104",
                           "--strict-fence")["fabric"]
        self.assertEqual((fabric["name"], fabric["memory_bytes"], fabric["queues"],
                          fabric["idle_seconds"], fabric["ack_timeout"], fabric["service_type"],
                          fabric["strict_fence"]),
                         ("node-1", 2 << 30, 4, 1.5, 15, 104, True))

    def test_hosts(self):
        self.assertEqual(self.json("host")["hosts"], [])
        add_key("kvpool:node-7", os.urandom(32))
        host, = self.json("host", "add", "node-7", "--key", "kvpool:node-7")["hosts"]
        self.assertEqual((host["added"], host["key"], host["key_valid"], host["sessions"]),
                         (True, "kvpool:node-7", True, 0))
        host, = self.json("host", "add", "node-7")["hosts"]
        self.assertNotIn("key", host)
        self.ctl("host", "del", "node-7")
        self.assertEqual(self.json("host")["hosts"], [])

    def test_rights(self):
        self.assertEqual(self.json("right")["rights"],
                         [{"tenant": "default", "host": "*", "read": True, "push": True}])
        right, = self.json("right", "set", "team-b", "node-7", "--read", "yes")["rights"]
        self.assertEqual(right,
                         {"tenant": "team-b", "host": "node-7", "read": True, "push": False})
        self.ctl("right", "set", "team-b", "node-7", "--push", "yes")
        self.assertRegex(self.ctl("right"), "(?m)^team-b +node-7 +yes +yes$")
        self.ctl("right", "del", "team-b", "node-7")
        self.assertEqual(len(self.json("right")["rights"]), 1)

    def test_events(self):
        with subprocess.Popen([CTL, "event", "--json"], stdout=subprocess.PIPE,
                              text=True) as events:
            try:
                self.wait_for_listener()
                self.ctl("peer", "add", "a", "192.0.2.1")
                self.ctl("link", "connect", "a", "1")
                self.ctl("peer", "del", "a")
                seen = []
                for line in events.stdout:
                    event = json.loads(line)["event"]
                    seen.append(event["type"])
                    if event["type"] == "peer-del":
                        break
            finally:
                events.kill()
        self.assertEqual(seen[:2], ["peer-add", "link-add"])
        self.assertEqual(seen[-2:], ["link-del", "peer-del"])
        self.assertLessEqual(set(seen[2:-2]), {"link-change"})

    def wait_for_listener(self):
        """Until somebody is in a group of generic netlink."""
        while True:
            with open("/proc/net/netlink", encoding="ascii") as sockets:
                for line in sockets:
                    words = line.split()
                    if words[1] == "16" and int(words[3], 16):
                        return

    def test_privileges(self):
        self.ctl("peer", "add", "a", "192.0.2.1")

        def drop():
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)

        for args, code in ((["peer"], 0), (["link"], 0), (["session"], 0), (["fabric"], 0),
                           (["peer", "add", "b"], 4), (["peer", "del", "a"], 4),
                           (["link", "add", "a", "192.0.2.2"], 4), (["host"], 0), (["right"], 0),
                           (["link", "connect", "a", "1"], 4), (["session", "end", "1"], 4),
                           (["host", "add", "b"], 4), (["host", "del", "b"], 4),
                           (["right", "set", "default", "*", "--read", "no"], 4),
                           (["right", "del", "default", "*"], 4),
                           (["fabric", "set", "--open"], 4)):
            done = run(*args, preexec_fn=drop)
            self.assertEqual(done.returncode, code, (args, done.stderr))
            self.assertTrue(not code or "run as root" in done.stderr, done.stderr)


if __name__ == "__main__":
    unittest.main()
