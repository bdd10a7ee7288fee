#!/usr/bin/env python3
"""Data directories that go from Apache Kafka to ottla and back, several times.

  compat.py [--scenes NAME,...] [--rounds N]      OTTLA_E2E_KEEP=1 keeps the directories

Both run with the same server.properties on the same directories. Whoever takes over has to serve,
record by record and in both isolation levels, what the other served before; then it writes, makes
topics, deletes some, and hands over again. Between two owners Apache Kafka's tools read the files:
every batch valid, indexes sane, metadata and snapshots decoded.

One line a check; the last line is "N passed, N failed"."""

import argparse
import os
import signal
import subprocess
import sys
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import brokers  # noqa: E402
import groups  # noqa: E402
import harness  # noqa: E402
import moves  # noqa: E402
from check import check  # noqa: E402
from pair import JAVA, PATIENCE_S, Pair  # noqa: E402
from story import Story  # noqa: E402

SNAPSHOTS = {"metadata.log.max.record.bytes.between.snapshots": 1500, "metadata.max.retention.bytes": 40000}
OLDER = ("--release-version", "3.9-IV0")


# --- directories that ottla must not take

def refuse(pair, words, **settings):
    o = pair.by_name["ottla"]
    o.overrides = dict(pair.settings, **settings)
    o.write_config()
    before = snapshot_of_tree(pair.dirs[0])
    done = subprocess.run(o.command(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30,
                          check=False)
    said = done.stderr.decode()
    check(done.returncode > 0, "took it:", said)
    for w in words:
        check(w in said, "'%s' is not in: %s" % (w, said))
    after = snapshot_of_tree(pair.dirs[0])
    check(after == before, "changed what it refused:", [f for f in after if after[f] != before.get(f)])
    print("#   refused:", said.strip(), flush=True)


def snapshot_of_tree(d):
    out = {}
    for root, _, names in os.walk(d):
        for n in names:
            if n != ".lock":
                with open(os.path.join(root, n), "rb") as f:
                    out[os.path.join(root, n)] = f.read()
    return out


def scene_refusals(args):
    pair = Pair("static")
    k = pair.by_name["kafka"]
    k.write_config()
    k.format()
    refuse(pair, ("node.id 1", "set node.id"), **{"node.id": 7, "controller.quorum.voters": "7@127.0.0.1:1"})
    refuse(pair, ("voters",), **{"controller.quorum.voters": "1@127.0.0.1:1,2@127.0.0.1:2,3@127.0.0.1:3"})
    pair = Pair("dynamic")
    k = pair.by_name["kafka"]
    k.write_config()
    ids = [brokers.tool("kafka-storage", "random-uuid").strip() for _ in range(3)]
    voters = ",".join("%d@127.0.0.1:%d:%s" % (i + 1, 9000 + i, ids[i]) for i in range(3))
    k.quorum = "several"
    k.format("--initial-controllers", voters)
    refuse(pair, ("voters",))


# --- the scenes: how the quorum is laid out, how owners end, who is first

SCENES = {
    "static-stop": lambda a: Story(a, "static", "stop").run("kafka"),
    "dynamic-kill": lambda a: Story(a, "dynamic", "kill").run("kafka"),
    "static-mixed-dirs": lambda a: Story(a, "static", "mixed", dirs=2).run("kafka"),
    "dynamic-stop": lambda a: Story(a, "dynamic", "stop").run("kafka"),
    "static-kill": lambda a: Story(a, "static", "kill").run("kafka"),
    "snapshots": lambda a: Story(a, "dynamic", "mixed", **SNAPSHOTS).run("kafka"),
    "older-release": lambda a: Story(a, "static", "mixed", format_flags=OLDER).run("kafka"),
    "ottla-first": lambda a: Story(a, "dynamic", "mixed").run("ottla"),
    "ottla-first-static-dirs": lambda a: Story(a, "static", "mixed", dirs=3).run("ottla"),
    "groups": groups.scene,
    "moves": moves.scene,
    "refusals": scene_refusals,
}


def main():
    a = argparse.ArgumentParser(description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--scenes", default=",".join(SCENES))
    a.add_argument("--rounds", type=int, default=3, help="there and back")
    args = a.parse_args()
    harness.READY_S = PATIENCE_S
    brokers.install()
    JAVA.ensure()
    passed = failed = 0
    for name in args.scenes.split(","):
        start = time.monotonic()
        try:
            SCENES[name](args)
            passed += 1
            print("ok %d - %s # %.0f s" % (passed + failed, name, time.monotonic() - start), flush=True)
        except Exception:
            failed += 1
            print("not ok %d - %s\n%s" % (passed + failed, name, traceback.format_exc()), flush=True)
            for b in list(harness.Broker.alive):
                b.kill()
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
