"""Partitions that one broker has moved between its directories: the metadata says where they are, so that the other one
finds them there and leaves them alone. With several directories new partitions are told of, too."""

import glob
import json
import os
import re

import brokers
import harness
from check import check
from groups import connect
from pair import Client, Pair

TOPICS = ("moved", "still")


def where(c, topic):
    """The directory of a replica that has no copy on its way; else None."""
    r = c.call("DescribeLogDirs", 4, {"topics": [{"topic": topic, "partitions": [0]}]})
    rows = [(d["logDir"], p["isFutureKey"]) for d in r["results"] for t in d["topics"] for p in t["partitions"]]
    return rows[0][0] if len(rows) == 1 and not rows[0][1] else None


def ids_of(pair):
    ids = {}
    for d in pair.dirs:
        with open(os.path.join(d, "meta.properties")) as f:
            ids[re.search(r"^directory\.id=(\S+)$", f.read(), re.M).group(1)] = d
    return ids


def directories(pair):
    """What the metadata says: {topic: directory}"""
    logs = sorted(f for d in pair.dirs for f in glob.glob(os.path.join(d, "__cluster_metadata-0", "*.log")))
    names, last = {}, {}
    for line in brokers.tool("kafka-dump-log", "--cluster-metadata-decoder", "--files", ",".join(logs)).splitlines():
        found = re.search(r"payload: (\{.*\})\s*$", line)
        record = json.loads(found.group(1)) if found else {"type": None}
        if record["type"] == "TOPIC_RECORD":
            names[record["data"]["topicId"]] = record["data"]["name"]
        elif record["type"] in ("PARTITION_RECORD", "PARTITION_CHANGE_RECORD") and record["data"].get("directories"):
            last[names[record["data"]["topicId"]]] = record["data"]["directories"][0]
    ids = ids_of(pair)
    return {t: ids.get(last[t], last[t]) for t in TOPICS}


def move(pair):
    c = connect(pair)
    here = where(c, "moved")
    to = next(d for d in pair.dirs if d != here)
    r = c.call("AlterReplicaLogDirs", 2, {"dirs": [{"path": to, "topics": [{"name": "moved", "partitions": [0]}]}]})
    check(r["results"][0]["partitions"][0]["errorCode"] == 0, r)
    harness.wait_for("the move", lambda: where(c, "moved") == to, every_s=0.1)
    return to


def scene(args):
    pair = Pair("static", dirs=2)
    client = Client(pair)
    pair.take("ottla")
    for topic in TOPICS:
        client.create(topic, 1, {})
        client.write(topic, client.records(1, 50))
    before = client.facts(TOPICS)
    for owner, follower in (("ottla", "kafka"), ("kafka", "ottla")):
        places = {"moved": move(pair), "still": where(connect(pair), "still")}
        check(client.facts(TOPICS) == before, "%s serves something else after the move" % owner)
        pair.drop("stop")
        check(directories(pair) == places, "the metadata of %s says" % owner, directories(pair), "not", places)
        pair.take(follower)
        check(client.facts(TOPICS) == before, "%s serves something else" % follower)
        now = {t: where(connect(pair), t) for t in TOPICS}
        check(now == places, "%s has them in" % follower, now, "not", places)
        print("#   %s moved it, %s leaves it there" % (owner, follower), flush=True)
    pair.drop("stop")
    check(directories(pair) == places, "the metadata says", directories(pair), "not", places)
