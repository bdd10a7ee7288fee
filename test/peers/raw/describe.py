"""Raw comparison: settings that are asked for, and those of groups, clients' metrics and loggers."""

from configs import APPEND, BROKER, DELETE, NEW, OLD, SET, SUBTRACT, TOPIC, changes, request

LOGGER, CLIENT_METRICS, GROUP = 8, 16, 32
VERSIONS = range(1, 5)


def ask(*resources, synonyms=True):
    return lambda v: dict({"resources": [{"resourceType": kind, "resourceName": name, "configurationKeys": keys}
                                         for kind, name, keys in resources], "includeSynonyms": synonyms},
                          **{"includeDocumentation": False} if v >= 3 else {})


def settle(t):
    """Kafka's broker applies what its controller did a moment later; a topic that is ready came behind it."""
    t.make_topic("settled-%d" % len(t.answers))


OF_TOPICS = ("cleanup.policy", "compression.type", "compression.gzip.level", "delete.retention.ms", "flush.ms",
             "follower.replication.throttled.replicas", "index.interval.bytes", "local.retention.ms", "max.message.bytes",
             "message.timestamp.type", "min.cleanable.dirty.ratio", "min.insync.replicas", "preallocate",
             "remote.storage.enable", "retention.bytes", "retention.ms", "segment.bytes", "segment.jitter.ms", "segment.ms",
             "unclean.leader.election.enable")
OF_BROKERS = ("log.retention.ms", "log.retention.minutes", "log.retention.hours", "log.roll.ms", "log.roll.hours",
              "message.max.bytes", "num.partitions", "log.segment.bytes", "log.flush.interval.ms", "compression.type",
              "auto.create.topics.enable", "broker.rack", "log.cleaner.min.cleanable.ratio", "unknown.one", "log.index.size.max.bytes")


def describe_topics(t):
    """Values, where they come from, and topics that there are not."""
    t.make_topic("dt", retention_ms="1000", cleanup_policy="compact, delete", segment_bytes="2000000", preallocate="TRUE")
    for synonyms in (True, False):
        for key in OF_TOPICS:
            t.each("%s%s" % (key, "" if synonyms else ", value only"), "DescribeConfigs", VERSIONS,
                   ask((TOPIC, "dt", [key]), synonyms=synonyms))
    t.each("unknown", "DescribeConfigs", VERSIONS, ask((TOPIC, "dt", ["nope", "", "log.retention.ms"])))
    t.each("twice", "DescribeConfigs", VERSIONS, ask((TOPIC, "dt", ["retention.ms", "retention.ms"])))
    t.each("topic twice", "DescribeConfigs", VERSIONS, ask(*[(TOPIC, "dt", ["retention.ms"])] * 2))
    t.each("none", "DescribeConfigs", VERSIONS, ask())
    for name in ("", "never", "a b", "x" * 250, ".", "__cluster_metadata", "a\0b"):
        t.each("topic %.9r" % name, "DescribeConfigs", VERSIONS, ask((TOPIC, name, ["retention.ms"])))


def describe_brokers(t):
    """One broker, all brokers, other brokers, before and after changes."""
    for when in ("before", "after"):
        for name in ("1", ""):
            for key in OF_BROKERS:
                t.each("%s: '%s' %s" % (when, name, key), "DescribeConfigs", (1, 4), ask((BROKER, name, [key])))
        t.say(when + ": all of the default", "DescribeConfigs", 4, ask((BROKER, "", None))(4))
        t.say("change of all, " + when, "IncrementalAlterConfigs", 1, request(changes(
            BROKER, "", ("log.retention.ms", "777000000"), ("message.max.bytes", "2222222"), ("unknown.one", "v"))))
        t.say("change of one, " + when, "IncrementalAlterConfigs", 1, request(changes(
            BROKER, "1", ("log.segment.bytes", "1111111"), ("compression.type", "zstd"), ("unknown.one", "w"))))
        settle(t)
    for name in ("7", "x", "01", "+1", " 1", "-1", "9999999999", "1.0"):
        for kind in (BROKER, LOGGER):
            t.each("%d %r" % (kind, name), "DescribeConfigs", (1, 4), ask((kind, name, ["num.partitions"])))
    t.each("no logger's broker", "DescribeConfigs", (1, 4), ask((LOGGER, "", None)))


def alter_others(t):
    """Groups and clients' metrics."""
    def both(label, kind, name, *settings):
        body = request(changes(kind, name, *settings), validate=True)
        t.each(label, "IncrementalAlterConfigs", NEW, body)
        t.each(label, "AlterConfigs", OLD, body)

    for kind, word in ((GROUP, "group"), (CLIENT_METRICS, "metrics")):
        good = {GROUP: ("consumer.session.timeout.ms", "50000"), CLIENT_METRICS: ("interval.ms", "1000")}[kind]
        both(word + ", good", kind, "o", good)
        both(word + ", no name", kind, "", good)
        both(word + ", unknown", kind, "o", ("nope", "1"))
        both(word + ", not a number", kind, "o", (good[0], "x"))
        both(word + ", null", kind, "o", (good[0], None))
        both(word + ", nothing", kind, "o")
        t.each(word, "DescribeConfigs", VERSIONS, ask((kind, "o", None)))
        t.each(word + ", no name", "DescribeConfigs", VERSIONS, ask((kind, "", None)))
        t.say(word + ", set", "IncrementalAlterConfigs", 1, request(changes(kind, "o", good)))
        settle(t)
        t.each(word + " that is set", "DescribeConfigs", VERSIONS, ask((kind, "o", None)))
        t.say(word + ", delete", "IncrementalAlterConfigs", 1, request(changes(kind, "o", (good[0], None, DELETE))))
    for key, values in (("consumer.session.timeout.ms", ("44999", "45000", "60000", "60001", "0", "-1")),
                        ("consumer.heartbeat.interval.ms", ("4999", "5000", "15000", "15001", "0")),
                        ("share.auto.offset.reset", ("earliest", "latest", "never", "by_duration:PT1H", "by_duration:x")),
                        ("share.isolation.level", ("read_committed", "nope")), ("streams.num.standby.replicas", ("2", "3", "-1")),
                        ("share.delivery.count.limit", ("1", "2", "10", "11")),
                        ("share.record.lock.duration.ms", ("14999", "15000", "60000", "60001"))):
        for value in values:
            both("group %s=%s" % (key, value), GROUP, "o", (key, value))
    for key, values in (("interval.ms", ("99", "100", "3600000", "3600001", "")),
                        ("match", ("", "client_id=.*", "client_id", "nope=x", "client_id=[", "client_id=a,client_id=b")),
                        ("metrics", ("*", "", "org.apache.kafka,other"))):
        for value in values:
            both("metrics %s=%s" % (key, value), CLIENT_METRICS, "o", (key, value))


def alter_loggers(t):
    """Levels of diagnostics; the root is what both have."""
    for label, change in (("level", ("root", "ERROR")), ("lower case", ("root", "error")), ("no level", ("root", "LOUD")),
                          ("off", ("root", "OFF")), ("null", ("root", None)), ("unknown", ("never.seen", "INFO")),
                          ("append", ("root", "INFO", APPEND)), ("subtract", ("root", "INFO", SUBTRACT)),
                          ("delete the root", ("root", None, DELETE)), ("delete an unknown one", ("never.seen", None, DELETE)),
                          ("operation", ("root", "INFO", 9))):
        t.each(label, "IncrementalAlterConfigs", NEW, request(changes(LOGGER, "1", change), validate=True))
    for name in ("", "7", "x"):
        t.each("broker %r" % name, "IncrementalAlterConfigs", NEW, request(changes(LOGGER, name, ("root", "INFO")), validate=True))
    t.each("twice", "IncrementalAlterConfigs", NEW, request(*[changes(LOGGER, "1", ("root", "INFO"))] * 2, validate=True))
    t.each("nothing", "IncrementalAlterConfigs", NEW, request(changes(LOGGER, "1"), validate=True))
    t.each("by the old request", "AlterConfigs", OLD, request(changes(LOGGER, "1", ("root", "INFO", SET)), validate=True))
    t.each("by the old request, no broker", "AlterConfigs", OLD, request(changes(LOGGER, "", ("root", "INFO", SET)), validate=True))
    t.say("set", "IncrementalAlterConfigs", 1, request(changes(LOGGER, "1", ("root", "FATAL"))))
    t.say("that was set", "DescribeConfigs", 4, ask((LOGGER, "1", ["root"]))(4))


def list_resources(t):
    """What has settings."""
    t.make_topic("lr", retention_ms="1")
    t.say("a group", "IncrementalAlterConfigs", 1, request(changes(GROUP, "lr", ("consumer.session.timeout.ms", "50000"))))
    t.say("metrics", "IncrementalAlterConfigs", 1, request(changes(CLIENT_METRICS, "lr", ("interval.ms", "1000"))))
    settle(t)
    t.say("version 0", "ListConfigResources", 0, {})
    for types in ([GROUP], [CLIENT_METRICS], [LOGGER], [BROKER], [GROUP, CLIENT_METRICS], [BROKER, LOGGER], [BROKER, BROKER],
                  [1], [TOPIC, 1], [99], [-1], [0], [3]):
        t.say("types %s" % types, "ListConfigResources", 1, {"resourceTypes": types})


SCENES = [describe_topics, describe_brokers, alter_others, alter_loggers, list_resources]
