# SPDX-License-Identifier: GPL-2.0
"""The check of the module's rooms, on small trees."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../scripts"))
from riglib import rooms  # noqa: E402


class Rooms(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.root)
        self.write("compat.h")
        self.write("version.h")
        self.write("main.c", '#include "dev/ioctl.h"')
        self.write("mem/arena.h", "int arena_find(void);")
        self.write("mem/arena.c", '#include "arena.h"', '#include "compat.h"',
                   '#include "version.h"',
                   "int arena_find(void) { return 1; }")
        self.write("cache/block.h", '#include "mem/arena.h"',
                   "int block_find(void);")
        self.write("cache/block.c", '#include "block.h"',
                   '#include "cache/index.h"',
                   "int block_find(void) { return arena_find(); }")
        self.write("cache/index.h", "struct index;")
        self.write("xfer/mover.h", "int mover_register(void);")
        self.write("xfer/mover.c", '#include "mover.h"',
                   "int mover_register(void) { return 0; }")
        self.write("xfer/export.h")
        self.write("xfer/xfer.h", "int xfer_done(void);")
        self.write("xfer/xfer.c", '#include "xfer.h"',
                   "int xfer_done(void) { return 0; }")
        self.write("dev/ioctl.h", '#include "cache/block.h"')
        self.write("fabric/link.h")
        self.write("fabric/rdma.c", '#include "fabric/link.h"',
                   '#include "xfer/mover.h"', '#include "compat.h"',
                   "int rdma_init(void) { return mover_register(); }")

    def write(self, name, *lines):
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write("\n".join(lines) + "\n")

    def check(self, build=False, movers=()):
        objects = None
        if build:
            objects = os.path.join(self.root, "../" + os.path.basename(
                self.root) + ".o")
            self.addCleanup(shutil.rmtree, objects, True)
            for folder, _, names in os.walk(self.root):
                for name in names:
                    if not name.endswith(".c"):
                        continue
                    source = os.path.join(folder, name)
                    target = os.path.join(objects, os.path.relpath(
                        source, self.root))[:-2] + ".o"
                    os.makedirs(os.path.dirname(target), exist_ok=True)
                    subprocess.run(["cc", "-w", "-c", "-I" + self.root,
                                    source, "-o", target], check=True)
        return rooms.check(self.root, objects, movers)

    def test_good(self):
        self.assertEqual(self.check(), ([], []))
        self.assertEqual(self.check(build=True), ([], []))

    def test_includes_a_higher_room(self):
        self.write("mem/tier.c", '#include "cache/index.h"')
        self.assertEqual(self.check()[0], [
            "mem/tier.c includes cache/index.h: a higher room"])

    def test_the_header_of_a_file_is_in_its_room(self):
        self.write("mem/tier.h", '#include "../dev/ioctl.h"')
        self.assertEqual(self.check()[0], [
            "mem/tier.h includes dev/ioctl.h: a higher room"])

    def test_calls_a_higher_room(self):
        """Declared by hand, so that no include tells."""
        self.write("cache/evict.c", "int xfer_done(void);",
                   "int evict(void) { return xfer_done(); }")
        self.assertEqual(self.check()[0], [])
        self.assertEqual(self.check(build=True)[0], [
            "cache/evict.c uses xfer_done of xfer/xfer.c: a higher room"])

    def test_uses_data_of_a_higher_room(self):
        self.write("control/knobs.c", "int knob = 1;")
        self.write("dev/copy.c", "extern int knob;",
                   "int copy(void) { return knob; }")
        self.assertEqual(self.check(build=True)[0], [
            "dev/copy.c uses knob of control/knobs.c: a higher room"])

    def test_objects_without_a_source(self):
        self.write("cache/old.c", "int xfer_done(void);",
                   "int old(void) { return xfer_done(); }")
        self.assertEqual(len(self.check(build=True)[0]), 1)
        os.unlink(self.root + "/cache/old.c")
        self.assertEqual(self.check(build=True)[0], [])

    def test_the_fabric_sees_two_headers(self):
        self.write("fabric/peer.c", '#include "cache/block.h"')
        self.assertEqual(self.check()[0], [
            "fabric/peer.c includes cache/block.h: the fabric sees only "
            "xfer/mover.h, xfer/export.h, compat.h, version.h"])

    def test_the_fabric_calls_what_is_open(self):
        self.write("fabric/peer.c", "int xfer_done(void);",
                   "int peer(void) { return xfer_done(); }")
        self.assertEqual(len(self.check(build=True)[0]), 1)

    def test_the_core_does_not_know_the_fabric(self):
        self.write("control/stats.c", '#include "fabric/link.h"')
        self.assertEqual(self.check()[0], [
            "control/stats.c includes fabric/link.h: the core does not know "
            "the fabric"])

    def test_other_movers(self):
        mover = self.root + "/test_mover.c.txt"
        with open(mover, "w") as f:
            f.write('#include <linux/list.h>\n#include "xfer/mover.h"\n'
                    '#include "cache/block.h"\n')
        bad = self.check(movers=[mover])[0]
        self.assertEqual(len(bad), 1)
        self.assertIn("includes cache/block.h: a mover sees only", bad[0])
        # A header of its own lies beside it.
        with open(self.root + "/test_mover.h", "w") as f:
            f.write("")
        with open(mover, "w") as f:
            f.write('#include "xfer/mover.h"\n#include "test_mover.h"\n')
        self.assertNotIn("a mover sees", str(self.check(movers=[mover])[0]))

    def test_every_file_has_a_room(self):
        self.write("kvpool.h")
        self.write("tier/dram.c")
        self.assertEqual(self.check()[0], [
            "kvpool is in no room", "tier/dram is in no room"])

    def test_circle(self):
        """Of includes and calls together; small ones are only told."""
        names = "abcd"
        for here, there in zip(names, names[1:]):
            self.write("cache/%s.h" % here)
            self.write("cache/%s.c" % here, '#include "cache/%s.h"' % there)
        self.write("cache/d.h")
        self.write("cache/d.c", "int a_call(void);",
                   "int d_call(void) { return a_call(); }")
        with open(self.root + "/cache/a.c", "a") as f:
            f.write("int a_call(void) { return 0; }\n")
        self.assertEqual(self.check(), ([], []))
        bad, told = self.check(build=True)
        self.assertEqual((bad, told), ([], [
            "circle of 4: cache/a, cache/b, cache/c, cache/d"]))
        # One more, and it is too large.
        self.write("cache/e.h", '#include "cache/a.h"')
        with open(self.root + "/cache/b.h", "a") as f:
            f.write('#include "cache/e.h"\n')
        bad, told = self.check(build=True)
        self.assertEqual(told, [
            "circle of 5: cache/a, cache/b, cache/c, cache/d, cache/e"])
        self.assertEqual(bad[0], "a circle of 5 files, more than 4: "
                         "cache/a, cache/b, cache/c, cache/d, cache/e")
        self.assertIn("  cache/d.c uses a_call of cache/a.c", bad)

    def test_generated_table(self):
        """Its header declares what others define, so it is in no circle with them."""
        self.write("fabric/netlink_gen.h", "int do_a(void);", "int do_b(void);")
        self.write("fabric/netlink_gen.c", '#include "fabric/netlink_gen.h"',
                   "int (*ops[])(void) = { do_a, do_b };")
        for name in "ab":
            self.write("fabric/%s.c" % name, '#include "fabric/netlink_gen.h"',
                       "int do_%s(void) { return 0; }" % name)
        self.assertEqual(self.check(build=True), ([], []))
