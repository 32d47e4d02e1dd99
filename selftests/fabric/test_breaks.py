# SPDX-License-Identifier: GPL-2.0-only
"""Links, devices and networks that break under load."""

import random
import threading
import time

from fabhosts import (DEVICE, EHOSTUNREACH, KB256, MB, Fabric, Later, a, b,
                      say, setting, wait_until)


class Breaks(Fabric):
    def test_link_down(self):
        later = self.load()
        a.set_link(0, False)
        wait_until(lambda: a.links()[0]["state"] != "up", "link 0 down")
        self.busy()
        a.set_link(0, True)
        self.up(2)
        a.set_link(1, False)
        wait_until(lambda: a.links()[1]["state"] != "up", "link 1 down")
        self.busy()
        a.set_link(1, True)
        self.stop(later)
        self.up(2)

    def test_link_down_there(self):
        later = self.load()
        b.set_link(0, False)
        wait_until(lambda: a.links()[0]["state"] != "up", "link 0 down")
        self.busy()
        b.set_link(0, True)
        self.stop(later)
        self.up(2)

    def test_push_link_down(self):
        """Few at a time: all are sent again long before b sees the link die."""
        first = self.numbers()
        a.fab("produce", first, 64, KB256)
        later = Later(a.fab, "-p", "b", "-o", "60000", "-w", "4", "push",
                      first, 64, KB256)
        wait_until(lambda: sum(link["out_bytes"] for link in a.links()) >
                   MB, "bytes pushed")
        a.set_link(0, False)
        wait_until(lambda: a.links()[0]["state"] != "up", "link 0 down")
        later.result()
        a.set_link(0, True)
        b.fab("check", first, 64, 0)

    def test_link_deleted(self):
        later = self.load()
        a.ctl("link", "del", "b", "1")
        self.busy()
        a.ctl("link", "add", "b", "10.77.0.2")
        self.up(2)
        self.stop(later)

    def test_device_deleted(self):
        for host in a, b:
            later = self.load()
            host.run("rdma", "link", "delete", DEVICE + "0")
            self.busy()
            host.rxe(0)
            self.stop(later)
            self.up(2)

    def test_nic_unplugged(self):
        """The NIC itself, as PCI hotplug takes it, on either side."""
        for host in b, a:
            later = self.load()
            host.unplug(0)
            wait_until(lambda: a.links()[0]["state"] != "up", "link 0 down")
            self.busy()
            self.assertEqual(a.links()[1]["state"], "up")
            host.plug(0)
            self.stop(later)
            self.up(2)
        before = a.links()[0]["in_bytes"]
        first = self.blocks(32, KB256)
        a.fab("fetch", first, 32, KB256)
        self.assertGreater(a.links()[0]["in_bytes"], before)

    def test_all_nics_unplugged(self):
        """Then fetches fail immediately, and the modules can be unloaded."""
        for host in a, b:
            later = self.load("-a", EHOSTUNREACH)
            for link in 0, 1:
                host.unplug(link)
            wait_until(lambda: a.json("peer")["peers"][0]["failed"], "failed reads")
            done = self.stop(later)
            self.assertGreater(done["accepted"], 0)
            host.unload()
            for link in 0, 1:
                host.plug(link)
            host.load()
            if host is a:
                self.connect()
            self.up(2)
            first = self.blocks(4, KB256)
            a.fab("fetch", first, 4, KB256)

    def flap(self, seconds, count=0):
        """Links go down and up; at each moment the module has one that is up.

        A link counts as up again when a queue pair of it is.
        """
        rnd = random.Random(setting("SEED", 0))
        end = time.monotonic() + seconds
        flaps = 0
        link = 0
        while time.monotonic() < end or flaps < count:
            for _ in range(rnd.choice((1, 1, 2, 4))):
                ends = rnd.choice(((a,), (b,), (a, b)))
                for host in ends:
                    host.set_link(link, False)
                # Some are over before either host notices.
                time.sleep(rnd.choice((0.05, 0.3, 1, 3)))
                for host in ends:
                    host.set_link(link, True)
                flaps += len(ends)
            self.up(2)
            link = 1 - link
        return flaps

    def test_flaps(self):
        """FABRIC_FLAPS seconds of it, under reads and pushes.

        And at least FABRIC_FLAP_COUNT flaps: in a soak as many as there are
        minutes in 24 hours.
        """
        seconds, count = setting("FLAPS", 20), setting("FLAP_COUNT", 1)
        first = self.blocks(24, KB256)
        reads = Later(a.fab, "-T", "-o", "60000", "-w", "24", "-d",
                      1e6, "fetch", first, 24, KB256, timeout=1e6)
        pushed = [0]
        stop = threading.Event()

        def pushes():
            while not stop.is_set():
                first = self.numbers()
                a.fab("produce", first, 16, 300001)
                a.fab("-p", "b", "-o", "60000", "push", first, 16, 300001)
                for host in b, a:
                    if host is b:
                        b.fab("check", first, 16, 0)
                    host.fab("remove", first, 16, 0)
                pushed[0] += 16
        push = Later(pushes)
        self.busy()
        try:
            flaps = self.flap(seconds, count)
        finally:
            stop.set()
        push.result()
        done = self.stop(reads)
        self.up(2)
        links = a.links()
        say("%d flaps: %d blocks read, %d pushed; links died %s times" % (
            flaps, done["ok"], pushed[0], [n["errors"] for n in links]))
        self.assertEqual((done["failed"], done["bad"]), (0, 0), done)
        self.assertGreater(done["ok"], 0)
        self.assertGreater(pushed[0], 0)
        self.assertGreater(sum(n["errors"] for n in links), 0)
        self.assertEqual([n["inflight"] for n in links], [0, 0])
        tenant = a.tenant()
        self.assertEqual((tenant["pending"], tenant["leases"]), (0, 0))
        self.assertEqual(a.json("peer")["peers"][0]["failed"], 0)
        self.assertGreaterEqual(sum(n["in_bytes"] for n in links),
                                done["ok"] * KB256)

    def test_lost_in_one_direction(self):
        """Nothing of what one end of a link sends arrives."""
        for host in a, b:
            later = self.load()
            host.netem("loss 100%", 0)
            wait_until(lambda: a.links()[0]["state"] != "up", "link 0 down")
            self.busy()
            self.assertEqual(a.links()[1]["state"], "up")
            host.netem(None, 0)
            self.stop(later)
            self.up(2)

    def test_loss_in_one_direction(self):
        """Some of what one side sends is lost, on both links."""
        first = self.blocks(16, 65536)
        for host in a, b:
            host.netem("loss 0.5%")
            a.fab("-T", "-o", "120000", "-r", "2", "fetch", first, 16, 65536)
            host.netem(None)

    def test_loss_and_reordering(self):
        for host in a, b:
            host.netem("delay 1ms reorder 5% loss 0.05%")
        first = self.blocks(16, 65536)
        a.fab("-T", "-o", "120000", "-r", "4", "fetch", first, 16, 65536)
        for host in a, b:
            host.netem(None)
