# SPDX-License-Identifier: GPL-2.0
"""Test programs on a virtual host, with the module loaded afresh for each."""

import os
import shlex
import shutil
import time

from . import client, host as hostmod, tap, util
from .util import BUILD, REPO, RigError

# How much longer a program may take than on stock 6.12.
SLOWER = {"debug": 3}
TIMEOUT = 600
OPTIONS = {"kernels", "mem", "numa", "timeout", "fabric"}

# Programs beside those of selftests/kselftest-list.
LIBRARY = (
    ("lib-module", [os.path.join(BUILD, "lib/tests/module")], {}),
    ("lib-ring", [os.path.join(BUILD, "lib/tests/module-ring")], {}),
    ("replay", [os.path.join(REPO, "selftests/run-python"),
                os.path.join(REPO, "selftests/tools"), "guest_replay"],
     {"kernels": "6.12,6.1"}),
    ("ctl-fabric", [os.path.join(REPO, "selftests/run-python"),
                    os.path.join(REPO, "selftests/tools"), "guest_fabric"],
     {"kernels": "6.12,6.1", "fabric": ""}),
    ("llm", [os.path.join(REPO, "selftests/run-python"),
             os.path.join(REPO, "selftests/tools"), "guest_llm"],
     {"kernels": "6.12,6.1"}),
)

LOAD = 'insmod "$KVPOOL_KO"'
LOAD_FABRIC = """
modprobe -a ib_core rdma_cm || exit 1
insmod "$KVPOOL_KO" && insmod "${KVPOOL_KO%/*}/kvpool_rdma.ko"
"""

# After a program: nothing may be left once the module is gone.
UNLOAD = """
[ ! -e /sys/module/kvpool_rdma ] || rmmod kvpool_rdma || exit 1
rmmod kvpool || exit 1
"""
# kmemleak calls nothing a leak that is younger than five seconds.  It looks at
# all memory, so it is asked after several programs.
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
# Leaks that were there before the module are not its own.
PREPARE = """
leaks=/sys/kernel/debug/kmemleak
[ ! -e $leaks ] || { echo scan > $leaks; echo clear > $leaks; }
"""


def read_list():
    """(name, argv, options) of every program; like hosts together."""
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
    return sorted(programs, key=lambda p: shape(p[2]) != shape({}))


def shape(options):
    """What a program needs of a host: memory and nodes."""
    return options.get("mem", "2G"), options.get("numa")


class Guest:
    """A host with a kernel, booted again when it is of no more use."""

    def __init__(self, kernel, ko, out):
        self.kernel, self.ko, self.out = kernel, ko, out
        self.host = None
        self.shape = None
        self.unscanned = []     # programs since kmemleak was asked
        self.found = []         # what it said of earlier ones
        self.kmemleak = True

    def up(self, mem, numa):
        if self.host and self.host.running():
            if self.shape == (mem, numa):
                return
            self.found += self.scan()
        self.down()
        opts = hostmod.Options(kernel=self.kernel, mem=mem, numa=numa)
        me = os.getpid()
        accel = hostmod.accel_for(opts)
        self.host = hostmod.start("check-%s-%d" % (self.kernel, me), opts,
                                  accel, (me, util.start_time(me)))
        self.shape = mem, numa
        hostmod.wait_ready(self.host, 300)
        if self.host.complaints():
            raise RigError("the kernel complained at boot: " + self.host.log)
        self.run(["sh", "-c", PREPARE], 300)

    def down(self):
        if not self.host:
            return
        self.host.down()
        shutil.copy(self.host.log, os.path.join(
            self.out, "console-%d.log" % time.time()))
        shutil.rmtree(self.host.dir, ignore_errors=True)
        self.host = None
        self.unscanned = []

    def scan(self):
        """What the programs since the last scan have leaked."""
        if not self.unscanned:
            return []
        code, said = self.run(["sh", "-c", SCAN], 300)
        names, self.unscanned = self.unscanned, []
        self.kmemleak = code != 4
        if code in (0, 4):
            return []
        return ["kmemleak after %s:\n%s" % (", ".join(names), said.strip())]

    def run(self, argv, timeout, log=None):
        """Exit code and output; both streams go where the log is."""
        text = bytearray()

        def keep(data):
            text.extend(data)
            if log:
                log.write(data)
                log.flush()

        code = client.run(self.host.dir, argv, cwd=REPO, timeout=timeout,
                          env={"KVPOOL_BUILD": BUILD, "KVPOOL_KO": self.ko,
                               "kselftest_override_timeout": "0"},
                          out=keep, err=keep)
        return code, text.decode(errors="replace")

    def program(self, name, argv, options):
        """Load, run, unload; returns the results."""
        timeout = (float(options.get("timeout", TIMEOUT)) *
                   SLOWER.get(self.kernel, 1))
        log_path = os.path.join(self.out, name + ".log")
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
                    self.unscanned.append(name)
                    if len(self.unscanned) >= SCAN_AFTER:
                        troubles += self.scan()
            troubles += self.found
            self.found = []
        except RigError as e:
            troubles.append(str(e))
        if self.host:
            excerpts = self.host.complaints()
            troubles += ["the kernel complained:\n" + e for e in excerpts]
            if troubles:
                with open(log_path, "a") as log:
                    log.write("\n".join(troubles) + "\n")
        # A kernel in trouble judges no further program.
        if troubles or code == util.EX_TIMEOUT:
            self.down()
        return tap.judge(text, code, troubles)


def suite(kernel, ko, out, tell, only=None):
    """Run all programs meant for a kernel; tell(name, results, seconds)."""
    guest = Guest(kernel, ko, out)
    try:
        for name, argv, options in read_list():
            if only and name not in only:
                continue
            kernels = options.get("kernels")
            if kernels and kernel not in kernels.split(","):
                continue
            begun = time.monotonic()
            results = guest.program(name, argv, options)
            tell(name, results, time.monotonic() - begun)
        begun = time.monotonic()
        if guest.unscanned:
            leaks = guest.scan()
            if guest.kmemleak:
                tell("leaks", [tap.Result("failed" if leaks else "passed",
                                          "kmemleak", "\n".join(leaks))],
                     time.monotonic() - begun)
    finally:
        guest.down()
