"""The APIs that tell of the cluster and change its topics, at every version that the broker lists.

Proves: API_VERSIONS, METADATA, CREATE_TOPICS, DELETE_TOPICS, CREATE_PARTITIONS, DESCRIBE_CLUSTER,
DESCRIBE_TOPIC_PARTITIONS, DESCRIBE_LOG_DIRS, FIND_COORDINATOR
"""

import os
import unittest

import harness
from apicase import (NO_ID, NONE, UNKNOWN_TOPIC_ID, UNKNOWN_TOPIC_OR_PARTITION, UNSUPPORTED_VERSION, ApiCase, versions)
from wire import Connection, messages

COORDINATOR_NOT_AVAILABLE = 15
INVALID_TOPIC_EXCEPTION = 17
TOPIC_ALREADY_EXISTS = 36
INVALID_PARTITIONS = 37
INVALID_REPLICATION_FACTOR = 38
INVALID_REPLICA_ASSIGNMENT = 39
INVALID_CONFIG = 40
INVALID_REQUEST = 42
# all that is permitted where there are no rules: bits of the codes of operations
TOPIC_OPERATIONS = sum(1 << op for op in (3, 4, 5, 6, 7, 8, 10, 11))
CLUSTER_OPERATIONS = sum(1 << op for op in (5, 7, 8, 9, 10, 11, 12))
UNSET = -2**31
STRANGER = "AAAAAAAAAAAAAAAAAAAAEQ"


class Versions(ApiCase):
    def test_every_version_lists_the_apis(self):
        for v in self.each_version("ApiVersions"):
            r = self.c.call("ApiVersions", v, {"clientSoftwareName": "e2e", "clientSoftwareVersion": "1"}
                            if v >= 3 else {})
            self.assertEqual(r["errorCode"], NONE)
            listed = {k["apiKey"]: (k["minVersion"], k["maxVersion"]) for k in r["apiKeys"]}
            self.assertEqual(len(listed), len(r["apiKeys"]))
            for api in ("Produce", "Fetch", "ListOffsets", "Metadata", "ApiVersions", "CreateTopics"):
                low, high = listed[messages()[api + "Request"].id]
                self.assertEqual(high, versions(api).hi)
            if v >= 3:
                finalized = {f["name"]: f["maxVersionLevel"] for f in r["finalizedFeatures"]}
                self.assertGreater(finalized["metadata.version"], 0)
                self.assertGreaterEqual(r["finalizedFeaturesEpoch"], 0)
                self.assertIn("metadata.version", {f["name"] for f in r["supportedFeatures"]})

    def test_what_is_listed_is_answered(self):
        """An answer that decodes, to the smallest request of each API and version."""
        by_id = {m.id: name[:-len("Request")] for name, m in messages().items() if name.endswith("Request")}
        for key, (low, high) in self.listed.items():
            for v in range(low, high + 1):
                if v not in versions(by_id[key]) or not isinstance(self.broker, harness.Ottla):
                    continue
                body = {"acks": -1} if by_id[key] == "Produce" else {}
                if by_id[key] == "InitProducerId":
                    body = {"transactionalId": None}
                if by_id[key] == "ApiVersions":
                    body = {"clientSoftwareName": "e2e", "clientSoftwareVersion": "1"} if v >= 3 else {}
                self.at = "%s version %d: " % (by_id[key], v)
                with Connection("127.0.0.1", self.broker.port) as c:
                    self.assertIsInstance(c.call(by_id[key], v, body), dict)

    def test_an_unknown_version_is_answered_in_version_0(self):
        with Connection("127.0.0.1", self.broker.port) as c:
            c.send("ApiVersions", 5, b"\1\1\0")
            _, r = c.receive("ApiVersions", 0)
            self.assertEqual(r["errorCode"], UNSUPPORTED_VERSION)
            self.assertEqual([(k["minVersion"], k["maxVersion"]) for k in r["apiKeys"] if k["apiKey"] == 18], [(0, 4)])
            self.assertEqual(c.call("ApiVersions", 0, {})["errorCode"], NONE)  # the connection lives on

    def test_bad_software_names_are_refused(self):
        for name in ("", "a b", "-x", "x" * 40 + "/"):
            with Connection("127.0.0.1", self.broker.port) as c:
                r = c.call("ApiVersions", 3, {"clientSoftwareName": name, "clientSoftwareVersion": "1"})
                self.assertEqual(r["errorCode"], INVALID_REQUEST)


class Metadata(ApiCase):
    overrides = {"num.partitions": 2}

    def ask(self, version, topics, **kw):
        """topics: names, or None for all"""
        body = dict(kw, topics=None if topics is None else [{"name": t} for t in topics])
        if version == 0 and topics is None:
            body["topics"] = []
        if version >= 4:
            body.setdefault("allowAutoTopicCreation", False)
        return self.c.call("Metadata", version, body)

    def test_every_version_tells_of_brokers_and_topics(self):
        name = self.topic()
        topic_id = self.create(name, partitions=3)
        for v in self.each_version("Metadata"):
            for names in ([name], None):
                r = self.ask(v, names)
                me = r["brokers"][0]
                self.assertEqual((len(r["brokers"]), me["host"], me["port"]), (1, "127.0.0.1", self.broker.port))
                if v >= 1:
                    self.assertEqual((r["controllerId"], me["rack"]), (me["nodeId"], None))
                if v >= 2:
                    self.assertEqual(len(r["clusterId"]), 22)
                t, = [t for t in r["topics"] if t["name"] == name]
                self.assertEqual((t["errorCode"], t.get("isInternal", False)), (NONE, False))
                self.assertEqual(t.get("topicId", topic_id), topic_id)
                self.assertEqual(t.get("topicAuthorizedOperations", UNSET), UNSET)
                parts = sorted(t["partitions"], key=lambda p: p["partitionIndex"])
                self.assertEqual([p["partitionIndex"] for p in parts], [0, 1, 2])
                for p in parts:
                    self.assertEqual((p["errorCode"], p["leaderId"], p["replicaNodes"], p["isrNodes"],
                                      p.get("offlineReplicas", [])),
                                     (NONE, me["nodeId"], [me["nodeId"]], [me["nodeId"]], []))

    def test_no_topics_asked_none_told(self):
        for v in self.each_version("Metadata", 1):
            r = self.ask(v, [])
            self.assertEqual((r["topics"], len(r["brokers"])), ([], 1))

    def test_topics_by_id(self):
        name = self.topic()
        topic_id = self.create(name)
        for v in self.each_version("Metadata", 12):
            r = self.c.call("Metadata", v, {"topics": [{"name": None, "topicId": topic_id},
                                                       {"name": None, "topicId": STRANGER}]})
            told = {t["topicId"]: (t["errorCode"], t["name"]) for t in r["topics"]}
            self.assertEqual(told, {topic_id: (NONE, name), STRANGER: (UNKNOWN_TOPIC_ID, None)})

    def test_unknown_and_bad_names(self):
        for v in self.each_version("Metadata", 4):
            r = self.ask(v, [self.topic("none"), "bad name", ""])
            told = {t["name"]: t["errorCode"] for t in r["topics"]}
            self.assertEqual(told[self.topic("none")], UNKNOWN_TOPIC_OR_PARTITION)
            self.assertIn(told["bad name"], (INVALID_TOPIC_EXCEPTION, UNKNOWN_TOPIC_OR_PARTITION))
            self.assertIn(told[""], (INVALID_TOPIC_EXCEPTION, UNKNOWN_TOPIC_OR_PARTITION))

    def test_asking_makes_a_topic_where_that_is_allowed(self):
        for v in self.each_version("Metadata"):
            name = self.topic(v)
            kw = {"allowAutoTopicCreation": True} if v >= 4 else {}

            def found():
                t = self.ask(v, [name], **kw)["topics"][0]
                return t if t["errorCode"] == NONE and t["partitions"] else None

            self.assertEqual(len(harness.wait_for(name, found)["partitions"]), 2)

    def test_permitted_operations_are_told_when_asked(self):
        name = self.topic()
        self.create(name)
        for v in self.each_version("Metadata", 8):
            kw = {"includeClusterAuthorizedOperations": True} if v <= 10 else {}
            r = self.ask(v, [name, "nowhere"], includeTopicAuthorizedOperations=True, **kw)
            self.assertEqual([t["topicAuthorizedOperations"] for t in r["topics"]], [TOPIC_OPERATIONS] * 2)
            if v <= 10:
                self.assertEqual(r["clusterAuthorizedOperations"], CLUSTER_OPERATIONS)


class Topics(ApiCase):
    overrides = {"num.partitions": 2}

    def make(self, version, topics, **kw):
        r = self.c.call("CreateTopics", version, dict(kw, topics=topics, timeoutMs=30000))
        return {t["name"]: t for t in r["topics"]}

    def exists(self, name):
        r = self.c.call("Metadata", 12, {"topics": [{"name": name}], "allowAutoTopicCreation": False})
        t = r["topics"][0]
        return len(t["partitions"]) if t["errorCode"] == NONE else 0

    def test_every_version_creates(self):
        for v in self.each_version("CreateTopics"):
            a, b, c = (self.topic(v, x) for x in "abc")
            told = self.make(v, [
                {"name": a, "numPartitions": 3, "replicationFactor": 1,
                 "configs": [{"name": "retention.ms", "value": "1234567"}]},
                {"name": b, "numPartitions": -1 if v >= 4 else 2, "replicationFactor": -1 if v >= 4 else 1},
                {"name": c, "numPartitions": -1, "replicationFactor": -1, "assignments": [
                    {"partitionIndex": 0, "brokerIds": [1]}, {"partitionIndex": 1, "brokerIds": [1]}]}])
            self.assertEqual({n: t["errorCode"] for n, t in told.items()}, {a: NONE, b: NONE, c: NONE})
            for name, count in ((a, 3), (b, 2), (c, 2)):
                self.assertEqual(harness.wait_for(name, lambda: self.exists(name)), count)
                if v >= 5:
                    self.assertEqual((told[name]["numPartitions"], told[name]["replicationFactor"]), (count, 1))
                if v >= 7:
                    self.assertNotEqual(told[name]["topicId"], NO_ID)
            if v >= 5:
                given = {x["name"]: (x["value"], x["configSource"]) for x in told[a]["configs"]}
                self.assertEqual(given["retention.ms"], ("1234567", 1))  # set on the topic itself
                self.assertEqual(given["cleanup.policy"], ("delete", 5))  # a default
            again = self.make(v, [{"name": a, "numPartitions": 1, "replicationFactor": 1}])
            self.assertEqual(again[a]["errorCode"], TOPIC_ALREADY_EXISTS)

    def test_every_version_refuses(self):
        for v in self.each_version("CreateTopics"):
            name = self.topic(v)
            one = {"name": name, "numPartitions": 1, "replicationFactor": 1}
            cases = [
                (dict(one, name="bad name"), INVALID_TOPIC_EXCEPTION),
                (dict(one, name=".."), INVALID_TOPIC_EXCEPTION),
                (dict(one, name="x" * 250), INVALID_TOPIC_EXCEPTION),
                (dict(one, numPartitions=0), INVALID_PARTITIONS),
                (dict(one, numPartitions=-7), INVALID_PARTITIONS),
                (dict(one, replicationFactor=2), INVALID_REPLICATION_FACTOR),
                (dict(one, replicationFactor=0), INVALID_REPLICATION_FACTOR),
                (dict(one, configs=[{"name": "no.such", "value": "1"}]), INVALID_CONFIG),
                (dict(one, configs=[{"name": "retention.ms", "value": "x"}]), INVALID_CONFIG),
                (dict(one, configs=[{"name": "retention.ms", "value": None}]), INVALID_CONFIG),
                (dict(one, numPartitions=-1, replicationFactor=-1,
                      assignments=[{"partitionIndex": 1, "brokerIds": [1]}]), INVALID_REPLICA_ASSIGNMENT),
                (dict(one, numPartitions=-1, replicationFactor=-1,
                      assignments=[{"partitionIndex": 0, "brokerIds": [1, 1]}]), INVALID_REPLICA_ASSIGNMENT),
                (dict(one, numPartitions=-1, replicationFactor=-1,
                      assignments=[{"partitionIndex": 0, "brokerIds": [77]}]), INVALID_REPLICA_ASSIGNMENT),
            ]
            for topic, error in cases:
                got = self.make(v, [topic])[topic["name"]]
                self.assertEqual((topic, got["errorCode"]), (topic, error))
                self.assertTrue(got["errorMessage"])
            self.assertEqual(self.exists(name), 0)

    def test_only_validating_makes_nothing(self):
        for v in self.each_version("CreateTopics"):
            name = self.topic(v)
            told = self.make(v, [{"name": name, "numPartitions": 1, "replicationFactor": 1}], validateOnly=True)
            self.assertEqual((told[name]["errorCode"], self.exists(name)), (NONE, 0))

    def test_names_that_would_collide(self):
        self.create("collide.a_b")
        told = self.make(7, [{"name": "collide_a.b", "numPartitions": 1, "replicationFactor": 1}])
        self.assertEqual(told["collide_a.b"]["errorCode"], INVALID_TOPIC_EXCEPTION)

    def test_every_version_deletes(self):
        for v in self.each_version("DeleteTopics"):
            name, gone = self.topic(v), self.topic("never")
            topic_id = self.create(name)
            self.write(name, [b"old"])
            body = {"timeoutMs": 30000}
            if v >= 6:
                body["topics"] = [{"name": name}, {"name": gone}, {"topicId": STRANGER}]
            else:
                body["topicNames"] = [name, gone]
            told = self.c.call("DeleteTopics", v, body)["responses"]
            self.assertEqual({t["name"]: t["errorCode"] for t in told if t["name"]},
                             {name: NONE, gone: UNKNOWN_TOPIC_OR_PARTITION})
            if v >= 6:
                self.assertEqual({t["topicId"]: t["errorCode"] for t in told if not t["name"]},
                                 {STRANGER: UNKNOWN_TOPIC_ID})
            harness.wait_for("the end of " + name, lambda: self.exists(name) == 0)
            self.assertNotEqual(self.create(name), topic_id)
            self.assertEqual(self.read(name), [])

    def test_topics_are_deleted_by_id(self):
        name = self.topic()
        topic_id = self.create(name)
        for v in self.each_version("DeleteTopics", 6):
            told = self.c.call("DeleteTopics", v, {"topics": [{"topicId": topic_id}], "timeoutMs": 30000})
            self.assertEqual([(t["name"], t["topicId"], t["errorCode"]) for t in told["responses"]],
                             [(name, topic_id, NONE)])

    def test_a_topic_of_an_old_name_starts_anew_after_restart(self):
        name = self.topic()
        for i in range(3):
            self.create(name)
            self.write(name, [b"%d" % i] * (i + 1))
            if i < 2:
                self.c.call("DeleteTopics", 6, {"topics": [{"name": name}], "timeoutMs": 30000})
                harness.wait_for("the end of " + name, lambda: self.exists(name) == 0)
        for end in (self.broker.stop, self.broker.kill):
            self.start_again(end)
            self.await_partition(name)
            self.assertEqual([x.value for x in self.read(name)], [b"2"] * 3)

    def grow(self, version, name, count, **kw):
        topic = {"name": name, "count": count, "assignments": kw.pop("assignments", None)}
        r = self.c.call("CreatePartitions", version, dict(kw, topics=[topic], timeoutMs=30000))
        self.assertEqual(r["results"][0]["name"], name)
        return r["results"][0]["errorCode"]

    def test_every_version_grows(self):
        for v in self.each_version("CreatePartitions"):
            name = self.topic(v)
            self.create(name)
            self.assertEqual(self.grow(v, name, 3), NONE)
            self.assertEqual(self.grow(v, name, 4, assignments=[{"brokerIds": [1]}]), NONE)
            harness.wait_for(name, lambda: self.exists(name) == 4)
            for p in range(4):
                self.await_partition(name, p)
                self.write(name, [b"x"], partition=p)
            self.assertEqual(self.grow(v, name, 4), INVALID_PARTITIONS)
            self.assertEqual(self.grow(v, name, 2), INVALID_PARTITIONS)
            self.assertEqual(self.grow(v, name, 6, assignments=[{"brokerIds": [1]}]), INVALID_REPLICA_ASSIGNMENT)
            self.assertEqual(self.grow(v, self.topic("never"), 2), UNKNOWN_TOPIC_OR_PARTITION)
            self.assertEqual(self.grow(v, name, 9, validateOnly=True), NONE)
            self.assertEqual(self.exists(name), 4)

    def test_topics_are_described_page_by_page(self):
        a, b = self.topic("a"), self.topic("b")
        ids = {a: self.create(a, partitions=3), b: self.create(b, partitions=2)}
        body = {"topics": [{"name": b}, {"name": a}, {"name": self.topic("never")}], "responsePartitionLimit": 4}
        for v in self.each_version("DescribeTopicPartitions"):
            r = self.c.call("DescribeTopicPartitions", v, body)
            first, second = r["topics"][:2]
            self.assertEqual((first["name"], first["errorCode"], first["topicId"]), (a, NONE, ids[a]))
            self.assertEqual([p["partitionIndex"] for p in first["partitions"]], [0, 1, 2])
            self.assertEqual([p["partitionIndex"] for p in second["partitions"]], [0])
            for p in first["partitions"]:
                self.assertEqual((p["errorCode"], p["leaderId"], p["replicaNodes"], p["isrNodes"],
                                  p["offlineReplicas"], p["eligibleLeaderReplicas"], p["lastKnownElr"]),
                                 (NONE, 1, [1], [1], [], [], []))
            self.assertEqual([t["topicAuthorizedOperations"] for t in r["topics"]], [TOPIC_OPERATIONS] * 2)
            self.assertEqual(r["nextCursor"], {"topicName": b, "partitionIndex": 1})
            r = self.c.call("DescribeTopicPartitions", v, dict(body, cursor=r["nextCursor"]))
            self.assertEqual([p["partitionIndex"] for p in r["topics"][0]["partitions"]], [1])
            self.assertEqual((r["topics"][1]["name"], r["topics"][1]["errorCode"]),
                             (self.topic("never"), UNKNOWN_TOPIC_OR_PARTITION))
            self.assertIsNone(r["nextCursor"])


class Cluster(ApiCase):
    def test_every_version_describes_the_cluster(self):
        cluster = self.c.call("Metadata", 12, {"topics": []})["clusterId"]
        for v in self.each_version("DescribeCluster"):
            for wants in (False, True):
                r = self.c.call("DescribeCluster", v, {"includeClusterAuthorizedOperations": wants})
                self.assertEqual((r["errorCode"], r["clusterId"], r["controllerId"], r.get("endpointType", 1)),
                                 (NONE, cluster, 1, 1))
                self.assertEqual([(b["brokerId"], b["host"], b["port"], b.get("isFenced", False))
                                  for b in r["brokers"]], [(1, "127.0.0.1", self.broker.port, False)])
                self.assertEqual(r["clusterAuthorizedOperations"], CLUSTER_OPERATIONS if wants else UNSET)

    def test_controllers_are_no_endpoint_of_this_listener(self):
        for v in self.each_version("DescribeCluster", 1):
            self.assertNotEqual(self.c.call("DescribeCluster", v, {"endpointType": 2})["errorCode"], NONE)


    @unittest.skipIf(os.environ.get("OTTLA_E2E_BROKER") == "kafka", "Apache Kafka has coordinators")
    def test_transactions_have_no_coordinator(self):
        for v in self.each_version("FindCoordinator", 1):
            if v >= 4:
                r = self.c.call("FindCoordinator", v, {"keyType": 1, "coordinatorKeys": ["a", "b"]})
                self.assertEqual([x["key"] for x in r["coordinators"]], ["a", "b"])
                told = r["coordinators"]
            else:
                told = [self.c.call("FindCoordinator", v, {"keyType": 1, "key": "a"})]
            for x in told:
                self.assertEqual((x["errorCode"], x["nodeId"], x["host"], x["port"]), (COORDINATOR_NOT_AVAILABLE, -1, "", -1))


class LogDirs(ApiCase):
    dirs = ()

    @classmethod
    def setUpClass(cls):
        cls.dirs = sorted(harness.Dirs.new("disk%d" % i) for i in range(3))
        cls.overrides = {"log.dirs": ",".join(cls.dirs)}
        super().setUpClass()

    def describe(self, version, topics):
        r = self.c.call("DescribeLogDirs", version, {"topics": topics})
        self.assertEqual(r.get("errorCode", NONE), NONE)
        return {d["logDir"]: d for d in r["results"]}

    def test_every_version_describes_every_dir(self):
        name = self.topic()
        self.create(name, partitions=6)
        for p in range(6):
            self.write(name, [bytes(1000)] * (p + 1), partition=p)
        for v in self.each_version("DescribeLogDirs"):
            for topics in (None, [{"topic": name, "partitions": list(range(6))}]):
                told = self.describe(v, topics)
                self.assertEqual(sorted(told), self.dirs)
                where = {}
                for path, d in told.items():
                    self.assertEqual(d["errorCode"], NONE)
                    if v >= 4:
                        self.assertGreater(d["totalBytes"], d["usableBytes"])
                    for t in d["topics"]:
                        for p in t["partitions"] if t["name"] == name else ():
                            where[p["partitionIndex"]] = path
                            log = os.path.join(path, "%s-%d" % (name, p["partitionIndex"]), "0" * 20 + ".log")
                            self.assertEqual((p["partitionSize"], p["offsetLag"], p["isFutureKey"]),
                                             (os.path.getsize(log), 0, False))
                self.assertEqual(sorted(where), list(range(6)))
                self.assertEqual(sorted(list(where.values()).count(d) for d in self.dirs), [2, 2, 2])
            self.assertEqual([d["topics"] for d in self.describe(v, []).values()], [[]] * 3)
            one = self.describe(v, [{"topic": name, "partitions": [4]}, {"topic": "nowhere", "partitions": [0]}])
            self.assertEqual([p["partitionIndex"] for d in one.values() for t in d["topics"] for p in t["partitions"]],
                             [4])

    def test_dirs_keep_what_they_have(self):
        name = self.topic()
        self.create(name, partitions=7)
        for p in range(7):
            self.write(name, [b"%d" % p], partition=p)
        before = self.places(name)
        for end in (self.broker.stop, self.broker.kill):
            self.start_again(end)
            for p in range(7):
                self.await_partition(name, p)
                self.assertEqual([x.value for x in self.read(name, partition=p)], [b"%d" % p])
            self.assertEqual(self.places(name), before)

    def places(self, name):
        return {d: sorted(x for x in os.listdir(d) if x.startswith(name + "-")) for d in self.dirs}


if __name__ == "__main__":
    unittest.main()
