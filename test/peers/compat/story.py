"""What happens to a pair's directories between two owners and while each has them."""

import os
import re
import signal
import subprocess
import time

import brokers
import harness
import peers
import scenes
from check import check
from facts import INTERNAL, gained, same
from files import check_indexes, check_logs, check_metadata, check_shell, newest_snapshot
from pair import JAVA, PATIENCE_S, Client, Pair
from peers import CODECS

KCAT = peers.by_name(["kcat"])[0]
KILL9 = os.path.join(harness.ROOT, "build", "test", "crash", "kill9", "kill9")
OPEN_TXN = "left-open"
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
        harness.wait_for("the topic to go", lambda: self.can_create("again"), timeout_s=PATIENCE_S, every_s=0.5)
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
                    "--from-beginning", "--max-messages", "700",
                    "--timeout-ms", str(1000 * PATIENCE_S), timeout=2 * PATIENCE_S)

    def wait_until_compacted(self):
        def has_gaps():
            first, end, records = self.client.dump("read_uncommitted", ["compacted"])["compacted", 0]
            return len(records) < end - first
        harness.wait_for("compaction", has_gaps, timeout_s=PATIENCE_S, every_s=1)

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
        """One request in flight: while Apache Kafka starts it may refuse the first of several as not its leader
        and then find the next one out of order, which librdkafka gives up on."""
        if os.path.exists(KILL9) and not self.load:
            self.load = subprocess.Popen(
                [KILL9, "load", self.pair.bootstrap, "load", self.notes, "rate=200", "max.in.flight=1"],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def end_load(self):
        if self.load:
            self.load.send_signal(signal.SIGTERM)
            err, rc = self.load.communicate(timeout=PATIENCE_S)[1], self.load.returncode
            self.load = None
            args = [KILL9, "check", self.pair.bootstrap, "load", self.notes]
            done = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
            check(done.returncode == 0, done.stderr.decode())
            self.say("the load that ran through it all:", done.stdout.decode().strip())
            check(rc == 0, "the load:", err.decode())

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
