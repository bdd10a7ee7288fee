"""HTTP on the port of Kafka's protocol: /metrics and /health, beside Kafka's clients and odd peers."""

import json
import re
import socket
import unittest
import urllib.error
import urllib.request

import harness
from apicase import ApiCase

SAMPLE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(\w+="(?:[^"\\]|\\.)*"(?:,\w+="(?:[^"\\]|\\.)*")*)\})? (\S+)$')


def parse(text):
    """{(name, labels): value}; everything that Prometheus would not take fails."""
    found, types, current = {}, {}, None
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, current, kind = line.split(" ")
            assert current not in types, "two heads for " + current
            types[current] = kind
        elif not line.startswith("# HELP "):
            name, labels, value = SAMPLE.match(line).groups()
            base = re.sub("_(bucket|sum|count)$", "", name) if types.get(current) == "histogram" else name
            assert base == current, "%s stands under %s" % (name, current)
            key = (name, frozenset((labels or "").split(",")))
            assert key not in found, "twice: " + line
            found[key] = float(value)
    return found


@unittest.skipIf(harness.os.environ.get("OTTLA_E2E_BROKER") == "kafka", "Apache Kafka has no HTTP")
class Http(ApiCase):
    def get(self, path, **kw):
        with urllib.request.urlopen("http://127.0.0.1:%d%s" % (self.broker.port, path), timeout=20, **kw) as r:
            return r.status, r.headers["content-type"], r.read().decode()

    def metrics(self):
        status, kind, text = self.get("/metrics")
        self.assertEqual((status, kind), (200, "text/plain; version=0.0.4; charset=utf-8"))
        return parse(text)

    @staticmethod
    def one(found, name, **labels):
        """An API that nobody has used yet has no line."""
        return found.get((name, frozenset(['%s="%s"' % i for i in labels.items()] or [""])), 0)

    def test_what_happened_is_counted(self):
        name = self.topic()
        self.create(name, partitions=2)
        before = self.metrics()
        self.write(name, [b"one", b"two", b"three"], partition=1)
        self.read(name, partition=1)
        after = self.metrics()
        grown = lambda metric, **kw: self.one(after, metric, **kw) - self.one(before, metric, **kw)  # noqa: E731
        self.assertEqual(grown("ottla_produced_records_total"), 3)
        self.assertEqual(grown("ottla_produced_bytes_total"), grown("ottla_fetched_bytes_total"))
        self.assertGreaterEqual(grown("ottla_sync_seconds_count"), 1)
        self.assertEqual(grown("ottla_requests_total", api="Produce"), 1)
        self.assertEqual(grown("ottla_request_seconds_count", api="Produce"), 1)
        self.assertEqual(grown("ottla_request_seconds_bucket", api="Produce", le="+Inf"), 1)
        self.assertGreater(grown("ottla_request_seconds_sum", api="Produce"), 0)
        part = {"topic": name, "partition": 1}
        self.assertEqual(self.one(after, "kafka_topic_partitions", topic=name), 2)
        self.assertEqual(self.one(after, "kafka_topic_partition_current_offset", **part), 3)
        self.assertEqual(self.one(after, "kafka_topic_partition_oldest_offset", **part), 0)
        self.assertEqual(self.one(after, "kafka_topic_partition_leader", **part), 1)
        self.assertEqual(self.one(after, "ottla_partition_bytes", **part), grown("ottla_produced_bytes_total"))
        self.assertEqual(self.one(after, "ottla_partition_offline", **part), 0)
        self.assertEqual(self.one(after, "kafka_brokers"), 1)
        self.assertGreaterEqual(self.one(after, "ottla_connections"), 1)
        self.assertGreater(self.one(after, "process_resident_memory_bytes"), 1 << 20)

    def commit(self, group, name, offsets):
        """As a consumer without a group's membership does it."""
        body = {"groupId": group, "generationIdOrMemberEpoch": -1, "memberId": "", "topics": [{"name": name, "partitions": [
            {"partitionIndex": p, "committedOffset": off, "committedMetadata": ""} for p, off in offsets.items()]}]}
        self.c.call("FindCoordinator", 4, {"keyType": 0, "coordinatorKeys": [group]})
        r = self.c.call("OffsetCommit", 8, body)
        self.assertEqual([p["errorCode"] for p in r["topics"][0]["partitions"]], [0] * len(offsets))

    def test_lags_of_groups(self):
        name, group = self.topic(), 'a "group"\\ of\nmine'
        self.create(name, partitions=3)
        self.write(name, [b"one", b"two", b"three"], partition=0)
        self.write(name, [b"four"], partition=1)
        self.commit(group, name, {0: 1, 1: 1})
        found = self.metrics()
        label = {"consumergroup": 'a \\"group\\"\\\\ of\\nmine'}
        for part, offset, lag in ((0, 1, 2), (1, 1, 0)):
            where = dict(label, topic=name, partition=part)
            self.assertEqual(self.one(found, "kafka_consumergroup_current_offset", **where), offset)
            self.assertEqual(self.one(found, "kafka_consumergroup_lag", **where), lag)
        self.assertEqual(self.one(found, "kafka_consumergroup_lag_sum", topic=name, **label), 2)
        self.assertEqual(self.one(found, "ottla_consumergroup_lag_max", **label), 2)
        self.assertIn(("kafka_consumergroup_members", frozenset(['consumergroup="%s"' % label["consumergroup"]])), found)
        self.assertEqual(self.one(found, "ottla_consumergroups", state="Empty"), 1)

    def test_health(self):
        status, kind, text = self.get("/health")
        self.assertEqual((status, kind), (200, "application/json"))
        found = json.loads(text)
        self.assertEqual((found["status"], found["node_id"], found["offline_partitions"]), ("up", 1, 0))

    def test_other_pages_and_methods(self):
        for path, kw, want in (("/nope", {}, 404), ("/", {}, 404), ("/metrics", {"data": b"x" * 100000}, 405)):
            with self.assertRaises(urllib.error.HTTPError) as e:
                self.get(path, **kw)
            self.assertEqual(e.exception.code, want)
            e.exception.close()
        self.get("/metrics?name[]=x")

    def test_a_request_that_comes_byte_by_byte(self):
        with socket.create_connection(("127.0.0.1", self.broker.port), timeout=20) as s:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for b in b"GET /health HTTP/1.0\r\n\r\n":
                s.sendall(bytes([b]))
            answer = b"".join(iter(lambda: s.recv(4096), b""))
        self.assertIn(b" 200 OK\r\n", answer)

    def test_noise_in_capitals_harms_nobody(self):
        for noise in (b"A", b"GET", b"ZZZZ\0\0\0\1", b"GET /" + b"x" * 100000, b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 20000):
            with socket.create_connection(("127.0.0.1", self.broker.port), timeout=20) as s:
                try:
                    s.sendall(noise)
                    s.shutdown(socket.SHUT_WR)
                    while s.recv(65536):
                        pass
                except OSError:
                    pass  # closed before it took everything
        self.test_health()

    def test_many_at_once(self):
        alive = [socket.create_connection(("127.0.0.1", self.broker.port), timeout=20) for _ in range(200)]
        for s in alive:
            s.sendall(b"GET /metrics HTTP/1.1\r\n")  # and never the end of it
        name = self.topic()
        self.create(name)
        self.assertEqual(self.write(name, [b"meanwhile"]), 0)
        for s in alive:
            s.close()
        harness.wait_for("a place", self.can_get, every_s=0.05)

    def can_get(self):
        try:
            return self.get("/health")[0] == 200
        except OSError:
            return False

    def test_it_stops_with_connections_open(self):
        with harness.broker() as b, socket.create_connection(("127.0.0.1", b.port), timeout=20) as s:
            s.sendall(b"GET /metrics HTTP/1.1\r\n")
            self.assertEqual(b.stop(), 0)
