"""kcat against a running broker: what goes in comes out, also after a restart and after kill -9."""

import os
import random
import subprocess
import time
import unittest

import harness
from kcat import KCAT, consume, kcat, offset_at, produce

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
BIG_BYTES = 10_000_000


def real_text():
    """Lines of a real text, empty ones too (kcat leaves those out, so they are joined on)."""
    with open(os.path.join(harness.ROOT, "LICENSE"), "rb") as f:
        return f.read()


def text_lines(text):
    """The text cut after line ends such that no piece is empty; joined they are the text."""
    return [line for line in text.split(b"\n\n") if line]


class Kcat(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.broker = harness.broker(overrides={"message.max.bytes": 2 * BIG_BYTES,
                                               "num.partitions": 3}).start()

    @classmethod
    def tearDownClass(cls):
        assert cls.broker.is_alive(), cls.broker.log()
        status = cls.broker.stop()
        if isinstance(cls.broker, harness.Ottla):
            assert status == 0, "exit %s:\n%s" % (status, cls.broker.log())

    def topic(self):
        return self.id().split(".")[-1]

    def read(self, *args, **conf):
        return consume(self.broker, self.topic(), *args, **conf)

    def write(self, records, *args, **conf):
        produce(self.broker, self.topic(), records, *args, **conf)

    def test_text_survives_restart_and_kill(self):
        text = text_lines(real_text())
        self.write(text, "-p", 0)
        for end in (lambda: None, self.broker.restart, self.broker.kill):
            end()
            if not self.broker.is_alive():
                self.broker.start()
            self.assertEqual([g.value for g in self.read("-p", 0)], text)
        self.write(text, "-p", 0)
        self.assertEqual([g.value for g in self.read("-p", 0)], text * 2)
        self.assertEqual([g.offset for g in self.read("-p", 0)], list(range(2 * len(text))))

    def test_every_codec(self):
        text = text_lines(real_text())
        for codec in CODECS:
            self.write(text, "-p", 1, compression_codec=codec, linger_ms=50)
        self.assertEqual([g.value for g in self.read("-p", 1)], text * len(CODECS))

    def test_keys_and_nulls(self):
        self.write([(b"k", b"v"), (b"", b"v"), (b"k", b""), b"no key"], "-p", 0)
        self.write([(b"k", None), (None, b"v"), (None, None)], "-p", 0, "-Z")
        self.assertEqual([(g.key, g.value) for g in self.read("-p", 0)],
                         [(b"k", b"v"), (b"", b"v"), (b"k", b""), (None, b"no key"),
                          (b"k", None), (None, b"v"), (None, None)])

    def test_keys_choose_partitions(self):
        records = [(b"key %d" % (i % 20), b"%d" % i) for i in range(300)]
        self.write(records)
        got = self.read()
        self.assertEqual(sorted((g.key, g.value) for g in got), sorted(records))
        self.assertEqual({g.partition for g in got}, {0, 1, 2})
        for key in {k for k, _ in records}:
            mine = [g for g in got if g.key == key]
            self.assertEqual(len({g.partition for g in mine}), 1)
            self.assertEqual([g.value for g in mine], [v for k, v in records if k == key])

    def test_headers(self):
        self.write([b"x"], "-p", 0, "-H", "a=1", "-H", "b=two", "-H", "empty=", "-H", "none")
        self.assertEqual(self.read()[0].headers, "a=1,b=two,empty=,none=NULL")

    def test_sizes(self):
        rnd = random.Random(1)
        sizes = (1, 1, BIG_BYTES, 1, 100_000, 1)
        values = [rnd.randbytes(n) for n in sizes]
        big = {"message_max_bytes": 2 * BIG_BYTES}
        self.write(values, "-p", 0, **big)
        got = self.read("-p", 0, receive_message_max_bytes=100_000_000, **big)
        self.assertEqual([len(g.value) for g in got], list(sizes))
        self.assertTrue([g.value for g in got] == values)

    def test_first_batch_is_whole_however_small_the_fetch(self):
        values = [bytes([i]) * 50_000 for i in range(8)]
        self.write(values, "-p", 0)
        got = self.read("-p", 0, fetch_message_max_bytes=1000, fetch_max_bytes=1000000)
        self.assertTrue([g.value for g in got] == values)

    def test_many_small_records(self):
        values = [b"%d" % (i % 10) for i in range(50_000)]
        self.write(values, "-p", 2)
        got = self.read("-p", 2)
        self.assertTrue([g.value for g in got] == values)
        self.assertEqual([g.offset for g in got], list(range(len(values))))

    def test_offsets_by_time(self):
        for i in range(3):
            self.write([b"%d" % i], "-p", 0)
        times = [g.ts for g in self.read("-p", 0)]
        self.assertEqual(times, sorted(times))
        topic = self.topic()
        self.assertEqual(offset_at(self.broker, topic, 0, -2), 0)
        self.assertEqual(offset_at(self.broker, topic, 0, -1), 3)
        self.assertEqual(offset_at(self.broker, topic, 0, times[0] - 1000), 0)
        self.assertEqual(offset_at(self.broker, topic, 0, times[1] + 1), 2)
        self.assertEqual(offset_at(self.broker, topic, 0, times[2] + 1), -1)
        since = self.read("-p", 0, "-o", "s@%d" % (times[1] + 1))
        self.assertEqual([g.value for g in since], [b"2"])

    def test_offsets_from_the_end(self):
        self.write([b"%d" % i for i in range(10)], "-p", 0)
        self.assertEqual([g.value for g in self.read("-p", 0, "-o", -3)], [b"7", b"8", b"9"])
        self.assertEqual([g.value for g in self.read("-p", 0, "-o", 4, "-c", 2)], [b"4", b"5"])

    def test_idempotent(self):
        values = [b"%d" % i for i in range(5000)]
        self.write(values, "-p", 0, enable_idempotence="true", batch_num_messages=10)
        got = self.read("-p", 0)
        self.assertEqual([g.value for g in got], values)
        self.assertEqual([g.offset for g in got], list(range(len(values))))

    def test_a_consumer_waits_for_what_comes(self):
        self.write([b"first"], "-p", 0)
        cmd = [KCAT, "-b", self.broker.bootstrap, "-q", "-u", "-C", "-t", self.topic(), "-p", "0", "-c", "2",
               "-X", "fetch.wait.max.ms=20000"]
        with subprocess.Popen(cmd, stdout=subprocess.PIPE) as consumer:
            self.addCleanup(consumer.kill)
            self.assertEqual(consumer.stdout.readline(), b"first\n")  # it is there and waits
            began = time.monotonic()
            self.write([b"second"], "-p", 0)
            self.assertEqual(consumer.stdout.readline(), b"second\n")
            self.assertLess(time.monotonic() - began, 15)
            self.assertEqual(consumer.wait(30), 0)

    def test_every_acks(self):
        for i, acks in enumerate((0, 1, -1)):
            self.write([b"%d" % i], "-p", 0, acks=acks)
        self.assertEqual([g.value for g in self.read("-p", 0)], [b"0", b"1", b"2"])

    def test_metadata(self):
        self.write([b"x"])
        out = kcat(self.broker, "-L", "-t", self.topic()).decode()
        self.assertIn("127.0.0.1:%d" % self.broker.port, out)
        self.assertIn('topic "%s" with 3 partitions' % self.topic(), out)
        self.assertNotIn("error", out.lower())
        self.assertIn('"%s"' % self.topic(), kcat(self.broker, "-L").decode())

    def test_asking_about_a_topic_makes_none(self):
        kcat(self.broker, "-L", "-t", "no-such", *["-X", "allow.auto.create.topics=false"])
        self.assertNotIn("no-such", kcat(self.broker, "-L").decode())

    def test_bad_topic_names_are_refused(self):
        for name in ("a b", "a/b", "..", "x" * 250, "ä"):
            with self.assertRaises(AssertionError):
                produce(self.broker, name, [b"x"], topic_metadata_refresh_interval_ms=100,
                        message_timeout_ms=1500, topic_metadata_propagation_max_ms=0)
        self.assertNotIn("a b", kcat(self.broker, "-L").decode())


class NoAutoCreation(unittest.TestCase):
    def test_unknown_topic_is_refused(self):
        with harness.broker(overrides={"auto.create.topics.enable": "false"}) as b:
            with self.assertRaises(AssertionError):
                produce(b, "nope", [b"x"], message_timeout_ms=1500,
                        topic_metadata_propagation_max_ms=0)
            self.assertNotIn("nope", kcat(b, "-L").decode())


if __name__ == "__main__":
    unittest.main()
