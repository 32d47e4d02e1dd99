#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Tests that kvpool-tracegen makes traces of the shape of the published one.

The figures below were measured with trace_shape.py on the conversation trace of
Mooncake's FAST'25 paper (12,031 requests). With KVPOOL_TRACE=FILE that file is
measured instead.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, HERE)

import trace_shape  # noqa: E402

TOP = os.path.realpath(os.path.join(HERE, "../.."))
BUILD = os.environ.get("KVPOOL_BUILD", os.path.join(TOP, "build"))
TRACEGEN = os.environ.get("KVPOOL_TRACEGEN", os.path.join(BUILD, "lib/examples/kvpool-tracegen"))

PUBLISHED = {
    "reuse": 0.366412,
    "blocks_mean": 23.9797,
    "opening_share": 0.612834,
    "turn_share": 0.329067,
    "branch_share": 0.0580999,
    "second_turns": 0.169978,
    "third_turns": 0.0656637,
    "long_conversations": 0.0200316,
    "shared_blocks_mean": 22.611,
    "requests_per_tick_p10": 6,
    "requests_per_tick_p50": 10,
    "requests_per_tick_p90": 15,
    "span_s": 3537,
    "input_p10": 964,
    "input_p50": 6909,
    "input_p90": 27367,
    "input_p99": 85401,
    "output_p10": 24,
    "output_p50": 350,
    "output_p90": 597,
    "output_p99": 1120,
    "first_input_p10": 905,
    "first_input_p50": 5264,
    "first_input_p90": 25561,
    "first_input_p99": 89869,
    "pause_ms_p10": 39001,
    "pause_ms_p50": 123000,
    "pause_ms_p90": 474001,
    "pause_ms_p99": 1458000,
}

# How far a figure may be away, as a part of it. Single traces scatter; the
# mean over some seeds must be nearer.
FAR = 0.15
FAR_OF = {"long_conversations": 0.4, "pause_ms_p99": 0.3}
NEAR = 0.06


@unittest.skipUnless(os.access(TRACEGEN, os.X_OK), f"{TRACEGEN} is not built")
class TracegenTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)

    def generate(self, *args):
        path = os.path.join(self.directory.name, "trace")
        subprocess.run([TRACEGEN, *args, "--output", path], check=True, timeout=120)
        return path

    @staticmethod
    def digest(path):
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()

    def test_shape(self):
        wanted = PUBLISHED
        if os.environ.get("KVPOOL_TRACE"):
            wanted = trace_shape.measure(trace_shape.read(os.environ["KVPOOL_TRACE"]))
        seeds = range(1, 7)
        shapes = [trace_shape.measure(trace_shape.read(self.generate("--seed", str(seed))))
                  for seed in seeds]
        for name, value in wanted.items():
            far = FAR_OF.get(name, FAR)
            for seed, shape in zip(seeds, shapes):
                self.assertAlmostEqual(shape[name], value, delta=far * value,
                                       msg=f"{name} with seed {seed}")
        for name in ("reuse", "blocks_mean", "turn_share", "opening_share", "input_p50"):
            mean = sum(shape[name] for shape in shapes) / len(shapes)
            self.assertAlmostEqual(mean, wanted[name], delta=NEAR * wanted[name], msg=name)

    def test_small_traces_reuse_too(self):
        shapes = [trace_shape.measure(trace_shape.read(
            self.generate("--requests", "600", "--seed", str(seed)))) for seed in range(1, 11)]
        mean = sum(shape["reuse"] for shape in shapes) / len(shapes)
        self.assertAlmostEqual(mean, PUBLISHED["reuse"], delta=0.06)

    def test_format(self):
        requests = trace_shape.read(self.generate("--requests", "2000"))
        self.assertEqual(len(requests), 2000)
        behind, fresh, at = {}, 0, 0
        for request in requests:
            self.assertEqual(list(request),
                             ["timestamp", "input_length", "output_length", "hash_ids"])
            ids = request["hash_ids"]
            self.assertEqual(len(ids), -(-request["input_length"] // 512))
            self.assertEqual(len(set(ids)), len(ids))
            self.assertEqual(ids[0], 0)
            self.assertGreaterEqual(request["timestamp"], at)
            self.assertGreater(request["output_length"], 0)
            at = request["timestamp"]
            before = None
            for block in ids:
                # Equal ids mean equal prefixes; new ids count up.
                self.assertEqual(behind.setdefault(block, before), before)
                self.assertLessEqual(block, fresh)
                fresh = max(fresh, block + 1)
                before = block

    def test_same_seed_same_trace(self):
        options = ("--requests", "1500", "--seed", "42")
        first = self.digest(self.generate(*options))
        self.assertEqual(first, self.digest(self.generate(*options)))
        self.assertNotEqual(first, self.digest(
            self.generate("--requests", "1500", "--seed", "43")))

    def test_bad_options(self):
        for args in (("--requests", "0"), ("--requests", "x"), ("--seed", "-1"), ("more",),
                     ("--frobnicate",)):
            done = subprocess.run([TRACEGEN, *args], capture_output=True, timeout=60, check=False)
            self.assertEqual(done.returncode, 2, args)
        done = subprocess.run([TRACEGEN, "--output", "/nowhere/trace"], capture_output=True,
                              timeout=60, check=False)
        self.assertEqual(done.returncode, 4)


if __name__ == "__main__":
    unittest.main()
