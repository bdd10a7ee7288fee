"""The console tools on a broker, as people type them: records in from standard input, records out as text.

That all this is what Apache Kafka's tools do is compared by ./dev interop --scenes tools-beside."""

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import time
import unittest

import harness

OTTLA = harness.ottla()
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
        if harness.IS_KAFKA:  # says so before its leaders lead; who asks them for ends is told when they do
            self.tool("get-offsets", "--topic", topic)
        return topic

    def produce(self, topic, text, *words, status=0):
        return self.tool("console-producer", "--topic", topic, *words, text=text, status=status)

    def partition(self, topic, *words, partition=0, **kw):
        """All of a partition."""
        return self.tool("console-consumer", "--topic", topic, "--partition", partition, "--offset", "earliest",
                         "--timeout-ms", 1000, *words, **kw)

    def key_and(self, *names):
        return [w for name in names for w in ("--formatter-property", "print.%s=true" % name)]


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


class Groups(Console):
    """As members of groups: a user's first day."""

    def setUp(self):
        self.members = []

    def tearDown(self):
        for m in self.members:
            m.kill()
            m.communicate()

    def read(self, topic, *words, **kw):
        return self.tool("console-consumer", "--topic", topic, *words, **kw)

    def member(self, topic, group):
        m = subprocess.Popen(self.words("console-consumer", "--topic", topic, "--group", group, "--from-beginning",
                                        "--command-property", "heartbeat.interval.ms=200", *self.key_and("partition")), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.members.append(m)
        return m

    def owners(self, group):
        """The partitions of each member, most first."""
        done = subprocess.run(self.words("consumer-groups", "--describe", "--group", group, "--members", "--verbose",
                                         "--format", "json"), capture_output=True, timeout=WAIT_S, check=False)
        rows = json.loads(done.stdout) if done.stdout.startswith(b"[") else []  # not there yet
        return sorted((self.numbers(r["current_assignment"]) for r in rows), key=lambda a: (-len(a), a))

    @staticmethod
    def numbers(assignment):
        return sorted(int(n) for n in re.findall(r"\d+", (assignment or "").partition(":")[2]))

    def shared(self, group, want):
        harness.wait_for("%s: %s, not %s" % (group, want, self.owners(group)), lambda: self.owners(group) == want,
                         timeout_s=20, every_s=0.1)

    def test_records_with_keys_and_partitions_from_the_beginning(self):
        topic = self.make("first-day", 3)
        self.produce(topic, "".join("key %d:value %d\n" % (i % 7, i) for i in range(70)), *Producer.PARSED)
        out = self.read(topic, "--property", "print.key=true", "--property", "print.partition=true", "--from-beginning",
                        "--max-messages", 70)
        lines = out.splitlines()
        self.assertEqual(lines.pop(0), "Option --property is deprecated and will be removed in a future version. "
                                       "Use --formatter-property instead.")
        rows = [re.fullmatch(r"Partition:([012])\tkey (\d)\tvalue (\d+)", x).groups() for x in lines]
        self.assertEqual(sorted(int(v) for _, _, v in rows), list(range(70)))
        self.assertEqual(len({(p, k) for p, k, _ in rows}), 7)  # a key, a partition
        for key in set(k for _, k, _ in rows):
            values = [int(v) for _, k, v in rows if k == key]
            self.assertEqual(values, sorted(values))

    def test_a_group_goes_on_and_another_reads_everything_again(self):
        topic = self.make("again")
        self.produce(topic, "".join("%d\n" % i for i in range(20)))
        earliest = "--consumer-property", "auto.offset.reset=earliest"
        said = "Option --consumer-property is deprecated and will be removed in a future version. " \
               "Use --command-property instead.\n"
        for group, first, count in (("one", 0, 7), ("one", 7, 5), ("two", 0, 20), ("one", 12, 8)):
            self.assertEqual(self.read(topic, "--group", group, "--max-messages", count, *earliest),
                             said + "".join("%d\n" % i for i in range(first, first + count)))
        rows = json.loads(self.tool("consumer-groups", "--describe", "--group", "one", "--format", "json"))
        self.assertEqual([(r["current_offset"], r["lag"]) for r in rows], [(20, 0)])

    def test_without_a_group_nothing_is_committed(self):
        topic = self.make("alone")
        self.produce(topic, "a\n")
        for _ in range(2):
            self.assertEqual(self.read(topic, "--from-beginning", "--max-messages", 1), "a\n")
        self.assertEqual(self.read(topic, "--timeout-ms", 1500), "")

    def test_topics_by_a_pattern(self):
        for name in ("pat-1", "pat-22", "pat-x"):
            self.produce(self.make(name), name + "\n")
        out = self.tool("console-consumer", "--include", r"pat-\d+", "--from-beginning", "--max-messages", 2)
        self.assertEqual(sorted(out.split()), ["pat-1", "pat-22"])
        self.tool("console-consumer", "--include", "(", "--timeout-ms", 100, status=1)

    def test_who_owns_what_as_members_come_and_go(self):
        topic = self.make("shared", 3)
        one = self.member(topic, "sharing")
        self.shared("sharing", [[0, 1, 2]])
        two = self.member(topic, "sharing")
        self.shared("sharing", [[0, 1], [2]])
        for _ in range(2):
            self.member(topic, "sharing")
        self.shared("sharing", [[0], [1], [2], []])
        self.produce(topic, "".join("k%d:%d\n" % (i, i) for i in range(30)), *Producer.PARSED)
        end = lambda: sum(int(r["current_offset"] or 0) for r in json.loads(self.tool(  # noqa: E731
            "consumer-groups", "--describe", "--group", "sharing", "--format", "json")))
        one.send_signal(signal.SIGTERM)
        two.send_signal(signal.SIGINT)
        said = [m.communicate(timeout=WAIT_S) for m in (one, two)]
        self.assertEqual((one.returncode, two.returncode), (143, 130))
        self.shared("sharing", [[0, 1], [2]])  # they left: nobody waits for their session to end
        harness.wait_for("all to be committed", lambda: end() == 30, timeout_s=20, every_s=0.2)
        for m in self.members[2:]:
            m.send_signal(signal.SIGINT)
            said.append(m.communicate(timeout=WAIT_S))
        got = sorted(int(x.split("\t")[1]) for out, _ in said for x in out.decode().splitlines())
        self.assertEqual(got, list(range(30)))
        self.assertEqual(sum(int(re.search(r"total of (\d+) messages", err.decode())[1]) for _, err in said), 30)

    def test_records_of_internal_topics(self):
        topic = self.make("inside")
        self.produce(topic, "a\n")
        self.read(topic, "--group", "seen", "--from-beginning", "--max-messages", 1)
        tools = "org.apache.kafka.tools.consumer."
        out = self.read("__consumer_offsets", "--from-beginning", "--timeout-ms", 1500, "--formatter",
                        tools + "OffsetsMessageFormatter")
        decoder = json.JSONDecoder()
        rows = []
        while out:  # as in Kafka there is nothing between them
            row, end = decoder.raw_decode(out)
            rows.append(row)
            out = out[end:]
        mine = [r for r in rows if r["key"]["data"] == {"group": "seen", "topic": "inside", "partition": 0}]
        self.assertEqual((mine[-1]["key"]["type"], mine[-1]["value"]["data"]["offset"]), (1, 1))
        out = self.read("__consumer_offsets", "--from-beginning", "--timeout-ms", 1500, "--formatter",
                        tools + "GroupMetadataMessageFormatter")
        self.assertIn('"data":{"group":"seen"}},"value":{"version":3,"data":{"protocolType":"consumer"', out)

    def test_a_setting_that_is_none(self):
        self.read("x", "--group", "a", "--command-property", "group.id=b", status=1)
        self.assertIn("Detected group ids: 'a', 'b'", self.said)
        self.read("x", "--from-beginning", "--command-property", "auto.offset.reset=latest", status=1)
        self.assertIn("Can't simultaneously specify", self.said)


class Files(Console):
    """What a topic's files are, and what retention takes of them."""

    @classmethod
    def setUpClass(cls):
        cls.broker = harness.broker(overrides={"log.retention.check.interval.ms": 100}).__enter__()

    def segments(self, topic):
        folder = os.path.join(self.broker.dir, topic + "-0")
        return {int(name[:-4]): os.path.getsize(os.path.join(folder, name))
                for name in os.listdir(folder) if name.endswith(".log")}

    def test_retention_takes_whole_segments_and_nothing_else(self):
        topic = "kept"
        self.tool("topics", "--create", "--topic", topic, "--config", "segment.bytes=1048576", "--config",
                  "file.delete.delay.ms=0")
        self.tool("producer-perf-test", "--topic", topic, "--num-records", 5000, "--record-size", 1000, "--throughput", -1)
        before = self.segments(topic)
        self.assertGreaterEqual(len(before), 4)
        self.tool("configs", "--alter", "--topic", topic, "--add-config", "retention.bytes=2000000")
        size, bases = sum(before.values()), sorted(before)
        while size - before[bases[0]] >= 2_000_000:
            size -= before[bases.pop(0)]
        want = {base: before[base] for base in bases}
        harness.wait_for("the segments to go", lambda: self.segments(topic) == want, timeout_s=60)
        self.assertEqual(self.tool("get-offsets", "--topic", topic, "--time", "earliest"), "kept:0:%d\n" % bases[0])
        left = self.partition(topic, "--format", "json").splitlines()
        self.assertEqual([json.loads(x)["offset"] for x in left], list(range(bases[0], 5000)))

    def test_a_segment_is_dumped(self):
        topic = self.make("dumped")
        self.produce(topic, "".join("k%d:v%d\n" % (i, i) for i in range(5)), *Producer.PARSED)
        path = os.path.join(self.broker.dir, "dumped-0", "0" * 20 + ".log")
        out = subprocess.run([OTTLA, "dump-log", "--deep-iteration", "--print-data-log", "--files", path],
                             capture_output=True, text=True, timeout=WAIT_S, check=True).stdout
        self.assertEqual(re.findall(r"^\| offset: (\d) .* key: (k\d) payload: (v\d)$", out, re.M),
                         [(str(i), "k%d" % i, "v%d" % i) for i in range(5)])


class Flags(Console):
    """Those that no scene of a user's day needs."""

    def file(self, text):
        path = os.path.join(harness.Dirs.new("conf"), "x.properties")
        with open(path, "w") as f:
            f.write(text)
        return path

    def test_files_of_the_reader_and_of_the_formatter(self):
        topic = self.make("flag-files")
        self.produce(topic, "k=v\n", "--reader-config", self.file("parse.key=true\nkey.separator=\\=\n"))
        self.assertEqual(self.partition(topic, "--formatter-config", self.file("print.key=true\nkey.separator=@\n")), "k@v\n")
        self.assertEqual(self.partition(topic, "--formatter-config", self.file("print.key=true\n"), "--formatter-property",
                                        "print.key=false"), "v\n")

    def test_of_the_consumer_perf_test(self):
        topic = self.make("flag-perf")
        self.produce(topic, "a\nb\n")
        perf = ("consumer-perf-test", "--topic", topic, "--hide-header", "--num-records", 2)
        out = self.tool(*perf, "--timeout", 60000, "--date-format", "yyyy@HH", "--socket-buffer-size", 4096)
        self.assertRegex(out, r"^\d{4}@\d\d, \d{4}@\d\d, 0\.0000, [\d.]+, 2, ")
        self.tool(*perf, "--date-format", "Q", status=1)
        out = self.tool(*perf, "--timeout", 1000, "--from-latest")
        self.assertIn("WARNING: Exiting before consuming the expected number of records", out)

    def test_of_the_verifiable_consumer(self):
        topic = self.make("flag-member")
        self.produce(topic, "a\nb\n")
        read = ("verifiable-consumer", "--topic", topic, "--max-messages", 2)
        for words in (("--group-instance-id", "me", "--session-timeout", 7000, "--assignment-strategy",
                       "org.apache.kafka.clients.consumer.RoundRobinAssignor"),
                      ("--group-protocol", "consumer", "--group-remote-assignor", "range")):
            out = self.tool(*read, "--group-id", "flags-%d" % len(words), "--reset-policy", "earliest", *words)
            events = [json.loads(x) for x in out.splitlines()]
            self.assertEqual(sum(e["count"] for e in events if e["name"] == "records_consumed"), 2, words)
        for words in (("--group-protocol", "nonsense"), ("--assignment-strategy", "no.such.Class")):
            self.assertEqual(self.tool(*read, "--group-id", "flags-none", *words, status=1), "")
        self.tool(*read, "--group-id", "flags-none", "--reset-policy", "nonsense", status=1)
        self.assertIn("auto.offset.reset", self.said)

    def test_what_means_nothing_to_the_others_means_nothing_here(self):
        topic = self.make("flag-odd")
        self.produce(topic, "a\n", "--sync=true", "extra")
        self.assertEqual(self.partition(topic, "--skip-message-on-error", "true"), "a\n")
        self.produce(topic, "a\n", "--socket-buffer-size", -2, status=1)
        self.produce(topic, "a\n", "--batch-size", 1 << 31, status=1)
        self.assertEqual(self.partition(topic, "--max-messages", -2), "")  # -1 alone means all
        self.partition(topic, "--max-messages", 1 << 31, status=1)
        for name in ("console-producer", "delete-records", "verifiable-consumer"):
            out = subprocess.run([OTTLA, name, "--version"], capture_output=True, text=True, timeout=WAIT_S, check=True)
            self.assertRegex(out.stdout, r"^\d+\.\d+\.\d+\n$")  # whatever else it needs

    def test_records_keep_their_partitions(self):
        source, target = self.make("flag-from", 3), self.make("flag-to", 3)
        for p in range(3):
            self.tool("produce", source, "-p", p, text="in %d\n" % p)
        rows = self.tool("consume", source, "-e", "-f", "json")
        rows = "".join(json.dumps({**json.loads(x), "topic": target}) + "\n" for x in rows.splitlines())
        self.tool("produce", "-f", "json", "--keep-partition", text=rows)
        self.assertEqual([self.partition(target, partition=p) for p in range(3)], ["in %d\n" % p for p in range(3)])


class Progress(Console):
    """What a person sees of long work; that scripts see nothing of it."""

    LINE = re.compile(rb"\r\x1b\[K *\d+% (\x1b\[32m)?\[[=> ]+\]")

    def on_terminal(self, *argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **env):
        """What comes on standard error, which is a terminal."""
        outside, inside = pty.openpty()
        fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
        p = subprocess.Popen(argv, stdin=stdin, stdout=stdout, stderr=inside, env={**os.environ, "TERM": "xterm", **env})
        os.close(inside)
        seen = b""
        while True:
            try:
                data = os.read(outside, 10000)
            except OSError:  # nobody has it open any more
                break
            if not data:
                break
            seen += data
        os.close(outside)
        self.assertEqual(p.wait(WAIT_S), 0, seen)
        return seen

    def perf(self, *words):
        return self.words("producer-perf-test", "--topic", "progress", "--num-records", 300, "--record-size", 10,
                          "--throughput", 150, *words)

    def test_a_terminal_shows_it_and_keeps_nothing_of_it(self):
        self.make("progress")
        seen = self.on_terminal(*self.perf())
        self.assertRegex(seen, self.LINE)
        self.assertIn(b" of 300 records, ", seen)
        self.assertIn(b"\x1b[32m", seen)
        self.assertEqual(seen.split(b"\x1b[K")[-1], b"")  # wiped
        seen = self.on_terminal(*self.perf(), NO_COLOR="1")
        self.assertRegex(seen, self.LINE)
        self.assertNotIn(b"\x1b[32m", seen)

    def test_elsewhere_there_is_none(self):
        self.make("progress-none")
        self.assertEqual(self.on_terminal(*self.perf(), TERM="dumb"), b"")
        self.assertEqual(self.on_terminal(*self.perf(), stdout=subprocess.PIPE), b"")
        self.tool("producer-perf-test", "--topic", "progress-none", "--num-records", 100, "--record-size", 10,
                  "--throughput", 100)
        self.assertEqual(self.said, "")

    def test_files_go_in_and_out(self):
        """A file that goes in slowly, because the broker's answer is waited for each time, and comes out again."""
        topic = self.make("progress-files")
        path = os.path.join(harness.Dirs.new("files"), "lines")
        with open(path, "w") as f:
            f.writelines("%d %s\n" % (i, "x" * 1000) for i in range(4000))
        start = time.monotonic()
        with open(path, "rb") as f:
            seen = self.on_terminal(*self.words("console-producer", "--topic", topic, "--sync"), stdin=f)
        if time.monotonic() - start > 1:  # what is done in a moment shows nothing
            self.assertRegex(seen, self.LINE)
            self.assertRegex(seen, rb"[\d.]+ of 3.8 MiB, ")
        self.assertEqual(seen.split(b"\x1b[K")[-1], b"")
        with open(path + ".back", "wb") as f:
            # it ends when the last second, or more, has brought nothing, which is long enough to be shown
            seen = self.on_terminal(*self.words("console-consumer", "--topic", topic, "--from-beginning", "--max-messages",
                                                4001, "--timeout-ms", 10000 if harness.IS_KAFKA else 1000), stdout=f)
        self.assertTrue(seen.endswith(b"Processed a total of 4000 messages\r\n"), seen[-200:])
        with open(path, "rb") as a, open(path + ".back", "rb") as b:
            self.assertEqual(a.read(), b.read())


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

    def test_reading(self):
        topic = self.make("reads", 2)
        self.produce(topic, "".join("k\tv%04d\n" % i for i in range(1000)), "--reader-property", "parse.key=true")
        row = r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d:\d{3}, ){2}\d+\.\d{4}, \d+\.\d{4}, (\d+), \d+\.\d{4}, \d+, \d+, " \
              r"\d+\.\d{4}, \d+\.\d{4}"
        out = self.tool("consumer-perf-test", "--topic", topic, "--num-records", 1000, "--print-metrics").splitlines()
        self.assertIn("consumer-metrics:records-consumed-total:{client-id=perf-consumer-client}", "\n".join(out))
        self.assertEqual(out[0], "start.time, end.time, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, "
                                 "rebalance.time.ms, fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec")
        self.assertEqual(re.fullmatch(row, out[1])[2], "1000")
        out = self.tool("consumer-perf-test", "--topic", topic, "--num-records", 2000, "--timeout", 1000, "--hide-header")
        self.assertIn("WARNING: Exiting before consuming the expected number of records: timeout (1000 ms) exceeded.",
                      out.splitlines()[0])
        self.assertEqual(re.fullmatch(row, out.splitlines()[1])[2], "1000")
        out = json.loads(self.tool("consumer-perf-test", "--include", "re.ds", "--num-records", 1000, "--format", "json"))
        self.assertEqual((out["records"], out["mib"]), (1000, 0.0057))
        out = self.tool("consumer-perf-test", "--topic", topic, "--num-records", 1000, "--show-detailed-stats",
                        "--reporting-interval", 1).splitlines()
        self.assertEqual(out[0][:16], "time, threadId, ")
        self.assertGreater(len(out), 1)
        self.tool("consumer-perf-test", "--topic", topic, status=1)

    def test_settings_that_contradict(self):
        for words in (("--record-size", 0), ("--record-size", 5, "--payload-monotonic"), (),
                      ("--record-size", 5, "--warmup-records", 10), ("--record-size", 5, "stray")):
            self.perf("none", "--num-records", 10, "--throughput", -1, *words, status=1)


class Verifiable(Console):
    """One JSON event a line, for those who test systems."""

    @staticmethod
    def events(out):
        return [json.loads(x) for x in out.splitlines()]

    def test_a_producer_tells_what_became_of_each_record(self):
        topic = self.make("told", 2)
        got = self.events(self.tool("verifiable-producer", "--topic", topic, "--max-messages", 50, "--value-prefix", 7,
                                    "--repeating-keys", 3, "--message-create-time", 1000))
        self.assertEqual([got[0]["name"]] + [e["name"] for e in got[-2:]],
                         ["startup_complete", "shutdown_complete", "tool_data"])
        sent = got[1:-2]
        self.assertEqual({e["name"] for e in sent}, {"producer_send_success"})
        self.assertEqual(sorted(int(e["value"][2:]) for e in sent), list(range(50)))
        self.assertEqual({e["key"] for e in sent}, set("012"))
        self.assertEqual((got[-1]["sent"], got[-1]["acked"], got[-1]["target_throughput"]), (50, 50, -1))
        self.assertEqual(list(sent[0]), ["timestamp", "name", "key", "value", "offset", "topic", "partition"])
        there = {}
        for p in range(2):
            for line in self.partition(topic, *self.key_and("offset", "key", "timestamp"), partition=p).splitlines():
                time, offset, key, value = line.split("\t")
                there[value] = (p, int(offset[7:]), key)
                self.assertLess(int(time.partition(":")[2]), 100_000)
        self.assertEqual({e["value"]: (e["partition"], e["offset"], e["key"]) for e in sent}, there)

    def test_a_producer_tells_of_failures_and_of_its_end(self):
        got = self.events(self.tool("verifiable-producer", "--topic", "bad/name", "--max-messages", 1))
        self.assertEqual([e["name"] for e in got],
                         ["startup_complete", "producer_send_error", "shutdown_complete", "tool_data"])
        self.assertEqual(list(got[1]), ["timestamp", "name", "topic", "key", "value", "exception", "message"])
        self.assertEqual(got[1]["exception"], "class org.apache.kafka.common.errors.InvalidTopicException")
        topic = self.make("endless")
        p = subprocess.Popen(self.words("verifiable-producer", "--topic", topic, "--throughput", 100),
                             stdout=subprocess.PIPE)
        seen = [p.stdout.readline() for _ in range(5)]
        p.send_signal(signal.SIGTERM)
        got = self.events(b"".join(seen) + p.stdout.read())  # what is buffered, too
        self.assertEqual(p.wait(WAIT_S), 143)
        p.stdout.close()
        self.assertEqual(got[-1]["sent"], got[-1]["acked"])
        self.assertEqual(sum(e["name"] == "producer_send_success" for e in got), got[-1]["acked"])
        self.tool("verifiable-producer", "--topic", topic, "--acks", 2, status=1)

    def test_a_consumer_tells_of_partitions_records_and_commits(self):
        topic = self.make("members", 2)
        self.produce(topic, "".join("k%d:v%d\n" % (i, i) for i in range(40)), *Producer.PARSED)
        got = self.events(self.tool("verifiable-consumer", "--topic", topic, "--group-id", "v", "--max-messages", 40,
                                    "--verbose"))
        names = [e["name"] for e in got]
        self.assertEqual((names[:2], names[-3:]), (["startup_complete", "partitions_assigned"],
                                                   ["partitions_revoked", "shutdown_complete", "shutdown_requested"]))
        self.assertEqual(got[1]["partitions"], [{"topic": topic, "partition": p} for p in range(2)])
        data = [e for e in got if e["name"] == "record_data"]
        self.assertEqual(sorted(e["value"] for e in data), sorted("v%d" % i for i in range(40)))
        commits = {o["partition"]: o["offset"] for e in got if e["name"] == "offsets_committed" for o in e["offsets"]}
        self.assertEqual(sum(commits.values()), 40)
        self.assertTrue(all(e["success"] for e in got if e["name"] == "offsets_committed"))
        for e in got:
            if e["name"] == "records_consumed":
                part = e["partitions"][0]
                self.assertEqual(part["maxOffset"] - part["minOffset"] + 1, part["count"])

    def test_a_consumer_is_stopped(self):
        topic = self.make("stops")
        p = subprocess.Popen(self.words("verifiable-consumer", "--topic", topic, "--group-id", "s",
                                        "--enable-autocommit", "--assignment-strategy",
                                        "org.apache.kafka.clients.consumer.RoundRobinAssignor"), stdout=subprocess.PIPE)
        self.assertEqual([json.loads(p.stdout.readline())["name"] for _ in range(2)],
                         ["startup_complete", "partitions_assigned"])
        self.produce(topic, "x\n")
        self.assertEqual(json.loads(p.stdout.readline())["count"], 1)
        p.send_signal(signal.SIGINT)
        out = p.stdout.read()
        p.stdout.close()
        self.assertEqual(([e["name"] for e in self.events(out)], p.wait(WAIT_S)),
                         (["shutdown_requested", "partitions_revoked", "shutdown_complete"], 130))
        self.assertEqual(json.loads(self.tool("consumer-groups", "--describe", "--group", "s", "--format",
                                              "json"))[0]["current_offset"], 1)


if __name__ == "__main__":
    unittest.main()
