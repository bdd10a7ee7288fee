"""Administration through libottla's public header, on ottla and on Apache Kafka (client_admin.c is the program)."""

import os
import subprocess
import unittest

import harness
import kcat

PROGRAM = os.environ.get("CLIENT_ADMIN") or os.path.join(harness.ROOT, "build", "test", "e2e", "client_admin")
SECURITY = os.environ.get("CLIENT_SECURITY") or os.path.join(harness.ROOT, "build", "test", "e2e", "client_security")


class ClientAdmin(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.broker = harness.broker().start()

    @classmethod
    def tearDownClass(cls):
        cls.broker.stop()

    def scene(self, name, bootstrap=None):
        harness.run(PROGRAM, bootstrap or self.broker.bootstrap, name)

    def test_topics(self):
        self.scene("topics")

    def test_many_partitions(self):
        self.scene("many_partitions")

    def test_configs(self):
        self.scene("configs")

    def test_offsets(self):
        self.scene("offsets")

    def test_cluster(self):
        self.scene("cluster")

    def test_replicas(self):
        self.scene("replicas")

    def test_groups(self):
        self.scene("groups")

    def test_members(self):
        self.scene("make_m")
        member = subprocess.Popen([kcat.KCAT, "-b", self.broker.bootstrap, "-X", "client.id=somebody", "-G", "live", "m"],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            self.scene("members")
        finally:
            member.kill()
            member.wait()

    def test_a_name_and_a_dead_address(self):
        """A name is looked up; the address that nobody listens at is passed over."""
        self.scene("cluster", "127.0.0.1:%d,localhost:%d" % (harness.free_port(), self.broker.port))

    @harness.only_ottla("Apache Kafka has them: ./dev interop secure")
    def test_what_the_broker_does_not_have(self):
        """ACLs, users and quotas are refused at once."""
        harness.run(SECURITY, self.broker.bootstrap, "unsupported")

    def test_nobody(self):
        self.scene("nobody", "127.0.0.1:%d" % harness.free_port())
