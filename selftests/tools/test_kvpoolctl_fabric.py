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

NOUNS = ("peer", "link", "session", "host", "right", "fabric", "event")
ODD_NAME = 'o\ufffd\u2603"\x1b'

# Of kvpool_netlink.h.
PEER_ADD, PEER_DEL, LINK_ADD, LINK_DEL, FABRIC_SET = 2, 3, 7, 8, 14
LINK_CONNECT, SESSION_DEL, HOST_ADD, HOST_DEL, RIGHT_SET = 16, 17, 19, 20, 24
RIGHT_DEL = 25


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
        self.assertEqual([peer.get("host") for peer in peers], ["node-7", None])
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
        self.ctl("peer", "add", "new", "--host", "node-9")
        self.assertEqual(self.requests(PEER_ADD)[-1], {3: b"new\0", 4: b"node-9\0"})
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

    def test_names_of_hosts(self):
        two = (bytes([0x20, 1, 0xd, 0xb8] + 11 * [0] + [0x21]), bytes([192, 0, 2, 21]))
        # Arguments, the address that is to be used, and what is said.
        for args, address, said in (
                (["two.example"], two[0], "two.example is 2001:db8::21, the first of 3 addresses"),
                (["four.example:99"], two[1], "four.example:99 is 192.0.2.21, the first of 2"),
                (["two.example", "--src", "192.0.2.1"], two[1], "two.example is 192.0.2.21"),
                (["two.example", "--src", "four.example"], two[1], "four.example is 192.0.2.21"),
                (["192.0.2.21", "--src", "two.example"], two[1], "two.example is 192.0.2.21"),
                (["six.example"], two[0], "six.example is 2001:db8::21\n"),
                (["192.0.2.21"], two[1], "")):
            out = self.ctl("link", "add", "decode-7", *args)
            self.assertIn(address, self.requests(LINK_ADD)[-1][4], args)
            self.assertIn(said, out)
            self.assertEqual(bool(said), bool(out))
        resolved = [{"name": "two.example:7", "address": "2001:db8::21", "addresses": 3}]
        document = self.json("link", "add", "decode-7", "two.example:7")
        self.assertEqual((document["resolved"], len(document["links"])), (resolved, 1))
        self.assertEqual(self.json("peer", "add", "new", "192.0.2.1", "two.example:7")["resolved"],
                         resolved)
        self.assertIn("is 192.0.2.21, ", self.ctl("peer", "add", "new", "four.example"))
        self.assertNotIn("resolved", self.json("peer", "add", "new", "192.0.2.1"))
        nr = len(self.requests(LINK_ADD))
        for args in (["six.example", "--src", "192.0.2.1"], ["192.0.2.1", "--src", "six.example"],
                     ["six.example", "--src", "four.example"], ["192.0.2.1", "--src", "::1"]):
            self.assertIn("no addresses of the same family",
                          self.ctl("link", "add", "decode-7", *args, code=2))
        self.assertIn("nor the name of a host",
                      self.ctl("link", "add", "decode-7", "none.invalid", code=2))
        self.assertEqual(len(self.requests(LINK_ADD)), nr)

    def test_link_connect(self):
        self.assertEqual(self.ctl("link", "connect", "decode-7", "2"), "")
        self.assertEqual(self.requests(LINK_CONNECT), [{2: b"\1\0\0\0", 3: b"\2\0\0\0"}])
        self.assertIn("the peer has no such link; its links are in",
                      self.ctl("link", "connect", "decode-7", "9", code=5))
        # The link 1 is up, and nothing is to be waited for.
        self.ctl("link", "connect", "decode-7", "1", "--wait")
        self.env["FAKE_NETLINK_CONNECT"] = "up"
        self.ctl("link", "connect", "decode-7", "2", "--wait")
        link, = self.json("link", "connect", "decode-7", "2", "--wait")["links"]
        self.assertEqual(link["id"], 2)
        self.env["FAKE_NETLINK_CONNECT"] = "down"
        self.assertIn("the link 2 of the peer 'decode-7' is down: refused; nobody listens there",
                      self.ctl("link", "connect", "decode-7", "2", "--wait", code=1))
        self.env["FAKE_NETLINK_CONNECT"] = "deleted"
        self.assertIn("deleted", self.ctl("link", "connect", "decode-7", "2", "--wait", code=5))
        # That it was down before is not the end, nor is the loss of events.
        self.env["FAKE_NETLINK_CONNECT"] = "lost"
        self.assertIn("unloaded", self.ctl("link", "connect", "decode-7", "2", "--wait", code=3))

    def test_session(self):
        session, second, stranger = self.json("session")["sessions"]
        self.assertEqual((session["id"], session["src"], session["authenticated"]),
                         (3, "192.0.2.7:40000", True))
        self.assertEqual((session["host"], session["memory_bytes"], session["waiting"]),
                         ("node-7", 256 << 10, 5))
        self.assertEqual(second["host"], "node-7")
        self.assertNotIn("host", stranger)
        self.assertEqual(self.json("session", "show", "3")["sessions"], [session])
        self.assertRegex(self.ctl("sessions"), "(?m)^ +3 .* node-7 +yes +256 KiB +5 ")
        self.assertIn(session["instance"], self.ctl("session", "show", "3"))
        self.assertIn("there is no session '6'; the sessions are: 3, 4, 5",
                      self.ctl("session", "show", "6", code=5))
        self.ctl("session", "show", "first", code=2)

    def test_session_end(self):
        self.assertEqual(self.ctl("session", "end", "3"), "")
        self.assertEqual(self.requests(SESSION_DEL), [{2: b"\3" + 7 * b"\0"}])
        self.assertIn("there is no session with this id; ",
                      self.ctl("session", "end", "9", code=5))
        for args in ([], ["0"], ["first"], ["3", "4"]):
            self.ctl("session", "end", *args, code=2)

    def test_host(self):
        hosts = self.json("host")["hosts"]
        self.assertEqual([(host["name"], host["added"], host.get("key"), host["sessions"])
                          for host in hosts],
                         [("node-7", True, "kvpool:node-7", 2), ("node-8", True, None, 0),
                          ("node-9", True, "kvpool:old", 0)])
        self.assertEqual([host.get("key_valid") for host in hosts], [True, None, False])
        self.assertRegex(self.ctl("host"), r"(?m)^node-9 .* kvpool:old \(expired or revoked\)$")
        self.assertEqual((hosts[0]["memory_bytes"], hosts[0]["waiting"]), (512 << 10, 10))
        self.assertEqual(self.json("hosts", "show", "node-7")["hosts"], hosts[:1])
        self.assertRegex(self.ctl("host"), "(?m)^node-7 +yes +2 +512 KiB .*kvpool:node-7$")
        self.assertIn("there is no host 'z'; the hosts are: node-7, node-8, node-9",
                      self.ctl("host", "show", "z", code=5))

    def test_host_changes(self):
        self.ctl("host", "add", "node-7", "--key", "kvpool:k")
        self.assertEqual(len(self.json("host", "add", "node-7")["hosts"]), 1)
        self.assertEqual(self.requests(HOST_ADD), [{2: b"node-7\0", 3: b"kvpool:k\0"},
                                                   {2: b"node-7\0"}])
        self.ctl("host", "del", "node-7")
        self.assertEqual(self.requests(HOST_DEL), [{2: b"node-7\0"}])
        self.assertIn("no host of this name", self.ctl("host", "del", "z", code=5))
        self.ctl("host", "add", "node-7", "--key", "", code=2)

    def test_right(self):
        rights = self.json("right")["rights"]
        self.assertEqual(rights, [
            {"tenant": "default", "host": "*", "read": True, "push": True},
            {"tenant": "team-b", "host": "node-7", "read": True, "push": False}])
        self.assertEqual(self.json("right", "show", "--tenant", "team-b")["rights"], rights[1:])
        self.assertRegex(self.ctl("rights"), "(?m)^team-b +node-7 +yes +no$")

    def test_right_changes(self):
        self.ctl("right", "set", "team-b", "node-7", "--read", "yes", "--push", "no")
        self.assertEqual(self.json("right", "set", "team-b", "node-7", "--push", "yes")["rights"],
                         [{"tenant": "team-b", "host": "node-7", "read": True, "push": False}])
        self.assertEqual(self.requests(RIGHT_SET), [
            {1: b"team-b\0", 2: b"node-7\0", 3: b"\1", 4: b"\0"},
            {1: b"team-b\0", 2: b"node-7\0", 4: b"\1"}])
        self.assertEqual(self.ctl("right", "del", "team-b", "node-7"), "")
        self.assertEqual(self.requests(RIGHT_DEL), [{1: b"team-b\0", 2: b"node-7\0"}])
        self.assertIn("nothing has been set", self.ctl("right", "del", "team-b", "z", code=5))
        for args in (["team-b", "node-7"], ["team-b", "--read", "yes"],
                     ["team-b", "node-7", "--read", "maybe"]):
            self.ctl("right", "set", *args, code=2)

    def test_fabric(self):
        self.assertEqual(self.json("fabric")["fabric"], {
            "name": "node-1", "listen": "0.0.0.0:4710", "secret_key": "kvpool:secret",
            "open": False, "memory_bytes": 4 << 30, "memory_used_bytes": 1 << 30,
            "memory_shares": 12, "queues": 2, "idle_seconds": 1.5, "ack_timeout": "auto",
            "service_type": 104, "strict_fence": True, "closed": {"auth": 3, "mtu": 1},
            "stuck": 2})
        text = self.ctl("fabric")
        self.assertRegex(text, "(?m)^closed.auth +3$\n^closed.mtu +1$")
        self.assertRegex(text, r"(?m)^memory_used_bytes +1073741824 \(1 GiB\)$")
        self.assertRegex(text, "(?m)^stuck +2$")

    def test_fabric_changes(self):
        self.ctl("fabric", "set", "--open", "--secret-key", "kvpool:s", "--no-listen")
        self.ctl("fabric", "set", "--no-open", "--no-secret-key")
        self.assertEqual(self.requests(FABRIC_SET), [
            {3: b"", 4: b"kvpool:s\0", 5: b"\1"}, {4: b"\0", 5: b"\0"}])
        self.assertIn("listen", self.json("fabric", "set", "--open")["fabric"])
        self.ctl("fabric", "set", "--name", "n", "--memory", "4G", "--queues", "4", "--idle-ms",
                 "0", "--ack-timeout", "14", "--service-type", "104", "--strict-fence")
        self.ctl("fabric", "set", "--ack-timeout", "auto", "--service-type", "default",
                 "--no-strict-fence")
        self.assertEqual(self.requests(FABRIC_SET)[-2:], [
            {8: b"n\0", 9: (4 << 30).to_bytes(8, "little"), 12: b"\4\0\0\0",
             13: b"\0\0\0\0", 14: b"\x0e\0\0\0", 15: b"\x68\0\0\0", 16: b"\1"},
            {14: b"\0\0\0\0", 15: b"\xff\xff\xff\xff", 16: b"\0"}])
        # A refusal with a sentence is not a lack of privilege.
        self.assertIn("there is no secret", self.ctl("fabric", "set", "--listen", "::", code=1))
        for args in ([], ["--open", "--no-open"], ["--listen", "192.0.2.1", "--no-listen"],
                     ["--secret-key", "a", "--no-secret-key"], ["--secret-key", ""],
                     ["--open", "yes"], ["--strict-fence", "--no-strict-fence"],
                     ["--queues", "0"], ["--queues", str(1 << 32)], ["--idle-ms", "soon"],
                     ["--ack-timeout", "25"], ["--ack-timeout", "7"], ["--service-type", "256"],
                     ["--service-type", "-1"], ["--memory", "much"]):
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

    def test_events_of_settings(self):
        lines = self.ctl("event", "--count", "9").splitlines()[4:]
        self.assertEqual([line.split(maxsplit=1)[0] for line in lines],
                         ["host-add", "right-set", "right-del", "fabric-set", "host-del"])
        self.assertIn("host node-7 with a key of its own", lines[0])
        self.assertIn("tenant team-b host node-7 read yes push no", lines[1])
        events = [document["event"] for document in self.documents("event", "-n", "9")][4:]
        self.assertEqual(events[0]["host"], {"name": "node-7", "key": "kvpool:node-7"})
        self.assertEqual(events[1]["right"]["host"], "node-7")
        self.assertEqual(events[3]["fabric"]["queues"], 2)

    def test_events_end_with_the_module(self):
        documents = self.documents("event", code=3)
        self.assertEqual(len(documents), 10)
        self.assertIn("was unloaded", documents[-1]["error"]["message"])

    def test_no_module(self):
        self.env["FAKE_NETLINK_ABSENT"] = "1"
        for args in ([noun] for noun in NOUNS):
            self.assertIn("modprobe kvpool_rdma", self.ctl(*args, code=3))
        for args in (["peer", "add", "b", "192.0.2.1"], ["peer", "del", "b"],
                     ["link", "add", "b", "[2001:db8::1]:4711", "--src", "2001:db8::2"],
                     ["link", "del", "b", "1"], ["link", "connect", "b", "1", "--wait"],
                     ["session", "end", "1"], ["host", "add", "b", "--key", "k"],
                     ["host", "del", "b"], ["right", "set", "default", "*", "--read", "no"],
                     ["fabric", "set", "--open"]):
            self.assertIn("modprobe kvpool_rdma", self.error(*args, code=3)["hint"])


if __name__ == "__main__":
    unittest.main()
