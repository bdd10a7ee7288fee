"""Apache Kafka's command-line tools against the broker: what people type, and what scripts parse of it.

Each scene is a function of the driver (interop.py) and a topic of its own."""

import json
import os
import re
import signal
import subprocess
import tempfile

import brokers
import harness
import scenes
from check import check
from scenes import PAST_MS

COUNT = 100


def tool(driver, name, *args, **kw):
    return brokers.tool(name, "--bootstrap-server", driver.bootstrap, *map(str, args), **kw)


def refused(driver, name, *args):
    try:
        out = tool(driver, name, *args)
    except AssertionError as e:
        return str(e)
    check("Error" in out or "Exception" in out, name, *args, "was not refused:", out)
    return out


def fill(driver, topic, partitions=2):
    driver.create([topic], partitions=partitions)
    driver.produce(driver.admin, topic, [scenes.Record(p, PAST_MS + 1000 * i, None, b"%d" % i)
                                         for p in range(partitions) for i in range(COUNT)])


def topics(driver, topic):
    out = tool(driver, "kafka-topics", "--create", "--topic", topic, "--partitions", 3,
               "--replication-factor", 1, "--config", "retention.ms=86400000")
    check("Created topic %s." % topic in out, out)
    check(topic in tool(driver, "kafka-topics", "--list").split(), "is not listed")
    refused(driver, "kafka-topics", "--create", "--topic", topic)
    tool(driver, "kafka-topics", "--alter", "--topic", topic, "--partitions", 5)
    out = tool(driver, "kafka-topics", "--describe", "--topic", topic)
    check(re.search(r"PartitionCount: 5\b.*ReplicationFactor: 1\b.*\bretention.ms=86400000\b", out), out)
    check(re.findall(r"Partition: (\d)\b", out) == list("01234"), out)
    ends = tool(driver, "kafka-get-offsets", "--topic", topic)
    check(len(ends.split()) == 5, "partitions:", ends)
    refused(driver, "kafka-topics", "--alter", "--topic", topic, "--partitions", 2)
    tool(driver, "kafka-topics", "--delete", "--topic", topic)
    harness.wait_for("the topic to go",
                     lambda: topic not in tool(driver, "kafka-topics", "--list").split(), every_s=0.5)


def configs(driver, topic):
    """Settings of a topic and of brokers, set, shown and taken back."""
    driver.create([topic])
    for entity, setting in ((("topics", "--entity-name", topic), "retention.ms"),
                            (("brokers", "--entity-default"), "log.retention.ms")):
        at = ("--entity-type", *entity)
        tool(driver, "kafka-configs", *at, "--alter", "--add-config", setting + "=123456789")
        out = tool(driver, "kafka-configs", *at, "--describe")
        check("%s=123456789 " % setting in out, out)
        tool(driver, "kafka-configs", *at, "--alter", "--delete-config", setting)
        out = tool(driver, "kafka-configs", *at, "--describe")
        check("123456789" not in out, out)
    refused(driver, "kafka-configs", "--entity-type", "topics", "--entity-name", topic, "--alter", "--add-config", "x=1")
    out = tool(driver, "kafka-configs", "--entity-type", "topics", "--entity-name", topic, "--describe", "--all")
    check("retention.ms=604800000 sensitive=false synonyms={" in out, out)


def get_offsets(driver, topic):
    fill(driver, topic)
    for time, want in (("latest", COUNT), ("earliest", 0), ("max-timestamp", COUNT - 1),
                       (PAST_MS + 10_500, 11), (-1, COUNT), (-2, 0), (-3, COUNT - 1)):
        out = tool(driver, "kafka-get-offsets", "--topic", topic, "--time", time).split()
        check(out == ["%s:%d:%d" % (topic, p, want) for p in (0, 1)], time, "gave", out)


def delete_records(driver, topic):
    fill(driver, topic)
    with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
        json.dump({"version": 1, "partitions": [{"topic": topic, "partition": 0, "offset": 30},
                                                {"topic": topic, "partition": 1, "offset": -1}]}, f)
        f.flush()
        out = tool(driver, "kafka-delete-records", "--offset-json-file", f.name)
    low = dict(re.findall(r"partition: (\S+)\s+low_watermark: (\d+)", out))
    check(low == {topic + "-0": "30", topic + "-1": str(COUNT)}, out)
    out = tool(driver, "kafka-get-offsets", "--topic", topic, "--time", "earliest").split()
    check(out == ["%s:0:30" % topic, "%s:1:%d" % (topic, COUNT)], out)


def log_dirs(driver, topic):
    fill(driver, topic)
    out = tool(driver, "kafka-log-dirs", "--describe", "--topic-list", topic)
    told = json.loads([x for x in out.splitlines() if x.startswith("{")][-1])
    check(len(told["brokers"]) == 1, told)
    sizes = {}
    for d in told["brokers"][0]["logDirs"]:
        check(d["error"] is None, d)
        for p in d["partitions"]:
            check(p["offsetLag"] == 0 and not p["isFuture"], p)
            sizes[os.path.join(d["logDir"], p["partition"])] = p["size"]
    check(len(sizes) == 2, told)
    for path, size in sizes.items():
        check(os.path.getsize(os.path.join(path, "0" * 20 + ".log")) == size, path, "is not", size)


def api_versions(driver, topic):
    out = tool(driver, "kafka-broker-api-versions")
    listed = dict(re.findall(r"(\w+)\(\d+\): (.*?),?$", out, re.M))
    for api in ("Produce", "Fetch", "ListOffsets", "Metadata"):
        check("[usable:" in listed[api], api, listed.get(api))


def console(driver, topic):
    """Lines in, lines out, with keys, headers and times."""
    lines = "".join("h1:v%d\tkey %d\tvalue %d\n" % (i, i, i) for i in range(50))
    tool(driver, "kafka-console-producer", "--topic", topic, "--compression-codec", "zstd",
         "--reader-property", "parse.key=true", "--reader-property", "parse.headers=true",
         input=lines.encode())
    out = tool(driver, "kafka-console-consumer", "--topic", topic, "--partition", 0, "--offset", "earliest",
               "--max-messages", 50, "--timeout-ms", 30000, "--formatter-property", "print.key=true",
               "--formatter-property", "print.headers=true")
    check(out == lines, "came back as", out[:300])


KEYED = ("--reader-property", "parse.key=true", "--reader-property", "key.separator=:")


def first_day(driver, topic):
    """A topic of three partitions, keys that stay in theirs, and a second group that reads everything again."""
    out = tool(driver, "kafka-topics", "--create", "--topic", topic, "--partitions", 3)
    check("Created topic %s." % topic in out, out)
    out = tool(driver, "kafka-topics", "--describe", "--topic", topic)
    check(re.findall(r"Partition: (\d)\tLeader: \d+\tReplicas: \d+\tIsr: \d+", out) == list("012"), out)
    for turn in range(2):
        tool(driver, "kafka-console-producer", "--topic", topic, *KEYED,
             input="".join("key %d:%d\n" % (k, turn) for k in range(30)).encode())
    for group in ("a", "b"):
        out = tool(driver, "kafka-console-consumer", "--topic", topic, "--group", "%s-of-%s" % (group, topic),
                   "--command-property", "auto.offset.reset=earliest", "--max-messages", 60, "--timeout-ms", 60000,
                   "--formatter-property", "print.key=true", "--formatter-property", "print.partition=true")
        rows = [re.fullmatch(r"Partition:([012])\t(key \d+)\t([01])", x).groups() for x in out.splitlines()]
        check(len(rows) == 60, len(rows), "records")
        places = {}
        for p, k, v in rows:
            places.setdefault(k, []).append((p, v))
        for k, got in places.items():
            check(got[0][0] == got[1][0] and [v for _, v in got] == ["0", "1"], k, "went to", got)
        check(len({got[0][0] for got in places.values()}) == 3, "keys are not spread:", places)


def owners(driver, group):
    """The partitions of each member, most first."""
    try:
        out = tool(driver, "kafka-consumer-groups", "--describe", "--group", group, "--members", "--verbose")
    except AssertionError:
        return []  # not there yet
    rows = [x for x in out.splitlines() if x.startswith(group + " ")]
    held = [re.search(r":([\d,]+) ", x) for x in rows]
    return sorted((sorted(map(int, m[1].split(","))) if m else [] for m in held), key=lambda a: (-len(a), a))


def members(driver, topic):
    """One member, then two, then more than partitions: who owns what after each rebalance."""
    tool(driver, "kafka-topics", "--create", "--topic", topic, "--partitions", 3)
    group, running = "of-" + topic, []

    def shared(want):
        harness.wait_for("the partitions to be shared as %s" % want, lambda: owners(driver, group) == want, timeout_s=120,
                         every_s=0.5)

    try:
        for want in ([[0, 1, 2]], [[0, 1], [2]], [[0], [1], [2]], [[0], [1], [2], []]):
            running.append(subprocess.Popen(
                [brokers.SCRIPT, "kafka-console-consumer", "--bootstrap-server", driver.bootstrap, "--topic", topic,
                 "--group", group, "--from-beginning", "--command-property", "heartbeat.interval.ms=500"],
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL))
            shared(want)
        tool(driver, "kafka-console-producer", "--topic", topic, *KEYED,
             input="".join("k%d:%d\n" % (k, k) for k in range(30)).encode())
        got = []
        for left in ([[0], [1], [2]], [[0, 1], [2]], [[0, 1, 2]]):
            running[0].send_signal(signal.SIGTERM)
            got += running.pop(0).communicate(timeout=60)[0].split()
            shared(left)
        check(set(got) <= {b"%d" % k for k in range(30)}, got)
    finally:
        for p in running:
            p.kill()
            p.communicate()


def retention(driver, topic):
    """By size: whole segments go, and nothing else."""
    if driver.broker is None:
        return "no files here"
    brokers.install()
    with driver.new_broker(overrides={"log.retention.check.interval.ms": "500"}) as broker:
        at = ("--bootstrap-server", broker.bootstrap)
        brokers.tool("kafka-topics", *at, "--create", "--topic", topic, "--config", "segment.bytes=1048576",
                     "--config", "file.delete.delay.ms=100")
        brokers.tool("kafka-producer-perf-test", *at, "--topic", topic, "--num-records", "5000", "--record-size", "1000",
                     "--throughput", "-1")
        folder = os.path.join(broker.dir, topic + "-0")
        before = segments(folder)
        check(len(before) >= 4, "segments:", before)
        brokers.tool("kafka-configs", *at, "--alter", "--topic", topic, "--add-config", "retention.bytes=2000000")
        # What is left once the oldest whole segments beyond the limit are gone.
        size, bases = sum(before.values()), sorted(before)
        while size - before[bases[0]] >= 2000000:
            size -= before[bases.pop(0)]
        want = {base: before[base] for base in bases}
        harness.wait_for("the segments to go", lambda: segments(folder) == want, timeout_s=60, every_s=0.2)
        out = brokers.tool("kafka-get-offsets", *at, "--topic", topic, "--time", "earliest")
        check(out.strip() == "%s:0:%d" % (topic, bases[0]), out, "instead of", bases[0])
        out = brokers.tool("kafka-console-consumer", *at, "--topic", topic, "--partition", "0", "--offset", "earliest",
                           "--max-messages", str(5000 - bases[0]), "--timeout-ms", "30000")
        check(len(out.split()) == 5000 - bases[0], len(out.split()), "records")
    return "%d of %d segments left" % (len(want), len(before))


def segments(folder):
    """Base offset -> size"""
    return {int(name[:-4]): os.path.getsize(os.path.join(folder, name))
            for name in os.listdir(folder) if name.endswith(".log")}


def perf(driver, topic):
    driver.create([topic], partitions=2)
    out = brokers.tool("kafka-producer-perf-test", "--topic", topic, "--num-records", "20000",
                       "--record-size", "200", "--throughput", "-1", "--bootstrap-server", driver.bootstrap)
    check("20000 records sent" in out, out)
    ends = tool(driver, "kafka-get-offsets", "--topic", topic).split()
    check(sum(int(x.rsplit(":", 1)[1]) for x in ends) == 20000, ends)


def verifiable(driver, topic):
    driver.create([topic])
    out = tool(driver, "kafka-verifiable-producer", "--topic", topic, "--max-messages", 500, "--acks", -1)
    events = [json.loads(x) for x in out.splitlines() if x.startswith("{")]
    check(sum(e["name"] == "producer_send_success" for e in events) == 500, events[-1])
    ends = tool(driver, "kafka-get-offsets", "--topic", topic).split()
    check(ends == ["%s:0:500" % topic], ends)


def dump_log(driver, topic):
    """Of the broker's files, while it runs: indexes are there once something was flushed to them."""
    if driver.broker is None:
        return "no files here"
    fill(driver, topic, partitions=1)
    path = os.path.join(driver.broker.dir, topic + "-0", "0" * 20)
    out = brokers.tool("kafka-dump-log", "--deep-iteration", "--print-data-log", "--files", path + ".log")
    check("isvalid: false" not in out and out.count("| offset:") == COUNT, out[-2000:])
    indexes = [f for f in (path + ".index", path + ".timeindex") if os.path.exists(f)]
    if indexes:
        out = brokers.tool("kafka-dump-log", "--index-sanity-check", "--files", ",".join(indexes))
        check(out.count("passed sanity check") + out.count("is empty") == len(indexes), out)
    return "%d indexes" % len(indexes)


ALL = {f.__name__: f for f in (topics, configs, get_offsets, delete_records, log_dirs, api_versions, console, first_day,
                               members, retention, perf, verifiable, dump_log)}


def chosen():
    """All scenes, or those that TOOLS in the environment names."""
    only = os.environ.get("TOOLS", "").split()
    return {name: run for name, run in ALL.items() if not only or name in only}
