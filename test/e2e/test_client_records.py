"""Records through libottla, beside kcat (client_records.c is the program)."""

import os
import random
import unittest

import harness
import kcat

PROGRAM = os.environ.get("CLIENT_RECORDS") or os.path.join(harness.ROOT, "build", "test", "e2e", "client_records")
PARTITIONS = 3


def unhex(text):
    return None if text == "-" else bytes.fromhex(text)


class ClientRecords(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.broker = harness.broker(overrides={"num.partitions": PARTITIONS, "message.max.bytes": 20_000_000}).start()

    @classmethod
    def tearDownClass(cls):
        cls.broker.stop()

    def topic(self):
        return self.id().split(".")[-1]

    def write(self, records, *args, **conf):
        kcat.produce(self.broker, self.topic(), records, *args, **conf)

    def consume(self, start="earliest", partitions=PARTITIONS, **conf):
        settings = ["%s=%s" % (k.replace("_", "."), v) for k, v in conf.items()]
        out = harness.run(PROGRAM, "consume", self.broker.bootstrap, self.topic(), str(partitions), start, *settings)
        got = []
        for line in out.decode().splitlines():
            parts = line.split(" ")
            headers = ",".join(h.split("=")[0] + "=" + (unhex(h.split("=")[1]) or b"").decode() for h in parts[5:])
            got.append(kcat.Got(int(parts[0]), int(parts[1]), int(parts[2]), unhex(parts[3]), unhex(parts[4]), headers))
        return sorted(got)

    def same_as_kcat(self, **conf):
        got = self.consume(**conf)
        self.assertEqual(got, sorted(kcat.consume(self.broker, self.topic())))
        return got

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
