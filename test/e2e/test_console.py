"""The console tools on a broker, as people type them: records in from standard input, records out as text.

That all this is what Apache Kafka's tools do is compared by ./dev interop --scenes tools-beside."""

import json
import os
import pty
import signal
import subprocess
import time
import unittest

import harness

OTTLA = harness.OTTLA
WAIT_S = 30


class Console(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.broker = harness.broker(overrides={"offsets.topic.num.partitions": 2,
                                               "group.initial.rebalance.delay.ms": 0}).__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.broker.stop()

    def words(self, name, *words):
        return [OTTLA, name, "--bootstrap-server", self.broker.bootstrap, *map(str, words)]

    def tool(self, name, *words, text="", status=0):
        data = text if isinstance(text, bytes) else text.encode()
        done = subprocess.run(self.words(name, *words), input=data, capture_output=True, timeout=WAIT_S, check=False)
        self.said = done.stderr.decode(errors="replace")
        self.assertEqual(done.returncode, status, (name, words, done.stdout, self.said))
        return done.stdout.decode(errors="surrogateescape")

    def make(self, topic, partitions=1):
        self.tool("topics", "--create", "--topic", topic, "--partitions", partitions)
        return topic

    def produce(self, topic, text, *words, status=0):
        return self.tool("console-producer", "--topic", topic, *words, text=text, status=status)

    def partition(self, topic, *words, partition=0, **kw):
        """All of a partition."""
        return self.tool("console-consumer", "--topic", topic, "--partition", partition, "--offset", "earliest",
                         "--timeout-ms", 1000, *words, **kw)

    def key_and(self, *names):
        return [w for name in names for w in ("--formatter-property", "print.%s=true" % name)]


@unittest.skipIf(os.environ.get("OTTLA_E2E_BROKER") == "kafka", "our tools on our broker")
class Producer(Console):
    PARSED = "--property", "parse.key=true", "--property", "key.separator=:"

    def test_each_line_is_a_record(self):
        topic = self.make("lines")
        self.assertEqual(self.produce(topic, "one\r\ntwo\n\nlast"), "")
        self.assertEqual(self.partition(topic), "one\ntwo\n\nlast\n")
        self.assertIn("Processed a total of 4 messages\n", self.said)

    def test_bytes_pass_as_they_are(self):
        topic = self.make("bytes")
        self.produce(topic, b"\xff\x00\xc3\n")
        self.assertEqual(self.partition(topic).encode(errors="surrogateescape"), b"\xff\x00\xc3\n")

    def test_keys_headers_and_nulls(self):
        topic = self.make("parsed")
        self.produce(topic, "h1:v1,h2:-\tk1\tv1\n-\tk2\t-\n", "--reader-property", "parse.key=true",
                     "--reader-property", "parse.headers=true", "--reader-property", "null.marker=-",
                     "--compression-codec", "zstd", "--sync")
        self.assertEqual(self.partition(topic, *self.key_and("key", "headers", "offset")),
                         "Offset:0\th1:v1,h2:null\tk1\tv1\nOffset:1\tNO_HEADERS\tk2\tnull\n")

    def test_a_key_always_lies_in_the_same_partition(self):
        topic = self.make("keyed", 3)
        keys = ["key %d" % i for i in range(50)]
        for turn in range(2):
            said = self.produce(topic, "".join("%s:%d\n" % (k, turn) for k in keys), *self.PARSED)
            self.assertEqual(said, "Warning: --property is deprecated and will be removed in a future version. "
                                   "Use --reader-property instead.\n")
        places = {}
        for p in range(3):
            rows = [x.split("\t") for x in self.partition(topic, *self.key_and("key"), partition=p).splitlines()]
            for k, v in rows:
                places.setdefault(k, []).append((p, v))
            self.assertGreater(len(rows), 0)
        self.assertEqual(len(places), 50)
        for k, got in places.items():
            self.assertEqual([v for _, v in got], ["0", "1"], k)
            self.assertEqual(got[0][0], got[1][0], k)

    def test_a_line_without_separator_ends_it_and_what_came_before_is_written(self):
        topic = self.make("broken")
        self.produce(topic, "a:1\nb\nc:3\n", *self.PARSED, status=1)
        self.assertIn("No key separator found on line number 2: 'b'", self.said)
        self.assertEqual(self.partition(topic), "1\n")
        self.produce(topic, "b\n", *self.PARSED, "--property", "ignore.error=true")
        self.assertEqual(self.partition(topic, *self.key_and("key")), "a\t1\nnull\tb\n")

    def test_a_record_that_is_refused_is_told_and_the_next_one_written(self):
        topic = self.make("large")
        self.produce(topic, "x" * 1_100_000 + "\nsmall\n")
        self.assertIn("Error when sending message", self.said)
        self.assertEqual(self.partition(topic), "small\n")
        self.produce(topic, "x" * 1_100_000 + "\nsmall\n", "--sync", status=1)
        self.assertEqual(self.partition(topic), "small\n")

    def test_settings_come_from_files_properties_and_options(self):
        topic = self.make("settings")
        path = os.path.join(harness.Dirs.new("conf"), "producer.properties")
        with open(path, "w") as f:
            f.write("acks=nonsense\nkey.serializer=some.java.Class\n")
        self.produce(topic, "x\n", "--producer.config", path, status=1)
        self.assertIn("acks: 'nonsense' is not one of", self.said)
        self.produce(topic, "x\n", "--producer.config", path, "--producer-property", "acks=all")
        self.produce(topic, "x\n", "--command-config", path, "--request-required-acks", "-1")
        self.produce(topic, "x\n", "--command-property", "liger.ms=5")
        self.assertIn("did you mean 'linger.ms'?", self.said)
        self.produce(topic, "x\n", "--line-reader", "org.example.Reader", status=1)
        self.assertIn("LineMessageReader", self.said)

    def test_a_prompt_is_for_terminals(self):
        topic = self.make("prompt")
        outside, inside = pty.openpty()
        p = subprocess.Popen(self.words("console-producer", "--topic", topic), stdin=inside, stdout=inside,
                             stderr=subprocess.DEVNULL)
        os.close(inside)
        seen = b""
        while not seen.endswith(b">"):
            seen += os.read(outside, 100)
        os.write(outside, b"typed\n")
        while seen.count(b">") < 2:
            seen += os.read(outside, 100)
        os.write(outside, b"\x04")  # the end of the input
        self.assertEqual(p.wait(WAIT_S), 0)
        os.close(outside)
        self.assertEqual(seen.replace(b"typed\r\n", b""), b">>")
        self.assertEqual(self.partition(topic), "typed\n")

    def test_a_signal_ends_it_once_everything_is_written(self):
        for sig in (signal.SIGINT, signal.SIGTERM):
            topic = self.make("signal-%d" % sig)
            p = subprocess.Popen(self.words("console-producer", "--topic", topic, "--timeout", 100_000),
                                 stdin=subprocess.PIPE, stderr=subprocess.PIPE)
            p.stdin.write(b"x" * 20_000 + b"\nlater\nhalf a l")
            p.stdin.flush()
            # The first batch is full, so it goes at once: when it is there, both lines have been read.
            harness.wait_for("the record", lambda: self.end_of(topic) == 1)  # noqa: B023
            p.send_signal(sig)
            self.assertEqual(p.wait(WAIT_S), 128 + sig, p.stderr.read())
            p.stdin.close()
            p.stderr.close()
            self.assertEqual(self.partition(topic, "--max-messages", 9).splitlines()[1:], ["later"])

    def end_of(self, topic):
        return int(self.tool("get-offsets", "--topic", topic).split(":")[2])


@unittest.skipIf(os.environ.get("OTTLA_E2E_BROKER") == "kafka", "our tools on our broker")
class Partitions(Console):
    """Without a group."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        subprocess.run([OTTLA, "console-producer", "--bootstrap-server", cls.broker.bootstrap, "--topic", "ten",
                        "--reader-property", "parse.key=true"], check=True, timeout=WAIT_S,
                       input="".join("k%d\tv%d\n" % (i, i) for i in range(10)).encode())

    def read(self, *words, **kw):
        return self.tool("console-consumer", "--topic", "ten", "--partition", 0, *words, **kw)

    def test_offsets(self):
        self.assertEqual(self.read("--offset", 7, "--timeout-ms", 500), "v7\nv8\nv9\n")
        self.assertEqual(self.read("--offset", "EARLIEST", "--max-messages", 2), "v0\nv1\n")
        self.assertEqual(self.read("--from-beginning", "--max-messages", 1), "v0\n")
        self.assertEqual(self.read("--timeout-ms", 300), "")
        self.assertIn("Processed a total of 0 messages\n", self.said)
        self.assertEqual(self.read("--max-messages", 0), "")

    def test_json(self):
        rows = [json.loads(x) for x in self.read("--offset", 8, "--max-messages", 2, "--format", "json").splitlines()]
        self.assertEqual([(r["topic"], r["partition"], r["offset"], r["key"], r["value"]) for r in rows],
                         [("ten", 0, 8, "k8", "v8"), ("ten", 0, 9, "k9", "v9")])

    def test_a_record_that_cannot_be_read(self):
        long = "--value-deserializer", "org.apache.kafka.common.serialization.LongDeserializer"
        self.read("--offset", 0, "--max-messages", 3, *long, status=1)
        self.assertIn("Size of data received by LongDeserializer is not 8", self.said)
        self.assertIn("Processed a total of 1 messages", self.said)
        self.assertEqual(self.read("--offset", 0, "--max-messages", 3, "--skip-message-on-error", *long), "")
        self.assertIn("Processed a total of 3 messages", self.said)

    def test_nobody_reads(self):
        head = subprocess.run("%s | head -n1" % " ".join(self.words(
            "console-consumer", "--topic", "ten", "--partition", 0, "--offset", "earliest", "--timeout-ms", 2000,
            "--formatter-property", "line.separator=" + "x" * 100_000)), shell=True, capture_output=True, timeout=WAIT_S,
            check=False)
        self.assertEqual(head.returncode, 0)
        self.assertNotIn(b"Broken pipe", head.stderr)

    def test_what_comes_is_seen_at_once(self):
        topic = self.make("live")
        p = subprocess.Popen(self.words("console-consumer", "--topic", topic, "--partition", 0, "--from-beginning",
                                        "--enable-systest-events"),
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for i in range(3):
            self.produce(topic, "line %d\n" % i)
            self.assertEqual(p.stdout.readline(), b"line %d\n" % i)
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=WAIT_S)
        self.assertEqual((out, p.returncode), (b"shutdown_complete\n", 130))
        self.assertEqual(err, b"Processed a total of 3 messages\n")

    def test_mistakes_are_explained(self):
        for words, want in ((("--offset", "x"), "The provided offset value 'x' is incorrect"),
                            (("--group", "g"), "Options group and partition cannot be specified together."),
                            (("--include", "t.*"), "Exactly one of the following arguments is required"),
                            (("--property", "a=b", "--formatter-property", "c=d"), "cannot be specified together"),
                            (("--formatter", "org.example.F"), "see --formatter"),
                            (("--isolation-level", "some"), "isolation.level: 'some' is not one of"),
                            (("--from-beginning", "--offset", 3), "Options from-beginning and offset")):
            self.read(*words, status=1)
            self.assertIn(want, self.said)


@unittest.skipIf(os.environ.get("OTTLA_E2E_BROKER") == "kafka", "our tools on our broker")
class Perf(Console):
    TOTAL = (r"(\d+)%s records sent, \d+\.\d{6} records/sec \(\d+\.\d\d MB/sec\), \d+\.\d\d ms avg latency, "
             r"\d+\.\d\d ms max latency, \d+ ms 50th, \d+ ms 95th, \d+ ms 99th, \d+ ms 99\.9th\.")

    def perf(self, topic, *words, **kw):
        return self.tool("producer-perf-test", "--topic", topic, *words, **kw)

    def test_records_by_size(self):
        topic = self.make("perf")
        out = self.perf(topic, "--num-records", 2000, "--record-size", 100, "--throughput", -1, "--producer-props",
                        "acks=1", "linger.ms=1")
        self.assertRegex(out, "^Option --producer-props has been deprecated .*\n%s\n$" % (self.TOTAL % ""))
        values = self.partition(topic).splitlines()
        self.assertEqual((len(values), {len(v) for v in values}), (2000, {100}))
        self.assertTrue(all(v.isupper() for v in values))

    def test_a_warm_up_and_a_rate(self):
        topic = self.make("warm")
        start = time.monotonic()
        out = self.perf(topic, "--num-records", 300, "--payload-monotonic", "--throughput", 500, "--warmup-records", 100,
                        "--reporting-interval", 100)
        self.assertGreater(time.monotonic() - start, 0.55)
        self.assertIn("In steady state.\n", out)
        self.assertRegex(out.splitlines()[-2], self.TOTAL % "")
        self.assertRegex(out.splitlines()[-1], "^200" + (self.TOTAL % " steady state")[5:])
        self.assertEqual(self.partition(topic), "".join("%d\n" % i for i in range(300)))

    def test_payloads_of_a_file_and_numbers_as_json(self):
        path = os.path.join(harness.Dirs.new("pay"), "loads")
        with open(path, "w") as f:
            f.write("one,two,,four")
        topic = self.make("loads")
        out = self.perf(topic, "--num-records", 200, "--payload-file", path, "--payload-delimiter", ",", "--throughput",
                        -1, "--format", "json")
        lines = out.splitlines()
        self.assertEqual(lines[:2], ["Reading payloads from: " + path, "Number of records read: 4"])
        self.assertEqual(json.loads(lines[2])["records"], 200)
        self.assertEqual(set(self.partition(topic).split("\n")), {"one", "two", "", "four"})

    def test_settings_that_contradict(self):
        for words in (("--record-size", 0), ("--record-size", 5, "--payload-monotonic"), (),
                      ("--record-size", 5, "--warmup-records", 10), ("--record-size", 5, "stray")):
            self.perf("none", "--num-records", 10, "--throughput", -1, *words, status=1)


if __name__ == "__main__":
    unittest.main()
