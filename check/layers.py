#!/usr/bin/env python3
"""Holds every #include of src/ and include/ to src/layers.txt. Prints what breaks it; exit 1 if anything does."""
import pathlib
import re
import sys

INCLUDE = re.compile(r'\s*#\s*include\s+(?:"([^"]+)"|<(ottla/[^>]+)>)')
TABLES = "def"  # X-macro tables are data: anybody may include them
MAIN = "main"  # the row of files that stand in src/ itself


def read_rows(text):
    """{folder: [folders]} of the rows, 'pure' among them."""
    rows = {}
    for line in text.splitlines():
        line = line.split("#")[0].strip()
        if line:
            name, _, needs = line.partition(":")
            rows[name.strip()] = needs.split()
    return rows


def row_faults(rows):
    """A row may name only folders whose own row stands above it, so that there is no cycle."""
    seen = {"include"}
    for name, needs in rows.items():
        for need in needs:
            if name != "pure" and need not in seen:
                yield f"src/layers.txt: {name} needs {need}, which has no row above it"
        seen.add(name)


def folder_of(path, root):
    parts = path.relative_to(root).parts
    if parts[0] == "include":
        return "include"
    return parts[1] if len(parts) > 2 else MAIN


def inner_of(parts, rows):
    """The row of the folder within a folder where this stands: 'client/core'; None when it has none."""
    name = "/".join(parts[:2])
    return name if len(parts) > 2 and name in rows else None


def may_include_inner(rows, own, target):
    """Between the folders of one folder; what stands in that itself may include them all, and they it."""
    return own is None or target is None or target == own or target in rows[own]


def may_include(rows, folder, target):
    if target == TABLES:
        return True
    if target == "ottla":
        return folder == "include" or "include" in rows[folder]
    return folder != "include" and (target == folder or target in rows[folder])


def file_faults(rows, root, path):
    folder = folder_of(path, root)
    name = path.relative_to(root)
    inner = inner_of(name.parts[1:], rows)
    if folder != "include" and folder not in rows:
        yield f"{name}: src/layers.txt has no row for {folder}"
        return
    for number, line in enumerate(path.read_text().splitlines(), 1):
        found = INCLUDE.match(line)
        if not found:
            continue
        header = found.group(1) or found.group(2)
        target, slash, _ = header.partition("/")
        if not slash:
            yield f'{name}:{number}: "{header}": name the folder too'
        elif not may_include(rows, folder, target):
            yield f'{name}:{number}: {folder} may not include "{header}"'
        elif not may_include_inner(rows, inner, inner_of(header.split("/"), rows)):
            yield f'{name}:{number}: {inner} may not include "{header}"'


def faults(root):
    rows = read_rows((root / "src/layers.txt").read_text())
    yield from row_faults(rows)
    for top in ("src", "include"):
        for path in sorted((root / top).rglob("*.[ch]")):
            yield from file_faults(rows, root, path)


def main():
    found = list(faults(pathlib.Path(__file__).resolve().parent.parent))
    for fault in found:
        print(fault)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
