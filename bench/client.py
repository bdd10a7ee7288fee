#!/usr/bin/env python3
"""libottla beside librdkafka: ./dev bench client [--rounds N] [--brokers ottla,kafka] [--cases WORD,...]

Each case runs both libraries by turns (A, B, B, A a round) with the same settings on the same topic of the same broker;
the figure is the client's processor time for a record, from its first to its last. One line a case, ratios within
rounds; all samples go to bench/results."""

import argparse
import itertools
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import sides
from sides import harness

LIBRARIES = ("ottla", "librdkafka")
PARTITIONS = 4
ALLOCS = os.path.join(sides.BUILD, "bench", "liballocs.so")
SAME = ["linger.ms=5", "batch.size=65536"]
NOT_IDEMPOTENT = ["acks=1", "enable.idempotence=false"]
IDEMPOTENT = ["acks=all", "enable.idempotence=true"]


def program(library):
    return os.path.join(sides.BUILD, "bench", "client-" + library)


def produce_cases():
    """name: (bytes of a record, records, settings)"""
    cases = {"produce-100B-defaults": (100, 1_000_000, []),
             "produce-100B-16KiB-batches": (100, 1_000_000, NOT_IDEMPOTENT + ["linger.ms=5", "batch.size=16384"]),
             "produce-100B-1MB-batches": (100, 1_000_000, NOT_IDEMPOTENT + ["linger.ms=5", "batch.size=1000000"])}
    for (name, size, count), (acks, settings) in itertools.product(
            (("100B", 100, 1_000_000), ("1KiB", 1024, 200_000), ("10KiB", 10240, 20_000)),
            (("1", NOT_IDEMPOTENT), ("all", IDEMPOTENT))):
        cases["produce-%s-acks-%s" % (name, acks)] = (size, count, SAME + settings)
    for codec, (name, size, count) in itertools.product(("lz4", "zstd"), (("100B", 100, 2_000_000), ("1KiB", 1024, 200_000))):
        level = ["compression.zstd.level=3"] if codec == "zstd" else []
        cases["produce-%s-%s" % (name, codec)] = (size, count, SAME + NOT_IDEMPOTENT + ["compression.type=" + codec], level)
    return cases


def run(library, *words, **env):
    out = harness.run(*sides.pinned(sides.CLIENT_CPU, program(library), *map(str, words)), timeout=300, **env)
    return json.loads(out)


def produce(library, side, topic, case):
    size, count, settings, *own = case
    settings = settings + (own[0] if own and library == "ottla" else [])
    got = run(library, "produce", side.broker.bootstrap, topic, PARTITIONS, size, count, *settings)
    assert got["records"] == count and got["failed"] == 0, got
    return got["cpu_s"] / count * 1e6


def consume(library, side, topic, count):
    got = run(library, "consume", side.broker.bootstrap, topic, PARTITIONS, count)
    return got["cpu_s"] / got["records"] * 1e6


def by_turns(rounds, measure):
    """Samples of both libraries, in the order A, B, B, A."""
    taken = {name: [] for name in LIBRARIES}
    for _ in range(rounds):
        for name in LIBRARIES + LIBRARIES[::-1]:
            taken[name].append(measure(name))
    return taken


def ratio(taken):
    return statistics.median(b / a for a, b in zip(taken["ottla"], taken["librdkafka"]))


def show(side, case, taken):
    a, b = (statistics.median(taken[name]) for name in LIBRARIES)
    print("| %s | %s | %.3f | %.3f | %.1f× | %.2f M |" % (side.name, case, b, a, ratio(taken), 1 / a), flush=True)


def show_latency(side, case, taken):
    cells = []
    for p in ("p50", "p99", "p999"):
        cells.append(" / ".join("%.1f" % (statistics.median(s[p] for s in taken[name]) / 1000) for name in LIBRARIES[::-1]))
    print("| %s | %s | %s |" % (side.name, case, " | ".join(cells)), flush=True)


def allocations(library, side, topic):
    """For a record: of a run of many less those of a run of few."""
    counts = []
    for records in (10_000, 110_000):
        done = subprocess.run([program(library), "produce", side.broker.bootstrap, topic, str(PARTITIONS), "100", str(records)],
                              env=dict(os.environ, LD_PRELOAD=ALLOCS), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
                              check=True, timeout=120)
        counts.append(int(done.stderr.split()[-1]))
    return (counts[1] - counts[0]) / 100_000


def measure(side, rounds, wanted):
    samples = {}
    topic = "bench-client-%d" % os.getpid()
    side.create(topic, partitions=PARTITIONS)
    for name, case in produce_cases().items():
        if wanted(name):
            samples[name] = by_turns(rounds, lambda library: produce(library, side, topic, case))
            show(side, name, samples[name])
    if wanted("consume"):
        produce("ottla", side, topic, (100, 2_000_000, SAME))
        samples["consume"] = by_turns(rounds, lambda library: consume(library, side, topic, 2_000_000))
        show(side, "consume", samples["consume"])
    if wanted("allocations"):
        samples["allocations"] = {name: [allocations(name, side, topic)] for name in LIBRARIES}
        a, b = (samples["allocations"][name][0] for name in LIBRARIES)
        print("| %s | allocations for a record of 100 B | %.4f | %.4f | | |" % (side.name, b, a), flush=True)
    return samples


def latency(side, rounds, wanted):
    samples = {}
    topic = "bench-latency-%d" % os.getpid()
    side.create(topic)
    for name, settings in (("linger-5", ["linger.ms=5"]), ("linger-0", ["linger.ms=0"])):
        case = "latency-" + name
        if wanted(case):
            samples[case] = by_turns(rounds, lambda library: run(
                library, "latency", side.broker.bootstrap, topic, 1, 100, 10_000, 5, *NOT_IDEMPOTENT, *settings))
            show_latency(side, case, samples[case])
    return samples


def main():
    p = argparse.ArgumentParser(prog="./dev bench client", description=__doc__)
    p.add_argument("--rounds", type=int, default=2)
    p.add_argument("--brokers", default="ottla,kafka")
    p.add_argument("--cases", default="", help="parts of their names")
    a = p.parse_args()
    if not os.path.exists(program("librdkafka")):
        sys.exit("bench client: there is no librdkafka to compare with (librdkafka-dev)")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("bench: ended"))
    words = [w for w in a.cases.split(",") if w]
    box = tempfile.mkdtemp(prefix="ottla-bench-")
    bench = sides.Bench(box, False)
    bench.sides = [side for side in bench.sides if side.name in a.brokers.split(",")]
    samples = {}
    try:
        sides.brokers.install()
        bench.up()
        for table, head in ((measure, "| broker | case | librdkafka µs | ottla µs | better | ottla, records/s a core |\n|---|---|--:|--:|--:|--:|"),
                            (latency, "| broker | at 10,000 records/s, ms: librdkafka / ottla | p50 | p99 | p99.9 |\n|---|---|--:|--:|--:|")):
            print("\n" + head, flush=True)
            for side in bench.sides:
                with bench.only(side):
                    samples.setdefault(side.name, {}).update(
                        table(side, a.rounds, lambda name: not words or any(w in name for w in words)))
    finally:
        bench.down()
        shutil.rmtree(box, ignore_errors=True)
    results = os.path.join(sides.HERE, "results")
    os.makedirs(results, exist_ok=True)
    path = os.path.join(results, time.strftime("client-%Y%m%d-%H%M%S.json"))
    with open(path, "w") as f:
        json.dump({"machine": sides.machine(), "rounds": a.rounds, "samples": samples}, f, indent=1)
    print("\n  all of it: %s" % os.path.relpath(path, sides.ROOT))


if __name__ == "__main__":
    main()
