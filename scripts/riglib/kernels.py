# SPDX-License-Identifier: GPL-2.0
"""The kernels that virtual hosts boot and that modules are built for.

Stock kernels are Debian's packages, unpacked and never installed.  The
others are built from the linux-source-6.12 package.  Each ends up as

    build/kernels/NAME/vmlinuz            the image to boot
    build/kernels/NAME/lib/modules/REL    the kernel's modules
    build/kernels/NAME/obj or usr/src     the directory to build modules against
    build/kernels/NAME/stamp.json         the sources that it was made from
"""

import glob
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time

from . import util
from .util import BUILD, RigError, say

STOCK = {
    "6.12": ("linux-image-6.12-amd64", "linux-headers-6.12-amd64"),
    "6.1": ("linux-image-amd64", "linux-headers-amd64"),
}
BUILT = ("lean", "debug")
NAMES = tuple(STOCK) + BUILT
SOURCE_PACKAGE = "linux-source-6.12"
SOURCE_TAR = "/usr/src/linux-source-6.12.tar.xz"
FORMAT = 3      # of the directories; a change makes all kernels be made again

# Directories of the kernel that KASAN instruments: those whose code follows
# pointers in objects of the modules. In the others it would double the time of
# the build and find no mistake of the modules, which are instrumented whole.
KASAN_DIRECTORIES = (
    "drivers/base", "drivers/dma-buf", "drivers/infiniband/%", "fs",
    "fs/debugfs", "fs/kernfs", "fs/proc", "fs/sysfs", "io_uring", "kernel",
    "kernel/%", "lib", "lib/%", "mm", "net/netlink")
KASAN_FLAGS = ("-fsanitize=kernel-address",
               "-fasan-shadow-offset=0xdffffc0000000000",
               "--param asan-instrumentation-with-call-threshold=10000",
               "--param asan-stack=1", "--param asan-instrument-allocas=1",
               "--param asan-globals=1")


def base(name):
    """The directory of a kernel; a RigError if the name is unknown."""
    if name not in NAMES:
        raise RigError("no kernel is called %s; there are: %s" %
                       (name, ", ".join(NAMES)), util.EX_USAGE)
    return os.path.join(BUILD, "kernels", name)


def info(name):
    """The facts of a kernel that is ready, or None."""
    stamp = util.read_json(os.path.join(base(name), "stamp.json"))
    if not stamp or stamp.get("format") != FORMAT:
        return None
    if stamp["wanted"] != wanted(name):
        return None
    path = base(name)
    stamp.update(name=name, path=path,
                 vmlinuz=os.path.join(path, "vmlinuz"),
                 modules=os.path.join(path, "lib/modules", stamp["release"]),
                 kdir=os.path.join(path, stamp["kdir"]))
    return stamp


def wanted(name):
    """A name for the sources that a kernel must be made from.

    A stock kernel is kept: a newer one in the archive must not make tests
    differ from one day to the next.
    """
    if name in STOCK:
        return "stock"
    digest = hashlib.sha256()
    for part in fragments(name):
        with open(part, "rb") as f:
            digest.update(f.read())
    digest.update(source_version().encode())
    digest.update(repr((KASAN_DIRECTORIES, KASAN_FLAGS)).encode())
    return digest.hexdigest()[:16]


def fetch(name):
    """Download or build a kernel unless it is ready; returns its facts."""
    base(name)
    found = info(name)
    if found:
        return found
    with util.lock(os.path.join(BUILD, "kernels", name + ".lock")):
        found = info(name)
        if not found:
            if name in STOCK:
                fetch_stock(name)
            else:
                build(name)
            found = info(name)
    return found


def finish(name, release, kdir, source, want):
    """Complete a kernel's directory: modules.dep and stamp.json."""
    path = base(name)
    util.check_output([find_tool("depmod"), "-b", path, release])
    util.write_atomic(os.path.join(path, "stamp.json"), util.json.dumps(
        {"format": FORMAT, "wanted": want, "release": release,
         "kdir": kdir, "source": source}, indent=1))


def find_tool(name):
    """The path of a program, also in the directories for root."""
    found = shutil.which(name, path=os.environ.get("PATH", "") +
                         ":/usr/sbin:/sbin")
    if not found:
        raise RigError("%s is missing; run scripts/packages install" % name)
    return found


# ---- stock ------------------------------------------------------------------

def depends(package, pattern):
    """The packages that match a pattern and that a package depends on."""
    out = util.check_output(["apt-cache", "depends", "--no-recommends",
                             "--no-suggests", "--no-conflicts",
                             "--no-breaks", "--no-replaces",
                             "--no-enhances", package])
    return [m for m in re.findall(r"Depends: (\S+)", out)
            if re.fullmatch(pattern, m)]


def one(package, pattern):
    """The first dependency of a package that matches a pattern."""
    try:
        found = depends(package, pattern)
    except RigError:
        found = []
    if not found:
        raise RigError(
            "the package %s is not known to apt here. Debian 12 with the "
            "bookworm and bookworm-security suites is needed; if they are "
            "configured, run: sudo apt-get update" % package)
    return found[0]


def fetch_stock(name):
    """Download and unpack a kernel of Debian."""
    image_meta, headers_meta = STOCK[name]
    image = one(image_meta, r"linux-image-\d.*")
    headers = one(headers_meta, r"linux-headers-\d.*")
    packages = [image, headers]
    packages += depends(headers, r"linux-(headers|kbuild)-\d.*")
    release = headers[len("linux-headers-"):]
    say("fetching kernel %s (%s)" % (name, release))
    path = base(name)
    temp = path + ".new"
    shutil.rmtree(temp, ignore_errors=True)
    os.makedirs(temp + "/deb")
    done = subprocess.run(["apt-get", "download", "-q"] + packages,
                          cwd=temp + "/deb", text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise RigError("apt-get download %s failed: %s\nIf the packages are "
                       "no longer in the archive, run: sudo apt-get update" %
                       (" ".join(packages), done.stdout.strip()[-2000:]))
    for deb in glob.glob(temp + "/deb/*.deb"):
        util.check_output(["dpkg-deb", "-x", deb, temp])
    shutil.rmtree(temp + "/deb")
    kdir = "usr/src/linux-headers-" + release
    # The headers' Makefile includes /usr/src/...: point it to the copy.
    makefile = os.path.join(temp, kdir, "Makefile")
    with open(makefile) as f:
        text = f.read()
    with open(makefile, "w") as f:
        f.write(re.sub(r"(?m)^include /usr/src/",
                       "include %s/usr/src/" % path, text))
    for link in ("build", "source"):
        link = os.path.join(temp, "lib/modules", release, link)
        if os.path.islink(link):
            os.unlink(link)
    shutil.copy(os.path.join(temp, "boot/vmlinuz-" + release),
                os.path.join(temp, "vmlinuz"))
    shutil.copy(os.path.join(temp, "boot/config-" + release),
                os.path.join(temp, "config"))
    shutil.rmtree(path, ignore_errors=True)
    os.rename(temp, path)
    finish(name, release, kdir, image, wanted(name))


# ---- built ------------------------------------------------------------------

def fragments(name):
    """The paths of the fragments of a kernel's configuration."""
    return [os.path.join(util.SCRIPTS, "kconfig", part + ".config")
            for part in ("base", name)]


_source_version = None


def source_version():
    """The version of the installed source package, or an empty string."""
    global _source_version
    if _source_version is None:
        done = subprocess.run(
            ["dpkg-query", "-W", "-f", "${Version}", SOURCE_PACKAGE],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        _source_version = done.stdout if done.returncode == 0 else ""
    return _source_version


def source():
    """The directory of the kernel source; unpacked now if it is not there."""
    version = source_version()
    if not version or not os.path.exists(SOURCE_TAR):
        raise RigError("the package %s is not installed; run "
                       "scripts/packages install" % SOURCE_PACKAGE)
    path = os.path.join(BUILD, "src", SOURCE_PACKAGE)
    stamp = path + ".version"
    with util.lock(path + ".lock"):
        try:
            with open(stamp) as f:
                if f.read() == version:
                    return path
        except OSError:
            pass
        say("unpacking %s %s" % (SOURCE_PACKAGE, version))
        shutil.rmtree(path, ignore_errors=True)
        util.check_output(["tar", "-C", os.path.dirname(path), "-xJf",
                           SOURCE_TAR])
        util.write_atomic(stamp, version)
    return path


def read_config(path):
    """{option: value} of a kernel configuration."""
    values = {}
    with open(path) as f:
        for line in f:
            m = re.match(r"# (CONFIG_\w+) is not set|(CONFIG_\w+)=(.*)",
                         line.strip())
            if m:
                values[m[1] or m[2]] = "n" if m[1] else m[3]
    return values


def configure(name, src, obj):
    """A .config that has every line of the fragments, or a RigError."""
    os.makedirs(obj, exist_ok=True)
    make = ["make", "-C", src, "O=" + obj]
    util.check_output(make + ["tinyconfig"])
    want = {}
    with open(os.path.join(obj, ".config"), "a") as out:
        for part in fragments(name):
            want.update(read_config(part))
            with open(part) as f:
                out.write(f.read())
    util.check_output(make + ["olddefconfig"])
    have = read_config(os.path.join(obj, ".config"))
    lost = ["%s=%s (got %s)" % (key, value, have.get(key, "n"))
            for key, value in want.items() if have.get(key, "n") != value]
    if lost:
        raise RigError("the configuration of the %s kernel lost: %s" %
                       (name, ", ".join(lost)))


def kasan_args(config):
    """Arguments of make that instrument KASAN_DIRECTORIES only."""
    if config.get("CONFIG_KASAN") != "y":
        return []
    return ["CFLAGS_KASAN=$(if $(filter %s,$(obj)),%s,"
            "$(CFLAGS_KASAN_NOSANITIZE))" % (" ".join(KASAN_DIRECTORIES),
                                             " ".join(KASAN_FLAGS))]


def build(name):
    """Build a kernel from source."""
    want = wanted(name)     # first: the fragments may change during the build
    src = source()
    path = base(name)
    obj = os.path.join(path, "obj")
    stamp = os.path.join(path, "stamp.json")
    if os.path.exists(stamp):
        os.unlink(stamp)
    log_path = os.path.join(path, "build.log")
    jobs = os.environ.get("KERNEL_JOBS") or str(os.cpu_count() or 1)
    say("building kernel %s with -j%s (8.5 minutes on two idle cores); "
        "log: %s" % (name, jobs, log_path))
    configure(name, src, obj)
    argv = ["make", "-C", src, "O=" + obj, "-j" + jobs, "bzImage", "modules",
            *kasan_args(read_config(os.path.join(obj, ".config")))]
    run_make(name, argv, log_path)
    release = util.check_output(["make", "-s", "-C", src, "O=" + obj,
                                 "kernelrelease"]).strip()
    shutil.rmtree(os.path.join(path, "lib"), ignore_errors=True)
    util.check_output(["make", "-C", src, "O=" + obj,
                       "INSTALL_MOD_PATH=" + path, "DEPMOD=true",
                       "modules_install"])
    for link in ("build", "source"):
        link = os.path.join(path, "lib/modules", release, link)
        if os.path.islink(link):
            os.unlink(link)
    shutil.copy(os.path.join(obj, "arch/x86/boot/bzImage"),
                os.path.join(path, "vmlinuz"))
    shutil.copy(os.path.join(obj, ".config"), os.path.join(path, "config"))
    finish(name, release, "obj", SOURCE_PACKAGE + " " + source_version(),
           want)


def run_make(name, argv, log_path):
    """Run make, its output in a file, and print progress every 20 seconds."""
    begun = told = time.monotonic()
    count = 0
    with open(log_path, "w") as log:
        make = subprocess.Popen(argv, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True,
                                errors="replace")
        for line in make.stdout:
            log.write(line)
            count += 1
            now = time.monotonic()
            if now - told >= 20:
                told = now
                say("%s: %d:%02d, %d files: %s" % (
                    name, (now - begun) // 60, (now - begun) % 60, count,
                    line.strip()[:60]))
    if make.wait():
        with open(log_path, errors="replace") as log:
            tail = log.readlines()[-30:]
        sys.stderr.writelines(tail)
        raise RigError("building kernel %s failed; the log is %s" %
                       (name, log_path))
    say("%s: built in %.1f minutes" % (name,
                                       (time.monotonic() - begun) / 60))
