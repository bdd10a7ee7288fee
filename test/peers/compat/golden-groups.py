#!/usr/bin/env python3
"""Makes test/golden/groups/apache-kafka.tar.gz: a small data directory in which Apache Kafka's coordinator wrote of
groups of every kind that ottla has to read, with what Apache Kafka itself told of them, for test/e2e/test_groups.py.

  golden-groups.py        it changes: ids, times"""

import gzip
import io
import json
import os
import struct
import subprocess
import sys
import tarfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import brokers  # noqa: E402
import harness  # noqa: E402
from peers import by_name  # noqa: E402
import scenes  # noqa: E402
from wire import Connection  # noqa: E402

OUT = os.path.join(harness.ROOT, "test", "golden", "groups", "apache-kafka.tar.gz")
SMALL = {"log.index.size.max.bytes": 4096, "offsets.topic.num.partitions": 2, "transaction.state.log.num.partitions": 1}
TOPIC, COUNT = "in", 20
SUBSCRIPTION = struct.pack(">hih", 0, 1, len(TOPIC)) + TOPIC.encode() + b"\xff" * 4
SESSION_MS = 1800000
GROUPS = ("new", "transactional", "static", "simple", "left", "retained")


def tool(name, *args):
    subprocess.run([os.path.join(os.path.dirname(brokers.__file__), "apache-kafka"), name, *args], check=True,
                   stdout=subprocess.DEVNULL)


def join(c, group, instance):
    j = c.call("JoinGroup", 7, {"groupId": group, "sessionTimeoutMs": SESSION_MS, "rebalanceTimeoutMs": 10000,
                                "groupInstanceId": instance, "protocolType": "consumer",
                                "protocols": [{"name": "range", "metadata": SUBSCRIPTION}]})
    c.call("SyncGroup", 5, {"groupId": group, "generationId": j["generationId"], "memberId": j["memberId"],
                            "groupInstanceId": instance, "protocolType": "consumer", "protocolName": "range",
                            "assignments": [{"memberId": j["memberId"], "assignment": b"given"}]})
    return j


def commit(c, group, off, version=9, **more):
    c.call("OffsetCommit", version, dict({"groupId": group, "topics": [{"name": TOPIC, "partitions": [
        {"partitionIndex": 0, "committedOffset": off, "committedMetadata": "text"}]}]}, **more))


def fill(b):
    java = by_name(["java-4.3.1"])[0]
    java.call("produce", b.bootstrap, topic=TOPIC, stdin=scenes.lines(
        [scenes.Record(0, None, b"k", b"%d" % i) for i in range(COUNT)]))
    tool("kafka-console-consumer", "--bootstrap-server", b.bootstrap, "--topic", TOPIC, "--from-beginning", "--group",
         "new", "--consumer-property", "group.protocol=consumer", "--max-messages", str(COUNT))
    tool("kafka-transactional-message-copier", "--broker-list", b.bootstrap, "--input-topic", TOPIC,
         "--input-partition", "0", "--output-topic", "out", "--transactional-id", "tx", "--consumer-group",
         "transactional", "--max-messages", "10", "--transaction-size", "4")
    with Connection("127.0.0.1", b.port) as c:
        j = join(c, "static", "i")
        commit(c, "static", 7, generationIdOrMemberEpoch=1, memberId=j["memberId"], groupInstanceId="i")
        commit(c, "simple", 5)
        commit(c, "retained", 6, 2, retentionTimeMs=2**62)
        join(c, "left", "i")
        commit(c, "gone", 3)
        c.call("DeleteGroups", 2, {"groupsNames": ["gone"]})
        c.call("LeaveGroup", 4, {"groupId": "left", "members": [{"memberId": "", "groupInstanceId": "i"}]})
        return {g: told(c, g) for g in GROUPS + ("gone",)}


def told(c, group):
    topics = c.call("OffsetFetch", 7, {"groupId": group, "topics": None})["topics"]
    d = c.call("DescribeGroups", 5, {"groups": [group]})["groups"][0]
    return {"offsets": [[t["name"], p["partitionIndex"], p["committedOffset"], p["metadata"]]
                        for t in topics for p in t["partitions"]],
            "state": d["groupState"], "type": d["protocolType"],
            "members": [[m["memberId"], m["groupInstanceId"], m["memberAssignment"].decode()] for m in d["members"]]}


def pack(data, facts):
    os.makedirs(os.path.dirname(OUT), exist_ok=True)
    text = json.dumps(facts, sort_keys=True).encode()
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        tar.add(data, "data", filter=lambda t: None if t.name.endswith(".lock") else t)
        info = tarfile.TarInfo("facts.json")
        info.size = len(text)
        tar.addfile(info, io.BytesIO(text))
    with open(OUT, "wb") as f:
        f.write(gzip.compress(raw.getvalue(), 9, mtime=0))


def main():
    brokers.install()
    by_name(["java-4.3.1"])[0].ensure()
    b = brokers.BY_NAME["kafka"](overrides=SMALL).start()
    try:
        facts = fill(b)
    finally:
        b.stop()
    pack(b.dir, facts)
    print(json.dumps(facts, indent=1))


if __name__ == "__main__":
    main()
