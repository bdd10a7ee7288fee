"""Raw comparison: settings that are asked for, and those of groups, clients' metrics and loggers."""

import re

from configs import (APPEND, BROKER, DELETE, GROUP, LOGGER, METRICS, NEW, OLD, OTHER_TYPES, SUBTRACT, TOO_LONG, TOPIC, both,
                     changes, describe, request, steps)
from talk import wire

VERSIONS = range(1, 5)
OWN_BROKER = ("broker.id", "node.id", "listeners", "advertised.listeners", "log.dirs", "log.dir", "process.roles",
              "controller.quorum.voters", "controller.quorum.bootstrap.servers", "controller.listener.names",
              "metadata.log.dir", "config.providers")  # each side is started with its own
OF_TOPICS = ("cleanup.policy", "compression.type", "compression.gzip.level", "delete.retention.ms", "flush.ms",
             "follower.replication.throttled.replicas", "index.interval.bytes", "local.retention.ms", "max.message.bytes",
             "message.timestamp.type", "min.cleanable.dirty.ratio", "min.insync.replicas", "preallocate",
             "remote.storage.enable", "retention.bytes", "retention.ms", "segment.bytes", "segment.jitter.ms", "segment.ms",
             "unclean.leader.election.enable")
OF_BROKERS = ("log.retention.ms", "log.retention.minutes", "log.retention.hours", "log.roll.ms", "log.roll.hours",
              "message.max.bytes", "num.partitions", "log.segment.bytes", "log.flush.interval.ms", "compression.type",
              "auto.create.topics.enable", "broker.rack", "log.cleaner.min.cleanable.ratio", "unknown.one", "log.index.size.max.bytes")


def known_to_both(answer):
    """Without the broker settings that ottla does not have, and those that differ by what the brokers are."""
    text = (wire.ROOT / "def" / "config.def").read_text()
    ours = set(re.findall(r'^BROKER\("([^"]+)"', text, re.M)) - set(OWN_BROKER)
    return dict(answer, results=[dict(r, configs=[c for c in r["configs"] or [] if c["name"] in ours])
                                 for r in answer["results"]])


def describe_topics(t):
    """Values, where they come from, and topics that there are not."""
    t.make_topic("dt", retention_ms="1000", cleanup_policy="compact, delete", segment_bytes="2000000", preallocate="TRUE")
    for synonyms in (True, False):
        for key in OF_TOPICS:
            t.each("%s%s" % (key, "" if synonyms else ", value only"), "DescribeConfigs", VERSIONS,
                   describe((TOPIC, "dt", [key]), synonyms=synonyms))
    t.each("all", "DescribeConfigs", VERSIONS, describe((TOPIC, "dt")))
    t.each("no setting", "DescribeConfigs", VERSIONS, describe((TOPIC, "dt", [])))
    t.each("documentation", "DescribeConfigs", VERSIONS, describe((TOPIC, "dt", ["retention.ms"]), documentation=True))
    t.each("unknown", "DescribeConfigs", VERSIONS, describe((TOPIC, "dt", ["nope", "", "log.retention.ms"])))
    t.each("twice", "DescribeConfigs", VERSIONS, describe((TOPIC, "dt", ["retention.ms", "retention.ms"])))
    t.each("asked twice", "DescribeConfigs", VERSIONS, describe(*[(TOPIC, "dt", ["retention.ms"])] * 2))
    t.each("none", "DescribeConfigs", VERSIONS, describe())
    for name in ("", "never", "a b", "x" * 250, ".", "__cluster_metadata", "a\0b", "y" * 32767):
        t.each("topic %.9r" % name, "DescribeConfigs", VERSIONS, describe((TOPIC, name, ["retention.ms"])))


def describe_brokers(t):
    """One broker, all brokers, other brokers, before and after changes."""
    for when in ("before", "after"):
        for name in ("1", ""):
            for key in OF_BROKERS:
                t.each("%s: '%s' %s" % (when, name, key), "DescribeConfigs", (1, 4), describe((BROKER, name, [key])))
        t.say(when + ": all of the default", "DescribeConfigs", 4, describe((BROKER, "", None)))
        t.say("change of all, " + when, "IncrementalAlterConfigs", 1, request(changes(
            BROKER, "", ("log.retention.ms", "777000000"), ("message.max.bytes", "2222222"), ("unknown.one", "v"))))
        t.say("change of one, " + when, "IncrementalAlterConfigs", 1, request(changes(
            BROKER, "1", ("log.segment.bytes", "1111111"), ("compression.type", "zstd"), ("unknown.one", "w"))))
        t.settle()
    for synonyms in (True, False):
        t.each("all of one, synonyms %s" % synonyms, "DescribeConfigs", VERSIONS, describe((BROKER, "1"), synonyms=synonyms),
               known_to_both)
    t.say("taken back from all", "IncrementalAlterConfigs", 1, request(changes(BROKER, "", *[
        (k, None, DELETE) for k in ("log.retention.ms", "message.max.bytes", "unknown.one")])))
    t.say("taken back from one", "IncrementalAlterConfigs", 1, request(changes(BROKER, "1", *[
        (k, None, DELETE) for k in ("log.segment.bytes", "compression.type", "unknown.one")])))
    for kind in OTHER_TYPES:
        t.each("type %d" % kind, "DescribeConfigs", VERSIONS, describe((kind, "dt", None)))
    for name in ("7", "x", "01", "+1", " 1", "-1", "9999999999", "1.0", "y" * 32767):
        for kind in (BROKER, LOGGER):
            t.each("%d %.12r" % (kind, name), "DescribeConfigs", (1, 4), describe((kind, name, ["num.partitions"])))
    t.each("no logger's broker", "DescribeConfigs", (1, 4), describe((LOGGER, "", None)))


def alter_others(t):
    """Groups and clients' metrics."""
    for kind, word in ((GROUP, "group"), (METRICS, "metrics")):
        good = {GROUP: ("consumer.session.timeout.ms", "50000"), METRICS: ("interval.ms", "1000")}[kind]
        both(t, word + ", good", kind, "o", good)
        both(t, word + ", no name", kind, "", good)
        both(t, word + ", unknown", kind, "o", ("nope", "1"))
        both(t, word + ", not a number", kind, "o", (good[0], "x"))
        both(t, word + ", null", kind, "o", (good[0], None))
        both(t, word + ", nothing", kind, "o")
        both(t, word + ", twice", kind, "o", good, good)
        both(t, word + ", too long", kind, "o", (good[0], TOO_LONG))
        both(t, word + ", unnamed setting", kind, "o", ("", "1"))
        for name in ("a b", "x" * 300):
            both(t, "%s, name %.9r" % (word, name), kind, name, good)
            t.each("%s, name %.9r" % (word, name), "DescribeConfigs", VERSIONS, describe((kind, name, None)))
        t.each(word, "DescribeConfigs", VERSIONS, describe((kind, "o", None)))
        t.each(word + ", no name", "DescribeConfigs", VERSIONS, describe((kind, "", None)))
        t.say(word + ", set", "IncrementalAlterConfigs", 1, request(changes(kind, "o", good)))
        t.settle()
        t.each(word + " that is set", "DescribeConfigs", VERSIONS, describe((kind, "o", None)))
        steps(t, kind, "o", (good[0], good[1], APPEND), (good[0], good[1], SUBTRACT), ("nope", "1", APPEND),
              ("nope", None, DELETE), ("metrics", "a", APPEND), ("metrics", "b,a", SUBTRACT), ("metrics", None, DELETE),
              (good[0], None, DELETE), (good[0], None, DELETE))
    for key, values in (("consumer.session.timeout.ms", ("44999", "45000", "60000", "60001", "0", "-1")),
                        ("consumer.heartbeat.interval.ms", ("4999", "5000", "15000", "15001", "0")),
                        ("share.auto.offset.reset", ("earliest", "latest", "never", "by_duration:PT1H", "by_duration:x")),
                        ("share.isolation.level", ("read_committed", "nope")), ("streams.num.standby.replicas", ("2", "3", "-1")),
                        ("share.delivery.count.limit", ("1", "2", "10", "11")),
                        ("share.record.lock.duration.ms", ("14999", "15000", "60000", "60001"))):
        for value in values:
            both(t, "group %s=%s" % (key, value), GROUP, "o", (key, value))
    for key, values in (("interval.ms", ("99", "100", "3600000", "3600001", "")),
                        ("match", ("", "client_id=.*", "client_id", "nope=x", "client_id=[", "client_id=a,client_id=b")),
                        ("metrics", ("*", "", "org.apache.kafka,other"))):
        for value in values:
            both(t, "metrics %s=%s" % (key, value), METRICS, "o", (key, value))


def alter_loggers(t):
    """Levels of diagnostics; the root is what both have."""
    for label, change in (("level", ("root", "ERROR")), ("lower case", ("root", "error")), ("no level", ("root", "LOUD")),
                          ("off", ("root", "OFF")), ("null", ("root", None)), ("unknown", ("never.seen", "INFO")),
                          ("append", ("root", "INFO", APPEND)), ("subtract", ("root", "INFO", SUBTRACT)),
                          ("delete the root", ("root", None, DELETE)), ("delete an unknown one", ("never.seen", None, DELETE)),
                          ("operation", ("root", "INFO", 9)), ("no name", ("", "INFO")), ("empty level", ("root", "")),
                          ("long level", ("root", "x" * 32767)), ("long name", ("x" * 32767, "INFO"))):
        t.each(label, "IncrementalAlterConfigs", NEW, request(changes(LOGGER, "1", change), validate=True))
    for name in ("", "7", "x"):
        t.each("broker %r" % name, "IncrementalAlterConfigs", NEW, request(changes(LOGGER, name, ("root", "INFO")), validate=True))
    t.each("twice", "IncrementalAlterConfigs", NEW, request(*[changes(LOGGER, "1", ("root", "INFO"))] * 2, validate=True))
    t.each("nothing", "IncrementalAlterConfigs", NEW, request(changes(LOGGER, "1"), validate=True))
    t.each("two of one", "IncrementalAlterConfigs", NEW, request(changes(LOGGER, "1", ("root", "INFO"), ("root", "WARN")),
                                                                 validate=True))
    for name in ("1", ""):
        t.each("by the old request, '%s'" % name, "AlterConfigs", OLD, request(changes(LOGGER, name, ("root", "INFO")),
                                                                               validate=True))
    t.say("set", "IncrementalAlterConfigs", 1, request(changes(LOGGER, "1", ("root", "FATAL"))))
    t.say("that was set", "DescribeConfigs", 4, describe((LOGGER, "1", ["root"])))
    t.say("set back", "IncrementalAlterConfigs", 1, request(changes(LOGGER, "1", ("root", "INFO"))))


def list_resources(t):
    """What has settings."""
    t.make_topic("lr", retention_ms="1")
    t.say("a group", "IncrementalAlterConfigs", 1, request(changes(GROUP, "lr", ("consumer.session.timeout.ms", "50000"))))
    t.say("metrics", "IncrementalAlterConfigs", 1, request(changes(METRICS, "lr", ("interval.ms", "1000"))))
    t.settle()
    t.say("version 0", "ListConfigResources", 0, {})
    for types in ([GROUP], [METRICS], [LOGGER], [BROKER], [GROUP, METRICS], [BROKER, LOGGER], [BROKER, BROKER],
                  [1], [TOPIC, 1], [99], [-1], [0], [3], [64], [-128], [GROUP, GROUP]):
        t.say("types %s" % types, "ListConfigResources", 1, {"resourceTypes": types})


SCENES = [describe_topics, describe_brokers, alter_others, alter_loggers, list_resources]
