# SPDX-License-Identifier: GPL-2.0
"""Results of test programs, from the TAP that they print."""

import collections
import re

RESULT = re.compile(r"\s*(not )?ok\b *(\d*) *-? *(.*)")
PLAN = re.compile(r"\s*1\.\.(\d+)")
# Names of tests in the output of selftests/run-python, which takes them too.
PYTHON = re.compile(r"test_\w+\.\w+\.test_\w+")
KSFT_SKIP = 4
SAID = 40       # lines

Result = collections.namedtuple("Result", "status name reason")


def parse(text):
    """(results, number of tests in the plan or None).

    Only lines at the left margin count: an indented line belongs to a subtest,
    whose outcome its parent reports.  The reason of a failure is the last SAID
    lines of the comments since the result before.
    """
    results, plan, said = [], None, []
    for line in text.splitlines():
        if line[:1].isspace():
            continue
        if line.startswith("#"):
            said.append(line.lstrip("# "))
            continue
        m = PLAN.fullmatch(line.split("#")[0].rstrip())
        if m:
            plan = int(m[1])
            continue
        m = RESULT.fullmatch(line)
        if not m:
            continue
        name, _, directive = m[3].partition("#")
        word = directive.strip().split(None, 1)
        name = name.strip() or "test " + m[2]
        if word and word[0].upper().startswith(("SKIP", "TODO")):
            results.append(Result("skipped", name,
                                  word[1] if len(word) > 1 else "no reason"))
        elif m[1]:
            results.append(Result("failed", name, "\n".join(
                ["not ok"] + said[-SAID:])))
        else:
            results.append(Result("passed", name, ""))
        said.clear()
    return results, plan


def judge(text, code, troubles=()):
    """All results of a program that ended with an exit code.

    troubles are reasons why it failed beside its output; each is a result.
    """
    results, plan = parse(text)
    extra = list(troubles)
    failed = any(r.status == "failed" for r in results)
    if code == KSFT_SKIP and not results and not extra:
        reason = [line.lstrip("# ") for line in text.splitlines()
                  if "skip" in line.lower()]
        results.append(Result("skipped", "all",
                              reason[-1] if reason else "exit code 4"))
    elif code == 124:
        extra.append("did not end in time and was killed")
    elif code > 128:
        extra.append("ended by signal %d" % (code - 128))
    elif plan is not None and len(results) < plan:
        extra.append("ended after %d of %d tests (exit code %d)" %
                     (len(results), plan, code))
    elif code not in (0, KSFT_SKIP) and not failed and not extra:
        extra.append("exit code %d" % code)
    elif not results and not extra and code == 0:
        results.append(Result("passed", "all", ""))
    for reason in extra:
        results.append(Result("failed", "the program", reason))
    return results


def count(results):
    """The counts of results by status, as text."""
    counts = collections.Counter(r.status for r in results)
    return "%d passed, %d failed, %d skipped" % (
        counts["passed"], counts["failed"], counts["skipped"])
