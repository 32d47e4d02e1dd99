# SPDX-License-Identifier: GPL-2.0
"""The rooms of the module: the includes and calls between its files.

A room is a directory below kmod/. Includes and calls go from a higher room to a
lower one or stay within a room. kmod/main.* is above all rooms; compat.h and
version.h may be included everywhere. The fabric is a module of its own and sees
two headers of the core beside these. X.c and X.h are one file here, named room/X,
unless they are generated.
"""

import collections
import glob
import os
import re
import subprocess

# From low to high.
ROOMS = ("mem", "cache", "file", "xfer", "dev", "control")
MAIN, FABRIC = "main", "fabric"
COMMON = ("compat", "version")
# The headers of the core that a mover may use.
OPEN = ("xfer/mover", "xfer/export", *COMMON)
LARGEST = 4     # files in a circle

Edge = collections.namedtuple("Edge", "user used how")

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


def rank(node):
    """The height of a file's room; None for the fabric and outside of rooms."""
    room = node.partition("/")[0] if "/" in node else ""
    if room in ROOMS:
        return ROOMS.index(room)
    return len(ROOMS) if node == MAIN else -1 if node in COMMON else None


def node_of(path):
    """The name of a file's node: its path without the suffix.

    A header that is generated declares functions of other files, which the table
    beside it points to. It is a node of its own.
    """
    base, suffix = os.path.splitext(path)
    return path if base.endswith("_gen") and suffix == ".h" else base


def include_edges(root):
    """Edges by #include "..." between the files below a directory."""
    paths = {os.path.relpath(path, root) for path in
             glob.glob(os.path.join(root, "**/*.[ch]"), recursive=True)}
    edges = []
    for path in sorted(paths):
        with open(os.path.join(root, path), encoding="utf-8") as f:
            named = INCLUDE.findall(f.read())
        for name in named:
            beside = os.path.normpath(os.path.join(os.path.dirname(path),
                                                   name))
            used = beside if beside in paths else os.path.normpath(name)
            if used in paths and node_of(used) != node_of(path):
                edges.append(Edge(node_of(path), node_of(used),
                                  "%s includes %s" % (path, used)))
    return {node_of(path) for path in paths}, edges


def call_edges(objects, nodes):
    """Edges by the symbols that objects use of each other.

    objects is the directory with kmod's objects. An object without a source is
    left over from an earlier build and is skipped.
    """
    defined, used = {}, []
    for path in sorted(glob.glob(os.path.join(objects, "**/*.o"),
                                 recursive=True)):
        node = node_of(os.path.relpath(path, objects))
        if node not in nodes:
            continue
        said = subprocess.run(["nm", path], check=True, text=True,
                              stdout=subprocess.PIPE).stdout
        for line in said.splitlines():
            kind, name = line.split()[-2:]
            if name.startswith(("__SCK__", "__SCT__")):
                continue        # beside each __tracepoint_
            if kind == "U":
                used.append((node, name))
            elif kind in "TDBRVW":
                defined.setdefault(name, node)
    return [Edge(node, defined[name], "%s.c uses %s of %s.c" % (
                 node, name, defined[name]))
            for node, name in used
            if name in defined and defined[name] != node]


def upward(edges):
    """A line for each edge to a higher room, and between core and fabric."""
    bad = []
    for edge in edges:
        user_fabric = edge.user.startswith(FABRIC + "/")
        used_fabric = edge.used.startswith(FABRIC + "/")
        if user_fabric and used_fabric:
            continue
        if user_fabric:
            if edge.used not in OPEN:
                bad.append("%s: the fabric sees only %s" % (
                    edge.how, ", ".join(name + ".h" for name in OPEN)))
        elif used_fabric:
            bad.append(edge.how + ": the core does not know the fabric")
        else:
            high, low = rank(edge.user), rank(edge.used)
            if high is not None and low is not None and low > high:
                bad.append(edge.how + ": a higher room")
    return bad


def homeless(nodes):
    """Files that are in no room."""
    return ["%s is in no room" % node for node in sorted(nodes)
            if rank(node) is None and not node.startswith(FABRIC + "/")]


def circles(nodes, edges):
    """Sets of files that reach each other, largest first."""
    following = {node: set() for node in nodes}
    for edge in edges:
        following[edge.user].add(edge.used)
    index, low, stack, on_stack, found = {}, {}, [], set(), []

    def visit(start):
        work = [(start, iter(sorted(following[start])))]
        index[start] = low[start] = len(index)
        stack.append(start)
        on_stack.add(start)
        while work:
            node, rest = work[-1]
            for other in rest:
                if other not in index:
                    index[other] = low[other] = len(index)
                    stack.append(other)
                    on_stack.add(other)
                    work.append((other, iter(sorted(following[other]))))
                    break
                if other in on_stack:
                    low[node] = min(low[node], index[other])
            else:
                work.pop()
                if work:
                    parent = work[-1][0]
                    low[parent] = min(low[parent], low[node])
                if low[node] == index[node]:
                    members = set()
                    while node not in members:
                        members.add(stack.pop())
                    on_stack.difference_update(members)
                    found.append(members)

    for node in sorted(nodes):
        if node not in index:
            visit(node)
    return sorted((c for c in found if len(c) > 1),
                  key=lambda c: (-len(c), sorted(c)))


def check(root, objects=None, movers=()):
    """(errors, circles): a line for each error, and a line for each circle.

    movers are sources outside kmod/ that plug into the core as the fabric does.
    """
    nodes, edges = include_edges(root)
    if objects:
        edges = edges + call_edges(objects, nodes)
    bad = homeless(nodes) + upward(edges)
    for path in movers:
        with open(path, encoding="utf-8") as f:
            for name in INCLUDE.findall(f.read()):
                own = "/" not in name and os.path.exists(
                    os.path.join(os.path.dirname(path), name))
                if node_of(name) not in OPEN and not own:
                    bad.append("%s includes %s: a mover sees only %s" % (
                        path, name, ", ".join(n + ".h" for n in OPEN)))
    told = []
    for circle in circles(nodes, edges):
        told.append("circle of %d: %s" % (len(circle),
                                          ", ".join(sorted(circle))))
        if len(circle) > LARGEST:
            bad.append("a circle of %d files, more than %d: %s" % (
                len(circle), LARGEST, ", ".join(sorted(circle))))
            bad += sorted({"  " + e.how for e in edges
                           if e.user in circle and e.used in circle})
    # The same line may come from several edges.
    return list(dict.fromkeys(bad)), told
