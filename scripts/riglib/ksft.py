# SPDX-License-Identifier: GPL-2.0
"""Test programs on a virtual host; the module is loaded for each of them."""

import itertools
import os
import shlex
import shutil
import time

from . import client, host as hostmod, lanes, tap, util
from .util import BUILD, REPO, RigError

KERNELS = ("6.12", "6.1", "debug")

# Factors to the time-outs of stock 6.12.
SLOWER = {"debug": 3}
TIMEOUT = 600
# Approximate seconds that the programs of one host take together.
PART = 240
NUMBERS = itertools.count(1)     # of hosts
OPTIONS = {"kernels", "mem", "numa", "timeout", "fabric"}

# Programs beside those of selftests/kselftest-list. The library and the tools
# use the same interface on every kernel, so they run on one kernel.
LIBRARY = (
    ("lib-module", [os.path.join(BUILD, "lib/tests/module")],
     {"kernels": "6.12"}),
    ("lib-ring", [os.path.join(BUILD, "lib/tests/module-ring")],
     {"kernels": "6.12"}),
    ("replay", [os.path.join(REPO, "selftests/run-python"),
                os.path.join(REPO, "selftests/tools"), "guest_replay"],
     {"kernels": "6.12"}),
    ("ctl-fabric", [os.path.join(REPO, "selftests/run-python"),
                    os.path.join(REPO, "selftests/tools"), "guest_fabric"],
     {"kernels": "6.12", "fabric": ""}),
    ("llm", [os.path.join(REPO, "selftests/run-python"),
             os.path.join(REPO, "selftests/tools"), "guest_llm"],
     {"kernels": "6.12"}),
)

LOAD = 'insmod "$KVPOOL_KO"'
LOAD_FABRIC = """
modprobe -a ib_core rdma_cm || exit 1
insmod "$KVPOOL_KO" && insmod "${KVPOOL_KO%/*}/kvpool_rdma.ko"
"""

# After a program the modules must unload.
UNLOAD = """
[ ! -e /sys/module/kvpool_rdma ] || rmmod kvpool_rdma || exit 1
rmmod kvpool || exit 1
"""
# kmemleak reports no object that is younger than five seconds.  A scan reads
# all memory, so one scan serves several programs.
SCAN_AFTER = 8
SCAN = """
leaks=/sys/kernel/debug/kmemleak
[ -e $leaks ] || exit 4
sleep 6
echo scan > $leaks
echo scan > $leaks
grep -q . $leaks || exit 0
cat $leaks
echo clear > $leaks
exit 3
"""
# Leaks from before the module was loaded are not the module's.
PREPARE = """
leaks=/sys/kernel/debug/kmemleak
[ ! -e $leaks ] || { echo scan > $leaks; echo clear > $leaks; }
"""


def read_list():
    """(name, argv, options) of every program."""
    programs = list(LIBRARY)
    with open(os.path.join(REPO, "selftests/kselftest-list")) as f:
        for line in f:
            words = shlex.split(line, comments=True)
            if words:
                name = os.path.basename(words[0])
                options = dict(w.partition("=")[::2] for w in words[1:])
                unknown = set(options) - OPTIONS
                if unknown:
                    raise RigError("kselftest-list: %s: there is no option "
                                   "%s" % (name, ", ".join(unknown)))
                programs.append((name, [os.path.join(
                    BUILD, "selftests", name)], options))
    return programs


def meant_for(kernel, everywhere=False, only=None):
    """The programs for a kernel: those whose kernels= has it, or all."""
    return [p for p in read_list()
            if (not only or p[0] in only) and
            (everywhere or kernel in p[2].get(
                "kernels", ",".join(KERNELS)).split(","))]


def shape(options):
    """The memory and the nodes of the host that a program needs."""
    return options.get("mem", "2G"), options.get("numa")


def parts(kernel, programs, costs):
    """Lists of programs that share a host, of about PART seconds each."""
    shapes = {}
    for program in programs:
        shapes.setdefault(shape(program[2]), []).append(program)
    default = 15 * SLOWER.get(kernel, 1)
    return [part for alike in shapes.values() for part in lanes.pack(
        [(p, costs.of("%s %s" % (kernel, p[0]), default)) for p in alike],
        PART)]


class Guest:
    """A host with a kernel, replaced when a program needs another or broke it."""

    def __init__(self, kernel, ko, out, suffix=""):
        self.kernel, self.ko, self.out = kernel, ko, out
        self.suffix = suffix    # of the logs
        self.host = None
        self.shape = None
        self.unscanned = []     # programs since the last scan of kmemleak
        self.kmemleak = True

    def up(self, mem, numa):
        """Start a host with this memory and these nodes, unless it runs."""
        if self.host and self.host.running() and self.shape == (mem, numa):
            return
        self.down()
        opts = hostmod.Options(kernel=self.kernel, mem=mem, numa=numa)
        me = os.getpid()
        accel = hostmod.accel_for(opts)
        self.host = hostmod.start(
            "check-%s-%d-%d" % (self.kernel, me, next(NUMBERS)),
            opts, accel, (me, util.start_time(me)))
        self.shape = mem, numa
        hostmod.wait_ready(self.host, 300)
        if self.host.complaints():
            raise RigError("the kernel complained at boot: " + self.host.log)
        self.run(["sh", "-c", PREPARE], 300)

    def down(self):
        """Stop the host and keep its console's log."""
        if not self.host:
            return
        self.host.down()
        shutil.copy(self.host.log, os.path.join(
            self.out, "console-%d.log" % time.time_ns()))
        shutil.rmtree(self.host.dir, ignore_errors=True)
        self.host = None
        self.unscanned = []

    def scan(self):
        """Scan; returns the programs since the last scan and their leaks."""
        code, said = self.run(["sh", "-c", SCAN], 300)
        programs, self.unscanned = self.unscanned, []
        self.kmemleak = code != 4
        return programs, [] if code in (0, 4) else [said.strip()]

    def run(self, argv, timeout, log=None):
        """Exit code and output; both streams go to the log."""
        text = bytearray()

        def keep(data):
            text.extend(data)
            if log:
                log.write(data)
                log.flush()

        env = {name: value for name, value in os.environ.items()
               if name.startswith(("KV_", "KVPOOL_"))}
        env.update(KVPOOL_BUILD=BUILD, KVPOOL_KO=self.ko,
                   kselftest_override_timeout="0")
        code = client.run(self.host.dir, argv, cwd=REPO, timeout=timeout,
                          env=env, out=keep, err=keep)
        return code, text.decode(errors="replace")

    def log_path(self, name):
        """The path of a program's log."""
        return os.path.join(self.out, name + self.suffix + ".log")

    def program(self, program):
        """Load, run, unload; returns the results."""
        name, argv, options = program
        timeout = (float(options.get("timeout", TIMEOUT)) *
                   SLOWER.get(self.kernel, 1) *
                   int(os.environ.get("KV_SOAK", 1)))
        log_path = self.log_path(name)
        troubles, text, code = [], "", 0
        try:
            self.up(*shape(options))
            with open(log_path, "wb") as log:
                load = LOAD_FABRIC if "fabric" in options else LOAD
                code, said = self.run(["sh", "-c", load], 120, log)
                if code:
                    troubles.append("insmod: " + said.strip())
                else:
                    code, text = self.run(argv, timeout, log)
                    undone, said = self.run(["sh", "-c", UNLOAD], 300, log)
                    if undone:
                        troubles.append("rmmod: " + said.strip())
                    self.unscanned.append(program)
        except RigError as e:
            troubles.append(str(e))
        if self.host:
            excerpts = self.host.complaints()
            troubles += ["the kernel complained:\n" + e for e in excerpts]
        if troubles:
            with open(log_path, "a") as log:
                log.write("\n".join(troubles) + "\n")
        # A kernel that has complained or hangs runs no further program.
        if troubles or code == util.EX_TIMEOUT:
            self.down()
        return tap.judge(text, code, troubles)

    def leaks(self):
        """Results of a scan, the programs since the scan before, and the log."""
        try:
            programs, leaks = self.scan()
        except RigError as e:
            programs, leaks = self.unscanned, [str(e)]
        names = ", ".join(p[0] for p in programs)
        log = self.log_path("leaks-" + "-".join(p[0] for p in programs)[:100])
        if leaks:
            with open(log, "w") as f:
                f.write("\n".join(leaks) + "\n")
            self.down()
        if not self.kmemleak and not leaks:
            return [], programs, log
        return [tap.Result("failed" if leaks else "passed",
                           "kmemleak after " + names, "\n".join(leaks))
                ], programs, log


def run_second(kernel, ko, out, programs, leaks):
    """Run programs on a fresh host; returns (results, log).

    With leaks, the results are those of the scan after them.
    """
    guest = Guest(kernel, ko, out, ".second")
    try:
        for program in programs:
            results = guest.program(program)
        if leaks:
            results, _, log = guest.leaks()
            # A host that was stopped after a failure is not scanned.
            return results or [tap.Result(
                "failed", "kmemleak",
                "the host was stopped before the scan")], log
        return results, guest.log_path(programs[-1][0])
    finally:
        guest.down()


def run_part(kernel, ko, out, programs, report, costs):
    """Run programs on a host of their own; those that fail run once more."""
    guest = Guest(kernel, ko, out)

    def scan():
        if not guest.unscanned:
            return
        results, suspects, log = guest.leaks()
        if results:
            report.settle(kernel + " leaks", results, 0, log,
                          lambda bad: run_second(kernel, ko, out, suspects,
                                                True))

    try:
        for program in programs:
            begun = time.monotonic()
            results = guest.program(program)
            spent = time.monotonic() - begun
            name = "%s %s" % (kernel, program[0])
            costs.measure(name, spent)
            if any(r.status == "failed" for r in results) and guest.host:
                scan()
                guest.down()
            report.settle(name, results, spent, guest.log_path(program[0]),
                          lambda bad: run_second(kernel, ko, out, [program],
                                                False))
            if guest.kmemleak and len(guest.unscanned) >= SCAN_AFTER:
                scan()
        scan()
    finally:
        guest.down()
