"""ottla broker: its command line, what it says of settings, one broker for one directory."""

import os
import subprocess
import unittest

import harness
from wire import Connection


@unittest.skipIf(os.environ.get("OTTLA_E2E_BROKER") == "kafka", "it has words of its own")
class Command(unittest.TestCase):
    def run_broken(self, *args, status=2):
        """It must end by itself; what it says."""
        ottla = os.environ.get("OTTLA") or os.path.join(harness.ROOT, "build", "src", "ottla")
        done = subprocess.run([ottla, "broker", *args], capture_output=True, timeout=30, text=True, check=False)
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertEqual(done.stdout, "")
        return done.stderr

    def test_bad_settings_are_named(self):
        for setting, words in (("log.retention.hours=x", "Invalid value x for configuration log.retention.hours"),
                               ("num.partitions=0", "must be at least 1"),
                               ("process.roles=controller", "broker and controller in one"),
                               ("listeners=nonsense", "NAME://host:port"), ("=1", "key=value"), ("novalue", "key=value")):
            self.assertIn(words, self.run_broken("--override", setting), setting)

    def test_bad_arguments(self):
        self.assertIn("--help", self.run_broken("--nope"))
        self.assertIn("key=value", self.run_broken("--override"))
        self.assertIn("cannot read", self.run_broken("/there/is/no/such.properties"))

    def test_what_has_no_effect_is_said(self):
        with harness.broker(overrides={"num.partition": 3, "num.io.threads": 9, "num.partitions": 2,
                                       "process.roles": "broker,controller"}) as b:
            said = b.log()
        self.assertIn("'num.partition' is not a setting of this broker and is ignored; did you mean 'num.partitions'?", said)
        self.assertIn("without effect in this release: num.io.threads\n", said)

    def test_a_properties_file(self):
        path = os.path.join(harness.Dirs.new("conf"), "server.properties")
        with open(path, "w") as f:
            f.write("# a comment\nnum.partitions=5\nlog.retention.hours : 1\\\n  0\n")
        with harness.broker() as b:
            words = b.command()
            b.stop()
            words.insert(2, path)
            b.command = lambda: words
            b.start()
            with Connection("127.0.0.1", b.port) as c:
                r = c.call("DescribeConfigs", 4, {"includeSynonyms": False, "includeDocumentation": False, "resources": [
                    {"resourceType": 4, "resourceName": "1", "configurationKeys": ["num.partitions", "log.retention.hours"]}]})
                self.assertEqual({e["name"]: e["value"] for e in r["results"][0]["configs"]},
                                 {"num.partitions": "5", "log.retention.hours": "10"})

    def test_a_directory_has_one_broker(self):
        with harness.broker() as b:
            said = self.run_broken("--override", "listeners=PLAINTEXT://127.0.0.1:0", "--override", "log.dirs=" + b.dir,
                                   status=1)
            self.assertIn(b.dir, said)
            self.assertTrue(b.is_alive())
