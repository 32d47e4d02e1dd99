#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Tests of kvpoolctl against directories that look like the module's sysfs and debugfs."""

import os
import re
import shutil
import subprocess
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))

import fake_sysfs  # noqa: E402
from kvpoolctl_case import BUILD, CTL, TOP, KvpoolctlCase, jsonschema, load_schema  # noqa: E402

COMPLETION = os.path.join(TOP, "libkvpool/tools/completion/kvpoolctl.bash")
MANUAL = os.path.join(TOP, "libkvpool/man/kvpoolctl.8")

NOBODY = 65534

# Nouns of the module kvpool, and those of kvpool_rdma.
POOL = ("status", "top", "tenant", "tier", "knob", "block", "chunk", "context", "operation")
FABRIC = ("peer", "link", "session", "host", "right", "fabric", "event")


class GrammarTest(KvpoolctlCase):
    def test_help(self):
        text = self.ctl("help")
        self.assertTrue(text.startswith("Usage: kvpoolctl NOUN"))
        for same in (["--help"], ["-h"]):
            self.assertEqual(self.ctl(*same), text)
        for noun in POOL + FABRIC:
            self.assertIn(f"  {noun} ", text)
            about = self.ctl("help", noun)
            self.assertTrue(about.startswith(f"Usage: kvpoolctl {noun} show"), about)
            for same in ([noun, "help"], [noun, "--help"], ["-h", noun], [noun, "show", "-h"],
                         ["help", noun, "show"], [noun, "show", "too", "many", "--help"]):
                self.assertEqual(self.ctl(*same), about, same)

    def test_version(self):
        text = self.ctl("--version")
        self.assertRegex(text, r"\Akvpoolctl [0-9.]+ \(ABI \d+\)\n\Z")
        self.assertEqual(self.ctl("tenant", "show", "-V"), text)
        version = self.json("--version")["version"]
        self.assertEqual(text, f"kvpoolctl {version['kvpoolctl']} "
                               f"(ABI {version['abi_version']})\n")

    def test_plurals_and_the_verb_that_is_meant(self):
        for noun in self.json("help")["nouns"]:
            name = noun["name"]
            if name in FABRIC + ("top", "status"):
                continue
            usual = self.ctl(name, "show")
            self.assertEqual(self.ctl(name), usual)
            self.assertEqual(self.ctl(noun["plural"]), usual)
            self.assertEqual(self.ctl(noun["plural"], "show"), usual)

    def test_options_stand_anywhere(self):
        usual = self.ctl("tenant", "show", "team-b", "--json")
        for args in (("--json", "tenant", "show", "team-b"), ("-j", "tenant", "show", "team-b"),
                     ("tenant", "--json", "show", "team-b"), ("tenant", "show", "-j", "team-b"),
                     ("tenant", "show", "--json", "--", "team-b")):
            self.assertEqual(self.ctl(*args), usual)

    def test_an_option_means_one_thing(self):
        help_ = self.json("help")
        options = {option["name"]: option for option in help_["options"]}
        self.assertEqual(len(options), len(help_["options"]))
        letters = [option["letter"] for option in options.values() if "letter" in option]
        self.assertEqual(len(letters), len(set(letters)))
        for noun in help_["nouns"]:
            for verb in noun["verbs"]:
                self.assertLessEqual({"json", "help", "version"}, set(verb["options"]))
                self.assertLessEqual(set(verb["options"]), set(options))
                text = self.ctl("help", noun["name"])
                for name in verb["options"]:
                    self.assertRegex(text, rf"--{name}\b.*{re.escape(options[name]['meaning'])}")

    def test_wrong_use(self):
        for args, words in (
                ([], "a noun is missing"),
                (["frobnicate"], "'frobnicate' is not a noun"),
                (["help", "frobnicate"], "'frobnicate' is not a noun"),
                (["--frobnicate"], "'--frobnicate' is not an option"),
                (["status", "--frobnicate"], "'--frobnicate' is not an option"),
                (["status", "-z"], "'-z' is not an option"),
                (["status", "--json=1"], "--json takes no value"),
                (["status", "more"], "'more' is not a verb of 'status'"),
                (["status", "show", "more"], "'more' is too much"),
                (["status", "--limit", "1G"], "'status show' takes no --limit"),
                (["tenant", "list"], "'list' is not a verb of 'tenant'"),
                (["tenant", "add"], "'tenant add' needs NAME"),
                (["tenant", "show", "a", "b"], "'b' is too much"),
                (["tenant", "add", "a/b"], "cannot be the name of a tenant"),
                (["tenant", "add", "x" * 32], "cannot be the name of a tenant"),
                (["tenant", "set", "default"], "needs one or more of"),
                (["tenant", "set", "default", "--quota"], "--quota needs a value"),
                (["tenant", "set", "default", "--quota", "much"], "'much' is not a size"),
                (["tenant", "set", "default", "--quota", "1X"], "'1X' is not a size"),
                (["tenant", "set", "default", "--quota", "-1"], "'-1' is not a size"),
                (["tenant", "set", "default", "--quota", "99999999T"], "is not a size"),
                (["tenant", "set", "default", "--uid", "no such user"], "is not a user"),
                (["tenant", "set", "default", "--gid", "4294967295"], "is not a group"),
                (["tier", "set", "dram0"], "needs --limit"),
                (["tier", "set", "--limit", "1G"], "needs TIER"),
                (["tier", "set", "dram0", "--limit", "1X"], "'1X' is not a size"),
                (["knob", "set", "policy"], "needs KNOB VALUE"),
                (["block", "--state", "frozen"], "'frozen' is not a state of a block"),
                (["block", "--count", "0"], "'0' is not a number from 1"),
                (["chunk", "--state", "sealed"], "'chunk show' takes no --state"),
                (["top", "--interval", "0"], "'0' is not a number from 0.1"),
                (["top", "--interval", "nan"], "'nan' is not a number from 0.1")):
            line = self.ctl(*args, code=2)
            self.assertIn(words, line)
            self.assertRegex(line, "; see 'kvpoolctl help[ a-z]*'\n")
            error = self.error(*args, code=2)
            self.assertEqual(error["code"], "usage")
            self.assertIn(words, error["message"])

    def test_the_first_mistake_is_told(self):
        self.assertIn("'--first'", self.ctl("status", "--first", "--second", code=2))

    def test_completion_knows_the_grammar(self):
        nouns = {noun["name"]: noun for noun in self.json("help")["nouns"]}
        common = {"--json", "--help", "--version"}
        self.assertEqual(self.complete(""), set(nouns) | common | {"help"})
        self.assertEqual(self.complete("help", ""), set(nouns))
        for name, noun in nouns.items():
            verbs = {verb["name"]: verb for verb in noun["verbs"]}
            self.assertEqual(self.complete(name, ""), set(verbs) | common | {"help"})
            for verb, about in verbs.items():
                self.assertEqual(self.complete(name, verb, "--"),
                                 {"--" + option for option in about["options"]})

    def test_completion_knows_what_there_is(self):
        self.assertEqual(self.complete("tenant", "show", "t"), {"team-b"})
        self.assertEqual(self.complete("tenants", "drop", "d"), {"default"})
        self.assertEqual(self.complete("tier", "set", "dram1"), {"dram10"})
        self.assertEqual(self.complete("knob", "set", "w"), {"watermark_high", "watermark_low"})
        self.assertEqual(self.complete("knob", "set", "policy", "s"), {"sieve"})
        self.assertEqual(self.complete("knob", "set", "max_handles", "s"), set())
        self.assertEqual(self.complete("block", "show", "--tenant", ""), {"default", "team-b"})
        self.assertEqual(self.complete("block", "-t", "team-b", "--state", "se"), {"sealed"})
        self.assertEqual(self.complete("operation", "--state", "w"), {"waits"})
        self.assertIn("root", self.complete("tenant", "set", "team-b", "--uid", "r"))
        self.assertEqual(self.complete("tier", "set", "dram0", "--limit", ""), set())

    def complete(self, *words):
        """The words that bash proposes for the last word."""
        script = ('source "$1"; shift; COMP_WORDS=(kvpoolctl "$@"); COMP_CWORD=$#; _kvpoolctl; '
                  'printf "%s\\n" "${COMPREPLY[@]}"')
        env = dict(self.env, PATH=os.path.dirname(CTL) + ":" + self.env["PATH"])
        done = subprocess.run(["bash", "-c", script, "bash", COMPLETION, *words], env=env,
                              capture_output=True, text=True, timeout=60, check=True)
        self.assertEqual(done.stderr, "")
        return set(done.stdout.split())

    def test_manual_knows_the_grammar(self):
        with open(MANUAL, encoding="ascii") as file:
            manual = file.read().replace("\\-", "-").replace("\\fR", "").replace("\\fB", "")
        help_ = self.json("help")
        for noun in help_["nouns"]:
            self.assertIn(f".SS {noun['name']}\n", manual)
            for verb in noun["verbs"]:
                self.assertTrue(re.search(rf"(?m)^{noun['name']} {verb['name']}\b", manual),
                                (noun["name"], verb["name"]))
        for option in help_["options"]:
            self.assertIn("--" + option["name"], manual)
        for status in help_["exit_statuses"]:
            self.assertIn(f'.BR {status["exit_status"]} " ({status["code"]})"\n', manual)


class InstallTest(KvpoolctlCase):
    @unittest.skipUnless(shutil.which("make"), "make is not installed")
    def test_where_it_is_installed(self):
        done = subprocess.run(["make", "-n", "-C", os.path.join(TOP, "libkvpool"), "install",
                               "DESTDIR=/to", "PREFIX=/usr", "O=" + os.path.join(BUILD, "lib")],
                              capture_output=True, text=True, timeout=300, check=True)
        self.assertIn("tools/kvpoolctl /to/usr/bin/\n", done.stdout)
        self.assertIn(" /to/usr/share/bash-completion/completions/kvpoolctl\n", done.stdout)
        self.assertRegex(done.stdout, r"kvpoolctl.schema.json[\s\\]+/to/usr/share/kvpool/")


class PoolTest(KvpoolctlCase):
    def test_status(self):
        status = self.json("status")["status"]
        self.assertEqual(status["abi_version"], 1)
        self.assertEqual(status["policy"], "lru")
        self.assertFalse(status["device"]["usable"])
        self.assertEqual(status["pool"]["limit_bytes"], 3 << 30)
        self.assertEqual(status["pool"]["used_bytes"], 30 << 20)
        self.assertEqual(status["pool"]["hit_rate"], 0.25)
        self.assertEqual(status["tenants"], self.json("tenant")["tenants"])
        self.assertEqual(status["tiers"], self.json("tier")["tiers"])
        self.assertIn("policy lru", self.ctl("status"))

    def test_tier(self):
        tiers = self.json("tier")["tiers"]
        self.assertEqual([tier["name"] for tier in tiers], ["dram0", "dram2", "dram10"])
        self.assertEqual(self.json("tier", "show", "dram10")["tiers"], tiers[2:])
        self.assertIn("limit_bytes            1073741824 (1 GiB)",
                      self.ctl("tier", "show", "dram2"))
        self.assertEqual(self.ctl("tier", "set", "dram2", "--limit", "512M"), "")
        self.assertEqual(self.value("tiers/dram2/limit_bytes"), str(512 << 20))
        changed = self.json("tier", "set", "dram2", "--limit", "0")["tiers"]
        self.assertEqual([(tier["name"], tier["limit_bytes"]) for tier in changed],
                         [("dram2", 0)])
        for args in (["show", "dram7"], ["set", "dram7", "--limit", "1G"],
                     ["set", "../tiers/dram0", "--limit", "1G"]):
            line = self.ctl("tier", *args, code=5)
            self.assertIn(f"there is no tier '{args[1]}'; the tiers are: dram0, dram2, dram10",
                          line)

    def test_sizes_have_the_same_suffixes_everywhere(self):
        for text, size in (("0", 0), ("4096", 4096), ("8k", 8 << 10), ("8K", 8 << 10),
                           ("3M", 3 << 20), ("3MiB", 3 << 20), ("2g", 2 << 30), ("1T", 1 << 40)):
            self.ctl("tier", "set", "dram0", "--limit", text)
            self.ctl("tenant", "set", "team-b", "--quota", text, "--pin-quota", text)
            for path in ("tiers/dram0/limit_bytes", "tenants/team-b/quota_bytes",
                         "tenants/team-b/pin_quota_bytes"):
                self.assertEqual(self.value(path), str(size), text)

    def test_tenant(self):
        tenants = {tenant["name"]: tenant for tenant in self.json("tenant")["tenants"]}
        self.assertEqual(set(tenants), {"default", "team-b"})
        self.assertEqual(tenants["team-b"]["quota_bytes"], 1 << 30)
        self.assertEqual(tenants["team-b"]["used_bytes"], 10 << 20)
        self.assertEqual(tenants["team-b"]["uid"], 1000)
        self.assertEqual(self.json("tenant", "show", "team-b")["tenants"], [tenants["team-b"]])
        self.assertIn("unlimited", self.ctl("tenant"))
        self.assertRegex(self.ctl("tenant", "show", "team-b"), r"(?m)^hits +25$")

    def test_guarantee(self):
        changed = self.json("tenant", "set", "team-b", "--guarantee", "256M",
                            "--guarantee-nodes", "0-1")["tenants"]
        self.assertEqual([tenant["guaranteed_bytes"] for tenant in changed], [256 << 20])
        self.assertEqual(self.value("tenants/team-b/guaranteed_nodes"), "0-1")

    def test_tenant_changes(self):
        self.ctl("tenant", "set", "team-b", "-q", "2G", "-p", "64M", "-u", "root", "-g", "5")
        self.assertEqual([self.value(f"tenants/team-b/{name}") for name in
                          ("quota_bytes", "pin_quota_bytes", "uid", "gid")],
                         [str(2 << 30), str(64 << 20), "0", "5"])
        changed = self.json("tenant", "set", "team-b", "--quota", "4M")["tenants"]
        self.assertEqual([tenant["quota_bytes"] for tenant in changed], [4 << 20])
        changed = self.json("tenant", "set", "team-b", "--push-quota", "8M")["tenants"]
        self.assertEqual([tenant["push_quota_bytes"] for tenant in changed], [8 << 20])
        self.ctl("tenant", "drop", "team-b")
        self.assertEqual(self.value("tenants/team-b/drop")[:1], "1")
        self.assertEqual(self.json("tenant", "del", "team-b"), {"schema_version": 2})
        self.assertEqual(self.value("tenants/del")[:6], "team-b")

    def test_missing_tenant(self):
        for args in (["show"], ["del"], ["drop"], ["set", "--quota", "1G"]):
            line = self.ctl("tenant", args[0], "nobody", *args[1:], code=5)
            self.assertEqual(line, "kvpoolctl: there is no tenant 'nobody'; "
                                   "the tenants are: default, team-b\n")
        self.ctl("tenant", "show", "..", code=5)
        self.assertEqual(self.error("tenant", "show", "nobody", code=5), {
            "code": "not_found", "exit_status": 5, "message": "there is no tenant 'nobody'",
            "hint": "the tenants are: default, team-b"})
        for number in range(2, 20):
            fake_sysfs.add_tenant(self.sysfs, f"t{number}", number)
        self.assertIn("t10, ...\n", self.ctl("tenant", "show", "nobody", code=5))

    def test_a_tenant_that_is_added_in_part(self):
        # The directory of the tenant is missing: only the module makes it.
        line = self.ctl("tenant", "add", "new", "--quota", "1G", code=1)
        self.assertEqual(self.value("tenants/add")[:3], "new")
        self.assertIn("'new' was added without some of its settings", line)

    def test_knob(self):
        knobs = {knob["name"]: knob for knob in self.json("knob")["knobs"]}
        self.assertEqual(knobs["policy"]["value"], "lru")
        self.assertEqual(knobs["policy"]["choices"], ["lru", "sieve"])
        self.assertEqual(knobs["watermark_high"]["value"], 95)
        self.assertEqual(knobs["watermark_high"]["max"], 100)
        self.assertEqual(self.json("knob", "show", "policy")["knobs"], [knobs["policy"]])
        self.assertRegex(self.ctl("knob", "show", "policy"),
                         r"(?m)^value +lru$\n^choices +lru sieve$")
        self.ctl("knob", "set", "watermark_high", "100")
        self.assertEqual(self.value("watermark_high"), "100")
        self.assertEqual(self.json("knob", "set", "preempt_ms", "7")["knobs"][0]["value"], 7)
        for knob in knobs:
            self.assertIn(knob, self.ctl("knob"))
        for args in (["show", "speed"], ["set", "speed", "9"]):
            self.assertIn("there is no knob 'speed'; the knobs are: policy, watermark_high",
                          self.ctl("knob", *args, code=5))

    def test_block(self):
        dump = self.json("block")
        self.assertEqual(len(dump["blocks"]), 4)
        self.assertEqual((dump["shown"], dump["matching"]), (4, 4))
        self.assertEqual(dump["matching_bytes"], 4096 * 10)
        self.assertEqual(dump["blocks"][2]["pin"], "hard")
        dump = self.json("block", "--tenant", "team-b", "--state", "sealed")
        self.assertEqual([block["refs"] for block in dump["blocks"]], [2])
        dump = self.json("block", "--count", "1")
        self.assertEqual((len(dump["blocks"]), dump["shown"], dump["matching"]), (1, 1, 4))
        self.assertIn("4 blocks, 40 KiB; not all are shown", self.ctl("block", "-n", "1"))
        self.ctl("block", "--tenant", "nobody", code=5)

    def test_chunk(self):
        dump = self.json("chunk", "-t", "team-b")
        self.assertEqual(dump["chunks"], [{"tenant": "team-b", "chunk": 7, "node": 2,
                                           "used_pages": 100, "longest_run_pages": 300,
                                           "pins": 1}])
        self.assertIn("2 chunks\n", self.ctl("chunk"))

    def test_operation(self):
        dump = self.json("operation")
        self.assertEqual([(op["age_seconds"], op["cancelled"]) for op in dump["operations"]],
                         [(1.5, False), (0.02, True)])
        dump = self.json("operation", "--state", "remote")
        self.assertEqual([op["peer"] for op in dump["operations"]], [3])
        self.assertIn("waits", self.ctl("operation"))

    def test_names_may_be_any_bytes(self):
        dump = self.json("context", "--tenant", "team-b")
        self.assertEqual([context["comm"] for context in dump["contexts"]],
                         ["a \ufffd\u2603\x1b", "-"])
        self.assertEqual(dump["contexts"][0]["oldest_lease_seconds"], 1.5)
        # Not a float: the number is exact.
        self.assertEqual(dump["contexts"][0]["leases"], 2 ** 64 - 1)
        raw = self.run_ctl("context", "--json").stdout
        self.assertIn(b'"comm":"a \\ufffd\xe2\x98\x83\\u001b"', raw)
        self.assertIn("a ?\u2603?", self.ctl("context"))

    def test_context_revoke(self):
        self.ctl("context", "revoke", "2")
        self.assertEqual(self.value("revoke"), "2")
        self.assertEqual([context["context"] for context in
                          self.json("context", "--state", "revoked")["contexts"]], [3])
        for wrong in ("0", "2x", "4294967296", "engine"):
            self.assertIn("is not the number of a context",
                          self.ctl("context", "revoke", wrong, code=2))
        self.assertEqual(self.value("revoke"), "2")

    def test_stats(self):
        stats = self.json("stats")["stats"]
        self.assertEqual([tenant["tenant"] for tenant in stats], ["default", "team-b"])
        self.assertEqual(stats[0]["wait_ns"],
                         {"count": 4, "buckets": [0] * 11 + [3, 1] + [0] * 27})
        self.assertEqual(len(self.json("stats", "show", "team-b")["stats"]), 1)
        self.assertRegex(self.ctl("stats", "show", "team-b"),
                         r"team-b +lease_ns +4 +2048 +4096 +4096 +4096")

    def test_what_is_not_utf8(self):
        for escaped, shown in (
                (r"\300\200", "\ufffd\ufffd"),              # overlong
                (r"\355\240\200", "\ufffd\ufffd\ufffd"),    # a surrogate
                (r"\364\220\200\200", "\ufffd" * 4),        # above U+10FFFF
                (r"\360\237\230\200", "\U0001f600"),
                (r"\342\230", "\ufffd\ufffd"),              # cut off
                (r"\303\251", "\u00e9"),
                (r"\302\205\342\200\250", "\x85\u2028"),     # ends of lines
                (r"q\042\134\011", 'q"\\\t')):
            with open(os.path.join(self.debugfs, "contexts"), "w", encoding="ascii") as out:
                out.write(f"default 1 1 {escaped} none open 0 0 0\n")
            self.assertEqual(self.json("context")["contexts"][0]["comm"], shown)

    def test_arguments_may_be_any_bytes(self):
        args = [b"tenant", b"show", b"\xff\xe2\x98\x83\x1b[2J", b"--json"]
        done = subprocess.run([os.fsencode(CTL), *args], env=self.env, capture_output=True,
                              timeout=60, check=False)
        self.assertEqual(done.returncode, 5)
        self.assertIn(b"'?\xe2\x98\x83?[2J'", done.stderr)
        self.assertIn(b"'\\ufffd\xe2\x98\x83\\u001b[2J'", done.stdout)
        done.stdout.decode("utf-8")

    def test_top(self):
        sample = self.json("top", "--count", "1", "--interval", "0.1")["top"]
        self.assertEqual(len(sample["tenants"]), 2)
        self.assertEqual(sample["tenants"][1]["hits_per_second"], 0)
        self.assertGreaterEqual(sample["interval_seconds"], 0.1)
        self.assertEqual(len(self.documents("top", "-n", "3", "-i", "0.1")), 3)
        text = self.ctl("top", "--interval", "0.1", "--count", "2")
        self.assertEqual(text.count("PRODUCED/s"), 2)


class FailureTest(KvpoolctlCase):
    def test_no_module(self):
        shutil.rmtree(self.sysfs)
        for noun in POOL:
            self.assertIn("the module kvpool is not loaded", self.ctl(noun, code=3))
            error = self.error(noun, code=3)
            self.assertEqual(error["code"], "unavailable")
            self.assertIn("modprobe kvpool", error["hint"])
        for args in (["tenant", "add", "a"], ["tenant", "del", "a"], ["knob", "set", "a", "b"],
                     ["tier", "set", "a", "--limit", "0"]):
            self.assertIn("modprobe kvpool", self.ctl(*args, code=3))

    def test_no_debugfs(self):
        for noun in ("block", "chunk", "context", "operation"):
            os.unlink(os.path.join(self.debugfs, noun + "s"))
            self.assertIn("mount debugfs with", self.ctl(noun, code=3))
            self.assertIn("mount debugfs with", self.error(noun, code=3)["hint"])

    def test_no_permission(self):
        # Root may write every file.
        who = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        os.chmod(self.dir, 0o755)
        try:
            self.run_ctl("status", **who)
        except PermissionError:
            self.skipTest(f"a user without privileges cannot run {CTL}")
        os.chmod(os.path.join(self.sysfs, "policy"), 0o444)
        os.chmod(os.path.join(self.debugfs, "blocks"), 0)
        for args in (["knob", "set", "policy", "sieve"], ["block"]):
            done = self.run_ctl(*args, "--json", code=4, **who)
            self.assertIn(b"run as root", done.stderr)
            self.assertIn(b'"code":"not_permitted"', done.stdout)

    def test_module_of_another_version(self):
        fake_sysfs.write(self.sysfs, "tenants/team-b/blocks", "many")
        self.assertIn("this module is newer", self.ctl("tenant", code=1))
        os.unlink(os.path.join(self.sysfs, "tenants/team-b/blocks"))
        self.assertIn("this module is older", self.ctl("tenant", "show", "team-b", code=1))
        os.unlink(os.path.join(self.sysfs, "tiers/dram2/node"))
        self.assertIn("this module is older", self.ctl("status", code=1))

    def test_a_tenant_that_goes_while_it_is_read(self):
        shutil.rmtree(os.path.join(self.sysfs, "tenants/team-b"))
        os.makedirs(os.path.join(self.sysfs, "tenants/team-b"))
        self.assertEqual([tenant["name"] for tenant in self.json("tenant")["tenants"]],
                         ["default"])

    def test_a_document_that_breaks_off_is_valid(self):
        with open(os.path.join(self.debugfs, "blocks"), "a", encoding="ascii") as out:
            out.write("default torn\n")
        document, = self.documents("block", code=1)
        self.assertEqual(len(document["blocks"]), 4)
        self.assertIn("does not understand", document["error"]["message"])
        os.unlink(os.path.join(self.sysfs, "preempt_ms"))
        document, = self.documents("knob", code=1)
        self.assertEqual(len(document["knobs"]), 3)
        self.assertEqual(document["error"]["code"], "failed")

    def test_a_stream_ends_with_its_error(self):
        with subprocess.Popen([CTL, "top", "--json", "--interval", "0.1"], env=self.env,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              text=True) as top:
            top.stdout.readline()
            os.rename(self.sysfs, self.sysfs + "-gone")
            last = list(top.stdout)[-1]
        self.assertEqual(top.returncode, 3)
        self.assertTrue(last.startswith('{"schema_version":2,"error":{"code":"unavailable"'))

    def test_a_full_disk_is_a_failure(self):
        with open("/dev/full", "w", encoding="ascii") as full:
            done = subprocess.run([CTL, "tenant"], env=self.env, stdout=full,
                                  stderr=subprocess.PIPE, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot write the output: No space left", done.stderr)

    @unittest.skipUnless(jsonschema, "python3-jsonschema is not installed")
    def test_schema(self):
        schema = load_schema()
        jsonschema.Draft7Validator.check_schema(schema)
        statuses = self.json("help")["exit_statuses"][1:]
        self.assertEqual(schema["definitions"]["error"]["properties"]["code"]["enum"],
                         [status["code"] for status in statuses])
        for noun in self.json("help")["nouns"]:
            self.assertIn(noun.get("plural", noun["name"]).replace("events", "event"),
                          schema["properties"])
        # Each unit has one word, at the end of a name.
        names = re.findall(r'"(\w+)": \{', open_text(
            os.path.join(TOP, "Documentation/admin-guide/kvpoolctl.schema.json")))
        for name in names:
            self.assertNotRegex(name, r"_(ns|us|ms|sec|secs|kb|kib|mb|mib|size|length|percent)$")


def open_text(path):
    """The content of a file."""
    with open(path, encoding="ascii") as file:
        return file.read()


if __name__ == "__main__":
    unittest.main()
