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
        self.broker = harness.broker(data_dir=os.path.join(where, "data")).start()
        self.addCleanup(self.broker.stop)
        self.c = Connection("127.0.0.1", self.broker.port)

    def again(self):
        self.c.close()
        self.broker.kill()
        self.broker.start()
        self.c = Connection("127.0.0.1", self.broker.port)

    def check(self, key, first, want):
        isolation, topic, p = key.split()
        self.at = key + ": "
        self.assertEqual(self.offset_at(topic, -2, int(p))["offset"], first)
        got = kcat.consume(self.broker, topic, "-p", p, "-o", first, isolation_level=isolation)
        self.assertEqual([(g.offset, g.ts, g.key, g.value) for g in got],
                         [(r["o"], r["t"], plain(r["k"]), plain(r["v"])) for r in want])

    def check_all(self, was_killed):
        for key, (first, end, want) in self.facts.items():
            isolation, topic, p = key.split()
            if was_killed and topic == "trimmed":
                # the start that DeleteRecords set need not have been stored
                first = self.offset_at(topic, -2, int(p))["offset"]
                self.assertLessEqual(first, want[0]["o"])
                continue
            self.check(key, first, want)
            if isolation == "read_uncommitted":
                self.assertEqual(self.offset_at(topic, -1, int(p))["offset"], end)

    def play(self, name):
        was_killed = name.endswith("-kill")
        self.begin(name)
        self.check_all(was_killed)
        self.create("new")
        for key in self.facts:
            isolation, topic, p = key.split()
            if isolation == "read_uncommitted":
                r = self.produce(topic, records.build([(b"key", b"from ottla")]), int(p))
                self.assertEqual((r["errorCode"], r["baseOffset"]), (NONE, self.facts[key][1]), r)
        self.again()
        for key, (first, end, want) in self.facts.items():
            isolation, topic, p = key.split()
            if topic == "trimmed":
                continue
            got = kcat.consume(self.broker, topic, "-p", p, isolation_level=isolation)
            # behind a transaction that is open nothing is committed
            is_open = isolation == "read_committed" and \
                end < self.facts["read_uncommitted %s %s" % (topic, p)][1]
            self.at = key + " with what ottla wrote: "
            self.assertEqual([g.value for g in got],
                             [plain(r["v"]) for r in want] + ([] if is_open else [b"from ottla"]))
        self.assertEqual(self.offset_at("new", -1)["offset"], 0)

    def test_a_static_quorum_that_was_stopped(self):
        self.play("static-stop")

    def test_a_dynamic_quorum_that_was_killed(self):
        self.play("dynamic-kill")

    def test_each_directory_is_tested(self):
        names = {os.path.basename(f) for f in glob.glob(os.path.join(DIRS, "*.tar.gz"))}
        self.assertEqual(names, {"static-stop.tar.gz", "dynamic-kill.tar.gz"})


if __name__ == "__main__":
    unittest.main()
