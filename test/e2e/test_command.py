"""ottla broker: its command line, what it says of settings, one broker for one directory."""

import json
import os
import subprocess
import unittest

import harness
from wire import Connection


@unittest.skipIf(os.environ.get("OTTLA_E2E_BROKER") == "kafka", "it has words of its own")
class Command(unittest.TestCase):
    def run_broken(self, *args, status=2):
        """It must end by itself; what it says."""
        done = subprocess.run([harness.ottla(), "broker", *args], capture_output=True, timeout=30, text=True, check=False)
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
        self.assertIn("requires an argument", self.run_broken("--override"))
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

    def ottla(self, *args):
        return subprocess.run([harness.ottla(), *args], stdin=subprocess.DEVNULL, capture_output=True, timeout=60, text=True,
                              check=False)

    def test_into_the_background_and_to_its_end(self):
        data, port = harness.Dirs.new("data"), harness.free_port()
        start = ["broker", "-daemon", "--override", "listeners=PLAINTEXT://127.0.0.1:%d" % port, "--override",
                 "log.dirs=" + data, "--override", "node.id=77", "--override", "num.io.threads=1"]
        done = self.ottla(*start)
        self.addCleanup(self.ottla, "stop", "--log-dir", data)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("ready on 127.0.0.1:%d" % port, done.stdout)
        self.assertTrue(harness.can_connect(port))
        out = os.path.join(data, "ottla.out")
        self.assertIn(out, done.stdout)
        again = self.ottla(*start)
        self.assertEqual(again.returncode, 1)
        self.assertIn("another broker is running", again.stderr)
        self.assertIn("No kafka server", self.ottla("stop", "--log-dir", data, "--node-id=78").stderr)
        self.assertTrue(harness.can_connect(port))
        ended = self.ottla("stop", "--log-dir", data, "--node-id=77", "--process-role=broker")
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))
        self.assertIn("broker 77", ended.stdout)
        self.assertFalse(harness.can_connect(port))
        with open(out) as f:
            self.assertTrue(f.read().endswith("ottla has stopped\n"))
        self.assertEqual(self.ottla("stop", "--log-dir", data).returncode, 1)

    def test_a_start_in_the_background_that_fails(self):
        data, out = harness.Dirs.new("data"), os.path.join(harness.Dirs.new("out"), "messages")
        done = self.ottla("broker", "--daemon", "--output", out, "--override", "log.dirs=" + data, "--override", "num.partitions=0")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("must be at least 1", done.stderr)
        self.assertIn(out, done.stderr)
        self.assertIn("--daemon", self.run_broken("--output", out))

    def test_messages_as_json(self):
        with harness.broker(overrides={"num.partition": 3}) as b:
            words = b.command()
            b.stop()
            os.unlink(b.log_path)
            b.command = lambda: words + ["--format", "json"]
            b.start()
            b.stop()
            lines = [json.loads(line) for line in b.log().splitlines()]
        self.assertEqual([line["area"] for line in lines], ["config", "broker", "broker"])
        self.assertEqual([line["level"] for line in lines], ["warn", "info", "info"])
        self.assertIn("did you mean 'num.partitions'?", lines[0]["message"])
        self.assertRegex(lines[1]["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertIn("text or json", self.run_broken("--format", "yaml"))

    def test_storage_speaks_json(self):
        def said(*args):
            done = self.ottla("storage", *args, "--format", "json")
            self.assertEqual(done.returncode, 0, done.stderr)
            return json.loads(done.stdout)

        self.assertEqual(len(said("random-uuid")["uuid"]), 22)
        self.assertEqual(said("version-mapping", "--release-version", "4.0")["metadata.version"], 25)
        self.assertEqual(
            said("feature-dependencies", "--feature", "eligible.leader.replicas.version=1", "--feature", "group.version=1"),
            [{"feature": "eligible.leader.replicas.version", "level": 1, "requires": {"metadata.version": 23}},
             {"feature": "group.version", "level": 1, "requires": {}}])

    def test_a_directory_has_one_broker(self):
        with harness.broker() as b:
            said = self.run_broken("--override", "listeners=PLAINTEXT://127.0.0.1:0", "--override", "log.dirs=" + b.dir,
                                   status=1)
            self.assertIn(b.dir, said)
            self.assertTrue(b.is_alive())
