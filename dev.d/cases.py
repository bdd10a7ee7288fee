#!/usr/bin/env python3
"""Test cases out of test logs, one a line: "ok program/case", "not ok program/case" or "skip program/case".

cases.py TESTLOG.json  reads what `meson test` wrote; a program whose cases are not known counts as one case.
cases.py --tails TESTLOG.json  prints the last words of each program that failed.
cases.py --sum FILE...  counts such lines: "passed failed skipped". A case that ran in several builds counts once,
                        and fails if it failed in one of them.
"""
import json
import re
import sys

CMOCKA = re.compile(r"^\[ +(OK|FAILED|SKIPPED) +\] (\w+)$", re.M)
CMOCKA_WORDS = {"OK": "ok", "FAILED": "not ok", "SKIPPED": "skip"}
UNITTEST = re.compile(r"^Ran (\d+) tests? in .*\n\n(?:OK|FAILED)(.*)$", re.M)
TAP = re.compile(r"^(not )?ok (\d+)([^#\n]*)(# SKIP)?", re.M | re.I)
TAIL = 30  # lines


def from_unittest(total, counts):
    """unittest tells only how many: its cases are numbered, the failed first."""
    count = {key: int(number) for key, number in re.findall(r"(failures|errors|skipped)=(\d+)", counts)}
    bad = count.get("failures", 0) + count.get("errors", 0)
    skipped = count.get("skipped", 0)
    return {str(i): "not ok" if i < bad else "skip" if i < bad + skipped else "ok" for i in range(int(total))}


def from_text(text):
    """{case: verdict} as the program printed them; {} if it speaks no language known here"""
    found = UNITTEST.search(text)
    if found:
        return from_unittest(*found.groups())
    return ({case: CMOCKA_WORDS[word] for word, case in CMOCKA.findall(text)} or
            {number + what.rstrip(): "skip" if skip else "not ok" if bad else "ok"
             for bad, number, what, skip in TAP.findall(text)})


def is_bad(run):
    return run["result"] not in ("OK", "SKIP", "EXPECTEDFAIL")


def text_of(run):
    return (run.get("stdout") or "") + "\n" + (run.get("stderr") or "")


def from_run(run):
    """One line of testlog.json. A run that ended badly has at least one failed case."""
    cases = from_text(text_of(run))
    if is_bad(run):
        if "not ok" not in cases.values():
            cases[f"({run['result'].lower()}, exit code {run.get('returncode')})"] = "not ok"
    elif not cases:
        cases["all"] = "skip" if run["result"] == "SKIP" else "ok"
    name = run["name"].split(" / ")[-1]
    return [f"{verdict} {name}/{case}" for case, verdict in cases.items()]


def add_up(lines):
    """(passed, failed, skipped)"""
    rank = {"skip": 0, "ok": 1, "not ok": 2}
    worst = {}
    for line in lines:
        verdict, case = re.match(r"(ok|not ok|skip) (.*)", line).groups()
        worst[case] = max(worst.get(case, "skip"), verdict, key=rank.get)
    verdicts = list(worst.values())
    return verdicts.count("ok"), verdicts.count("not ok"), verdicts.count("skip")


def runs(name):
    with open(name) as log:
        return [json.loads(line) for line in log]


def main(args):
    if args[0] == "--sum":
        lines = []
        for name in args[1:]:
            with open(name) as part:
                lines += part
        print(*add_up(lines))
    elif args[0] == "--tails":
        for run in filter(is_bad, runs(args[1])):
            print(f"--- {run['name']}: {run['result'].lower()}, {run['duration']:.1f} s")
            print(*text_of(run).strip().splitlines()[-TAIL:], sep="\n")
    else:
        for run in runs(args[0]):
            print(*from_run(run), sep="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
