"""A test case with a broker and a connection to it, and the requests that most tests make."""

import unittest

import harness
import records
from wire import Connection, messages

NONE = 0
OFFSET_OUT_OF_RANGE = 1
UNKNOWN_TOPIC_OR_PARTITION = 3
INVALID_REQUIRED_ACKS = 21
UNSUPPORTED_VERSION = 35
UNKNOWN_TOPIC_ID = 100

NO_ID = "A" * 22


def versions(api):
    """Every version of an API that the schemas have; those that the broker lists are a part of them."""
    return messages()[api + "Request"].versions


class ApiCase(unittest.TestCase):
    overrides = {}

    @classmethod
    def setUpClass(cls):
        cls.broker = harness.broker(overrides=cls.overrides).start()
        cls.c = Connection("127.0.0.1", cls.broker.port)
        cls.listed = {r["apiKey"]: (r["minVersion"], r["maxVersion"])
                      for r in cls.c.call("ApiVersions", 4, {"clientSoftwareName": "e2e",
                                                             "clientSoftwareVersion": "1"})["apiKeys"]}

    @classmethod
    def tearDownClass(cls):
        cls.c.close()
        alive = cls.broker.is_alive()
        status = cls.broker.stop()
        if isinstance(cls.broker, harness.Ottla):
            assert alive and status == 0, "exit %s:\n%s" % (status, cls.broker.log())

    def each_version(self, api, first=None):
        """The versions that the broker lists; a failure tells which it was."""
        low, high = self.listed[messages()[api + "Request"].id]
        for v in range(low if first is None else first, high + 1):
            if v in versions(api):
                self.at = "%s version %d: " % (api, v)
                yield v
        self.at = ""

    at = ""

    def _formatMessage(self, msg, standardMsg):
        return self.at + super()._formatMessage(msg, standardMsg)

    def topic(self, *parts):
        return "-".join((self.id().split(".")[-1],) + tuple(map(str, parts)))

    def create(self, name, partitions=1, **configs):
        """Creates a topic; returns its id."""
        r = self.c.call("CreateTopics", 7, {"timeoutMs": 30000, "topics": [
            {"name": name, "numPartitions": partitions, "replicationFactor": 1,
             "configs": [{"name": k.replace("_", "."), "value": str(v)} for k, v in configs.items()]}]})
        self.assertEqual(r["topics"][0]["errorCode"], NONE, r)
        for p in range(partitions):
            self.await_partition(name, p)
        return r["topics"][0]["topicId"]

    def await_partition(self, name, partition=0):
        """Apache Kafka answers before it is ready; ottla must not."""
        def is_ready():
            error = self.offset_at(name, -1, partition)["errorCode"]
            if isinstance(self.broker, harness.Ottla):
                self.assertEqual(error, NONE)
            return error == NONE

        harness.wait_for("%s-%d" % (name, partition), is_ready)

    def start_again(self, end):
        """end: self.broker.stop or .kill"""
        end()
        self.broker.start()
        self.c.close()
        type(self).c = Connection("127.0.0.1", self.broker.port)

    def produce_body(self, version, topic, data, partition=0, acks=-1):
        """topic: (name, id)"""
        name, topic_id = topic
        where = {"topicId": topic_id} if version >= 13 else {"name": name}
        return {"acks": acks, "timeoutMs": 30000, "topicData": [
            dict(where, partitionData=[{"index": partition, "records": data}])]}

    def produce(self, name, data, partition=0, version=12, acks=-1):
        """One batch; returns the partition's answer."""
        r = self.c.call("Produce", version, self.produce_body(version, (name, None), data, partition, acks))
        return r["responses"][0]["partitionResponses"][0]

    def write(self, name, values, partition=0, **kw):
        """Returns the base offset."""
        r = self.produce(name, records.build(values, **kw), partition)
        self.assertEqual(r["errorCode"], NONE, r)
        return r["baseOffset"]

    def fetch_body(self, version, topic, offset, partition=0, **kw):
        """topic: (name, id). kw: fields of the request, or of the partition where it has them."""
        name, topic_id = topic
        where = {"topicId": topic_id} if version >= 13 else {"topic": name}
        part = {"partition": partition, "fetchOffset": offset, "partitionMaxBytes": 1 << 20}
        for key in ("partitionMaxBytes", "currentLeaderEpoch", "lastFetchedEpoch"):
            if key in kw:
                part[key] = kw.pop(key)
        body = {"maxWaitMs": 0, "minBytes": 1, "topics": [dict(where, partitions=[part])]}
        if version < 15:
            body["replicaId"] = -1
        body.update(kw)
        return body

    def fetch(self, name, offset, partition=0, version=12, **kw):
        """The partition's answer."""
        r = self.c.call("Fetch", version, self.fetch_body(version, (name, None), offset, partition, **kw))
        return r["responses"][0]["partitions"][0]

    def read(self, name, offset=0, partition=0):
        """All records from an offset on, one fetch after the other."""
        found = []
        while True:
            r = self.fetch(name, offset, partition)
            self.assertEqual(r["errorCode"], NONE, r)
            got = records.batches(r["records"] or b"")
            if not got:
                return found
            for b in got:
                self.assertTrue(b.is_valid)
                found += [x for x in b.records if x.offset >= offset]
            offset = got[-1].base_offset + got[-1].last_delta + 1

    def offset_at(self, name, ts, partition=0, version=7):
        """ListOffsets; the partition's answer."""
        r = self.c.call("ListOffsets", version, {"replicaId": -1, "topics": [
            {"name": name, "partitions": [{"partitionIndex": partition, "timestamp": ts}]}]})
        return r["topics"][0]["partitions"][0]
