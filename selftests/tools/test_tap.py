# SPDX-License-Identifier: GPL-2.0
"""Results of test programs, with the reasons of failures."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../scripts"))
from riglib import tap  # noqa: E402

TEXT = """\
TAP version 13
1..3
# of the first
ok 1 first
# second.c:7: expected 1, not 2
#   and why
not ok 2 second
ok 3 third # SKIP there is none
"""


class Tap(unittest.TestCase):
    def test_reason(self):
        """The reason of a failed test is its own output."""
        results = tap.judge(TEXT, 1)
        self.assertEqual([r.status for r in results],
                         ["passed", "failed", "skipped"])
        self.assertEqual(results[1].reason,
                         "not ok\nsecond.c:7: expected 1, not 2\nand why")
        self.assertEqual(results[2].reason, "there is none")

    def test_long_reason(self):
        text = "".join("# line %d\n" % n for n in range(1000))
        reason = tap.judge(text + "not ok 1 one\n", 1)[0].reason.splitlines()
        self.assertEqual(len(reason), 1 + tap.SAID)
        self.assertEqual(reason[-1], "line 999")

    def test_ended_early(self):
        results = tap.judge(TEXT.replace("ok 3", "# ok 3"), 139)
        self.assertEqual(results[-1].reason, "ended by signal 11")


if __name__ == "__main__":
    unittest.main()
