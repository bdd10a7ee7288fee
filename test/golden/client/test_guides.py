#!/usr/bin/env python3
"""The guides for those who come from other clients: each call of theirs has its counterpart named or is said to be absent,
what is named exists, and the programs in them compile.

facts.txt beside this file has the methods of Java's clients, rdkafka.txt the functions of librdkafka's headers (2.0).
CC is the compiler."""

import fnmatch
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent.parent
GUIDES = ROOT / "doc/guide"
SECTIONS = {"producer": "## Producer", "consumer": "## Consumer", "admin": "## Admin"}


def section(text, title):
    return text.split(title + "\n", 1)[1].split("\n## ", 1)[0]


def left_cells(text):
    """What stands in backquotes in the first columns of a text's tables."""
    cells = [line.split(" | ")[0] for line in text.splitlines() if line.startswith("| ")]
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def public_names():
    text = "".join(path.read_text() for path in sorted((ROOT / "include/ottla").glob("*.h")))
    return set(re.findall(r"\b(?:ottla|OTTLA)_\w+", text))


class Guides(unittest.TestCase):
    def test_java(self):
        text = (GUIDES / "from-java.md").read_text()
        facts = [line.split() for line in (HERE / "facts.txt").read_text().splitlines() if line.startswith("method ")]
        self.assertGreater(len(facts), 100)
        for _, client, name in facts:
            told = {cell.split("(")[0] for cell in left_cells(section(text, SECTIONS[client]))}
            self.assertIn(name, told, f"from-java.md does not say what there is for {client}'s {name}")

    def test_librdkafka(self):
        told = left_cells((GUIDES / "from-librdkafka.md").read_text())
        names = (HERE / "rdkafka.txt").read_text().split()
        self.assertGreater(len(names), 350)
        for name in names:
            self.assertTrue(any(fnmatch.fnmatchcase(name, pattern) for pattern in told),
                            f"from-librdkafka.md does not say what there is for {name}")

    def test_ours(self):
        ours = public_names()
        for path in sorted(GUIDES.glob("from-*.md")):
            for name in re.findall(r"\b(?:ottla|OTTLA)_\w+", path.read_text()):
                self.assertTrue(name in ours, f"{path.name} names {name}, which no header has")

    def test_programs(self):
        found = 0
        for path in sorted(GUIDES.glob("from-*.md")):
            for program in re.findall(r"```c\n(.*?)```", path.read_text(), re.S):
                found += 1
                with tempfile.NamedTemporaryFile("w", suffix=".c") as out:
                    out.write(program)
                    out.flush()
                    compiled = subprocess.run(
                        [*shlex.split(os.environ.get("CC", "cc")), "-std=c17", "-Wall", "-Wextra", "-Wno-unused-parameter",
                         "-Werror", "-fsyntax-only", "-I", str(ROOT / "include"), out.name], capture_output=True, text=True)
                self.assertEqual(compiled.returncode, 0, f"{path.name}:\n{compiled.stderr}")
        self.assertGreaterEqual(found, 2)


if __name__ == "__main__":
    sys.exit(unittest.main())
