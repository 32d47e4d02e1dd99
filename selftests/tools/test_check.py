# SPDX-License-Identifier: GPL-2.0
"""scripts/check: what it makes of tests that fail once, and how lanes take jobs."""

import argparse
import importlib.machinery
import importlib.util
import os
import sys
import tempfile
import threading
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../scripts"))
from riglib import ksft, lanes, tap, verdict  # noqa: E402
from riglib.util import RigError  # noqa: E402

REPO = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
PASSED = tap.Result("passed", "second", "")
SKIPPED = tap.Result("skipped", "third", "there is none")


def outcome(failed):
    """Three results of a suite; the first failed or passed."""
    return [tap.Result("failed", "first", "not ok\nwrong") if failed else
            tap.Result("passed", "first", ""), PASSED, SKIPPED]


class Flaky(unittest.TestCase):
    def setUp(self):
        self.lines = []
        self.report = verdict.Report(self.lines.append)
        self.retried = []

    def suite(self, name, *runs):
        """A fake suite whose first test fails in those runs that are True."""
        def retry(bad):
            self.retried.append((name, [r.name for r in bad]))
            return outcome(runs[1]), name + ".log.second"
        self.report.settle(name, outcome(runs[0]), 1, name + ".log", retry)

    def finish(self):
        code = self.report.finish()
        return code, self.lines[-1], [
            line for line in self.lines if line.startswith("flaky")]

    def test_passes(self):
        self.suite("good", False)
        self.assertEqual(self.finish(),
                         (0, "2 passed, 0 failed, 1 skipped", []))
        self.assertEqual(self.retried, [])

    def test_fails_once(self):
        self.suite("bad", True, False)
        code, last, flaky = self.finish()
        self.assertEqual((code, last), (0, "2 passed, 0 failed, 1 skipped"))
        self.assertEqual(self.retried, [("bad", ["first"])])
        self.assertEqual(flaky, ["flaky   bad: first"])
        # Both logs are named.
        at = self.lines.index(flaky[0])
        self.assertEqual([line.strip() for line in self.lines[at + 1:at + 3]],
                         ["bad.log", "bad.log.second"])

    def test_fails_always(self):
        self.suite("bad", True, True)
        code, last, flaky = self.finish()
        self.assertEqual((code, last, flaky),
                         (1, "1 passed, 1 failed, 1 skipped", []))
        self.assertEqual(len(self.retried), 1)
        for log in ("bad.log", "bad.log.second"):
            self.assertIn(log, [line.strip() for line in self.lines])

    def test_two_flaky(self):
        for name in "ab":
            self.suite(name, True, False)
        self.assertEqual(self.finish()[:2],
                         (0, "4 passed, 0 failed, 2 skipped"))

    def test_three_flaky(self):
        for name in "abc":
            self.suite(name, True, False)
        code, last, flaky = self.finish()
        self.assertEqual((code, last), (1, "6 passed, 1 failed, 3 skipped"))
        self.assertEqual(len(flaky), 3)

    def test_no_second_run(self):
        """A host that does not come up is a failure, and hides none."""
        def retry(_bad):
            raise RigError("no host")
        self.report.settle("bad", outcome(True), 1, "bad.log", retry)
        self.assertEqual(self.finish()[:2],
                         (1, "1 passed, 2 failed, 1 skipped"))

    def test_lanes_report_together(self):
        def lane(n):
            for k in range(50):
                self.report.add("%d.%d" % (n, k), outcome(False))
        threads = [threading.Thread(target=lane, args=(n,)) for n in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(self.finish()[1], "400 passed, 0 failed, 200 skipped")


FAKE = """
import os, unittest
class Fake(unittest.TestCase):
    def count(self, name):
        with open(os.path.join(os.path.dirname(__file__), name), "a+") as f:
            f.write("x")
            f.seek(0)
            return len(f.read())
    def test_good(self):
        self.assertEqual(self.count("good"), 1, "ran a second time")
    def test_once(self):
        self.assertEqual(self.count("once"), 2)
    def test_always(self):
        self.assertEqual(self.count("always"), %s)
"""


class Programs(unittest.TestCase):
    """Programs on this machine, as scripts/check runs them."""

    def run_suite(self, argv, python=False):
        spec = importlib.util.spec_from_loader(
            "check", importlib.machinery.SourceFileLoader(
                "check", os.path.join(REPO, "scripts/check")))
        check = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(check)
        lines = []
        report = verdict.Report(lines.append)
        opts = argparse.Namespace(soak=False, suites=(), test=None)
        with tempfile.TemporaryDirectory() as out:
            run = check.Run(opts, report, out)
            if python:
                folder = os.path.relpath(argv, os.path.join(REPO, "selftests"))
                run.python("fake", folder)()
            else:
                run.program("fake", argv)()
            logs = sorted(os.listdir(out + "/fake"))
        return report.finish(), lines, logs

    def python(self, always):
        with tempfile.TemporaryDirectory() as folder:
            with open(folder + "/test_fake.py", "w") as f:
                f.write(FAKE % always)
            return self.run_suite(folder, True)

    def test_one_method_runs_again(self):
        """Of a suite in Python only the tests that failed run once more."""
        code, lines, logs = self.python("self.count('always') - 1")
        self.assertEqual((code, lines[-1]),
                         (0, "3 passed, 0 failed, 0 skipped"))
        self.assertEqual(logs, ["log", "log.second"])
        self.assertIn("flaky   fake: test_fake.Fake.test_once", lines)

    def test_one_method_fails_again(self):
        code, lines, _ = self.python("0")
        self.assertEqual((code, lines[-1]),
                         (1, "2 passed, 1 failed, 0 skipped"))

    def test_suite_runs_again(self):
        """A suite that cannot run a test alone runs as a whole."""
        with tempfile.TemporaryDirectory() as folder:
            script = """
                echo 1..2; echo ok 1 - good
                if mkdir %s/seen 2>/dev/null; then echo not ok 2 - bad; exit 1
                else echo ok 2 - bad; fi""" % folder
            code, lines, logs = self.run_suite(["sh", "-c", script])
        self.assertEqual((code, lines[-1]),
                         (0, "2 passed, 0 failed, 0 skipped"))
        self.assertEqual(logs, ["log", "log.second"])

    def test_passes(self):
        code, lines, logs = self.run_suite(["echo", "1..1\nok 1 - good"])
        self.assertEqual((code, lines[-1]),
                         (0, "1 passed, 0 failed, 0 skipped"))
        self.assertEqual(logs, ["log"])


class Lanes(unittest.TestCase):
    def setUp(self):
        self.order, self.failed = [], []
        self.lock = threading.Lock()

    def job(self, name, cost, *needs, run=None):
        def note():
            with self.lock:
                self.order.append(name)
            if run:
                run()
        return lanes.Job(name, note, cost, needs)

    def run_jobs(self, *jobs, nr=1):
        return lanes.run(jobs, nr, lambda job, error: self.failed.append(
            (job.name, str(error))))

    def test_longest_way_first(self):
        """A short job that many need comes before a long one that none needs."""
        took = self.run_jobs(self.job("long", 50), self.job("suite", 60, "build"),
                             self.job("build", 10), self.job("short", 5))
        self.assertEqual(self.order, ["build", "suite", "long", "short"])
        self.assertEqual(set(took), set(self.order))

    def test_both_lanes_work(self):
        """Two jobs that wait for each other end only if both run."""
        barrier = threading.Barrier(2, timeout=60)
        self.run_jobs(self.job("a", 1, run=barrier.wait),
                      self.job("b", 1, run=barrier.wait), nr=2)
        self.assertEqual(self.failed, [])

    def test_waits_for_what_it_needs(self):
        """A lane that has nothing to do waits for the other's job."""
        self.run_jobs(self.job("kernel", 9), self.job("module", 1, "kernel"),
                      self.job("suite", 1, "module"), nr=2)
        self.assertEqual(self.order, ["kernel", "module", "suite"])

    def test_failure_takes_along_what_needs_it(self):
        def fail():
            raise RigError("no memory")
        self.run_jobs(self.job("kernel", 9, run=fail), self.job("other", 1),
                      self.job("module", 1, "kernel"),
                      self.job("suite", 1, "module"))
        self.assertEqual(self.order, ["kernel", "other"])
        self.assertEqual(self.failed[0], ("kernel", "no memory"))
        self.assertEqual({name for name, _ in self.failed},
                         {"kernel", "module", "suite"})

    def test_circle(self):
        with self.assertRaises(ValueError):
            self.run_jobs(self.job("a", 1, "b"), self.job("b", 1, "a"))
        with self.assertRaises(ValueError):
            self.run_jobs(self.job("a", 1, "nowhere"))

    def test_pack(self):
        items = [("a", 100), ("b", 30), ("c", 90), ("d", 20), ("e", 60)]
        parts = lanes.pack(items, 150)
        self.assertEqual(sorted(sum(parts, [])), list("abcde"))
        self.assertEqual(len(parts), 2)
        costs = dict(items)
        for part in parts:
            self.assertEqual(part, sorted(part))
            self.assertLessEqual(sum(costs[i] for i in part), 160)
        self.assertEqual(lanes.pack([("a", 500)], 100), [["a"]])


class Costs(unittest.TestCase):
    def test_measured_come_before_hints(self):
        with tempfile.TemporaryDirectory() as folder:
            hints, measured = folder + "/hints", folder + "/measured"
            with open(hints, "w") as f:
                f.write("# hints\n  10 6.12 evict\n 900 kernel debug\n")
            costs = lanes.Costs(hints, measured)
            self.assertEqual(costs.of("6.12 evict"), 10)
            self.assertEqual(costs.of("unknown", 7), 7)
            costs.measure("6.12 evict", 33)
            costs.write(measured)
            costs = lanes.Costs(hints, measured)
            self.assertEqual(costs.of("6.12 evict"), 33)
            self.assertEqual(costs.of("kernel debug"), 900)


class Listed(unittest.TestCase):
    def test_each_source_is_listed(self):
        """A program that kselftest-list forgets would never run."""
        rooms = os.path.join(os.path.dirname(__file__), "..")
        known = {program[0] for program in ksft.read_list()}
        for room in ("uapi", "cache", "mem", "ops", "control"):
            for name in os.listdir(os.path.join(rooms, room)):
                if name.endswith(".c") and name != "compat32.c":
                    self.assertIn(name[:-2], known)

    def test_kernels(self):
        """Every program runs somewhere, and everywhere in a soak."""
        everywhere = {p[0] for p in ksft.read_list()}
        somewhere = set()
        for kernel in ksft.KERNELS:
            somewhere |= {p[0] for p in ksft.meant_for(kernel)}
            self.assertEqual({p[0] for p in ksft.meant_for(kernel, True)},
                             everywhere)
        self.assertEqual(somewhere, everywhere)
        self.assertNotIn("fail_nth", {p[0] for p in ksft.meant_for("6.12")})

    def test_parts(self):
        """A host has one shape, and each program has one host."""
        programs = ksft.meant_for("6.12")
        parts = ksft.parts("6.12", programs, lanes.Costs())
        self.assertEqual(sorted(p[0] for part in parts for p in part),
                         sorted(p[0] for p in programs))
        for part in parts:
            self.assertEqual(len({ksft.shape(p[2]) for p in part}), 1)
