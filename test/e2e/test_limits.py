"""What peers may take of a broker: connections, memory, descriptors, time. Each limit answers clearly, honest clients are
served meanwhile, and the broker stays up."""

import os
import resource
import socket
import struct
import time
import unittest

import batch
import bombs
import harness
import records
from apicase import NONE, ApiCase
from wire import Connection

KAFKA = os.environ.get("OTTLA_E2E_BROKER") == "kafka"
MIB = 1 << 20


def raise_own_limit(count):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))


def is_closed(s, within_s=20):
    s.settimeout(within_s)
    try:
        return s.recv(1) == b""
    except ConnectionResetError:
        return True
    except socket.timeout:
        return False


class Plugs:
    """Connections that are only there."""

    def __init__(self, port, count, first=b""):
        self.all = []
        for _ in range(count):
            s = socket.create_connection(("127.0.0.1", port), timeout=20)
            if first:
                s.sendall(first)
            self.all.append(s)

    def __enter__(self):
        return self.all

    def __exit__(self, *exc):
        for s in self.all:
            s.close()


class Requests(ApiCase):
    overrides = {"socket.request.max.bytes": MIB, "connections.max.idle.ms": 300}

    def test_a_request_that_is_too_large_closes_its_connection(self):
        for size in (MIB + 1, 2**31 - 1, -1, -2**31):
            with socket.create_connection(("127.0.0.1", self.broker.port)) as s:
                s.sendall(struct.pack(">i", size))
                self.assertTrue(is_closed(s), size)
        self.assertEqual(self.again().call("Metadata", 12, {"topics": []})["errorCode" if KAFKA else "throttleTimeMs"], 0)

    def again(self):
        """The case's own connection may be idle for too long."""
        c = Connection("127.0.0.1", self.broker.port)
        self.addCleanup(c.close)
        return c

    def test_idle_connections_are_closed(self):
        with Plugs(self.broker.port, 3) as plugs:
            self.assertTrue(all(is_closed(s) for s in plugs))

    @unittest.skipIf(KAFKA, "it looks at the last byte")
    def test_a_frame_that_never_ends_is_idle(self):
        with Plugs(self.broker.port, 3, struct.pack(">i", 1000) + b"x" * 10) as plugs:
            self.assertTrue(all(is_closed(s) for s in plugs))


@unittest.skipIf(KAFKA, "its limits are other ones")
class Memory(ApiCase):
    """R13: a cap on what peers may claim."""

    overrides = {"queued.max.request.bytes": 256 * MIB, "socket.request.max.bytes": 100 * MIB}
    CLAIMS = 2000

    def resident_bytes(self):
        with open("/proc/%d/statm" % self.broker.process.pid) as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def test_claims_cost_nothing(self):
        """Each says that 100 MiB will come, and sends a little."""
        raise_own_limit(self.CLAIMS + 100)
        self.create(self.topic())
        before = self.resident_bytes()
        with Plugs(self.broker.port, self.CLAIMS, struct.pack(">i", 100 * MIB) + b"\0\0\0\x09" * 50):
            self.assertEqual(self.write(self.topic(), [b"honest"]), 0)
            self.assertLess(self.resident_bytes() - before, self.CLAIMS * 16384)
        self.assertEqual(self.write(self.topic(), [b"and after"]), 1)

    def test_bytes_are_capped(self):
        """Each sends 4 MiB of a request that is larger: 1.2 GiB in all, of which 256 MiB may be held."""
        self.create(self.topic())
        before = self.resident_bytes()
        with Plugs(self.broker.port, 300, struct.pack(">i", 64 * MIB) + b"\0\0\0\x09") as plugs:
            for s in plugs:
                s.setblocking(False)
            end = time.monotonic() + 3
            piece, sent = bytes(256 << 10), 0
            while time.monotonic() < end:
                for s in plugs:
                    try:
                        sent += s.send(piece)
                    except (BlockingIOError, ConnectionError):
                        pass
            self.assertGreater(sent, 256 * MIB)
            self.assertLess(self.resident_bytes() - before, 320 * MIB)
            with Connection("127.0.0.1", self.broker.port) as c:
                self.assertEqual(c.call("Metadata", 12, {"topics": []})["throttleTimeMs"], 0)
        harness.wait_for("memory", lambda: self.write(self.topic(), [b"after"]) >= 0)


@unittest.skipIf(KAFKA, "its heap is its limit")
class Bombs(ApiCase):
    """R17: records that unpack to more than a batch may are refused, and unpacked no further."""

    overrides = {"message.max.bytes": 64 * MIB}
    KEPT = 2 * MIB
    PLAIN_MOST = 256 * MIB  # LIMIT_BATCH_PLAIN_BYTES
    LZ4_CONTEXT = 8 * MIB  # the largest block as it came, and unpacked
    MESSAGE_TOO_LARGE, INVALID_RECORD = 10, 87

    def status(self, name):
        with open("/proc/%d/status" % self.broker.process.pid) as f:
            return int(next(x for x in f if x.startswith(name)).split()[1]) << 10

    def setUp(self):
        self.quiet = self.status("VmRSS")

    def restart(self):
        self.start_again(lambda: self.assertEqual(self.broker.stop(), 0))
        self.quiet = self.status("VmRSS")

    def peak_of(self, work):
        """How much more than at first was resident at the most."""
        with open("/proc/%d/clear_refs" % self.broker.process.pid, "w") as f:
            f.write("5")
        work()
        return self.status("VmHWM") - self.quiet

    def refuse(self, name, codec, body):
        data = batch.batch(((b"k", b"v"),), times=[int(time.time() * 1000)], attributes=records.CODECS.index(codec),
                           body=body)
        error = []
        peak = self.peak_of(lambda: error.append(self.produce(name, data)["errorCode"]))
        # the request itself lies in memory beside what it unpacks to, and the allocator keeps some of what it had
        self.assertLessEqual(peak, self.PLAIN_MOST + MIB + len(data) + self.KEPT, "%s into %s" % (codec, name))
        print("# %s into %s: %d bytes, %.1f MiB at the most" % (codec, name, len(data), peak / MIB), flush=True)
        return error[0]

    def test_bombs_are_refused_within_the_budget(self):
        topics = {"as-it-is": {}, "repacked": {"compression_type": "zstd"},
                  "timed": {"message_timestamp_type": "LogAppendTime"}, "compacted": {"cleanup_policy": "compact"}}
        for name, configs in topics.items():
            self.create(name, **configs)
        for codec, make in bombs.MADE.items():
            self.restart()  # what the allocator kept of one codec is not the next one's
            body = make(self.PLAIN_MOST + MIB)
            for name in topics:
                self.assertEqual(self.refuse(name, codec, body), self.MESSAGE_TOO_LARGE)
        for name in topics:
            self.assertEqual(self.write(name, [(b"k", b"honest")]), 0)
        self.assertLess(self.peak_of(lambda: None), 64 * MIB)

    def test_claims_unpack_to_nothing(self):
        """What says that it is large and is not."""
        self.create(self.topic())
        for codec, body in (("snappy", b"\xff\xff\xff\xff\x0fx"), ("snappy", b"\xff\xff\xff\x7f\x00x"),
                            ("zstd", b"\x28\xb5\x2f\xfd\xe0" + struct.pack("<Q", 2**40) + b"\x01\x00\x00"),
                            ("gzip", bombs.gzip(1)[:-4] + b"\xff\xff\xff\xff"),
                            ("lz4", b"\x04\x22\x4d\x18\x60\x70\x73" + struct.pack("<I", 0x7fffffff) + b"x")):
            peak = self.peak_of(lambda: self.assertIn(self.refuse(self.topic(), codec, body),
                                                      (self.MESSAGE_TOO_LARGE, self.INVALID_RECORD)))
            self.assertLess(peak, self.LZ4_CONTEXT + self.KEPT, codec)
        self.assertEqual(self.write(self.topic(), [b"honest"]), 0)


@unittest.skipIf(KAFKA, "it needs hundreds of its own")
class Descriptors(unittest.TestCase):
    """R12: none left."""

    MOST = 100

    def test_connections_and_files_without_descriptors(self):
        wrap = ("prlimit", "--nofile=%d:%d" % (self.MOST, self.MOST))
        with harness.broker(wrap=wrap) as b, Connection("127.0.0.1", b.port) as c:
            self.create(c, "before")
            with Plugs(b.port, 2 * self.MOST):
                # those that are served are served on, with topics that are there
                r = c.call("Metadata", 12, {"topics": None})
                self.assertEqual([t["errorCode"] for t in r["topics"]], [NONE])
                r = c.call("CreateTopics", 7, self.new("during"))
                self.assertIn(r["topics"][0]["errorCode"], (NONE, 56))
                self.assertTrue(b.is_alive())
            harness.wait_for("room", lambda: self.can_create(b, "after"))
            self.assertTrue(b.is_alive())

    @staticmethod
    def new(name):
        return {"timeoutMs": 5000, "validateOnly": False,
                "topics": [{"name": name, "numPartitions": 1, "replicationFactor": 1, "assignments": [], "configs": []}]}

    def create(self, c, name):
        self.assertEqual(c.call("CreateTopics", 7, self.new(name))["topics"][0]["errorCode"], NONE)

    def can_create(self, b, name):
        try:
            with Connection("127.0.0.1", b.port) as c:
                error = c.call("CreateTopics", 7, self.new(name))["topics"][0]["errorCode"]
                return error in (NONE, 36)  # made now, or by the try before
        except OSError:
            return False
