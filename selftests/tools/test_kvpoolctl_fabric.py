#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Tests of kvpoolctl's nouns of the fabric, against a netlink family of fake_netlink.c."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))

from kvpoolctl_case import HERE, TOP, KvpoolctlCase  # noqa: E402

NOUNS = ("peer", "link", "session", "fabric", "event")
ODD_NAME = 'o\ufffd\u2603"\x1b'

# Of kvpool_netlink.h.
PEER_ADD, PEER_DEL, LINK_ADD, LINK_DEL, FABRIC_SET = 2, 3, 7, 8, 14


def missing():
    """The reason why fake_netlink.c cannot be built, or None."""
    for program in ("cc", "pkg-config"):
        if not shutil.which(program):
            return f"{program} is not installed"
    return None


@unittest.skipIf(missing(), missing())
class FabricTest(KvpoolctlCase):
    @classmethod
    def setUpClass(cls):
        cls.built = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.built)
        cls.preload = os.path.join(cls.built, "fake_netlink.so")
        flags = subprocess.run(["pkg-config", "--cflags", "libnl-genl-3.0"], check=True,
                               capture_output=True, text=True).stdout.split()
        subprocess.run(["cc", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror",
                        "-I" + os.path.join(TOP, "uapi"), *flags, "-o", cls.preload,
                        os.path.join(HERE, "fake_netlink.c")], check=True)

    def setUp(self):
        super().setUp()
        self.log = os.path.join(self.dir, "log")
        self.env.update(LD_PRELOAD=self.preload, FAKE_NETLINK_LOG=self.log)

    def requests(self, command):
        """The attributes of the requests of a command: type to bytes."""
        with open(self.log, encoding="ascii") as file:
            lines = [line.split() for line in file]
        return [{int(word.partition("=")[0]): bytes.fromhex(word.partition("=")[2])
                 for word in words[1:]} for words in lines if int(words[0]) == command]

    def test_peer(self):
        peers = self.json("peer")["peers"]
        self.assertEqual([peer["name"] for peer in peers], ["decode-7", ODD_NAME])
        self.assertEqual(peers[0]["in_bytes"], 1 << 40)
        for name in ("decode-7", "1"):
            self.assertEqual(self.json("peers", "show", name)["peers"], peers[:1])
        self.assertIn("1 TiB", self.ctl("peer"))
        self.assertIn('o?\u2603"?', self.ctl("peer"))
        line = self.ctl("peer", "show", "z", code=5)
        self.assertIn("there is no peer 'z'; the peers are: decode-7, ", line)

    def test_peer_changes(self):
        self.ctl("peer", "add", "new", "192.0.2.1", "[2001:db8::1]:99")
        self.assertEqual([request[3] for request in self.requests(PEER_ADD)], [b"new\0"])
        first, second = (request[4] for request in self.requests(LINK_ADD))
        self.assertIn(bytes([192, 0, 2, 1]), first)
        self.assertIn((99).to_bytes(2, "big"), second)
        self.assertEqual(len(self.json("peer", "add", "new")["peers"]), 1)
        self.ctl("peer", "del", "decode-7")
        self.assertEqual(self.requests(PEER_DEL), [{2: b"\1\0\0\0"}])
        self.assertEqual(self.error("peer", "add", "decode-7", code=7)["code"], "exists")

    def test_a_wrong_address_adds_nothing(self):
        for address in ("[nonsense", "192.0.2.1:0", "192.0.2.1:65536", "192.0.2.1:", ""):
            self.assertIn("neither an address", self.ctl("peer", "add", "new", "192.0.2.1",
                                                         address, code=2))
            self.ctl("link", "add", "decode-7", address, code=2)
            self.ctl("link", "add", "decode-7", "192.0.2.1", "--src", address, code=2)
        self.assertFalse(os.path.exists(self.log))

    def test_link(self):
        links = self.json("link")["links"]
        self.assertEqual([(link["peer_name"], link["id"], link["state"]) for link in links],
                         [("decode-7", 1, "up"), ("decode-7", 2, "down"),
                          (ODD_NAME, 1, "connecting")])
        self.assertEqual([link["dst"] for link in links[:2]],
                         ["192.0.2.7:4710", "[2001:db8::7]:4710"])
        self.assertEqual(links[0]["src"], "192.0.2.1")
        self.assertEqual(links[0]["rate_bytes_per_second"], 12345678)
        self.assertEqual(self.json("link", "show", "decode-7")["links"], links[:2])
        self.assertEqual(self.json("link", "show", "1", "2")["links"], links[1:2])
        self.assertIn("refused", self.ctl("links", "show", "decode-7"))
        self.assertRegex(self.ctl("link", "show", "decode-7", "2"), "(?m)^state +down$")
        self.assertIn("there is no link '8' of the peer 'decode-7'; the links are: 1, 2",
                      self.ctl("link", "show", "decode-7", "8", code=5))
        self.ctl("link", "show", "decode-7", "first", code=2)

    def test_link_changes(self):
        added = self.json("link", "add", "decode-7", "192.0.2.9", "--src", "192.0.2.1")["links"]
        self.assertEqual([link["id"] for link in added], [2])
        request, = self.requests(LINK_ADD)
        self.assertIn(bytes([192, 0, 2, 9]), request[4])
        self.assertIn(bytes([192, 0, 2, 1]), request[5])
        self.ctl("link", "del", "decode-7", "2")
        self.assertEqual(self.requests(LINK_DEL), [{2: b"\1\0\0\0", 3: b"\2\0\0\0"}])
        self.assertIn("the peer has no such link; its links are in",
                      self.ctl("link", "del", "decode-7", "9", code=5))
        self.ctl("link", "del", "z", "1", code=5)
        self.assertIn("takes no --src", self.ctl("link", "del", "decode-7", "2", "--src",
                                                 "192.0.2.1", code=2))

    def test_session(self):
        session, = self.json("session")["sessions"]
        self.assertEqual((session["id"], session["src"], session["authenticated"]),
                         (3, "192.0.2.7:40000", True))
        self.assertEqual(self.json("session", "show", "3")["sessions"], [session])
        self.assertIn(session["host"], self.ctl("sessions"))
        self.assertIn("there is no session '4'; the sessions are: 3",
                      self.ctl("session", "show", "4", code=5))
        self.ctl("session", "show", "first", code=2)

    def test_fabric(self):
        self.assertEqual(self.json("fabric")["fabric"], {
            "listen": "0.0.0.0:4710", "secret_key": "kvpool:secret", "open": False,
            "closed": {"auth": 3}})
        self.assertRegex(self.ctl("fabric"), "(?m)^open +no$\n^closed.auth +3$")

    def test_fabric_changes(self):
        self.ctl("fabric", "set", "--open", "--secret-key", "kvpool:s", "--no-listen")
        self.ctl("fabric", "set", "--no-open", "--no-secret-key")
        self.assertEqual(self.requests(FABRIC_SET), [
            {3: b"", 4: b"kvpool:s\0", 5: b"\1"}, {4: b"\0", 5: b"\0"}])
        self.assertIn("listen", self.json("fabric", "set", "--open")["fabric"])
        # A refusal with a sentence is not a lack of privilege.
        self.assertIn("there is no secret", self.ctl("fabric", "set", "--listen", "::", code=1))
        for args in ([], ["--open", "--no-open"], ["--listen", "192.0.2.1", "--no-listen"],
                     ["--secret-key", "a", "--no-secret-key"], ["--secret-key", ""],
                     ["--open", "yes"]):
            self.ctl("fabric", "set", *args, code=2)
        self.ctl("fabric", "show", "--open", code=2)

    def test_no_permission(self):
        self.env["FAKE_NETLINK_FAIL"] = str(PEER_ADD)
        self.assertIn("CAP_NET_ADMIN is missing; run as root",
                      self.ctl("peer", "add", "new", code=4))
        self.assertEqual(self.error("peer", "add", "new", code=4)["code"], "not_permitted")
        self.env["FAKE_NETLINK_FAIL"] = str(LINK_ADD)
        self.assertIn("'new' was added without its link to 192.0.2.1",
                      self.ctl("peer", "add", "new", "192.0.2.1", code=4))

    def test_event(self):
        lines = self.ctl("event", "--count", "4").splitlines()
        self.assertEqual([line.split()[0] for line in lines],
                         ["peer-add", "link-change", "lost", "peer-del"])
        self.assertIn("link 2 to [2001:db8::7]:4710 down (refused)", lines[1])
        events = [document["event"] for document in self.documents("events", "-n", "4")]
        self.assertEqual([event["type"] for event in events],
                         ["peer-add", "link-change", "lost", "peer-del"])
        self.assertEqual(events[0]["peer"]["name"], ODD_NAME)
        self.assertEqual(events[1]["link"]["state"], "down")

    def test_events_end_with_the_module(self):
        documents = self.documents("event", code=3)
        self.assertEqual(len(documents), 5)
        self.assertIn("was unloaded", documents[-1]["error"]["message"])

    def test_no_module(self):
        self.env["FAKE_NETLINK_ABSENT"] = "1"
        for args in ([noun] for noun in NOUNS):
            self.assertIn("modprobe kvpool_rdma", self.ctl(*args, code=3))
        for args in (["peer", "add", "b", "192.0.2.1"], ["peer", "del", "b"],
                     ["link", "add", "b", "[2001:db8::1]:4711", "--src", "2001:db8::2"],
                     ["link", "del", "b", "1"], ["fabric", "set", "--open"]):
            self.assertIn("modprobe kvpool_rdma", self.error(*args, code=3)["hint"])


if __name__ == "__main__":
    unittest.main()
