"""A disk that runs full under a broker: producers and the controller get KAFKA_STORAGE_ERROR, readers go
on, and with room again everything does, without a restart and without a loss. The disk is a small file
system in memory, which takes root to mount.

`./dev interop full-disk [CYCLES]` plays many cycles (R9)."""

import os
import subprocess
import time
import unittest

import harness
import records
from apicase import NONE, ApiCase
from wire import Connection

KAFKA_STORAGE_ERROR = 56
DISK_BYTES = 24 << 20
RECORD_BYTES = 20000
CYCLES = int(os.environ.get("FULL_DISK_CYCLES", "8"))


def mount(path):
    try:
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%d" % DISK_BYTES, "tmpfs", path],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    except FileNotFoundError:
        return False
    return done.returncode == 0


class FullDisk(ApiCase):
    overrides = {"log.segment.bytes": 1 << 20, "log.flush.offset.checkpoint.interval.ms": 50,
                 "log.retention.check.interval.ms": 100, "log.segment.delete.delay.ms": 0,
                 "metadata.log.max.record.bytes.between.snapshots": 1}

    @classmethod
    def setUpClass(cls):
        cls.disk = harness.Dirs.new("disk")
        if os.geteuid() != 0 or not mount(cls.disk):
            raise unittest.SkipTest("cannot mount a small file system here")
        cls.broker = harness.broker(data_dir=os.path.join(cls.disk, "data"), overrides=cls.overrides)
        try:
            cls.broker.start()
        except BaseException:
            cls.unmount()
            raise
        cls.c = Connection("127.0.0.1", cls.broker.port)

    @classmethod
    def tearDownClass(cls):
        try:
            super().tearDownClass()
        finally:
            cls.unmount()

    @classmethod
    def unmount(cls):
        subprocess.run(["umount", "-l", cls.disk], check=False)

    def setUp(self):
        self.acknowledged = []
        self.number = 0

    def filler(self):
        return os.path.join(self.disk, "filler")

    def fill(self):
        """Not a byte is left."""
        with open(self.filler(), "wb", buffering=0) as f:
            for size in (1 << 20, 4096, 1):
                try:
                    while True:
                        f.write(b"x" * size)
                except OSError:
                    pass

    def send(self, name):
        """Returns the error."""
        self.number += 1
        value = b"%d " % self.number + os.urandom(RECORD_BYTES)
        r = self.produce(name, records.build([value], ts=int(time.time() * 1000)))
        if r["errorCode"] == NONE:
            self.acknowledged.append((r["baseOffset"], value))
        return r["errorCode"]

    def send_until_refused(self, name):
        for _ in range(2 * DISK_BYTES // RECORD_BYTES):
            error = self.send(name)
            if error != NONE:
                return error
        self.fail("the disk never was full")

    def is_created(self, name):
        """False: refused for want of room. The metadata log may have some where the partition has none."""
        r = self.c.call("CreateTopics", 7, {"timeoutMs": 30000, "topics": [
            {"name": name, "numPartitions": 1, "replicationFactor": 1}]})
        error = r["topics"][0]["errorCode"]
        self.assertIn(error, (NONE, KAFKA_STORAGE_ERROR))
        return error == NONE

    def await_made(self, name):
        harness.wait_for(name, lambda: self.offset_at(name, -1)["errorCode"] == NONE, timeout_s=20)

    def check_all_there(self, name):
        there = {x.offset: x.value for x in self.read(name, self.offset_at(name, -2)["offset"])}
        for offset, value in self.acknowledged:
            self.assertEqual(there.get(offset), value, offset)

    def give_room(self, name):
        """Room for the next cycle: what was read is deleted."""
        os.unlink(self.filler())
        keep = self.acknowledged[-1][0]
        r = self.c.call("DeleteRecords", 2, {"timeoutMs": 30000, "topics": [
            {"name": name, "partitions": [{"partitionIndex": 0, "offset": keep}]}]})
        self.assertEqual(r["topics"][0]["partitions"][0]["errorCode"], NONE, r)
        self.acknowledged = [x for x in self.acknowledged if x[0] >= keep]

    def cycle(self, name, i):
        for _ in range(10 + 7 * (i % 10)):
            self.assertEqual(self.send(name), NONE)
        self.fill()
        self.assertEqual(self.send_until_refused(name), KAFKA_STORAGE_ERROR)
        for _ in range(3):
            self.assertEqual(self.send(name), KAFKA_STORAGE_ERROR)
        created = [n for n in ("%s-%d-%d" % (name, i, k) for k in range(40)) if self.is_created(n)]
        self.assertLess(len(created), 40)
        self.check_all_there(name)
        self.assertTrue(self.broker.is_alive())
        self.give_room(name)
        self.assertEqual(self.send(name), NONE)
        self.assertTrue(self.is_created("later-%d" % i))
        for n in created:  # by the controller; the partition comes when there is room
            self.await_made(n)
            self.assertEqual(self.produce(n, records.build([b"x"]))["errorCode"], NONE)
        self.check_all_there(name)
        r = self.c.call("DeleteTopics", 5, {"timeoutMs": 30000, "topicNames": created + ["later-%d" % i]})
        self.assertEqual({x["errorCode"] for x in r["responses"]}, {NONE})
        harness.wait_for("their directories to go", lambda: not any(
            d.endswith("-delete") for d in os.listdir(os.path.join(self.disk, "data"))))

    def test_a_full_disk_refuses_and_recovers(self):
        name = self.topic()
        self.create(name)
        for i in range(CYCLES):
            self.at = "cycle %d: " % i
            self.cycle(name, i)
        self.start_again(self.broker.kill)
        self.check_all_there(name)
        self.assertEqual(self.send(name), NONE)
        self.fill()
        self.send_until_refused(name)
        self.broker.stop()
        os.unlink(self.filler())
        self.start_again(self.broker.stop)
        self.check_all_there(name)
        self.assertEqual(self.send(name), NONE)


if __name__ == "__main__":
    unittest.main()
