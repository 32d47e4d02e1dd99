#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Tests of the reference simulator: by hand, and against a second, slower simulator."""

import json
import os
import random
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, HERE)

import lru_sim  # noqa: E402

PAGE = 4096
CHUNK = 2 << 20


def hits(requests, pool_bytes, block_bytes):
    return [result.hits for result in lru_sim.simulate(requests, pool_bytes, block_bytes)[1]]


class SlowLru:
    """The same policy with a clock: a block's time says how recently it was used."""

    def __init__(self, pages, block_pages):
        self.pages = pages
        self.block_pages = block_pages
        self.used = 0
        self.clock = 0
        self.time = {}
        self.evicted = 0

    def touch(self, keys):
        # The last key of a prefix gets the earliest time. A key is its whole
        # prefix, so those that it continues are its beginnings: used later.
        for key in keys[::-1]:
            for length in range(len(key), 0, -1):
                self.clock += 1
                if key[:length] in self.time or length == len(key):
                    self.time[key[:length]] = self.clock

    def idle(self, leased, new):
        continued = {key[:-1] for key in self.time} | {key[:-1] for key in new}
        return [k for k in self.time if k not in leased and k not in continued]

    def request(self, ids):
        keys = [tuple(ids[:i + 1]) for i in range(len(ids))]
        prefix = 0
        while prefix < len(keys) and keys[prefix] in self.time:
            prefix += 1
        leased = set(keys[:prefix])
        new = []
        for key in keys[prefix:]:
            if key in self.time:
                continue
            while self.used + self.block_pages > self.pages:
                idle = self.idle(leased, [*new, key])
                if not idle:
                    break
                del self.time[min(idle, key=self.time.get)]
                self.used -= self.block_pages
                self.evicted += 1
            if self.used + self.block_pages > self.pages:
                continue
            self.used += self.block_pages
            new.append(key)
        self.touch(new)
        found = [key for key in keys if key in self.time]
        self.touch(found)
        self.touch(keys[:prefix])
        return prefix, len(new), len(found)


class ByHand(unittest.TestCase):
    # A pool of one chunk holds two blocks of 256 pages.
    BLOCK = CHUNK // 2

    def test_everything_fits(self):
        self.assertEqual(hits([[1, 2], [1, 2], [1, 3]], 2 * CHUNK, self.BLOCK), [0, 2, 1])

    def test_tail_is_evicted_before_head(self):
        # 3 takes the place of 2, the tail, so that 1 hits.
        self.assertEqual(hits([[1, 2], [3], [1]], CHUNK, self.BLOCK), [0, 0, 1])

    def test_use_is_one_of_the_head(self):
        # 1 2 is made, then 1 3; the tail 2 is older than 3, and both keep 1.
        self.assertEqual(hits([[1, 2], [1, 3], [4], [5], [1, 3], [1, 2]], 2 * CHUNK, self.BLOCK),
                         [0, 1, 0, 0, 2, 1])

    def test_parent_stays(self):
        # The tail is used alone again and again: that counts for the head.
        pool = lru_sim.LruPool(3)
        pool.reserve("head", 1)
        pool.seal(["head"])
        pool.reserve("tail", 1, "head")
        pool.seal(["tail"])
        pool.reserve("other", 1)
        pool.seal(["other"])
        pool.lease("tail")
        pool.release(["tail"])
        pool.reserve("new", 1)
        self.assertEqual((pool.sealed("head"), pool.sealed("tail"), pool.sealed("other")),
                         (True, True, False))
        pool.seal(["new"])
        pool.reserve("newer", 1)
        self.assertEqual((pool.sealed("head"), pool.sealed("tail")), (True, False))

    def test_use_makes_young(self):
        # 1 is used again before 3 needs a place: 2 is evicted.
        self.assertEqual(hits([[1], [2], [1], [3], [1], [2]], CHUNK, self.BLOCK),
                         [0, 0, 1, 0, 1, 0])

    def test_leased_prefix_stays(self):
        # Request 1 leases 1 and 2; there is no place for 3.
        pool, results = lru_sim.simulate([[1, 2], [1, 2, 3]], CHUNK, self.BLOCK)
        self.assertEqual([r.rejected for r in results], [0, 1])
        self.assertEqual(results[1].consumed, 2)
        self.assertEqual(pool.evictions, 0)

    def test_pending_is_not_evicted(self):
        # Request 0 fills the pool with its own blocks and is left without a third.
        results = lru_sim.simulate([[1, 2, 3], [1, 2, 3]], CHUNK, self.BLOCK)[1]
        self.assertEqual((results[0].produced, results[0].rejected), (2, 1))
        self.assertEqual(results[1].hits, 2)

    def test_sealed_tail_behind_a_miss(self):
        # Both requests end with id 9, behind another prefix each: another block.
        results = lru_sim.simulate([[1, 9], [2, 9]], 2 * CHUNK, self.BLOCK)[1]
        self.assertEqual([r.produced for r in results], [2, 2])

    def test_present_takes_nothing(self):
        pool = lru_sim.LruPool(4)
        pool.reserve("tail", 1)
        pool.seal(["tail"])
        result = lru_sim.run_request(pool, ["head", "tail"], 1)
        self.assertEqual((result.hits, result.produced, result.consumed), (0, 1, 2))
        self.assertEqual(pool.free, 2)

    def test_pages_are_rounded_up_and_chunks_down(self):
        # 3 chunks of 512 pages; a block of 4097 bytes takes 2 pages.
        pool, results = lru_sim.simulate([list(range(1000))], 3 * CHUNK + CHUNK - 1, PAGE + 1)
        self.assertEqual(pool.pages, 3 * 512)
        self.assertEqual(results[0].produced, 768)
        self.assertEqual(results[0].rejected, 232)

    def test_no_room_at_all(self):
        results = lru_sim.simulate([[1], [1]], CHUNK - 1, PAGE)[1]
        self.assertEqual([r.hits for r in results], [0, 0])


class AgainstSlow(unittest.TestCase):
    def compare(self, requests, chunks, block_pages):
        slow = SlowLru(chunks * 512, block_pages)
        pool, results = lru_sim.simulate(requests, chunks * CHUNK, block_pages * PAGE)
        for index, (ids, fast) in enumerate(zip(requests, results)):
            self.assertEqual((fast.hits, fast.produced, fast.consumed), slow.request(ids), index)
        self.assertEqual(pool.evictions, slow.evicted)
        return pool.evictions

    def test_random_conversations(self):
        for seed in range(30):
            rand = random.Random(seed)
            requests, fresh = [], 0
            for _ in range(150):
                base = rand.choice(requests) if requests and rand.random() < 0.6 else []
                ids = base[:rand.randint(0, len(base))]
                for _ in range(rand.randint(0 if ids else 1, 6)):
                    fresh += 1
                    ids = ids + [fresh]
                requests.append(ids)
            # From pools that hold less than a prompt to pools that hold all.
            self.compare(requests, rand.choice((1, 1, 1, 2, 8)), rand.choice((37, 64, 100, 171)))

    def test_it_does_evict(self):
        requests = [[i % 7, 100 + i % 7] for i in range(50)]
        self.assertGreater(self.compare(requests, 1, 64), 0)


class Program(unittest.TestCase):
    def run_sim(self, trace, *args):
        return subprocess.run([sys.executable, os.path.join(HERE, "lru_sim.py"), "--trace", "-",
                               *args], input=trace, capture_output=True, text=True,
                              timeout=60, check=False)

    def test_output(self):
        with tempfile.TemporaryDirectory() as directory:
            out = os.path.join(directory, "hits")
            done = self.run_sim('{"hash_ids": [0, 1]}\n\n{"hash_ids": [0, 2]}\n',
                                "--pool", "2M", "--block-size", "4K", "--hits-out", out)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(json.loads(done.stdout)["hits"], 1)
            with open(out, encoding="ascii") as file:
                self.assertEqual(file.read().splitlines()[1:], ["0 2 0 2 2", "1 2 1 1 2"])

    def test_bad_input(self):
        for trace in ("x\n", "{}\n", '{"hash_ids": 3}\n', '{"hash_ids": ["a"]}\n',
                      '{"hash_ids": [-1]}\n', "[]\n"):
            done = self.run_sim(trace, "--pool", "2M", "--block-size", "4K")
            self.assertEqual(done.returncode, 1, trace)
            self.assertIn("line 1", done.stderr)

    def test_bad_options(self):
        for args in (("--pool", "1Q", "--block-size", "4K"), ("--pool", "2M", "--block-size", "1"),
                     ("--pool", "-1", "--block-size", "4K")):
            self.assertEqual(self.run_sim("", *args).returncode, 2, args)


if __name__ == "__main__":
    unittest.main()
