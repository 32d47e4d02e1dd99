# SPDX-License-Identifier: GPL-2.0
"""Virtual hosts that are joined by links with soft RDMA."""

import json
import os
import shutil
import threading
import time

from . import client, host as hostmod, links, util
from .util import EX_TIMEOUT, REPO, RigError

FABRIC_HOST = os.path.join(util.SCRIPTS, "fabric-host")


class Running:
    """A command in progress on a host; its output is kept or shown."""

    def __init__(self, host, argv, timeout, show=False):
        self.argv = argv
        self.show = show
        self.out, self.err = bytearray(), bytearray()
        self.code = None
        self.error = None
        self.thread = threading.Thread(target=self.run, daemon=True,
                                       args=(host, timeout))
        self.thread.start()

    def run(self, host, timeout):
        """Run the command; the body of the thread."""
        try:
            self.code = client.run(
                host.dir, self.argv, cwd=REPO, timeout=timeout,
                env={"KVPOOL_BUILD": util.BUILD},
                out=None if self.show else self.out.extend,
                err=None if self.show else self.err.extend)
        except RigError as e:
            self.error = e

    def code_of(self):
        """Wait for the command; returns its exit code."""
        self.thread.join()
        if self.error:
            raise self.error
        return self.code

    def wait(self):
        """Wait for the command; returns its output, a RigError if it failed."""
        if self.code_of():
            raise RigError("%s %s:\n%s%s" % (
                " ".join(self.argv), "did not end in time"
                if self.code == EX_TIMEOUT else
                "ended with %d" % self.code,
                self.out.decode(errors="replace")[-2000:],
                self.err.decode(errors="replace")[-2000:]), 1)
        return self.out.decode(errors="replace")


class Group:
    """Hosts, numbered from 0, with links as `rig up --link` describes them."""

    def __init__(self, names, specs, plugins=None, boot=None, device="rxe",
                 **options):
        self.device = device
        self.joined = links.parse(specs, names)
        self.hosts = [hostmod.Host(name) for name in names]
        self.options = [hostmod.Options(**options, plugin=plugin)
                        for plugin in plugins or [None] * len(names)]
        try:
            self.boot(*(range(len(names)) if boot is None else boot))
        except BaseException:
            self.down()
            raise

    def boot(self, *which):
        """Start or restart hosts concurrently, and wait until all are ready."""
        me = os.getpid()
        for n in which:
            opts = self.options[n]
            hostmod.start(self.hosts[n].name, opts, hostmod.accel_for(opts),
                          (me, util.start_time(me)), self.joined)
        for n in which:
            hostmod.wait_ready(self.hosts[n], 300)
            links.configure(self.hosts[n], self.joined, self.device)

    def start(self, which, *argv, timeout=120, show=False):
        """Start a command on a host; returns a Running."""
        return Running(self.hosts[which], [str(a) for a in argv], timeout,
                       show)

    def run(self, which, *argv, timeout=120):
        """Run a command on a host; returns its output."""
        return self.start(which, *argv, timeout=timeout).wait()

    def json(self, which, *argv, timeout=120):
        """Run a command on a host; returns its output, parsed as JSON."""
        return json.loads(self.run(which, *argv, timeout=timeout))

    def sh(self, which, script, *argv, timeout=120):
        """Run a shell script on a host; returns its output."""
        return self.run(which, "sh", "-c", script, "sh", *argv,
                        timeout=timeout)

    def address(self, which, link=0):
        """The IP address of a host on a link."""
        return links.address(self.joined[link], self.hosts[which].name)

    def qmp(self, which, command, **arguments):
        """Send a host a QMP command; returns its result."""
        reply = self.hosts[which].qmp({"execute": command,
                                       "arguments": arguments})
        if not reply or "return" not in reply:
            raise RigError("%s: %s: %s" % (self.hosts[which].name, command,
                                           reply))
        return reply["return"]

    def unplug(self, which, link):
        """Unplug a NIC; returns when the guest has released it."""
        name = "nic%d" % link
        self.qmp(which, "device_del", id=name)
        end = time.monotonic() + 60
        while name in (child["name"] for child in self.qmp(
                which, "qom-list", path="/machine/peripheral")):
            if time.monotonic() > end:
                raise RigError("%s has not released %s within 60 s" % (
                    self.hosts[which].name, name))
            time.sleep(0.1)

    def plug(self, which, link):
        """Plug a NIC in, with the address and the RDMA device that it had."""
        link, host = self.joined[link], self.hosts[which]
        self.qmp(which, "device_add",
                 **links.nic(link, link.ends.index(host.name) + 1))
        links.configure(host, [link], self.device)

    def set_link(self, which, link, up):
        """Set the carrier of a host's NIC."""
        self.qmp(which, "set_link", name="link%d" % link, up=up)

    def fabric(self, module, nr_links=None):
        """Load the modules on hosts 0 and 1, and make each the other's peer.

        The peer's name is "other" on both.
        """
        addresses = range(len(self.joined) if nr_links is None else nr_links)
        for which in 0, 1:
            self.run(which, FABRIC_HOST, "load", module)
        for which in 0, 1:
            other = 1 - which
            self.run(which, FABRIC_HOST, "peer", "other",
                     *[self.address(other, n) for n in addresses])

    def complaints(self):
        """New complaints of all kernels."""
        return [text for host in self.hosts for text in host.complaints()]

    def down(self, keep=False):
        """Stop all hosts; with keep their directories stay."""
        for host in self.hosts:
            host.down()
            if not keep:
                shutil.rmtree(host.dir, ignore_errors=True)


class Pair(Group):
    """Hosts 0 and 1; link N has the addresses 10.77.N.1 and 10.77.N.2."""

    def __init__(self, name, kernel="6.12", nr_links=2, smp=1, mem="1G",
                 append=None, plugins=None):
        names = ["%s-%s-%d" % (name, end, os.getpid()) for end in "ab"]
        super().__init__(names, ["%s:%s" % tuple(names)] * nr_links, plugins,
                         kernel=kernel, smp=smp, mem=mem, append=append)
