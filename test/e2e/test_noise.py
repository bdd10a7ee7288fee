"""Bytes that no client sends: a connection may end, the broker may not, and its memory stays bounded."""

import contextlib
import os
import random
import socket
import struct
import threading
import unittest

import harness
import records
from apicase import NO_ID, NONE, ApiCase
from kcat import consume, produce
from wire import Connection, messages, request_frame

MIB = 1 << 20
SERVED = (0, 1, 2, 3, 10, 18, 19, 20, 21, 22, 23, 35, 37, 60, 61, 75)


def frame(body):
    return struct.pack(">i", len(body)) + body


def head(api, version, correlation=1):
    return struct.pack(">hhih", api, version, correlation, -1)


class Noisy(ApiCase):
    """Around every test: a topic that must stay as it is, and a broker that must stay up."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        produce(cls.broker, "calm", [b"before"])

    def tearDown(self):
        self.assertTrue(self.broker.is_alive(), self.broker.log())
        self.assertEqual([g.value for g in consume(self.broker, "calm")], [b"before"])

    def connect(self, timeout=20):
        return socket.create_connection(("127.0.0.1", self.broker.port), timeout)

    def send(self, data, ends=True):
        """What comes back until the broker closes. ends: also say that nothing more will be sent."""
        with self.connect() as s:
            got = b""
            try:
                s.sendall(data)
                if ends:
                    s.shutdown(socket.SHUT_WR)
                while True:
                    piece = s.recv(65536)
                    if not piece:
                        return got
                    got += piece
            except TimeoutError:
                raise
            except OSError:  # closed already
                return got

    def proc(self, name):
        return "/proc/%d/%s" % (self.broker.process.pid, name)

    def rss(self):
        """Resident bytes of the broker."""
        with open(self.proc("statm")) as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def sockets(self):
        n = 0
        for fd in os.listdir(self.proc("fd")):
            with contextlib.suppress(OSError):
                n += os.readlink(self.proc("fd/" + fd)).startswith("socket:")
        return n


class Noise(Noisy):
    def test_text_of_another_protocol(self):
        self.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", ends=False)
        self.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(512))

    def test_frame_sizes(self):
        for size in (-1, -2**31, 2**31 - 1, 100 * MIB + 1):
            self.assertEqual(self.send(struct.pack(">i", size) + b"\0" * 64, ends=False), b"")
        for size in (0, 1, 7, 100 * MIB):
            self.assertEqual(self.send(struct.pack(">i", size) + b"\0" * 64), b"")

    def test_unknown_apis(self):
        for api, version in ((-1, 0), (999, 0), (0, 99), (1, -1), (3, 32767), (-2**15, 2**15 - 1)):
            self.assertEqual(self.send(frame(head(api, version) + b"\0" * 32), ends=False), b"")

    def test_counts_that_are_not_there(self):
        for api, version in ((0, 3), (1, 4), (2, 1), (3, 0), (19, 2), (20, 1), (21, 0), (23, 2), (35, 1), (37, 0)):
            for count in (-2, -2**31, 2**31 - 1, 2**24):
                body = struct.pack(">hhii", -1, 1, 1000, count) if api == 0 else b""
                self.send(frame(head(api, version) + body + struct.pack(">i", count) * 6))

    def test_random_bytes(self):
        rnd = random.Random(6)
        for _ in range(100):
            self.send(rnd.randbytes(rnd.randrange(1, 4000)))

    def test_random_bodies(self):
        rnd = random.Random(7)
        for _ in range(600):
            api, version = rnd.choice(SERVED), rnd.randrange(19)
            if api in (19, 20, 37):  # these might by chance change something
                version = 0
            self.send(frame(head(api, version) + rnd.randbytes(rnd.randrange(200))))

    def test_flipped_bytes_of_good_requests(self):
        rnd = random.Random(8)
        for good in self.requests("flip"):
            for _ in range(40):
                bad = bytearray(good)
                for _ in range(rnd.randrange(1, 4)):
                    bad[rnd.randrange(8, len(bad))] = rnd.choice((0, 1, 0x7F, 0x80, 0xFF, rnd.randrange(256)))
                self.send(bytes(bad))

    def requests(self, topic):
        """A good request of each API that is served, at its last version."""
        topic_id = self.create(topic + "-" + self.topic()) if topic else NO_ID
        name = topic + "-" + self.topic()
        bodies = {
            "Produce": self.produce_body(13, (name, topic_id), records.build([b"cut"])),
            "Fetch": self.fetch_body(18, (name, topic_id), 0),
            "Metadata": {"topics": [{"name": name}]},
            "ListOffsets": {"replicaId": -1, "topics": [{"name": name, "partitions": [{"timestamp": -1}]}]},
            "InitProducerId": {"transactionalId": None},
            "DeleteRecords": {"topics": [{"name": "none", "partitions": [{"offset": 0}]}]},
            "ApiVersions": {"clientSoftwareName": "noise", "clientSoftwareVersion": "1"},
            "DescribeLogDirs": {"topics": None},
            "DescribeTopicPartitions": {"topics": [{"name": name}]},
            "DescribeCluster": {},
        }
        for api, body in bodies.items():
            version = self.listed[messages()[api + "Request"].id][1]
            yield frame(request_frame(api, version, 7, "noise", body))

    def test_cuts_at_every_byte(self):
        before = self.sockets()
        for good in self.requests("cut"):
            for n in range(len(good)):
                with self.connect() as s:
                    s.sendall(good[:n])
        name = "cut-" + self.topic()
        self.assertEqual(self.offset_at(name, -1)["offset"], 0)  # no half of a Produce was taken
        harness.wait_for("the sockets to go", lambda: self.sockets() <= before)

    def test_a_request_may_come_byte_by_byte(self):
        with self.connect() as s:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            f = s.makefile("rb")
            for good in self.requests("drip"):
                for i in range(len(good)):
                    s.sendall(good[i:i + 1])
                answer = f.read(struct.unpack(">i", f.read(4))[0])
                self.assertEqual(struct.unpack_from(">i", answer)[0], 7)

    def test_connections_that_are_reset(self):
        before = self.sockets()
        for good in self.requests("reset"):
            for _ in range(20):
                with self.connect() as s:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    s.sendall(good * 5)
        harness.wait_for("the sockets to go", lambda: self.sockets() <= before)

    def test_half_closed_connections_end(self):
        before = self.sockets()
        name = self.topic()
        self.create(name)
        body = self.fetch_body(12, (name, None), 0, maxWaitMs=300)
        for good in [frame(request_frame("Fetch", 12, 7, "noise", body)), *self.requests("half")]:
            got = self.send(good * 3)  # all that was asked is answered
            for _ in range(3):
                size, correlation = struct.unpack_from(">ii", got)
                self.assertEqual(correlation, 7)
                got = got[4 + size:]
            self.assertEqual(got, b"")
        harness.wait_for("the sockets to go", lambda: self.sockets() <= before)

    def test_silent_connections(self):
        idle = [self.connect() for _ in range(300)]
        for s in idle[::2]:
            s.sendall(b"\0\0")
        produce(self.broker, "beside", [b"x"])
        self.assertGreaterEqual(len(consume(self.broker, "beside")), 1)
        for s in idle:
            s.close()

    def test_pipelined_requests_are_answered_in_order(self):
        n = 300
        name = self.topic()
        self.create(name)
        kinds = [("ApiVersions", 0, {}), ("Metadata", 9, {"topics": [{"name": name}]}),
                 ("Produce", 9, self.produce_body(9, (name, None), records.build([b"x"]))),
                 ("Fetch", 12, self.fetch_body(12, (name, None), 0)),
                 ("ListOffsets", 5, {"replicaId": -1, "topics": [
                     {"name": name, "partitions": [{"timestamp": -1}]}]})]
        with Connection("127.0.0.1", self.broker.port) as c:
            data = b"".join(frame(request_frame(api, v, i, "noise", body))
                            for i in range(n) for api, v, body in [kinds[i % len(kinds)]])
            writer = threading.Thread(target=c.socket.sendall, args=(data,))
            writer.start()
            produced = 0
            for i in range(n):
                api, v, _ = kinds[i % len(kinds)]
                got, answer = c.receive(api, v)
                self.assertEqual(got, i)
                if api == "Produce":
                    self.assertEqual(answer["responses"][0]["partitionResponses"][0]["baseOffset"], produced)
                    produced += 1
                elif api == "ListOffsets":  # it sees what was asked for before it
                    self.assertEqual(answer["topics"][0]["partitions"][0]["offset"], produced)
            writer.join()


@unittest.skipIf(os.environ.get("OTTLA_E2E_BROKER") == "kafka", "a JVM's memory tells nothing")
class Memory(Noisy):
    """What a peer can make the broker hold."""

    overrides = {"message.max.bytes": 64 * MIB}

    def test_announced_bytes_cost_nothing(self):
        before = self.rss()
        conns = [self.connect() for _ in range(100)]
        for s in conns:
            s.sendall(struct.pack(">i", 90 * MIB) + bytes(10))
        produce(self.broker, "beside", [b"x"])
        self.assertLess(self.rss() - before, 200 * MIB)
        for s in conns:
            s.close()

    def test_answers_that_nobody_reads_are_not_made(self):
        """Whoever asks and never reads is not read from either, once its answers are enough."""
        for i in range(30):
            self.create("wide-%d-" % i + "x" * 200, 50)  # Metadata of all: about 60 KB an answer
        ask = frame(request_frame("Metadata", 9, 1, "deaf", {"topics": None}))
        before = self.rss()
        deaf = [self.connect() for _ in range(10)]
        for s in deaf:
            s.settimeout(0.5)
            try:
                while True:  # until the broker does not take more
                    s.sendall(ask * 1000)
            except socket.timeout:
                pass
        produce(self.broker, "beside", [b"x"])
        self.assertLess(self.rss() - before, 200 * MIB)
        for s in deaf:
            s.close()

    def test_counts_cost_nothing(self):
        before = self.rss()
        for api, version in ((1, 4), (2, 1), (3, 1), (23, 2)):
            body = {1: struct.pack(">iiiib", -1, 0, 0, 0, 0), 2: struct.pack(">i", -1)}.get(api, b"")
            data = frame(head(api, version) + body + struct.pack(">i", 900_000) + bytes(2 * MIB))
            for _ in range(5):
                self.send(data)
        self.assertLess(self.rss() - before, 200 * MIB)

    def test_slow_readers_hold_nothing_back(self):
        name = self.topic()
        self.create(name, retention_ms=-1)
        big = records.build([bytes(4 * MIB)])
        for _ in range(16):
            self.assertEqual(self.produce(name, big)["errorCode"], NONE)
        want = len(big) * 13  # what fetch.max.bytes of the broker allows
        body = self.fetch_body(12, (name, None), 0, partitionMaxBytes=100 * MIB, maxBytes=100 * MIB)
        before = self.rss()
        slow = [Connection("127.0.0.1", self.broker.port) for _ in range(10)]
        for c in slow:
            for _ in range(5):
                c.send("Fetch", 12, body)
        produce(self.broker, "beside", [b"y"])  # others are served meanwhile
        self.assertTrue(consume(self.broker, "beside"))
        self.assertLess(self.rss() - before, 200 * MIB)  # 3 GiB of answers wait
        for c in slow[1:]:
            c.close()
        for _ in range(2):
            part = slow[0].receive("Fetch", 12)[1]["responses"][0]["partitions"][0]
            self.assertEqual(len(part["records"]), want)
        slow[0].close()

    def test_questions_without_listening(self):
        """A peer that asks on and on and reads no answer is read from no further."""
        for i in range(20):
            self.create("%s-%d" % (self.topic(), i), partitions=10)
        before = self.rss()
        ask = frame(request_frame("Metadata", 9, 1, "noise", {"topics": None})) * 100
        with self.connect(timeout=3) as s:
            sent = 0
            with self.assertRaises(TimeoutError):
                while sent < 512 * MIB:
                    sent += s.send(ask)
        self.assertLess(self.rss() - before, 200 * MIB)

    def test_records_that_unpack_to_far_more(self):
        name = self.topic()
        self.create(name, max_message_bytes=64 * MIB)
        bomb = records.build([bytes(60 * MIB)], codec="gzip")
        self.assertLess(len(bomb), MIB)
        before = self.rss()
        for _ in range(10):
            self.produce(name, bomb)
        self.assertLess(self.rss() - before, 400 * MIB)


if __name__ == "__main__":
    unittest.main()
