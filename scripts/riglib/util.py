# SPDX-License-Identifier: GPL-2.0
"""Paths, messages and locks that the parts of the rig share."""

import contextlib
import fcntl
import json
import os
import subprocess
import sys

REPO = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
BUILD = os.path.realpath(os.environ.get("KVPOOL_BUILD",
                                        os.path.join(REPO, "build")))
SCRIPTS = os.path.join(REPO, "scripts")
HOSTS = os.path.join(BUILD, "rig")

# Exit codes of the rig; all others are those of commands.
EX_USAGE = 2        # bad arguments
EX_BOOT = 96        # a host did not become ready
EX_KLOG = 97        # the guest's kernel complained
EX_RIG = 98         # no such host, or the host has ended
EX_TIMEOUT = 124    # --timeout ended the command


class RigError(Exception):
    """A failure with a message for people and the exit code of the program."""

    def __init__(self, message, code=EX_RIG):
        super().__init__(message)
        self.code = code


def say(*words):
    """Print a message of the rig to stderr."""
    print("rig:", *words, file=sys.stderr, flush=True)


@contextlib.contextmanager
def lock(path):
    """Hold an exclusive lock on a file while the body runs."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "a") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        yield


def write_atomic(path, data):
    """Write a file, which readers see whole or not at all."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    temp = "%s.%d" % (path, os.getpid())
    with open(temp, "wb" if isinstance(data, bytes) else "w") as f:
        f.write(data)
    os.rename(temp, path)


def read_json(path):
    """The content of a JSON file; None if it cannot be read."""
    try:
        with open(path) as f:
            return json.load(f)
    except (OSError, ValueError):
        return None


def start_time(pid):
    """When a process started, in clock ticks; None if it does not run.

    A pid with this value names one process, also after the pid is reused.
    """
    try:
        with open("/proc/%d/stat" % pid) as f:
            fields = f.read().rpartition(")")[2].split()
    except (OSError, ValueError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def alive(pid, started):
    """Whether the process with this pid and start time runs."""
    return pid is not None and start_time(pid) == started


def check_output(argv, **kw):
    """The output of a program, or a RigError with its error output."""
    done = subprocess.run(argv, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, **kw)
    if done.returncode:
        raise RigError("%s failed (%d): %s" % (
            " ".join(argv), done.returncode,
            (done.stderr or done.stdout).strip()[-2000:]))
    return done.stdout
