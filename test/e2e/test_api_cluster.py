"""Elections, reassignments, the metadata quorum, features, and brokers that leave, at every version.

Proves: ELECT_LEADERS, ALTER_PARTITION_REASSIGNMENTS, LIST_PARTITION_REASSIGNMENTS, DESCRIBE_QUORUM, UPDATE_FEATURES,
UNREGISTER_BROKER, ADD_RAFT_VOTER, REMOVE_RAFT_VOTER
"""

import unittest

import harness
from apicase import NONE, UNKNOWN_TOPIC_OR_PARTITION, ApiCase

INVALID_REPLICA_ASSIGNMENT = 39
INVALID_REQUEST = 42
ELECTION_NOT_NEEDED = 84
NO_REASSIGNMENT_IN_PROGRESS = 85
INVALID_UPDATE_VERSION = 95
INCONSISTENT_CLUSTER_ID = 104
DUPLICATE_VOTER, VOTER_NOT_FOUND = 126, 127
BROKER_ID_NOT_REGISTERED = 102
PREFERRED, UNCLEAN = 0, 1
UPGRADE, SAFE_DOWNGRADE = 1, 2
METADATA = "__cluster_metadata"


class Cluster(ApiCase):
    def test_elections(self):
        name = self.topic()
        self.create(name, partitions=2)
        for v in self.each_version("ElectLeaders"):
            for kind in (PREFERRED, UNCLEAN) if v >= 1 else (PREFERRED,):
                body = {"topicPartitions": [{"topic": name, "partitions": [0, 7]}], "timeoutMs": 1000}
                if v >= 1:
                    body["electionType"] = kind
                r = self.c.call("ElectLeaders", v, body)
                found = [(p["partitionId"], p["errorCode"]) for p in r["replicaElectionResults"][0]["partitionResult"]]
                self.assertEqual(found, [(0, ELECTION_NOT_NEEDED), (7, UNKNOWN_TOPIC_OR_PARTITION)])
            body["topicPartitions"] = None
            r = self.c.call("ElectLeaders", v, body)
            self.assertEqual([t["partitionResult"] for t in r["replicaElectionResults"] if t["topic"] == name], [[]])

    def test_reassignments(self):
        name = self.topic()
        self.create(name, partitions=2)
        for v in self.each_version("AlterPartitionReassignments"):
            r = self.c.call("AlterPartitionReassignments", v, {"timeoutMs": 1000, "topics": [
                {"name": name, "partitions": [{"partitionIndex": 0, "replicas": [1]}, {"partitionIndex": 1, "replicas": [7]},
                                              {"partitionIndex": 2, "replicas": [1]}, {"partitionIndex": 0, "replicas": None}]},
                {"name": "never", "partitions": [{"partitionIndex": 0, "replicas": [1]}]}]})
            self.assertEqual(r["errorCode"], NONE)
            self.assertEqual([[p["errorCode"] for p in t["partitions"]] for t in r["responses"]],
                             [[NONE, INVALID_REPLICA_ASSIGNMENT, UNKNOWN_TOPIC_OR_PARTITION, NO_REASSIGNMENT_IN_PROGRESS],
                              [UNKNOWN_TOPIC_OR_PARTITION]])
        for topics in (None, [{"name": name, "partitionIndexes": [0, 1]}]):
            r = self.c.call("ListPartitionReassignments", 0, {"timeoutMs": 1000, "topics": topics})
            self.assertEqual((r["errorCode"], r["topics"]), (NONE, []))
        self.assertEqual(self.write(name, [b"still here"]), 0)

    def test_the_quorum_takes_no_voters_and_gives_none(self):
        r = self.c.call("DescribeQuorum", 2, {"topics": [{"topicName": METADATA, "partitions": [{"partitionIndex": 0}]}]})
        own = r["topics"][0]["partitions"][0]["currentVoters"][0]["replicaDirectoryId"]
        other = "A" * 21 + "Q"
        for v in self.each_version("AddRaftVoter"):
            for cluster, voter, want in ((None, 7, INVALID_REQUEST), (None, 1, DUPLICATE_VOTER),
                                         ("another", 7, INCONSISTENT_CLUSTER_ID)):
                r = self.c.call("AddRaftVoter", v, {
                    "clusterId": cluster, "timeoutMs": 1000, "voterId": voter, "voterDirectoryId": other,
                    "listeners": [{"name": "CONTROLLER", "host": "localhost", "port": 9}]})
                self.assertEqual(r["errorCode"], want, r)
        for v in self.each_version("RemoveRaftVoter"):
            for cluster, voter, directory, want in ((None, 1, other, VOTER_NOT_FOUND), (None, 7, own, VOTER_NOT_FOUND),
                                                    (None, 1, own, INVALID_REQUEST),
                                                    ("another", 1, own, INCONSISTENT_CLUSTER_ID)):
                r = self.c.call("RemoveRaftVoter", v, {"clusterId": cluster, "voterId": voter,
                                                       "voterDirectoryId": directory})
                self.assertEqual(r["errorCode"], want, r)

    def test_the_quorum(self):
        for v in self.each_version("DescribeQuorum"):
            r = self.c.call("DescribeQuorum", v, {"topics": [{"topicName": METADATA, "partitions": [{"partitionIndex": 0}]}]})
            p = r["topics"][0]["partitions"][0]
            self.assertEqual((r["errorCode"], p["errorCode"], p["leaderId"]), (NONE, NONE, 1))
            self.assertGreater(p["highWatermark"], 0)
            self.assertEqual([x["replicaId"] for x in p["currentVoters"]], [1])
            self.assertEqual(p["currentVoters"][0]["logEndOffset"], p["highWatermark"])
            if v >= 2:
                self.assertEqual([n["nodeId"] for n in r["nodes"]], [1])
                self.assertEqual([x["name"] for x in r["nodes"][0]["listeners"]], ["CONTROLLER"])
            r = self.c.call("DescribeQuorum", v, {"topics": [{"topicName": "never", "partitions": [{"partitionIndex": 0}]}]})
            self.assertEqual(r["topics"][0]["partitions"][0]["errorCode"], UNKNOWN_TOPIC_OR_PARTITION)

    def test_the_quorum_moves_on(self):
        ask = lambda: self.c.call("DescribeQuorum", 2, {"topics": [  # noqa: E731
            {"topicName": METADATA, "partitions": [{"partitionIndex": 0}]}]})["topics"][0]["partitions"][0]["highWatermark"]
        before = ask()
        self.create(self.topic())
        self.assertGreater(ask(), before)

    @unittest.skipIf(harness.os.environ.get("OTTLA_E2E_BROKER") == "kafka", "it would be gone")
    def test_a_running_broker_is_not_taken_out(self):
        self.assertEqual(self.c.call("UnregisterBroker", 0, {"brokerId": 1})["errorCode"], INVALID_REQUEST)
        self.assertEqual(self.c.call("UnregisterBroker", 0, {"brokerId": 7})["errorCode"], BROKER_ID_NOT_REGISTERED)


class Features(ApiCase):
    def update(self, version, name, level, kind=UPGRADE, dry=False):
        key = {"feature": name, "maxVersionLevel": level}
        key.update({"allowDowngrade": kind != UPGRADE} if version == 0 else {"upgradeType": kind})
        body = {"timeoutMs": 1000, "featureUpdates": [key]}
        return self.c.call("UpdateFeatures", version, dict(body, validateOnly=dry) if version else body)["errorCode"]

    def level(self, name):
        r = self.c.call("ApiVersions", 4, {"clientSoftwareName": "e2e", "clientSoftwareVersion": "1"})
        return {f["name"]: f["maxVersionLevel"] for f in r["finalizedFeatures"]}.get(name, 0)

    def await_level(self, name, level):
        if not isinstance(self.broker, harness.Ottla):
            harness.wait_for(name, lambda: self.level(name) == level)
        self.assertEqual(self.level(name), level)

    def test_levels(self):
        for v in self.each_version("UpdateFeatures"):
            self.assertEqual(self.update(v, "share.version", 0), INVALID_UPDATE_VERSION)  # not downwards by mistake
            self.assertEqual(self.update(v, "share.version", 9), INVALID_UPDATE_VERSION)
            self.assertEqual(self.update(v, "metadata.version", 7, SAFE_DOWNGRADE), INVALID_UPDATE_VERSION)
            self.assertEqual(self.update(v, "never.version", 1), INVALID_UPDATE_VERSION)
            if v == 0 and not isinstance(self.broker, harness.Ottla):
                continue  # Apache Kafka does not look at allowDowngrade
            self.assertEqual(self.update(v, "share.version", 0, SAFE_DOWNGRADE), NONE)
            self.await_level("share.version", 0)
            self.assertEqual(self.update(v, "share.version", 1), NONE)
            self.await_level("share.version", 1)
        self.assertEqual(self.update(2, "share.version", 0, SAFE_DOWNGRADE, dry=True), NONE)
        self.assertEqual(self.level("share.version"), 1)

    @unittest.skipIf(harness.os.environ.get("OTTLA_E2E_BROKER") == "kafka", "its quorum is static there")
    def test_the_quorum_is_dynamic(self):
        self.assertEqual(self.level("kraft.version"), 1)
