# SPDX-License-Identifier: GPL-2.0
"""Run QEMU until it ends, its directory is removed, or its owner ends.

  supervise.py DIRECTORY OWNER QEMU...    OWNER: [pid, start time] or null
"""

import json
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)),
                                ".."))

from riglib import util  # noqa: E402


def main(directory, owner, argv):
    """Start QEMU, watch directory and owner; returns QEMU's exit code."""
    mine = os.stat(".")
    qemu = subprocess.Popen(argv)
    signal.signal(signal.SIGTERM, lambda *_: qemu.kill())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    util.write_atomic(os.path.join(directory, "pid.json"), json.dumps(
        {"pid": qemu.pid, "started": util.start_time(qemu.pid)}))
    while True:
        try:
            return qemu.wait(1.0)
        except subprocess.TimeoutExpired:
            pass
        try:
            there = os.stat(directory)
            gone = (there.st_dev, there.st_ino) != (mine.st_dev, mine.st_ino)
        except OSError:
            gone = True
        if gone or (owner and not util.alive(*owner)):
            qemu.kill()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], json.loads(sys.argv[2]), sys.argv[3:]))
