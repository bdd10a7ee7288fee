"""Apache Kafka's command-line tools against the broker: what people type, and what scripts parse of it.

Each scene is a function of the driver (interop.py) and a topic of its own."""

import json
import os
import re
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
    out = brokers.tool("kafka-dump-log", "--print-data-log", "--files", path + ".log")
    check("isvalid: false" not in out and out.count("| offset:") == COUNT, out[-2000:])
    indexes = [f for f in (path + ".index", path + ".timeindex") if os.path.exists(f)]
    if indexes:
        out = brokers.tool("kafka-dump-log", "--index-sanity-check", "--files", ",".join(indexes))
        check(out.count("passed sanity check") + out.count("is empty") == len(indexes), out)
    return "%d indexes" % len(indexes)


ALL = {f.__name__: f for f in (topics, configs, get_offsets, delete_records, log_dirs, api_versions, console, perf,
                               verifiable, dump_log)}
