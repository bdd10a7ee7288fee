"""Raw comparison: settings of topics and brokers that are changed, by AlterConfigs and IncrementalAlterConfigs."""

OLD, NEW = range(0, 3), range(0, 2)  # the versions of AlterConfigs, of IncrementalAlterConfigs
SET, DELETE, APPEND, SUBTRACT = range(4)
TOPIC, BROKER, LOGGER, METRICS, GROUP = 2, 4, 8, 16, 32
OTHER_TYPES = (-1, 0, 1, 3, 5, 7, 99)
TOO_LONG = "0:1," * 8191 + "0:1"


def changes(kind, name, *ops):
    """One resource of IncrementalAlterConfigs; ops: (setting, value) or (setting, value, operation)."""
    return {"resourceType": kind, "resourceName": name, "configs": [
        {"name": o[0], "value": o[1], "configOperation": o[2] if len(o) > 2 else SET} for o in ops]}


def request(*resources, validate=False):
    return {"resources": list(resources), "validateOnly": validate}


def both(t, label, kind, name, *settings, validate=True):
    """The same settings by both requests."""
    body = request(changes(kind, name, *settings), validate=validate)
    t.each(label, "IncrementalAlterConfigs", NEW, body)
    t.each(label, "AlterConfigs", OLD, body)


def after(t, label, kind, name, *keys):
    """What is set now, by name of the setting."""
    t.settle()
    t.say(label, "DescribeConfigs", 4, describe((kind, name, list(keys))))


def describe(*resources, synonyms=True, documentation=False):
    """resources: (type, name) or (type, name, settings)"""
    return {"resources": [{"resourceType": r[0], "resourceName": r[1],
                           "configurationKeys": r[2] if len(r) > 2 else None} for r in resources],
            "includeSynonyms": synonyms, "includeDocumentation": documentation}


def steps(t, kind, name, *ops):
    """Changes that build on each other."""
    for i, o in enumerate(ops):
        label = "%d '%s', step %d, %s %s %r" % (kind, name, i, ("set", "delete", "append", "subtract")[o[2]], o[0], o[1])
        t.say(label, "IncrementalAlterConfigs", 1, request(changes(kind, name, o)))


def alter_topics(t):
    """Settings of a topic, one request each and several together."""
    t.make_topic("ac")
    ask = lambda label, *s, **kw: both(t, label, TOPIC, kw.pop("name", "ac"), *s, **kw)  # noqa: E731
    ask("good", ("retention.ms", "1000"), validate=False)
    ask("the same again", ("retention.ms", "1000"), validate=False)
    ask("nothing", validate=False)
    ask("validate only", ("retention.ms", "2000"))
    ask("unknown", ("nope", "1"))
    ask("long unknown", ("y" * 32767, "1"))
    ask("longest value", ("retention.ms", "y" * 32767))
    ask("no name", ("", "1"))
    ask("bad value", ("retention.ms", "x"))
    ask("empty value", ("retention.ms", ""))
    ask("spaces", ("retention.ms", " 5 "))
    ask("null", ("retention.ms", None))
    ask("two nulls", ("segment.ms", None), ("retention.ms", None))
    ask("null of an unknown one", ("nope", None))
    ask("null and bad", ("retention.ms", None), ("preallocate", "x"))
    ask("bad and unknown", ("preallocate", "x"), ("nope", "1"))
    ask("twice", ("retention.ms", "1"), ("retention.ms", "1"))
    ask("twice, and a null", ("retention.ms", "1"), ("retention.ms", None))
    ask("lags cross", ("min.compaction.lag.ms", "10"), ("max.compaction.lag.ms", "5"))
    ask("a setting of brokers", ("num.partitions", "3"))
    ask("tiered", ("remote.storage.enable", "true"))
    ask("too long", ("leader.replication.throttled.replicas", TOO_LONG))
    ask("list", ("cleanup.policy", "compact,delete"))
    ask("list with a bad item", ("cleanup.policy", "compact,remove"))
    ask("list with a double", ("cleanup.policy", "compact,compact"))
    ask("empty list", ("cleanup.policy", ""))
    ask("the cluster's minimum", ("min.insync.replicas", "2"))
    after(t, "what is set", TOPIC, "ac", "retention.ms", "segment.ms", "cleanup.policy")
    for name in ("", "never", "a b", "x" * 250, "y" * 32767, ".", "__cluster_metadata"):
        ask("topic %.9r" % name, ("retention.ms", "1"), name=name)
        ask("topic %.9r, nothing" % name, name=name)
        ask("topic %.9r, bad value" % name, ("retention.ms", "x"), name=name)


def alter_topic_lists(t):
    """APPEND and SUBTRACT, DELETE, and operations that there are not."""
    t.make_topic("ao")
    policy = "cleanup.policy"
    throttled = "leader.replication.throttled.replicas"
    steps(t, TOPIC, "ao",
          (policy, "compact", APPEND), (policy, "compact", APPEND), (policy, "delete", SUBTRACT),
          (policy, "delete", SUBTRACT), (policy, "compact", SUBTRACT), (policy, "delete", APPEND),
          (policy, "remove", APPEND), (policy, "remove", SUBTRACT), (policy, "", APPEND), (policy, "", SUBTRACT),
          (policy, "compact,compact", APPEND), (policy, " compact ", SUBTRACT), (policy, None, APPEND),
          (policy, None, SUBTRACT), (policy, None, DELETE), (policy, "x", DELETE), (policy, None, DELETE),
          (throttled, "0:1", APPEND), (throttled, "1:1,2:1", APPEND), (throttled, "0:1,2:1", SUBTRACT),
          (throttled, "*", APPEND), (throttled, "junk", SUBTRACT), (throttled, "1:1", SUBTRACT),
          ("retention.ms", "1", APPEND), ("retention.ms", "1", SUBTRACT), ("compression.type", "zstd", APPEND),
          ("nope", "1", APPEND), ("nope", "1", SUBTRACT), ("nope", None, DELETE), ("", None, DELETE),
          ("retention.ms", "7", SET), ("retention.ms", "ignored", DELETE), ("retention.ms", None, DELETE),
          ("max.compaction.lag.ms", "5", SET), ("min.compaction.lag.ms", "10", SET),
          ("max.compaction.lag.ms", None, DELETE), ("min.compaction.lag.ms", "10", SET))
    for op in (4, -1, 127, -128):
        t.each("operation %d" % op, "IncrementalAlterConfigs", NEW, request(changes(TOPIC, "ao", (policy, "delete", op))))
    t.say("set and delete", "IncrementalAlterConfigs", 1, request(changes(TOPIC, "ao", (policy, "delete"),
                                                                          (policy, None, DELETE))))
    t.say("twice appended", "IncrementalAlterConfigs", 1, request(changes(TOPIC, "ao", (policy, "delete", APPEND),
                                                                          (policy, "compact", APPEND))))
    t.say("good and bad", "IncrementalAlterConfigs", 1, request(changes(TOPIC, "ao", ("retention.ms", "1"),
                                                                        ("retention.ms.", "1", APPEND))))


def alter_brokers(t):
    """Settings of one broker, and of all."""
    for name in ("1", ""):
        ask = lambda label, *s, **kw: both(t, "'%s', %s" % (name, label), BROKER, name, *s, **kw)  # noqa: E731,B023
        keep = () if name else (("min.insync.replicas", "1"),)  # AlterConfigs may not delete it
        ask("good", ("log.retention.ms", "1000000000"), *keep, validate=False)
        ask("the same again", ("log.retention.ms", "1000000000"), *keep, validate=False)
        after(t, "'%s', what is set" % name, BROKER, "1", "log.retention.ms", "log.retention.hours", "min.insync.replicas")
        ask("nothing")
        ask("validate only", ("log.retention.ms", "5000"), *keep)
        ask("unknown", ("nope", "1"), *keep)
        ask("long unknown", ("y" * 32767, "1"), *keep)
        ask("no name", ("", "1"), *keep)
        ask("null", ("log.retention.ms", None), *keep)
        ask("null of an unknown one", ("nope", None), *keep)
        ask("twice", ("log.retention.ms", "1"), ("log.retention.ms", "2"), *keep)
        ask("too long", ("nope", TOO_LONG), *keep)
        ask("minimum", ("min.insync.replicas", "2"))
        ask("bad minimum", ("min.insync.replicas", "0"))
        for setting, value in (
                ("log.retention.ms", "x"), ("log.retention.ms", ""), ("log.retention.ms", "-2"),
                ("log.retention.hours", "1"), ("log.retention.bytes", "5"), ("log.segment.bytes", "13"),
                ("log.cleanup.policy", "compact"), ("log.cleanup.policy", "remove"), ("log.cleanup.policy", ""),
                ("compression.type", "brotli"), ("compression.type", "zstd"), ("message.max.bytes", "-1"),
                ("num.partitions", "3"), ("node.id", "2"), ("log.dirs", "/x"), ("process.roles", "broker"),
                ("auto.create.topics.enable", "false"), ("listeners", "x"), ("log.cleaner.threads", "2"),
                ("log.cleaner.threads", "0"), ("num.io.threads", "9"), ("num.io.threads", "0"), ("num.io.threads", "100"),
                ("num.io.threads", "1"), ("num.network.threads", "4"), ("num.network.threads", "x"),
                ("background.threads", "11"), ("num.recovery.threads.per.data.dir", "2"), ("max.connections", "-1"),
                ("max.connections", "100000"), ("max.connections.per.ip", "x"), ("max.connections.per.ip.overrides", "junk"),
                ("unclean.leader.election.enable", "true"), ("unclean.leader.election.enable", "maybe"),
                ("log.message.timestamp.type", "Now"), ("leader.replication.throttled.rate", "5"),
                ("leader.replication.throttled.rate", "-1"), ("follower.replication.throttled.rate", "x"),
                ("log.flush.interval.messages", "0"), ("log.preallocate", "yes"), ("remote.log.storage.system.enable", "true")):
            ask("%s=%s" % (setting, value), (setting, value), *keep)
        ask("two fixed", ("num.partitions", "3"), ("node.id", "2"), *keep)
        ask("many fixed", *[(n, "1") for n in ("process.roles", "node.id", "log.dirs", "auto.create.topics.enable",
                                               "socket.send.buffer.bytes", "broker.rack")], *keep)
        ask("fixed and bad", ("log.retention.ms", "x"), ("num.partitions", "3"), *keep)
    for name in ("7", "x", "01", "+1", " 1", "-1", "9999999999", "1.0", "1" * 300, "y" * 32767):
        both(t, "broker %.9r" % name, BROKER, name, ("log.retention.ms", "1"))
        both(t, "broker %.9r, nothing" % name, BROKER, name)


def alter_broker_lists(t):
    """APPEND, SUBTRACT and DELETE on brokers."""
    for name in ("1", ""):
        steps(t, BROKER, name,
              ("log.cleanup.policy", "compact", APPEND), ("log.cleanup.policy", "delete", SUBTRACT),
              ("log.cleanup.policy", "remove", APPEND), ("log.cleanup.policy", "remove", SUBTRACT),
              ("log.cleanup.policy", None, APPEND), ("log.cleanup.policy", None, DELETE),
              ("log.retention.ms", "1", APPEND), ("log.retention.ms", "1", SUBTRACT), ("nope", "1", APPEND),
              ("nope", "1", SUBTRACT), ("nope", None, DELETE), ("num.partitions", None, DELETE),
              ("num.partitions", "1", APPEND), ("listeners", None, DELETE), ("log.dirs", "x", SUBTRACT),
              ("min.insync.replicas", None, DELETE), ("min.insync.replicas", "1", APPEND),
              ("log.retention.ms", None, DELETE), ("log.retention.ms", None, DELETE))
        for op in (4, -1):
            t.say("'%s', operation %d" % (name, op), "IncrementalAlterConfigs", 1, request(changes(BROKER, name, ("log.retention.ms",
                                                                                                    "1", op))))


def alter_lists_below(t):
    """What a list is appended to when it was set one level up."""
    t.make_topic("al")
    t.make_topic("al-set", cleanup_policy="compact")
    up, policy = "log.cleanup.policy", "cleanup.policy"
    for label, kind, name, changed in (("up", BROKER, "", (up, "compact")), ("topic", TOPIC, "al", (policy, "compact", APPEND)),
                                       ("topic that has it", TOPIC, "al-set", (policy, "compact", APPEND)),
                                       ("broker", BROKER, "1", (up, "compact", APPEND))):
        t.say(label, "IncrementalAlterConfigs", 1, request(changes(kind, name, changed)))
        after(t, label + ", what is set", kind, name, changed[0])
    for name in ("1", ""):
        t.say("taken back from '%s'" % name, "IncrementalAlterConfigs", 1, request(changes(BROKER, name, (up, None, DELETE))))


def alter_resources(t):
    """Types that there are not, several resources, the same one twice."""
    t.make_topic("ar-1")
    t.make_topic("ar-2")
    good = ("retention.ms", "1000")

    def ask(label, *resources, validate=False):
        body = request(*resources, validate=validate)
        t.each(label, "IncrementalAlterConfigs", NEW, body)
        if validate or not label.endswith(("twice", "times", "others")):
            t.each(label, "AlterConfigs", OLD, body)

    ask("no resource")
    for kind in OTHER_TYPES:
        ask("type %d" % kind, changes(kind, "ar-1", good))
        ask("type %d, nothing" % kind, changes(kind, "ar-1"))
        ask("type %d, null" % kind, changes(kind, "", ("x", None)))
    after(t, "before", TOPIC, "ar-1", "retention.ms")
    ask("two topics", changes(TOPIC, "ar-1", good), changes(TOPIC, "ar-2", good))
    ask("a topic and a broker", changes(TOPIC, "ar-1", good), changes(BROKER, "1", ("log.retention.ms", "1000000000")))
    ask("good and bad", changes(TOPIC, "ar-1", good), changes(TOPIC, "ar-2", ("retention.ms", "x")))
    ask("good and unknown", changes(TOPIC, "ar-1", good), changes(TOPIC, "never", good), changes(BROKER, "7"))
    t.say("twice", "AlterConfigs", 2, request(*[changes(TOPIC, "ar-1", good)] * 2))
    ask("a topic twice", *[changes(TOPIC, "ar-1", good)] * 2)
    ask("three times", *[changes(TOPIC, "ar-1", good)] * 3)
    ask("one twice among others", changes(TOPIC, "ar-1", good), changes(TOPIC, "ar-2", good), changes(TOPIC, "ar-1"))
    ask("bad ones twice", changes(TOPIC, "never"), changes(TOPIC, "never"))
    ask("unknown type twice", changes(0, "x"), changes(0, "x"))
    ask("one name, two types", changes(TOPIC, "1"), changes(BROKER, "1"), validate=True)
    ask("brokers twice", changes(BROKER, "1"), changes(BROKER, "01"), validate=True)


SCENES = [alter_topics, alter_topic_lists, alter_brokers, alter_broker_lists, alter_lists_below, alter_resources]
