# SPDX-License-Identifier: GPL-2.0
"""Run a command on a virtual host through one of its virtio-serial ports."""

import fcntl
import os
import queue
import secrets
import selectors
import socket
import stat
import struct
import threading
import time

from . import util
from .initrd import PORTS
from .util import EX_RIG, EX_TIMEOUT, RigError

FRAME_MAX = 16384       # as in agent.c
STDIN_WINDOW = 65536
REFUSED = 2.0           # seconds for QEMU to listen on its sockets
GRACE = 20.0            # seconds for a killed command to be reported


class HostGone(RigError):
    """The host of a command is not up or has ended."""


def connect_unix(path):
    """Connect to a unix socket, whose path may be longer than sun_path.

    QEMU binds its sockets some time before it listens on them: a refused
    connection is retried for REFUSED seconds.
    """
    directory = os.open(os.path.dirname(path), os.O_PATH)
    end = time.monotonic() + REFUSED
    try:
        while True:
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                sock.connect("/proc/self/fd/%d/%s" % (
                    directory, os.path.basename(path)))
                return sock
            except ConnectionRefusedError:
                sock.close()
                if time.monotonic() > end:
                    raise
            time.sleep(0.01)
    finally:
        os.close(directory)


class Port:
    """A port of a host, locked until close()."""

    def __init__(self, directory, wait=60.0):
        self.lock, number = self.take(directory, wait)
        try:
            self.sock = connect_unix(os.path.join(directory,
                                                  "port%d" % number))
        except OSError as e:
            self.lock.close()
            raise HostGone("the host is not up (%s)" % e.strerror)
        self.buf = bytearray()

    @staticmethod
    def take(directory, wait):
        """Lock a free port of a host; returns (lock file, number)."""
        end = time.monotonic() + wait
        while True:
            for number in range(PORTS):
                try:
                    f = open(os.path.join(directory, "port%d.lock" % number),
                             "a")
                except OSError:
                    raise HostGone("the host is not up")
                try:
                    fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return f, number
                except OSError:
                    f.close()
            if time.monotonic() > end:
                raise RigError("%d commands run on this host already; retry "
                               "when a command has ended" % PORTS)
            time.sleep(0.05)

    def close(self):
        """Close the connection and release the port."""
        self.sock.close()
        self.lock.close()

    def send(self, kind, data=b""):
        """Send a frame to the agent."""
        try:
            self.sock.sendall(kind + struct.pack("<I", len(data)) + data)
        except OSError:
            raise HostGone("the host has ended")

    def fill(self):
        """Wait for bytes from the agent."""
        try:
            data = self.sock.recv(1 << 18)
        except OSError:
            data = b""
        if not data:
            raise HostGone("the host has ended")
        self.buf += data

    def frames(self):
        """Yield the complete frames that have arrived."""
        at = 0
        while len(self.buf) - at >= 5:
            size = struct.unpack_from("<I", self.buf, at + 1)[0]
            if len(self.buf) - at < 5 + size:
                break
            kind = bytes(self.buf[at:at + 1])
            data = bytes(self.buf[at + 5:at + 5 + size])
            at += 5 + size
            yield kind, data
        del self.buf[:at]

    def hello(self, timeout):
        """Wait until the agent answers: then the host is ready."""
        nonce = secrets.token_bytes(16)
        self.sock.settimeout(timeout)
        try:
            self.sock.sendall(b"\0" * (FRAME_MAX + 8))
            self.send(b"H", nonce)
            want = b"A" + struct.pack("<I", len(nonce)) + nonce
            while want not in self.buf:
                del self.buf[:-len(want)]
                data = self.sock.recv(65536)
                if not data:
                    raise HostGone("the host has ended")
                self.buf += data
        except socket.timeout:
            raise RigError("the host does not answer")
        except OSError:
            raise HostGone("the host has ended")
        self.sock.settimeout(None)
        del self.buf[:self.buf.index(want) + len(want)]


def pump_stdin(fd, port_queue, credit, stop):
    """Read stdin, at most STDIN_WINDOW bytes ahead of the command."""
    while not stop.is_set():
        credit.acquire()
        try:
            data = os.read(fd, FRAME_MAX)
        except OSError:
            data = b""
        port_queue.put(data)
        if not data:
            return


def wants_stdin(fd=0):
    """Whether stdin is passed to the command: not if it is a terminal."""
    try:
        mode = os.fstat(fd).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode)


def run(directory, argv, cwd=None, env=None, timeout=None, stdin=None,
        out=None, err=None, ready=60.0):
    """Run a command; returns its exit code as a shell would give it.

    stdin is a file descriptor or None; out and err are called with bytes.
    """
    out = out or writer(1)
    err = err or writer(2)
    environment = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
                "/sbin:/bin",
        "HOME": "/root", "USER": "root", "LANG": "C.UTF-8",
        "TERM": "dumb", "RIG": "1"}
    environment.update(env or {})
    port = Port(directory)
    try:
        port.hello(ready)
        parts = [cwd or "/", str(len(argv))] + list(argv)
        parts += [str(len(environment))]
        parts += ["%s=%s" % item for item in environment.items()]
        request = b"".join(os.fsencode(part) + b"\0" for part in parts)
        for at in range(0, len(request), FRAME_MAX):
            port.send(b"R", request[at:at + FRAME_MAX])
        port.send(b"G")
        return Session(port, timeout, stdin, out, err).run()
    finally:
        port.close()


class Session:
    """A command in progress on a port."""

    def __init__(self, port, timeout, stdin, out, err):
        self.port, self.out, self.err = port, out, err
        self.deadline = time.monotonic() + timeout if timeout else None
        self.killed = False
        self.input = queue.SimpleQueue()
        self.wake, self.waker = socket.socketpair()
        self.sent = []          # sizes of the stdin frames in flight
        self.credit = threading.Semaphore(STDIN_WINDOW // FRAME_MAX)
        self.stop = threading.Event()
        if stdin is None:
            port.send(b"E")
        else:
            threading.Thread(target=self.pump, args=(stdin,),
                             daemon=True).start()

    def pump(self, fd):
        class Queue:
            @staticmethod
            def put(data):
                self.input.put(data)
                try:
                    self.waker.send(b"x")
                except OSError:
                    pass
        pump_stdin(fd, Queue, self.credit, self.stop)

    def run(self):
        """Pass input and output until the command ends; returns its status."""
        with selectors.DefaultSelector() as sel:
            sel.register(self.port.sock, selectors.EVENT_READ)
            sel.register(self.wake, selectors.EVENT_READ)
            while True:
                for kind, data in self.port.frames():
                    code = self.handle(kind, data)
                    if code is not None:
                        self.stop.set()
                        return code
                left = None
                if self.deadline is not None:
                    left = max(0, self.deadline - time.monotonic())
                events = sel.select(left)
                if not events:
                    self.expire()
                for key, _ in events:
                    if key.fileobj is self.wake:
                        self.wake.recv(64)
                        self.send_stdin()
                    else:
                        self.port.fill()

    def expire(self):
        """Kill the command, whose time is over."""
        if self.killed:
            raise RigError("the command did not end when killed after its "
                           "time-out; the guest may hang: see its console.log", EX_TIMEOUT)
        self.killed = True
        self.deadline = time.monotonic() + GRACE
        self.port.send(b"K", b"\x09")

    def send_stdin(self):
        """Send the stdin frames that were read."""
        while not self.input.empty():
            data = self.input.get()
            if data:
                self.sent.append(len(data))
                self.port.send(b"I", data)
            else:
                self.port.send(b"E")

    def handle(self, kind, data):
        """Handle a frame; returns the exit code if the command has ended."""
        if kind == b"O":
            self.out(data)
        elif kind == b"E":
            self.err(data)
        elif kind == b"C":
            # Credit for bytes: a frame's credit returns when all of it
            # is read.
            count = struct.unpack("<I", data)[0]
            while count and self.sent:
                used = min(count, self.sent[0])
                self.sent[0] -= used
                count -= used
                if not self.sent[0]:
                    self.sent.pop(0)
                    self.credit.release()
        elif kind == b"X":
            if self.killed:
                return EX_TIMEOUT
            code = os.waitstatus_to_exitcode(struct.unpack("<I", data)[0])
            return code if code >= 0 else 128 - code
        return None


def writer(fd):
    """A function that writes all of its bytes to a descriptor."""
    def write(data):
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view):]
    return write
