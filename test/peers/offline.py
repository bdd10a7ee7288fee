#!/usr/bin/env python3
"""`ottla dump-log` and `ottla storage` beside Apache Kafka's own tools, on the same files.

  offline.py             compares all command lines of test/golden/offline/cases.py; ends with N passed, N failed
  offline.py --write     keeps Apache Kafka's answers for `meson test`
  offline.py --topics    makes test/golden/offline/topics.tar.gz: internal topics as Apache Kafka writes them

The tools run in one process (java/Tools.java), each as often as there are command lines."""

import base64
import functools
import glob
import json
import lzma
import os
import shutil
import subprocess
import sys
import tarfile

import brokers
import harness
from check import check

GOLDEN = os.path.join(brokers.ROOT, "test", "golden", "offline")
sys.path.insert(0, GOLDEN)
import cases  # noqa: E402
import runner  # noqa: E402

ANSWERS = os.path.join(GOLDEN, "answers.jsonl.xz")
TOPICS = os.path.join(GOLDEN, "topics.tar.gz")


def classes():
    with open(brokers.SCRIPT + ".tools") as f:
        return dict(line.split() for line in f if not line.startswith("#"))


class KafkaTools:
    """Apache Kafka's tools in one process, in the directory `where`."""

    def __init__(self, where):
        self.where = where
        self.classes = classes()
        path = brokers.harness.run(brokers.SCRIPT, "classpath").decode().strip()
        source = os.path.join(brokers.HERE, "java", "Tools.java")
        self.process = subprocess.Popen(["java", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-cp", path, source], cwd=where,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def run(self, argv):
        line = "\t".join([self.classes[argv[0]], *argv[1:]]) + "\n"
        self.process.stdin.write(line.encode())
        self.process.stdin.flush()
        status, out, err = (self.process.stdout.readline().decode().rstrip("\n") + "  ").split(" ")[:3]
        return [int(status), *(runner.relative(base64.b64decode(x).decode(errors="replace"), self.where)
                               for x in (out, err))]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def fresh():
    where = os.path.realpath(harness.Dirs.new("offline"))
    back = os.getcwd()
    os.chdir(where)
    cases.make()
    commands = cases.commands()
    os.chdir(back)
    return where, commands


def theirs(where, commands):
    tools = KafkaTools(where)
    try:
        return [tools.run(argv) for argv in commands]
    finally:
        tools.close()


def compare(pairs):
    """pairs: (argv, theirs, ours). Sentences about what differs."""
    return ["%s: %s" % (" ".join(argv), d) for argv, a, b in pairs for d in cases.differences(argv, a, b)]


def compare_all():
    """(how many command lines, what differs)"""
    (a, commands), (b, _) = fresh(), fresh()
    pairs = [(argv, x, runner.ottla(argv, b)) for argv, x in zip(commands, theirs(a, commands))]
    return len(pairs), compare(pairs)


def compare_dir(top):
    """The same for all files below a data directory that nobody writes to now."""
    commands = [["kafka-dump-log", "--files", path, *way]
                for path in cases.files_in(top) for way in cases.ways_of(path)]
    pairs = [(argv, x, runner.ottla(argv, top)) for argv, x in zip(commands, theirs(top, commands))]
    return len(pairs), compare(pairs)


def keep():
    where, commands = fresh()
    rows = [json.dumps([argv, *answer]) + "\n" for argv, answer in zip(commands, theirs(where, commands))]
    with lzma.open(ANSWERS, "wb", preset=9 | lzma.PRESET_EXTREME) as z:
        z.write("".join(rows).encode())
    print("%d answers, %d bytes" % (len(rows), os.path.getsize(ANSWERS)))


# -- directories that one formats and the other starts on

class FormattedByOttla(brokers.ApacheKafka):
    def format(self, *flags):
        flags += ("--standalone",) if self.quorum == "dynamic" else ()
        status, _, err = runner.ottla(["kafka-storage", "format", "-t", cases.CLUSTER, "-c", self.conf_path, *flags], "/")
        check(status == 0, err)


def use(broker, topic):
    """A topic is made and a record kept."""
    brokers.tool("kafka-topics", "--bootstrap-server", broker.bootstrap, "--create", "--topic", topic)
    brokers.tool("kafka-console-producer", "--bootstrap-server", broker.bootstrap, "--topic", topic, input=b"kept\n")
    got = brokers.tool("kafka-get-offsets", "--bootstrap-server", broker.bootstrap, "--topic", topic)
    check(got.split() == [topic + ":0:1"], got)


def ours_on(theirs):
    """ottla on the directory of an Apache Kafka that is not running, as configured there."""
    return brokers.ottla(data_dir=theirs.dir, overrides=settings_of(theirs))


def settings_of(theirs):
    with open(theirs.conf_path) as f:
        conf = dict(line.strip().split("=", 1) for line in f)
    return {k: v for k, v in conf.items() if k.startswith("controller.quorum") or k == "node.id"}


def kafka_starts_on_ours(quorum):
    with FormattedByOttla(quorum=quorum) as broker:
        use(broker, "theirs")
    with ours_on(broker) as ours:
        use(ours, "ours")


def ours_starts_on_theirs(quorum):
    theirs = brokers.kafka(quorum=quorum)
    theirs.write_config()
    theirs.format()
    with ours_on(theirs) as ours:
        use(ours, "ours")
    with theirs:
        use(theirs, "theirs")


def ours_starts_on_ours(quorum):
    made = FormattedByOttla(quorum=quorum)
    made.write_config()
    made.format()
    with ours_on(made) as ours:
        use(ours, "ours")


# -- scenes of interop.py

def answers():
    count, wrong = compare_all()
    check(not wrong, "\n".join(wrong))
    return "%d command lines" % count


def broker_files(driver):
    """The files of a broker that runs, as they are at this moment."""
    if driver.broker is None:
        return "no files here"
    where = os.path.realpath(harness.Dirs.new("files"))
    shutil.copytree(driver.broker.dir, where, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".lock"))
    count, wrong = compare_dir(where)
    check(not wrong, "\n".join(wrong))
    return "%d command lines" % count


def scenes(driver):
    """(name, function without arguments)"""
    yield "answers", answers
    yield "broker-files", lambda: broker_files(driver)
    for quorum in ("static", "dynamic"):
        for call in (kafka_starts_on_ours, ours_starts_on_theirs, ours_starts_on_ours):
            yield "%s-%s" % (call.__name__.replace("_", "-"), quorum), functools.partial(call, quorum)


# -- topics.tar.gz

def run_tool(name, broker, *args, **kw):
    return brokers.tool(name, "--bootstrap-server", broker.bootstrap, *args, **kw)


def use_groups(broker):
    """Groups of all kinds, so that their records are there."""
    run_tool("kafka-topics", broker, "--create", "--topic", "orders", "--partitions", "2")
    run_tool("kafka-console-producer", broker, "--topic", "orders", input=b"".join(b"%d\n" % i for i in range(40)))
    for group, more in (("classic", ()), ("new", ("--command-property", "group.protocol=consumer"))):
        run_tool("kafka-console-consumer", broker, "--topic", "orders", "--from-beginning", "--max-messages", "40",
                 "--group", group, *more)
    run_tool("kafka-configs", broker, "--alter", "--entity-type", "groups", "--entity-name", "shared", "--add-config",
             "share.auto.offset.reset=earliest")
    run_tool("kafka-console-share-consumer", broker, "--topic", "orders", "--max-messages", "30", "--group", "shared")
    run_tool("kafka-consumer-groups", broker, "--delete-offsets", "--group", "classic", "--topic", "orders:0")
    run_tool("kafka-consumer-groups", broker, "--delete", "--group", "new")


def make_topics():
    broker = brokers.kafka(overrides={
        "offsets.topic.num.partitions": 1, "share.coordinator.state.topic.num.partitions": 1,
        "share.coordinator.state.topic.replication.factor": 1, "share.coordinator.state.topic.min.isr": 1,
        "log.cleaner.enable": "false"})
    broker.start()
    try:
        use_groups(broker)
    finally:
        broker.stop()
    with tarfile.open(TOPICS, "w:gz") as tar:
        for path in sorted(glob.glob(broker.dir + "/__consumer_offsets-0/0*") +
                           glob.glob(broker.dir + "/__share_group_state-0/0*")):
            tar.add(path, os.path.relpath(path, broker.dir))
    print("%d bytes" % os.path.getsize(TOPICS))


def main():
    if "--topics" in sys.argv:
        return make_topics()
    if "--write" in sys.argv:
        return keep()
    count, wrong = compare_all()
    print("\n".join(wrong))
    print("%d passed, %d failed" % (count - len(wrong), len(wrong)))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
