# SPDX-License-Identifier: GPL-2.0
"""The benchmark of the fabric: fetches beside perftest and nvme-rdma.

All programs run on the same two hosts with one CPU each, in one boot and over
the same link.  Each round runs every program once, so that a ratio compares
runs that follow each other; the figures are medians over the rounds.  In a
fetch the owner drives the transfer, as ib_write_bw's client and nvmet do.
"""

import bisect
import json
import os
import statistics
import subprocess
import time

from . import pair as pairmod, util
from .util import RigError

PROGRAMS = os.path.join(util.BUILD, "bench")
KVFAB = os.path.join(util.BUILD, "bench/kvfab")
CTL = os.path.join(util.BUILD, "lib/tools/kvpoolctl")
REQUESTER, OWNER = 0, 1
MIB = 1 << 20
SECONDS = 4
# Which threads share a CPU here decides over latencies for seconds.
LATENCIES = 3
DISK_MIB = 64
# Requests in flight by size, of fetches and of reads of nvme-rdma.
WINDOW = {MIB: 16, 64 << 10: 64}
# For two links to be faster than one, each must be slower than the CPU.
LIMIT_MIB = 8

WAIT_PORT = """
for n in $(seq 200); do
	grep -qi ":$(printf %04x "$1") .* 0A " /proc/net/tcp /proc/net/tcp6 &&
		exit
	sleep 0.05
done
echo "no program listens on port $1"
exit 1
"""

NVME_TARGET = """
set -e
modprobe -a nvmet nvmet-rdma
modprobe brd rd_nr=1 rd_size=$(($1 << 10))
dd if=/dev/urandom of=/dev/ram0 bs=1M count=$1 2>/dev/null
mountpoint -q /sys/kernel/config || mount -t configfs none /sys/kernel/config
cd /sys/kernel/config/nvmet
mkdir subsystems/ram
echo 1 > subsystems/ram/attr_allow_any_host
mkdir subsystems/ram/namespaces/1
echo /dev/ram0 > subsystems/ram/namespaces/1/device_path
echo 1 > subsystems/ram/namespaces/1/enable
mkdir ports/1
echo rdma > ports/1/addr_trtype
echo ipv4 > ports/1/addr_adrfam
echo "$2" > ports/1/addr_traddr
echo 4420 > ports/1/addr_trsvcid
ln -s /sys/kernel/config/nvmet/subsystems/ram ports/1/subsystems/ram
"""

NVME_HOST = """
set -e
modprobe nvme-rdma
echo "transport=rdma,traddr=$1,trsvcid=4420,nqn=ram,nr_io_queues=1" > \\
	/dev/nvme-fabrics
for n in $(seq 100); do
	[ ! -b /dev/nvme0n1 ] || exit 0
	sleep 0.1
done
echo "/dev/nvme0n1 did not appear"
exit 1
"""

LIMIT = """
set -e
for address in "$@"; do
	nic=$(ip -o -4 addr show to "$address" | cut -d' ' -f2)
	tc qdisc replace dev "$nic" root tbf rate "$RATE" burst 64kb limit 8mb
done
"""


def rate_of(got):
    """MiB/s of a run."""
    return got["bytes"] / got["seconds"] / MIB


def say(text):
    """Print a message of the benchmark."""
    util.say("fabric: " + text)


class Bench:
    """The programs of the benchmark on a pair of hosts, and their results."""

    def __init__(self, pair):
        self.pair = pair
        self.port = 20000
        self.rounds = []
        self.latencies = []
        self.failed = self.copied = 0
        self.first = 1 << 20

    # ---- perftest ----

    def perftest(self, program, client, *argv):
        """Run a program of perftest; the client posts the operations.

        rxe loses connections when the emulation stalls: a run that fails is
        retried twice.
        """
        for _ in range(3):
            try:
                return self.perftest_once(program, client, *argv)
            except RigError as e:
                say("%s failed: %s" % (program, str(e).splitlines()[-1]))
                error = e
                for which in 0, 1:
                    self.pair.sh(which, "kill $(pidof $1) || true", program)
        raise error

    def perftest_once(self, program, client, *argv):
        """Run a program of perftest once; returns its last row of figures."""
        self.port += 1
        # On an emulated CPU an answer may take longer than the default time-out
        # of 67 ms; rxe fails some of the packets that are then sent twice.
        argv = ["-d", "rxe0", "-x", "1", "-F", "-m", "4096", "-u", "18",
                "-p", self.port, *argv]
        server = self.pair.start(1 - client, program, *argv)
        self.pair.sh(1 - client, WAIT_PORT, self.port)
        out = self.pair.run(client, program, *argv,
                            self.pair.address(1 - client))
        server.wait()
        rows = [line.split() for line in out.splitlines()]
        rows = [row for row in rows if len(row) > 4 and row[0].isdigit()]
        if not rows:
            raise RigError("%s printed no figures:\n%s" % (program, out))
        return [float(field) for field in rows[-1]]

    def bandwidth(self, program, client, size):
        """MiB/s on average, with as many requests in flight as fetches."""
        argv = ["-s", size, "-D", SECONDS, "-t", WINDOW[size]]
        if program == "ib_read_bw":
            argv += ["-o", 16]
        return self.perftest(program, client, *argv)[3]

    def read_latency(self):
        """Microseconds: perftest's typical value."""
        return self.perftest("ib_read_lat", REQUESTER, "-s", 4096, "-n", 1000,
                             "-e")[4]

    # ---- nvme-rdma ----

    def nvme_setup(self):
        """Export a RAM disk of the owner to the requester."""
        self.pair.sh(OWNER, NVME_TARGET, DISK_MIB, self.pair.address(OWNER))
        self.pair.sh(REQUESTER, NVME_HOST, self.pair.address(OWNER))

    def nvme_rate(self, size):
        """MiB/s of reads through nvme-rdma."""
        got = self.pair.json(REQUESTER, PROGRAMS + "/bench_read",
                             "/dev/nvme0n1", "rate", size, WINDOW[size],
                             SECONDS)
        return rate_of(got)

    def nvme_latency(self):
        """Microseconds of a read through nvme-rdma."""
        return self.pair.json(REQUESTER, PROGRAMS + "/bench_read",
                              "/dev/nvme0n1", "latency", 4096,
                              1000)["median_us"]

    # ---- kvpool ----

    def get_fill(self, size):
        """Produce the owner's blocks."""
        self.pair.run(OWNER, PROGRAMS + "/bench_get", "fill", size,
                      self.count(size))

    @staticmethod
    def count(size):
        """The number of blocks that the requester fetches in turn."""
        return min(64, 64 * MIB // size)

    def get(self, size, seconds=SECONDS, start=False):
        """Run fetches; returns their result, or the command with start."""
        argv = (PROGRAMS + "/bench_get", "rate", size, self.count(size),
                WINDOW[size], seconds)
        running = self.pair.start(REQUESTER, *argv)
        return running if start else self.note(json.loads(running.wait()))

    def note(self, got):
        """Add the result of a run to the totals; returns it."""
        self.failed += got["failed"]
        self.copied = max(self.copied, got.get("copied", 0))
        return got

    def get_rate(self, size):
        """MiB/s of fetches."""
        return rate_of(self.get(size))

    def get_latency(self):
        """Microseconds of a fetch; its bytes come in the answer, and are copied."""
        got = self.pair.json(
            REQUESTER, PROGRAMS + "/bench_get", "latency", 4096,
            self.count(4096), 1000)
        self.failed += got["failed"]
        return got["median_us"]

    def wait_latency(self, count=200):
        """Microseconds from a seal until the host that waits for it has the bytes.

        Two hosts wait for each other's blocks in turn, so one clock is enough.
        """
        self.first += 2 * count
        argv = (KVFAB, "-n", "-p", "other", "-o", 60000)
        at = (self.first, count, 4096)
        other = self.pair.start(OWNER, *argv, "pong", *at)
        while b"ready" not in other.err and other.thread.is_alive():
            time.sleep(0.01)
        got = self.pair.json(REQUESTER, *argv, "serve", *at)
        other.wait()
        if got["failed"]:
            raise RigError("%d waits failed" % got["failed"])
        return got["median_ns"] / 1000

    # ---- rounds ----

    def round(self, kvpool=True):
        """Run every program once."""
        got = {}
        for size, name in (MIB, "1m"), (64 << 10, "64k"):
            got["write_" + name] = self.bandwidth("ib_write_bw", OWNER, size)
            if kvpool:
                got["get_" + name] = self.get_rate(size)
            got["nvme_" + name] = self.nvme_rate(size)
            got["read_" + name] = self.bandwidth("ib_read_bw", REQUESTER,
                                                 size)
        self.rounds.append(got)
        for _ in range(LATENCIES):
            self.latencies.append(self.latency(kvpool))
            got.update(self.latencies[-1])
        say("round %d: %s" % (len(self.rounds), ", ".join(
            "%s %.1f" % item for item in got.items())))

    def latency(self, kvpool):
        """Run the programs that have one request in flight."""
        got = {"read_lat": self.read_latency()}
        if kvpool:
            got["get_lat"] = self.get_latency()
        got["nvme_lat"] = self.nvme_latency()
        return got

    def median(self, value):
        """The median over the rounds of a function of a round."""
        return statistics.median(value(got) for got in self.rounds)

    def median_latency(self, value):
        """The median of a function of the latencies that follow each other."""
        return statistics.median(value(got) for got in self.latencies)


def figure(name, value, unit, target, better, how):
    """A figure in the form of bench.json."""
    return {"name": name, "value": float("%.4g" % value), "unit": unit,
            "target": target, "better": better, "how": how}


NOTE = ("; two hosts with one CPU each, emulated, rxe, path MTU 4096, "
        "init_on_alloc=0 on both, median of %d paired rounds")


def ratios(bench, note):
    """The figures of the rounds."""
    figures = []

    def beside(name, what, others, target, text):
        figures.append(figure(
            "get_%s_of_%s" % (name, what), bench.median(
                lambda got: got["get_" + name] /
                max(got[other + name] for other in others)),
            "ratio", target, "higher", how + ", by " + text))

    for name, size in ("1m", "1 MiB"), ("64k", "64 KiB"):
        large = name == "1m"
        how = "fetches of %s%s" % (size, note)
        beside(name, "write", ("write_",), 1.0 if large else None,
               "ib_write_bw, whose verb the owner uses")
        beside(name, "perftest", ("write_", "read_"), None if large else 0.95,
               "the faster of ib_read_bw and ib_write_bw")
        beside(name, "nvme", ("nvme_",), None if large else 1.3,
               "reads of nvme-rdma")
        for what in "get_", "read_", "write_", "nvme_":
            figures.append(figure(
                what + name + "_rate", bench.median(
                    lambda got: got[what + name]),
                "MiB/s", None, "higher", how))
    how = ("4 KiB, one request in flight, from the call to its return" +
           note + ", %d in each" % LATENCIES)
    figures += [
        figure("get_4k_latency_of_perftest", bench.median_latency(
            lambda got: got["get_lat"] / got["read_lat"]), "ratio", 1.5,
            "lower", how + ", by ib_read_lat -e"),
        figure("get_4k_latency_of_nvme", bench.median_latency(
            lambda got: got["get_lat"] / got["nvme_lat"]), "ratio", 0.75,
            "lower", how + ", by a read of nvme-rdma"),
    ]
    for what in "get_lat", "read_lat", "nvme_lat":
        figures.append(figure(what, bench.median_latency(
            lambda got: got[what]), "us", None, "lower", how))
    return figures


def totals(bench):
    """The figures of all runs together."""
    return [
        figure("get_copied", bench.copied, "bytes", 0, "lower",
               "most bytes that the requester's module copied in a run"),
        figure("get_failed", bench.failed, "gets", 0, "lower",
               "fetches that failed in all runs without a cut link"),
    ]


# ---- two links ----

def connect(pair, nr_links):
    """Replace the links from the requester to the owner."""
    pair.run(REQUESTER, CTL, "peer", "del", "other")
    pair.run(REQUESTER, pairmod.FABRIC_HOST, "peer", "other",
             *[pair.address(OWNER, n) for n in range(nr_links)])


def limit(pair):
    """Limit both links of both hosts to LIMIT_MIB."""
    for which in 0, 1:
        pair.run(which, "env", "RATE=%dmibit" % (8 * LIMIT_MIB), "sh", "-c",
                 LIMIT, "sh", *[pair.address(which, n) for n in (0, 1)])


def two_links(bench):
    """The figure of fetches over two links."""
    pair = bench.pair
    limit(pair)
    alone, both = [], []
    for _ in range(3):
        both.append(rate_of(bench.get(MIB)))
        connect(pair, 1)
        alone.append(rate_of(bench.get(MIB)))
        say("links: two %.1f, one %.1f MiB/s" % (both[-1], alone[-1]))
        connect(pair, 2)
    how = ("fetches of 1 MiB over two links of %d MiB/s each, by fetches over "
           "one of them; median of 3 pairs" % LIMIT_MIB)
    return [figure("two_links", statistics.median(
        b / a for a, b in zip(alone, both)), "ratio", 1.9, "higher", how)]


def restored(got, cut, rate):
    """Seconds from a cut until the fetches reach the rate of one link.

    The rate is reached where the next half second brings at least 0.8 of what
    one link does. If it is not reached, the result is the rest of the run.
    """
    per_s = got["slots_per_s"]
    slots = got["slots"]
    first = int((cut - got["began"]) * per_s)
    for at in range(first, len(slots) - per_s // 2):
        if sum(slots[at:at + per_s // 2]) >= 0.8 * rate * MIB / 2:
            return (at - first) / per_s
    return (len(slots) - first) / per_s


def uptime(pair):
    """Seconds since the requester booted."""
    return float(pair.run(REQUESTER, "cat", "/proc/uptime").split()[0])


def link_down(bench):
    """The figures of fetches in which a link is cut."""
    size = 64 << 10
    connect(bench.pair, 1)
    rate = rate_of(bench.get(size))
    connect(bench.pair, 2)
    times, failed = [], 0
    for _ in range(3):
        running = bench.get(size, seconds=12, start=True)
        time.sleep(4)
        cut = uptime(bench.pair)
        bench.pair.set_link(REQUESTER, 1, False)
        time.sleep(4)
        bench.pair.set_link(REQUESTER, 1, True)
        got = json.loads(running.wait())
        times.append(restored(got, cut, rate))
        failed += got["failed"]
        say("link down: %.2f s, %d fetches failed" % (times[-1], got["failed"]))
        connect(bench.pair, 2)
    how = ("one of two links of %d MiB/s cut in fetches of 64 KiB, 3 times" %
           LIMIT_MIB)
    return [
        figure("link_down_failed_gets", failed, "gets", 0, "lower", how),
        figure("link_down_restored", max(times), "s", 1.0, "lower",
               how + "; longest time until half a second brings 0.8 of what "
               "one link does"),
    ]


# ---- instructions ----

OURS = {"kvpool", "kvpool_rdma", "ib_core", "rdma_cm"}
# Functions of ib_core that rxe calls for every packet.
RXES = {"find_gid", "rdma_find_gid_by_port", "rdma_get_gid_attr",
        "rdma_put_gid_attr", "rdma_read_gid_attr_ndev_rcu",
        "ib_device_get_by_netdev", "ib_device_put"}


def symbols_of(pair, which):
    """(address, whether the symbol is counted) of all symbols, in order."""
    found = []
    for line in pair.run(which, "cat", "/proc/kallsyms").splitlines():
        fields = line.split()
        module = fields[3].strip("[]") if len(fields) > 3 else ""
        found.append((int(fields[0], 16),
                      module in OURS and fields[2] not in RXES))
    return sorted(found)


def counted(path, begin, symbols):
    """Instructions of OURS and of user mode in the reports from an offset."""
    total = user = 0
    addresses = [address for address, _ in symbols]
    with open(path) as f:
        f.seek(begin)
        for line in f:
            fields = dict(item.split("=", 1) for item in line.split()
                          if "=" in item)
            if not line.startswith("hist "):
                user = int(fields["user"].split(",")[2])
                continue
            at = bisect.bisect(addresses, int(fields["addr"], 16)) - 1
            if at >= 0 and symbols[at][1]:
                total += int(fields["insns"])
    return total, user


def instructions(module):
    """Figures of instructions a MiB, on hosts that count them."""
    plugin = os.path.join(util.BUILD, "insn/insn.so")
    outs = [os.path.join(util.BUILD, "insn/fabric-%s-%d.out" % (
        end, os.getpid())) for end in "ab"]
    figures = []
    pair = pairmod.Pair(
        "bench-insn", append="init_on_alloc=0", nr_links=1,
        plugins=["%s,out=%s,hist=on" % (plugin, out) for out in outs])
    try:
        bench = Bench(pair)
        pair.fabric(module)
        symbols = [symbols_of(pair, which) for which in (REQUESTER, OWNER)]
        for size, name in (MIB, "1m"), (64 << 10, "64k"):
            begin = [os.path.getsize(out) for out in outs]
            bench.get_fill(size)
            beside = pair.start(OWNER, PROGRAMS + "/bench_get", "beside")
            while b"ready" not in beside.out and beside.thread.is_alive():
                time.sleep(0.01)
            got = pair.json(
                REQUESTER, PROGRAMS + "/bench_get", "count", size,
                bench.count(size), WINDOW[size], 8)
            if got["failed"]:
                raise RigError("%d fetches failed while their instructions "
                               "were counted" % got["failed"])
            pair.sh(OWNER, "kill -INT $(pidof bench_get)")
            beside.wait()
            mib = got["bytes"] / MIB
            target = 5000 if size == MIB else None
            how = ("fetches of %s, one link; instructions in %s, without "
                   "what rxe calls there" % ("1 MiB" if size == MIB else "64 KiB",
                                        ", ".join(sorted(OURS))))
            (kernel, user), (owner, _) = map(counted, outs, begin, symbols)
            figures += [
                figure("get_%s_insns_requester" % name, kernel / mib,
                       "instructions/MiB", target, "lower", how),
                figure("get_%s_insns_requester_user" % name, user / mib,
                       "instructions/MiB", None, "lower",
                       "the program that fetches, all of its user mode"),
                figure("get_%s_insns_owner" % name, owner / mib,
                       "instructions/MiB", None, "lower", how),
            ]
        return figures
    finally:
        pair.down()
        for out in outs:
            if os.path.exists(out):
                os.unlink(out)


# ---- waits, and what other suites count ----

def waits(bench, rounds):
    """The figures of waiting at the owner beside those of plain fetches."""
    got = []
    for _ in range(rounds):
        got.append((bench.wait_latency(), bench.get_latency()))
        say("wait %.0f us, get %.0f us" % got[-1])
    how = ("4 KiB, from the seal at the owner until the call of the host that "
           "waits has returned: half of a round trip of two hosts that wait for "
           "each other's blocks in turn; median of %d paired rounds" % rounds)
    return [
        figure("wait_of_get", statistics.median(a / b for a, b in got),
               "ratio", 1.1, "lower", how + ", by a fetch"),
        figure("wait_lat", statistics.median(a for a, _ in got), "us", None,
               "lower", how),
    ]


# Tests that print "# figure NAME VALUE"; see selftests/fabric.
COUNTED = {
    "test_many.Many.test_hosts": (
        ("hosts", "hosts", 500, "higher",
         "hosts with a connection each that one target serves at a time"),
        ("hosts_ahead", "gets", None, "lower",
         "the most gets that one of these hosts is ahead of another"),
        ("session_memory", "KiB", 256, "lower",
         "memory of the target's kernel for each of these connections"),
        ("memory_1000_hosts", "GiB", 4, "lower",
         "for 1,000 hosts with 8 NICs each, of the target's kernel"),
    ),
    "test_many.Many.test_idle_peers": (
        ("idle_peer_memory", "KiB", 64, "lower",
         "memory of the kernel for a peer with 8 links that are not used"),
    ),
    "test_many.Many.test_active_queues": (
        ("queue_memory_initiator", "KiB", 256, "lower",
         "memory of the kernel for a peer with a queue pair that is used"),
        ("queue_memory_target", "KiB", 256, "lower",
         "memory of the kernel for a session that is used"),
    ),
    "test_recipes.Recipes.test_misses": (
        ("miss_evicted", "blocks", 0, "lower",
         "evicted by gets of 32 blocks of 2 MiB that no peer has"),
    ),
    "test_recipes.Recipes.test_prefix": (
        ("miss_behind", "bytes", 0, "lower",
         "brought behind the first miss of a prefix"),
    ),
}


def costs():
    """The figures that tests of selftests/fabric count."""
    done = subprocess.run(
        [os.path.join(util.REPO, "selftests/run-python"),
         os.path.join(util.REPO, "selftests/fabric"), *COUNTED],
        env={**os.environ, "FABRIC_HOSTS": "500"}, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, universal_newlines=True)
    found = {}
    for line in done.stdout.splitlines():
        fields = line.split()
        if fields[:2] == ["#", "figure"]:
            found[fields[2]] = float(fields[3])
    figures = []
    for test, known in COUNTED.items():
        for name, unit, target, better, how in known:
            if name not in found:
                raise RigError("%s: no %s:\n%s" % (test, name,
                                                  done.stdout[-3000:]))
            figures.append(figure(name, found[name], unit, target, better,
                                  how))
    return figures


def build_kvfab():
    """The program that waits."""
    os.makedirs(os.path.dirname(KVFAB), exist_ok=True)
    util.check_output(["gcc", "-O2", "-I" + util.REPO + "/uapi",
                       util.REPO + "/selftests/fabric/kvfab.c", "-o", KVFAB])


GROUPS = ("rates", "waits", "links", "insns", "costs")


def measure(module, rounds=5, kvpool=True, groups=GROUPS):
    """Run the benchmark; returns its figures in the form of scripts/bench."""
    figures = []
    if set(groups) & {"rates", "waits", "links"}:
        figures += on_pair(module, rounds, kvpool, groups)
    if not kvpool:
        return []
    if "insns" in groups:
        figures += instructions(module)
    if "costs" in groups:
        figures += costs()
    return figures


def on_pair(module, rounds, kvpool, groups):
    """The groups that one pair of hosts measures."""
    figures = []
    pair = pairmod.Pair("bench-fabric", append="init_on_alloc=0")
    try:
        bench = Bench(pair)
        if "rates" in groups:
            bench.nvme_setup()
        if kvpool:
            # One link, as perftest and nvme-rdma use.
            pair.fabric(module, nr_links=1)
            for size in MIB, 64 << 10, 4096:
                bench.get_fill(size)
        for _ in range(rounds if "rates" in groups else 0):
            bench.round(kvpool)
        if not kvpool:
            return []
        if "rates" in groups:
            figures += ratios(bench, NOTE % rounds)
        if "waits" in groups:
            build_kvfab()
            figures += waits(bench, rounds)
        if "links" in groups:
            connect(pair, 2)
            figures += two_links(bench) + link_down(bench)
        figures += totals(bench)
        for text in pair.complaints():
            raise RigError("the kernel complained:\n" + text)
    finally:
        pair.down()
    return figures
