# SPDX-License-Identifier: GPL-2.0
"""Two virtual hosts, joined by links with soft RDMA."""

import json
import os
import shutil
import threading

from . import client, host as hostmod, links, util
from .util import EX_TIMEOUT, REPO, RigError

FABRIC_HOST = os.path.join(util.SCRIPTS, "fabric-host")


class Running:
    """A command that runs on a host; its output is kept or shown."""

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
        try:
            self.code = client.run(
                host.dir, self.argv, cwd=REPO, timeout=timeout,
                env={"KVPOOL_BUILD": util.BUILD},
                out=None if self.show else self.out.extend,
                err=None if self.show else self.err.extend)
        except RigError as e:
            self.error = e

    def code_of(self):
        """Its exit code, whatever that is."""
        self.thread.join()
        if self.error:
            raise self.error
        return self.code

    def wait(self):
        """Its output; a RigError if it failed."""
        if self.code_of():
            raise RigError("%s %s:\n%s%s" % (
                " ".join(self.argv), "did not end in time"
                if self.code == EX_TIMEOUT else
                "ended with %d" % self.code,
                self.out.decode(errors="replace")[-2000:],
                self.err.decode(errors="replace")[-2000:]), 1)
        return self.out.decode(errors="replace")


class Pair:
    """Hosts 0 and 1; link N has the addresses 10.77.N.1 and 10.77.N.2.

    In the fabric, each knows the other as the peer "other".
    """

    def __init__(self, name, kernel="6.12", nr_links=2, smp=1, mem="1G",
                 append=None, plugins=(None, None)):
        names = ["%s-%s-%d" % (name, end, os.getpid()) for end in "ab"]
        self.joined = links.parse(["%s:%s" % tuple(names)] * nr_links, names)
        self.hosts = []
        me = os.getpid()
        try:
            for host_name, plugin in zip(names, plugins):
                opts = hostmod.Options(
                    kernel=kernel, mem=mem, smp=smp, append=append,
                    plugin=plugin)
                self.hosts.append(hostmod.start(
                    host_name, opts, hostmod.accel_for(opts),
                    (me, util.start_time(me)), self.joined))
            for host in self.hosts:
                hostmod.wait_ready(host, 300)
                links.configure(host, self.joined, True)
        except BaseException:
            self.down()
            raise

    def start(self, which, *argv, timeout=120, show=False):
        return Running(self.hosts[which], [str(a) for a in argv], timeout,
                       show)

    def run(self, which, *argv, timeout=120):
        return self.start(which, *argv, timeout=timeout).wait()

    def json(self, which, *argv, timeout=120):
        return json.loads(self.run(which, *argv, timeout=timeout))

    def sh(self, which, script, *argv, timeout=120):
        return self.run(which, "sh", "-c", script, "sh", *argv,
                        timeout=timeout)

    def address(self, which, link=0):
        return "10.77.%d.%d" % (link, which + 1)

    def set_link(self, which, link, up):
        self.hosts[which].qmp({"execute": "set_link", "arguments": {
            "name": "link%d" % link, "up": up}})

    def fabric(self, module, nr_links=None):
        """Load the modules and make both peers of each other."""
        addresses = range(len(self.joined) if nr_links is None else nr_links)
        for which in 0, 1:
            self.run(which, FABRIC_HOST, "load", module)
        for which in 0, 1:
            other = 1 - which
            self.run(which, FABRIC_HOST, "peer", "other",
                     *[self.address(other, n) for n in addresses])

    def complaints(self):
        return [text for host in self.hosts for text in host.complaints()]

    def down(self, keep=False):
        for host in self.hosts:
            host.down()
            if not keep:
                shutil.rmtree(host.dir, ignore_errors=True)
