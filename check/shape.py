#!/usr/bin/env python3
"""The shape of the tree: each .c opens by saying its job, each folder of src/ has a README, nothing waits for a TODO.
Long files are only told. Exit 1 on a fault."""
import pathlib
import re
import subprocess
import sys

LONG = 800  # lines: ask why
WAITING = re.compile(r"\b(TODO|FIXME|XXX)\b")
TEXT = {".c", ".h", ".def", ".msg", ".py", ".sh", ".md", ".build", ".txt"}


def tracked(root):
    out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=root, capture_output=True, text=True,
                         check=True).stdout
    return [pathlib.Path(name) for name in out.splitlines() if (root / name).is_file()]


def file_faults(name, text):
    if name.suffix == ".c" and not text.startswith("/*"):
        yield f"{name}:1: open with a comment: its job, its thread, its invariants"
    if name.suffix in TEXT and name.parts[0] != "check":
        for number, line in enumerate(text.splitlines(), 1):
            if WAITING.search(line):
                yield f"{name}:{number}: {line.strip()}"


def folder_faults(names):
    """Folders of src/ that hold C and no README.md"""
    folders = {name.parts[1] for name in names
               if name.parts[0] == "src" and len(name.parts) > 2 and name.suffix == ".c"}
    for folder in sorted(folders):
        if pathlib.Path("src", folder, "README.md") not in names:
            yield f"src/{folder}: no README.md"


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    names = tracked(root)
    found = list(folder_faults(set(names)))
    for name in names:
        if name.suffix in TEXT:
            text = (root / name).read_text()
            found += file_faults(name, text)
            lines = text.count("\n")
            if name.suffix in (".c", ".h", ".py") and lines >= LONG:
                print(f"note: {name} has {lines} lines: is it one thing?")
    for fault in found:
        print(fault)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
