# SPDX-License-Identifier: GPL-2.0
"""Jobs that need each other, run by a few lanes, longest path to the end first.

The cost of a job is a hint, which only decides the order. Hints are kept in a
file with lines `SECONDS NAME`; the measurements of a run replace them.
"""

import threading
import time


class Job:
    """A job: run() is called when all jobs in needs are done."""

    def __init__(self, name, run, cost=30, needs=()):
        self.name, self.run, self.cost = name, run, cost
        self.needs = tuple(needs)


class Costs:
    """Seconds that jobs took, read from files; a later file overrides."""

    def __init__(self, *paths):
        self.known, self.measured = {}, {}
        for path in paths:
            try:
                with open(path) as f:
                    lines = f.read().splitlines()
            except FileNotFoundError:
                continue
            for line in lines:
                words = line.partition("#")[0].split(None, 1)
                if len(words) == 2:
                    self.known[words[1].strip()] = float(words[0])

    def of(self, name, default=30):
        """The hint for a name, in seconds."""
        return self.known.get(name, default)

    def measure(self, name, seconds):
        """Record the seconds that a name took."""
        self.measured[name] = seconds

    def write(self, path):
        """Write all hints, with those measured in place of those read."""
        with open(path, "w") as f:
            for name, cost in sorted({**self.known, **self.measured}.items()):
                f.write("%5.0f %s\n" % (cost, name))


def pack(items, most):
    """Distribute (item, cost) pairs to lists of items, each of about most.

    The longest item is placed first, each item into the cheapest list. A list
    keeps the order of the items.
    """
    total = sum(cost for _, cost in items)
    count = max(1, min(len(items), int(-(-total // most))))
    bins = [[0, []] for _ in range(count)]
    for place, (_, cost) in sorted(enumerate(items),
                                   key=lambda entry: -entry[1][1]):
        cheapest = min(bins, key=lambda b: b[0])
        cheapest[0] += cost
        cheapest[1].append(place)
    return [[items[place][0] for place in sorted(places)]
            for _, places in bins if places]


def ranks(jobs):
    """The cost from each job's begin to the end of the jobs that need it."""
    by_name = {job.name: job for job in jobs}
    dependents = {name: [] for name in by_name}
    for job in jobs:
        for need in job.needs:
            if need not in by_name:
                raise ValueError("%s needs %s, which is no job" % (
                    job.name, need))
            dependents[need].append(job.name)
    rank, path = {}, set()

    def visit(name):
        if name in path:
            raise ValueError("the jobs need each other in a circle: %s" % name)
        if name not in rank:
            path.add(name)
            rank[name] = by_name[name].cost + max(
                map(visit, dependents[name]), default=0)
            path.discard(name)
        return rank[name]

    for name in by_name:
        visit(name)
    return rank


def run(jobs, lanes, failed):
    """Run all jobs; returns the seconds that each took.

    A job whose run() raises has failed. The jobs that need it are not run.
    failed(job, error) is called for all of these.
    """
    rank = ranks(jobs)
    changed = threading.Condition()
    waiting = sorted(jobs, key=lambda job: -rank[job.name])
    done, lost, took = set(), {}, {}

    def take():
        """Wait for a job that can run; None when no job is left."""
        while True:
            for job in list(waiting):
                cause = next((n for n in job.needs if n in lost), None)
                if cause:
                    waiting.remove(job)
                    lost[job.name] = cause
                    failed(job, "it needs %s, which failed" % cause)
                    return take()
                if all(need in done for need in job.needs):
                    waiting.remove(job)
                    return job
            if not waiting:
                return None
            changed.wait()

    def lane():
        while True:
            with changed:
                job = take()
            if not job:
                return
            begun = time.monotonic()
            error = None
            try:
                job.run()
            except Exception as e:      # a lane outlives its jobs
                error = e
            with changed:
                took[job.name] = time.monotonic() - begun
                if error is None:
                    done.add(job.name)
                else:
                    lost[job.name] = job.name
                    failed(job, error)
                changed.notify_all()

    threads = [threading.Thread(target=lane) for _ in range(lanes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return took
