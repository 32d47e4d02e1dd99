#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Tests of kvpool-llm on the module itself: prefill and decode on one host.

To be run as root on a host where the module is loaded and nobody uses the pool:
selftests/run-python selftests/tools guest_llm
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
TOP = os.path.realpath(os.path.join(HERE, "../.."))
BUILD = os.environ.get("KVPOOL_BUILD", os.path.join(TOP, "build"))
LLM = os.path.join(BUILD, "lib/examples/kvpool-llm")
CTL = os.path.join(BUILD, "lib/tools/kvpoolctl")
SYSFS = "/sys/class/misc/kvpool"
TENANT = "llm-test"
BLOCK_TOKENS = 16
QUESTIONS = ("Why is the second question answered sooner than the first one?",
             "And the third?", "Is this the last one?")


def run(*args, **more):
    return subprocess.run(args, capture_output=True, text=True, timeout=600, check=False, **more)


def free_port():
    # A guest has a loopback device, which is down.
    run("ip", "link", "set", "lo", "up")
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class WithoutThePool(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.dir)
        self.conversation = os.path.join(self.dir, "conversation")
        with open(self.conversation, "w", encoding="ascii") as out:
            out.write("\n".join(QUESTIONS))

    def alone(self, *args):
        return run(LLM, "alone", "--conversation", self.conversation, "--answer", "4", *args)

    def test_alone_is_deterministic(self):
        first, again, other = (self.alone("--json", "--seed", seed)
                               for seed in ("1", "1", "2"))
        self.assertEqual(first.returncode, 0, first.stderr)

        def said(done):
            return [(turn["digest"], turn["answer"]) for turn in json.loads(done.stdout)["turns"]]

        self.assertEqual(said(first), said(again))
        self.assertNotEqual(said(first), said(other))

    def test_wrong_usage(self):
        for args in ((), ("alone", "decode"), ("prefill",), ("decode",), ("nobody",),
                     ("alone", "--answer", "0"), ("alone", "--answer", "513"),
                     ("prefill", "--block-tokens", "1"),
                     ("decode", "--listen", "1", "--expect", "x")):
            done = run(LLM, *args)
            self.assertEqual(done.returncode, 2, (args, done.stderr))

    def test_files(self):
        self.assertEqual(run(LLM, "alone", "--conversation", "/nothing").returncode, 4)
        self.assertEqual(self.alone("--expect", "/nothing").returncode, 4)
        self.assertEqual(self.alone("--output", "/nowhere/file").returncode, 4)
        done = self.alone("--expect", "/dev/null")
        self.assertEqual(done.returncode, 4)
        self.assertIn("--output", done.stderr)


@unittest.skipUnless(os.path.isdir(SYSFS), "the module is not loaded")
class OnTheModule(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.dir)
        self.ctl("tenant", "add", TENANT)
        self.conversation = self.path("conversation")
        with open(self.conversation, "w", encoding="ascii") as out:
            out.write("\n".join(QUESTIONS))
        self.alone = self.path("alone")
        done = run(LLM, "alone", "--conversation", self.conversation, "--output", self.alone)
        self.assertEqual(done.returncode, 0, done.stderr)

    def tearDown(self):
        self.ctl("tenant", "del", TENANT)

    def ctl(self, *args):
        done = run(CTL, *args)
        self.assertEqual(done.returncode, 0, (args, done.stderr))
        return done.stdout

    def path(self, name):
        return os.path.join(self.dir, name)

    def decode(self, port):
        return subprocess.Popen([LLM, "decode", "--tenant", TENANT, "--listen", f"127.0.0.1:{port}"],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def converse(self, *args, code=0):
        port = free_port()
        decode = self.decode(port)
        done = run(LLM, "prefill", "--tenant", TENANT, "--connect", f"127.0.0.1:{port}",
                   "--conversation", self.conversation, "--expect", self.alone, "--json", *args)
        _, err = decode.communicate(timeout=60)
        self.assertEqual((done.returncode, decode.returncode), (code, 0),
                         (done.stdout, done.stderr, err))
        self.quiet_pool()
        return json.loads(done.stdout)

    def quiet_pool(self):
        for counter in ("leases", "pending"):
            with open(f"{SYSFS}/tenants/{TENANT}/{counter}", encoding="ascii") as file:
                self.assertEqual(file.read().strip(), "0", counter)

    def test_tokens_are_those_of_one_process(self):
        got = self.converse()
        self.assertTrue(got["equals_expected"])
        self.assertEqual(got["copied_bytes"], {"prefill": 0, "decode": 0})
        self.assertEqual(got["remote_blocks"], 0)
        before = 0
        for turn in got["turns"]:
            blocks = turn["prompt_tokens"] // BLOCK_TOKENS
            # The blocks of the turn before, those of its answer included.
            self.assertEqual(turn["reused_tokens"], before * BLOCK_TOKENS)
            self.assertEqual(turn["prefill"]["produced_blocks"], blocks - before)
            self.assertEqual(turn["prefill"]["computed_tokens"],
                             (blocks - before) * BLOCK_TOKENS)
            leased = (turn["prompt_tokens"] - 1) // BLOCK_TOKENS
            self.assertEqual(turn["decode"]["local_blocks"], leased)
            before = (turn["prompt_tokens"] + len(turn["answer"]) - 1) // BLOCK_TOKENS
            self.assertEqual(turn["decode"]["produced_blocks"], before - blocks)

    def test_a_second_run_reuses_all(self):
        self.converse()
        got = self.converse()
        self.assertTrue(got["equals_expected"])
        for turn in got["turns"]:
            self.assertEqual(turn["reused_tokens"],
                             turn["prompt_tokens"] // BLOCK_TOKENS * BLOCK_TOKENS)
            self.assertEqual(turn["prefill"]["computed_tokens"], 0)
            self.assertEqual(turn["prefill"]["produced_blocks"], 0)

    def test_other_weights_share_nothing(self):
        self.converse()
        alone = self.path("alone-2")
        run(LLM, "alone", "--conversation", self.conversation, "--seed", "2", "--output", alone)
        got = self.converse("--seed", "2", "--expect", alone)
        self.assertTrue(got["equals_expected"])
        self.assertEqual(got["turns"][0]["reused_tokens"], 0)

    def test_sizes_of_blocks(self):
        for tokens in ("2", "7", "1024"):
            got = self.converse("--block-tokens", tokens)
            self.assertTrue(got["equals_expected"], tokens)

    def test_a_wrong_value_is_noticed(self):
        got = self.converse("--damage", "1", code=1)
        self.assertEqual([turn["equal"] for turn in got["turns"]], [True, False, False])

    def test_blocks_that_are_gone_are_computed(self):
        # A pool without space: nothing is cached, and all is right.
        self.ctl("tenant", "set", TENANT, "--quota", "2M")
        self.ctl("knob", "set", "watermark_high", "100")
        got = self.converse("--block-tokens", "1024")
        self.assertTrue(got["equals_expected"])

    def test_prefill_dies(self):
        port = free_port()
        decode = self.decode(port)
        prefill = subprocess.Popen([LLM, "prefill", "--tenant", TENANT, "--answer", "400",
                                    "--connect", f"127.0.0.1:{port}"], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        while True:
            with open(f"{SYSFS}/tenants/{TENANT}/produced_blocks", encoding="ascii") as file:
                if file.read().strip() != "0":
                    break
        prefill.send_signal(signal.SIGKILL)
        prefill.communicate(timeout=60)
        decode.communicate(timeout=120)
        self.assertIsNotNone(decode.returncode)
        self.quiet_pool()
        # The pool serves the next requests.
        self.assertTrue(self.converse()["equals_expected"])

    def test_nobody_speaks(self):
        port = free_port()
        decode = self.decode(port)
        while True:
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=60) as sock:
                    sock.sendall(b"GET / HTTP/1.0\r\n\r\n" * 4)
                break
            except ConnectionRefusedError:
                continue
        _, err = decode.communicate(timeout=60)
        self.assertEqual(decode.returncode, 1)
        self.assertIn("does not speak like prefill", err)


if __name__ == "__main__":
    unittest.main()
