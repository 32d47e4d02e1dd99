# SPDX-License-Identifier: GPL-2.0
"""The modules and the library have one version."""

import os
import re
import unittest

REPO = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))


def read(path):
    """The text of a file of the repository."""
    with open(os.path.join(REPO, path), encoding="utf-8") as f:
        return f.read()


class Version(unittest.TestCase):
    def test_modules_and_library_agree(self):
        header = read("libkvpool/include/kvpool.h")
        parts = [re.search(r"#define KVPOOL_VERSION_%s\s+(\d+)" % part, header)[1]
                 for part in ("MAJOR", "MINOR", "PATCH")]
        module = re.search(r'#define KVPOOL_MODULE_VERSION\s+"(.*)"',
                           read("kmod/version.h"))[1]
        self.assertEqual(".".join(parts), module)


if __name__ == "__main__":
    unittest.main()
