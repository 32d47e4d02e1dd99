# SPDX-License-Identifier: GPL-2.0
"""Virtual hosts: start, find, stop."""

import argparse
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time

from . import client, initrd, kernels, klog, links, snapshot, util
from .initrd import PORTS
from .util import BUILD, EX_BOOT, EX_RIG, EX_USAGE, HOSTS, RigError, say

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
# Warnings and worse reach the console; the rest is in the guest's dmesg.
APPEND = ("console=ttyS0 loglevel=5 panic=-1 mitigations=off tsc=reliable "
          "no_timer_check random.trust_cpu=on")
# la57=off: with five-level paging, an interrupt that arrives while the kernel
# identifies its first CPU finds the wrong shadow memory, and KASAN reports it.
# -cx16: QEMU 7.2 leaves flags other than ZF undefined after CMPXCHG16B, and an
# interrupt right after it is a double fault. SLUB works without the instruction.
CPU = "max,la57=off,-cx16"


class Options(argparse.Namespace):
    """The properties of a host: the options of `rig up`."""

    kernel, mem, smp, numa, append = "6.12", "2G", 2, None, None
    device, qemu_arg, share, plugin = (), (), (), None
    icount = snapshot = False
    boot_timeout = 300

    def plain(self):
        """The options of a small host with the same kernel."""
        return Options(kernel=self.kernel, mem="1G", smp=1)


class Host:
    """A virtual host, which has a directory in build/rig."""

    def __init__(self, name):
        if not NAME.fullmatch(name):
            raise RigError("%r is no name for a host; use letters, digits, '.', '_' "
                           "and '-'" % name, EX_USAGE)
        self.name = name
        self.dir = os.path.join(HOSTS, name)
        self.log = os.path.join(self.dir, "console.log")
        self.seen_file = os.path.join(self.dir, "console.seen")

    def path(self, name):
        """The path of a file in the host's directory."""
        return os.path.join(self.dir, name)

    @property
    def state(self):
        """The facts that start() and wait_ready() wrote, or None."""
        return util.read_json(self.path("state.json"))

    def running(self):
        """Whether the host's QEMU runs."""
        state = self.state
        return bool(state and util.alive(state["pid"], state["started"]))

    def need(self):
        """Raise a RigError unless the host is up."""
        if not self.running():
            raise RigError("host %s is not up%s" % (
                self.name, self.last_words()), EX_RIG)

    def last_words(self):
        """The end of the console's log, to be appended to a message."""
        text = klog.tail(self.log)
        return "; its console ended with:\n" + text if text else ""

    # ---- the kernel's complaints ----

    def seen(self):
        """The offset in the log up to which complaints were reported."""
        try:
            with open(self.seen_file) as f:
                return int(f.read())
        except (OSError, ValueError):
            return 0

    def complaints(self, begin=None):
        """New complaints, from an offset or from the end of the last look."""
        seen = self.seen()
        begin = seen if begin is None else min(begin, seen)
        end = klog.size(self.log)
        found = klog.complaints(klog.read(self.log, begin))
        try:
            if end > seen:
                util.write_atomic(self.seen_file, str(end))
        except OSError:
            pass
        return found

    def report(self, begin=None):
        """Print new complaints; True if there are any."""
        found = self.complaints(begin)
        for excerpt in found:
            sys.stderr.write("rig: the kernel of %s complained:\n%s\n" %
                             (self.name, excerpt))
        if found:
            say("the whole log is", self.log)
        return bool(found)

    # ---- QMP ----

    def qmp(self, *commands, timeout=10.0):
        """Send commands (dicts); returns the reply to the last one."""
        try:
            sock = client.connect_unix(self.path("qmp"))
        except OSError as e:
            raise RigError("host %s is not up (%s)" % (self.name, e.strerror))
        with sock, sock.makefile("rw") as f:
            sock.settimeout(timeout)

            def ask(command):
                f.write(json.dumps(command) + "\n")
                f.flush()
                for line in f:
                    reply = json.loads(line)
                    if "return" in reply or "error" in reply:
                        return reply
                raise RigError("host %s has ended" % self.name)

            f.readline()
            ask({"execute": "qmp_capabilities"})
            reply = None
            for command in commands:
                reply = ask(command)
            return reply

    # ---- down ----

    def down(self):
        """Stop the host if it runs; its directory stays."""
        state = self.state
        if state and util.alive(state["pid"], state["started"]):
            try:
                self.qmp({"execute": "quit"}, timeout=3)
            except (RigError, OSError, ValueError):
                pass
            end = time.monotonic() + 5
            while (util.alive(state["pid"], state["started"]) and
                   time.monotonic() < end):
                time.sleep(0.01)
            if util.alive(state["pid"], state["started"]):
                os.kill(state["pid"], signal.SIGKILL)
        try:
            os.unlink(self.path("state.json"))
        except OSError:
            pass


def hosts():
    """All hosts that were started and not stopped."""
    try:
        names = sorted(os.listdir(HOSTS))
    except OSError:
        return []
    return [Host(n) for n in names if NAME.fullmatch(n) and
            os.path.exists(os.path.join(HOSTS, n, "state.json"))]


# ---- up ---------------------------------------------------------------------

def numa_args(spec):
    """Nodes from SIZE[:CPUS],...; a node without CPUS is far memory."""
    argv, total, near = [], 0, []
    nodes = [part.partition(":") for part in spec.split(",")]
    for number, (size, _, cpus) in enumerate(nodes):
        total += parse_size(size)
        argv += ["-object", "memory-backend-ram,id=node%d,size=%s" %
                 (number, size)]
        node = "node,nodeid=%d,memdev=node%d" % (number, number)
        if cpus:
            near.append(number)
            for part in cpus.split("+"):
                node += ",cpus=" + part
        argv += ["-numa", node]
    for a in range(len(nodes)):
        for b in range(a + 1, len(nodes)):
            far = 20 if a in near and b in near else 40
            argv += ["-numa", "dist,src=%d,dst=%d,val=%d" % (a, b, far)]
    return argv, total


def parse_size(text):
    """The bytes of a size such as 512M; without a suffix it is in MiB."""
    m = re.fullmatch(r"(\d+)([KMGT]?)", text)
    if not m:
        raise RigError("%r is no size; write 512M or 2G" % text, EX_USAGE)
    return int(m[1]) << {"": 20, "K": 10, "M": 20, "G": 30, "T": 40}[m[2]]


def share_lines(opts, argv):
    """9p shares besides the root: the repository, its build, --share."""
    shares = [("repo", util.REPO, "ro"), ("build", BUILD, "rw")]
    for n, path in enumerate(opts.share or ()):
        path = os.path.realpath(path)
        if not os.path.isdir(path):
            raise RigError("--share: %s is no directory" % path, EX_USAGE)
        shares.append(("share%d" % n, path, "rw"))
    lines = []
    for tag, path, mode in shares:
        if "," in path or "\t" in path or "\n" in path:
            raise RigError("a path with a comma, tab or newline cannot be "
                           "shared: %r" % path, EX_USAGE)
        argv += ["-fsdev", "local,id=%s,path=%s,security_model=none,"
                 "multidevs=remap,readonly=%s" %
                 (tag, path, "on" if mode == "ro" else "off"),
                 "-device", "virtio-9p-pci,fsdev=%s,mount_tag=%s" %
                 (tag, tag)]
        lines.append(("share", tag, path, mode))
    return lines


def qemu_args(name, kernel, accel, opts, joined):
    """QEMU's arguments and the lines of rig.conf.

    Paths are relative to the host's directory.
    """
    smp = 1 if opts.icount else opts.smp
    # A machine with at most one CPU is emulated by QEMU 7.2 without barriers and
    # atomic instructions, although its devices run in other threads: virtio
    # loses notifications.
    most = smp if opts.icount else max(smp, 2)
    argv = ["-name", name, "-machine", "q35", "-nodefaults",
            "-no-user-config", "-display", "none", "-no-reboot",
            # A CPU in each socket: nodes may not share a socket.
            "-smp", "%d,sockets=%d,maxcpus=%d" % (smp, most, most)]
    if opts.icount:
        argv += ["-accel", "tcg,thread=single",
                 "-icount", "shift=0,sleep=off", "-cpu", CPU]
    elif accel == "kvm":
        argv += ["-accel", "kvm", "-cpu", "host,la57=off"]
    else:
        argv += ["-accel", "tcg,thread=multi", "-cpu", CPU]
    mem = parse_size(opts.mem)
    if opts.numa:
        numa, mem = numa_args(opts.numa)
        argv += numa
    argv += ["-m", "%dM" % (mem >> 20)]
    append = APPEND
    if opts.append:
        append += " " + opts.append
    argv += ["-kernel", kernel["vmlinuz"], "-initrd", "initrd",
             "-append", append,
             "-chardev", "socket,id=console,path=console,server=on,"
             "wait=off,logfile=console.log,logappend=off",
             "-serial", "chardev:console",
             "-chardev", "socket,id=qmp,path=qmp,server=on,wait=off",
             "-mon", "chardev=qmp,mode=control",
             "-fsdev", "local,id=root,path=/,security_model=none,"
             "readonly=on,multidevs=remap",
             "-device", "virtio-9p-pci,fsdev=root,mount_tag=root"]
    lines = [("host", name)]
    if os.getuid():
        # The user that runs QEMU cannot read this machine's /root.
        lines.append(("tmpfs", "/root"))
    lines += share_lines(opts, argv)
    lines.append(("modules", kernel["release"], kernel["modules"]))
    argv += ["-device", "virtio-serial-pci,id=rig,max_ports=%d" % (PORTS + 1)]
    for n in range(PORTS):
        argv += ["-chardev", "socket,id=port%d,path=port%d,server=on,"
                 "wait=off" % (n, n),
                 "-device", "virtserialport,bus=rig.0,nr=%d,chardev=port%d,"
                 "name=rig.%d" % (n + 1, n, n)]
    if opts.plugin:
        plugin, _, rest = opts.plugin.partition(",")
        argv += ["-plugin", os.path.realpath(plugin) +
                 ("," + rest if rest else ""),
                 "-d", "plugin", "-D", "plugin.log"]
    argv += links.qemu_args(name, joined)
    for device in opts.device or ():
        argv += ["-device", device]
    for arg in opts.qemu_arg or ():
        argv += shlex.split(arg)
    return argv, lines


def spawn(host, argv, owner):
    """Start QEMU below a process that watches over it (see supervise.py)."""
    with open(host.path("qemu.log"), "ab") as out:
        subprocess.Popen(
            [sys.executable, "-B", os.path.join(os.path.dirname(__file__),
                                                "supervise.py"),
             host.dir, json.dumps(owner)] + argv,
            cwd=host.dir, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            start_new_session=True)


def start(name, opts, accel, owner=None, joined=()):
    """Start a host; returns without waiting for it to be ready."""
    host = Host(name)
    if host.running():
        raise RigError("host %s is up already; stop it with: scripts/rig down "
                       "%s" % (name, name), EX_USAGE)
    kernel = kernels.fetch(opts.kernel)
    argv, lines = qemu_args(name, kernel, accel, opts, joined)
    if not opts.snapshot:
        links.wait_for_peers(name, joined)
        return launch(host, opts, accel, owner, kernel, argv,
                      initrd.make(kernel, lines))
    if opts.icount:
        raise RigError("--snapshot and --icount exclude each other", EX_USAGE)

    def boot(argv, lines):
        me = os.getpid()
        return launch(Host("snapshot-%d" % me), opts, accel,
                      (me, util.start_time(me)), kernel, argv,
                      initrd.make(kernel, lines))

    path = snapshot.get(kernel, argv, boot, opts.boot_timeout)
    links.wait_for_peers(name, joined)
    return launch(host, opts, accel, owner, kernel,
                  snapshot.incoming(path, argv), None, lines)


def launch(host, opts, accel, owner, kernel, argv, image, lines=None):
    """Start QEMU in a fresh directory.

    lines are rig.conf for a host that starts from a snapshot: wait_ready()
    sends them.
    """
    qemu = shutil.which("qemu-system-x86_64")
    if not qemu:
        raise RigError("qemu-system-x86_64 is missing; run "
                       "scripts/packages install")
    shutil.rmtree(host.dir, ignore_errors=True)
    os.makedirs(host.dir)
    if image:
        with open(host.path("initrd"), "wb") as f:
            f.write(image)
    argv = ["setpriv", "--pdeathsig", "KILL", qemu] + argv
    with open(host.path("command"), "w") as f:
        f.write(" ".join(shlex.quote(a) for a in argv) + "\n")
    begun = time.monotonic()
    spawn(host, argv, owner)
    pid = None
    while not pid:
        pid = util.read_json(host.path("pid.json"))
        if not pid and time.monotonic() - begun > 20:
            raise RigError("QEMU did not start", EX_BOOT)
        time.sleep(0.005)
    pid.update(name=host.name, kernel=opts.kernel, release=kernel["release"],
               accel=accel, smp=opts.smp, mem=opts.mem, begun=begun,
               owner=owner, lines=lines)
    util.write_atomic(host.path("state.json"), json.dumps(pid))
    return host


def wait_ready(host, timeout):
    """Wait until a host can run commands; returns the seconds since its start."""
    state = host.state
    end = state["begun"] + timeout
    try:
        while not os.path.exists(host.path("port0")):
            if not host.running():
                raise client.HostGone("QEMU ended")
            if time.monotonic() > end:
                raise RigError("QEMU made no socket")
            time.sleep(0.005)
        if state["lines"]:
            snapshot.send(host.dir, state["lines"],
                          max(1.0, end - time.monotonic()))
        port = client.Port(host.dir)
        try:
            port.hello(max(1.0, end - time.monotonic()))
        finally:
            port.close()
    except RigError as e:
        text = "host %s did not boot (%s)\n" % (host.name, e)
        text += klog.read(host.path("qemu.log"))[-2000:]
        text += klog.tail(host.log, 60)
        host.down()
        raise RigError(text.rstrip() + "\nrig: the log is " + host.log,
                       EX_BOOT)
    took = time.monotonic() - state["begun"]
    state["ready"] = round(took, 2)
    util.write_atomic(host.path("state.json"), json.dumps(state))
    return took


# ---- KVM or emulation -------------------------------------------------------

def accel_for(opts):
    """The accelerator for a host: kvm if it works, else tcg."""
    if opts.icount or opts.plugin:
        return "tcg"
    forced = os.environ.get("RIG_ACCEL")
    if forced:
        if forced not in ("kvm", "tcg"):
            raise RigError("RIG_ACCEL is %r; set it to kvm or tcg" % forced,
                           EX_USAGE)
        return forced
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "tcg"
    with open("/proc/sys/kernel/random/boot_id") as f:
        boot = f.read().strip()
    cache = os.path.join(BUILD, "rig-cache", "accel.json")
    with util.lock(cache + ".lock"):
        known = util.read_json(cache)
        if known and known.get("boot") == boot:
            return known["accel"]
        accel, reason = try_kvm(opts)
        say("KVM %s" % reason)
        util.write_atomic(cache, json.dumps(
            {"boot": boot, "accel": accel, "reason": reason}))
    return accel


def try_kvm(opts):
    """Boot a kernel with KVM: /dev/kvm may open and KVM still not work."""
    me = os.getpid()
    try:
        host = start("kvm-probe-%d" % me, opts.plain(), "kvm",
                     (me, util.start_time(me)))
    except RigError as e:
        if e.code != EX_BOOT:
            raise
        return "tcg", "does not start a host: emulating"
    try:
        took = wait_ready(host, 20)
        return "kvm", "boots a host in %.1f s: using it" % took
    except RigError:
        return "tcg", "opens but does not boot a kernel: emulating"
    finally:
        host.down()
        shutil.rmtree(host.dir, ignore_errors=True)


