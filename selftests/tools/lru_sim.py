#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Reference simulator of LRU with chains for a KV-cache pool.

It is written from the description of the policy, shares nothing with the
module, and says how many leading blocks of each request of a trace are found
in the pool. kvpool-replay compares the module's answers with it.

The keys k[0] .. k[n-1] of a request are a chain: each names the one before it as
its parent. A block is never evicted while a sealed or reserved block names it as
its parent, and a use of a block is a use of all blocks before it in its chain.

What one request does, in this order:

 1. Prefill leases the longest prefix k[0] .. k[h-1] that is sealed; h is the
    hit count. A lease does not move a block in the LRU order. A leased block
    is never evicted.
 2. Prefill reserves k[h] .. k[n-1] in this order. A key that is sealed already
    takes nothing. Any other needs ceil(block / 4096) pages; while fewer are
    free, the least recently used block that is sealed and not leased is
    evicted, unless a block names it as its parent: then the next one is. When
    there is none, the key gets no space and is not cached.
 3. Prefill seals what it reserved. The first of these blocks is the most
    recently used of all now, the second comes next, and so on.
 4. Decode leases every key of the request that is sealed, reads it, and
    releases these leases in prefix order. A release makes the blocks the most
    recently used ones, again the first before the second, and so on: the
    tail of a prefix is evicted before its head.
 5. Prefill releases its h leases in the same way.

A pool of L bytes has L / 2 MiB chunks (rounded down) of 512 pages, and a block
may be made of any free pages.
"""

import argparse
import json
import sys
from collections import OrderedDict

PAGE = 4096
CHUNK = 2 << 20


def parse_size(text):
    """Bytes from a number with an optional suffix K, M, G or T (powers of 1024)."""
    number = text.strip().lower()
    for suffix in ("ib", "b"):
        if number.endswith(suffix) and len(number) > len(suffix):
            number = number[:-len(suffix)]
            break
    shift = {"k": 10, "m": 20, "g": 30, "t": 40}.get(number[-1:], 0)
    if shift:
        number = number[:-1]
    try:
        value = int(number, 10)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"'{text}' is not a size: give bytes, or a number with K, M, G or T")
    if value < 0:
        raise argparse.ArgumentTypeError(f"'{text}' is negative")
    return value << shift


class PoolFull(Exception):
    """No block can be evicted."""


class LruPool:
    """Sealed blocks in LRU order, least recently used first.

    The order is that of the latest use of a block or of what continues it, so
    the parent of a block always comes behind the block.
    """

    def __init__(self, pages):
        self.pages = pages
        self.free = pages
        self.order = OrderedDict()      # sealed key -> its pages
        self.leases = {}                # key -> number of leases
        self.pending = {}               # reserved key -> its pages
        self.parents = {}               # key in the pool -> its parent in the pool
        self.children = {}              # key -> number of blocks that name it
        self.evictions = 0
        self.distinct = 0               # keys that were ever asked for
        self.wanted = 0                 # bytes that would hold them all

    def sealed(self, key):
        return key in self.order

    def lease(self, key):
        self.leases[key] = self.leases.get(key, 0) + 1

    def link(self, key, parent):
        """Says that a block continues another, if both are in the pool."""
        if parent is None or key in self.parents:
            return
        if parent in self.order or parent in self.pending:
            self.parents[key] = parent
            self.children[parent] = self.children.get(parent, 0) + 1

    def unlink(self, key):
        parent = self.parents.pop(key, None)
        if parent is None:
            return
        self.children[parent] -= 1
        if not self.children[parent]:
            del self.children[parent]

    def use(self, key, later):
        """Makes a block and those before it young; not those that come later anyway."""
        while key is not None:
            if key in self.order:
                self.order.move_to_end(key)
            key = self.parents.get(key)
            if key in later:
                return

    def evict_one(self):
        for key in self.order:
            if key not in self.leases and key not in self.children:
                break
        else:
            raise PoolFull
        self.free += self.order.pop(key)
        self.unlink(key)
        self.evictions += 1

    def reserve(self, key, pages, parent=None):
        # The block names its parent while space is made for it.
        self.pending[key] = pages
        self.link(key, parent)
        try:
            while self.free < pages:
                self.evict_one()
        except PoolFull:
            self.unlink(key)
            del self.pending[key]
            raise
        self.free -= pages

    def seal(self, keys):
        later = set(keys)
        for key in reversed(keys):
            self.order[key] = self.pending.pop(key)
            self.use(key, later)

    def release(self, keys):
        later = set(keys)
        for key in reversed(keys):
            self.use(key, later)
            if self.leases[key] == 1:
                del self.leases[key]
            else:
                self.leases[key] -= 1


class Result:
    """The result of one request."""

    __slots__ = ("blocks", "hits", "produced", "rejected", "consumed")

    def __init__(self, blocks):
        self.blocks = blocks
        self.hits = 0
        self.produced = 0
        self.rejected = 0
        self.consumed = 0


def run_request(pool, keys, pages):
    """One request, step by step as in the text at the top of this file."""
    result = Result(len(keys))

    for key in keys:
        if not pool.sealed(key):
            break
        pool.lease(key)
        result.hits += 1
    prefix = keys[:result.hits]

    reserved = []
    for index in range(result.hits, len(keys)):
        key, parent = keys[index], keys[index - 1] if index else None
        if pool.sealed(key) or key in pool.pending:
            pool.link(key, parent)
            continue
        try:
            pool.reserve(key, pages, parent)
        except PoolFull:
            result.rejected += 1
            continue
        reserved.append(key)
    pool.seal(reserved)
    result.produced = len(reserved)

    found = [key for key in keys if pool.sealed(key)]
    for key in found:
        pool.lease(key)
    result.consumed = len(found)
    pool.release(found)

    pool.release(prefix)
    return result


class Chain:
    """Numbers prefixes: the same id behind another prefix is another key."""

    def __init__(self):
        self.known = {}

    def keys(self, hash_ids):
        keys = []
        parent = -1
        for hash_id in hash_ids:
            link = (parent, hash_id)
            parent = self.known.setdefault(link, len(self.known))
            keys.append(parent)
        return keys


def read_trace(lines, limit=None):
    """Yields the hash_ids of each request of a trace in JSON lines."""
    count = 0
    for number, line in enumerate(lines, 1):
        if limit is not None and count >= limit:
            return
        line = line.strip()
        if not line:
            continue
        try:
            ids = json.loads(line)["hash_ids"]
            if not isinstance(ids, list) or not all(type(i) is int and i >= 0 for i in ids):
                raise ValueError("hash_ids is not a list of numbers")
        except (ValueError, KeyError, TypeError) as err:
            raise SystemExit(f"lru_sim: line {number} of the trace is not a request: {err!r}")
        count += 1
        yield ids


def simulate(requests, pool_bytes, block_bytes):
    """Returns the pool and a list with one Result per request."""
    pages = -(-block_bytes // PAGE)
    pool = LruPool(pool_bytes // CHUNK * (CHUNK // PAGE))
    chain = Chain()
    results = [run_request(pool, chain.keys(ids), pages) for ids in requests]
    pool.distinct = len(chain.known)
    pool.wanted = pool.distinct * pages * PAGE
    return pool, results


def summary(pool, results):
    refs = sum(r.blocks for r in results)
    hits = sum(r.hits for r in results)
    return {
        "requests": len(results),
        "references": refs,
        "distinct_blocks": pool.distinct,
        "distinct_bytes": pool.wanted,
        "hits": hits,
        "hit_rate": round(hits / refs, 6) if refs else 0.0,
        "produced_blocks": sum(r.produced for r in results),
        "consumed_blocks": sum(r.consumed for r in results),
        "rejected": sum(r.rejected for r in results),
        "evicted_blocks": pool.evictions,
        "pool_pages": pool.pages,
    }


def main():
    parser = argparse.ArgumentParser(
        description="Hit counts of LRU with chains for a trace: the reference that the module must equal.")
    parser.add_argument("--trace", required=True, help="trace in JSON lines, - for standard input")
    parser.add_argument("--pool", required=True, type=parse_size, help="size of the pool, e.g. 512M")
    parser.add_argument("--block-size", required=True, type=parse_size, help="size of a block, e.g. 12K")
    parser.add_argument("--requests", type=int, help="only the first N requests")
    parser.add_argument("--hits-out", help="write 'request blocks hits produced consumed' lines to this file")
    args = parser.parse_args()
    if args.block_size < PAGE:
        parser.error(f"--block-size is {args.block_size}, the smallest block is {PAGE} bytes")

    if args.trace == "-":
        pool, results = simulate(read_trace(sys.stdin, args.requests), args.pool, args.block_size)
    else:
        try:
            with open(args.trace, encoding="utf-8") as trace:
                pool, results = simulate(read_trace(trace, args.requests), args.pool, args.block_size)
        except OSError as err:
            raise SystemExit(f"lru_sim: cannot read the trace {args.trace}: {err.strerror}")

    if args.hits_out:
        with open(args.hits_out, "w", encoding="ascii") as out:
            out.write("# request blocks hits produced consumed\n")
            for index, result in enumerate(results):
                out.write(f"{index} {result.blocks} {result.hits} {result.produced} {result.consumed}\n")
    print(json.dumps(summary(pool, results)))


if __name__ == "__main__":
    main()
