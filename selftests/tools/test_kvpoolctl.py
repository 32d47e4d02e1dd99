#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Tests of kvpoolctl against a directory that looks like the module's sysfs."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))

import fake_sysfs  # noqa: E402

TOP = os.path.realpath(os.path.join(os.path.dirname(os.path.realpath(__file__)), "../.."))
BUILD = os.environ.get("KVPOOL_BUILD", os.path.join(TOP, "build"))
CTL = os.environ.get("KVPOOLCTL", os.path.join(BUILD, "lib/tools/kvpoolctl"))


@unittest.skipUnless(os.access(CTL, os.X_OK), f"{CTL} is not built")
class KvpoolctlTest(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp()
        self.sysfs = os.path.join(self.dir, "sysfs")
        self.debugfs = os.path.join(self.dir, "debugfs")
        fake_sysfs.make(self.sysfs)
        os.makedirs(self.debugfs)
        with open(os.path.join(self.debugfs, "blocks"), "w", encoding="ascii") as out:
            out.write(fake_sysfs.BLOCKS)

    def tearDown(self):
        shutil.rmtree(self.dir)

    def ctl(self, *args, code=0):
        env = dict(os.environ, KVPOOL_SYSFS=self.sysfs, KVPOOL_DEBUGFS=self.debugfs,
                   KVPOOL_DEVICE=os.path.join(self.dir, "no-device"))
        done = subprocess.run([CTL, *args], env=env, capture_output=True, text=True,
                              timeout=60, check=False)
        self.assertEqual(done.returncode, code, (args, done.stdout, done.stderr))
        if code:
            self.assertTrue(done.stderr.startswith(("kvpoolctl", CTL)), done.stderr)
        return done.stdout if not code else done.stderr

    def json(self, *args):
        return json.loads(self.ctl(*args))

    def value(self, path):
        with open(os.path.join(self.sysfs, path), encoding="ascii") as file:
            return file.read().strip()

    def test_every_command_has_help(self):
        self.assertIn("Usage", self.ctl("--help"))
        for command in ("status", "top", "tenants", "blocks", "knobs", "tiers", "peer",
                        "link", "fabric", "session", "events"):
            self.assertIn("Usage: kvpoolctl " + command, self.ctl(command, "--help"))

    def test_status(self):
        status = self.json("status", "--json")
        self.assertEqual(status["abi_version"], 1)
        self.assertEqual(status["policy"], "lru")
        self.assertFalse(status["device"]["usable"])
        self.assertEqual(status["pool"]["limit_bytes"], 3 << 30)
        self.assertEqual(status["pool"]["hit_rate"], 0.25)
        self.assertEqual(len(status["tenants"]), 2)
        self.assertEqual(self.json("--json", "status"), status)
        self.assertIn("policy lru", self.ctl("status"))

    def test_tiers(self):
        names = [tier["name"] for tier in self.json("tiers", "--json")]
        self.assertEqual(names, ["dram0", "dram2", "dram10"])
        self.assertIn("dram10", self.ctl("tiers"))
        self.ctl("tiers", "set", "dram2", "--limit", "512M")
        self.assertEqual(self.value("tiers/dram2/limit_bytes"), str(512 << 20))
        self.assertIn("no tier 'dram7'", self.ctl("tiers", "set", "dram7", "--limit", "1G", code=5))
        self.ctl("tiers", "set", "dram0", code=2)
        self.ctl("tiers", "set", "dram0", "--limit", "1X", code=2)
        self.ctl("tiers", "set", "../tiers/dram0", "--limit", "1G", code=5)

    def test_tenants(self):
        tenants = {tenant["name"]: tenant for tenant in self.json("tenants", "--json")}
        self.assertEqual(set(tenants), {"default", "team-b"})
        self.assertEqual(tenants["team-b"]["quota_bytes"], 1 << 30)
        self.assertEqual(tenants["team-b"]["uid"], 1000)
        self.assertEqual(self.json("tenants", "show", "team-b", "--json"), tenants["team-b"])
        self.assertIn("unlimited", self.ctl("tenants"))
        self.ctl("tenants", "set", "team-b", "--quota", "2G", "--pin-quota", "64M",
                 "--uid", "root", "--gid", "5")
        self.assertEqual(self.value("tenants/team-b/quota_bytes"), str(2 << 30))
        self.assertEqual(self.value("tenants/team-b/pin_quota_bytes"), str(64 << 20))
        self.assertEqual(self.value("tenants/team-b/uid"), "0")
        self.assertEqual(self.value("tenants/team-b/gid"), "5")
        self.ctl("tenants", "drop", "team-b")
        self.assertEqual(self.value("tenants/team-b/drop")[:1], "1")
        self.ctl("tenants", "del", "team-b")
        self.assertEqual(self.value("tenants/del")[:6], "team-b")

    def test_tenant_errors(self):
        for verb in ("show", "del", "drop"):
            self.assertIn("no tenant 'nobody'", self.ctl("tenants", verb, "nobody", code=5))
        self.ctl("tenants", "set", "nobody", "--quota", "1G", code=5)
        self.ctl("tenants", "set", "default", code=2)
        self.ctl("tenants", "set", "default", "--quota", "much", code=2)
        self.ctl("tenants", "set", "default", "--uid", "no such user", code=2)
        self.ctl("tenants", "add", "a/b", code=2)
        self.ctl("tenants", "add", "x" * 32, code=2)
        self.ctl("tenants", "add", code=2)
        self.ctl("tenants", "frobnicate", code=2)
        self.ctl("tenants", "show", "..", code=5)

    def test_blocks(self):
        dump = self.json("blocks", "--json")
        self.assertEqual(len(dump["blocks"]), 4)
        self.assertEqual(dump["matching"], 4)
        self.assertEqual(dump["matching_bytes"], 4096 * 10)
        self.assertEqual(dump["blocks"][2]["pin"], "hard")
        self.assertEqual(len(dump["blocks"][0]["key"]), 64)
        dump = self.json("blocks", "--tenant", "team-b", "--state", "sealed", "--json")
        self.assertEqual([block["refs"] for block in dump["blocks"]], [2])
        dump = self.json("blocks", "--limit", "1", "--json")
        self.assertEqual((dump["shown"], dump["matching"]), (1, 4))
        self.assertIn("not all are shown", self.ctl("blocks", "--limit", "0"))
        self.ctl("blocks", "--state", "frozen", code=2)
        self.ctl("blocks", "--tenant", "nobody", code=5)
        os.unlink(os.path.join(self.debugfs, "blocks"))
        self.assertIn("mount debugfs", self.ctl("blocks", code=5))

    def test_knobs(self):
        knobs = {knob["name"]: knob for knob in self.json("knobs", "--json")}
        self.assertEqual(knobs["policy"]["value"], "lru")
        self.assertEqual(knobs["policy"]["choices"], ["lru", "sieve"])
        self.assertEqual(knobs["watermark_high"]["value"], 95)
        self.assertEqual(knobs["watermark_high"]["max"], 100)
        self.assertEqual(self.ctl("knobs", "get", "policy"), "lru\n")
        self.assertEqual(self.json("knobs", "get", "max_handles", "--json")["value"], 65536)
        self.ctl("knobs", "set", "watermark_high", "100")
        self.assertEqual(self.value("watermark_high"), "100")
        for knob in knobs:
            self.assertIn(knob, self.ctl("knobs"))
        self.assertIn("no knob 'speed'", self.ctl("knobs", "set", "speed", "9", code=5))
        self.ctl("knobs", "get", code=2)
        self.ctl("knobs", "set", "policy", code=2)

    def test_top(self):
        look = self.json("top", "--once", "--delay", "0.1", "--json")
        self.assertEqual(len(look["tenants"]), 2)
        self.assertEqual(look["tenants"][1]["per_second"]["hits"], 0)
        text = self.ctl("top", "--delay", "0.1", "--iterations", "2")
        self.assertEqual(text.count("PRODUCED/s"), 2)
        self.ctl("top", "--delay", "0", code=2)

    def test_no_module(self):
        shutil.rmtree(self.sysfs)
        for command in ("status", "top", "tenants", "blocks", "knobs", "tiers"):
            self.assertIn("modprobe kvpool", self.ctl(command, code=3))

    @unittest.skipIf(os.path.exists("/sys/module/kvpool_rdma"), "the module is loaded")
    def test_no_fabric(self):
        for args in (["peer"], ["link"], ["session"], ["events"], ["fabric"],
                     ["peer", "add", "b", "192.0.2.1"], ["peer", "del", "b"],
                     ["link", "add", "b", "[2001:db8::1]:4711", "--src", "2001:db8::2"],
                     ["link", "del", "b", "1"], ["fabric", "set", "--open", "yes"]):
            self.assertIn("modprobe kvpool_rdma", self.ctl(*args, code=3))

    def test_fabric_usage(self):
        for args in (["peer", "add"], ["peer", "del"], ["peer", "del", "a", "b"],
                     ["peer", "frobnicate"], ["link", "add", "a"], ["link", "del", "a"],
                     ["link", "show", "--src", "192.0.2.1"], ["fabric", "set"],
                     ["link", "add", "a", "192.0.2.1", "--src", "[192.0.2.1"],
                     ["link", "add", "a", "192.0.2.1", "--src", "192.0.2.1:0"],
                     ["link", "add", "a", "192.0.2.1", "--src", "192.0.2.1:65536"],
                     ["fabric", "show", "--open", "no"], ["fabric", "set", "--open", "maybe"],
                     ["fabric", "set", "--listen", "192.0.2.1", "--no-listen"],
                     ["session", "show", "first"], ["events", "--count", "0"],
                     ["events", "more"]):
            self.ctl(*args, code=2)

    def test_usage(self):
        self.assertIn("command is missing", self.ctl(code=2))
        self.ctl("frobnicate", code=2)
        self.ctl("--frobnicate", code=2)
        self.ctl("status", "--frobnicate", code=2)
        self.ctl("status", "more", code=2)

    def test_odd_content(self):
        fake_sysfs.put(self.sysfs, "tenants/team-b/blocks", "many")
        self.assertIn("newer than kvpoolctl", self.ctl("tenants", code=1))
        os.unlink(os.path.join(self.sysfs, "tenants/team-b/blocks"))
        self.assertEqual(len(self.json("tenants", "--json")), 1)


if __name__ == "__main__":
    unittest.main()
