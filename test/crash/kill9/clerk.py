"""Beside the load of kill9.py: one who creates and deletes topics, commits offsets and is the member of a group, in a
thread, through any number of kills, and remembers what the broker said yes to."""

import os
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(HERE)), "e2e"))
from wire import Connection  # noqa: E402

NONE, TOPIC_ALREADY_EXISTS, UNKNOWN_TOPIC, ILLEGAL_GENERATION, MEMBER_ID_REQUIRED = 0, 36, 3, 22, 79
REBALANCE_IN_PROGRESS = 27
PASSING = (14, 15, 16, 7)  # loading, not available, not coordinator, timed out
GROUPS = 3
KEPT = 20  # topics that stay; older ones are deleted again


class Broken(Exception):
    """The broker said what must not be."""


class NotNow(Exception):
    """The broker is not ready for this."""


class Member:
    """The only one of its group. A generation stays through kills once its assignment was told: a join alone is on no
    disk, with Apache Kafka neither."""

    def __init__(self, call):
        self.call = call
        self.id, self.generation, self.assignment = "", -1, None
        self.synced = -1  # the last generation whose assignment was told
        self.joins = 0

    def ask(self, name, version, body, *fine):
        r = self.call(name, version, dict(body, groupId="clerk-member"))
        if r["errorCode"] in PASSING:
            raise NotNow
        if r["errorCode"] not in (NONE, *fine):
            raise Broken("%s: error %d" % (name, r["errorCode"]))
        return r

    def who(self):
        return {"memberId": self.id, "generationId": self.generation}

    def join(self):
        body = {"sessionTimeoutMs": 300000, "rebalanceTimeoutMs": 300000, "protocolType": "consumer",
                "protocols": [{"name": "range", "metadata": b"%d" % self.joins}]}
        r = self.ask("JoinGroup", 7, dict(body, memberId=self.id), MEMBER_ID_REQUIRED)
        if r["errorCode"] == MEMBER_ID_REQUIRED:
            r = self.ask("JoinGroup", 7, dict(body, memberId=r["memberId"]))
        if r["generationId"] <= self.synced:
            raise Broken("generation %d follows %d" % (r["generationId"], self.synced))
        self.id, self.generation, self.assignment = r["memberId"], r["generationId"], None
        self.joins += 1

    def sync(self):
        share = b"share of %d" % self.generation
        r = self.ask("SyncGroup", 4, dict(self.who(), assignments=[{"memberId": self.id, "assignment": share}]))
        if r["assignment"] != share:
            raise Broken("generation %d has the assignment %s" % (self.generation, r["assignment"]))
        self.assignment, self.synced = share, self.generation

    def check(self):
        """What was told holds, unless the answer to a join was lost: then there is a later generation."""
        if self.assignment is None:
            return
        error = self.ask("Heartbeat", 4, self.who(), ILLEGAL_GENERATION, REBALANCE_IN_PROGRESS)["errorCode"]
        if error == NONE:
            self.sync()


class Clerk(threading.Thread):
    def __init__(self, port, topic):
        super().__init__(daemon=True)
        self.port, self.topic = port, topic
        self.sent = dict.fromkeys(range(GROUPS), -1)  # the largest offset that was ever sent
        self.told = dict.fromkeys(range(GROUPS), -1)  # the largest that was acknowledged
        self.made, self.deleted, self.unsure = [], set(), set()
        self.name_count = self.commits = self.created = 0
        self.member = Member(self.call)
        self.is_over = False
        self.why = None
        self.c = None

    # --- requests: an OSError when the broker dies meanwhile

    def call(self, name, version, body):
        if self.c is None:
            self.c = Connection("127.0.0.1", self.port)
        return self.c.call(name, version, body)

    def hang_up(self):
        if self.c is not None:
            self.c.close()
        self.c = None

    def is_ready(self):
        r = self.call("FindCoordinator", 4, {"coordinatorKeys": ["clerk-%d" % g for g in range(GROUPS)]})
        return all(x["errorCode"] == NONE for x in r["coordinators"])

    def commit(self, group):
        self.sent[group] += 1
        offset = self.sent[group]
        r = self.call("OffsetCommit", 8, {"groupId": "clerk-%d" % group, "topics": [
            {"name": self.topic, "partitions": [{"partitionIndex": 0, "committedOffset": offset}]}]})
        error = r["topics"][0]["partitions"][0]["errorCode"]
        if error == NONE:
            self.told[group] = offset
            self.commits += 1
        elif error not in PASSING:
            raise Broken("a commit: error %d" % error)

    def create(self):
        name = "made-%d" % self.name_count
        self.name_count += 1
        self.unsure.add(name)
        r = self.call("CreateTopics", 5, {"timeoutMs": 10000, "validateOnly": False, "topics": [
            {"name": name, "numPartitions": 2, "replicationFactor": 1, "assignments": [], "configs": []}]})
        error = r["topics"][0]["errorCode"]
        if error == NONE:
            self.unsure.discard(name)
            self.made.append(name)
            self.created += 1
        elif error not in PASSING:
            raise Broken("topic %s: error %d" % (name, error))

    def delete(self):
        name = self.made.pop(0)
        self.unsure.add(name)
        r = self.call("DeleteTopics", 5, {"topicNames": [name], "timeoutMs": 10000})
        error = r["responses"][0]["errorCode"]
        if error == NONE:
            self.unsure.discard(name)
            self.deleted.add(name)
        elif error not in PASSING:
            raise Broken("deleting %s: error %d" % (name, error))

    # --- what must be

    def check(self):
        """After each connection: nothing that was told is taken back."""
        for group in range(GROUPS):
            r = self.call("OffsetFetch", 7, {"groupId": "clerk-%d" % group, "requireStable": False, "topics": [
                {"name": self.topic, "partitionIndexes": [0]}]})
            offset = r["topics"][0]["partitions"][0]["committedOffset"]
            if r["errorCode"] in PASSING:
                return
            if r["errorCode"] or not self.told[group] <= offset <= self.sent[group]:
                raise Broken("group %d: the offset is %d (error %d); %d was told, %d sent" % (
                    group, offset, r["errorCode"], self.told[group], self.sent[group]))
            self.told[group] = offset
        self.member.check()
        there = {t["name"] for t in self.call("Metadata", 9, {"topics": None})["topics"]}
        gone, back = set(self.made) - there, self.deleted & there
        if gone or back:
            raise Broken("topics that were created and are gone: %s; deleted and back: %s" % (sorted(gone), sorted(back)))

    def work(self):
        if not self.is_ready():
            time.sleep(0.05)
            return
        self.check()
        while not self.is_over:
            for group in range(GROUPS):
                for _ in range(5):
                    self.commit(group)
            self.member.join()
            self.member.sync()
            self.create()
            if len(self.made) > KEPT:
                self.delete()

    def run(self):
        while not self.is_over and self.why is None:
            try:
                self.work()
            except (OSError, EOFError, NotNow):
                time.sleep(0.02)
            except Broken as e:
                self.why = str(e)
            self.hang_up()

    def end(self):
        """The broker is up; what there is to say, or None."""
        self.is_over = True
        self.join(60)
        try:
            self.check()
        except Broken as e:
            self.why = self.why or str(e)
        self.hang_up()
        return self.why
