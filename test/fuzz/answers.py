#!/usr/bin/env python3
"""answers.py FUZZ-DIR CORPUS-DIR TARGET...: whether every answer that libottla asks for is fed to it by one of these
targets. They are run on their corpora; src/client says what it asks for. Prints TAP."""
import pathlib
import re
import subprocess
import sys

CLIENT = pathlib.Path(__file__).resolve().parents[2] / "src" / "client"
ASKED = re.compile(r"\bAPI_([A-Z0-9_]+)\b")


def plain(name):
    return name.replace("_", "").upper()


def asked_for():
    names = {n for f in CLIENT.rglob("*.[ch]") for n in ASKED.findall(f.read_text())}
    return {plain(n): n for n in names - {"COUNT"}}


def fed(target, corpus):
    out = subprocess.run([target, corpus], capture_output=True, text=True, check=True).stdout
    return {plain(n) for n in re.findall(r"^# answered (\w+)Response$", out, re.M)}


def main(built, corpora, *targets):
    want = asked_for()
    got = set().union(*(fed(f"{built}/fuzz_{t}", f"{corpora}/{t}") for t in targets))
    print(f"1..{len(want)}")
    for i, key in enumerate(sorted(want), 1):
        print(f"{'ok' if key in got else 'not ok'} {i} - {want[key]}")
    return bool(want.keys() - got) or not want


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
