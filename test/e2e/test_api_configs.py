"""Settings that are asked for and changed while the broker runs, at every version that it lists.

Proves: DESCRIBE_CONFIGS, ALTER_CONFIGS, INCREMENTAL_ALTER_CONFIGS, LIST_CONFIG_RESOURCES
"""

import unittest

import harness
import records
from apicase import NONE, UNKNOWN_TOPIC_OR_PARTITION, UNSUPPORTED_VERSION, ApiCase
from wire import Connection

INVALID_TOPIC_EXCEPTION = 17
INVALID_CONFIG = 40
INVALID_REQUEST = 42
MESSAGE_TOO_LARGE = 10
TOPIC, BROKER, LOGGER, CLIENT_METRICS, GROUP = 2, 4, 8, 16, 32
SET, DELETE, APPEND = 0, 1, 2
# ConfigSource
OF_TOPIC, OF_BROKER, OF_CLUSTER, STATIC, DEFAULT, OF_LOGGER, OF_METRICS, OF_GROUP = range(1, 9)


class Case(ApiCase):
    overrides = {"log.retention.hours": 100, "my.own": "secret"}

    def describe(self, kind, name, keys=None, version=4, synonyms=True):
        body = {"resources": [{"resourceType": kind, "resourceName": name, "configurationKeys": keys}],
                "includeSynonyms": synonyms}
        if version >= 3:
            body["includeDocumentation"] = True
        return self.c.call("DescribeConfigs", version, body)["results"][0]

    def setting(self, kind, name, key):
        found = self.describe(kind, name, [key])["configs"]
        return found[0] if found else None

    def produce_error(self, name, values):
        return self.produce(name, records.build(values))["errorCode"]

    def value(self, kind, name, key):
        return self.setting(kind, name, key)["value"]

    def await_value(self, kind, name, key, value):
        """Apache Kafka's broker follows its controller a moment later; ottla must not."""
        if not isinstance(self.broker, harness.Ottla):
            harness.wait_for(key, lambda: self.value(kind, name, key) == value)
        self.assertEqual(self.value(kind, name, key), value)

    def change(self, kind, name, *changes, version=1, validate=False):
        """changes: (setting, value) or (setting, value, operation); the outcome of the resource."""
        configs = [{"name": c[0], "value": c[1], "configOperation": c[2] if len(c) > 2 else SET} for c in changes]
        return self.c.call("IncrementalAlterConfigs", version, {
            "resources": [{"resourceType": kind, "resourceName": name, "configs": configs}],
            "validateOnly": validate})["responses"][0]


class Describe(Case):
    def test_every_version(self):
        name = self.topic()
        self.create(name, retention_ms=1000)
        for v in self.each_version("DescribeConfigs"):
            for keys in (None, []):
                r = self.describe(TOPIC, name, keys, version=v)
                self.assertEqual((r["errorCode"], r["resourceType"], r["resourceName"]), (NONE, TOPIC, name))
                self.assertGreater(len(r["configs"]), 30)
            e = self.describe(TOPIC, name, ["retention.ms", "nope", "retention.ms"], version=v)["configs"]
            self.assertEqual([(c["name"], c["value"], c["readOnly"], c["isSensitive"]) for c in e],
                             [("retention.ms", "1000", False, False)])
            self.assertEqual(e[0]["configSource"], OF_TOPIC)
            if v >= 3:
                self.assertEqual(e[0]["configType"], 5)  # a long
                self.assertTrue(e[0]["documentation"])

    def test_the_list_of_sources(self):
        name = self.topic()
        self.create(name, segment_bytes=2000000)
        e = self.setting(TOPIC, name, "segment.bytes")
        self.assertEqual([(s["name"], s["value"], s["source"]) for s in e["synonyms"]],
                         [("segment.bytes", "2000000", OF_TOPIC), ("log.segment.bytes", "1073741824", DEFAULT)])
        # hours stand in for milliseconds without being called a source, as in Kafka
        e = self.setting(TOPIC, name, "retention.ms")
        self.assertEqual((e["value"], e["configSource"], e["synonyms"]), ("360000000", DEFAULT, []))
        self.assertEqual(self.describe(TOPIC, name, ["segment.bytes"], synonyms=False)["configs"][0]["synonyms"], [])

    def test_what_is_not_there(self):
        for kind, name, want in (
                (TOPIC, "never", UNKNOWN_TOPIC_OR_PARTITION), (TOPIC, "", INVALID_TOPIC_EXCEPTION),
                (TOPIC, "a b", INVALID_TOPIC_EXCEPTION), (BROKER, "7", INVALID_REQUEST), (BROKER, "x", INVALID_REQUEST),
                (LOGGER, "", INVALID_REQUEST), (LOGGER, "7", INVALID_REQUEST), (CLIENT_METRICS, "", INVALID_REQUEST),
                (GROUP, "", INVALID_REQUEST), (0, "x", INVALID_REQUEST), (99, "x", INVALID_REQUEST)):
            r = self.describe(kind, name)
            self.assertEqual((r["errorCode"], r["configs"]), (want, []), (kind, name))

    def test_a_broker(self):
        r = {c["name"]: c for c in self.describe(BROKER, "1")["configs"]}
        self.assertEqual((r["log.retention.hours"]["value"], r["log.retention.hours"]["configSource"]), ("100", STATIC))
        self.assertTrue(r["node.id"]["readOnly"])
        self.assertFalse(r["log.segment.bytes"]["readOnly"])
        # what it may hold is not known
        self.assertEqual((r["my.own"]["value"], r["my.own"]["isSensitive"]), (None, True))


class Alter(Case):
    def test_every_version(self):
        for v in self.each_version("IncrementalAlterConfigs"):
            name = self.topic(v)
            self.create(name)
            self.assertEqual(self.change(TOPIC, name, ("retention.ms", "5000"), version=v)["errorCode"], NONE)
            self.assertEqual(self.value(TOPIC, name, "retention.ms"), "5000")
        for v in self.each_version("AlterConfigs"):
            old = self.topic("old", v)
            self.create(old, retention_ms=1, segment_ms=2)
            r = self.c.call("AlterConfigs", v, {"resources": [{
                "resourceType": TOPIC, "resourceName": old,
                "configs": [{"name": "segment.ms", "value": "3"}]}], "validateOnly": False})["responses"][0]
            self.assertEqual(r["errorCode"], NONE)
            self.assertEqual(self.value(TOPIC, old, "segment.ms"), "3")
            self.assertEqual(self.value(TOPIC, old, "retention.ms"), "360000000")

    def test_it_counts_at_once(self):
        name = self.topic()
        self.create(name)
        self.assertEqual(self.write(name, [bytes(5000)]), 0)
        self.change(TOPIC, name, ("max.message.bytes", "1000"))
        self.assertEqual(self.produce_error(name, [bytes(5000)]), MESSAGE_TOO_LARGE)
        self.change(TOPIC, name, ("max.message.bytes", None, DELETE))
        self.assertEqual(self.write(name, [bytes(5000)]), 1)

    def test_of_all_brokers_and_of_one(self):
        name = self.topic()
        self.create(name)
        self.assertEqual(self.change(BROKER, "", ("message.max.bytes", "3000"))["errorCode"], NONE)
        self.await_value(TOPIC, name, "max.message.bytes", "3000")
        self.assertEqual(self.produce_error(name, [bytes(5000)]), MESSAGE_TOO_LARGE)
        self.change(BROKER, "1", ("message.max.bytes", "9000"))
        self.await_value(BROKER, "1", "message.max.bytes", "9000")
        e = self.setting(BROKER, "1", "message.max.bytes")
        self.assertEqual([(s["value"], s["source"]) for s in e["synonyms"]],
                         [("9000", OF_BROKER), ("3000", OF_CLUSTER), ("1048588", DEFAULT)])
        self.assertEqual(self.write(name, [bytes(5000)]), 0)
        self.assertEqual(self.setting(BROKER, "", "message.max.bytes")["value"], "3000")
        for who in ("1", ""):
            self.change(BROKER, who, ("message.max.bytes", None, DELETE))
        self.assertIsNone(self.setting(BROKER, "", "message.max.bytes"))

    def test_connections_are_limited_at_once(self):
        self.assertEqual(self.change(BROKER, "", ("max.connections", "2"))["errorCode"], NONE)
        with Connection("127.0.0.1", self.broker.port) as second:
            second.call("ApiVersions", 0, {})
            if isinstance(self.broker, harness.Ottla):  # Apache Kafka lets the third one wait
                with Connection("127.0.0.1", self.broker.port) as third, self.assertRaises(OSError):
                    third.call("ApiVersions", 0, {})
        self.change(BROKER, "", ("max.connections", None, DELETE))
        self.change(BROKER, "", ("max.connections.per.ip", "1"), ("max.connections.per.ip.overrides", "localhost:2"))
        if isinstance(self.broker, harness.Ottla):
            with Connection("127.0.0.1", self.broker.port) as second:
                second.call("ApiVersions", 0, {})
                with Connection("127.0.0.1", self.broker.port) as third, self.assertRaises(OSError):
                    third.call("ApiVersions", 0, {})
        self.change(BROKER, "", ("max.connections.per.ip", None, DELETE), ("max.connections.per.ip.overrides", None, DELETE))

    def test_it_lasts(self):
        name = self.topic()
        self.create(name)
        self.change(TOPIC, name, ("retention.ms", "4242"))
        self.change(GROUP, "readers", ("consumer.session.timeout.ms", "50000"))
        self.start_again(self.broker.stop)
        self.assertEqual(self.value(TOPIC, name, "retention.ms"), "4242")
        self.assertEqual(self.value(GROUP, "readers", "consumer.session.timeout.ms"), "50000")

    def test_bad_ones_change_nothing(self):
        name = self.topic()
        self.create(name)
        for changes, want in (
                ([("retention.ms", "x")], INVALID_CONFIG), ([("nope", "1")], INVALID_CONFIG),
                ([("retention.ms", "1"), ("nope", "1")], INVALID_CONFIG), ([("retention.ms", None)], INVALID_REQUEST),
                ([("retention.ms", "1"), ("retention.ms", "2")], INVALID_REQUEST)):
            self.assertEqual(self.change(TOPIC, name, *changes)["errorCode"], want, changes)
        self.change(TOPIC, name, ("retention.ms", "1"), validate=True)
        self.assertEqual(self.setting(TOPIC, name, "retention.ms")["configSource"], DEFAULT)


class Others(Case):
    def test_the_longest_strings_are_answered(self):
        """Apache Kafka finds its own sentence too long and answers UNKNOWN_SERVER_ERROR."""
        longest = "y" * 32767
        errors = (INVALID_CONFIG, INVALID_REQUEST, INVALID_TOPIC_EXCEPTION) if isinstance(
            self.broker, harness.Ottla) else (-1, INVALID_TOPIC_EXCEPTION)
        name = self.topic()
        self.create(name)
        for kind, resource, key, value in ((TOPIC, name, "retention.ms", longest), (TOPIC, name, longest, "1"),
                                           (TOPIC, longest, "retention.ms", "1"), (BROKER, longest, "x", "1"),
                                           (GROUP, "g", "share.isolation.level", longest),
                                           (LOGGER, "1", longest, "INFO"), (LOGGER, "1", "root", longest)):
            self.assertIn(self.change(kind, resource, (key, value))["errorCode"], errors, (kind, key[:9]))
        for kind in (TOPIC, BROKER, LOGGER):
            self.assertIn(self.describe(kind, longest)["errorCode"], errors, kind)

    def test_groups_and_client_metrics(self):
        for kind, key, value, dflt, source, unknown in (
                (GROUP, "consumer.session.timeout.ms", "50000", "45000", OF_GROUP, INVALID_CONFIG),
                (CLIENT_METRICS, "interval.ms", "1000", "300000", OF_METRICS, INVALID_REQUEST)):
            self.assertEqual(self.value(kind, "one", key), dflt)
            self.assertEqual(self.change(kind, "one", (key, value))["errorCode"], NONE)
            e = self.setting(kind, "one", key)
            self.assertEqual((e["value"], e["configSource"]), (value, source))
            self.assertEqual(self.change(kind, "one", (key, "x"))["errorCode"], INVALID_CONFIG)
            self.assertEqual(self.change(kind, "one", ("nope", "1"))["errorCode"], unknown)
            self.assertEqual(self.change(kind, "", (key, value))["errorCode"], INVALID_REQUEST)

    @unittest.skipIf(harness.os.environ.get("OTTLA_E2E_BROKER") == "kafka", "its loggers have other names")
    def test_levels_of_diagnostics(self):
        self.assertEqual(self.value(LOGGER, "1", "root"), "INFO")
        self.assertEqual(self.value(LOGGER, "1", "net"), "INFO")
        self.assertEqual(self.change(LOGGER, "1", ("net", "DEBUG"))["errorCode"], NONE)
        self.assertEqual((self.value(LOGGER, "1", "net"), self.value(LOGGER, "1", "log")), ("DEBUG", "INFO"))
        self.assertEqual(self.change(LOGGER, "1", ("net", None, DELETE))["errorCode"], NONE)
        self.assertEqual(self.value(LOGGER, "1", "net"), "INFO")
        self.change(LOGGER, "1", ("root", "WARN"))
        self.assertEqual(self.value(LOGGER, "1", "net"), "WARN")
        for change, want in ((("nope", "INFO"), INVALID_CONFIG), (("net", "LOUD"), INVALID_CONFIG),
                             (("root", None, DELETE), INVALID_REQUEST), (("net", "INFO", APPEND), INVALID_REQUEST)):
            self.assertEqual(self.change(LOGGER, "1", change)["errorCode"], want, change)
        # all or none
        self.assertEqual(self.change(LOGGER, "1", ("net", "TRACE"), ("nope", "INFO"))["errorCode"], INVALID_CONFIG)
        self.assertEqual(self.value(LOGGER, "1", "net"), "WARN")
        self.assertEqual(self.change(LOGGER, "7", ("net", "TRACE"))["errorCode"], INVALID_REQUEST)

    def test_what_has_settings(self):
        name = self.topic()
        self.create(name)
        self.change(GROUP, "listed", ("consumer.session.timeout.ms", "50000"))
        self.change(CLIENT_METRICS, "listed", ("interval.ms", "1000"))
        for v in self.each_version("ListConfigResources"):
            if v == 0:
                self.assertIn({"resourceName": "listed"}, self.c.call("ListConfigResources", 0, {})["configResources"])
                continue
            ask = lambda *types: {(r["resourceType"], r["resourceName"]) for r in self.c.call(  # noqa: E731
                "ListConfigResources", v, {"resourceTypes": list(types)})["configResources"]}  # noqa: B023
            self.assertLessEqual({(GROUP, "listed"), (CLIENT_METRICS, "listed"), (BROKER, "1"), (LOGGER, "1"),
                                  (TOPIC, name)}, ask())
            self.assertEqual({kind for kind, _ in ask(GROUP)}, {GROUP})
            self.assertEqual({kind for kind, _ in ask(BROKER, CLIENT_METRICS)}, {BROKER, CLIENT_METRICS})
            for bad in (1, 3, 99, -1):
                r = self.c.call("ListConfigResources", v, {"resourceTypes": [TOPIC, bad]})
                self.assertEqual((r["errorCode"], r["configResources"]), (UNSUPPORTED_VERSION, []))
