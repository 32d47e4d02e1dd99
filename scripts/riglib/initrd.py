# SPDX-License-Identifier: GPL-2.0
"""The initramfs of a virtual host: agent.c as /init and a few modules."""

import hashlib
import lzma
import os
import subprocess

from . import kernels, util
from .util import BUILD, RigError

PORTS = 12      # commands that can run on a host concurrently

# Modules that mounting the root file system needs, unless they are built in.
MODULES = ("virtio_pci", "virtio_console", "9pnet_virtio", "9p", "overlay")


def cpio(entries):
    """A newc archive of (name, mode, data)."""
    out = bytearray()
    for inode, (name, mode, data) in enumerate(
            entries + [("TRAILER!!!", 0, b"")], 1):
        raw = name.encode() + b"\0"
        fields = (inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0,
                  len(raw), 0)
        out += b"070701" + b"".join(b"%08X" % x for x in fields) + raw
        out += b"\0" * (-len(out) % 4)
        out += data
        out += b"\0" * (-len(out) % 4)
    return bytes(out)


def agent():
    """The path of the compiled agent; compiled now if its source is new."""
    source = os.path.join(util.SCRIPTS, "riglib", "agent.c")
    with open(source, "rb") as f:
        text = f.read()
    digest = hashlib.sha256(text + b"%d" % PORTS).hexdigest()[:16]
    path = os.path.join(BUILD, "rig-cache", "agent-" + digest)
    if not os.path.exists(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        temp = "%s.%d" % (path, os.getpid())
        util.check_output(["gcc", "-O2", "-Wall", "-static", "-s",
                           "-DRIG_PORTS=%d" % PORTS, "-o", temp, source])
        os.rename(temp, path)
    return path


def module_files(kernel):
    """Paths of the needed modules, each after the modules it depends on."""
    tree = kernel["modules"]
    depends = {}
    with open(os.path.join(tree, "modules.dep")) as f:
        for line in f:
            path, _, rest = line.partition(":")
            depends[path] = rest.split()
    with open(os.path.join(tree, "modules.builtin")) as f:
        builtin = {module_name(line.strip()) for line in f}
    names = {module_name(path): path for path in depends}
    order = []

    def add(path):
        for other in depends[path]:
            if other not in order:
                add(other)
        if path not in order:
            order.append(path)

    for name in MODULES:
        if name in names:
            add(names[name])
        elif name not in builtin:
            raise RigError("kernel %s has no %s" % (kernel["name"], name))
    return [os.path.join(tree, path) for path in order]


def module_name(path):
    """The name of the module in a file."""
    return os.path.basename(path).split(".ko")[0].replace("-", "_")


def read_module(path):
    """The decompressed content of a module's file."""
    with open(path, "rb") as f:
        data = f.read()
    if path.endswith(".xz"):
        return lzma.decompress(data)
    if path.endswith(".zst"):
        return subprocess.run(["zstd", "-dc"], input=data, check=True,
                              stdout=subprocess.PIPE).stdout
    return data


def key(kernel):
    """A name for the part of the initramfs that all hosts of a kernel share."""
    text = "%s %s %s" % (os.path.basename(agent()), kernel["release"],
                         kernel["wanted"])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def make(kernel, lines):
    """The initramfs for a kernel, with the lines of rig.conf."""
    program = agent()
    path = os.path.join(BUILD, "rig-cache",
                        "initrd-%s-%s" % (kernel["name"], key(kernel)))
    modules = module_files(kernel)
    if not os.path.exists(path):
        with open(program, "rb") as f:
            entries = [("init", 0o100755, f.read())]
        entries += [("m", 0o040755, b""), ("dev", 0o040755, b"")]
        entries += [("m/" + module_name(m) + ".ko", 0o100644, read_module(m))
                    for m in modules]
        util.write_atomic(path, cpio(entries))
    with open(path, "rb") as f:
        image = f.read()
    conf = "".join("module\t/m/%s.ko\n" % module_name(m) for m in modules)
    conf += "".join("\t".join(line) + "\n" for line in lines)
    return image + cpio([("rig.conf", 0o100644, conf.encode())])
