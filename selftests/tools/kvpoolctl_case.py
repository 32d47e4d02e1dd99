# SPDX-License-Identifier: GPL-2.0-only
"""Runs kvpoolctl on directories that look like those of the module, for its tests."""

import copy
import json
import os
import shutil
import subprocess
import tempfile
import unittest

import fake_sysfs

try:
    import jsonschema
except ImportError:
    jsonschema = None

HERE = os.path.dirname(os.path.realpath(__file__))
TOP = os.path.realpath(os.path.join(HERE, "../.."))
BUILD = os.environ.get("KVPOOL_BUILD", os.path.join(TOP, "build"))
CTL = os.environ.get("KVPOOLCTL", os.path.join(BUILD, "lib/tools/kvpoolctl"))
SCHEMA = os.path.join(TOP, "Documentation/admin-guide/kvpoolctl.schema.json")


def strict(schema):
    """The schema without room for members that it does not describe."""
    schema = copy.deepcopy(schema)

    def visit(node):
        if isinstance(node, dict):
            if isinstance(node.get("properties"), dict) and node.get("type") == "object":
                node.setdefault("additionalProperties", False)
            for value in node.values():
                visit(value)
        elif isinstance(node, list):
            for value in node:
                visit(value)

    visit(schema)
    return schema


def load_schema():
    """The published schema of the JSON of kvpoolctl."""
    with open(SCHEMA, encoding="ascii") as file:
        return json.load(file)


@unittest.skipUnless(os.access(CTL, os.X_OK), f"{CTL} is not built")
class KvpoolctlCase(unittest.TestCase):
    """A test with sysfs and debugfs of its own; schema needs python3-jsonschema."""

    schema = strict(load_schema()) if jsonschema else None

    def setUp(self):
        self.dir = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.dir)
        self.sysfs = os.path.join(self.dir, "sysfs")
        self.debugfs = os.path.join(self.dir, "debugfs")
        fake_sysfs.make(self.sysfs)
        fake_sysfs.make_debugfs(self.debugfs)
        self.env = dict(os.environ, KVPOOL_SYSFS=self.sysfs, KVPOOL_DEBUGFS=self.debugfs,
                        KVPOOL_DEVICE=os.path.join(self.dir, "no-device"), LC_ALL="C")

    def run_ctl(self, *args, code=0, **more):
        """Run kvpoolctl; its outputs as bytes, after the exit status is checked."""
        done = subprocess.run([CTL, *args], env=self.env, capture_output=True, timeout=60,
                              check=False, **more)
        self.assertEqual(done.returncode, code, (args, done.stdout, done.stderr))
        return done

    def ctl(self, *args, code=0):
        """The output on stdout; after a failure the line on stderr."""
        done = self.run_ctl(*args, code=code)
        if not code:
            self.assertEqual(done.stderr, b"", args)
            return done.stdout.decode("utf-8")
        self.assertRegex(done.stderr, rb"\Akvpoolctl: [^\n]+\n\Z")
        if "--json" not in args:
            self.assertEqual(done.stdout, b"", args)
        return done.stderr.decode("utf-8")

    def documents(self, *args, code=0):
        """The documents that a command prints with --json, checked."""
        out = self.run_ctl("--json", *args, code=code).stdout
        self.assertTrue(out.endswith(b"\n"), out)
        found = []
        for line in out.decode("utf-8").splitlines():
            document = json.loads(line)
            self.assertEqual(document["schema_version"], 2)
            if self.schema:
                jsonschema.validate(document, self.schema)
            found.append(document)
        return found

    def json(self, *args):
        """The only document that a command prints."""
        document, = self.documents(*args)
        self.assertNotIn("error", document)
        return document

    def error(self, *args, code):
        """The error in the last document that a command prints."""
        error = self.documents(*args, code=code)[-1]["error"]
        self.assertEqual(error["exit_status"], code)
        return error

    def value(self, path):
        """The content of a file of sysfs."""
        with open(os.path.join(self.sysfs, path), encoding="ascii") as file:
            return file.read().strip()
