"""Consumer groups and committed offsets, over the wire and with kcat; what a restart and a kill leave of them.

Proves: FIND_COORDINATOR, OFFSET_COMMIT, OFFSET_FETCH, OFFSET_DELETE, JOIN_GROUP, SYNC_GROUP, HEARTBEAT, LEAVE_GROUP,
DESCRIBE_GROUPS, LIST_GROUPS, DELETE_GROUPS
"""

import json
import os
import re
import struct
import subprocess
import tarfile
import threading
import unittest

import harness
from apicase import NO_ID, NONE, UNKNOWN_TOPIC_ID, UNKNOWN_TOPIC_OR_PARTITION, ApiCase
from kcat import KCAT, kcat, produce
from wire import Connection

OFFSET_METADATA_TOO_LARGE, NOT_COORDINATOR = 12, 16
ILLEGAL_GENERATION, INCONSISTENT_GROUP_PROTOCOL, INVALID_GROUP_ID, UNKNOWN_MEMBER_ID = 22, 23, 24, 25
REBALANCE_IN_PROGRESS, INVALID_REQUEST = 27, 42
NON_EMPTY_GROUP, GROUP_ID_NOT_FOUND, MEMBER_ID_REQUIRED, FENCED_INSTANCE_ID = 68, 69, 79, 82
GROUP_SUBSCRIBED_TO_TOPIC = 86
GROUP_OPERATIONS = 3400
SHARE = 2
QUICK = {"group.initial.rebalance.delay.ms": "200"}


def subscription(topic):
    name = topic.encode()
    return struct.pack(">hih", 0, 1, len(name)) + name + b"\xff" * 4


class GroupCase(ApiCase):
    overrides = QUICK

    def setUp(self):
        self.find()

    def find(self):
        """Makes the topic of groups, where it is not there yet."""
        def is_ready():
            return self.c.call("FindCoordinator", 4, {"coordinatorKeys": ["a"]})["coordinators"][0]["errorCode"] == NONE
        harness.wait_for("the coordinator", is_ready)

    def commit(self, group, parts, version=9, member="", generation=-1, **more):
        """parts: {(topic, partition): offset}; {(topic, partition): error}"""
        topics = [dict({"topicId" if version >= 10 else "name": t},
                       partitions=[{"partitionIndex": p, "committedOffset": o}]) for (t, p), o in parts.items()]
        r = self.c.call("OffsetCommit", version, dict(more, groupId=group, memberId=member, topics=topics,
                                                      generationIdOrMemberEpoch=generation))
        return {(t.get("name", t.get("topicId")), p["partitionIndex"]): p["errorCode"]
                for t in r["topics"] for p in t["partitions"]}

    def offsets(self, group, version=7):
        """{(topic, partition): offset} of all that the group has"""
        r = self.c.call("OffsetFetch", version, {"groupId": group, "topics": None} if version < 8 else
                        {"groups": [{"groupId": group, "topics": None}]})
        g = r if version < 8 else r["groups"][0]
        self.assertEqual(g["errorCode"], NONE)
        return {(t.get("name", t.get("topicId")), p["partitionIndex"]): p["committedOffset"]
                for t in g["topics"] for p in t["partitions"]}

    def join(self, group, member="", version=7, protocol="range", c=None, **more):
        body = {"groupId": group, "memberId": member, "sessionTimeoutMs": 10000, "protocolType": "consumer",
                "protocols": [{"name": protocol, "metadata": subscription(self.topic())}]}
        if version >= 1:
            body["rebalanceTimeoutMs"] = 10000
        return (c or self.c).call("JoinGroup", version, dict(body, **more))

    def member(self, group, version=7, **more):
        r = self.join(group, version=version, **more)
        if r["errorCode"] == MEMBER_ID_REQUIRED:
            r = self.join(group, r["memberId"], version=version, **more)
        self.assertEqual(r["errorCode"], NONE)
        return r

    def sync(self, group, j, version=5, c=None, **more):
        body = {"groupId": group, "generationId": j["generationId"], "memberId": j["memberId"], "assignments": [
            {"memberId": m["memberId"], "assignment": b"for " + m["memberId"].encode()} for m in j["members"]]}
        if version >= 5:
            body.update(protocolType="consumer", protocolName=j["protocolName"])
        return (c or self.c).call("SyncGroup", version, dict(body, **more))

    def heartbeat(self, group, j, **more):
        return self.c.call("Heartbeat", 3, dict({"groupId": group, "generationId": j["generationId"],
                                                 "memberId": j["memberId"]}, **more))["errorCode"]

    def state(self, group):
        return self.c.call("DescribeGroups", 5, {"groups": [group]})["groups"][0]["groupState"]


class Coordinators(GroupCase):
    def test_the_first_who_asks_finds_it_ready(self):
        for v in self.each_version("FindCoordinator"):
            r = self.c.call("FindCoordinator", v, {"coordinatorKeys": ["a", "b"]} if v >= 4 else {"key": "a"})
            told = r["coordinators"] if v >= 4 else [r]
            for x in told:
                self.assertEqual((x["errorCode"], x["nodeId"], x["host"], x["port"]),
                                 (NONE, 1, "127.0.0.1", self.broker.port))
            if v >= 4:
                self.assertEqual([x["key"] for x in told], ["a", "b"])
            elif v >= 1:
                self.assertEqual(r["errorMessage"], "NONE")

    def test_its_topic_is_apache_kafkas(self):
        self.c.call("FindCoordinator", 0, {"key": "x"})
        t = self.c.call("Metadata", 12, {"topics": [{"name": "__consumer_offsets", "topicId": NO_ID}]})["topics"][0]
        self.assertEqual((len(t["partitions"]), t["isInternal"]), (50, True))
        r = self.c.call("DescribeConfigs", 4, {"resources": [{"resourceType": 2, "resourceName": "__consumer_offsets"}]})
        got = {x["name"]: x["value"] for x in r["results"][0]["configs"]}
        self.assertEqual([got[n] for n in ("cleanup.policy", "compression.type", "segment.bytes")],
                         ["compact", "producer", "104857600"])

    def test_other_kinds_of_keys(self):
        for v in self.each_version("FindCoordinator", 1):
            for kind in (SHARE, 9):
                r = self.c.call("FindCoordinator", v, {"keyType": kind, "coordinatorKeys": ["a"]} if v >= 4 else
                                {"keyType": kind, "key": "a"})
                told = r["coordinators"][0] if v >= 4 else r
                self.assertEqual((told["errorCode"], told["nodeId"], told["port"]), (INVALID_REQUEST, -1, -1))


class Offsets(GroupCase):
    def test_all_versions_commit(self):
        topic, group = self.topic(), self.topic()
        topic_id = self.create(topic, 2)
        for v in self.each_version("OffsetCommit"):
            key = topic_id if v >= 10 else topic
            self.assertEqual(self.commit(group, {(key, 1): 100 + v}, v), {(key, 1): NONE})
            self.assertEqual(self.offsets(group), {(topic, 1): 100 + v})

    def test_all_versions_fetch(self):
        topic, group = self.topic(), self.topic()
        topic_id = self.create(topic, 3)
        self.commit(group, {(topic, 0): 7, (topic, 2): 9})
        for v in self.each_version("OffsetFetch"):
            name = {"topicId" if v >= 10 else "name": topic_id if v >= 10 else topic}
            asked = [dict(name, partitionIndexes=[0, 1, 2])]
            r = self.c.call("OffsetFetch", v, {"groupId": group, "topics": asked} if v < 8 else
                            {"groups": [{"groupId": group, "topics": asked}, {"groupId": "none", "topics": None}]})
            g = r if v < 8 else r["groups"][0]
            self.assertEqual([p["committedOffset"] for p in g["topics"][0]["partitions"]], [7, -1, 9])
            if v >= 2:
                self.assertEqual(self.offsets(group, v), {(topic_id if v >= 10 else topic, p): o
                                                          for p, o in ((0, 7), (2, 9))})

    def test_what_is_unknown_is_told_where_it_stands(self):
        topic = self.topic()
        self.create(topic)
        self.assertEqual(self.commit("g", {(topic, 0): 1, (topic, 5): 1, ("nowhere", 0): 1}),
                         {(topic, 0): NONE, (topic, 5): UNKNOWN_TOPIC_OR_PARTITION,
                          ("nowhere", 0): UNKNOWN_TOPIC_OR_PARTITION})
        no_id = "B" * 21 + "A"
        self.assertEqual(self.commit("g", {(no_id, 0): 1}, 10), {(no_id, 0): UNKNOWN_TOPIC_ID})
        r = self.c.call("OffsetFetch", 10, {"groups": [{"groupId": "g", "topics": [
            {"topicId": no_id, "partitionIndexes": [0]}]}]})
        self.assertEqual(r["groups"][0]["topics"][0]["partitions"][0]["errorCode"], UNKNOWN_TOPIC_ID)

    def test_a_text_goes_with_the_offset(self):
        topic = self.topic()
        self.create(topic)
        for text, error in (("x" * 4096, NONE), ("x" * 4097, OFFSET_METADATA_TOO_LARGE)):
            r = self.c.call("OffsetCommit", 9, {"groupId": "texts", "topics": [{"name": topic, "partitions": [
                {"partitionIndex": 0, "committedOffset": 1, "committedMetadata": text}]}]})
            self.assertEqual(r["topics"][0]["partitions"][0]["errorCode"], error)
        r = self.c.call("OffsetFetch", 7, {"groupId": "texts", "topics": None})
        self.assertEqual(r["topics"][0]["partitions"][0]["metadata"], "x" * 4096)

    def test_an_unknown_group_has_no_generation(self):
        topic = self.topic()
        self.create(topic)
        for v, error in ((8, ILLEGAL_GENERATION), (9, GROUP_ID_NOT_FOUND)):
            self.assertEqual(self.commit("nobody", {(topic, 0): 1}, v, member="m", generation=3), {(topic, 0): error})

    def test_offsets_are_deleted(self):
        topic, group = self.topic(), self.topic()
        self.create(topic, 2)
        self.commit(group, {(topic, 0): 1, (topic, 1): 2})
        r = self.c.call("OffsetDelete", 0, {"groupId": group, "topics": [
            {"name": topic, "partitions": [{"partitionIndex": 0}, {"partitionIndex": 9}]}]})
        self.assertEqual(r["errorCode"], NONE)
        self.assertEqual({p["partitionIndex"]: p["errorCode"] for p in r["topics"][0]["partitions"]},
                         {0: NONE, 9: UNKNOWN_TOPIC_OR_PARTITION})
        self.assertEqual(self.offsets(group), {(topic, 1): 2})
        for name, error in (("", INVALID_GROUP_ID), ("nobody", GROUP_ID_NOT_FOUND)):
            r = self.c.call("OffsetDelete", 0, {"groupId": name, "topics": [
                {"name": topic, "partitions": [{"partitionIndex": 0}]}]})
            self.assertEqual((r["errorCode"], r["topics"]), (error, []))

    def test_offsets_go_with_their_topic(self):
        topic, group = self.topic(), self.topic()
        self.create(topic)
        self.commit(group, {(topic, 0): 1})
        self.c.call("DeleteTopics", 5, {"topicNames": [topic], "timeoutMs": 5000})
        harness.wait_for("offsets to go", lambda: self.offsets(group) == {})


class Members(GroupCase):
    def test_all_versions_of_a_members_life(self):
        topic = self.topic()
        self.create(topic)
        for v in self.each_version("JoinGroup"):
            group = "life-%d" % v
            j = self.member(group, version=v)
            self.assertEqual((j["generationId"], j["protocolName"], j["leader"]), (1, "range", j["memberId"]))
            self.assertTrue(re.fullmatch(r"e2e-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
                                         j["memberId"]), j["memberId"])
            s = self.sync(group, j, min(v, 5))
            self.assertEqual((s["errorCode"], s["assignment"]), (NONE, b"for " + j["memberId"].encode()))
            h = self.c.call("Heartbeat", min(v, 4), {"groupId": group, "generationId": 1, "memberId": j["memberId"]})
            self.assertEqual(h["errorCode"], NONE)
            self.assertEqual(self.commit(group, {(topic, 0): v}, member=j["memberId"], generation=1), {(topic, 0): NONE})
            lv = min(v, 5)
            who = {"memberId": j["memberId"]}
            r = self.c.call("LeaveGroup", lv, dict({"groupId": group}, **({"members": [who]} if lv >= 3 else who)))
            self.assertEqual(r["errorCode"], NONE)
            self.assertEqual(self.state(group), "Empty")

    def test_groups_are_described_listed_and_deleted(self):
        topic, group = self.topic(), self.topic()
        self.create(topic)
        j = self.member(group)
        self.sync(group, j)
        self.commit("simple", {(topic, 0): 1})
        for v in self.each_version("DescribeGroups"):
            asked = {"groups": [group, "nobody"]}
            if v >= 3:
                asked["includeAuthorizedOperations"] = True
            got = {g["groupId"]: g for g in self.c.call("DescribeGroups", v, asked)["groups"]}
            g, missing = got[group], got["nobody"]
            self.assertEqual((g["groupState"], g["protocolType"], g["protocolData"], len(g["members"])),
                             ("Stable", "consumer", "range", 1))
            m = g["members"][0]
            self.assertEqual((m["memberId"], m["clientId"], m["clientHost"], m["memberMetadata"], m["memberAssignment"]),
                             (j["memberId"], "e2e", "/127.0.0.1", subscription(topic), b"for " + j["memberId"].encode()))
            self.assertEqual((missing["groupState"], missing["errorCode"]),
                             ("Dead", GROUP_ID_NOT_FOUND if v >= 6 else NONE))
            if v >= 3:
                self.assertEqual(g["authorizedOperations"], GROUP_OPERATIONS)
        for v in self.each_version("ListGroups"):
            got = {g["groupId"]: g for g in self.c.call("ListGroups", v, {})["groups"]}
            self.assertEqual([got[g]["protocolType"] for g in (group, "simple")], ["consumer", ""])
            if v >= 4:
                got = self.c.call("ListGroups", v, {"statesFilter": ["stable"]})["groups"]
                self.assertIn((group, "Stable"), [(g["groupId"], g["groupState"]) for g in got])
                self.assertNotIn("simple", [g["groupId"] for g in got])
        for v in self.each_version("DeleteGroups"):
            r = self.c.call("DeleteGroups", v, {"groupsNames": [group, "nobody"]})
            self.assertEqual({x["groupId"]: x["errorCode"] for x in r["results"]},
                             {group: NON_EMPTY_GROUP, "nobody": GROUP_ID_NOT_FOUND})
        r = self.c.call("OffsetDelete", 0, {"groupId": group, "topics": [
            {"name": topic, "partitions": [{"partitionIndex": 0}]}]})
        self.assertEqual(r["topics"][0]["partitions"][0]["errorCode"], GROUP_SUBSCRIBED_TO_TOPIC)
        self.c.call("LeaveGroup", 3, {"groupId": group, "members": [{"memberId": j["memberId"]}]})
        r = self.c.call("DeleteGroups", 2, {"groupsNames": [group, "simple"]})
        self.assertEqual({x["groupId"]: x["errorCode"] for x in r["results"]}, {group: NONE, "simple": NONE})
        self.assertEqual(self.state(group), "Dead")
        self.assertEqual(self.offsets("simple"), {})

    def test_a_crowd_rebalances(self):
        group, size = self.topic(), 200
        crowd = [Connection("127.0.0.1", self.broker.port) for _ in range(size)]
        try:
            ids = [self.join(group, c=c)["memberId"] for c in crowd]
            for generation in (1, 2):
                joins = [{"groupId": group, "memberId": m, "sessionTimeoutMs": 30000, "rebalanceTimeoutMs": 30000,
                          "protocolType": "consumer", "protocols": [{"name": "range", "metadata": b""}]} for m in ids]
                crowd[0].send("JoinGroup", 7, joins[0])
                if generation > 1:  # the leader comes again, and the others are asked to
                    j = {"generationId": 1, "memberId": ids[1]}
                    harness.wait_for("the rebalance", lambda: self.heartbeat(group, j) == REBALANCE_IN_PROGRESS)  # noqa: B023
                for c, j in list(zip(crowd, joins))[1:]:
                    c.send("JoinGroup", 7, j)
                told = [c.receive("JoinGroup", 7)[1] for c in crowd]
                self.assertEqual({(j["errorCode"], j["generationId"]) for j in told}, {(NONE, generation)})
                self.assertEqual(sorted(len(j["members"]) for j in told)[-2:], [0, size])
                leader = max(range(size), key=lambda i: len(told[i]["members"]))  # noqa: B023
                for i, c in enumerate(crowd):
                    c.send("SyncGroup", 3, {"groupId": group, "generationId": generation, "memberId": ids[i], "assignments": [
                        {"memberId": m["memberId"], "assignment": m["memberId"].encode()} for m in told[i]["members"]]})
                self.assertEqual([c.receive("SyncGroup", 3)[1]["assignment"].decode() for c in crowd], ids)
                ids, crowd = ids[leader:] + ids[:leader], crowd[leader:] + crowd[:leader]
        finally:
            for c in crowd:
                c.close()

    def test_two_members_share(self):
        group = self.topic()
        with Connection("127.0.0.1", self.broker.port) as other:
            a = self.member(group)
            self.sync(group, a)
            joined = {}

            def join():
                first = self.join(group, c=other)
                joined["b"] = self.join(group, first["memberId"], c=other)

            t = threading.Thread(target=join)
            t.start()
            harness.wait_for("the rebalance", lambda: self.heartbeat(group, a) == REBALANCE_IN_PROGRESS)
            a2 = self.join(group, a["memberId"])
            t.join()
            b = joined["b"]
            self.assertEqual((a2["generationId"], b["generationId"], len(a2["members"]), len(b["members"])), (2, 2, 2, 0))
            got = {}
            t = threading.Thread(target=lambda: got.update(b=self.sync(group, b, c=other)))
            t.start()
            mine = self.sync(group, a2)
            t.join()
            self.assertEqual(mine["assignment"], b"for " + a["memberId"].encode())
            self.assertEqual(got["b"]["assignment"], b"for " + b["memberId"].encode())

    def test_a_static_member_comes_back(self):
        group = self.topic()
        a = self.member(group, groupInstanceId="i")
        self.sync(group, a, groupInstanceId="i")
        b = self.member(group, 9, groupInstanceId="i")
        self.assertEqual((b["generationId"], b["skipAssignment"]), (1, True))
        self.assertEqual(self.heartbeat(group, a, groupInstanceId="i"), FENCED_INSTANCE_ID)
        self.assertEqual(self.heartbeat(group, b, groupInstanceId="i"), NONE)
        s = self.sync(group, b, groupInstanceId="i")
        self.assertEqual(s["assignment"], b"for " + a["memberId"].encode())

    def test_who_is_wrong_is_told(self):
        group = self.topic()
        j = self.member(group)
        self.sync(group, j)
        self.assertEqual(self.heartbeat(group, dict(j, generationId=9)), ILLEGAL_GENERATION)
        self.assertEqual(self.heartbeat(group, dict(j, memberId="x")), UNKNOWN_MEMBER_ID)
        self.assertEqual(self.heartbeat("", j), INVALID_GROUP_ID)
        self.assertEqual(self.join(group, "x")["errorCode"], UNKNOWN_MEMBER_ID)
        self.assertEqual(self.join(group, protocol="other")["errorCode"], INCONSISTENT_GROUP_PROTOCOL)
        self.assertEqual(self.sync(group, j, protocolName=None)["errorCode"], INCONSISTENT_GROUP_PROTOCOL)


@unittest.skipUnless(harness.broker().__class__ is harness.Ottla, "starts and kills the broker")
class Survival(GroupCase):
    def again(self):
        self.c.close()
        self.broker.restart()
        type(self).c = Connection("127.0.0.1", self.broker.port)

    def test_no_offset_goes_back_when_the_broker_is_killed(self):
        topic, group = self.topic(), self.topic()
        self.create(topic, 2)
        last = 0
        for _ in range(3):
            for last in range(last + 1, last + 30):
                self.assertEqual(self.commit(group, {(topic, last % 2): last}), {(topic, last % 2): NONE})
            self.broker.kill()
            self.again()
            self.assertEqual(self.offsets(group), {(topic, last % 2): last, (topic, (last - 1) % 2): last - 1})

    def test_groups_begin_anew_with_their_topic(self):
        topic, group = self.topic(), self.topic()
        self.create(topic)
        self.commit(group, {(topic, 0): 1})
        self.c.call("DeleteTopics", 5, {"topicNames": ["__consumer_offsets"], "timeoutMs": 5000})
        self.assertEqual(self.commit(group, {(topic, 0): 2}), {(topic, 0): NOT_COORDINATOR})
        self.find()
        self.assertEqual(self.offsets(group), {})
        self.assertEqual(self.commit(group, {(topic, 0): 3}), {(topic, 0): NONE})
        self.again()
        self.assertEqual(self.offsets(group), {(topic, 0): 3})

    def test_members_outlive_the_broker(self):
        group = self.topic()
        j = self.member(group)
        self.sync(group, j)
        self.broker.stop()
        self.again()
        self.assertEqual(self.state(group), "Stable")
        self.assertEqual(self.heartbeat(group, j), NONE)
        s = self.sync(group, dict(j, members=[]))
        self.assertEqual((s["errorCode"], s["assignment"]), (NONE, b"for " + j["memberId"].encode()))


class OfApacheKafka(unittest.TestCase):
    """A directory in which Apache Kafka's coordinator wrote (test/golden/groups)."""

    def begin(self):
        where = harness.Dirs.new("kafka-groups")
        with tarfile.open(os.path.join(harness.ROOT, "test", "golden", "groups", "apache-kafka.tar.gz")) as tar:
            tar.extractall(where)
        with open(os.path.join(where, "facts.json")) as f:
            facts = json.load(f)
        broker = harness.broker(data_dir=os.path.join(where, "data")).start()
        self.addCleanup(broker.stop)
        return broker, facts

    def check(self, broker, facts):
        with Connection("127.0.0.1", broker.port) as c:
            for group, fact in facts.items():
                topics = c.call("OffsetFetch", 7, {"groupId": group, "topics": None, "requireStable": True})["topics"]
                self.assertEqual([[t["name"], p["partitionIndex"], p["committedOffset"], p["metadata"]]
                                  for t in topics for p in t["partitions"]], fact["offsets"], group)
                if group == "new":  # of the protocol of KIP-848: no classic group there
                    continue
                d = c.call("DescribeGroups", 5, {"groups": [group]})["groups"][0]
                self.assertEqual((d["groupState"], d["protocolType"]), (fact["state"], fact["type"]), group)
                self.assertEqual([[m["memberId"], m["groupInstanceId"], m["memberAssignment"].decode()]
                                  for m in d["members"]], fact["members"])

    def test_what_it_wrote_is_served(self):
        broker, facts = self.begin()
        self.check(broker, facts)
        topic = "in"
        with Connection("127.0.0.1", broker.port) as c:
            for group in ("new", "transactional", "simple"):
                r = c.call("OffsetCommit", 8, {"groupId": group, "topics": [{"name": topic, "partitions": [
                    {"partitionIndex": 0, "committedOffset": 19, "committedMetadata": "ottla"}]}]})
                self.assertEqual(r["topics"][0]["partitions"][0]["errorCode"], NONE)
                facts[group]["offsets"] = [[topic, 0, 19, "ottla"]]
        broker.kill()
        broker.start()
        self.check(broker, facts)


class Kcat(unittest.TestCase):
    """A balanced consumer of another make."""

    @classmethod
    def setUpClass(cls):
        cls.broker = harness.broker(overrides=dict(QUICK, **{"num.partitions": "4"})).start()

    @classmethod
    def tearDownClass(cls):
        assert cls.broker.is_alive(), cls.broker.log()
        cls.broker.stop()

    def read(self, group, topic):
        return sorted(kcat(self.broker, "-G", group, "-e", "-q", "-X", "auto.offset.reset=earliest", "-f", "%s\n",
                           topic).decode().split())

    def test_a_group_goes_on_where_it_was(self):
        topic = self.id().split(".")[-1]
        values = ["v%02d" % i for i in range(40)]
        produce(self.broker, topic, [(b"k%d" % i, v.encode()) for i, v in enumerate(values)])
        self.assertEqual(self.read("one", topic), values)
        self.assertEqual(self.read("two", topic), values)  # another group reads all of it again
        produce(self.broker, topic, [(b"k", b"more")])
        self.assertEqual(self.read("one", topic), ["more"])
        self.assertEqual(self.read("one", topic), [])
        self.assertEqual(self.read("two", topic), ["more"])

    def test_members_share_the_partitions(self):
        topic = self.id().split(".")[-1]
        produce(self.broker, topic, [(b"k", b"v")])
        c = Connection("127.0.0.1", self.broker.port)
        members = [subprocess.Popen([KCAT, "-b", self.broker.bootstrap, "-G", "share", "-X", "session.timeout.ms=6000", topic], stdout=subprocess.DEVNULL,
                                    stderr=subprocess.DEVNULL) for _ in range(3)]

        def assigned():
            """How many partitions each member has."""
            g = c.call("DescribeGroups", 5, {"groups": ["share"]})["groups"][0]
            return sorted(sum(self.partitions(m["memberAssignment"])) for m in g["members"]) \
                if g["groupState"] == "Stable" else []

        try:
            harness.wait_for("three members", lambda: assigned() == [1, 1, 2])
            members[0].kill()
            members[1].terminate()
            members[1].wait()
            harness.wait_for("one member", lambda: assigned() == [4])
        finally:
            for m in members:
                m.kill()
                m.wait()
            c.close()

    @staticmethod
    def partitions(assignment):
        """The number of partitions of each topic in an assignment."""
        counts, at = [], 6
        for _ in range(struct.unpack_from(">i", assignment, 2)[0] if assignment else 0):
            at += 2 + struct.unpack_from(">h", assignment, at)[0]
            counts.append(struct.unpack_from(">i", assignment, at)[0])
            at += 4 + 4 * counts[-1]
        return counts
