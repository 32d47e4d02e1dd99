# SPDX-License-Identifier: GPL-2.0
"""The results of a run of tests, and the second runs of tests that fail.

A test that fails is run once more, on fresh hosts. If it passes then, it counts
as passed and is listed as flaky, with the logs of both runs. Three or more flaky
tests in one run fail the run.
"""

import collections
import threading
import time

from . import tap
from .util import RigError

FLAKY_LIMIT = 3

Flaky = collections.namedtuple("Flaky", "where names logs")


def failures(results):
    """The failed ones of some results."""
    return [r for r in results if r.status == "failed"]


class Report:
    """Results of all suites; lanes report concurrently."""

    def __init__(self, say=None):
        self.lock = threading.Lock()
        self.results = []       # (where, result, logs)
        self.flaky = []
        self.begun = time.monotonic()
        self.print = say or (lambda text: print(text, flush=True))

    def say(self, text):
        """Print a line with the time since the begin of the run."""
        with self.lock:
            self.line(text)

    def line(self, text):
        """Print a line; the lock is held."""
        spent = time.monotonic() - self.begun
        self.print("[%2d:%02d] %s" % (spent // 60, spent % 60, text))

    def show(self, where, results, seconds):
        """Print the counts and failures of results; the lock is held."""
        self.line("%s: %s (%.0f s)" % (where, tap.count(results), seconds))
        for r in failures(results):
            self.print("  FAILED %s: %s: %s" % (
                where, r.name, r.reason.replace("\n", "\n    ")))

    def add(self, where, results, seconds=0, logs=()):
        """Add results that are final."""
        with self.lock:
            self.show(where, results, seconds)
            self.results += [(where, r, tuple(logs)) for r in results]

    def settle(self, where, results, seconds, log, retry):
        """Add results; if some failed, run these tests a second time first.

        retry(failed) runs the failed tests, or all tests, on fresh hosts. It
        returns (results, log), whose results are of the same tests as those
        here.
        """
        bad = failures(results)
        if not bad:
            self.add(where, results, seconds, [log])
            return
        with self.lock:
            self.show(where, results, seconds)
            self.line("%s: runs once more, on fresh hosts" % where)
        begun = time.monotonic()
        try:
            second, second_log = retry(bad)
        except RigError as e:
            second, second_log = results + [tap.Result(
                "failed", "the second run", str(e))], log
        logs = [log, second_log]
        if not failures(second):
            with self.lock:
                self.flaky.append(Flaky(where, [r.name for r in bad], logs))
        self.add(where + " (second run)", second, time.monotonic() - begun,
                 logs)

    def finish(self):
        """Print the lists and the last line; returns the exit code."""
        if len(self.flaky) >= FLAKY_LIMIT:
            self.add("flaky", [tap.Result(
                "failed", "fewer than %d tests fail once" % FLAKY_LIMIT,
                "%d did" % len(self.flaky))])
        for status, title in (("skipped", "skipped"), ("failed", "FAILED")):
            for where, r, logs in self.results:
                if r.status != status:
                    continue
                self.print("%s  %s: %s: %s" % (
                    title, where, r.name,
                    r.reason.splitlines()[0] if r.reason else ""))
                if status == "failed":
                    for log in logs:
                        self.print("        " + log)
        for flaky in self.flaky:
            self.print("flaky   %s: %s" % (flaky.where,
                                           ", ".join(flaky.names)))
            for log in flaky.logs:
                self.print("        " + log)
        results = [r for _, r, _ in self.results]
        self.print(tap.count(results))
        return 1 if failures(results) else 0
