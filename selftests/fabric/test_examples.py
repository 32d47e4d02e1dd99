# SPDX-License-Identifier: GPL-2.0-only
"""The examples on two virtual hosts with two links: prefill on a, decode on b."""

import json
import os
import subprocess
import unittest

import fabhosts
from fabhosts import BUILD, CTL, FABRIC_HOST, MODULE

LIB = os.path.join(BUILD, "lib")
LLM = os.path.join(LIB, "examples/kvpool-llm")
REPLAY = os.path.join(LIB, "examples/kvpool-replay")
WORK = os.path.join(BUILD, "test-examples")
PREFILL, DECODE = 0, 1
BLOCK_TOKENS = 16
BLOCK_BYTES = 32768
ANSWER = 20
QUESTIONS = ("Which host has the blocks of this question now, and why that one?",
             "Who has those of the answer?", "Is this the last question?")

pair = None


def setUpModule():
    global pair
    os.makedirs(WORK, exist_ok=True)
    with open(WORK + "/conversation", "w", encoding="ascii") as out:
        out.write("\n".join(QUESTIONS))
    fabhosts.need(fabhosts.a, fabhosts.b)
    pair = fabhosts.group
    pair.fabric(MODULE, 2)
    pair.run(PREFILL, LLM, "alone", "--conversation", WORK + "/conversation", "--answer", ANSWER,
             "--output", WORK + "/alone", timeout=600)


def tearDownModule():
    if pair:
        for which in PREFILL, DECODE:
            pair.run(which, FABRIC_HOST, "unload")


class Examples(unittest.TestCase):
    """Each test has a tenant of its own, so that nothing is there before."""

    def setUp(self):
        self.tenant = self.id().rpartition(".")[2].replace("_", "-")[5:36]
        for which in PREFILL, DECODE:
            pair.run(which, CTL, "tenants", "add", self.tenant)
            pair.run(which, CTL, "right", "set", self.tenant, "*", "--read", "yes")

    def tearDown(self):
        for which in PREFILL, DECODE:
            with self.subTest(which=which):
                tenant, = pair.json(which, CTL, "tenant", "show", self.tenant, "--json")["tenants"]
                self.assertEqual((tenant["leases"], tenant["pending"]), (0, 0))
                pair.run(which, CTL, "right", "del", self.tenant, "*")
                pair.run(which, CTL, "tenants", "del", self.tenant)
        self.assertEqual(pair.complaints(), [])

    def start(self, program, prefill=(), decode=()):
        where = pair.address(DECODE) + ":4711"
        other = pair.start(DECODE, program, *decode, "--tenant", self.tenant, "--listen", where,
                           timeout=600)
        return other, pair.start(PREFILL, program, *prefill, "--tenant", self.tenant, "--connect",
                                 where, timeout=600)

    def end(self, other, main, code=0):
        self.assertEqual(main.code_of(), code, (main.out, main.err))
        return other.code_of()

    def llm(self, *prefill, code=0, remote=("--remote",)):
        other, main = self.start(LLM, (
            "prefill", *remote, "--conversation", WORK + "/conversation", "--answer", ANSWER, "--expect",
            WORK + "/alone", "--json", *prefill), ("decode", *remote))
        self.assertEqual(self.end(other, main, code), 0, other.err)
        return json.loads(main.out)

    def test_tokens_are_those_of_one_host(self):
        got = self.llm()
        self.assertTrue(got["equals_expected"])
        self.assertEqual(got["copied_bytes"], {"prefill": 0, "decode": 0})
        here = there = 0        # blocks that prefill's and decode's pool have
        for turn in got["turns"]:
            blocks = turn["prompt_tokens"] // BLOCK_TOKENS
            leased = (turn["prompt_tokens"] - 1) // BLOCK_TOKENS
            prefill, decode = turn["prefill"], turn["decode"]
            self.assertEqual(prefill["local_blocks"], here)
            self.assertEqual(prefill["remote_blocks"], there - here)
            self.assertEqual(prefill["produced_blocks"], blocks - there)
            self.assertEqual(prefill["remote_bytes"], prefill["remote_blocks"] * BLOCK_BYTES)
            self.assertEqual(decode["local_blocks"], there)
            self.assertEqual(decode["remote_blocks"], leased - there)
            here = blocks
            there = (turn["prompt_tokens"] + ANSWER - 1) // BLOCK_TOKENS
        stats, = pair.json(PREFILL, CTL, "tenant", "show", self.tenant, "--json")["tenants"]
        self.assertEqual(stats["served_bytes"],
                         sum(turn["decode"]["remote_bytes"] for turn in got["turns"]))

    def test_decode_reads_what_prefill_wrote(self):
        # A wrong value on one host is a wrong token on the other.
        got = self.llm("--damage", "1", code=1)
        self.assertEqual([turn["equal"] for turn in got["turns"]], [True, False, False])

    def test_without_asking_all_is_computed(self):
        got = self.llm(remote=())
        self.assertTrue(got["equals_expected"])
        self.assertEqual(got["remote_blocks"], 0)

    def test_no_space_for_copies(self):
        # Decode computes what it cannot get.
        limit = [tier["limit_bytes"] for tier in pair.json(DECODE, CTL, "tier", "--json")["tiers"]
                 if tier["name"] == "dram0"]
        pair.run(DECODE, CTL, "tiers", "set", "dram0", "--limit", "0")
        try:
            got = self.llm()
        finally:
            pair.run(DECODE, CTL, "tiers", "set", "dram0", "--limit", limit[0])
        self.assertTrue(got["equals_expected"])
        self.assertEqual(got["remote_blocks"], 0)

    def test_one_link_is_down(self):
        pair.set_link(PREFILL, 1, False)
        try:
            got = self.llm()
        finally:
            pair.set_link(PREFILL, 1, True)
        self.assertTrue(got["equals_expected"])
        self.assertGreater(got["remote_blocks"], 0)

    def test_no_peer(self):
        for which in PREFILL, DECODE:
            pair.run(which, CTL, "peer", "del", "other")
        try:
            got = self.llm()
        finally:
            for which in PREFILL, DECODE:
                pair.run(which, FABRIC_HOST, "peer", "other",
                         *[pair.address(1 - which, n) for n in (0, 1)])
        self.assertTrue(got["equals_expected"])
        self.assertEqual(got["remote_blocks"], 0)

    def trace(self, requests):
        path = "%s/trace-%d" % (WORK, requests)
        subprocess.run([LIB + "/examples/kvpool-tracegen", "-n", str(requests), "-o", path],
                       check=True)
        return path

    def test_replay_with_requests_on_the_way(self):
        other, main = self.start(REPLAY, ("--trace", self.trace(60), "--pipeline", "8", "--json",
                                          "--quiet"))
        self.assertEqual(self.end(other, main), 0)
        got = json.loads(main.out)
        self.assertEqual(got["missing"], 0)
        self.assertEqual(got["fetched_bytes"], got["references"] * got["block_size"])
        self.assertEqual(got["verified_bytes"], got["fetched_bytes"])
        self.assertEqual(got["copied_bytes"], 0)

    def test_a_wrong_byte_is_noticed_by_the_other_host(self):
        other, main = self.start(REPLAY, ("--trace", self.trace(20), "--damage", "7", "--quiet"))
        self.assertEqual(self.end(other, main, 1), 1)
        self.assertIn(b"VERIFICATION FAILED: request 7", other.err)

    def test_prefill_is_killed(self):
        other, main = self.start(REPLAY, ("--trace", self.trace(2000), "--quiet"))
        while not pair.json(DECODE, CTL, "tenant", "show", self.tenant,
                            "--json")["tenants"][0]["fetched_bytes"]:
            self.assertTrue(main.thread.is_alive(), main.err)
        pair.sh(PREFILL, "kill -KILL $(pidof kvpool-replay)")
        main.code_of()
        other.code_of()
        # tearDown() looks at what is left; and the next ones are served.
        other, main = self.start(REPLAY, ("--trace", self.trace(20), "--quiet"))
        self.assertEqual(self.end(other, main), 0)


if __name__ == "__main__":
    unittest.main()
