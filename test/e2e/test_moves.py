"""Partitions that move between the data directories of a broker, under load, through stops and kills."""

import glob
import os
import threading
import unittest

import harness
import records
from apicase import NONE, UNKNOWN_TOPIC_OR_PARTITION, ApiCase
from wire import Connection

NOT_LEADER_OR_FOLLOWER = 6
LOG_DIR_NOT_FOUND = 57
RATE = "replica.alter.log.dirs.io.max.bytes.per.second"


class Moves(ApiCase):
    dirs = [harness.Dirs.new("a"), harness.Dirs.new("b")]
    overrides = {"log.dirs": ",".join(dirs), "offsets.topic.num.partitions": 1, "log.segment.bytes": 1 << 20}

    def alter(self, name, path, partition=0, version=2):
        """Proves: ALTER_REPLICA_LOG_DIRS"""
        r = self.c.call("AlterReplicaLogDirs", version, {
            "dirs": [{"path": path, "topics": [{"name": name, "partitions": [partition]}]}]})
        self.assertEqual((r["results"][0]["topicName"], r["results"][0]["partitions"][0]["partitionIndex"]),
                         (name, partition))
        return r["results"][0]["partitions"][0]["errorCode"]

    def where(self, name, partition=0):
        """(directory of the replica, directory of its copy, lag of that)"""
        r = self.c.call("DescribeLogDirs", 4, {"topics": [{"topic": name, "partitions": [partition]}]})
        rows = [(p["isFutureKey"], d["logDir"], p["offsetLag"])
                for d in r["results"] for t in d["topics"] for p in t["partitions"]]
        now = [x for x in rows if not x[0]]
        future = [x for x in rows if x[0]] + [(True, None, None)]
        self.assertEqual(len(now), 1, rows)
        return now[0][1], future[0][1], future[0][2]

    def other(self, name, partition=0):
        return self.dirs[self.where(name, partition)[0] == self.dirs[0]]

    def await_move(self, name, to):
        harness.wait_for("%s to be in %s" % (name, to), lambda: self.where(name)[:2] == (to, None))

    def move(self, name):
        to = self.other(name)
        self.assertEqual(self.alter(name, to), NONE)
        self.await_move(name, to)
        return to

    def retry(self, fn):
        """Until the partition has settled: whoever met it on the way is told to look again."""
        done = []

        def is_done():
            r = fn()
            if r["errorCode"] == NONE:
                done.append(r)
            else:
                self.assertEqual(r["errorCode"], NOT_LEADER_OR_FOLLOWER, r)
            return bool(done)

        harness.wait_for("an answer", is_done)
        return done[0]

    def throttle(self, rate):
        op = {"name": RATE, "configOperation": 0, "value": str(rate)} if rate else {
            "name": RATE, "configOperation": 1, "value": None}
        r = self.c.call("IncrementalAlterConfigs", 1, {"validateOnly": False, "resources": [
            {"resourceType": 4, "resourceName": "1", "configs": [op]}]})
        self.assertEqual(r["responses"][0]["errorCode"], NONE, r)

    def has_start(self, to, name, off):
        with open(os.path.join(to, "log-start-offset-checkpoint")) as f:
            return "%s 0 %d\n" % (name, off) in f.readlines()

    def copies(self, name):
        return [f for d in self.dirs for f in glob.glob(os.path.join(d, name + "-0.*-future"))]

    def test_a_partition_moves_with_all_it_has(self):
        for v in self.each_version("AlterReplicaLogDirs"):
            name = self.topic(v)
            self.create(name)
            self.write(name, [b"one", b"two"])
            self.write(name, [b"three"])
            to = self.other(name)
            self.assertEqual(self.alter(name, to, version=v), NONE)
            self.await_move(name, to)
            self.assertTrue(os.path.exists(os.path.join(to, name + "-0", "0" * 20 + ".log")))
            harness.wait_for("the old one to go",
                             lambda: sum(os.path.exists(os.path.join(d, name + "-0")) for d in self.dirs) == 1)
            self.assertEqual([r.value for r in self.read(name)], [b"one", b"two", b"three"])
            self.assertEqual(self.write(name, [b"four"]), 3)
        self.start_again(self.broker.kill)
        self.assertEqual(self.where(name)[:2], (to, None))
        self.assertEqual([r.value for r in self.read(name)], [b"one", b"two", b"three", b"four"])
        back = self.move(name)
        self.start_again(self.broker.stop)
        self.assertEqual(self.where(name)[:2], (back, None))
        self.assertEqual(self.write(name, [b"five"]), 4)

    def test_what_cannot_be_moved_is_refused(self):
        name = self.topic()
        self.create(name)
        self.assertEqual(self.alter(name, "/no/such"), LOG_DIR_NOT_FOUND)
        self.assertEqual(self.alter("no-such", self.dirs[0]), UNKNOWN_TOPIC_OR_PARTITION)
        self.assertEqual(self.alter(name, self.dirs[0], 7), UNKNOWN_TOPIC_OR_PARTITION)
        here = self.where(name)[0]
        self.assertEqual(self.alter(name, here), NONE)  # no move at all
        self.assertEqual(self.where(name)[:2], (here, None))

    def test_an_empty_partition_moves(self):
        name = self.topic()
        self.create(name)
        self.move(name)
        self.assertEqual(self.write(name, [b"first"]), 0)

    def test_the_start_of_the_log_moves_with_it(self):
        for off in (2, 5, 6):  # within a batch, within the second, at the end
            name = self.topic(off)
            self.create(name)
            self.write(name, [b"%d" % i for i in range(3)])
            self.write(name, [b"%d" % i for i in range(3, 6)])
            r = self.c.call("DeleteRecords", 2, {"timeoutMs": 30000, "topics": [
                {"name": name, "partitions": [{"partitionIndex": 0, "offset": off}]}]})
            self.assertEqual(r["topics"][0]["partitions"][0]["errorCode"], NONE, r)
            to = self.move(name)
            self.assertEqual(self.offset_at(name, -2)["offset"], off)
            harness.wait_for("the checkpoint", lambda: self.has_start(to, name, off))
            self.assertEqual([r.value for r in self.read(name, off)], [b"%d" % i for i in range(off, 6)])
            self.start_again(self.broker.kill)
            self.assertEqual(self.offset_at(name, -2)["offset"], off)
            self.assertEqual(self.write(name, [b"next"]), 6)

    def test_nothing_that_was_acknowledged_is_lost_or_doubled_under_load(self):
        name = self.topic()
        self.create(name)
        stop, written, failures = threading.Event(), {}, []

        def produce():
            c = Connection("127.0.0.1", self.broker.port)
            n = 0
            while not stop.is_set():
                value = b"%08d" % n + b"x" * 5000
                body = self.produce_body(12, (name, None), records.build([value]))
                r = c.call("Produce", 12, body)["responses"][0]["partitionResponses"][0]
                if r["errorCode"] == NONE:
                    written[r["baseOffset"]] = value
                    n += 1
                elif r["errorCode"] != NOT_LEADER_OR_FOLLOWER:
                    failures.append(r)
                    return
            c.close()

        t = threading.Thread(target=produce)
        t.start()
        try:
            for i in range(6):
                harness.wait_for("records", lambda: len(written) > 200 * (i + 1) or failures)
                self.move(name)
        finally:
            stop.set()
            t.join()
        self.assertEqual(failures, [])
        self.assertEqual({r.offset: r.value for r in self.read(name)}, written)

    @unittest.skipUnless(harness.broker().__class__ is harness.Ottla, "kills the broker")
    def test_nothing_that_was_acknowledged_is_lost_when_the_broker_is_killed_on_the_way(self):
        """Killed when the new directory has just appeared, with a load: whichever the next start finds must have all."""
        name, written = self.topic(), {}
        self.create(name)
        place = [os.path.join(d, name + "-0") for d in self.dirs]

        def produce(stop):
            try:
                with Connection("127.0.0.1", self.broker.port) as c:
                    while not stop.is_set():
                        value = os.urandom(8) + b"x" * 5000
                        r = c.call("Produce", 12, self.produce_body(12, (name, None), records.build([value])))
                        p = r["responses"][0]["partitionResponses"][0]
                        if p["errorCode"] == NONE:
                            written[p["baseOffset"]] = value
            except OSError:
                pass  # killed

        for _ in range(10):
            to = self.other(name)
            new = place[self.dirs.index(to)]
            stop, before = threading.Event(), len(written)
            t = threading.Thread(target=produce, args=(stop,))
            t.start()
            try:
                harness.wait_for("records", lambda n=before: len(written) > n + 20)
                self.assertEqual(self.alter(name, to), NONE)
                harness.wait_for("the new directory", lambda d=new: os.path.exists(d), every_s=0.0002)
                before = len(written)
                harness.wait_for("a record in it", lambda n=before: len(written) > n, every_s=0.0002)
                self.broker.kill()
            finally:
                stop.set()
                t.join()
            self.start_again(self.broker.kill)
            got = {r.offset: r.value for r in self.read(name)}
            self.assertEqual({o: got.get(o) for o in written}, written)
            if self.where(name)[0] != to and os.path.exists(new):
                self.fail("two directories are left")

    def test_a_move_that_is_under_way_shows_goes_on_and_can_be_cancelled(self):
        name = self.topic()
        self.create(name)
        for _ in range(6):
            self.write(name, [b"y" * 100000] * 8)
        here, to = self.where(name)[0], self.other(name)
        self.throttle(1000)
        try:
            self.assertEqual(self.alter(name, to), NONE)
            harness.wait_for("the copy to begin", lambda: self.copies(name))
            now, future, lag = self.where(name)
            self.assertEqual((now, future), (here, to))
            self.assertGreater(lag, 0)
            self.start_again(self.broker.stop)
            self.assertEqual(self.where(name)[:2], (here, to))
            self.start_again(self.broker.kill)
            self.assertEqual(self.where(name)[:2], (here, to))
            self.assertEqual(self.alter(name, here), NONE)
            self.assertEqual(self.where(name)[:2], (here, None))
            harness.wait_for("the copy to go", lambda: not self.copies(name))
            self.assertEqual(self.alter(name, to), NONE)
        finally:
            self.throttle(None)
        self.await_move(name, to)
        self.assertEqual(len(self.read(name)), 48)

    def test_a_topic_can_be_deleted_while_it_moves(self):
        name = self.topic()
        self.create(name)
        for _ in range(4):
            self.write(name, [b"z" * 100000] * 8)
        self.throttle(1000)
        try:
            self.assertEqual(self.alter(name, self.other(name)), NONE)
            harness.wait_for("the copy to begin", lambda: self.copies(name))
            r = self.c.call("DeleteTopics", 6, {"topics": [{"name": name}], "timeoutMs": 30000})
            self.assertEqual(r["responses"][0]["errorCode"], NONE, r)
            harness.wait_for("the copy to go", lambda: not self.copies(name))
        finally:
            self.throttle(None)

    def test_groups_keep_their_offsets(self):
        name = self.topic()
        self.create(name)
        commit = {"groupId": name, "generationIdOrMemberEpoch": -1, "memberId": "", "topics": [
            {"name": name, "partitions": [{"partitionIndex": 0, "committedOffset": 42, "committedLeaderEpoch": -1,
                                           "committedMetadata": ""}]}]}
        fetch = {"groups": [{"groupId": name, "memberId": None, "memberEpoch": -1, "topics": [
            {"name": name, "partitionIndexes": [0]}]}], "requireStable": False}

        def committed():
            r = self.c.call("OffsetFetch", 8, fetch)["groups"][0]
            return r["topics"][0]["partitions"][0]["committedOffset"] if r["errorCode"] == NONE else None

        def is_committed():
            r = self.c.call("OffsetCommit", 8, commit)
            return r["topics"][0]["partitions"][0]["errorCode"] == NONE

        self.c.call("FindCoordinator", 4, {"keyType": 0, "coordinatorKeys": [name]})
        harness.wait_for("a commit", is_committed)
        for _ in range(2):
            self.move("__consumer_offsets")
            harness.wait_for("the offset", lambda: committed() == 42)
            harness.wait_for("a commit", is_committed)


if __name__ == "__main__":
    unittest.main()
