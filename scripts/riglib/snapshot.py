# SPDX-License-Identifier: GPL-2.0
"""Hosts that start from the memory of a host that has booted before.

The snapshot is taken when the agent has loaded its modules and before it mounts
a file system, since a mounted 9p file system cannot be saved.  Its initramfs has
no configuration of a particular host: the agent reads that from the last of its
ports, together with the time and a seed, when it resumes.

A snapshot fits hosts with the same hardware and kernel; its name is a hash of
both.
"""

import hashlib
import json
import os
import secrets
import shlex
import shutil
import time

from . import client, initrd, util
from .util import BUILD, EX_BOOT, RigError, say

PORT = initrd.PORTS - 1
READY = b"S"            # the agent waits for its configuration
GOES_ON = b"G"          # the agent has its configuration
SAVE_TIMEOUT = 120.0    # seconds
KEEP = 12               # snapshots of some 100 MiB each

# Options whose arguments a guest does not see.
BACKENDS = {"-name", "-plugin", "-d", "-D", "-chardev", "-initrd"}


def hardware(argv):
    """The part of QEMU's arguments that a guest can see."""
    seen = []
    for at, arg in enumerate(argv):
        before = argv[at - 1] if at else ""
        if before in BACKENDS:
            continue
        if before == "-fsdev":
            arg = ",".join(p for p in arg.split(",")
                           if not p.startswith("path="))
        elif before == "-netdev":
            arg = "id=" + arg.partition(",id=")[2].partition(",")[0]
        seen.append(arg)
    return seen


def place(kernel, argv):
    """The directory of the snapshot for a host."""
    version = util.check_output(["qemu-system-x86_64", "--version"])
    key = json.dumps([hardware(argv), initrd.key(kernel), version])
    return os.path.join(BUILD, "rig-cache", "snapshot-%s-%s" % (
        kernel["name"], hashlib.sha256(key.encode()).hexdigest()[:16]))


def forget(directory, keep):
    """Remove all but the keep most recently used snapshots."""
    found = [os.path.join(directory, n) for n in os.listdir(directory)
             if n.startswith("snapshot-")]
    found = [p for p in found if os.path.exists(os.path.join(p, "memory"))]
    found.sort(key=os.path.getmtime, reverse=True)
    for path in found[keep:]:
        # A host that reads the file has it open.
        shutil.rmtree(path, ignore_errors=True)


def unplugged(argv):
    """The same hardware, its network devices without a link."""
    out, hub = [], 0
    for at, arg in enumerate(argv):
        if at and argv[at - 1] == "-netdev":
            name = arg.partition(",id=")[2].partition(",")[0]
            arg = "hubport,id=%s,hubid=%d" % (name, hub)
            hub += 1
        out.append(arg)
    return out


def port(directory, wait):
    """Connect to the port on which the agent pauses."""
    end = time.monotonic() + wait
    while True:
        try:
            return client.connect_unix(
                os.path.join(directory, "port%d" % PORT))
        except OSError:
            if time.monotonic() > end:
                raise RigError("QEMU made no socket", EX_BOOT)
            time.sleep(0.005)


def save(host, path, timeout):
    """Wait until a host's agent pauses, and write its memory to a file."""
    with port(host.dir, 20) as sock:
        sock.settimeout(timeout)
        if sock.recv(1) != READY:
            raise RigError("the host ended before a snapshot was taken",
                           EX_BOOT)
        host.qmp({"execute": "migrate-set-parameters",
                  "arguments": {"max-bandwidth": 4 << 30}},
                 {"execute": "migrate", "arguments": {
                     "uri": "exec:cat >" + shlex.quote(path)}})
        end = time.monotonic() + SAVE_TIMEOUT
        while True:
            state = host.qmp({"execute": "query-migrate"})["return"]
            if state.get("status") == "completed":
                return
            if state.get("status") in ("failed", "cancelled") or \
                    time.monotonic() > end:
                raise RigError("QEMU could not save the host: %s" %
                               state.get("error-desc", state.get("status")))
            time.sleep(0.02)


def get(kernel, argv, boot, timeout):
    """The directory of the snapshot for a host; taken now if there is none.

    boot(argv, lines) starts a host to take the snapshot of, and returns it.
    """
    path = place(kernel, argv)
    with util.lock(path + ".lock"):
        if os.path.exists(path):
            os.utime(path)
            return path
        forget(os.path.dirname(path), KEEP - 1)
        begun = time.monotonic()
        temp = "%s.%d" % (path, os.getpid())
        shutil.rmtree(temp, ignore_errors=True)
        os.makedirs(temp)
        host = None
        try:
            host = boot(unplugged(argv), [("snapshot", str(PORT))])
            save(host, os.path.join(temp, "memory"), timeout)
            shutil.copy(host.path("initrd"), os.path.join(temp, "initrd"))
            os.rename(temp, path)
        except (OSError, KeyError, ValueError) as e:
            raise RigError("no snapshot: %s%s" % (
                e, host.last_words() if host else ""), EX_BOOT)
        finally:
            if host:
                host.down()
                shutil.rmtree(host.dir, ignore_errors=True)
            shutil.rmtree(temp, ignore_errors=True)
        say("took a snapshot of %s in %.1f s" % (
            kernel["release"], time.monotonic() - begun))
    return path


def incoming(path, argv):
    """QEMU's arguments to resume from a snapshot."""
    argv = list(argv)
    argv[argv.index("-initrd") + 1] = os.path.join(path, "initrd")
    return argv + ["-incoming", "exec:cat " +
                   shlex.quote(os.path.join(path, "memory"))]


def send(directory, lines, timeout):
    """Send a host that resumes from a snapshot its configuration."""
    lines = lines + [("time", "%.6f" % time.time()),
                     ("seed", secrets.token_hex(32)), ("go", "on")]
    text = "".join("\t".join(line) + "\n" for line in lines)
    with port(directory, timeout) as sock:
        sock.settimeout(timeout)
        sock.sendall(text.encode())
        # When a client disconnects, QEMU drops the bytes that the guest has
        # not read.
        try:
            if sock.recv(1) != GOES_ON:
                raise RigError("the host ended", EX_BOOT)
        except OSError as e:
            raise RigError("the host does not take its configuration (%s)" % e,
                           EX_BOOT)
