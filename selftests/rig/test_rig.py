# SPDX-License-Identifier: GPL-2.0-only
"""The virtual hosts, as tests and benchmarks use them."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

REPO = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.insert(0, os.path.join(REPO, "scripts"))
from riglib import client  # noqa: E402

RIG = os.path.join(REPO, "scripts", "rig")
BUILD = os.environ.get("KVPOOL_BUILD", os.path.join(REPO, "build"))


def rig(*argv, **kw):
    return subprocess.run([RIG, *argv], stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kw)


class Sockets(unittest.TestCase):
    def test_bound_before_it_listens(self):
        """QEMU binds a socket first; a client that comes then has to wait."""
        with tempfile.TemporaryDirectory() as folder, \
                socket.socket(socket.AF_UNIX) as server:
            server.bind(folder + "/port0")
            thread = threading.Timer(0.2, server.listen)
            thread.start()
            client.connect_unix(folder + "/port0").close()
            thread.join()

    def test_gone(self):
        """A socket that its program has left behind is an error in the end."""
        with tempfile.TemporaryDirectory() as folder:
            with socket.socket(socket.AF_UNIX) as server:
                server.bind(folder + "/port0")
            with self.assertRaises(ConnectionRefusedError):
                client.connect_unix(folder + "/port0")


class Hosts(unittest.TestCase):
    def setUp(self):
        self.names = []
        self.addCleanup(self.down)

    def down(self):
        for name in self.names:
            rig("down", name)
            shutil.rmtree(os.path.join(BUILD, "rig", name), ignore_errors=True)

    def up(self, *names, options=()):
        names = ["test-%d-%s" % (os.getpid(), n) for n in names]
        self.names += names
        done = rig("up", *names, "--mem", "512M", "--smp", "1", *options,
                   "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        return names if len(names) > 1 else names[0]

    def sh(self, name, script, want=0, options=()):
        done = rig("exec", name, *options, "--", "sh", "-c", script)
        self.assertEqual(done.returncode, want, done.stderr)
        return done

    def test_command(self):
        host = self.up("a")
        self.assertEqual(self.sh(host, "echo out; echo err >&2").stdout,
                         "out\n")
        self.sh(host, "exit 7", 7)
        self.sh(host, "kill -9 $$", 128 + 9)
        done = rig("exec", host, "--", "/no/such/program")
        self.assertEqual(done.returncode, 127)
        self.sh(host, "sleep 100", 124, ("--timeout", "1"))
        # Files that a host writes outside the build directory are its own.
        self.sh(host, "echo x > /etc/kvpool-rig-test")
        self.assertFalse(os.path.exists("/etc/kvpool-rig-test"))

    def test_kernel_complains(self):
        host = self.up("a")
        line = "echo '<4>WARNING: CPU: 0 PID: 1 at a test' > /dev/kmsg"
        done = self.sh(host, line, 97)
        self.assertIn("at a test", done.stderr)
        self.sh(host, "true")
        self.sh(host, line, 0, ("--no-klog",))
        self.assertEqual(rig("down", host).returncode, 0)

    def test_host_is_killed(self):
        host = self.up("a")
        state = json.loads(rig("list", "--json").stdout)
        pid = [s["pid"] for s in state if s["name"] == host][0]
        os.kill(pid, 9)
        done = rig("exec", host, "--", "true")
        self.assertEqual(done.returncode, 98, done.stderr)

    def test_snapshot(self):
        one = self.up("a", options=("--snapshot",))
        two = self.up("b", options=("--snapshot",))
        said = []
        for host in (one, two):
            out = self.sh(host, "hostname; date +%s; head -c16 /dev/urandom |"
                          " od -An -tx1; ls -d " + BUILD + "; wc -l <"
                          " /proc/modules").stdout.split("\n")
            said.append(out)
            self.assertEqual(out[0], host)
            self.assertLess(abs(int(out[1]) - time.time()), 60)
            self.assertEqual(out[3], BUILD)
        # Both come from one memory and must not draw the same numbers.
        self.assertNotEqual(said[0][2], said[1][2])
        self.assertEqual(said[0][4], said[1][4])
        self.sh(one, "modprobe loop && grep -q ^loop /proc/modules")

    def test_movable_memory(self):
        """A node whose memory is plugged in and onlined as movable."""
        ko = os.path.join(BUILD, "mod", "6.12", "kvpool.ko")
        if not os.path.exists(ko):
            self.skipTest("no module: make modules-6.12")
        far = " ".join("-numa dist,src=%d,dst=%d,val=20" % pair
                       for pair in ((0, 2), (2, 0), (1, 2), (2, 1)))
        host = self.up("m", options=(
            "--numa", "512M:0,256M", "--append",
            "memhp_default_state=online_movable", "--qemu-arg",
            "-m slots=1,maxmem=4G -object memory-backend-ram,id=far,size=256M"
            " -numa node,nodeid=2 %s"
            " -device pc-dimm,id=dimm,memdev=far,node=2" % far))
        out = self.sh(host, "insmod %s && cd /sys/class/misc/kvpool/tiers &&"
                      " cat dram0/usable dram2/usable && dmesg" % ko).stdout
        self.assertTrue(out.startswith(
            "yes\nno: memory is onlined as movable\n"), out[:100])
        self.assertIn("kvpool: memory of node 2 cannot be used", out)
        self.assertNotIn("kvpool: memory of node 0 cannot be used", out)

    def test_links(self):
        self.both_ways("stream", ())

    def test_links_and_snapshot(self):
        self.both_ways("dgram", ("--snapshot",))

    def both_ways(self, kind, snapshot):
        pair = ["%s-%s" % (kind, n) for n in "ab"]
        a, b = ["test-%d-%s" % (os.getpid(), n) for n in pair]
        link = "%s:%s:%s" % (a, b, kind)
        self.up(*pair, options=("--link", link, "--link", link, *snapshot))
        for host, other in ((a, 2), (b, 1)):
            for number in (0, 1):
                # A refusal is an answer of the other host.
                said = self.sh(host, "python3 -c 'import socket;"
                               " socket.create_connection((\"10.77.%d.%d\","
                               " 7), 20)'" % (number, other), 1).stderr
                self.assertIn("ConnectionRefusedError", said)


if __name__ == "__main__":
    unittest.main()
