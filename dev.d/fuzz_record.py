#!/usr/bin/env python3
"""Adds what libFuzzer did to the table of executions in test/RECORD.md.

  fuzz_record.py TARGET OUTPUT RECORD    a run that found nothing; the target's row and the sum grow"""

import re
import sys

DONE = re.compile(r"^Done (\d+) runs in (\d+) second", re.M)
ROW = re.compile(r"^\| (\w+) \| (\d+) \| (\d+) \|$", re.M)


def added(text, target, runs, seconds):
    """The record with one more run in it."""
    rows = {name: (int(n), int(s)) for name, n, s in ROW.findall(text)}
    if "all" not in rows:
        raise ValueError("the record has no table of executions")
    old = rows.get(target, (0, 0))
    rows[target] = (old[0] + runs, old[1] + seconds)
    rows.pop("all")
    lines = ["| %s | %d | %d |" % (name, *rows[name]) for name in sorted(rows)]
    lines.append("| all | %d | %d |" % tuple(sum(column) for column in zip(*rows.values())))
    table = list(ROW.finditer(text))
    return text[:table[0].start()] + "\n".join(lines) + text[table[-1].end():]


def main(argv):
    target, output, record = argv
    with open(output, errors="replace") as f:
        done = DONE.search(f.read())
    if not done:
        return "%s does not say how many runs there were" % output
    with open(record) as f:
        text = f.read()
    text = added(text, target, int(done[1]), int(done[2]))
    with open(record, "w") as f:
        f.write(text)
    print("%s: %s executions in %s s are added to %s" % (target, done[1], done[2], record))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
