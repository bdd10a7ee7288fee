"""What a user is told when the settings of security are wrong: what went wrong, with whom, and which setting says so. The
other half, against Apache Kafka: test/peers/secure.py."""

import os
import socket
import ssl
import subprocess
import threading
import unittest

import harness

CERTS = os.path.join(harness.ROOT, "test", "unit", "certs")
TOOL = harness.ottla()


def cert(name):
    return os.path.join(CERTS, name)


class Tls:
    """Shakes hands, if that, and says nothing."""

    def __init__(self, wants_certificate=False):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(cert("server.pem"))
        if wants_certificate:
            self.context.verify_mode = ssl.CERT_REQUIRED
            self.context.load_verify_locations(cert("trust.pem"))
        self.listener = socket.create_server(("0.0.0.0", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(s,), daemon=True).start()

    def _serve(self, s):
        try:
            with self.context.wrap_socket(s, server_side=True) as t:
                t.recv(4096)
        except OSError:
            s.close()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class ClientMessages(unittest.TestCase):
    def told(self, at, *settings):
        """The line that a tool ends with."""
        path = os.path.join(harness.Dirs.new("conf"), "client.properties")
        with open(path, "w") as f:
            f.write("\n".join(("default.api.timeout.ms=1500", *settings)) + "\n")
        done = subprocess.run([TOOL, "topics", "--bootstrap-server", at, "--command-config", path, "--list"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=30)
        self.assertNotEqual(done.returncode, 0)
        return done.stderr.decode().splitlines()[0]

    def tls(self, **kw):
        server = Tls(**kw)
        self.addCleanup(server.close)
        return server.port

    def assert_told(self, line, who, what, to_do):
        for words in (who, what, to_do):
            self.assertIn(words, line)

    def test_tls_to_a_plain_port(self):
        broker = harness.broker().start()
        self.addCleanup(broker.stop)
        self.assert_told(self.told(broker.bootstrap, "security.protocol=SSL"),
                         broker.bootstrap, "does not speak TLS", "(security.protocol)")

    def test_tls_to_what_is_no_broker(self):
        """It answers with a sentence of its own."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            def serve():
                while True:
                    try:
                        s, _ = listener.accept()
                    except OSError:
                        return
                    with s:
                        s.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                        s.recv(4096)
            threading.Thread(target=serve, daemon=True).start()
            at = "localhost:%d" % listener.getsockname()[1]
            self.assert_told(self.told(at, "security.protocol=SSL"), at, "it does not speak TLS", "(security.protocol)")
            listener.shutdown(socket.SHUT_RDWR)

    def test_plain_to_a_tls_port(self):
        at = "localhost:%d" % self.tls()
        self.assert_told(self.told(at), at, "cannot agree on versions", "maybe it wants TLS (security.protocol)")

    def test_an_unknown_authority(self):
        at = "localhost:%d" % self.tls()
        for store in ("ssl.truststore.location=" + cert("other.pem"), ""):  # or the machine's
            self.assert_told(self.told(at, "security.protocol=SSL", store), at,
                             "its certificate is not trusted: unable to get local issuer certificate",
                             "ssl.truststore.location must have who signed it")

    def test_another_host_name(self):
        at = "127.0.0.2:%d" % self.tls()
        self.assert_told(self.told(at, "security.protocol=SSL", "ssl.truststore.location=" + cert("trust.pem")), at,
                         "its certificate is not trusted: IP address mismatch", "connect by a name that is in it")

    def test_no_certificate_of_ours(self):
        at = "localhost:%d" % self.tls(wants_certificate=True)
        self.assert_told(self.told(at, "security.protocol=SSL", "ssl.truststore.location=" + cert("trust.pem")), at,
                         "the other side refuses TLS", "(ssl.keystore.location)")

    def test_nobody_there(self):
        at = "127.0.0.1:%d" % harness.free_port()
        self.assert_told(self.told(at), at, "cannot connect", "nobody listens there")


if __name__ == "__main__":
    unittest.main()
