"""Bytes that no client sends: the connection may end, the broker may not."""

import random
import socket
import struct
import threading
import unittest

import harness
from kcat import consume, produce


def frame(body):
    return struct.pack(">i", len(body)) + body


def head(api, version, correlation=1):
    return struct.pack(">hhih", api, version, correlation, -1)


class Noise(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.broker = harness.broker().start()
        produce(cls.broker, "calm", [b"before"])

    @classmethod
    def tearDownClass(cls):
        cls.broker.stop()

    def tearDown(self):
        self.assertTrue(self.broker.is_alive(), self.broker.log())
        self.assertEqual([g.value for g in consume(self.broker, "calm")], [b"before"])

    def send(self, data, wants_end=True):
        """Returns what came back until the broker closed."""
        with socket.create_connection(("127.0.0.1", self.broker.port), 20) as s:
            got = b""
            try:
                s.sendall(data)
                if not wants_end:
                    s.shutdown(socket.SHUT_WR)
                while True:
                    piece = s.recv(65536)
                    if not piece:
                        return got
                    got += piece
            except ConnectionError:
                return got

    def test_text_of_another_protocol(self):
        self.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")

    def test_frame_sizes(self):
        for size in (-1, 0, 1, 7, 2**31 - 1, -2**31):
            self.send(struct.pack(">i", size) + b"\0" * 64, wants_end=False)

    def test_unknown_apis(self):
        for api, version in ((-1, 0), (999, 0), (0, 99), (1, -1), (3, 32767)):
            self.assertEqual(self.send(frame(head(api, version) + b"\0" * 32)), b"")

    def test_what_follows_a_message_is_ignored(self):
        # as librdkafka 2.8 asks for all topics: the count takes four bytes where one is meant
        got = self.send(frame(struct.pack(">hhih", 3, 12, 5, 7) + b"rdkafka\0" + b"\0\0\0\0\1\0\0"),
                        wants_end=False)
        self.assertEqual(struct.unpack_from(">i", got, 4), (5,))
        self.assertIn(b"calm", got)

    def test_unknown_apiversions_version_is_answered(self):
        got = self.send(frame(head(18, 99, 77) + b"\0"), wants_end=False)
        self.assertEqual(struct.unpack_from(">ih", got, 4), (77, 35))

    def test_counts_that_are_not_there(self):
        for api, version in ((0, 3), (1, 4), (2, 1), (3, 0), (19, 2), (20, 1), (21, 0), (37, 0)):
            for count in (-2, 2**31 - 1, 2**24):
                body = struct.pack(">hhii", -1, 1, 1000, count) if api == 0 else b""
                self.send(frame(head(api, version) + body + struct.pack(">i", count) * 4),
                          wants_end=False)

    def test_random_frames(self):
        rnd = random.Random(7)
        for _ in range(300):
            api, version = rnd.choice((0, 1, 2, 3, 18, 19, 20, 22, 23)), rnd.randrange(14)
            body = rnd.randbytes(rnd.randrange(200))
            self.send(frame(head(api, version) + body), wants_end=False)

    def test_cut_frames(self):
        whole = frame(head(3, 1) + struct.pack(">i", -1))
        for n in range(1, len(whole)):
            self.send(whole[:n], wants_end=False)

    def test_silent_connections(self):
        idle = [socket.create_connection(("127.0.0.1", self.broker.port)) for _ in range(200)]
        produce(self.broker, "beside", [b"x"])
        self.assertEqual(len(consume(self.broker, "beside")), 1)
        for s in idle:
            s.close()

    def test_pipelined_requests_are_answered_in_order(self):
        n = 200
        with socket.create_connection(("127.0.0.1", self.broker.port), 20) as s:
            f = s.makefile("rb")
            data = b"".join(frame(head(18, 0, i)) for i in range(n))
            threading.Thread(target=s.sendall, args=(data,)).start()
            for i in range(n):
                body = f.read(struct.unpack(">i", f.read(4))[0])
                self.assertEqual(struct.unpack_from(">i", body)[0], i)


if __name__ == "__main__":
    unittest.main()
