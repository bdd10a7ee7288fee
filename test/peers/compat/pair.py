"""Two brokers that own the same directories by turns, and a client for whoever has them now."""

import os

import brokers
import harness
import peers
import scenes
from check import check

PATIENCE_S = 300  # a machine that others use, too, needs a while for what takes a second
JAVA = peers.java("4.3.1", count=120)
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


class OttlaAsKafka(brokers.ApacheKafka):
    """ottla with Apache Kafka's own server.properties."""

    def format(self, *flags):
        pass  # ottla does it itself

    def command(self):
        return [harness.ottla(), "broker", self.conf_path]


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


class Client:
    def __init__(self, pair):
        self.pair = pair
        self.seed = 0

    def call(self, cmd, **kw):
        return JAVA.call(cmd, self.pair.bootstrap, timeout=PATIENCE_S, **kw)

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
        out = self.call("dump", topic=",".join(topics), prop="isolation.level=" + isolation)
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
