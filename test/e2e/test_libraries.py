"""A broker where a library cannot be loaded that it asks for with the first need: it says once what is to be installed,
refuses what takes it, and serves everything else."""

import os
import socket
import unittest

import batch
import bombs
import harness
import records
from apicase import ApiCase
from wire import Connection

NONE, UNSUPPORTED_COMPRESSION_TYPE = 0, 76


@unittest.skipIf(harness.IS_KAFKA, "it has its libraries in jars")
@unittest.skipUnless(os.environ.get("LIBRARY_SHIM_SO"), "LIBRARY_SHIM_SO names no shim")
class Without(ApiCase):
    library = "nothing"

    @classmethod
    def setUpClass(cls):
        pass

    @classmethod
    def tearDownClass(cls):
        pass

    def setUp(self):
        self.broker = harness.broker(wrap=["env", "LD_PRELOAD=" + os.environ["LIBRARY_SHIM_SO"],
                                           "NO_LIBRARY=" + self.library]).start()
        self.c = Connection("127.0.0.1", self.broker.port)

    def tearDown(self):
        self.c.close()
        self.assertEqual(self.broker.stop(), 0)

    def lines(self):
        return [line for line in self.broker.log().splitlines() if self.library in line]


def by_snappy():
    """A batch of one record, stored as it is."""
    body = bombs.stored_snappy(batch.record(None, b"x" * 100, 0, 0, []))
    return batch.batch([b"x"], times=[1_700_000_000_000], attributes=records.CODECS.index("snappy"), body=body)


class WithoutSnappy(Without):
    library = "libsnappy"

    def test_batches_are_refused(self):
        name = self.topic()
        self.create(name)
        for _ in range(3):
            self.assertEqual(self.produce(name, by_snappy())["errorCode"], UNSUPPORTED_COMPRESSION_TYPE)
        self.assertEqual(self.write(name, [b"honest"]), 0)
        self.assertEqual(self.produce(name, records.build([b"packed"], codec="gzip"))["errorCode"], NONE)
        lines = self.lines()
        self.assertEqual(len(lines), 1, lines)
        self.assertIn("libsnappy1v5", lines[0])


class WithAll(Without):
    def test_the_batch_is_good(self):
        name = self.topic()
        self.create(name)
        self.assertEqual(self.produce(name, by_snappy())["errorCode"], NONE)


class WithoutHttp(Without):
    library = "libmicrohttpd"

    def test_browsers_are_turned_away(self):
        for _ in range(3):
            with socket.create_connection(("127.0.0.1", self.broker.port), timeout=20) as s:
                s.sendall(b"GET /health HTTP/1.0\r\n\r\n")
                try:
                    self.assertEqual(s.recv(100), b"")
                except ConnectionResetError:
                    pass
        name = self.topic()
        self.create(name)
        self.assertEqual(self.write(name, [b"honest"]), 0)
        lines = self.lines()
        self.assertEqual(len(lines), 1, lines)
        self.assertIn("libmicrohttpd12", lines[0])


del Without  # no test by itself


if __name__ == "__main__":
    unittest.main()
