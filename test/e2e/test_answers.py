"""Answers to odd requests, as Apache Kafka 4.3.1 gives them (./dev interop raw found each of these)."""

import batch
from apicase import (INVALID_REQUIRED_ACKS, NO_ID, NONE, OFFSET_OUT_OF_RANGE, UNKNOWN_TOPIC_ID,
                     UNKNOWN_TOPIC_OR_PARTITION, ApiCase)

NOT_LEADER_OR_FOLLOWER = 6
INVALID_TOPIC = 17
INVALID_REQUEST = 42
POLICY_VIOLATION = 44
TRANSACTIONAL_ID_AUTHORIZATION_FAILED = 53
FENCED_LEADER_EPOCH = 74
INVALID_RECORD = 87
UNSUPPORTED_ENDPOINT_TYPE = 115
MISMATCHED_ENDPOINT_TYPE = 114
ALL_ON_A_TOPIC = 3576
ALL_ON_THE_CLUSTER = 8096
NOT_ASKED = -2**31
SOME_ID = "AAAAAAAAAAAAAAAAAAAB9w"


class Metadata(ApiCase):
    def ask(self, version, *topics, **more):
        """topics: (name, id)"""
        return self.c.call("Metadata", version, dict({"allowAutoTopicCreation": False, "topics": [
            {"name": n, "topicId": i} for n, i in topics]}, **more))

    def test_a_topic_is_told_once(self):
        name = self.topic()
        self.create(name)
        got = self.ask(12, (name, NO_ID), (name, NO_ID), ("never", NO_ID), ("never", NO_ID))["topics"]
        self.assertEqual(sorted((t["name"], t["errorCode"]) for t in got),
                         sorted([(name, NONE), ("never", UNKNOWN_TOPIC_OR_PARTITION)]))

    def test_ids_make_names_count_for_nothing(self):
        one, two = self.topic(1), self.topic(2)
        topic_id = self.create(one)
        self.create(two)
        got = self.ask(12, (two, topic_id))["topics"]
        self.assertEqual([t["name"] for t in got], [one])
        got = self.ask(12, (None, topic_id), (None, topic_id), (two, NO_ID))["topics"]
        self.assertEqual([t["name"] for t in got], [one])
        got = self.ask(12, (one, SOME_ID))["topics"]
        self.assertEqual([(t["name"], t["errorCode"]) for t in got], [(None, UNKNOWN_TOPIC_ID)])

    def test_ids_before_version_12_are_refused(self):
        name = self.topic()
        topic_id = self.create(name)
        for v in (10, 11):
            got = self.ask(v, (name, topic_id))
            self.assertEqual([(t["name"], t["errorCode"]) for t in got["topics"]], [(name, INVALID_REQUEST)])
            self.assertEqual(got["brokers"], [])

    def test_operations_are_told_when_asked(self):
        name = self.topic()
        self.create(name)
        got = self.ask(8, (name, NO_ID), includeTopicAuthorizedOperations=True, includeClusterAuthorizedOperations=True)
        self.assertEqual(got["topics"][0]["topicAuthorizedOperations"], ALL_ON_A_TOPIC)
        self.assertEqual(got["clusterAuthorizedOperations"], ALL_ON_THE_CLUSTER)
        got = self.ask(8, (name, NO_ID))
        self.assertEqual(got["topics"][0]["topicAuthorizedOperations"], NOT_ASKED)
        self.assertEqual(got["clusterAuthorizedOperations"], NOT_ASKED)


class Descriptions(ApiCase):
    def test_endpoints_of_another_kind(self):
        for kind, error, text in (
                (0, UNSUPPORTED_ENDPOINT_TYPE, "Unsupported endpoint type 0"),
                (2, MISMATCHED_ENDPOINT_TYPE, "The request was sent to an endpoint of type BROKER, but we wanted an "
                                              "endpoint of type CONTROLLER")):
            got = self.c.call("DescribeCluster", 1, {"endpointType": kind})
            self.assertEqual((got["errorCode"], got["errorMessage"], got["clusterId"]), (error, text, ""))

    def test_cursors_that_cannot_be(self):
        names = [self.topic(c) for c in "ab"]
        for n in names:
            self.create(n)
        for cursor, index in (("elsewhere", 0), (names[0], -1)):
            got = self.c.call("DescribeTopicPartitions", 0, {
                "topics": [{"name": n} for n in names], "cursor": {"topicName": cursor, "partitionIndex": index}})
            self.assertEqual([t["errorCode"] for t in got["topics"]], [INVALID_REQUEST] * 2)
        got = self.c.call("DescribeTopicPartitions", 0, {"topics": [{"name": names[0]}, {"name": "never"}]})
        self.assertEqual([t["topicAuthorizedOperations"] for t in got["topics"]], [ALL_ON_A_TOPIC] * 2)

    def test_features_that_begin_at_0_are_for_version_4(self):
        names = {"clientSoftwareName": "e2e", "clientSoftwareVersion": "1"}
        old = self.c.call("ApiVersions", 3, names)["supportedFeatures"]
        new = self.c.call("ApiVersions", 4, names)["supportedFeatures"]
        self.assertIn("group.version", [f["name"] for f in new])
        self.assertTrue(old)
        self.assertTrue(all(f["minVersion"] > 0 for f in old), old)

    def test_producers_of_no_topic(self):
        got = self.c.call("DescribeProducers", 0, {"topics": [{"name": "never", "partitionIndexes": [0]},
                                                              {"name": "a b", "partitionIndexes": [0]}]})
        found = {t["name"]: t["partitions"][0] for t in got["topics"]}
        self.assertEqual(found["never"]["errorMessage"], "This server does not host this topic-partition.")
        self.assertEqual(found["a b"]["errorCode"], INVALID_TOPIC)

    def test_half_an_identity_gets_no_producer_id(self):
        for pid, epoch in ((5, -1), (-1, 3)):
            got = self.c.call("InitProducerId", 4, {"transactionalId": None, "transactionTimeoutMs": 1000,
                                                    "producerId": pid, "producerEpoch": epoch})
            self.assertEqual(got["errorCode"], INVALID_REQUEST)


class Records(ApiCase):
    def produce(self, name, raw, acks=-1, timeout_ms=30000, transactional=None):
        got = self.c.call("Produce", 9, {"acks": acks, "timeoutMs": timeout_ms, "transactionalId": transactional,
                                         "topicData": [{"name": name, "partitionData": [{"index": 0, "records": raw}]}]})
        return got["responses"][0]["partitionResponses"][0]

    def fetch(self, name, off, version=12, session=(0, -1), forgotten=(), isolation=0, replica=-1, **fields):
        return self.c.call("Fetch", version, {
            "replicaId": replica, "maxWaitMs": 0, "minBytes": 0, "maxBytes": 1 << 20, "isolationLevel": isolation,
            "sessionId": session[0], "sessionEpoch": session[1],
            "topics": [{"topic": name, "partitions": [
                dict({"partition": 0, "fetchOffset": off, "partitionMaxBytes": 1 << 20}, **fields)]}],
            "forgottenTopicsData": [{"topic": n, "partitions": [0]} for n in forgotten]})

    def one(self, *args, **more):
        return self.fetch(*args, **more)["responses"][0]["partitions"][0]

    def test_a_transaction_that_nobody_began(self):
        name = self.topic()
        self.create(name)
        raw = batch.batch(producer=(1_000_000, 0, 0), attributes=batch.TRANSACTIONAL)
        self.assertEqual(self.produce(name, raw)["errorCode"], TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
        self.assertEqual(self.produce(name, raw, acks=7)["errorCode"], TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
        self.assertEqual(self.produce(name, batch.batch(), acks=7)["errorCode"], INVALID_REQUIRED_ACKS)
        self.assertEqual(self.produce(name, batch.batch(), transactional="tx")["errorCode"], NONE)
        got = self.one(name, 0)
        self.assertEqual((got["highWatermark"], got["lastStableOffset"]), (1, 1))

    def test_no_time_is_enough_for_one_replica(self):
        name = self.topic()
        self.create(name)
        self.assertEqual(self.produce(name, batch.batch(), timeout_ms=0)["errorCode"], NONE)

    def test_refusals_tell_where_the_log_starts(self):
        name = self.topic()
        self.create(name)
        got = self.produce(name, batch.batch(count=2))
        self.assertEqual((got["errorCode"], got["logStartOffset"]), (INVALID_RECORD, 0))
        got = self.produce(name, batch.batch() + batch.batch())
        self.assertEqual((got["errorCode"], got["logStartOffset"]), (INVALID_RECORD, -1))
        got = self.produce(name, batch.change(batch.batch(), crc=1))
        self.assertEqual(got["logStartOffset"], -1)

    def test_aborted_transactions_are_a_list_for_read_committed(self):
        name = self.topic()
        self.create(name)
        self.assertIsNone(self.one(name, 0)["abortedTransactions"])
        self.assertEqual(self.one(name, 0, isolation=1)["abortedTransactions"], [])
        self.assertEqual(self.one("never", 0)["abortedTransactions"], [])

    def test_epochs_nobody_heard_of(self):
        name = self.topic()
        self.create(name)
        self.assertEqual(self.produce(name, batch.batch())["errorCode"], NONE)
        self.assertEqual(self.one(name, 0, lastFetchedEpoch=7)["errorCode"], OFFSET_OUT_OF_RANGE)
        self.assertEqual(self.one(name, 0, lastFetchedEpoch=-2)["errorCode"], NONE)
        self.assertEqual(self.one(name, 0, currentLeaderEpoch=-2)["errorCode"], NONE)
        self.assertEqual(self.list(name, -1, -2)["errorCode"], FENCED_LEADER_EPOCH)
        got = self.c.call("OffsetForLeaderEpoch", 4, {"topics": [{"topic": name, "partitions": [
            {"partition": 0, "leaderEpoch": -2}]}]})["topics"][0]["partitions"][0]
        self.assertEqual((got["leaderEpoch"], got["endOffset"]), (-2, 0))

    def list(self, name, time_ms, epoch=-1):
        return self.c.call("ListOffsets", 7, {"replicaId": -1, "topics": [{"name": name, "partitions": [
            {"partitionIndex": 0, "timestamp": time_ms, "currentLeaderEpoch": epoch}]}]})["topics"][0]["partitions"][0]

    def test_an_empty_log_has_an_epoch(self):
        name = self.topic()
        self.create(name)
        self.assertEqual(self.list(name, -2)["leaderEpoch"], 0)

    def test_replicas_are_told_that_they_are_none(self):
        name = self.topic()
        self.create(name)
        self.assertEqual(self.one(name, 0, replica=5)["errorCode"], NOT_LEADER_OR_FOLLOWER)
        self.assertEqual(self.one(name, 0, replica=-2)["errorCode"], NONE)

    def test_a_new_session_forgets_nothing(self):
        name = self.topic()
        self.create(name)
        got = self.fetch(name, 0, session=(0, 0), forgotten=[name])
        self.assertEqual(len(got["responses"]), 1)
        self.assertGreater(got["sessionId"], 0)

    def test_a_compacted_topic_keeps_its_records(self):
        name = self.topic()
        self.create(name, cleanup_policy="compact")
        self.assertEqual(self.produce(name, batch.batch())["errorCode"], NONE)
        got = self.c.call("DeleteRecords", 2, {"timeoutMs": 1000, "topics": [{"name": name, "partitions": [
            {"partitionIndex": 0, "offset": 1}]}]})["topics"][0]["partitions"][0]
        self.assertEqual((got["errorCode"], got["lowWatermark"]), (POLICY_VIOLATION, -1))

    def test_epochs_without_records_end_where_the_next_begins(self):
        idle, empty = self.topic("idle"), self.topic("empty")
        self.create(idle)
        self.create(empty)
        self.assertEqual(self.produce(idle, batch.batch())["errorCode"], NONE)
        self.start_again(self.broker.stop)
        for name in (idle, empty):
            self.await_partition(name)
        leader = self.list(idle, -1)["leaderEpoch"]
        self.assertGreater(leader, 1)
        for name, asked, epoch, end in ((idle, 0, 0, 1), (idle, 1, 0, 1), (idle, leader, leader, 1), (idle, leader + 1, -1, -1),
                                        (empty, 0, 0, 0), (empty, 1, 1, 0), (empty, leader, leader, 0)):
            got = self.c.call("OffsetForLeaderEpoch", 4, {"topics": [{"topic": name, "partitions": [
                {"partition": 0, "leaderEpoch": asked}]}]})["topics"][0]["partitions"][0]
            self.assertEqual((got["leaderEpoch"], got["endOffset"]), (epoch, end), (name, asked))
        self.assertEqual(self.one(empty, 0, lastFetchedEpoch=0)["errorCode"], NONE)
        self.assertEqual(self.one(idle, 1, lastFetchedEpoch=1)["divergingEpoch"], {"epoch": 0, "endOffset": 1})
