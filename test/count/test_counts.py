"""What a request costs the broker in system calls, allocations, bytes copied and threads woken: counted, so that a busy
machine does not matter, and held to limits.txt. Counts of two runs of different length are subtracted: what is left is
the cost of a request, without that of getting there."""

import json
import mmap
import os
import re
import struct
import tempfile
import unittest

import harness

HERE = os.path.dirname(os.path.abspath(__file__))
SHIM = os.environ.get("COUNT_SHIM_SO")
REQUESTS = 200  # of the shorter run; the longer has three times as many
KINDS = ("calls", "wakes", "allocations", "copied")
MIB = 1 << 20

# One request on its way at a time, so that every one is received, and answered, alone.
BULK = dict(value_bytes=1024, batch_bytes=16384, records_each=15)
LONG = dict(value_bytes=1024, batch_bytes=65536, records_each=63)
ONE = dict(value_bytes=100, batch_bytes=1, records_each=1)
LOADS = {
    "produce": dict(BULK, command="produce"),
    "produce-one": dict(ONE, command="produce"),
    "produce-synced": dict(ONE, command="produce", acks=-1, config="flush.before.ack=true"),
    "fetch": dict(BULK, command="consume", partition_max_bytes=16384),
    "fetch-long": dict(LONG, command="consume", partition_max_bytes=65536),
    "commit": dict(ONE, command="commit", groups=1),
}


def names():
    with open(os.path.join(HERE, "calls.def")) as f:
        return re.findall(r"^X\((\w+)\)", f.read(), re.M) + ["wakes", "allocations", "copied"]


def limits():
    """{(load, kind): most of it for one request}"""
    with open(os.path.join(HERE, "limits.txt")) as f:
        rows = [line.split() for line in f if line.strip() and not line.startswith("#")]
    return {(load, kind): float(value) for load, *values in rows for kind, value in zip(KINDS, values)}


def judge(load, cost):
    """What is over its limit, in words."""
    most = limits()
    return ["%s: %.2f %s a request, at most %g" % (load, cost[kind], kind, most[load, kind])
            for kind in KINDS if cost[kind] > most[load, kind]]


def least_cost(broker, load):
    """Upkeep, which comes by time, may fall into a run: then once more, at most three times."""
    for _ in range(3):
        cost, calls = broker.cost(load)
        if not judge(load, cost):
            break
    return cost, calls


class Counted:
    """A broker that counts."""

    def __init__(self, planted=False):
        self.names = names()
        self.file = tempfile.NamedTemporaryFile()
        self.file.truncate(8 * len(self.names))
        self.counters = mmap.mmap(self.file.fileno(), 8 * len(self.names))
        self.data = tempfile.NamedTemporaryFile()
        self.data.write(b"What is said does not matter. " * 4096)
        self.data.flush()
        self.count = 0
        env = ["LD_PRELOAD=" + SHIM, "COUNTS=" + self.file.name] + (["COUNTS_PLANTED=1"] if planted else [])
        self.broker = harness.broker(wrap=["env", *env])

    def __enter__(self):
        self.broker.start()
        return self

    def __exit__(self, *exc):
        self.broker.stop()
        self.file.close()
        self.data.close()

    def now(self):
        return dict(zip(self.names, struct.unpack("%dQ" % len(self.names), self.counters[:])))

    def gen(self, command, **options):
        words = [os.environ["OTTLA_GEN"], command, "--at", self.broker.bootstrap, "--data", self.data.name]
        for key, value in options.items():
            words += ["--" + key.replace("_", "-"), str(value)]
        return json.loads(harness.run(*words))

    def run(self, topic, load, requests):
        """The counters of a run, and how many requests of the load it made."""
        options = {k: v for k, v in load.items() if k not in ("command", "config", "records_each")}
        if load["command"] == "consume":  # what is there
            topic += "-%d" % requests
            self.gen("create", topic=topic, config="flush.before.ack=false")
            sizes = {k: load[k] for k in ("value_bytes", "batch_bytes")}
            self.gen("produce", topic=topic, records=requests * load["records_each"], **sizes)
        before = self.now()
        done = self.gen(load["command"], topic=topic, records=requests * load["records_each"], **options)
        after = self.now()
        return {name: after[name] - before[name] for name in self.names}, done["requests"]

    def cost(self, name):
        """{kind: of one request}, and of each call"""
        load, topic = LOADS[name], "counts-%s-%d" % (name, self.count)
        self.count += 1
        self.gen("create", topic=topic, config=load.get("config", "flush.before.ack=false"))
        self.run(topic, load, 20)  # opens what is opened once
        (short, few), (long, many) = self.run(topic, load, REQUESTS), self.run(topic, load, 3 * REQUESTS)
        each = {k: (long[k] - short[k]) / (many - few) for k in self.names}
        other = {k: each.pop(k) for k in KINDS[1:]}
        return {"calls": sum(each.values()), **other}, each


@unittest.skipUnless(SHIM and os.environ.get("OTTLA_GEN"), "COUNT_SHIM_SO or OTTLA_GEN names nothing")
class Counts(unittest.TestCase):
    def test_a_request_costs_no_more_than_it_did(self):
        over = []
        with Counted() as broker:
            for load in LOADS:
                cost, calls = least_cost(broker, load)
                size = LOADS[load]["value_bytes"] * LOADS[load]["records_each"]
                print("# %-15s %s; %.0f calls/MiB: %s" % (
                    load, " ".join("%s %.2f" % item for item in cost.items()), cost["calls"] * MIB / size,
                    " ".join("%s %.2f" % (k, v) for k, v in calls.items() if v >= 0.01)), flush=True)
                over += judge(load, cost)
        self.assertEqual(over, [])

    def test_one_call_one_allocation_and_one_copy_more_are_noticed(self):
        with Counted(planted=True) as broker:
            for load in ("produce", "fetch", "commit"):
                cost, _ = broker.cost(load)
                self.assertEqual([kind for kind in KINDS if any(" %s a request" % kind in words
                                                                for words in judge(load, cost))],
                                 ["calls", "allocations", "copied"], load)


if __name__ == "__main__":
    unittest.main()
