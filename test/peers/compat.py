#!/usr/bin/env python3
"""Data directories that go from Apache Kafka to ottla and back, several times.

  compat.py [--scenes NAME,...] [--rounds N] [--keep]

Both run with the same server.properties on the same directories. Whoever takes over has to serve,
record by record and in both isolation levels, what the other served before; then it writes, makes
topics, deletes some, and hands over again. Between two owners Apache Kafka's tools read the files:
every batch valid, indexes sane, metadata and snapshots decoded.

One line a check; the last line is "N passed, N failed"."""

import argparse
import glob
import os
import re
import signal
import subprocess
import sys
import time
import traceback

import brokers
import harness
import peers
import scenes
from peers import CODECS

JAVA = peers.java("4.3.1", count=120)
KCAT = peers.by_name(["kcat"])[0]
KILL9 = os.path.join(harness.ROOT, "build", "test", "crash", "kill9", "kill9")
INTERNAL = ("__consumer_offsets", "__transaction_state")
OPEN_TXN = "left-open"
SETTINGS = {
    "auto.create.topics.enable": "false",
    "log.segment.bytes": 1 << 20,
    "log.cleaner.backoff.ms": 100,
    "log.initial.task.delay.ms": 100,
    "log.retention.check.interval.ms": 400,
    "log.segment.delete.delay.ms": 300,
    "log.flush.offset.checkpoint.interval.ms": 3000,
    "offsets.topic.num.partitions": 3,
    "transaction.state.log.num.partitions": 3,
}
TOPICS = {  # name: (partitions, settings)
    "codecs": (len(CODECS), {}),
    "idempotent": (3, {}),
    "transactions": (2, {}),
    "compacted": (1, {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": 0.001,
                      "segment.ms": 100, "delete.retention.ms": 0}),
    "append-time": (1, {"message.timestamp.type": "LogAppendTime"}),
    "segments": (2, {"index.interval.bytes": 200}),
    "trimmed": (1, {}),
    "recompressed": (1, {"compression.type": "zstd", "max.message.bytes": 2000000}),
    "again": (1, {}),
    "load": (4, {}),
}


class Failed(Exception):
    pass


def check(good, *note):
    if not good:
        raise Failed(" ".join(map(str, note))[:1500])


class OttlaAsKafka(brokers.ApacheKafka):
    """ottla with Apache Kafka's own server.properties."""

    def format(self, *flags):
        pass  # ottla does it itself

    def command(self):
        ottla = os.environ.get("OTTLA") or os.path.join(harness.ROOT, "build", "src", "ottla")
        return [ottla, "broker", self.conf_path]


class Pair:
    """The same directories under both brokers, one at a time."""

    def __init__(self, quorum, dirs=1, **settings):
        self.dirs = [harness.Dirs.new("compat") for _ in range(dirs)]
        self.settings = dict(SETTINGS, **settings)
        if dirs > 1:
            self.settings["log.dirs"] = ",".join(self.dirs)
        port, ctl = harness.free_port(), harness.free_port()
        self.by_name = {
            name: kind(quorum=quorum, data_dir=self.dirs[0], port=port, controller_port=ctl,
                       overrides=self.settings)
            for name, kind in (("kafka", brokers.ApacheKafka), ("ottla", OttlaAsKafka))}
        self.now = None
        self.bootstrap = "127.0.0.1:%d" % port

    def take(self, name):
        self.now = self.by_name[name]
        self.now.start()

    def drop(self, how):
        rc = self.now.kill() if how == "kill" else self.now.stop()
        check(how == "kill" or rc in (0, 143), "a clean stop gave", rc, self.now.log())

    def is_kafka(self):
        return not isinstance(self.now, OttlaAsKafka)


# --- talking to whoever runs

class Client:
    def __init__(self, pair):
        self.pair = pair
        self.seed = 0

    def call(self, cmd, **kw):
        return JAVA.call(cmd, self.pair.bootstrap, **kw)

    def create(self, name, partitions, settings):
        self.call("create", topic=name, partitions=partitions,
                  config=["%s=%s" % kv for kv in settings.items()])

    def records(self, partitions, count):
        self.seed += 1
        out = []
        for p in range(partitions):
            out += scenes.mixed(JAVA, "compat %d %d" % (self.seed, p), p, count)
        return out

    def write(self, topic, records, **kw):
        out = self.call("produce", topic=topic, stdin=scenes.lines(records), **kw)
        check(out[-1] == {"done": len(records)}, "said", out[-1])

    def dump(self, isolation, topics):
        """{(topic, partition): [first, end, [record, ...]]}"""
        out = self.call("dump", topic=",".join(topics), prop="isolation.level=" + isolation,
                        timeout=120)
        check(out[-1].get("left") == 0, isolation, "reading did not reach the end:", out[-1])
        facts = {}
        for r in out[:-1]:
            if "first" in r:
                facts[r["topic"], r["p"]] = [r["first"], r["end"], []]
        for r in out[:-1]:
            if "o" in r:
                facts[r.pop("topic"), r.pop("p")][2].append(r)
        return facts

    def facts(self, topics):
        return {i: self.dump(i, topics) for i in ("read_uncommitted", "read_committed")}


def latest(records):
    """What a compacted topic says: the last value of each key."""
    return {r["k"]: (r["v"], r["h"]) for r in records}


def same(want, got, cleans, killed):
    """cleans: the new owner may have compacted more, and appended to internal topics. killed: what
    DeleteRecords hid may be back, because both store a log's start only now and then."""
    for isolation in want:
        check(want[isolation].keys() <= got[isolation].keys(), "partitions are missing")
        for tp, (first, end, records) in want[isolation].items():
            first2, end2, records2 = got[isolation][tp]
            where = "%s %s:" % (isolation, tp)
            if cleans and tp[0] in INTERNAL:
                check(records2[:len(records)] == records, where, "internal records differ")
                continue
            if cleans and tp[0] == "compacted":
                live = {k: v for k, v in latest(records).items() if v[0] is not None}
                live2 = {k: v for k, v in latest(records2).items() if v[0] is not None}
                check(live == live2, where, "the last values differ")
                continue
            if killed and first2 < first:
                records2 = [r for r in records2 if r["o"] >= first]
                first2 = first
            check((first, end) == (first2, end2), where, "offsets", first2, end2, "were", first, end)
            check(len(records) == len(records2), where, len(records2), "records, were", len(records))
            for a, b in zip(records, records2):
                check(a == b, where, "was", a, "is", b)


def gained(before, after, records, topic):
    """The records that were just written stand behind what was there."""
    for p in {r.p for r in records}:
        mine = [r for r in records if r.p == p]
        first, end, have = after["read_uncommitted"][topic, p]
        was = before["read_uncommitted"].get((topic, p), [0, 0, []])
        tail = [r for r in have if r["o"] >= was[1]]
        for t in tail:
            t["tt"] = 0
        wrong = scenes.compare(mine, tail, first=was[1])
        check(not wrong, topic, p, wrong)


# --- Apache Kafka's tools on the files

def files(dirs, pattern):
    return sorted(f for d in dirs for f in glob.glob(os.path.join(d, pattern)))


def dump_log(*args):
    return brokers.tool("kafka-dump-log", *args, stdin=subprocess.DEVNULL)


def check_logs(dirs):
    logs = [f for f in files(dirs, "*-*/*.log") if os.path.getsize(f)]
    user = [f for f in logs if "__cluster_metadata" not in f]
    out = dump_log("--files", ",".join(user))
    bad = [x for x in out.splitlines() if re.search(r"isvalid: false|Exception|orrupt", x)]
    check(not bad, bad[:3])
    return "%d segments" % len(user)


def check_indexes(dirs):
    rows = [f for f in files(dirs, "*-*/*.index") + files(dirs, "*-*/*.timeindex")]
    rows = [f for f in rows if os.path.exists(re.sub(r"\.\w+$", ".log", f))]
    out = dump_log("--index-sanity-check", "--files", ",".join(rows))
    sane = out.count("passed sanity check") + out.count(".index is empty.")
    check(sane == len(rows), "%d of %d index files are sane:" % (sane, len(rows)), out[-1500:])
    return "%d files" % sane


def check_metadata(dirs):
    logs = files(dirs, "__cluster_metadata-0/*.log")
    snaps = files(dirs, "__cluster_metadata-0/*.checkpoint")
    out = dump_log("--cluster-metadata-decoder", "--files", ",".join(logs + snaps))
    bad = [x for x in out.splitlines()
           if re.search(r"isvalid: false|Exception|orrupt|could not|unable|error", x, re.I)
           and "payload" not in x]
    check(not bad, bad[:3])
    check(out.count("REGISTER_BROKER_RECORD"), "no broker is registered")
    return "%d segments, %d snapshots" % (len(logs), len(snaps))


def newest_snapshot(dirs):
    snaps = [f for f in files(dirs, "__cluster_metadata-0/*.checkpoint")
             if not os.path.basename(f).startswith("0" * 20 + "-0")]
    return snaps[-1] if snaps else None


def check_shell(dirs):
    snap = newest_snapshot(dirs)
    check(snap, "there is no snapshot")
    for _ in range(5):  # it does not always wait until it has read the file
        out = brokers.tool("kafka-metadata-shell", "--snapshot", snap, "ls", "image/topics/byName")
        if "codecs" in out:
            return os.path.basename(snap)
    raise Failed("the shell does not see the topics: " + out)


# --- the story

class Story:
    def __init__(self, args, quorum, how, dirs=1, format_flags=(), **settings):
        self.args, self.quorum, self.how = args, quorum, how
        self.pair = Pair(quorum, dirs, **settings)
        self.pair.by_name["kafka"].format_flags = format_flags
        self.client = Client(self.pair)
        self.topics = []
        self.load = None
        self.notes = os.path.join(harness.Dirs.new("notes"), "notes")
        self.described = None
        self.number = 0

    def say(self, what, note=""):
        print("#   %-7s %s %s" % ("kafka" if self.pair.is_kafka() else "ottla", what, note),
              flush=True)

    def fill(self):
        c = self.client
        for name, (partitions, settings) in TOPICS.items():
            c.create(name, partitions, settings)
        self.topics = list(TOPICS)
        for p, codec in enumerate(CODECS):
            c.write("codecs", scenes.mixed(JAVA, codec, p, 300), codec=codec)
        self.write_all()
        c.create("deleted", 2, {})
        c.write("deleted", c.records(2, 50))
        c.call("delete", topic="deleted")
        self.begin_again()
        c.call("grow", topic="idempotent", partitions=4)
        if self.pair.is_kafka():
            self.transactions()
            self.topics += list(INTERNAL)
            self.commit_offsets()

    def write_all(self):
        """What each owner writes."""
        c = self.client
        c.write("codecs", c.records(len(CODECS), 40), codec="snappy")
        c.write("idempotent", c.records(3, 200), idempotent=1, codec="lz4")
        c.write("append-time", c.records(1, 60))
        c.write("recompressed", c.records(1, 60), codec="gzip")
        big = [scenes.Record(r % 2, None, None, os.urandom(9000)) for r in range(500)]
        c.write("segments", big, idempotent=1)
        c.write("trimmed", [scenes.Record(0, None, None, os.urandom(30000)) for _ in range(100)])
        c.call("trim", topic="trimmed", partition=0,
               before=c.call("list", topic="trimmed")[-1]["o"] - 40)
        self.overwrite()

    def overwrite(self):
        """Keys again and again, in segments of their own, so that there is something to compact."""
        for _ in range(3):
            self.number += 1
            c = [scenes.Record(0, None, b"key %d" % k,
                               None if (k + self.number) % 7 == 0 else
                               b"%d " % self.number + os.urandom(300)) for k in range(60)]
            self.client.write("compacted", c)
            time.sleep(0.15)

    def begin_again(self):
        """A topic of the same name as one that was deleted."""
        c = self.client
        c.write("again", c.records(1, 30))
        c.call("delete", topic="again")
        harness.wait_for("the topic to go", lambda: self.can_create("again"), timeout_s=20, every_s=0.5)
        c.write("again", c.records(1, 20))

    def can_create(self, name):
        try:
            self.client.create(name, *TOPICS[name])
        except peers.PeerError:
            return False
        return True

    def transactions(self):
        c = self.client
        for i, end in enumerate(("commit", "abort", "commit", "abort")):
            c.write("transactions", c.records(2, 30), txn="t%d" % (i % 2), end=end)
        c.write("transactions", [r for r in c.records(2, 30) if r.p == 1], txn=OPEN_TXN, end="open",
                prop="transaction.timeout.ms=900000")

    def end_open_transaction(self):
        c = self.client
        c.write("transactions", c.records(2, 5), txn=OPEN_TXN, end="commit",
                prop="transaction.timeout.ms=900000")

    def commit_offsets(self):
        harness.run(brokers.SCRIPT, "kafka-console-consumer", "--bootstrap-server",
                    self.pair.bootstrap, "--topic", "codecs", "--group", "readers",
                    "--from-beginning", "--max-messages", "700", "--timeout-ms", "20000")

    def wait_until_compacted(self):
        def has_gaps():
            first, end, records = self.client.dump("read_uncommitted", ["compacted"])["compacted", 0]
            return len(records) < end - first
        harness.wait_for("compaction", has_gaps, timeout_s=60, every_s=1)

    def describe(self):
        """What only Apache Kafka tells: settings of topics, users, quotas, committed offsets."""
        at = ("--bootstrap-server", self.pair.bootstrap)
        topics = brokers.tool("kafka-topics", *at, "--describe")
        lines = (re.sub(r"\s+", " ", x).strip() for x in topics.splitlines())
        out = [sorted(x for x in lines if not x.startswith("Topic: turn-"))]
        for kind in ("users", "clients"):
            out.append(brokers.tool("kafka-configs", *at, "--describe", "--entity-type", kind))
        groups = brokers.tool("kafka-consumer-groups", *at, "--describe", "--group", "readers")
        out.append(sorted(" ".join(x.split()[:4]) for x in groups.splitlines() if " codecs " in x))
        return out

    def set_up_metadata(self):
        at = ("--bootstrap-server", self.pair.bootstrap, "--alter")
        for what in ("producer_byte_rate=100000000", "SCRAM-SHA-256=[password=secret]"):
            brokers.tool("kafka-configs", *at, "--entity-type", "users", "--entity-name", "alice",
                         "--add-config", what)
        brokers.tool("kafka-configs", *at, "--entity-type", "clients", "--entity-default",
                     "--add-config", "request_percentage=5000")
        brokers.tool("kafka-configs", *at, "--entity-type", "brokers", "--entity-name",
                     self.pair.now.node_id(), "--add-config", "log.cleaner.threads=2")

    def start_load(self):
        if os.path.exists(KILL9) and not self.load:
            self.load = subprocess.Popen(
                [KILL9, "load", self.pair.bootstrap, "load", self.notes, "rate=200"],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def end_load(self):
        if self.load:
            self.load.send_signal(signal.SIGTERM)
            err = self.load.communicate(timeout=120)[1]
            check(self.load.returncode == 0, "the load:", err.decode())
            self.load = None
            args = [KILL9, "check", self.pair.bootstrap, "load", self.notes]
            done = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
            check(done.returncode == 0, done.stderr.decode())
            self.say("the load that ran through it all:", done.stdout.decode().strip())

    def quiet_topics(self):
        return [t for t in self.topics if t != "load"]

    def hand_over(self, name, facts, how):
        self.pair.drop(how)
        self.say("ended", "by kill -9" if how == "kill" else "cleanly")
        self.say("batches are valid:", check_logs(self.pair.dirs))
        self.say("metadata decodes:", check_metadata(self.pair.dirs))
        if how != "kill":
            self.say("indexes are sane:", check_indexes(self.pair.dirs))
        if newest_snapshot(self.pair.dirs):
            self.say("metadata shell reads:", check_shell(self.pair.dirs))
        self.pair.take(name)
        now = self.client.facts(self.quiet_topics())
        same(facts, now, cleans=self.pair.is_kafka(), killed=how == "kill")
        n = sum(len(r[2]) for r in now["read_uncommitted"].values())
        self.say("serves all", "%d records" % n)
        if self.pair.is_kafka() and self.described:
            self.compare_descriptions()
        return now

    def compare_descriptions(self):
        now = self.describe()
        for a, b in zip(self.described, now):
            check(a == b, "described before:", a, "now:", b)
        self.say("describes the same")

    def take_turn(self, before):
        """The owner writes; what is there afterwards."""
        c = self.client
        codecs = c.records(len(CODECS), 30)
        c.write("codecs", codecs, codec="zstd", idempotent=1)
        mid = c.facts(["codecs"])
        gained(before, mid, codecs, "codecs")
        self.write_all()
        name = "turn-%d" % self.number
        c.create(name, 2, {"retention.ms": -1})
        self.topics.append(name)
        c.write(name, c.records(2, 20))
        c.create("deleted", 2, {})
        c.write("deleted", c.records(2, 10))
        c.call("delete", topic="deleted")
        return c.facts(self.quiet_topics())

    def kcat_agrees(self, facts):
        first, end, records = facts["read_committed"]["codecs", 1]
        got = KCAT.call("consume", self.pair.bootstrap, ranges="codecs:1:%d:%d" % (first, end))[:-1]
        check([(r["o"], r["v"]) for r in got] == [(r["o"], r["v"]) for r in records],
              "kcat reads something else")

    def tell(self, first):
        other = {"kafka": "ottla", "ottla": "kafka"}
        owner = first
        self.pair.take(owner)
        self.fill()
        if self.pair.is_kafka():
            self.set_up_metadata()
            self.wait_until_compacted()
        self.start_load()
        facts = self.client.facts(self.quiet_topics())
        for i in range(2 * self.args.rounds):
            if self.pair.is_kafka():
                self.described = self.describe() if "__consumer_offsets" in self.topics else None
            owner = other[owner]
            how = self.how if self.how != "mixed" else ("kill", "stop")[i % 2]
            before = self.hand_over(owner, facts, how)
            self.kcat_agrees(before)
            if self.pair.is_kafka() and i == 3 and "__transaction_state" in self.topics:
                self.end_open_transaction()
                before = self.client.facts(self.quiet_topics())
            facts = self.take_turn(before)
        self.end_load()
        self.pair.drop("stop")

    def run(self, first):
        try:
            self.tell(first)
        finally:
            if self.load:
                self.load.kill()
            if self.pair.now:
                self.pair.now.kill()


# --- directories that ottla must not take

def refuse(pair, words, **settings):
    o = pair.by_name["ottla"]
    o.overrides = dict(pair.settings, **settings)
    o.write_config()
    before = snapshot_of_tree(pair.dirs[0])
    done = subprocess.run(o.command(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30,
                          check=False)
    said = done.stderr.decode()
    check(done.returncode > 0, "took it:", said)
    for w in words:
        check(w in said, "'%s' is not in: %s" % (w, said))
    after = snapshot_of_tree(pair.dirs[0])
    check(after == before, "changed what it refused:", [f for f in after if after[f] != before.get(f)])
    print("#   refused:", said.strip(), flush=True)


def snapshot_of_tree(d):
    out = {}
    for root, _, names in os.walk(d):
        for n in names:
            if n != ".lock":
                with open(os.path.join(root, n), "rb") as f:
                    out[os.path.join(root, n)] = f.read()
    return out


def scene_refusals(args):
    pair = Pair("static")
    k = pair.by_name["kafka"]
    k.write_config()
    k.format()
    refuse(pair, ("node.id 1", "set node.id"), **{"node.id": 7, "controller.quorum.voters": "7@127.0.0.1:1"})
    refuse(pair, ("voters",), **{"controller.quorum.voters": "1@127.0.0.1:1,2@127.0.0.1:2,3@127.0.0.1:3"})
    pair = Pair("dynamic")
    k = pair.by_name["kafka"]
    k.write_config()
    ids = [brokers.tool("kafka-storage", "random-uuid").strip() for _ in range(3)]
    voters = ",".join("%d@127.0.0.1:%d:%s" % (i + 1, 9000 + i, ids[i]) for i in range(3))
    k.quorum = "several"
    k.format("--initial-controllers", voters)
    refuse(pair, ("voters",))


SNAPSHOTS = {"metadata.log.max.record.bytes.between.snapshots": 1500, "metadata.max.retention.bytes": 40000}
OLDER = ("--release-version", "3.9-IV0")
SCENES = {
    "static-stop": lambda a: Story(a, "static", "stop").run("kafka"),
    "dynamic-kill": lambda a: Story(a, "dynamic", "kill").run("kafka"),
    "static-mixed-dirs": lambda a: Story(a, "static", "mixed", dirs=2).run("kafka"),
    "dynamic-stop": lambda a: Story(a, "dynamic", "stop").run("kafka"),
    "static-kill": lambda a: Story(a, "static", "kill").run("kafka"),
    "snapshots": lambda a: Story(a, "dynamic", "mixed", **SNAPSHOTS).run("kafka"),
    "older-release": lambda a: Story(a, "static", "mixed", format_flags=OLDER).run("kafka"),
    "ottla-first": lambda a: Story(a, "dynamic", "mixed").run("ottla"),
    "ottla-first-static-dirs": lambda a: Story(a, "static", "mixed", dirs=3).run("ottla"),
    "refusals": scene_refusals,
}


def main():
    a = argparse.ArgumentParser(description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--scenes", default=",".join(SCENES))
    a.add_argument("--rounds", type=int, default=3, help="there and back")
    args = a.parse_args()
    brokers.install()
    JAVA.ensure()
    passed = failed = 0
    for name in args.scenes.split(","):
        start = time.monotonic()
        try:
            SCENES[name](args)
            passed += 1
            print("ok %d - %s # %.0f s" % (passed + failed, name, time.monotonic() - start), flush=True)
        except Exception:
            failed += 1
            print("not ok %d - %s\n%s" % (passed + failed, name, traceback.format_exc()), flush=True)
            for b in list(harness.Broker.alive):
                b.kill()
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
