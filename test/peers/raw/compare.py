#!/usr/bin/env python3
"""Sends the same raw requests to Apache Kafka and to ottla and shows each field that differs.

  compare.py [--scenes NAME,...]           both
  compare.py --record kafka [--say WORD]   only what one of them answers, as text
  compare.py --kafka PORT --ottla PORT     brokers that are up already (fresh ones: topics are made)

The last line is "N passed, N failed": answers that are equal and answers that are not, an expected
difference (expect.py) counting as equal. Left out are ids, ports, times, sizes and throttle."""

import argparse
import collections
import os
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import brokers  # noqa: E402  first: it knows where the end-to-end tests are
import admin  # noqa: E402
import cluster  # noqa: E402
import configs  # noqa: E402
import data  # noqa: E402
import describe  # noqa: E402
import expect  # noqa: E402
import frames  # noqa: E402
import groups  # noqa: E402
import restart  # noqa: E402
from talk import Talk, differences, shown  # noqa: E402

SCENES = (admin.SCENES + cluster.SCENES + configs.SCENES + describe.SCENES + data.SCENES + frames.SCENES + groups.SCENES +
          restart.SCENES)
FIELDS_SHOWN = 6
SCENE_ENDED = "scene ended"
CONFIG = {"node.id": 1, "num.partitions": 2, "log.index.size.max.bytes": 1048576, "offsets.topic.replication.factor": 1,
          "transaction.state.log.replication.factor": 1, "transaction.state.log.min.isr": 1,
          "group.initial.rebalance.delay.ms": 0}  # what ApacheKafka has, and a little more


def talk(port, names, broker=None):
    t = Talk(port, broker)
    for scene in SCENES:
        if names is None or scene.__name__ in names:
            t.section = scene.__name__
            try:
                scene(t)
            except Exception as e:  # a broker that fails here still gets the other scenes
                t.note(SCENE_ENDED, "", "", repr(e))
            t.drop()
    return t


def answers_of(kind, port, names):
    if port:
        return talk(port, names).answers
    quorum = {"quorum": "dynamic"} if kind == "kafka" else {}  # as ottla makes it
    with brokers.BY_NAME[kind](overrides=dict(CONFIG), **quorum) as b:
        return talk(b.port, names, b).answers


def explain(label, said, want, got, wrong):
    """Few fields one by one, many as the two answers."""
    lines = ["not ok - " + label, "#   said " + shown(said)]
    if len(wrong) > FIELDS_SHOWN:
        wrong = [("answer", want, got)]
    for path, k, o in wrong:
        lines += ["#   " + (path or "answer"), "#     kafka " + shown(k), "#     ottla " + shown(o)]
    return "\n".join(lines)


def compare(kafka, ottla):
    """Prints what differs; returns (equal, different)."""
    by_label = {a[0]: a for a in ottla}
    good = bad = 0
    for label, said, want in kafka:
        got = by_label.pop(label, (label, said, "(never asked)"))[2]
        wrong = [d for d in differences(want, got) if not expect.is_expected(label, *d)]
        if label.endswith(SCENE_ENDED):
            wrong = [("", want, got)]
        good, bad = good + (not wrong), bad + bool(wrong)
        if wrong:
            print(explain(label, said, want, got, wrong))
    for label in by_label:
        print("not ok - %s\n#   only asked of ottla" % label)
    counts = collections.Counter(a[0] for a in kafka)
    twice = [label for label in counts if counts[label] > 1]
    for label in twice:
        print("not ok - %s\n#   %d comparisons have this name" % (label, counts[label]))
    return good, bad + len(by_label) + len(twice)


def main():
    signal.signal(signal.SIGTERM, lambda *a: sys.exit(143))
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--scenes")
    p.add_argument("--record", choices=sorted(brokers.BY_NAME))
    p.add_argument("--say", default="")
    p.add_argument("--kafka", type=int)
    p.add_argument("--ottla", type=int)
    args = p.parse_args()
    names = args.scenes.split(",") if args.scenes else None
    if args.record != "ottla" and not args.kafka:
        brokers.install()
    if args.record:
        for label, said, got in answers_of(args.record, getattr(args, args.record), names):
            if args.say in label:
                print("%s\n  > %s\n  < %s" % (label, shown(said), shown(got)))
        return 0
    good, bad = compare(answers_of("kafka", args.kafka, names), answers_of("ottla", args.ottla, names))
    print("%d passed, %d failed" % (good, bad))
    return 1 if bad or not good else 0


if __name__ == "__main__":
    sys.exit(main())
