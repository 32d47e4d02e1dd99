# SPDX-License-Identifier: GPL-2.0-only
"""What crosses the wire in a get and in a push, packet by packet."""

import base64
import collections
import shutil
import subprocess
import tempfile
import unittest

from fabhosts import DEVICE, MB, Fabric, a, b

# Opcodes of packets of the transport RC: what the message is, whether it ends.
PACKETS = {
    0: ("SEND", False), 1: ("SEND", False), 2: ("SEND", True),
    3: ("SEND_IMM", True), 4: ("SEND", True), 5: ("SEND_IMM", True), 6: ("WRITE", False), 7: ("WRITE", False),
    8: ("WRITE", True), 9: ("WRITE_IMM", True), 10: ("WRITE", True),
    11: ("WRITE_IMM", True), 12: ("READ", True), 13: ("DATA", False),
    14: ("DATA", False), 15: ("DATA", True), 16: ("DATA", True),
    22: ("SEND_INV", True), 23: ("SEND_INV", True),
}
ACK = 17
# Bytes of the header extension between the base header and the message.
EXTENSION = {22: 4, 23: 4}
ALIVE, FETCH, PUSH = 2, 4, 5
RESPONSE, INLINE = 0x80, 0x01
BTH = 12

Message = collections.namedtuple("Message", "source kind opcode flags id nr")


@unittest.skipIf(DEVICE == "siw", "these are packets of RoCE")
@unittest.skipUnless(shutil.which("tshark") and shutil.which("tcpdump"),
                     "tshark or tcpdump is not installed")
class Captures(Fabric):
    def connect(self):
        """One queue pair, so that a block is one request."""
        a.ctl("fabric", "set", "--queues", "1")
        a.ctl("peer", "add", "b", "10.77.0.2")
        self.up(1)

    def capture(self, call):
        """The messages that cross link 0 during a call."""
        a.sh("tcpdump -q --immediate-mode -s 160 -B 16384 -U -i $1 -w /tmp/packets "
             "udp port 4791 2>/tmp/packets.log & "
             "until grep -q listening /tmp/packets.log; do sleep 0.05; done",
             a.nic(0))
        call()
        a.sh("sleep 0.5; kill $(pidof tcpdump); "
             "while pidof tcpdump; do sleep 0.05; done >/dev/null")
        self.assertIn("0 packets dropped by kernel",
                      a.sh("cat /tmp/packets.log"))
        text = a.sh("base64 </tmp/packets; rm /tmp/packets /tmp/packets.log")
        with tempfile.NamedTemporaryFile(suffix=".pcap") as f:
            f.write(base64.b64decode(text))
            f.flush()
            out = subprocess.run(
                ["tshark", "-r", f.name, "-Y", "infiniband.bth", "-T",
                 "fields", "-e", "ip.src", "-e", "infiniband.bth.opcode",
                 "-e", "infiniband.immdt", "-e", "udp.payload"],
                check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                universal_newlines=True).stdout
        return self.messages(out)

    def messages(self, text):
        found, heads = [], {}
        for line in text.splitlines():
            source, opcode, immediate, payload = line.split("\t")
            source = "a" if source == "10.77.0.1" else "b"
            opcode = int(opcode, 0)
            if opcode == ACK or opcode not in PACKETS:
                continue
            kind, ends = PACKETS[opcode]
            data = bytes.fromhex(payload.replace(":", ""))[
                BTH + EXTENSION.get(opcode, 0):]
            if opcode in (0, 4, 23):
                heads[source] = (data[0], data[1],
                                 int.from_bytes(data[4:8], "little"),
                                 int.from_bytes(data[2:4], "little"))
            if not ends:
                continue
            head = (None,) * 4
            if kind in ("SEND", "SEND_INV"):
                head = heads[source]
            elif kind in ("WRITE_IMM", "SEND_IMM"):
                # Hexadecimal; some versions of tshark print it twice.
                number = immediate.split(",")[0].replace(":", "")
                head = (None, None, int(number, 16), None)
            found.append(Message(source, kind, *head))
        # Asking whether the other one lives is no part of what is done.
        return [m for m in found if m.opcode != ALIVE]

    def is_request(self, message, opcode, flags=0):
        self.assertEqual(message[:4], ("a", "SEND", opcode, flags), message)
        self.assertEqual(message.nr, 1)
        return message.id

    def is_answer(self, message, kind, opcode, flags, number):
        self.assertEqual(message, ("b", kind, opcode, flags | RESPONSE,
                                   number, 1))

    def get(self, length, *options):
        first = self.blocks(1, length)
        return self.capture(lambda: a.fab(*options, "-T", "fetch", first, 1,
                                          length))

    def test_small_get(self):
        """A request, and a packet of the bytes."""
        # With one peer it is the same if none is named: it is not asked first.
        for options in ("-p", "b"), ():
            sent = self.get(4096, *options)
            self.assertEqual(len(sent), 2, sent)
            number = self.is_request(sent[0], FETCH, INLINE)
            self.assertEqual(sent[1][:2] + (sent[1].id,),
                             ("b", "SEND_IMM", number), sent)

    def test_small_get_without_immediates(self):
        """A request, and an answer with the bytes."""
        a.ctl("peer", "del", "b")
        a.ctl("fabric", "set", "--strict-fence")
        self.connect()
        sent = self.get(4096, "-p", "b")
        self.assertEqual(len(sent), 2, sent)
        number = self.is_request(sent[0], FETCH, INLINE)
        self.is_answer(sent[1], "SEND", FETCH, INLINE, number)

    def test_get(self):
        """A request and the bytes: the last RDMA WRITE is the answer."""
        sent = self.get(MB, "-p", "b")
        number = self.is_request(sent[0], FETCH)
        for message in sent[1:-1]:
            self.assertEqual(message[:2], ("b", "WRITE"), sent)
        self.assertEqual(sent[-1][:2] + (sent[-1].id,),
                         ("b", "WRITE_IMM", number), sent)

    def test_get_with_a_strict_fence(self):
        """The answer follows, and invalidates."""
        a.ctl("peer", "del", "b")
        a.ctl("fabric", "set", "--strict-fence")
        self.connect()
        sent = self.get(MB, "-p", "b")
        self.assertGreaterEqual(len(sent), 3, sent)
        number = self.is_request(sent[0], FETCH)
        for message in sent[1:-1]:
            self.assertEqual(message[:2], ("b", "WRITE"), sent)
        self.is_answer(sent[-1], "SEND_INV", FETCH, 0, number)

    def test_push(self):
        """A request, reads of the bytes, and an answer that invalidates."""
        first = self.numbers()
        a.fab("produce", first, 1, MB)
        sent = self.capture(lambda: a.fab("-p", "b", "push", first, 1, MB))
        number = self.is_request(sent[0], PUSH)
        middle = [m[:2] for m in sent[1:-1]]
        self.assertEqual(set(middle), {("b", "READ"), ("a", "DATA")}, sent)
        self.assertEqual(middle.count(("b", "READ")),
                         middle.count(("a", "DATA")), sent)
        self.is_answer(sent[-1], "SEND_INV", PUSH, 0, number)
