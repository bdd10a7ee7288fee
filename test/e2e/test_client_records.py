"""Records through libottla, beside kcat (client_records.c is the program)."""

import os
import random
import threading
import unittest

import harness
import kcat

PROGRAM = os.environ.get("CLIENT_RECORDS") or os.path.join(harness.ROOT, "build", "test", "e2e", "client_records")
PARTITIONS = 3


def unhex(text):
    return None if text == "-" else bytes.fromhex(text)


def tohex(data):
    return "-" if data is None else data.hex()


class Case(unittest.TestCase):
    """A broker for the class, and libottla's program beside kcat."""

    @classmethod
    def setUpClass(cls):
        cls.broker = harness.broker(overrides={"num.partitions": PARTITIONS, "message.max.bytes": 20_000_000,
                                               "log.retention.ms": -1}).start()  # some records are of 1970

    @classmethod
    def tearDownClass(cls):
        cls.broker.stop()

    def topic(self):
        return self.id().split(".")[-1]

    def write(self, records, *args, **conf):
        kcat.produce(self.broker, self.topic(), records, *args, **conf)

    def consume(self, start="earliest", partitions=PARTITIONS, broker=None, **conf):
        settings = ["%s=%s" % (k.replace("_", "."), v) for k, v in conf.items()]
        out = harness.run(PROGRAM, "consume", broker or self.broker.bootstrap, self.topic(), str(partitions), start, *settings)
        got = []
        for line in out.decode().splitlines():
            parts = line.split(" ")
            headers = ",".join(h.split("=")[0] + "=" + (unhex(h.split("=")[1]) or b"").decode() for h in parts[5:])
            got.append(kcat.Got(int(parts[0]), int(parts[1]), int(parts[2]), unhex(parts[3]), unhex(parts[4]), headers))
        return sorted(got)

    def produce(self, lines, how="async", wait_ms=60000, broker=None, **conf):
        """lines: (partition, time, key, value, headers...); returns (partition, offset, error)"""
        settings = ["%s=%s" % (k.replace("_", "."), v) for k, v in conf.items()]
        text = "".join(" ".join([str(p), str(ts), tohex(key), tohex(value)] + list(headers)) + "\n"
                       for p, ts, key, value, *headers in lines)
        out = harness.run(PROGRAM, "produce", broker or self.broker.bootstrap, self.topic(), how, str(wait_ms), *settings,
                          input=text.encode(), timeout=wait_ms / 1000 + 60)
        lines = [line.split(" ", 3) for line in out.decode().splitlines()]
        self.words = [line[3] if len(line) > 3 else "" for line in lines]  # of what was refused
        return [(int(p), int(o), e) for p, o, e, *_ in lines]

    def same_as_kcat(self, **conf):
        got = self.consume(**conf)
        self.assertEqual(got, sorted(kcat.consume(self.broker, self.topic())))
        return got


class ClientRecords(Case):
    def test_codecs(self):
        """Every codec, keys and values of any bytes, over three partitions."""
        rand = random.Random(1)
        for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
            self.write([(rand.randbytes(rand.randrange(1, 20)), rand.randbytes(rand.randrange(1, 2000)))
                        for _ in range(300)], compression_codec=codec)
        self.assertEqual(len(self.same_as_kcat()), 1500)
        self.same_as_kcat(max_poll_records=1)
        self.same_as_kcat(max_partition_fetch_bytes=100, fetch_max_bytes=1000)

    def test_nulls_and_headers(self):
        self.write([(b"", b""), (b"k", b"v")], "-Z", "-H", "a=1", "-H", "b=")
        got = self.same_as_kcat()
        self.assertIn((None, None), [(g.key, g.value) for g in got])
        self.assertEqual({g.headers for g in got}, {"a=1,b="})

    def test_large(self):
        """A batch that is larger than every limit comes whole."""
        value = random.Random(2).randbytes(10_000_000)
        self.write([value], message_max_bytes=20_000_000)
        got = self.consume(max_partition_fetch_bytes=1000, fetch_max_bytes=1000)
        self.assertEqual([g.value for g in got], [value])

    def test_positions(self):
        self.write([b"%d" % i for i in range(100)], "-p", 0)
        self.assertEqual([g.offset for g in self.consume("40", 1)], list(range(40, 100)))
        self.assertEqual(self.consume("latest", 1), [])
        times = [g.ts for g in self.consume(partitions=1)]
        self.assertEqual([g.ts for g in self.consume("@%d" % times[50], 1)],
                         [t for t in times if t >= times[50]])
        self.assertEqual(self.consume("@%d" % (times[-1] + 1), 1), [])

    def test_out_of_range(self):
        self.write([b"a", b"b"], "-p", 0)
        self.assertEqual([g.offset for g in self.consume("77", 1, auto_offset_reset="earliest")], [0, 1])

    def test_produce_codecs(self):
        """What libottla writes, kcat reads, with every codec; each record is acknowledged at its offset."""
        rand = random.Random(3)
        lines, told = [], []
        for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
            mine = [(rand.randrange(PARTITIONS), 1000 + i, rand.choice([None, rand.randbytes(5)]), rand.randbytes(rand.randrange(1, 900)),
                     "h=" + tohex(b"x")) for i in range(400)]
            told += self.produce(mine, compression_type=codec)
            lines += mine
        self.assertEqual({e for _, _, e in told}, {"NONE"})
        self.assertEqual(len(told), len(lines))
        got = self.same_as_kcat()
        self.assertEqual(sorted((p, o) for p, o, _ in told), [(g.partition, g.offset) for g in got])
        for p in range(PARTITIONS):
            self.assertEqual([(g.ts, g.key, g.value) for g in got if g.partition == p],
                             [(ts, k, v) for q, ts, k, v, _ in lines if q == p])

    def test_produce_acks(self):
        for acks in ("all", "1", "0"):
            told = self.produce([(0, -1, b"k", b"v")] * 10, acks=acks, enable_idempotence="false")
            self.assertEqual({e for _, _, e in told}, {"NONE"})
        harness.wait_for("all records", lambda: len(kcat.consume(self.broker, self.topic())) == 30)

    def test_produce_sync(self):
        told = self.produce([(1, -1, None, b"%d" % i) for i in range(20)], how="sync")
        self.assertEqual(told, [(1, i, "NONE") for i in range(20)])

    def same_partitions(self, keys, theirs, **ours):
        """Each key's records are in one partition, whoever sent them: libottla or librdkafka."""
        self.produce([(-1, -1, k, b"ours") for k in keys], **ours)
        self.write([(k, b"theirs") for k in keys], partitioner=theirs)
        homes = {}
        for g in self.consume():
            if g.key in keys:
                homes.setdefault(g.key, []).append(g.partition)
        self.assertEqual(len(homes), len(keys))
        self.assertTrue(all(len(parts) == 2 and len(set(parts)) == 1 for parts in homes.values()))
        self.assertEqual({parts[0] for parts in homes.values()}, set(range(PARTITIONS)))

    def test_produce_by_key(self):
        """The partition of a key is the one that librdkafka's murmur2 chooses, which is Java's."""
        self.same_partitions([b"key-%d" % i for i in range(200)], "murmur2")

    def test_produce_as_librdkafka(self):
        for name in ("consistent", "consistent_random", "murmur2", "murmur2_random", "fnv1a", "fnv1a_random"):
            self.same_partitions([b"%s-%d" % (name.encode(), i) for i in range(200)], name, partitioner=name)

    def test_produce_refused(self):
        told = self.produce([(0, -1, None, b"x" * 2000), (99, -1, None, b"y"), (0, -1, None, b"z")], max_request_size=1000)
        self.assertEqual(sorted(told), [(-1, -1, "MESSAGE_TOO_LARGE"), (-1, -1, "UNKNOWN_TOPIC_OR_PARTITION"), (0, 0, "NONE")])

    def test_produce_through(self):
        """record → interceptors → serializers → partitioner → batch; what a serializer refuses is not sent, the rest is."""
        lines = [(-1, 1000 + i, None if i % 10 == 3 else b"key-%d" % i, b"no" if i % 10 == 7 else b"%d" % i) for i in range(100)]
        told = self.produce(lines, how="through")
        self.assertEqual(told[-2:], [(90, 10, "ACKNOWLEDGED")] * 2)
        refused = {(e, w) for (_, _, e), w in zip(told, self.words) if e == "INVALID_RECORD"}
        topic = self.topic()
        self.assertEqual(refused, {("INVALID_RECORD", "topic %s: the value cannot be serialized: it says no" % topic)})
        got = self.same_as_kcat()
        self.assertEqual(sorted((g.ts, g.key, g.value) for g in got),
                         [(ts, k and b"(%s)" % k, b"[%s]" % v) for _, ts, k, v in lines if v != b"no"])
        self.assertEqual({g.headers for g in got}, {"by=1,by=2"})
        self.write([(g.key, b"theirs") for g in got if g.key], partitioner="murmur2")  # the partitioner saw bytes
        homes = {}
        for g in self.consume():
            homes.setdefault(g.key, set()).add(g.partition)
        self.assertTrue(all(len(parts) == 1 for key, parts in homes.items() if key))

    def test_produce_to_nobody(self):
        told = self.produce([(0, -1, None, b"x")], broker="127.0.0.1:%d" % harness.free_port(), max_block_ms=300)
        self.assertEqual(told, [(-1, -1, "REQUEST_TIMED_OUT")])


class ClientRefusals(Case):
    @classmethod
    def setUpClass(cls):
        cls.broker = harness.broker(overrides={"num.partitions": 1, "log.cleanup.policy": "compact"}).start()

    def test_words(self):
        """The broker's own words, for each record of a batch that it refuses: here those without a key."""
        for bad in ((2,), (1, 3)):
            told = self.produce([(0, -1, None if i in bad else b"k", b"v") for i in range(5)], linger_ms=1000)
            self.assertEqual([e for _, _, e in told],
                             ["INVALID_RECORD" if i in bad else "OPERATION_NOT_ATTEMPTED" for i in range(5)])
            for i, words in enumerate(self.words):
                self.assertIn("ompacted topic" if i in bad else "other records of its batch were refused", words)
        self.assertEqual(self.consume(partitions=1), [])
        told = self.produce([(0, -1, b"k", b"v")] * 3)
        self.assertEqual([e for _, _, e in told], ["NONE"] * 3)


class ClientAcrossRestarts(Case):
    def test_nothing_is_lost_or_doubled(self):
        """The broker is killed and started again under an idempotent producer, three times."""
        told = []
        count = 20000
        lines = [(i % PARTITIONS, -1, None, b"%d" % i) for i in range(count)]
        patient = {"max_block_ms": 300000, "delivery_timeout_ms": 300000, "wait_ms": 300000}  # Apache Kafka starts slowly
        sender = threading.Thread(target=lambda: told.extend(self.produce(lines, batch_size=2000, **patient)))
        sender.start()
        for i in range(1, 4):
            harness.wait_for("some records", lambda: self.end(0) > i * 50)
            self.assertTrue(sender.is_alive() or i > 1)
            self.broker.kill()
            self.broker.start()
        sender.join()
        self.assertEqual({e for _, _, e in told}, {"NONE"})
        got = self.consume()
        for p in range(PARTITIONS):
            self.assertEqual([int(g.value) for g in got if g.partition == p], list(range(p, count, PARTITIONS)))

    def end(self, partition):
        try:
            return kcat.offset_at(self.broker, self.topic(), partition, -1)
        except AssertionError:  # there is no such topic yet
            return -1
