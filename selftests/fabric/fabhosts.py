# SPDX-License-Identifier: GPL-2.0-only
"""The virtual hosts of the fabric's tests: a and b with two links, and c.

a fetches and b has the blocks, unless a test says otherwise. c has a link to
each of them and is booted when the first test needs it. All tests of a run share
the hosts; each test loads the modules and unloads them at its end.

FABRIC_KERNEL in the environment is the kernel of all (6.12 if not given),
FABRIC_SMP the number of CPUs of each (1: more are slower on two cores), and
FABRIC_DEVICE the kind of soft RDMA, rxe or siw (iWARP, which only the kernels lean
and debug have).
A complaint of a kernel fails the command during which it came.
"""

import atexit
import json
import os
import subprocess
import sys
import threading
import time
import unittest

sys.dont_write_bytecode = True
REPO = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
sys.path.insert(0, os.path.join(REPO, "scripts"))

from riglib.pair import FABRIC_HOST, Group  # noqa: E402
from riglib.util import BUILD, RigError  # noqa: E402

KERNEL = os.environ.get("FABRIC_KERNEL", "6.12")
DEVICE = os.environ.get("FABRIC_DEVICE", "rxe")
SMP = os.environ.get("FABRIC_SMP", "1")
MODULE = os.path.join(BUILD, "mod", KERNEL, "kvpool.ko")
RDMA = MODULE.replace("kvpool.ko", "kvpool_rdma.ko")
DELAY = MODULE.replace("kvpool.ko", "kvpool_testdelay.ko")
TESTQP = MODULE.replace("kvpool.ko", "kvpool_testqp.ko")
CTL = os.path.join(BUILD, "lib/tools/kvpoolctl")
KVFAB = os.path.join(BUILD, "fabric", KERNEL, "kvfab")
HOSTILE = os.path.join(BUILD, "fabric", KERNEL, "hostile")
ENGINE = os.path.join(BUILD, "lib/tests/module-peers")
SECRET = "7" * 32
MB = 1 << 20
KB256 = 256 << 10       # blocks of load()
ENOENT, EEXIST, EMSGSIZE, EHOSTUNREACH, EINPROGRESS = 2, 17, 90, 113, 115
ETIMEDOUT, EREMOTEIO = 110, 121

group = None


def setting(name, default):
    """FABRIC_NAME of the environment; the default is what CI has time for."""
    return int(os.environ.get("FABRIC_" + name, default))


def say(text):
    """Print a line with the results."""
    print("# " + text, flush=True)


def figure(name, value):
    """Print a figure that scripts/bench takes."""
    say("figure %s %.6g" % (name, value))


class Host:
    def __init__(self, number):
        self.number = number

    @property
    def rig(self):
        return group.hosts[self.number]

    # ---- commands ----

    def end(self, running, check=True):
        """The output of a command; a RigError if it or the kernel fails."""
        code = running.code_of()
        found = self.rig.complaints()
        if found:
            raise RigError("the kernel of %s complained:\n%s" % (
                self.rig.name, "\n".join(found)))
        return running.wait() if check or code > 1 else running.out.decode()

    def run(self, *argv, timeout=300, check=True):
        return self.end(group.start(self.number, *argv, timeout=timeout),
                        check)

    def sh(self, script, *argv, **kw):
        return self.run("sh", "-c", script, "sh", *argv, **kw)

    def ctl(self, *argv):
        return self.run(CTL, *argv)

    def json(self, *argv):
        return json.loads(self.run(CTL, *argv, "--json"))

    def fab(self, *argv, timeout=300, check=True):
        """kvfab's line of JSON; if checked, all was as expected."""
        return json.loads(self.run(KVFAB, *argv, timeout=timeout,
                                   check=check))

    # ---- its NICs ----

    def nic(self, link):
        """The netdev at its end of a link."""
        return self.sh("ip -o -4 addr show to $1 | cut -d' ' -f2",
                       group.address(self.number, link)).strip()

    def rxe(self, link):
        """Give a link the soft RDMA device that it had."""
        self.run("rdma", "link", "add", "%s%d" % (DEVICE, link), "type",
                 DEVICE, "netdev", self.nic(link))

    def mend(self, first=":"):
        """Replace devices that make no connections any more, after a command.

        rxe loses the queue pair of the connection manager for good when one of
        its messages is dropped on this host.
        """
        for device in self.sh(
                first + "; rdma resource show qp | sed -n "
                "'s,.* \\([^ ]*\\)/.* GSI state ERR.*,\\1,p'").split():
            say("%s of %s has lost its GSI queue pair and is replaced" % (
                device, self.rig.name))
            self.run("rdma", "link", "delete", device)
            self.rxe(int(device[3:]))

    def netem(self, how, *links):
        """Set losses and delays of what the host sends; none if how is None."""
        for link in links or self.my_links():
            self.sh("modprobe sch_netem; tc qdisc %s dev %s root %s" % (
                ("replace", self.nic(link), "netem limit 30000 " + how)
                if how else
                ("del", self.nic(link), "")))

    # ---- what it is and does ----

    def load(self, module=MODULE):
        self.run(FABRIC_HOST, "load", module, "--open", "queues=2")

    def unload(self):
        self.run(FABRIC_HOST, "unload")

    def my_links(self):
        return [link.number for link in group.joined
                if self.rig.name in link.ends]

    def links(self, *peer):
        return self.json("link", "show", *peer)["links"]

    def sessions(self):
        return self.json("session")["sessions"]

    def closed(self):
        return self.json("fabric")["fabric"]["closed"]

    def tenant(self, name="default"):
        return self.json("tenant", "show", name)["tenants"][0]

    def fabric(self):
        return self.json("fabric")["fabric"]

    def memory(self):
        """Bytes that the kernel of the host could give to programs."""
        return int(self.sh("sync; echo 3 >/proc/sys/vm/drop_caches; "
                           "sed -n 's,MemAvailable: *\\([0-9]*\\).*,\\1,p' "
                           "/proc/meminfo")) << 10

    def objects(self):
        """Bytes of the kernel's objects: of slabs and of vmalloc()."""
        return sum(map(int, self.sh(
            "sync; echo 3 >/proc/sys/vm/drop_caches; "
            "sed -En 's,(SUnreclaim|VmallocUsed): *([0-9]*).*,\\2,p' "
            "/proc/meminfo").split())) << 10

    def fetched(self):
        return sum(link["in_bytes"] for link in self.links())

    def secret(self, text=SECRET):
        """Accept only hosts that know this secret."""
        self.sh("printf %s \"$1\" | keyctl padd user kvpool:7 @u >/dev/null",
                text)
        self.ctl("fabric", "set", "--no-open", "--secret-key", "kvpool:7")

    # ---- from outside ----

    def running(self):
        return self.rig.running()

    def kill(self):
        """As if the machine had lost its power."""
        self.rig.down()

    def boot(self):
        group.boot(self.number)

    def qmp(self, command, **arguments):
        group.qmp(self.number, command, **arguments)

    def unplug(self, link):
        """Take a NIC out: its link ends, and a moment later it is gone.

        A virtio_net that is removed with packets in its ring keeps them until
        rxe has released it, and each queue pair of rxe waits for its packets:
        50 s, with a warning at the end. Without a link the ring gets empty.
        """
        nic = self.nic(link)
        self.set_link(link, False)
        self.sh("""
                cd /sys/class/net/$1 || exit
                while [ $(cat carrier) = 1 ] || [ $(cat \
                        queues/tx-0/byte_queue_limits/inflight) != 0 ]; do
                        sleep 0.01
                done""", nic)
        group.unplug(self.number, link)

    def plug(self, link):
        self.set_link(link, True)
        group.plug(self.number, link)

    def set_link(self, link, up):
        group.set_link(self.number, link, up)


a, b, c = map(Host, range(3))


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


def together(hosts, function):
    """Call a function for each of some hosts, concurrently."""
    for later in [Later(function, host) for host in hosts]:
        later.result()


def wait_until(condition, what, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("did not happen in time: " + what)
        time.sleep(0.2)


def build():
    os.makedirs(os.path.dirname(KVFAB), exist_ok=True)
    here = REPO + "/selftests/fabric/"
    subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-I" + REPO + "/uapi",
                    here + "kvfab.c", "-o", KVFAB], check=True)
    subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-Wno-unused-parameter",
                    "-I" + REPO + "/uapi", "-I" + REPO + "/kmod",
                    "-I" + BUILD + "/ksft/tools/testing/selftests",
                    *[here + "hostile%s.c" % part
                      for part in ("", "_conn", "_request", "_initiator",
                                   "_special", "_target", "_early", "_relay",
                                   "_hosts")],
                    "-o", HOSTILE, "-pthread", "-lrdmacm", "-libverbs",
                    "-lnettle"], check=True)
    subprocess.run(["make", "-s", "-C", REPO + "/libkvpool",
                    "O=" + BUILD + "/lib", "all", "module-test"], check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run([REPO + "/scripts/kmod-build", KERNEL], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def need(*hosts):
    """Those hosts are up, and the modules not loaded."""
    global group
    if not group:
        build()
        names = ["fabric-%d-%s" % (os.getpid(), n) for n in "abc"]
        one, two, three = names
        group = Group(names, [one + ":" + two, one + ":" + two,
                              one + ":" + three, two + ":" + three],
                      kernel=KERNEL, mem="1G", smp=int(SMP), boot=(),
                      device=DEVICE)
        atexit.register(group.down)
    ended = [host.number for host in hosts if not host.running()]
    group.boot(*ended)


class Fabric(unittest.TestCase):
    """A test; unless it says otherwise, b is a's peer, with two links."""
    hosts = a, b
    number = 1000

    def run(self, result=None):
        before = len(result.failures) + len(result.errors)
        super().run(result)
        # The next test must not see what a failure has left.
        if group and len(result.failures) + len(result.errors) > before:
            for host in self.hosts:
                host.kill()

    def setUp(self):
        need(*self.hosts)
        self.addCleanup(self.clean)
        together(self.hosts, Host.load)
        self.connect()

    def connect(self):
        a.ctl("peer", "add", "b", "10.77.0.2", "10.77.1.2")
        self.up(2)

    def clean(self):
        running = [host for host in self.hosts if host.running()]
        for host in running:
            for link in host.my_links():
                host.set_link(link, True)
        # What a test that failed has left running.
        together(running, lambda host: host.mend(
            "kill -9 $(pidof kvfab hostile) 2>/dev/null"))
        # Nothing of the test is left, and the modules can be unloaded.
        together(running, Host.unload)

    def up(self, nr, host=a):
        def there():
            return sum(link["state"] == "up"
                       for link in self.woken(host)) == nr

        try:
            wait_until(there, "%d links up" % nr, 30)
        except AssertionError:
            # Not a fault of the module, if it waits for such a device.
            for each in self.hosts:
                each.mend()
        try:
            wait_until(there, "%d links up" % nr)
        except AssertionError as e:
            raise AssertionError("%s: %s" % (e, host.links())) from None

    def woken(self, host=a):
        """The links of a host; those that were not in use begin to connect."""
        links = host.links()
        for link in links:
            if link["state"] == "idle":
                host.ctl("link", "connect", link["peer"], link["id"])
        return links

    def blocks(self, count, length, *options, host=b):
        """Make blocks on a host; returns the number of the first."""
        Fabric.number += 1000
        host.fab(*options, "produce", Fabric.number, count, length)
        return Fabric.number

    def numbers(self):
        Fabric.number += 1000
        return Fabric.number

    def load(self, *options):
        """Fetch until stop(); every byte is compared."""
        first = self.blocks(24, KB256)
        later = Later(a.fab, *options, "-T", "-o", "60000", "-w", "24", "-d",
                      3600, "fetch", first, 24, KB256, timeout=600)
        self.busy()
        return later

    def stop(self, later):
        """End the fetches after those in flight; returns their results."""
        a.sh("kill -TERM $(pidof kvfab)")
        return later.result()

    def busy(self, host=a, what=MB):
        before = host.fetched()
        wait_until(lambda: host.fetched() > before + what,
                   "bytes over the links")
