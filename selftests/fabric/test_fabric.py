# SPDX-License-Identifier: GPL-2.0-only
"""Two virtual hosts with two links: a asks, b has the blocks.

FABRIC_KERNEL in the environment is the kernel of both (6.12 if not given),
FABRIC_SMP the number of CPUs of each (1: more are slower on two cores, and QEMU
7.2 is not to be trusted with them; see Documentation/rig.rst).
A complaint of either kernel fails the command during which it came.
"""

import json
import os
import re
import shutil
import subprocess
import threading
import time
import unittest

REPO = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
RIG = os.path.join(REPO, "scripts", "rig")
BUILD = os.environ.get("KVPOOL_BUILD", os.path.join(REPO, "build"))
KERNEL = os.environ.get("FABRIC_KERNEL", "6.12")
SMP = os.environ.get("FABRIC_SMP", "1")
CTL = os.path.join(BUILD, "lib/tools/kvpoolctl")
KVFAB = os.path.join(BUILD, "fabric", KERNEL, "kvfab")
HOSTILE = os.path.join(BUILD, "fabric", KERNEL, "hostile")
ENGINE = os.path.join(BUILD, "lib/tests/module-peers")
MB = 1 << 20
EHOSTUNREACH, EINPROGRESS, EMSGSIZE, EEXIST, ENOENT = 113, 115, 90, 17, 2
EREMOTEIO = 121

LOAD = """
modprobe -a ib_core rdma_cm && insmod "$1/kvpool.ko" &&
insmod "$1/kvpool_rdma.ko" queues=2
"""


def rig(*argv):
    return subprocess.run([RIG, *argv], stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)


class Refused(Exception):
    pass


class Host:
    def __init__(self, name):
        self.name = name

    def run(self, *argv, timeout=300):
        done = rig("exec", "--timeout", str(timeout), self.name, "--", *argv)
        if done.returncode:
            raise Refused("%s: %s: %d\n%s%s" % (
                self.name, " ".join(argv), done.returncode, done.stdout,
                done.stderr))
        return done.stdout

    def sh(self, script, *argv, **kw):
        return self.run("sh", "-c", script, "sh", *argv, **kw)

    def ctl(self, *argv):
        return self.run(CTL, *argv)

    def json(self, *argv):
        return json.loads(self.run(CTL, *argv, "--json"))

    def fab(self, *argv, timeout=300):
        """One line of JSON; fails if anything was not as it should be."""
        return json.loads(self.run(KVFAB, *map(str, argv), timeout=timeout))

    def qmp(self, command, **arguments):
        done = rig("qmp", self.name, json.dumps(
            {"execute": command, "arguments": arguments}))
        if done.returncode:
            raise Refused("%s: %s: %s" % (self.name, command, done.stderr))


class Later(threading.Thread):
    """A command that runs beside the test; result() waits for it."""

    def __init__(self, function, *argv, **kw):
        super().__init__(daemon=True)
        self.call = lambda: function(*argv, **kw)
        self.error = self.value = None
        self.start()

    def run(self):
        try:
            self.value = self.call()
        except Exception as e:
            self.error = e

    def result(self):
        self.join()
        if self.error:
            raise self.error
        return self.value


def wait_until(condition, what, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("it never came: " + what)
        time.sleep(0.2)


a = b = None


def setUpModule():
    global a, b
    os.makedirs(os.path.dirname(KVFAB), exist_ok=True)
    subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-I" + REPO + "/uapi",
                    REPO + "/selftests/fabric/kvfab.c", "-o", KVFAB],
                   check=True)
    subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-Wno-unused-parameter",
                    "-I" + REPO + "/uapi", "-I" + REPO + "/kmod",
                    "-I" + BUILD + "/ksft/tools/testing/selftests",
                    REPO + "/selftests/fabric/hostile.c", "-o", HOSTILE,
                    "-lrdmacm", "-libverbs", "-lnettle"], check=True)
    subprocess.run(["make", "-s", "-C", REPO + "/libkvpool",
                    "O=" + BUILD + "/lib", "all", "module-test"], check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run([REPO + "/scripts/kmod-build", KERNEL], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    names = ["fabric-%d-%s" % (os.getpid(), n) for n in "ab"]
    link = ":".join(names)
    done = rig("up", "--kernel", KERNEL, "--mem", "1G", "--smp", SMP, "--rdma",
               "--link", link, "--link", link, *names)
    if done.returncode:
        raise AssertionError(done.stderr)
    a, b = map(Host, names)
    for host in a, b:
        host.sh(LOAD, os.path.join(BUILD, "mod", KERNEL))


def tearDownModule():
    for host in a, b:
        if host:
            rig("down", host.name)
            shutil.rmtree(os.path.join(BUILD, "rig", host.name),
                          ignore_errors=True)


class Fabric(unittest.TestCase):
    number = 1000

    def setUp(self):
        self.addCleanup(self.clean)
        for host in a, b:
            host.ctl("fabric", "set", "--open", "yes")
        b.ctl("fabric", "set", "--listen", "0.0.0.0")
        a.ctl("peer", "add", "b", "10.77.0.2", "10.77.1.2")
        self.up(2)

    def clean(self):
        for link in "link0", "link1":
            for host in a, b:
                host.qmp("set_link", name=link, up=True)
        a.sh(CTL + " peer del b || true")
        b.ctl("fabric", "set", "--no-listen", "--open", "no")
        # Nothing of the test is left, and the modules can go.
        for host in a, b:
            host.sh("rmmod kvpool_rdma kvpool")
            host.sh(LOAD, os.path.join(BUILD, "mod", KERNEL))

    def links(self):
        found = a.json("link", "show")
        return found["links"] if isinstance(found, dict) else found

    def up(self, nr):
        try:
            wait_until(lambda: sum(link["state"] == "up"
                                   for link in self.links()) == nr,
                       "%d links up" % nr)
        except AssertionError as e:
            raise AssertionError("%s: %s" % (e, self.links())) from None

    def blocks(self, count, length, *options):
        """Makes blocks on b; the first one's number."""
        Fabric.number += 1000
        b.fab(*options, "produce", Fabric.number, count, length)
        return Fabric.number

    def tenant_stat(self, host, name):
        return int(host.run("cat", "/sys/class/misc/kvpool/tenants/default/"
                            + name))

    # ---- what works ----

    def test_sizes(self):
        for length in (4096, 5000, 65536, 300001, MB, 2 * MB + 1, 40 * MB + 9):
            first = self.blocks(3, length)
            a.fab("-o", "120000", "get", first, 3, length)
            a.fab("-o", "120000", "-T", "get", first, 3, length)
            b.fab("remove", first, 3, 0)

    def test_large(self):
        first = self.blocks(1, 256 * MB)
        a.fab("-T", "-o", "120000", "get", first, 1, 256 * MB)

    def test_batches(self):
        first = self.blocks(300, 4096)
        a.fab("-w", "256", "-r", "3", "get", first, 300, 4096)
        first = self.blocks(200, 12345)
        a.fab("-w", "200", "get", first, 200, 12345)

    def test_kept(self):
        first = self.blocks(4, 65536)
        self.assertEqual(a.fab("-k", "get", first, 4, 65536)["moved"], 4)
        self.assertEqual(a.fab("-k", "get", first, 4, 65536)["moved"], 0)
        a.fab("check", first, 4, 0)

    def test_both_links_carry(self):
        first = self.blocks(32, MB)
        a.fab("get", first, 32, MB)
        for link in self.links():
            self.assertGreater(link["bytes_in"], 4 * MB, link)

    def test_refusals(self):
        first = self.blocks(2, 65536)
        a.fab("-e", ENOENT, "get", first + 10, 3, 65536)
        a.fab("-e", ENOENT, "probe", first + 10, 3, 0)
        a.fab("-e", EMSGSIZE, "get", first, 2, 4096)
        a.fab("-e", ENOENT, "-p", "77", "get", first, 2, 65536)
        a.fab("probe", first, 2, 65536)

    def test_tenants(self):
        for host in a, b:
            host.ctl("tenants", "add", "t1")
        first = self.blocks(2, 65536, "-t", "t1")
        a.fab("-t", "t1", "get", first, 2, 65536)
        a.fab("-e", ENOENT, "get", first, 2, 65536)
        b.ctl("tenants", "del", "t1")
        a.fab("-t", "t1", "-e", ENOENT, "get", first, 2, 65536)
        a.ctl("tenants", "del", "t1")

    def test_push(self):
        for length in (4096, 70001, 5 * MB + 3):
            Fabric.number += 1000
            a.fab("produce", Fabric.number, 8, length)
            a.fab("-p", "1", "push", Fabric.number, 8, length)
            b.fab("check", Fabric.number, 8, 0)
            a.fab("-p", "1", "-e", EEXIST, "push", Fabric.number, 8, length)

    def test_library(self):
        """What a decode engine does, through the library."""
        seed = "library %d %f" % (os.getpid(), time.time())
        b.run(ENGINE, "produce", seed)
        a.run(ENGINE, "consume", seed, str(a.json("peer")[0]["id"]))

    def test_secret(self):
        a.ctl("peer", "del", "b")
        for host in a, b:
            host.ctl("fabric", "set", "--no-listen", "--open", "no")
            host.sh("for k in 1 2; do head -c 32 /dev/zero | tr '\\0' $k | "
                    "keyctl padd user kvpool:$k @u; done >/dev/null")
        # Neither listens nor connects without one.
        with self.assertRaises(Refused):
            b.ctl("fabric", "set", "--listen", "0.0.0.0")
        b.ctl("fabric", "set", "--secret-key", "kvpool:1")
        b.ctl("fabric", "set", "--listen", "0.0.0.0")
        a.ctl("peer", "add", "b", "10.77.0.2")

        def why(reason):
            wait_until(lambda: self.links()[0]["close_reason"] == reason,
                       "closed for " + reason)
        why("auth")
        a.ctl("fabric", "set", "--secret-key", "kvpool:2")
        before = b.json("fabric", "show")
        wait_until(lambda: b.json("fabric", "show") != before, "an attempt")
        why("auth")
        self.assertFalse(any(s["authenticated"]
                             for s in self.sessions()), self.sessions())
        a.ctl("fabric", "set", "--secret-key", "kvpool:1")
        self.up(1)
        self.assertTrue(all(s["authenticated"] for s in self.sessions()))
        first = self.blocks(4, 65536)
        a.fab("get", first, 4, 65536)
        # An initiator that has a secret does not talk to one without.
        a.ctl("peer", "del", "b")
        b.ctl("fabric", "set", "--secret-key", "")
        b.ctl("fabric", "set", "--open", "yes")
        b.ctl("fabric", "set", "--listen", "0.0.0.0")
        a.ctl("peer", "add", "b", "10.77.0.2")
        why("auth")
        a.ctl("fabric", "set", "--secret-key", "")

    def sessions(self):
        found = b.json("session")
        return found["sessions"] if isinstance(found, dict) else found

    # ---- who does not keep to the protocol ----

    def hostile(self, *options,
                reasons=("message", "state", "version", "auth")):
        known = ("--key", "0x5a", "--fill", "0x33")
        b.run(HOSTILE, "--produce", *known)
        a.sh("modprobe rdma_ucm")
        before = b.json("fabric", "show")["closed"]
        a.run(HOSTILE, "10.77.0.2", *known, *options, timeout=600)
        for reason in reasons:
            wait_until(lambda: b.json("fabric", "show")["closed"]
                       .get(reason, 0) > before.get(reason, 0),
                       "closed for " + reason, 30)
        b.ctl("blocks")
        wait_until(lambda: not self.tenant_stat(b, "pending"),
                   "no key pending")
        first = self.blocks(4, 65536)
        a.fab("get", first, 4, 65536)

    def test_hostile(self):
        self.hostile("--rounds", "100")

    def test_hostile_without_the_secret(self):
        for host in a, b:
            host.sh("head -c 32 /dev/zero | tr '\\0' 7 | "
                    "keyctl padd user kvpool:7 @u >/dev/null")
            host.ctl("fabric", "set", "--open", "no",
                     "--secret-key", "kvpool:7")
        self.hostile("--secret", "7" * 32, "--test", "auth",
                     reasons=("auth",))
        for host in a, b:
            host.ctl("fabric", "set", "--secret-key", "")

    def test_hostile_target(self):
        """It answers what no target may; the requester closes, or asks again."""
        a.ctl("peer", "del", "b")
        b.ctl("fabric", "set", "--no-listen")
        a.sh("echo 1 > /sys/module/kvpool_rdma/parameters/queues")
        served = Later(b.run, HOSTILE, "--serve", "0.0.0.0")
        a.ctl("peer", "add", "h", "10.77.0.2")
        errors = []
        while not errors or errors[-1]:
            self.assertLess(len(errors), 2000, errors[-10:])
            try:
                a.fab("-T", "-n", "-o", "60000", "get", 1, 1, 2 * MB)
                errors.append(0)
            except Refused as e:
                errors.append(int(re.search(r'"error": -?(\d+)',
                                            str(e)).group(1)))
        a.ctl("peer", "del", "h")
        served.result()
        # Parts of different blocks are no block.
        self.assertEqual(errors.count(EREMOTEIO), 1, errors)
        self.assertLessEqual(set(errors), {0, EREMOTEIO, EHOSTUNREACH})

    # ---- what breaks ----

    def load(self, *options, count=24, length=MB, repeat=20):
        """Reads without end in sight; every block is compared."""
        first = self.blocks(count, length)
        later = Later(a.fab, *options, "-T", "-o", "60000", "-w", "24", "-r",
                      str(repeat), "get", first, count, length)
        self.busy()
        return later

    def busy(self):
        before = sum(link["bytes_in"] for link in self.links())
        wait_until(lambda: sum(link["bytes_in"] for link in self.links()) >
                   before + 4 * MB, "bytes over the links")

    def test_link_down(self):
        later = self.load()
        a.qmp("set_link", name="link0", up=False)
        wait_until(lambda: self.links()[0]["state"] != "up", "link 0 down")
        self.busy()
        a.qmp("set_link", name="link0", up=True)
        self.up(2)
        a.qmp("set_link", name="link1", up=False)
        wait_until(lambda: self.links()[1]["state"] != "up", "link 1 down")
        self.busy()
        a.qmp("set_link", name="link1", up=True)
        later.result()
        self.up(2)

    def test_link_down_there(self):
        later = self.load()
        b.qmp("set_link", name="link0", up=False)
        wait_until(lambda: self.links()[0]["state"] != "up", "link 0 down")
        self.busy()
        b.qmp("set_link", name="link0", up=True)
        later.result()
        self.up(2)

    def test_push_link_down(self):
        Fabric.number += 1000
        a.fab("produce", Fabric.number, 64, MB)
        later = Later(a.fab, "-p", "1", "-o", "60000", "-w", "32", "push",
                      Fabric.number, 64, MB)
        wait_until(lambda: sum(link["bytes_out"] for link in self.links()) >
                   2 * MB, "bytes pushed")
        a.qmp("set_link", name="link0", up=False)
        wait_until(lambda: self.links()[0]["state"] != "up", "link 0 down")
        later.result()
        a.qmp("set_link", name="link0", up=True)
        b.fab("check", Fabric.number, 64, 0)

    def test_link_deleted(self):
        later = self.load()
        a.ctl("link", "del", "b", "1")
        self.busy()
        a.ctl("link", "add", "b", "10.77.0.2")
        self.up(2)
        later.result()

    def test_peer_deleted(self):
        later = self.load()
        a.ctl("peer", "del", "b")
        with self.assertRaises(Refused):
            later.result()

    def test_owner_unloads(self):
        later = self.load()
        b.run("rmmod", "kvpool_rdma")
        with self.assertRaises(Refused):
            later.result()
        b.run("insmod", os.path.join(BUILD, "mod", KERNEL, "kvpool_rdma.ko"))
        b.ctl("fabric", "set", "--open", "yes")
        b.ctl("fabric", "set", "--listen", "0.0.0.0")
        self.up(2)
        first = self.blocks(4, 65536)
        a.fab("get", first, 4, 65536)

    def test_requester_unloads(self):
        later = self.load()
        a.run("rmmod", "kvpool_rdma")
        with self.assertRaises(Refused):
            later.result()
        wait_until(lambda: not self.sessions(), "no sessions")
        a.run("insmod", os.path.join(BUILD, "mod", KERNEL, "kvpool_rdma.ko"))

    def test_device_deleted(self):
        for host in a, b:
            later = self.load()
            host.run("rdma", "link", "delete", "rxe0")
            self.busy()
            host.sh("for d in /sys/class/net/*; do"
                    " case $(cat $d/address) in 52:54:00:77:00:*)"
                    " rdma link add rxe0 type rxe netdev ${d##*/};; esac; done")
            later.result()
            self.up(2)

    def test_requester_killed(self):
        first = self.blocks(24, MB)
        a.sh('"$0" -n -T -w 24 -r 1000 get %d 24 %d & p=$!; sleep 3; '
             'kill -9 $p; wait $p; true' % (first, MB))
        a.fab("get", first, 24, MB)

    def test_loss_and_reordering(self):
        for host in a, b:
            host.sh("modprobe sch_netem; for d in /sys/class/net/*; do"
                    " case $(cat $d/address) in 52:54:00:77:*) tc qdisc add"
                    " dev ${d##*/} root netem delay 1ms reorder 5% loss 0.05%"
                    ";; esac; done")
        first = self.blocks(16, 65536)
        a.fab("-T", "-o", "120000", "-r", "4", "get", first, 16, 65536)
        for host in a, b:
            host.sh("for d in /sys/class/net/*; do"
                    " case $(cat $d/address) in 52:54:00:77:*) tc qdisc del"
                    " dev ${d##*/} root;; esac; done")

    def test_fence(self):
        """After a cancel nothing writes, while links come and go, too."""
        rounds = int(os.environ.get("FABRIC_FENCES", "150"))
        a.ctl("tenants", "add", "fenced")
        b.ctl("tenants", "add", "fenced")
        a.sh("echo $1 > /sys/class/misc/kvpool/tenants/fenced/quota_bytes",
             str(24 * MB))
        first = self.blocks(16, MB, "-t", "fenced", "-n")
        later = Later(a.fab, "-t", "fenced", "-T", "-w", "12", "-o", "60000",
                      "-r", str(rounds), "fence", first, 16, MB, timeout=3000)
        for up in (False, True) * 2:
            time.sleep(3)
            a.qmp("set_link", name="link0", up=up)
        done = later.result()
        self.assertGreater(done["cancelled"], 0)
        # It was the transfers' memory that was looked at.
        self.assertGreater(done["bytes"], rounds * 16 * MB)
        for host in a, b:
            host.ctl("tenants", "del", "fenced")

    def test_cancel(self):
        first = self.blocks(24, MB)
        done = a.fab("-c", "0.5", "-w", "16", "-o", "60000", "-r", "12",
                     "get", first, 24, MB, timeout=600)
        self.assertGreater(done["cancelled"], 0)
        self.assertGreater(done["ok"], 0)
        first = self.blocks(100, 65536)
        a.fab("-T", "-c", "0.5", "-w", "64", "-o", "60000", "-r", "20",
              "get", first, 100, 65536, timeout=600)
