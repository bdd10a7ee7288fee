#!/usr/bin/env python3
"""The end-to-end tests of libottla and of its tools on Apache Kafka, the same as ./dev test runs on ottla.

  client.py [--on ottla|kafka] [SUITE | SUITE.Class[.test] ...]

Without names all of SUITES. A test that one of the brokers cannot be asked for says so itself (harness.only_ottla,
harness.only_kafka) and is listed with its reason at the end. The last line is "N passed, N failed"."""

import argparse
import os
import re
import signal
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
E2E = os.path.join(os.path.dirname(HERE), "e2e")
LINE = re.compile(r"(not ok|ok) \d+ - (\S+)(?: # SKIP (.*))?$")

# What each proves. A suite runs in a process of its own, with brokers of its own.
SUITES = {
    "test_client_admin": "administration",
    "test_client_records": "producers and consumers, also across restarts of the broker",
    "test_client_network": "slow, silent and broken connections, expired batches",
    "test_client_group": "members of groups, classic and by KIP-848",
    "test_client_kip848": "members whose coordinator shares: what it may say, one by one",
    "test_console": "the tools that move records",
    "test_forms": "produce and consume",
    "test_tools": "the tools for administration",
}
ELSEWHERE = """what needs Java's clients beside it: ./dev interop --broker kafka --scenes our_groups,txn
TLS and SASL: ./dev interop secure"""


class Tally:
    def __init__(self):
        self.passed = self.failed = 0
        self.skipped = {}  # reason: tests

    def take(self, line):
        m = LINE.match(line)
        if not m:
            return
        word, name, reason = m.groups()
        if reason:
            self.skipped.setdefault(reason, []).append(name)
        elif word == "ok":
            self.passed += 1
        else:
            self.failed += 1

    def tell(self):
        for reason, names in sorted(self.skipped.items()):
            print("skipped, %s: %s" % (reason, ", ".join(names)))
        print("%d passed, %d failed" % (self.passed, self.failed))


def run(name, on, tally):
    env = dict(os.environ, OTTLA_E2E_BROKER=on)
    before = tally.passed + tally.failed + len(tally.skipped)
    with subprocess.Popen([sys.executable, os.path.join(E2E, "harness.py"), name], env=env, stdout=subprocess.PIPE,
                          text=True) as p:
        try:
            for line in p.stdout:
                if not re.match(r"\d+ passed, ", line):
                    print(line, end="", flush=True)
                tally.take(line.rstrip("\n"))
        finally:
            p.terminate() if p.poll() is None and sys.exc_info()[0] else None
    if tally.passed + tally.failed + len(tally.skipped) == before:  # it could not begin
        print("not ok - %s" % name)
        tally.failed += 1


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    a.add_argument("--on", choices=("ottla", "kafka"), default="kafka")
    a.add_argument("names", nargs="*", default=list(SUITES))
    args = a.parse_args()
    if args.on == "kafka":
        subprocess.run([os.path.join(HERE, "apache-kafka"), "install"], check=True)
    tally = Tally()
    for name in args.names:
        print("# %s: %s" % (name, SUITES.get(name, "as named")), flush=True)
        run(name, args.on, tally)
    print(ELSEWHERE)
    tally.tell()
    return bool(tally.failed) or not tally.passed


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *a: sys.exit(143))  # so that brokers are ended
    sys.exit(main())
