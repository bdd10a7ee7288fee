"""Raw comparison: topics made, deleted, grown; settings; what brokers tell of themselves."""

from talk import ZERO_UUID

CREATE, DELETE, GROW = range(2, 8), range(1, 7), range(0, 4)
UNKNOWN_ID = "AAAAAAAAAAAAAAAAAAAB9w"
TIMEOUT_MS = 20000


def new(name, partitions=1, factor=1, assignments=(), **configs):
    return {"name": name, "numPartitions": partitions, "replicationFactor": factor,
            "assignments": [{"partitionIndex": p, "brokerIds": ids} for p, ids in assignments],
            "configs": [{"name": k.replace("_", "."), "value": v} for k, v in configs.items()]}


def create(*topics, validate=False):
    return {"topics": list(topics), "timeoutMs": TIMEOUT_MS, "validateOnly": validate}


def create_topics(t):
    """Names, counts and assignments."""
    t.make_topic("old")
    t.make_topic("dotted.name")
    t.each("new", "CreateTopics", CREATE, lambda v: create(new("made-v%d" % v, 2)))
    t.each("there already", "CreateTopics", CREATE, create(new("old")))
    t.each("nothing", "CreateTopics", CREATE, create())
    t.each("defaults", "CreateTopics", CREATE, lambda v: create(new("defaults-v%d" % v, -1, -1)))
    t.each("validate only", "CreateTopics", CREATE, create(new("not-made", 3), validate=True))
    t.each("validate only, there already", "CreateTopics", CREATE, create(new("old"), validate=True))
    for label, name in (("empty", ""), ("dot", "."), ("dots", ".."), ("long", "x" * 250), ("space", "a b"),
                        ("slash", "a/b"), ("umlaut", "ä"), ("collision", "dotted_name"), ("just fits", "y" * 249),
                        ("dot at front", ".hidden"), ("metadata log", "__cluster_metadata"), ("nul", "a\0b")):
        t.each("name " + label, "CreateTopics", (2, 7), lambda v, n=name: create(new(n), validate=True))
    for parts, factor in ((0, 1), (-2, 1), (1, 0), (1, -2), (1, 2), (0, 0), (-1, 2), (3, -1), (10001, 1), (1, 32767),
                          (5000, 1), (2147483647, 1), (-2147483648, 1), (1, -32768)):
        t.each("%d partitions %d times" % (parts, factor), "CreateTopics", (2, 7),
               create(new("counts", parts, factor), validate=True))
    t.say("two too many", "CreateTopics", 7, create(new("half-1", 6000), new("half-2", 6000), validate=True))
    t.say("one of two is too many", "CreateTopics", 7, create(new("all-1", 20000), new("all-2", 1), validate=True))
    t.each("duplicate names", "CreateTopics", (2, 7), create(new("twin"), new("twin"), new("single"), validate=True))
    t.say("three alike", "CreateTopics", 7, create(new("twin"), new("twin"), new("twin"), new("old"), new("old")))
    t.say("collision in one request", "CreateTopics", 7, create(new("in.one"), new("in_one"), validate=True))
    t.say("all kinds of wrong", "CreateTopics", 7, create(new("w1", 0), new("w 2"), new("old"), new("w3", 1, 9), new("w4"),
                                                          new("__cluster_metadata"), validate=True))
    t.say("partly made", "CreateTopics", 7, create(new("partly-good"), new("partly bad")))
    t.say("none of the bad is there", "Metadata", 12, {"topics": [
        {"topicId": ZERO_UUID, "name": n} for n in ("not-made", "counts", "single", "partly-good", "w4")],
        "allowAutoTopicCreation": False})


def create_assigned(t):
    """Manual assignments."""
    for label, topic in (
            ("good", new("hand", -1, -1, [(0, [1]), (1, [1])])),
            ("out of order", new("hand", -1, -1, [(1, [1]), (0, [1])])),
            ("unknown broker", new("hand", -1, -1, [(0, [7])])),
            ("negative broker", new("hand", -1, -1, [(0, [-1])])),
            ("broker twice", new("hand", -1, -1, [(0, [1, 1])])),
            ("two unknown", new("hand", -1, -1, [(0, [9, 8])])),
            ("known and unknown", new("hand", -1, -1, [(0, [1, 2])])),
            ("no broker", new("hand", -1, -1, [(0, [])])),
            ("hole", new("hand", -1, -1, [(0, [1]), (2, [1])])),
            ("begins at 1", new("hand", -1, -1, [(1, [1])])),
            ("negative partition", new("hand", -1, -1, [(-1, [1])])),
            ("partition twice", new("hand", -1, -1, [(0, [1]), (0, [1])])),
            ("lengths differ", new("hand", -1, -1, [(0, [1]), (1, [1, 1])])),
            ("lengths differ, empty", new("hand", -1, -1, [(0, [1]), (1, [])])),
            ("with a count", new("hand", 1, -1, [(0, [1])])),
            ("with a factor", new("hand", -1, 1, [(0, [1])])),
            ("with both", new("hand", 1, 1, [(0, [1])])),
            ("and a bad setting", new("hand", -1, -1, [(0, [7])], retention_ms="x"))):
        t.each(label, "CreateTopics", (2, 4, 7), create(topic, validate=True))
    t.say("made", "CreateTopics", 7, create(new("by-hand", -1, -1, [(1, [1]), (0, [1])])))


GOOD_SETTINGS = (
    ("retention_ms", "1000"), ("retention_ms", "-1"), ("retention_ms", " 5 "), ("cleanup_policy", "compact"),
    ("cleanup_policy", "delete,compact"), ("cleanup_policy", "compact , delete"), ("compression_type", "zstd"),
    ("compression_type", "uncompressed"), ("segment_bytes", "1048576"), ("preallocate", "TRUE"), ("preallocate", "false"),
    ("min_insync_replicas", "3"), ("max_message_bytes", "0"), ("message_timestamp_type", "LogAppendTime"),
    ("min_cleanable_dirty_ratio", "1"), ("compression_gzip_level", "9"), ("compression_zstd_level", "-5"),
    ("leader_replication_throttled_replicas", "*"), ("leader_replication_throttled_replicas", "0:1,1:1"),
    ("flush_messages", "1"), ("unclean_leader_election_enable", "true"), ("file_delete_delay_ms", "0"))
BAD_SETTINGS = (
    ("no_such_setting", "1"), ("retention_ms", "x"), ("retention_ms", "-2"), ("retention_ms", ""), ("retention_ms", None),
    ("retention_ms", "9223372036854775808"), ("retention_ms", "1.5"), ("cleanup_policy", "remove"), ("cleanup_policy", ""),
    ("cleanup_policy", "delete,delete"), ("cleanup_policy", "delete,,compact"), ("cleanup_policy", None),
    ("compression_type", "brotli"), ("compression_type", ""), ("compression_type", "GZIP"), ("segment_bytes", "13"),
    ("segment_bytes", "2147483648"), ("segment_bytes", "1000000"), ("segment_ms", "0"), ("preallocate", "yes"),
    ("preallocate", ""), ("min_insync_replicas", "0"), ("max_message_bytes", "-1"), ("message_timestamp_type", "Now"),
    ("min_cleanable_dirty_ratio", "1.5"), ("min_cleanable_dirty_ratio", "-0.1"), ("min_cleanable_dirty_ratio", "half"),
    ("min_cleanable_dirty_ratio", "NaN"), ("compression_gzip_level", "10"), ("compression_gzip_level", "0"),
    ("compression_lz4_level", "0"), ("compression_lz4_level", "18"), ("compression_zstd_level", "23"),
    ("leader_replication_throttled_replicas", "nonsense"), ("follower_replication_throttled_replicas", "0:"),
    ("flush_messages", "0"), ("flush_ms", "-1"), ("delete_retention_ms", "-1"), ("max_compaction_lag_ms", "0"),
    ("index_interval_bytes", "-1"), ("segment_index_bytes", "3"), ("segment_jitter_ms", "-1"),
    ("remote_storage_enable", "true"), ("local_retention_ms", "-3"), ("message_format_version", "3.0"),
    ("message_downconversion_enable", "false"), ("message_timestamp_difference_max_ms", "1"),
    ("message_timestamp_before_max_ms", "-1"), ("unclean_leader_election_enable", "maybe"),
    ("retention_ms ", "1"), ("RETENTION_MS", "1"), ("_", "1"), ("retention_bytes", "-2"), ("num_partitions", "3"))


def create_configured(t):
    """Settings of new topics."""
    t.each("described", "CreateTopics", CREATE, lambda v: create(new("described-v%d" % v, retention_ms="777")))
    for name, value in GOOD_SETTINGS + BAD_SETTINGS:
        t.say("%s=%r" % (name, value), "CreateTopics", 7, create(new("set", **{name: value}), validate=True))
    t.say("no name", "CreateTopics", 7, create(dict(new("set"), configs=[{"name": "", "value": "1"}]), validate=True))
    t.say("two values", "CreateTopics", 7, create(dict(new("set"), configs=[
        {"name": "retention.ms", "value": "1"}, {"name": "retention.ms", "value": "2"}]), validate=True))
    t.say("lags cross", "CreateTopics", 7, create(new("set", min_compaction_lag_ms="10", max_compaction_lag_ms="5"),
                                                  validate=True))
    t.say("local above all", "CreateTopics", 7, create(new("set", retention_ms="10", local_retention_ms="20"),
                                                       validate=True))
    t.say("local bytes above all", "CreateTopics", 7, create(new("set", retention_bytes="10", local_retention_bytes="20"),
                                                             validate=True))
    t.say("nulls and bad", "CreateTopics", 7, create(new("set", retention_ms=None, segment_ms=None, preallocate="x"),
                                                     validate=True))
    t.say("bad and unknown", "CreateTopics", 7, create(new("set", preallocate="x", nope="1"), validate=True))
    t.say("too long", "CreateTopics", 7, create(
        new("set", leader_replication_throttled_replicas="0:1," * 8000 + "1:1"), validate=True))
    t.say("bad setting and bad count", "CreateTopics", 7, create(new("set", 0, preallocate="x"), validate=True))
    t.say("bad setting and bad name", "CreateTopics", 7, create(new("s t", preallocate="x"), validate=True))


def delete_topics(t):
    def by_name(*names):
        return {"topicNames": list(names), "topics": [{"name": n, "topicId": ZERO_UUID} for n in names],
                "timeoutMs": TIMEOUT_MS}

    def by_id(*topics):
        return {"topics": [{"name": n, "topicId": i} for n, i in topics], "timeoutMs": TIMEOUT_MS}

    for v in DELETE:
        t.make_topic("gone-v%d" % v)
    ids = [t.make_topic("by-id-%d" % i) for i in range(4)]
    t.each("by name", "DeleteTopics", DELETE, lambda v: by_name("gone-v%d" % v))
    t.each("again", "DeleteTopics", DELETE, lambda v: by_name("gone-v%d" % v))
    t.each("nothing", "DeleteTopics", DELETE, by_name())
    t.each("unknown", "DeleteTopics", DELETE, by_name("never"))
    t.each("bad names", "DeleteTopics", DELETE, by_name("", "a b", "x" * 300))
    t.each("unknown twice", "DeleteTopics", DELETE, by_name("never", "never"))
    t.each("twice", "DeleteTopics", DELETE, by_name("by-id-3", "by-id-3"))
    t.each("metadata log", "DeleteTopics", (1, 6), by_name("__cluster_metadata"))
    t.say("by id", "DeleteTopics", 6, by_id((None, ids[0])))
    t.say("by id again", "DeleteTopics", 6, by_id((None, ids[0])))
    t.say("unknown id", "DeleteTopics", 6, by_id((None, UNKNOWN_ID)))
    t.say("unknown id twice", "DeleteTopics", 6, by_id((None, UNKNOWN_ID), (None, UNKNOWN_ID)))
    t.say("both", "DeleteTopics", 6, by_id(("by-id-1", ids[1])))
    t.say("neither", "DeleteTopics", 6, by_id((None, ZERO_UUID)))
    t.say("neither, twice", "DeleteTopics", 6, by_id((None, ZERO_UUID), (None, ZERO_UUID)))
    t.say("id twice", "DeleteTopics", 6, by_id((None, ids[1]), (None, ids[1])))
    t.say("name and id of one", "DeleteTopics", 6, by_id(("by-id-1", ZERO_UUID), (None, ids[1])))
    t.say("both and again by id", "DeleteTopics", 6, by_id(("by-id-3", ids[3]), (None, ids[3])))
    t.say("some good", "DeleteTopics", 6, by_id((None, ids[2]), ("never", ZERO_UUID), (None, UNKNOWN_ID)))
    t.settle()
    t.say("what is left", "Metadata", 12, {"topics": [
        {"topicId": ZERO_UUID, "name": "by-id-%d" % i} for i in range(4)], "allowAutoTopicCreation": False})


def create_partitions(t):
    def grow(*topics, validate=False):
        return {"topics": list(topics), "timeoutMs": TIMEOUT_MS, "validateOnly": validate}

    def to(name, count, assignments=None):
        return {"name": name, "count": count,
                "assignments": None if assignments is None else [{"brokerIds": b} for b in assignments]}

    t.make_topic("two", 2)
    t.make_topic("grows", 1)
    t.each("grow", "CreatePartitions", GROW, lambda v: grow(to("grows", v + 2)))
    t.each("same", "CreatePartitions", GROW, grow(to("two", 2)))
    t.each("fewer", "CreatePartitions", GROW, grow(to("two", 1)))
    t.each("unknown", "CreatePartitions", GROW, grow(to("never", 3)))
    t.each("nothing", "CreatePartitions", GROW, grow())
    for label, topic in (
            ("none", to("two", 0)), ("negative", to("two", -1)), ("too many", to("two", 10003)),
            ("10000 more", to("two", 10002)), ("most", to("two", 2147483647)), ("bad name", to("a b", 3)), ("no name", to("", 3)),
            ("unknown, none", to("never", 0)), ("metadata log", to("__cluster_metadata", 3)),
            ("assigned", to("two", 3, [[1]])), ("assigned two", to("two", 4, [[1], [1]])),
            ("too few assigned", to("two", 4, [[1]])), ("too many assigned", to("two", 3, [[1], [1]])),
            ("empty assignments", to("two", 3, [])), ("unknown broker", to("two", 3, [[7]])),
            ("no broker", to("two", 3, [[]])), ("wrong factor", to("two", 3, [[1, 7]])),
            ("broker twice", to("two", 3, [[1, 1]])), ("assigned, same", to("two", 2, [])),
            ("assigned, fewer", to("two", 1, [[1]])), ("factors differ", to("two", 4, [[1], []]))):
        t.each(label, "CreatePartitions", (0, 3), grow(topic, validate=True))
    t.say("twice", "CreatePartitions", 3, grow(to("two", 3), to("two", 4), to("grows", 9), validate=True))
    t.say("twice the same", "CreatePartitions", 3, grow(to("two", 3), to("two", 3), validate=True))
    t.say("good and bad", "CreatePartitions", 3, grow(to("two", 3), to("never", 4), to("grows", 1)))
    t.say("what is there", "Metadata", 12, {"topics": [{"topicId": ZERO_UUID, "name": n} for n in ("two", "grows")],
                                            "allowAutoTopicCreation": False})


def metadata(t):
    def of(*names, auto=False, **more):
        return dict({"topics": [{"name": n, "topicId": ZERO_UUID} for n in names], "allowAutoTopicCreation": auto}, **more)

    def plain(answer):
        return dict(answer, topics=[x for x in answer["topics"] if x["name"].startswith("md-")])

    t.make_topic("md-one", 3)
    t.make_topic("md-two")
    every = range(0, 14)
    t.each("one", "Metadata", every, of("md-one"))
    t.each("two", "Metadata", every, of("md-two", "md-one"))
    t.each("all", "Metadata", every, lambda v: {"topics": None if v else [], "allowAutoTopicCreation": False}, plain)
    t.each("none", "Metadata", range(1, 14), of())
    t.each("unknown", "Metadata", range(4, 14), of("md-never"))
    t.each("one twice", "Metadata", every, of("md-two", "md-two"))
    t.each("unknown twice", "Metadata", (4, 9, 13), of("md-never", "md-never"))
    for label, name in (("empty", ""), ("dot", "."), ("space", "a b"), ("long", "x" * 250)):
        t.each("bad name, " + label, "Metadata", (0, 3, 4, 9, 12, 13), of(name, auto=True))
        t.each("bad name, not made, " + label, "Metadata", (4, 9, 13), of(name))
    t.each("allowed operations", "Metadata", range(8, 11), of("md-one", includeClusterAuthorizedOperations=True,
                                                              includeTopicAuthorizedOperations=True))
    t.each("allowed operations", "Metadata", range(11, 14), of("md-one", includeTopicAuthorizedOperations=True))
    t.each("allowed operations of an unknown one", "Metadata", (8, 13), of("md-never", includeTopicAuthorizedOperations=True))
    for label, topics in (
            ("by id", [{"topicId": t.ids["md-one"], "name": None}]),
            ("id and name", [{"topicId": t.ids["md-one"], "name": "md-one"}]),
            ("id and other name", [{"topicId": t.ids["md-one"], "name": "md-two"}]),
            ("unknown id", [{"topicId": UNKNOWN_ID, "name": None}]),
            ("unknown id twice", [{"topicId": UNKNOWN_ID, "name": None}] * 2),
            ("unknown id, known name", [{"topicId": UNKNOWN_ID, "name": "md-one"}]),
            ("neither", [{"topicId": ZERO_UUID, "name": None}]),
            ("id and a name", [{"topicId": t.ids["md-one"], "name": None}, {"topicId": ZERO_UUID, "name": "md-two"}]),
            ("two ids", [{"topicId": t.ids["md-one"], "name": None}, {"topicId": t.ids["md-two"], "name": None}]),
            ("id twice", [{"topicId": t.ids["md-one"], "name": None}] * 2)):
        t.each(label, "Metadata", (10, 11, 12, 13), {"topics": topics, "allowAutoTopicCreation": False})
    t.each("auto-creation refused", "Metadata", (4, 13), of("md-refused"))
    t.say("metadata log", "Metadata", 12, of("__cluster_metadata"))


def cluster(t):
    kinds = [(v, {"includeClusterAuthorizedOperations": ops, "endpointType": kind, "includeFencedBrokers": fenced})
             for v in range(3) for ops in (False, True) for kind in ((1,) if v == 0 else (0, 1, 2, 3, -1))
             for fenced in ((False, True) if v == 2 else (False,))]
    for v, body in kinds:
        t.say("%(includeClusterAuthorizedOperations)s %(endpointType)d %(includeFencedBrokers)s" % body, "DescribeCluster",
              v, body)


def log_dirs(t):
    def plain(answer):
        return dict(answer, results=[dict(r, topics=[x for x in r["topics"] if x["name"].startswith("ld-")])
                                     for r in answer["results"]])

    t.make_topic("ld-one", 2)
    every = range(1, 6)
    t.each("all", "DescribeLogDirs", every, {"topics": None}, plain)
    t.each("one", "DescribeLogDirs", every, {"topics": [{"topic": "ld-one", "partitions": [0, 1]}]})
    t.each("some", "DescribeLogDirs", every, {"topics": [{"topic": "ld-one", "partitions": [1]}]})
    t.each("no partition", "DescribeLogDirs", every, {"topics": [{"topic": "ld-one", "partitions": []}]})
    t.each("no topic", "DescribeLogDirs", every, {"topics": []})
    t.each("unknown", "DescribeLogDirs", every, {"topics": [{"topic": "never", "partitions": [0]},
                                                            {"topic": "ld-one", "partitions": [9, -1]}]})
    t.each("twice", "DescribeLogDirs", every, {"topics": [{"topic": "ld-one", "partitions": [0, 0]},
                                                          {"topic": "ld-one", "partitions": [0]}]})


def topic_partitions(t):
    for n in ("tp-a", "tp-b", "tp-c"):
        t.make_topic(n, 3)

    def ask(label, names, limit=2000, cursor=None):
        t.say(label, "DescribeTopicPartitions", 0, {
            "topics": [{"name": n} for n in names], "responsePartitionLimit": limit,
            "cursor": cursor and {"topicName": cursor[0], "partitionIndex": cursor[1]}})

    ask("one", ["tp-a"])
    ask("out of order", ["tp-c", "tp-a"])
    ask("twice", ["tp-a", "tp-a"])
    ask("unknown", ["tp-never"])
    ask("unknown among", ["tp-never", "tp-c", "tp-a", "tp-aa"])
    for n in ("", ".", "a b", "x" * 250):
        ask("bad name %.5r" % n, [n, "tp-a"])
    for limit in (0, -1, 1, 2, 3, 4, 9, 2147483647):
        ask("limit %d" % limit, ["tp-a", "tp-b", "tp-c"], limit)
    for cursor in (("tp-a", 0), ("tp-a", 1), ("tp-a", 3), ("tp-a", 9), ("tp-b", 2), ("tp-bb", 0), ("tp-z", 0), ("tp-a", -1),
                   ("", 0), ("tp-c", 3), ("tp-never", 1)):
        ask("cursor %s %d" % cursor, ["tp-a", "tp-b", "tp-c"], 4, cursor)
        ask("only beyond cursor %s %d" % cursor, ["tp-a"], 4, cursor)
    ask("unknown and limit", ["tp-a", "tp-ab", "tp-b"], 3)
    ask("cursor at an unknown one", ["tp-a", "tp-ab", "tp-b"], 3, ("tp-ab", 0))


SCENES = [create_topics, create_assigned, create_configured, delete_topics, create_partitions, metadata, cluster, log_dirs,
          topic_partitions]
