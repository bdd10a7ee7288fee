"""Data directories that Apache Kafka wrote (test/golden/dirs): ottla serves what Apache Kafka served from
them, in both isolation levels, takes new records and topics, and keeps all of it through a kill."""

import glob
import json
import os
import tarfile
import unittest
from base64 import b64decode

import harness
import kcat
import records
from apicase import NONE, ApiCase
from wire import Connection

DIRS = os.path.join(harness.ROOT, "test", "golden", "dirs")


def plain(b):
    return None if b is None else b64decode(b)


class KafkaDirs(ApiCase):
    @classmethod
    def setUpClass(cls):
        """Each test starts a broker of its own."""

    @classmethod
    def tearDownClass(cls):
        pass

    def begin(self, name):
        where = harness.Dirs.new("kafka-dir")
        with tarfile.open(os.path.join(DIRS, name + ".tar.gz")) as tar:
            tar.extractall(where)
        with open(os.path.join(where, "facts.json")) as f:
            self.facts = json.load(f)
        data = os.path.join(where, "data")
        self.dirs = [data, os.path.join(where, "other")]
        self.broker = harness.broker(data_dir=data, overrides={"log.dirs": ",".join(self.dirs)}).start()
        self.addCleanup(self.broker.stop)
        self.c = Connection("127.0.0.1", self.broker.port)

    def again(self):
        self.c.close()
        self.broker.kill()
        self.broker.start()
        self.c = Connection("127.0.0.1", self.broker.port)

    def facts_of(self, isolation, topic):
        """{partition: (first, end, records)} as Apache Kafka had it."""
        keys = {k: k.split() for k in self.facts}
        return {int(p): self.facts[k] for k, (i, t, p) in keys.items() if (i, t) == (isolation, topic)}

    def topics(self):
        return sorted({k.split()[1] for k in self.facts})

    def served(self, isolation, topic):
        """{partition: records} as kcat gets it."""
        got = {p: [] for p in self.facts_of(isolation, topic)}
        for g in kcat.consume(self.broker, topic, "-o", "beginning", isolation_level=isolation):
            got[g.partition].append((g.offset, g.ts, g.key, g.value))
        return got

    def check(self, isolation, topic, starts_are_kept):
        served = self.served(isolation, topic)
        for p, (first, end, want) in self.facts_of(isolation, topic).items():
            self.at = "%s %s %d: " % (isolation, topic, p)
            start = self.offset_at(topic, -2, p)["offset"]
            if starts_are_kept:
                self.assertEqual(start, first)
            self.assertLessEqual(start, first)
            if isolation == "read_uncommitted":
                self.assertEqual(self.offset_at(topic, -1, p)["offset"], end)
            self.assertEqual([r for r in served[p] if r[0] >= first],
                             [(r["o"], r["t"], plain(r["k"]), plain(r["v"])) for r in want])

    def write(self, topic):
        for p, (first, end, want) in self.facts_of("read_uncommitted", topic).items():
            r = self.produce(topic, records.build([(b"key", b"from ottla")]), p)
            self.assertEqual((r["errorCode"], r["baseOffset"]), (NONE, end), r)

    def check_written(self, isolation, topic):
        served = self.served(isolation, topic)
        ends = {p: f[1] for p, f in self.facts_of("read_uncommitted", topic).items()}
        for p, (first, end, want) in self.facts_of(isolation, topic).items():
            self.at = "%s %s %d with what ottla wrote: " % (isolation, topic, p)
            is_open = end < ends[p]  # behind an open transaction nothing is committed
            self.assertEqual([r[3] for r in served[p] if r[0] >= first],
                             [plain(r["v"]) for r in want] + ([] if is_open else [b"from ottla"]))

    def play(self, name):
        levels = ("read_uncommitted", "read_committed")
        self.begin(name)
        for topic in self.topics():
            for isolation in levels:
                # after a kill the start that DeleteRecords set need not have been stored
                self.check(isolation, topic, not name.endswith("-kill"))
            self.write(topic)
        self.create("new")
        self.again()
        for topic in self.topics():
            for isolation in levels:
                self.check_written(isolation, topic)
        self.assertEqual(self.offset_at("new", -1)["offset"], 0)

    def test_a_static_quorum_that_was_stopped(self):
        self.play("static-stop")

    def test_a_dynamic_quorum_that_was_killed(self):
        self.play("dynamic-kill")

    def where(self, topic):
        """{partition: directory}; one that is on its way is in both."""
        r = self.c.call("DescribeLogDirs", 4, {"topics": None})
        return {p["partitionIndex"]: d["logDir"] for d in r["results"] for t in d["topics"] for p in t["partitions"]
                if t["name"] == topic and not p["isFutureKey"]}

    def test_it_moves_to_another_directory(self):
        """What was compacted has gaps, between segments, too."""
        self.begin("static-stop")
        for topic in self.topics():
            parts = list(self.facts_of("read_uncommitted", topic))
            r = self.c.call("AlterReplicaLogDirs", 2, {"dirs": [{"path": self.dirs[1], "topics": [
                {"name": topic, "partitions": parts}]}]})
            self.assertEqual({p["errorCode"] for t in r["results"] for p in t["partitions"]}, {NONE})
            harness.wait_for(topic, lambda t=topic: set(self.where(t).values()) == {self.dirs[1]})
            for isolation in ("read_uncommitted", "read_committed"):
                self.check(isolation, topic, True)
            self.write(topic)
        self.again()
        for topic in self.topics():
            self.check_written("read_uncommitted", topic)

    def test_each_directory_is_tested(self):
        names = {os.path.basename(f) for f in glob.glob(os.path.join(DIRS, "*.tar.gz"))}
        self.assertEqual(names, {"static-stop.tar.gz", "dynamic-kill.tar.gz"})


if __name__ == "__main__":
    unittest.main()
