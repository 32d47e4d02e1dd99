# SPDX-License-Identifier: GPL-2.0-only
"""Directories with the files that kvpool has in sysfs and debugfs, to test their readers."""

import os

COUNTERS = (
    "blocks bytes arena_bytes pinned_bytes quarantined_bytes pending leases "
    "lookups hits local_hits local_bytes peer_hits peer_bytes probes probe_hits "
    "produced_blocks produced_bytes consumed_bytes copied_bytes "
    "evicted_blocks evicted_bytes removed_blocks aborted_blocks "
    "preempted_blocks rejected fetched_blocks fetched_bytes pushed_blocks "
    "pushed_bytes served_blocks served_bytes received_blocks received_bytes "
    "cancelled_ops timedout_ops").split()

HISTOGRAMS = (
    "reserve_ns reserve_bytes seal_ns seal_bytes lease_ns lease_bytes wait_ns evict_ns "
    "evict_bytes compact_ns compact_bytes operation_ns operation_bytes").split()


def write(root, path, value):
    """Write a file of one value."""
    full = os.path.join(root, path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "w", encoding="utf-8") as out:
        out.write(f"{value}\n")


def add_tenant(root, name, number, **values):
    """Add a tenant; values are settings and counters that are not zero."""
    settings = {"id": number, "uid": 0, "gid": 0, "quota_bytes": 0,
                "pin_quota_bytes": 0, "push_quota_bytes": 0,
                "pushed_in_bytes": 0, "guaranteed_bytes": 0,
                "guaranteed_nodes": "0", "contexts": 0, "drop": ""}
    settings.update({f"histograms/{histogram}": "0 " * 11 + "3 1" + " 0" * 27
                     for histogram in HISTOGRAMS})
    settings.update({counter: 0 for counter in COUNTERS})
    settings.update(values)
    for key, value in settings.items():
        write(root, f"tenants/{name}/{key}", value)


def add_tier(root, node, limit, allocated, used):
    """Add the tier of a node; sizes are in bytes."""
    for key, value in (("node", node), ("limit_bytes", limit),
                       ("allocated_bytes", allocated), ("used_bytes", used)):
        write(root, f"tiers/dram{node}/{key}", value)


def make(root):
    """Make the files of /sys/class/misc/kvpool, with two tenants and three tiers."""
    write(root, "abi_version", 1)
    write(root, "policy", "[lru] sieve")
    for name, value in (("watermark_high", 95), ("watermark_low", 90),
                        ("preempt_ms", 10000), ("quarantine_ms", 100),
                        ("lease_ms", 0), ("default_quota_bytes", 0),
                        ("default_pin_quota_bytes", 4096), ("revoke", ""),
                        ("max_handles", 65536), ("remote_timeout_ms", 10000)):
        write(root, name, value)
    write(root, "tenants/add", "")
    write(root, "tenants/del", "")
    add_tenant(root, "default", 0)
    add_tenant(root, "team-b", 1, uid=1000, gid=1000, quota_bytes=1 << 30,
               blocks=10, bytes=10 << 20, lookups=100, hits=25)
    for node in (0, 2, 10):
        add_tier(root, node, 1 << 30, 16 << 20, 10 << 20)


BLOCKS = "# tenant key state length extents refs pin\n" + "".join(
    f"{tenant} {number:064x} {state} {4096 * (number + 1)} {number % 3 + 1} {refs} {pin}\n"
    for number, (tenant, state, refs, pin) in enumerate((
        ("default", "sealed", 0, "none"),
        ("default", "reserved", 1, "none"),
        ("team-b", "sealed", 2, "hard"),
        ("team-b", "dead", 1, "soft"))))

CHUNKS = """# tenant chunk node used_pages longest_run pins
default 0 0 512 0 0
team-b 7 2 100 300 1
"""

# The module writes bytes of a process name that are not printable as \\ooo.
CONTEXTS = """# tenant context pid comm mode state leases reservations oldest_lease_ms
default 1 4711 engine produce open 0 3 0
team-b 2 4712 a\\040\\377\\342\\230\\203\\033 both open 18446744073709551615 0 1500
team-b 3 4713 - none revoked 0 0 0
"""

OPERATIONS = f"""# tenant pid op opcode key state peer length cancelled age_ms
default 4711 1 lease {1:064x} waits 0 0 0 1500
team-b 4712 2 lease {2:064x} remote 3 65536 1 20
"""

DUMPS = {"blocks": BLOCKS, "chunks": CHUNKS, "contexts": CONTEXTS, "operations": OPERATIONS}


def make_debugfs(root):
    """Make the files of /sys/kernel/debug/kvpool."""
    os.makedirs(root)
    for name, text in DUMPS.items():
        with open(os.path.join(root, name), "w", encoding="ascii") as out:
            out.write(text)
