"""libottla on a network that is slow, that falls silent, or that cuts connections: what was told to be written is there,
once and in order, and what was not is told. client_records.c and client_group.c are the programs, test/peers/proxy.py the network."""

import os
import subprocess
import sys
import threading
import time
import unittest

import batch
import bombs
import fake
import harness
import wire
from test_client_records import PARTITIONS, PROGRAM, Case

sys.path.insert(0, os.path.join(harness.ROOT, "test", "peers"))
import peers  # noqa: E402
from proxy import Proxy  # noqa: E402

WAIT_S = 60
REQUEST_MS = 2000
SANITIZED = os.environ.get("OTTLA_SANITIZER", "none") != "none"  # its memory is not the program's


class Writer:
    """A producer that is fed and watched: told has (partition, offset, error), as they come."""

    def __init__(self, bootstrap, topic, **conf):
        conf = {"request_timeout_ms": REQUEST_MS, "linger_ms": 0, "max_block_ms": 30000, **conf}
        settings = ["%s=%s" % (k.replace("_", "."), v) for k, v in conf.items()]
        self.p = subprocess.Popen([PROGRAM, "produce", bootstrap, topic, "async", "60000", *settings], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE)
        self.told = []
        self.thread = threading.Thread(target=self._listen)
        self.thread.start()

    def _listen(self):
        for line in self.p.stdout:
            p, o, error = line.decode().split(" ", 3)[:3]
            error = error.strip()
            self.told.append((int(p), int(o), error))

    def write(self, numbers):
        for i in numbers:
            self.p.stdin.write(b"%d -1 - %s\n" % (i % PARTITIONS, (b"%d" % i).hex().encode()))
        self.p.stdin.flush()

    def until_told(self, count):
        harness.wait_for("%d records, not %d" % (count, len(self.told)), lambda: len(self.told) >= count, WAIT_S)
        return [e for _, _, e in self.told[:count]]

    def end(self):
        self.p.stdin.close()
        rc = self.p.wait(WAIT_S)
        self.thread.join()
        self.p.stdout.close()
        return rc

    def kill(self):
        if self.p.poll() is None:
            self.p.kill()
            self.end()


class ClientNetwork(Case):
    @classmethod
    def setUpClass(cls):
        port = harness.free_port()
        cls.broker = harness.broker(advertised_port=port, overrides={
            "num.partitions": PARTITIONS, "group.initial.rebalance.delay.ms": 0, "group.min.session.timeout.ms": 1000}).start()
        cls.proxy = Proxy(port, cls.broker.port)
        cls.at = "127.0.0.1:%d" % port

    @classmethod
    def tearDownClass(cls):
        cls.proxy.close()
        cls.broker.stop()

    def tearDown(self):
        self.proxy.rate = None
        self.proxy.listen()

    def writer(self, **conf):
        w = Writer(self.at, self.topic(), **conf)
        self.addCleanup(w.kill)
        return w

    def values(self):
        """Of each partition, in order."""
        self.proxy.listen()
        got = self.consume()
        return [[int(g.value) for g in got if g.partition == p] for p in range(PARTITIONS)]

    def assert_all(self, count):
        self.assertEqual(self.values(), [list(range(p, count, PARTITIONS)) for p in range(PARTITIONS)])

    def test_a_producer_whose_connection_is_half_open(self):
        """It gives the connection up after request.timeout.ms and sends again on another one, without doubles."""
        w = self.writer()
        w.write(range(100))
        self.assertEqual(set(w.until_told(100)), {"NONE"})
        self.proxy.silence()
        w.write(range(100, 200))
        self.assertEqual(set(w.until_told(200)), {"NONE"})
        self.assertEqual(w.end(), 0)
        self.assert_all(200)

    def test_a_consumer_whose_connections_are_half_open(self):
        w = self.writer()
        w.write(range(30))
        w.until_told(30)
        m = peers.Member([*peers.OURS.command, "group", "--bootstrap", self.at, "--group", self.topic(), "--topic",
                          self.topic(), "--prop", "session.timeout.ms=6000", "--prop", "request.timeout.ms=%d" % REQUEST_MS])
        self.addCleanup(m.kill)
        harness.wait_for("the first records", lambda: len(m.records()) >= 30, WAIT_S)
        self.proxy.silence()
        w.write(range(30, 60))
        self.assertEqual(set(w.until_told(60)), {"NONE"})
        harness.wait_for("the records after it", lambda: len(set(m.records())) >= 60, WAIT_S)
        self.assertEqual(len(m.records()), 60)
        self.assertEqual([x for x in m.said if "failed" in x], [])
        m.stop()
        w.end()

    def test_batches_expire(self):
        """Nobody answers: each record is told after delivery.timeout.ms, none is kept; the next ones go their way."""
        w = self.writer(delivery_timeout_ms=3000, request_timeout_ms=1000)
        w.write(range(30))
        self.assertEqual(set(w.until_told(30)), {"NONE"})
        self.proxy.silence(new=True)
        start = time.monotonic()
        w.write(range(30, 90))
        self.assertEqual(set(w.until_told(90)[30:]), {"REQUEST_TIMED_OUT"})
        self.assertLess(time.monotonic() - start, 20)
        self.proxy.listen()
        w.write(range(90, 120))
        self.assertEqual(set(w.until_told(120)[90:]), {"NONE"})
        self.assertEqual(w.end(), 0)
        want = list(range(30)) + list(range(90, 120))
        self.assertEqual(self.values(), [[i for i in want if i % PARTITIONS == p] for p in range(PARTITIONS)])

    def test_a_slow_network(self):
        """What is on its way for long is neither given up nor sent twice."""
        self.proxy.rate = 100_000
        big = [(i % PARTITIONS, -1, None, b"%06d" % i * 100) for i in range(1000)]  # 600 KB
        told = self.produce(big, broker=self.at, request_timeout_ms=REQUEST_MS * 5)
        self.assertEqual({e for _, _, e in told}, {"NONE"})
        got = [g.value[:6] for g in self.consume(broker=self.at, fetch_max_bytes=100_000)]
        self.assertEqual(sorted(got), [b"%06d" % i for i in range(1000)])

    def test_cuts(self):
        """Connections are cut in the middle of requests and answers, and answers get lost."""
        count = 6000
        lines = [(i % PARTITIONS, -1, None, b"%d" % i) for i in range(count)]
        self.proxy.hurt(1, 20_000)
        try:
            told = self.produce(lines, broker=self.at, batch_size=2000)
        finally:
            cuts = self.proxy.calm()
        self.assertEqual({e for _, _, e in told}, {"NONE"})
        self.assert_all(count)
        self.assertGreater(sum(cuts.values()), 0)

    def test_nobody_answers_at_first(self):
        """The address is there and says nothing: connections are given up, not waited for for ever."""
        self.proxy.silence(new=True)
        w = self.writer(socket_connection_setup_timeout_ms=500, socket_connection_setup_timeout_max_ms=500)
        w.write(range(3))
        time.sleep(1)
        self.assertEqual(w.told, [])
        self.proxy.listen()
        self.assertEqual(w.until_told(3), ["NONE"] * 3)
        w.end()
        self.assert_all(3)


class Bombs(unittest.TestCase):
    """Batches that unpack to far more than a consumer may want: told with their offset, at little cost, and others are read."""

    def consume(self, batches, *settings):
        """(lines, most memory that it had in KiB)"""
        broker = fake.Broker("t", batches)
        self.addCleanup(broker.close)
        env = dict(os.environ, OTTLA_TEST_SKIP="1")
        p = subprocess.Popen([PROGRAM, "consume", broker.bootstrap, "t", "1", "0", *settings], stdout=subprocess.PIPE, env=env)
        out = p.stdout.read()
        _, status, usage = os.wait4(p.pid, 0)
        p.returncode = os.waitstatus_to_exitcode(status)
        p.stdout.close()
        self.assertEqual(p.returncode, 0, out[:1000])
        return out.decode().splitlines(), usage.ru_maxrss

    def test_bombs(self):
        """In each codec; what it costs to find out is at most what a batch may unpack to."""
        for number, name in enumerate(("gzip", "snappy", "lz4", "zstd"), 1):
            bomb = batch.batch(attributes=number, body=bombs.MADE[name](600 << 20), crc=0)
            lines, rss = self.consume({0: bomb, 1: batch.batch(base_offset=1)}, "check.crcs=false")
            self.assertIn("t-0: at offset 0: the batch unpacks to more than 256 MiB", lines[0], name)
            self.assertEqual([x.split()[:2] for x in lines], [["!", "BUDGET"], ["0", "1"]], name)
            if not SANITIZED:  # those keep what was freed
                self.assertLess(rss, 400 << 10, name)

    def test_crcs(self):
        """check.crcs: a batch whose checksum is wrong is told and not given, unless nobody wants to know."""
        batches = {0: batch.batch(crc=0), 1: batch.batch(base_offset=1)}
        lines, _ = self.consume(batches)
        self.assertEqual([x.split()[:2] for x in lines], [["!", "CORRUPT_MESSAGE"], ["0", "1"]])
        lines, _ = self.consume(batches, "check.crcs=false")
        self.assertEqual([x.split()[:2] for x in lines], [["0", "0"], ["0", "1"]])


class Throttled(unittest.TestCase):
    def test_nothing_is_asked_meanwhile(self):
        """A broker that throttles a producer is left alone by it, not with records only: metadata get old in 100 ms."""
        broker = fake.Broker("t", {}, throttles=[1500, 0])
        self.addCleanup(broker.close)
        lines = "0 -1 - 61\n0 -1 - 62\n".encode()
        out = harness.run(PROGRAM, "produce", broker.bootstrap, "t", "sync", "60000", "acks=1", "enable.idempotence=false",
                          "metadata.max.age.ms=100", input=lines)
        self.assertEqual(out.decode().split("\n")[:2], ["0 0 NONE"] * 2)
        names = [name for _, name in broker.seen]
        first = names.index("Produce")
        # The client counts whole milliseconds: it may be one early.
        self.assertGreaterEqual(broker.seen[first + 1][0] - broker.seen[first][0], 1.5 - 0.002, broker.seen)
        self.assertIn("Produce", names[first + 1:])


class FetchSessions(Case):
    """What a consumer asks a broker for, seen by a proxy between them (KIP-227)."""

    COUNT = 300  # partitions

    @classmethod
    def setUpClass(cls):
        port = harness.free_port()
        cls.broker = harness.broker(advertised_port=port, overrides={
            "num.partitions": cls.COUNT, "group.initial.rebalance.delay.ms": 0}).start()
        cls.proxy = Proxy(port, cls.broker.port)
        cls.proxy.on_request = cls.take
        cls.at = "127.0.0.1:%d" % port
        cls.fetches = []

    @classmethod
    def tearDownClass(cls):
        cls.proxy.close()
        cls.broker.stop()

    @classmethod
    def take(cls, frame):
        if frame[:2] == b"\0\1":  # Fetch
            _, version, body = wire.parse_request(frame)
            named = sum(len(t["partitions"]) for t in body["topics"])
            forgotten = sum(len(t["partitions"]) for t in body["forgottenTopicsData"])
            cls.fetches.append((body["sessionId"], body["sessionEpoch"], named, forgotten, len(frame)))
            assert version >= 13, version  # by topic ids

    def setUp(self):
        self.count = 0
        self.fetches.clear()

    def write(self, partition):
        self.assertEqual(self.produce([(partition, -1, None, b"x")])[0][2], "NONE")
        self.count += 1

    def member(self):
        self.write(0)
        m = peers.Member([*peers.OURS.command, "group", "--bootstrap", self.at, "--group", self.topic(), "--topic", self.topic()])
        self.addCleanup(m.kill)
        self.until_read(m)
        return m

    def until_read(self, m):
        harness.wait_for("%d records" % self.count, lambda: len(m.records()) >= self.count, WAIT_S)

    def wait_epoch(self, epoch):
        harness.wait_for("a fetch of epoch %d" % epoch, lambda: any(f[1] == epoch for f in self.fetches), WAIT_S)

    def test_increments(self):
        """300 partitions are named once; then each request names those that were read since the last one, and the session
        is ended."""
        m = self.member()
        for i in range(20):
            self.write(i * 7)
            self.until_read(m)
        self.wait_epoch(20)
        m.stop()
        harness.wait_for("the end of the session", lambda: self.fetches[-1][1] == -1, WAIT_S)
        first, *rest, last = list(self.fetches)
        self.assertEqual(first[:4], (0, 0, self.COUNT, 0))
        self.assertEqual([f[1] for f in rest], list(range(1, len(rest) + 1)))
        self.assertEqual(len({f[0] for f in rest + [last]} - {0}), 1)
        self.assertLessEqual(sum(f[2] for f in rest), 2 * self.count)
        self.assertLessEqual(max(f[2] + f[3] for f in rest), 3)
        self.assertLess(max(f[4] for f in rest) * 20, first[4])
        self.assertEqual(last[2:4], (0, 0))
        self.assertEqual(len(m.records()), self.count)

    def test_the_broker_starts_anew(self):
        """It knows no sessions any more: all is named again."""
        m = self.member()
        self.wait_epoch(2)
        self.broker.restart()
        at = len(self.fetches)
        self.write(5)
        self.until_read(m)
        self.assertIn(0, [f[1] for f in self.fetches[at:]])
        harness.wait_for("all to be named", lambda: sum(f[2] for f in self.fetches[at:]) >= self.COUNT, WAIT_S)
        self.write(6)
        self.until_read(m)
        harness.wait_for("increments again", lambda: self.fetches[-1][1] > 1, WAIT_S)
        m.stop()
        self.assertEqual(len(m.records()), self.count)


if __name__ == "__main__":
    unittest.main()
