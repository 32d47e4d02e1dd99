# SPDX-License-Identifier: GPL-2.0
"""The command line of scripts/rig."""

import argparse
import json
import os
import select
import shutil
import signal
import sys
import termios
import tty

from . import client, host as hostmod, kernels, klog, links, util
from .host import Host
from .util import (EX_BOOT, EX_KLOG, EX_RIG, EX_TIMEOUT, EX_USAGE, RigError,
                   say)

EPILOG = """\
exit codes:
  0      done. exec and run exit with the command's own exit code
         (128+N if signal N ended the command, 127 if it does not exist)
  2      the arguments are wrong
  %d     a host did not become ready; the tail of its console is printed
  %d     the guest's kernel complained (WARNING, BUG, KASAN, UBSAN, lockdep,
         hung task, ...); an excerpt of the log is printed
  %d     the host is not up or has ended, or the rig itself failed
  %d    --timeout ended the command

environment:
  RIG_ACCEL=kvm|tcg  use this accelerator and do not test KVM
  KVPOOL_BUILD=DIR   directory of kernels and hosts (default: build/)
  KERNEL_JOBS=N      compilers that build a kernel concurrently

A host sees this machine's files read-only below a memory file system, and the
build directory writable at the same path.  Commands run in the caller's
directory.  The host's files are in build/rig/HOST: console.log, qemu.log, command.
A host ends when that directory is removed.
""" % (EX_BOOT, EX_KLOG, EX_RIG, EX_TIMEOUT)


def add_host_options(p):
    """Add the options that describe a host."""
    p.add_argument("--kernel", default="6.12", choices=kernels.NAMES,
                   help="default: %(default)s")
    p.add_argument("--mem", default="2G", help="default: %(default)s")
    p.add_argument("--smp", type=int, default=2, help="default: %(default)s")
    p.add_argument("--numa", metavar="SPEC",
                   help="nodes as SIZE[:CPUS],...; instead of --mem. "
                   "1G:0,1G:1,512M is two nodes with a CPU each and one "
                   "far node without; several ranges: 0-1+4-5")
    p.add_argument("--append", help="further parameters of the kernel")
    p.add_argument("--device", action="append", metavar="DEV",
                   help="a QEMU -device; may be repeated")
    p.add_argument("--qemu-arg", action="append", metavar="ARGS",
                   help="QEMU arguments, split like a shell's: "
                   "--qemu-arg='-object rng-random,id=r'")
    p.add_argument("--share", action="append", metavar="DIR",
                   help="a directory that guests can write, at the same path")
    p.add_argument("--plugin", metavar="FILE[,OPT]",
                   help="a TCG plugin; writes build/rig/HOST/plugin.log")
    p.add_argument("--icount", action="store_true",
                   help="deterministic instruction counting; one CPU")
    p.add_argument("--snapshot", action="store_true",
                   help="start from the memory of a host of the same kind "
                   "that has booted; the first start makes the snapshot")
    p.add_argument("--boot-timeout", type=float, default=300,
                   metavar="S", help="default: %(default)s")


def add_exec_options(p):
    """Add the options of a command that runs on a host."""
    p.add_argument("--timeout", type=float, metavar="S",
                   help="kill the command after S seconds (exit code %d)" %
                   EX_TIMEOUT)
    p.add_argument("--cwd", help="directory of the command; default: the "
                   "current one")
    p.add_argument("--env", action="append", metavar="K=V", default=[],
                   help="an environment variable; may be repeated")
    p.add_argument("-n", "--no-stdin", action="store_true",
                   help="do not pass stdin to the command")
    p.add_argument("--no-klog", action="store_true",
                   help="do not fail when the kernel complains; "
                   "`down` does not fail either")


def parser():
    """The parser of scripts/rig's command line."""
    p = argparse.ArgumentParser(
        prog="rig", description="Virtual hosts for people, tests and "
        "benchmarks.", epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    sub = p.add_subparsers(dest="verb", required=True, metavar="VERB")

    k = sub.add_parser("kernel", help="fetch or build kernels")
    k.add_argument("action", choices=("fetch", "path", "kdir", "info"),
                   help="fetch: download or build the kernel; path: also "
                   "print the directory of vmlinuz; kdir: also print the "
                   "directory to build modules against; info: print the "
                   "kernel's release and paths")
    k.add_argument("names", nargs="+", metavar="NAME",
                   help=", ".join(kernels.NAMES))
    k.add_argument("--json", action="store_true")

    u = sub.add_parser("up", help="start hosts and wait until they are ready")
    u.add_argument("hosts", nargs="+", metavar="HOST")
    add_host_options(u)
    u.add_argument("--link", action="append", metavar="A:B[:stream]",
                   help="join two of the hosts; may be repeated. The first "
                   "link gives A 10.77.0.1 and B 10.77.0.2, the second "
                   "10.77.1.1 and so on. In QMP: link0, nic0")
    u.add_argument("--rdma", action="store_true",
                   help="soft RDMA on all links: rxe0 on the first and so on")
    u.add_argument("--json", action="store_true")

    e = sub.add_parser("exec", help="run a command on a host, as root")
    e.add_argument("host", metavar="HOST")
    add_exec_options(e)

    r = sub.add_parser("run", help="up, exec and down in one")
    r.add_argument("--name", help="the host's name; default: run-PID")
    add_host_options(r)
    add_exec_options(r)
    r.add_argument("--keep-log", action="store_true",
                   help="keep build/rig/NAME after success too")

    c = sub.add_parser("console", help="the serial line of a host")
    c.add_argument("host", metavar="HOST")
    c.add_argument("--log", action="store_true",
                   help="print its output so far")

    q = sub.add_parser("qmp", help="send QEMU a QMP command")
    q.add_argument("host", metavar="HOST")
    q.add_argument("command", metavar="JSON", nargs="+",
                   help="""'{"execute":"query-status"}', or only the """
                   "name of a command without arguments")

    d = sub.add_parser("down", help="stop hosts")
    d.add_argument("hosts", nargs="*", metavar="HOST")
    d.add_argument("--all", action="store_true",
                   help="all hosts that `up` started; not those of a `run` "
                   "or a test in progress")

    ls = sub.add_parser("list", help="list the hosts")
    ls.add_argument("--json", action="store_true")
    return p


def main(argv):
    """Run scripts/rig; returns its exit code."""
    # Arguments after -- are the command's and are not parsed.
    command = []
    if "--" in argv and argv[0] in ("exec", "run"):
        at = argv.index("--")
        argv, command = argv[:at], argv[at + 1:]
    elif argv[:1] == ["exec"] and len(argv) > 2 and argv[2][:1] != "-":
        argv, command = argv[:2], argv[2:]
    opts = parser().parse_args(argv, hostmod.Options())
    opts.command_argv = command
    if opts.verb in ("exec", "run") and not command:
        say("there is no command; write one after --")
        return EX_USAGE
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        return globals()["do_" + opts.verb](opts)
    except RigError as e:
        say(str(e))
        return e.code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 141


def do_kernel(opts):
    facts = []
    for name in opts.names:
        if opts.action == "info":
            kernels.base(name)
            facts.append(kernels.info(name) or {"name": name, "path": None})
            continue
        kernel = kernels.fetch(name)
        facts.append(kernel)
        if opts.json:
            continue
        if opts.action == "fetch":
            say("kernel %s is %s" % (name, kernel["release"]))
        else:
            print(kernel["path" if opts.action == "path" else "kdir"])
    if opts.json or opts.action == "info":
        print(json.dumps(facts, indent=1))
    return 0


def do_up(opts):
    started, facts, bad = [], [], False
    joined = links.parse(opts.link, opts.hosts)
    accel = hostmod.accel_for(opts)
    try:
        for name in opts.hosts:
            started.append(hostmod.start(name, opts, accel, joined=joined))
        for h in started:
            took = hostmod.wait_ready(h, opts.boot_timeout)
            links.configure(h, joined, opts.rdma)
            facts.append({k: h.state[k] for k in
                          ("name", "kernel", "release", "accel", "ready")})
            if not opts.json:
                say("%s: %s, ready after %.1f s (%s)" %
                    (h.name, h.state["release"], took, accel))
            bad |= h.report()
    except BaseException:
        for h in started:
            h.down()
        raise
    if opts.json:
        print(json.dumps(facts, indent=1))
    return EX_KLOG if bad else 0


def run_on(h, opts):
    """Run the command of the options on a host; returns rig's exit code."""
    env = dict(item.partition("=")[::2] for item in opts.env)
    begin = klog.size(h.log)
    stdin = 0 if not opts.no_stdin and client.wants_stdin() else None
    try:
        code = client.run(h.dir, opts.command_argv, cwd=opts.cwd or
                          os.getcwd(), env=env, timeout=opts.timeout,
                          stdin=stdin)
    except client.HostGone as e:
        if not h.report(begin):
            raise RigError("%s: %s%s" % (h.name, e, h.last_words()))
        raise RigError("%s: %s" % (h.name, e), EX_KLOG)
    except RigError:
        h.report(begin)
        raise
    if opts.no_klog:
        h.complaints(begin)
    elif h.report(begin):
        return EX_KLOG
    if code == EX_TIMEOUT and opts.timeout:
        say("%s: killed after %g s: %s" % (h.name, opts.timeout,
                                           " ".join(opts.command_argv)))
    return code


def do_exec(opts):
    h = Host(opts.host)
    h.need()
    return run_on(h, opts)


def do_run(opts):
    name = opts.name or "run-%d" % os.getpid()
    accel = hostmod.accel_for(opts)
    me = os.getpid()
    h = hostmod.start(name, opts, accel, (me, util.start_time(me)))
    code = EX_RIG
    try:
        hostmod.wait_ready(h, opts.boot_timeout)
        if h.report() and not opts.no_klog:
            code = EX_KLOG
            return code
        code = run_on(h, opts)
    finally:
        h.down()
        if not opts.no_klog and h.report():
            code = EX_KLOG
        if code == 0 and not opts.keep_log:
            shutil.rmtree(h.dir, ignore_errors=True)
    return code


def do_down(opts):
    if not opts.hosts and not opts.all:
        say("no host is named; name hosts, or use --all")
        return EX_USAGE
    bad = False
    for h in hostmod.hosts() if opts.all else map(Host, opts.hosts):
        state = h.state
        if not state:
            raise RigError("no host is called " + h.name)
        if opts.all and state.get("owner") and util.alive(*state["owner"]):
            continue
        h.down()
        bad |= h.report()
    return EX_KLOG if bad else 0


def do_list(opts):
    facts = []
    for h in hostmod.hosts():
        state = h.state
        if not state:
            continue
        facts.append(dict(
            {k: state.get(k) for k in ("name", "kernel", "release", "accel",
                                       "smp", "mem", "pid", "ready")},
            up=h.running(), log=h.log))
    if opts.json:
        print(json.dumps(facts, indent=1))
    else:
        for f in facts:
            print("%-16s %-5s %-28s %-4s pid %d" % (
                f["name"], "up" if f["up"] else "gone", f["release"],
                f["accel"], f["pid"]))
    return 0


def do_qmp(opts):
    h = Host(opts.host)
    h.need()
    commands = []
    for text in opts.command:
        try:
            commands.append(json.loads(text) if text[:1] == "{" else
                            {"execute": text})
        except ValueError as e:
            raise RigError("%s: %s" % (text, e), EX_USAGE)
    reply = h.qmp(*commands)
    print(json.dumps(reply))
    return 0 if reply and "return" in reply else 1


def do_console(opts):
    h = Host(opts.host)
    if opts.log:
        sys.stdout.write(klog.read(h.log))
        return 0
    h.need()
    sock = client.connect_unix(h.path("console"))
    say("press Enter for a shell, Ctrl-] to leave")
    saved = termios.tcgetattr(0) if os.isatty(0) else None
    try:
        if saved:
            tty.setraw(0)
        while True:
            ready, _, _ = select.select([0, sock], [], [])
            if sock in ready:
                data = sock.recv(65536)
                if not data:
                    raise RigError("host %s has ended" % h.name)
                client.writer(1)(data)
            if 0 in ready:
                data = os.read(0, 4096)
                if not data or b"\x1d" in data:
                    return 0
                sock.sendall(data)
    finally:
        if saved:
            termios.tcsetattr(0, termios.TCSADRAIN, saved)
