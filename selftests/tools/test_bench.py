# SPDX-License-Identifier: GPL-2.0
"""scripts/bench: what it makes of reports of the counter, symbols and figures."""

import importlib.machinery
import importlib.util
import os
import sys
import unittest

sys.dont_write_bytecode = True
SCRIPTS = os.path.join(os.path.dirname(os.path.realpath(__file__)),
                       "../../scripts")


def load():
    """scripts/bench as a module."""
    loader = importlib.machinery.SourceFileLoader(
        "bench", os.path.join(SCRIPTS, "bench"))
    spec = importlib.util.spec_from_loader("bench", loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


bench = load()

KALLSYMS = """\
ffffffff81000000 T _text
ffffffff81001000 T __cond_resched
ffffffff81001040 t __schedule
ffffffff81001800 T schedule
ffffffff81002000 T asm_sysvec_apic_timer_interrupt
ffffffff81002040 T asm_exc_page_fault
ffffffff81002800 t rht_deferred_worker
ffffffff81002900 t other
ffffffff81003000 D jiffies
ffffffffc0201010 t kvpool_ioctl\t[kvpool]
ffffffffc0205ff0 t kvpool_last\t[kvpool]
ffffffffc0200000 t virtio_probe\t[virtio]
ffffffffc0300000 t testbench_spin\t[kvpool_testbench]
"""


def report(**fields):
    """A report of the counter, as Host.reports() gives it."""
    base = {"n": "3", "beside_n": "0", "kernel": "1,2,3,4", "user": "5,6,7,8",
            "others": "100,200,300,400", "hist": []}
    base.update(fields)
    return base


def figure(name, **members):
    """A figure as a program prints it."""
    base = {"name": name, "unit": "instructions", "better": "lower",
            "how": "how"}
    base.update(members)
    return base


class Points(unittest.TestCase):
    def setUp(self):
        self.symbols = bench.parse_kallsyms(KALLSYMS)

    def test_functions_only_by_address(self):
        names = [name for _, name, _ in self.symbols]
        self.assertNotIn("jiffies", names)
        self.assertEqual(sorted(self.symbols), self.symbols)
        self.assertIn((0xffffffffc0201010, "kvpool_ioctl", "kvpool"),
                      self.symbols)

    def test_points(self):
        found = bench.points(self.symbols)
        for point in (("point", 0xffffffff81001000),
                      ("past", 0xffffffff81001040),
                      ("switch", 0xffffffff81001040),
                      ("past", 0xffffffff81001800),
                      ("interrupt", 0xffffffff81002000),
                      ("exception", 0xffffffff81002040)):
            self.assertIn(point, found)
        self.assertNotIn(0xffffffff81001800,
                         [addr for kind, addr in found if kind != "past"])

    def test_code_is_that_of_the_index_and_the_modules(self):
        found = [point for point in bench.points(self.symbols)
                 if point[0] in ("begin", "end")]
        self.assertEqual([("begin", 0xffffffff81002800),
                          ("end", 0xffffffff81002900),
                          ("begin", 0xffffffffc0201000),
                          ("end", 0xffffffffc0206000),
                          ("begin", 0xffffffffc0300000),
                          ("end", 0xffffffffc0301000)], found)

    def test_missing_points_are_an_error(self):
        symbols = [s for s in self.symbols if s[1] != "__cond_resched"]
        with self.assertRaises(bench.Failed):
            bench.write_points(os.devnull, symbols)


class Resolve(unittest.TestCase):
    def resolve(self, *raw, reports=()):
        return {f["name"]: f for f in bench.resolve(
            raw, list(reports), bench.parse_kallsyms(KALLSYMS), "")}

    def test_statistics(self):
        for stat, value in (("min", 1), ("median", 2), ("mean", 3),
                            ("max", 4)):
            got = self.resolve(figure("f", report=0, count="kernel",
                                      stat=stat, per=1), reports=[report()])
            self.assertEqual(value, got["f"]["value"])

    def test_counts_of_all_cpus(self):
        got = self.resolve(figure("f", report=0, count="all", stat="mean",
                                  per=2), reports=[report()])
        self.assertEqual((3 + 7 + 300) / 2, got["f"]["value"])

    def test_run(self):
        got = self.resolve(
            figure("f", report=0, count="run", stat="max", per=1),
            figure("g", report=0, count="any", stat="max", per=1),
            reports=[report(
                run="500", run_rep="0", run_from="ffffffff81001810",
                run_at="ffffffffc0201020", run_to="ffffffff81000010",
                run_in="ffffffffc0201010", run_out="ffffffffc0205ff8",
                any="700", any_rep="9", any_from="ffffffff81001810",
                any_at="ffffffffc0201020", any_to="ffffffff81000010",
                any_in="ffffffffc0201010", any_out="ffffffffc0205ff8")])
        self.assertEqual(500, got["f"]["value"])
        self.assertEqual(700, got["g"]["value"])
        for word in ("from schedule", "in kvpool_ioctl", "to _text",
                     "to kvpool_last"):
            self.assertIn(word, got["f"]["how"])
        self.assertNotIn("REP", got["f"]["how"])
        self.assertIn("9 further iterations", got["g"]["how"])

    def test_run_outside_of_the_module(self):
        got = self.resolve(figure("f", report=0, count="run", stat="max",
                                  per=1), reports=[report(run="0")])
        self.assertEqual(0, got["f"]["value"])

    def test_a_section_that_did_not_run_is_an_error(self):
        for count in ("run", "kernel"):
            with self.assertRaises(bench.Failed):
                self.resolve(figure("f", report=0, count=count, stat="max",
                                    per=1), reports=[report(n="0", run="0")])

    def test_a_counter_that_is_wrong_is_an_error(self):
        self.resolve(figure("run_check", value=1.01))
        with self.assertRaises(bench.Failed):
            self.resolve(figure("run_check", value=1.03))
        with self.assertRaises(bench.Failed):
            self.resolve(figure("counter_check", value=1.01))

    def test_ratio_of_hidden_figures(self):
        got = self.resolve(figure(".a", value=6), figure(".b", value=3),
                           figure("c", ratio=[".a", ".b"], scale=2))
        self.assertEqual(["c"], list(got))
        self.assertEqual(4, got["c"]["value"])


class Targets(unittest.TestCase):
    def test_zero_is_a_target(self):
        made = {"target": 0, "better": "lower", "value": 0}
        self.assertTrue(bench.met(made))
        self.assertFalse(bench.met(dict(made, value=1)))
        self.assertIsNone(bench.met(dict(made, target=None)))


class Programs(unittest.TestCase):
    def test_hosts_and_names(self):
        names = [program.name for program in bench.PROGRAMS]
        self.assertEqual(len(set(names)), len(names))
        for program in bench.PROGRAMS:
            self.assertIn(program.host, bench.KINDS)
            self.assertTrue(os.path.exists(os.path.join(
                SCRIPTS, "../selftests/bench", program.argv[0] + ".c")))


if __name__ == "__main__":
    unittest.main()
