"""Settings of topics that change what is kept and when it is acknowledged, seen by kcat, on the wire and on disk."""

import glob
import os
import struct
import time
import unittest

import harness
import records
from apicase import NONE, ApiCase
from kcat import consume, kcat, offset_at, produce
from wire import Connection

MESSAGE_TOO_LARGE = 10
KAFKA_STORAGE_ERROR = 56
HOUR_MS = 3600_000


def now_ms():
    return int(time.time() * 1000)


class OnDisk(ApiCase):
    """What the files of a topic's partition 0 hold."""

    def path(self, name):
        return os.path.join(self.broker.dir, name + "-0")

    def segments(self, name):
        return sorted(glob.glob(os.path.join(self.path(name), "*.log")))

    def stored(self, name):
        found = []
        for path in self.segments(name):
            with open(path, "rb") as f:
                found += records.batches(f.read())
        self.assertTrue(all(b.is_valid for b in found))
        return found


class Retention(OnDisk):
    overrides = {"log.retention.check.interval.ms": 50, "log.initial.task.delay.ms": 0}

    def write(self, name, values, **kw):
        return super().write(name, values, **dict({"ts": now_ms()}, **kw))

    def await_start(self, name, off):
        harness.wait_for("log start %d" % off, lambda: self.offset_at(name, -2)["offset"] == off, every_s=0.05)

    def test_by_bytes(self):
        name = self.topic()
        self.create(name, segment_bytes=1048576, retention_bytes=3 << 20)
        for i in range(80):
            self.write(name, [b"%d" % i + bytes(99_900)])
        # about 10 records a segment; as many segments go as leave at least 3 MiB
        harness.wait_for("retention", lambda: self.offset_at(name, -2)["offset"] > 0, every_s=0.05)
        harness.wait_for("retention", lambda: sum(map(os.path.getsize, self.segments(name))) < 5 << 20, every_s=0.05)
        start = self.offset_at(name, -2)["offset"]
        self.assertEqual(int(os.path.basename(self.segments(name)[0])[:20]), start)
        self.assertGreaterEqual(sum(map(os.path.getsize, self.segments(name))), 3 << 20)
        self.assertEqual([x.offset for x in self.read(name, start)], list(range(start, 80)))
        self.assertEqual(offset_at(self.broker, name, 0, -2), start)

    def test_by_time(self):
        name = self.topic()
        self.create(name, segment_bytes=1048576, retention_ms=HOUR_MS)
        for i in range(25):
            self.write(name, [b"%d" % i + bytes(99_900)], ts=now_ms() - 2 * HOUR_MS)
        self.await_start(name, 25)  # the active segment too: it is rolled, because all of it is old
        self.assertEqual(self.write(name, [b"new"]), 25)
        self.assertEqual([g.value for g in consume(self.broker, name, "-o", "beginning")], [b"new"])
        self.start_again(self.broker.kill)
        self.await_partition(name)
        self.assertEqual([x.offset for x in self.read(name, 25)], [25])
        self.assertEqual(self.offset_at(name, -2)["offset"], 25)

    def test_what_is_young_stays(self):
        old, young = self.topic("old"), self.topic("young")
        self.create(old, segment_bytes=1048576, retention_ms=HOUR_MS)
        self.create(young, segment_bytes=1048576, retention_ms=HOUR_MS)
        for i in range(12):
            self.write(young, [bytes(99_900)], ts=now_ms())
            self.write(old, [bytes(99_900)], ts=now_ms() - 2 * HOUR_MS)
        self.await_start(old, 12)
        self.assertEqual(self.offset_at(young, -2)["offset"], 0)

    def test_deleted_records_leave_the_disk(self):
        name = self.topic()
        self.create(name, segment_bytes=1048576)
        for i in range(25):
            self.write(name, [bytes(99_900)])
        before = self.segments(name)
        self.c.call("DeleteRecords", 2, {"timeoutMs": 30000, "topics": [
            {"name": name, "partitions": [{"partitionIndex": 0, "offset": 15}]}]})
        harness.wait_for("a segment to go", lambda: before[0] not in self.segments(name), every_s=0.05)
        self.assertEqual([x.offset for x in self.read(name, 15)], list(range(15, 25)))
        self.assertIn(before[-1], self.segments(name))


class Content(OnDisk):
    overrides = {"message.max.bytes": 1_000_000}

    def test_append_time(self):
        name = self.topic()
        self.create(name, message_timestamp_type="LogAppendTime")
        before = now_ms()
        produce(self.broker, name, [b"kcat"])
        r = self.produce(name, records.build([b"a", b"b"], ts=1_000_000))
        self.assertLessEqual(before, r["logAppendTimeMs"])
        produce(self.broker, name, [b"packed"] * 10, compression_codec="gzip")
        got = consume(self.broker, name)
        self.assertEqual([g.value for g in got], [b"kcat", b"a", b"b"] + [b"packed"] * 10)
        for g in got:
            self.assertTrue(before <= g.ts <= now_ms(), g)
        self.assertTrue(all(b.attributes & records.LOG_APPEND_TIME for b in self.stored(name)))
        self.assertEqual(self.offset_at(name, before)["offset"], 0)

    def test_compression_is_the_topics(self):
        text = b"the same words again and again, " * 20
        for codec in records.CODECS:
            want = "uncompressed" if codec == "none" else codec
            name = self.topic(codec)
            self.create(name, compression_type=want)
            for theirs in records.CODECS:
                produce(self.broker, name, [(b"k", b"%d " % i + text) for i in range(20)], "-H", "h=1",
                        compression_codec=theirs, linger_ms=100)
            self.assertEqual({records.codec_of(b) for b in self.stored(name)}, {codec})
            got = consume(self.broker, name)
            self.assertEqual([(g.key, g.value, g.headers) for g in got],
                             [(b"k", b"%d " % i + text, "h=1") for i in range(20)] * 5)

    def test_compression_of_the_producer_is_kept(self):
        name = self.topic()
        self.create(name, compression_type="producer")
        for theirs in records.CODECS:
            produce(self.broker, name, [b"x" * 500] * 20, compression_codec=theirs, linger_ms=100)
        self.assertEqual({records.codec_of(b) for b in self.stored(name)}, set(records.CODECS))

    def test_levels_of_compression(self):
        with open(os.path.join(harness.ROOT, "LICENSE"), "rb") as f:
            text = f.read()
        for codec, low, high in (("gzip", 1, 9), ("zstd", 1, 19), ("lz4", 1, 12)):
            sizes = []
            for level in (low, high):
                name = self.topic(codec, level)
                self.create(name, compression_type=codec, **{"compression_%s_level" % codec: level})
                self.write(name, [text] * 3)
                sizes.append(sum(b.size for b in self.stored(name)))
                self.assertEqual([g.value for g in consume(self.broker, name)], [text] * 3)
            self.assertLess(sizes[1], sizes[0], codec)

    def test_max_message_bytes(self):
        small, large = self.topic("small"), self.topic("large")
        self.create(small, max_message_bytes=2000)
        self.create(large, max_message_bytes=3_000_000)
        big = {"message_max_bytes": 4_000_000, "message_timeout_ms": 20_000}
        produce(self.broker, small, [b"x" * 1800], **big)
        with self.assertRaisesRegex(AssertionError, "(?i)too large"):
            produce(self.broker, small, [b"x" * 2100], **big)
        produce(self.broker, large, [b"x" * 2_900_000], **big)
        with self.assertRaisesRegex(AssertionError, "(?i)too large"):
            produce(self.broker, large, [b"x" * 3_100_000], **big)
        self.assertEqual([len(g.value) for g in consume(self.broker, small)], [1800])
        self.assertEqual([len(g.value) for g in consume(self.broker, large)], [2_900_000])
        auto = self.topic("auto")  # the broker's own limit
        with self.assertRaisesRegex(AssertionError, "(?i)too large"):
            produce(self.broker, auto, [b"x" * 1_100_000], **big)


@unittest.skipUnless(os.environ.get("SYNC_SHIM_SO"), "SYNC_SHIM_SO names no shim")
class Flush(OnDisk):
    """A library in front of fsync counts what reaches the disk, and can make it fail."""

    def setUp(self):
        self.shared = os.path.join(harness.Dirs.new("shim"), "counters")
        with open(self.shared, "wb") as f:
            f.write(bytes(16))
        self.broker = harness.broker(wrap=["env", "LD_PRELOAD=" + os.environ["SYNC_SHIM_SO"],
                                           "SYNC_SHIM=" + self.shared]).start()
        self.c = Connection("127.0.0.1", self.broker.port)

    def tearDown(self):
        self.c.close()
        self.broker.stop()

    @classmethod
    def setUpClass(cls):
        pass

    @classmethod
    def tearDownClass(cls):
        pass

    def syncs(self):
        with open(self.shared, "rb") as f:
            return struct.unpack("=Q", f.read(8))[0]

    def let_syncs_fail(self):
        with open(self.shared, "r+b") as f:
            f.seek(8)
            f.write(struct.pack("=Q", 1))

    def syncs_of(self, name, n, **kw):
        """How many syncs n acknowledged records took."""
        before = self.syncs()
        for _ in range(n):
            self.assertEqual(self.produce(name, records.build([b"x"], ts=now_ms()), **kw)["errorCode"], NONE)
        return self.syncs() - before

    def test_acks_all_is_on_disk(self):
        name = self.topic()
        self.create(name)
        self.assertGreaterEqual(self.syncs_of(name, 20), 20)

    def test_page_cache_when_the_topic_says_so(self):
        name = self.topic()
        self.create(name, flush_before_ack="false")
        self.assertEqual(self.syncs_of(name, 50), 0)

    def test_flush_messages(self):
        name = self.topic()
        self.create(name, flush_before_ack="false", flush_messages=10)
        took = self.syncs_of(name, 100)
        self.assertTrue(8 <= took <= 12, took)

    def test_flush_ms(self):
        name = self.topic()
        self.create(name, flush_before_ack="false", flush_ms=100)
        before = self.syncs()
        self.syncs_of(name, 1)
        harness.wait_for("a sync", lambda: self.syncs() > before)

    def test_nothing_is_acknowledged_after_a_failed_sync(self):
        name, other = self.topic(), self.topic("later")
        self.create(name)
        self.assertEqual(self.produce(name, records.build([b"safe"]))["errorCode"], NONE)
        self.let_syncs_fail()
        for _ in range(3):
            self.assertEqual(self.produce(name, records.build([b"lost"]))["errorCode"], KAFKA_STORAGE_ERROR)
        with open(self.shared, "r+b") as f:
            f.write(bytes(16))
        self.assertEqual(self.produce(name, records.build([b"lost"]))["errorCode"], KAFKA_STORAGE_ERROR)
        self.create(other)
        self.assertEqual(self.produce(other, records.build([b"fine"]))["errorCode"], NONE)
        self.start_again(self.broker.kill)
        self.c = type(self).c
        self.await_partition(name)
        self.assertEqual(self.read(name)[0].value, b"safe")
        self.assertEqual(self.produce(name, records.build([b"again"]))["errorCode"], NONE)
        self.assertEqual([g.value for g in consume(self.broker, other)], [b"fine"])


if __name__ == "__main__":
    unittest.main()
