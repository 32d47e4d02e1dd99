# SPDX-License-Identifier: GPL-2.0-only
"""Measures the shape of a request trace: as a cache of prefixes sees it."""

import json
import sys


def percentile(values, percent):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * percent / 100))]


def read(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def measure(requests):
    """Returns the figures by name."""
    last = {}               # id -> the last request that had it
    turn = []
    opening = branch = 0
    pauses, shared, first = [], [], []

    for index, request in enumerate(requests):
        ids = request["hash_ids"]
        known = 0
        while known < len(ids) and ids[known] in last:
            known += 1
        parent = last[ids[known - 1]] if known else None
        turn.append(1)
        if known <= 1:
            opening += 1
            first.append(request["input_length"])
        elif known < len(requests[parent]["hash_ids"]) - 1:
            branch += 1
        else:
            turn[index] = turn[parent] + 1
            pauses.append(request["timestamp"] - requests[parent]["timestamp"])
            shared.append(known)
        for block in ids:
            last[block] = index

    refs = sum(len(request["hash_ids"]) for request in requests)
    inputs = [request["input_length"] for request in requests]
    outputs = [request["output_length"] for request in requests]
    ticks = {}
    for request in requests:
        ticks[request["timestamp"]] = ticks.get(request["timestamp"], 0) + 1
    count = len(requests)
    figures = {
        "reuse": 1 - len(last) / refs,
        "blocks_mean": refs / count,
        "opening_share": opening / count,
        "turn_share": len(pauses) / count,
        "branch_share": branch / count,
        "second_turns": turn.count(2) / count,
        "third_turns": turn.count(3) / count,
        "long_conversations": sum(t > 8 for t in turn) / count,
        "shared_blocks_mean": sum(shared) / max(len(shared), 1),
        "requests_per_tick_p10": percentile(list(ticks.values()), 10),
        "requests_per_tick_p50": percentile(list(ticks.values()), 50),
        "requests_per_tick_p90": percentile(list(ticks.values()), 90),
        "span_s": (requests[-1]["timestamp"] - requests[0]["timestamp"]) / 1000,
    }
    for name, values in (("input", inputs), ("output", outputs), ("first_input", first),
                         ("pause_ms", pauses)):
        for percent in (10, 50, 90, 99):
            figures[f"{name}_p{percent}"] = percentile(values, percent) if values else 0
    return figures


if __name__ == "__main__":
    for figure, number in measure(read(sys.argv[1])).items():
        print(f"    \"{figure}\": {number:.6g},")
