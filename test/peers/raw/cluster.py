"""Raw comparison: elections, reassignments, the quorum, features, brokers that are taken out."""

ELECT, REASSIGN, QUORUM, FEATURES = range(0, 3), range(0, 2), range(0, 3), range(0, 3)
PREFERRED, UNCLEAN = 0, 1
UPGRADE, SAFE, UNSAFE = 1, 2, 3
TIMEOUT_MS = 20000


def elect(kind, *topics):
    """topics: (name, partitions); none: all there are."""
    def body(v):
        b = {"topicPartitions": [{"topic": n, "partitions": list(p)} for n, p in topics] or None, "timeoutMs": TIMEOUT_MS}
        return dict(b, electionType=kind) if v >= 1 else b
    return body


def elections(t):
    """Leaders that lead already, and partitions that there are not."""
    t.make_topic("el", 2)
    for kind, versions in ((PREFERRED, ELECT), (UNCLEAN, (1, 2)), (2, (1, 2)), (-1, (1, 2))):
        say = lambda label, *topics: t.each("type %d, %s" % (kind, label), "ElectLeaders", versions,  # noqa: E731,B023
                                            elect(kind, *topics))  # noqa: B023
        say("one", ("el", [0]))
        say("two", ("el", [0, 1]))
        say("no such partition", ("el", [7]), ("never", [0]))
        say("negative", ("el", [-1]))
        say("no partitions", ("el", []))
        say("no name", ("", [0]))
        say("all")
        say("partition twice", ("el", [0, 0]))
        say("topic twice", ("el", [0]), ("el", [1]))


def move(*topics, change=True):
    """topics: (name, (partition, replicas) ...)"""
    def body(v):
        b = {"timeoutMs": TIMEOUT_MS, "topics": [
            {"name": t[0], "partitions": [{"partitionIndex": p, "replicas": r} for p, r in t[1:]]} for t in topics]}
        return dict(b, allowReplicationFactorChange=change) if v >= 1 else b
    return body


def reassignments(t):
    """To where the partition is, to brokers that there are not, and cancelling what is not."""
    t.make_topic("ra", 2)
    for change in (True, False):
        for label, topics in (
                ("same", [("ra", (0, [1]))]), ("both same", [("ra", (0, [1]), (1, [1]))]), ("unknown", [("ra", (0, [7]))]),
                ("one unknown", [("ra", (0, [1, 7]))]), ("twice", [("ra", (0, [1, 1]))]), ("empty", [("ra", (0, []))]),
                ("negative", [("ra", (0, [-1]))]), ("cancel", [("ra", (0, None))]), ("cancel none", [("ra", (9, None))]),
                ("no partition", [("ra", (9, [1]))]), ("negative partition", [("ra", (-1, [1]))]),
                ("no topic", [("never", (0, [1]))]), ("no topic, cancel", [("never", (0, None))]),
                ("no topic, unknown", [("never", (0, [7]))]), ("no name", [("", (0, [1]))]),
                ("no partitions", [("ra",)]), ("nothing", []), ("good and bad", [("ra", (0, [1]), (1, [7]))]),
                ("partition twice", [("ra", (0, [1]), (0, [7]))]), ("topic twice", [("ra", (0, [1])), ("ra", (1, [1]))])):
            t.each("%s%s" % (label, "" if change else ", same factor"), "AlterPartitionReassignments", REASSIGN,
                   move(*topics, change=change))
    for label, topics in (("all", None), ("none", []), ("one", [("ra", [0])]), ("no such", [("ra", [9]), ("never", [0])]),
                          ("no partitions", [("ra", [])])):
        t.say("list " + label, "ListPartitionReassignments", 0, {"timeoutMs": TIMEOUT_MS, "topics": topics and [
            {"name": n, "partitionIndexes": p} for n, p in topics] if topics is not None else None})


def quorum(t):
    """Who leads the metadata log."""
    def ask(*topics):
        return {"topics": [{"topicName": n, "partitions": [{"partitionIndex": i} for i in p]} for n, p in topics]}

    t.each("metadata", "DescribeQuorum", QUORUM, ask(("__cluster_metadata", [0])))
    for label, topics in (("nothing", []), ("other topic", [("never", [0])]), ("other partition", [("__cluster_metadata", [1])]),
                          ("no partition", [("__cluster_metadata", [])]), ("two", [("__cluster_metadata", [0, 1])]),
                          ("two topics", [("__cluster_metadata", [0]), ("never", [0])])):
        t.each(label, "DescribeQuorum", QUORUM, ask(*topics))


def features(t):
    """Levels of features; nothing is changed."""
    def update(*ups, dry=True):
        """ups: (name, level, type)"""
        def body(v):
            b = {"timeoutMs": TIMEOUT_MS, "featureUpdates": [
                dict({"feature": n, "maxVersionLevel": level}, **({"allowDowngrade": kind != UPGRADE} if v == 0 else
                                                                  {"upgradeType": kind})) for n, level, kind in ups]}
            return dict(b, validateOnly=dry) if v >= 1 else b
        return body

    versions = (1, 2)
    for name, levels in (("metadata.version", (30, 31, 29, 25, 7, 6, 0, -1)), ("group.version", (1, 2, 0, -1)),
                         ("transaction.version", (2, 1, 0, 3)), ("share.version", (1, 0, 2)), ("streams.version", (1, 0)),
                         ("kraft.version", (1, 0, 2)), ("eligible.leader.replicas.version", (1, 0, 2)), ("never.version", (1, 0)),
                         ("", (1,))):
        for level in levels:
            for kind in (UPGRADE, SAFE, UNSAFE):
                t.each("%s=%d type %d" % (name, level, kind), "UpdateFeatures", versions, update((name, level, kind)))
    t.each("type 0", "UpdateFeatures", versions, update(("group.version", 1, 0)))
    t.each("type 9", "UpdateFeatures", versions, update(("group.version", 1, 9)))
    t.each("nothing", "UpdateFeatures", range(0, 3), update())
    t.each("twice", "UpdateFeatures", versions, update(("group.version", 1, UPGRADE), ("group.version", 1, UPGRADE)))
    t.each("good and bad", "UpdateFeatures", versions, update(("group.version", 1, UPGRADE), ("share.version", 9, UPGRADE)))
    t.say("the oldest request", "UpdateFeatures", 0, update(("group.version", 1, UPGRADE), ("share.version", 9, UPGRADE))(0))


def brokers(t):
    """Brokers that are taken out; never the only one."""
    for broker in (7, -1, 2147483647):
        t.say("broker %d" % broker, "UnregisterBroker", 0, {"brokerId": broker})


SCENES = [elections, reassignments, quorum, features, brokers]
