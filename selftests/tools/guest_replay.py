#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Tests of kvpool-replay and kvpoolctl on the module itself.

To be run as root on a host where the module is loaded and nobody uses the pool:
selftests/run-python selftests/tools guest_replay
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, HERE)

import lru_sim  # noqa: E402

TOP = os.path.realpath(os.path.join(HERE, "../.."))
BUILD = os.environ.get("KVPOOL_BUILD", os.path.join(TOP, "build"))
REPLAY = os.path.join(BUILD, "lib/examples/kvpool-replay")
TRACEGEN = os.path.join(BUILD, "lib/examples/kvpool-tracegen")
CTL = os.path.join(BUILD, "lib/tools/kvpoolctl")
SYSFS = "/sys/class/misc/kvpool"
TENANT = "sim-test"


def run(*args, **more):
    return subprocess.run(args, capture_output=True, text=True, timeout=600, check=False, **more)


def sysfs(path):
    with open(os.path.join(SYSFS, path), encoding="ascii") as file:
        return file.read().strip()


@unittest.skipUnless(os.path.isdir(SYSFS), "the module is not loaded")
class OnTheModule(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.dir)
        self.saved = {name: sysfs(name) for name in ("watermark_high", "tiers/dram0/limit_bytes")}
        self.ctl("tenant", "add", TENANT)
        self.ctl("knob", "set", "watermark_high", "100")
        self.ctl("knob", "set", "policy", "lru")

    def tearDown(self):
        self.ctl("tenant", "del", TENANT)
        self.ctl("knob", "set", "policy", "lru")
        self.ctl("knob", "set", "watermark_high", self.saved["watermark_high"])
        self.ctl("tier", "set", "dram0", "--limit", self.saved["tiers/dram0/limit_bytes"])

    def ctl(self, *args, code=0):
        done = run(CTL, *args)
        self.assertEqual(done.returncode, code, (args, done.stdout, done.stderr))
        return done.stdout if not code else done.stderr

    def path(self, name):
        return os.path.join(self.dir, name)

    def trace(self, requests, seed=1):
        path = self.path(f"trace-{requests}-{seed}")
        done = run(TRACEGEN, "-n", str(requests), "-s", str(seed), "-o", path)
        self.assertEqual(done.returncode, 0, done.stderr)
        return path

    def expect(self, trace, pool, block):
        with open(trace, encoding="ascii") as lines:
            pool, results = lru_sim.simulate(lru_sim.read_trace(lines), pool, block)
        path = self.path("expected")
        with open(path, "w", encoding="ascii") as out:
            for index, r in enumerate(results):
                print(index, r.blocks, r.hits, r.produced, r.consumed, file=out)
        return path, lru_sim.summary(pool, results)

    def replay(self, *args, code=0):
        done = run(REPLAY, "--quiet", "--tenant", TENANT, "--drop", *args)
        self.assertEqual(done.returncode, code, (args, done.stdout, done.stderr))
        return done

    def quiet_pool(self):
        for counter in ("leases", "pending"):
            self.assertEqual(sysfs(f"tenants/{TENANT}/{counter}"), "0", counter)

    def compare(self, trace, pool, block):
        expected, figures = self.expect(trace, pool, block)
        done = self.replay("--trace", trace, "--pool", str(pool), "--block-size", str(block),
                           "--expect-hits", expected, "--json")
        got = json.loads(done.stdout)
        self.assertTrue(got["equals_expected"])
        self.assertEqual(got["copied_bytes"], 0)
        self.assertEqual(got["verified_bytes"], figures["consumed_blocks"] * block)
        for name in ("hits", "references", "produced_blocks", "consumed_blocks", "rejected",
                     "evicted_blocks"):
            self.assertEqual(got[name], figures[name], name)
        self.quiet_pool()
        return figures

    def test_hits_equal(self):
        figures = self.compare(self.trace(200), 24 << 20, 12 << 10)
        self.assertGreater(figures["evicted_blocks"], 0)
        self.assertGreater(figures["hits"], 0)

    def test_hits_equal_in_a_tiny_pool(self):
        # Many prompts are longer than the pool, so that blocks are without space.
        figures = self.compare(self.trace(120, 2), 2 << 20, 20 << 10)
        self.assertGreater(figures["rejected"], 0)

    def test_hits_equal_with_odd_sizes(self):
        self.compare(self.trace(80, 3), 16 << 20, 70000)
        self.compare(self.trace(80, 4), 6 << 20, 4097)
        # Larger than a chunk: each block lies in several.
        self.compare(self.trace(12, 5), 512 << 20, (5 << 20) + 12345)

    def test_hits_equal_with_prompts_longer_than_a_call(self):
        # 1,024 keys fit into one call; the order must hold over several.
        prompts = [list(range(2500)), list(range(2200)) + list(range(9000, 9900)),
                   list(range(5000, 6500)), list(range(2500)), list(range(5000, 6200)),
                   list(range(2200)) + list(range(9000, 9900)), list(range(2500))]
        path = self.path("long")
        with open(path, "w", encoding="ascii") as out:
            for ids in prompts:
                print(json.dumps({"input_length": 512 * len(ids), "hash_ids": ids}), file=out)
        figures = self.compare(path, 14 << 20, 4 << 10)
        self.assertGreater(figures["evicted_blocks"], 0)
        self.assertGreater(figures["hits"], 0)

    def test_other_policies_and_pipelines(self):
        trace = self.trace(100)
        for args in (("--policy", "sieve"), ("--pipeline", "8"),
                     ("--policy", "sieve", "--pipeline", "64")):
            done = self.replay("--trace", trace, "--pool", "16M", "--json", *args)
            got = json.loads(done.stdout)
            self.assertEqual(got["requests"], 100)
            self.assertEqual(got["verified_bytes"],
                             (got["references"] - got["missing"]) * got["block_size"])
            self.assertIsNone(got["equals_expected"])
            self.quiet_pool()

    def test_knobs_are_put_back(self):
        limit, policy = sysfs("tiers/dram0/limit_bytes"), sysfs("policy")
        self.replay("--trace", self.trace(5), "--pool", "32M", "--policy", "sieve")
        self.assertEqual((sysfs("tiers/dram0/limit_bytes"), sysfs("policy")), (limit, policy))

    def test_a_wrong_byte_is_noticed(self):
        done = self.replay("--trace", self.trace(20), "--damage", "7", code=1)
        self.assertIn("VERIFICATION FAILED: request 7", done.stderr)
        self.quiet_pool()

    def test_other_hits_are_noticed(self):
        trace = self.trace(20)
        expected, _ = self.expect(trace, 64 << 20, 12 << 10)
        with open(expected, encoding="ascii") as file:
            lines = file.read().splitlines()
        request, blocks, hits, produced, consumed = lines[11].split()
        lines[11] = f"{request} {blocks} {int(hits) - 1} {produced} {consumed}"
        with open(expected, "w", encoding="ascii") as file:
            file.write("\n".join(lines))
        done = self.replay("--trace", trace, "--pool", "64M", "--expect-hits", expected, code=1)
        self.assertIn("HITS DIFFER: request 11", done.stderr)

    def test_what_cannot_be_compared(self):
        trace = self.trace(5)
        expected, _ = self.expect(trace, 64 << 20, 12 << 10)
        args = ("--trace", trace, "--expect-hits", expected)
        self.assertIn("--policy lru", self.replay(*args, "--policy", "sieve", code=3).stderr)
        self.replay(*args, "--pipeline", "2", code=2)
        with open(trace, "a", encoding="ascii") as out:
            out.write('{"input_length": 600, "hash_ids": [0, 1]}\n')
        self.assertIn("ends after 5", self.replay(*args, code=4).stderr)
        self.assertIn("on the same trace", self.replay("--trace", self.trace(6), "--expect-hits",
                                                   expected, code=4).stderr)
        self.ctl("knob", "set", "watermark_high", "99")
        args = ("--trace", trace, "--requests", "5", "--expect-hits", expected)
        self.assertIn("watermark_high", self.replay(*args, code=3).stderr)

    def start(self):
        child = subprocess.Popen([REPLAY, "--tenant", TENANT, "--quiet", "--trace",
                                  self.trace(4000)], stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 60
        while sysfs(f"tenants/{TENANT}/produced_blocks") == "0":
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)
        return child

    def test_interrupt(self):
        child = self.start()
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=120)
        self.assertEqual(child.returncode, 130, err)
        self.assertIn("stopped by a signal", out)
        self.quiet_pool()

    def test_kill(self):
        child = self.start()
        child.kill()
        child.communicate(timeout=120)
        deadline = time.monotonic() + 60
        while sysfs(f"tenants/{TENANT}/contexts") != "0":
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)
        self.quiet_pool()

    def test_what_cannot_be_opened(self):
        trace = self.trace(5)
        done = run(REPLAY, "--trace", trace, "--tenant", "nobody")
        self.assertEqual(done.returncode, 3, done.stderr)
        done = run(REPLAY, "--trace", self.path("nothing"))
        self.assertEqual(done.returncode, 4, done.stderr)
        with open(self.path("bad"), "w", encoding="ascii") as out:
            out.write('{"input_length": 5, "hash_ids": [0, "x"]}\n')
        done = run(REPLAY, "--trace", self.path("bad"))
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn("bad:1:", done.stderr)

    def test_kvpoolctl(self):
        self.replay("--trace", self.trace(10))
        for command in (("status",), ("tenant",), ("tier",), ("knob",), ("top", "--count", "1"),
                        ("tenant", "show", TENANT), ("block", "--count", "3"), ("chunk",),
                        ("context",), ("operation",)):
            json.loads(self.ctl(*command, "--json"))
            self.assertTrue(self.ctl(*command))
        status = json.loads(self.ctl("status", "--json"))["status"]
        self.assertTrue(status["device"]["usable"])
        tenant, = json.loads(self.ctl("tenant", "show", TENANT, "--json"))["tenants"]
        dump = json.loads(self.ctl("block", "--tenant", TENANT, "--json"))
        self.assertEqual(dump["matching"], tenant["blocks"])
        self.assertTrue(all(block["state"] == "sealed" and block["length_bytes"] == 12 << 10
                            for block in dump["blocks"]))
        self.ctl("tenant", "drop", TENANT)
        while sysfs(f"tenants/{TENANT}/drop") != "0":
            time.sleep(0.01)
        self.assertEqual(sysfs(f"tenants/{TENANT}/blocks"), "0")

    def test_kvpoolctl_settings(self):
        self.ctl("tenant", "set", TENANT, "--quota", "64M", "--pin-quota", "8M", "--uid", "1",
                 "--gid", "2")
        self.assertEqual([sysfs(f"tenants/{TENANT}/{name}") for name in
                          ("quota_bytes", "pin_quota_bytes", "uid", "gid")],
                         [str(64 << 20), str(8 << 20), "1", "2"])
        self.ctl("tenant", "add", TENANT, code=7)
        self.ctl("tenant", "add", "Not A Name", code=1)
        self.assertIn("default tenant", self.ctl("tenant", "del", "default", code=1))
        for knob in json.loads(self.ctl("knob", "--json"))["knobs"]:
            value = str(knob["value"])
            self.ctl("knob", "set", knob["name"], value)
            shown, = json.loads(self.ctl("knob", "show", knob["name"], "--json"))["knobs"]
            self.assertEqual(shown, knob)
            self.ctl("knob", "set", knob["name"], "nonsense", code=1)
            if "max" in knob:
                # What kvpoolctl says of the range is what the module takes.
                self.ctl("knob", "set", knob["name"], str(knob["max"] + 1), code=1)
                if knob["min"]:
                    self.ctl("knob", "set", knob["name"], str(knob["min"] - 1), code=1)
                if not knob["name"].startswith("watermark"):
                    self.ctl("knob", "set", knob["name"], str(knob["max"]))
                    self.ctl("knob", "set", knob["name"], str(knob["min"]))
            self.ctl("knob", "set", knob["name"], value)

    def test_kvpoolctl_busy_tenant(self):
        child = self.start()
        self.assertIn("files of it are open", self.ctl("tenant", "del", TENANT, code=6))
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=120)


if __name__ == "__main__":
    unittest.main()
