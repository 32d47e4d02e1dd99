# SPDX-License-Identifier: GPL-2.0
"""Ethernet links between hosts that are started together.

Link number N joins its two ends, 1 and 2, by a unix socket.  End E has a
virtio NIC with the MAC address 52:54:00:77:N:E and the address 10.77.N.E/24.
In QMP the link is called linkN (set_link) and the NIC nicN, on a port of its
own (device_del, device_add).
With RDMA, the soft RDMA device rxeN is on the NIC; with siw, which is iWARP and
which the test kernels have, siwN.
"""

import collections
import json
import os
import time

from . import client
from .util import EX_BOOT, EX_USAGE, HOSTS, RigError

Link = collections.namedtuple("Link", "number ends kind")
MTU = 4200      # room for RoCE's path MTU of 4096
# When the queue of its NIC is full, rxe's GSI queue pair fails until rxe is
# removed, and with it new connections. Only this queue limits the packets that
# rxe sends in answer to reads.
QUEUE = 30000
KINDS = ("dgram", "stream")

CONFIGURE = """
modprobe -q virtio_net
for n in $(seq 100); do
	for d in /sys/class/net/*; do
		[ "$(cat $d/address)" = "$1" ] || continue
		d=${d##*/}
		ip link set $d mtu "$3" txqueuelen "$4" up &&
		ip addr add "$2" dev $d
		exit
	done
	sleep 0.1
done
echo "no NIC has the address $1"
exit 1
"""


# crc32_generic first: rxe requests it by a name that modules.dep does not have.
RDMA = """
[ "$3" != siw ] || modprobe -a siw rdma_ucm || exit
[ "$3" != rxe ] || modprobe -a crc32_generic rdma_rxe rdma_ucm || exit
for d in /sys/class/net/*; do
	[ "$(cat $d/address)" = "$2" ] || continue
	rdma link add "$1" type "$3" netdev ${d##*/}
	exit
done
echo "no NIC has the address $2"
exit 1
"""


def parse(specs, hosts):
    """The links of --link options between hosts."""
    links = []
    for number, spec in enumerate(specs or ()):
        a, b, kind = (spec.split(":") + ["dgram"])[:3] \
            if spec.count(":") in (1, 2) else (None, None, None)
        if kind not in KINDS or a == b or a not in hosts or b not in hosts:
            raise RigError("--link %s: write A:B or A:B:stream, with two of "
                           "the hosts that are started" % spec, EX_USAGE)
        links.append(Link(number, (a, b), kind))
    return links


def mac(link, end):
    """The MAC address at an end of a link."""
    return "52:54:00:77:%02x:%02x" % (link.number, end)


def address(link, host):
    """The IP address of a host on a link."""
    return "10.77.%d.%d" % (link.number, link.ends.index(host) + 1)


def nic(link, end):
    """The properties of a NIC, as device_add takes them."""
    return {"driver": "virtio-net-pci", "id": "nic%d" % link.number,
            "netdev": "link%d" % link.number, "mac": mac(link, end),
            "host_mtu": 9000, "bus": "hotplug%d" % link.number}


def qemu_args(name, links):
    """Arguments of one host; the first end of a stream listens."""
    argv = []
    for link in links:
        if name not in link.ends:
            continue
        end = link.ends.index(name) + 1
        here = "link%d" % link.number
        there = "../%s/%s" % (link.ends[2 - end], here)
        if link.kind == "dgram":
            where = ("local.type=unix,local.path=%s,"
                     "remote.type=unix,remote.path=%s" % (here, there))
        else:
            where = "server=%s,addr.type=unix,addr.path=%s" % (
                ("on", here) if end == 1 else ("off", there))
        argv += ["-netdev", "%s,id=%s,%s" % (link.kind, here, where),
                 "-device", "pcie-root-port,id=hotplug%d,chassis=%d" % (
                     link.number, 100 + link.number),
                 "-device", json.dumps(nic(link, end))]
    return argv


def wait_for_peers(name, links):
    """Wait until the hosts that a host will connect to listen."""
    end = time.monotonic() + 20
    for link in links:
        if link.kind != "stream" or link.ends[1] != name:
            continue
        path = os.path.join(HOSTS, link.ends[0], "link%d" % link.number)
        while not os.path.exists(path):
            if time.monotonic() > end:
                raise RigError("host %s made no %s" % (link.ends[0], path),
                               EX_BOOT)
            time.sleep(0.005)


def script(host, link, text, *argv):
    """Run a shell script on a host; a RigError with its output if it fails."""
    said = bytearray()
    code = client.run(host.dir, ["sh", "-c", text, "link", *argv], cwd="/",
                      timeout=120, out=said.extend, err=said.extend)
    if code:
        raise RigError("link %d of %s: %s" % (
            link.number, host.name, said.decode().strip()), EX_BOOT)


def configure(host, links, rdma=False):
    """Set up the NICs of a host: their addresses, and soft RDMA devices."""
    for link in links:
        if host.name not in link.ends:
            continue
        end = link.ends.index(host.name) + 1
        script(host, link, CONFIGURE, mac(link, end),
               "10.77.%d.%d/24" % (link.number, end), str(MTU), str(QUEUE))
        if rdma:
            kind = rdma if isinstance(rdma, str) else "rxe"
            script(host, link, RDMA, "%s%d" % (kind, link.number),
                   mac(link, end), kind)
