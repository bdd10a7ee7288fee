"""The mistakes that a newcomer is most likely to make. Each has to end, or to be told, at once: what is wrong in one
sentence, and where to look next; a status that is not 0; nothing on standard output."""

import os
import socket
import ssl
import subprocess
import threading
import time
import unittest

import harness

OTTLA = harness.ottla()
CERTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "unit", "certs")
SOON_S = 20  # far less than the minute that a client tries for


class Mistakes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.broker = harness.broker().__enter__()
        cls.home = harness.Dirs.new("home")

    @classmethod
    def tearDownClass(cls):
        cls.broker.stop()

    def env(self):
        return {**os.environ, "XDG_CONFIG_HOME": self.home}

    def says(self, want, *words, status=1, server=None, text=b""):
        """It ends by itself with these words on standard error."""
        server = ["--bootstrap-server", server or self.broker.bootstrap] if server != "" else []
        start = time.monotonic()
        done = subprocess.run([OTTLA, words[0], *server, *words[1:]], input=text, env=self.env(), capture_output=True,
                              timeout=SOON_S, check=False)
        said = done.stderr.decode()
        self.assertEqual((done.returncode, done.stdout), (status, b""), said)
        self.assertIn(want, said)
        self.assertLess(said.count("\n"), 4, said)  # not a page of help
        self.assertLess(time.monotonic() - start, SOON_S)

    def first_line(self, want, *words):
        """What it says first, while it tries on."""
        p = subprocess.Popen([OTTLA, *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, stdin=subprocess.PIPE)
        timer = threading.Timer(SOON_S, p.kill)
        timer.start()
        try:
            p.stdin.write(b"a\n")
            p.stdin.flush()
            self.assertIn(want, p.stderr.readline().decode())
        finally:
            timer.cancel()
            p.kill()
            p.communicate()

    def test_the_wrong_port(self):
        port = harness.free_port()
        for words in (["topics", "--list"], ["console-producer", "--topic", "x"], ["consume", "x"]):
            self.first_line("127.0.0.1:%d: cannot connect: nobody listens there" % port, words[0], "--bootstrap-server",
                            "127.0.0.1:%d" % port, *words[1:])

    def test_no_such_host(self):
        """Told, and over, at once, as Apache Kafka's tools are; the library would wait for the name to come."""
        for words in (["topics", "--list"], ["console-producer", "--topic", "x"], ["console-consumer", "--topic", "x"],
                      ["produce", "x"], ["consume", "x"], ["verifiable-producer", "--topic", "x"],
                      ["producer-perf-test", "--topic", "x", "--num-records", "1", "--record-size", "1", "--throughput", "-1"]):
            self.says("bootstrap.servers has no host that can be looked up: no-host.invalid: ", *words,
                      server="no-host.invalid:9092,no-host.invalid:9093", text=b"a\n")
        out = subprocess.run([OTTLA, "topics", "--bootstrap-server", "no-host.invalid:1," + self.broker.bootstrap, "--list"],
                             capture_output=True, timeout=SOON_S, check=True)  # one that is there is enough
        self.assertEqual(out.returncode, 0)

    def test_an_address_without_a_port(self):
        self.says("bootstrap.servers: 'localhost' is not host:port", "topics", "--list", server="localhost")

    def test_no_broker_named(self):
        self.says('Missing required argument "[bootstrap-server]"', "topics", "--list", server="")
        self.says('Missing required argument "[bootstrap-server]"', "consume", "x", server="")

    def test_a_topic_that_is_not_there(self):
        subprocess.run([OTTLA, "topics", "--bootstrap-server", self.broker.bootstrap, "--create", "--topic", "letters"],
                       check=True, timeout=SOON_S, stdout=subprocess.DEVNULL)
        self.says("there is no topic 'leters'. Did you mean letters?", "consume", "leters", "-e")
        self.says("there is no topic 'nothing-like-it'\n", "consume", "letters", "nothing-like-it", "-e")
        self.says("Did you mean", "consume", "leters", "letters", "-e")

    def test_no_topic(self):
        self.says('Missing required argument "[topic]"', "console-producer")
        self.says("Exactly one of the following arguments is required: [topic], [include]", "console-consumer")
        self.says("which topic?", "consume")
        self.says("which topic?", "produce")
        self.says("which topic?", "produce", "-f", "%k %v\\n")

    def test_a_typing_error_in_an_option(self):
        self.says("form-beginning is not a recognized option. Did you mean from-beginning?", "console-consumer", "--topic", "x",
                  "--form-beginning")
        self.says("--help says more.", "topics", "--lst")

    def test_a_typing_error_in_a_command(self):
        self.says("there is no command 'topic'. Did you mean topics?", "topic", status=2, server="")
        self.says("ottla --help lists them.", "frobnicate", status=2, server="")

    def test_an_option_without_its_value(self):
        self.says("requires an argument", "console-consumer", "--topic")
        self.says("Cannot parse argument 'many' of option max-messages", "console-consumer", "--topic", "x", "--max-messages",
                  "many")

    def test_a_setting_that_is_none(self):
        self.says("acks: '5' is not one of all, -1, 0, 1", "produce", "x", "-X", "acks=5")
        path = os.path.join(self.home, "x.properties")
        with open(path, "w") as f:
            f.write("linger.ms=soon\n")
        self.says("linger.ms: 'soon' is not", "console-producer", "--topic", "x", "--command-config", path)
        done = subprocess.run([OTTLA, "produce", "--bootstrap-server", self.broker.bootstrap, "x", "-X", "liger.ms=5"],
                              input=b"", capture_output=True, timeout=SOON_S, check=True)
        self.assertIn(b"there is no setting 'liger.ms'; did you mean 'linger.ms'?", done.stderr)

    def test_a_file_that_cannot_be_read(self):
        for words in (["topics", "--list", "--command-config", "/no/such/file"],
                      ["console-producer", "--topic", "x", "--reader-config", "/no/such/file"],
                      ["producer-perf-test", "--topic", "x", "--num-records", "1", "--throughput", "-1", "--payload-file",
                       "/no/such/file"]):
            if words[0] != "producer-perf-test":  # which says which file it reads, as Kafka's
                self.says("/no/such/file: ", *words)
        self.says("/no/such/file", "delete-records", "--offset-json-file", "/no/such/file")

    def test_a_profile_that_is_not_there(self):
        self.says("there is no profile 'work': it would be %s/ottla/work.properties" % self.home, "topics", "--list", "--profile",
                  "work", server="")

    def serve(self, answer):
        """A port where somebody else listens."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)

        def run():
            while True:
                try:
                    answer(listener.accept()[0])
                except OSError:
                    if listener.fileno() < 0:
                        return

        threading.Thread(target=run, daemon=True).start()
        return "127.0.0.1:%d" % listener.getsockname()[1]

    def test_tls_is_not_spoken(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(os.path.join(CERTS, "server.pem"))

        def tls(conn):
            with conn, context.wrap_socket(conn, server_side=True) as c:
                c.recv(1000)

        at = self.serve(tls)
        self.first_line("maybe it wants TLS (security.protocol)", "topics", "--bootstrap-server", at, "--list")

    def test_tls_is_spoken_to_who_does_not(self):
        path = os.path.join(self.home, "ssl.properties")
        with open(path, "w") as f:
            f.write("security.protocol=SSL\n")
        self.first_line("maybe it does not speak TLS", "topics", "--bootstrap-server", self.broker.bootstrap, "--list",
                        "--command-config", path)

    def test_it_is_no_broker(self):
        def http(conn):
            with conn:
                conn.recv(1000)
                conn.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

        at = self.serve(http)
        self.first_line("%s: cannot agree on versions" % at, "topics", "--bootstrap-server", at, "--list")

    def test_help_is_short_enough_to_be_read(self):
        out = subprocess.run([OTTLA, "--help"], capture_output=True, text=True, timeout=SOON_S, check=True).stdout
        names = [line.split()[0] for line in out.splitlines() if line.startswith("  ")]
        self.assertGreater(len(names), 20)
        for name in names:
            done = subprocess.run([OTTLA, name, "--help"], capture_output=True, text=True, timeout=SOON_S, check=True)
            self.assertTrue(done.stdout.startswith("usage: ottla " + name), (name, done.stdout[:200]))
            self.assertLess(max(map(len, done.stdout.splitlines())), 110, name)
            self.assertEqual(done.stderr, "", name)


if __name__ == "__main__":
    unittest.main()
