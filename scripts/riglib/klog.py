# SPDX-License-Identifier: GPL-2.0
"""Find the complaints of a guest's kernel in its console log."""

import os
import re

# The first line of a complaint.  "Call Trace" is not among them: injected
# faults print a trace too, and each of these complaints is followed by one.
COMPLAINT = re.compile(
    r"WARNING:|BUG:|BUG at |KASAN|UBSAN:|KMSAN|"
    r"possible circular locking|possible recursive locking|"
    r"inconsistent lock state|suspicious RCU usage|"
    r"INFO: task .* blocked|INFO: rcu.*(stall|detected)|"
    r"rcu: INFO: .*stall|workqueue lockup|soft lockup|hard LOCKUP|"
    r"Oops|general protection fault|Kernel panic|double fault|"
    r"Internal error|refcount_t: |kmem_cache_destroy .*still has objects|"
    r"kmemleak: [1-9]\d* new suspected|Bad page state|Bad rss-counter|"
    r"Object padding overwritten|Poison overwritten|Slab corruption|"
    r"DMA-API: (?!preallocated|debugging)|ODEBUG:|"
    r"sleeping function called|scheduling while atomic|"
    r"Unable to handle kernel|unable to handle page fault")
# Lines that match COMPLAINT and are no complaint.
HARMLESS = re.compile(
    r"Command line:|kasan: KernelAddressSanitizer|FAULT_INJECTION:|"
    r"Spectre|Speculative|MDS CPU bug|SRBDS|RETBleed|vulnerab|"
    r"kmemleak: Kernel memory leak detector|"
    r"Unpatched return thunk in use")
TAIL = 60       # lines of an excerpt


def size(path):
    """Bytes of a log; zero if it does not exist."""
    try:
        return os.path.getsize(path)
    except OSError:
        return 0


def read(path, begin=0):
    """The text of a log from an offset; empty if it does not exist."""
    try:
        with open(path, "rb") as f:
            f.seek(begin)
            return f.read().decode(errors="replace").replace("\r", "")
    except OSError:
        return ""


def complaints(text):
    """Excerpts of a log, each from a complaint to the end of its trace."""
    lines = text.splitlines()
    found = []
    at = 0
    while at < len(lines):
        line = lines[at]
        if COMPLAINT.search(line) and not HARMLESS.search(line):
            end = min(at + TAIL, len(lines))
            for i in range(at + 1, end):
                if re.search(r"---\[ end (trace|Kernel panic)", lines[i]):
                    end = i + 1
                    break
            found.append("\n".join(lines[at:end]))
            at = end
        else:
            at += 1
    return found


def tail(path, count=40):
    """The last lines of a log."""
    return "\n".join(read(path).splitlines()[-count:])
