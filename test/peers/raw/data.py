"""Raw comparison: records in, records out, offsets, epochs, producers."""

import gzip

from batch import CONTROL, TIME_MS, TRANSACTIONAL, batch, change, old_message, record
from talk import ZERO_UUID

PRODUCE, FETCH, OFFSETS, EPOCHS = range(3, 14), range(4, 19), range(1, 12), range(2, 5)
UNKNOWN_ID = "AAAAAAAAAAAAAAAAAAAB9w"
TIMEOUT_MS = 20000
MAX_INT, MAX_LONG = 2**31 - 1, 2**63 - 1


def gzipped(raw):
    return gzip.compress(raw, mtime=0)


def produce(t, topics, acks=-1, transactional=None):
    """topics: (name, [(partition, records)])"""
    return {"transactionalId": transactional, "acks": acks, "timeoutMs": TIMEOUT_MS, "topicData": [
        {"name": n, "topicId": t.ids.get(n, UNKNOWN_ID),
         "partitionData": [{"index": p, "records": r} for p, r in parts]} for n, parts in topics]}


def produce_places(t):
    """Where records go, and how many acknowledge."""
    t.make_topic("pl", 2)
    t.make_topic("pl-time", message_timestamp_type="LogAppendTime")
    one = batch()
    t.each("good", "Produce", PRODUCE, produce(t, [("pl", [(0, one)])]))
    t.each("two partitions", "Produce", (3, 9, 13), produce(t, [("pl", [(0, one), (1, one)])]))
    t.each("acks 1", "Produce", (3, 9, 13), produce(t, [("pl", [(0, one)])], 1))
    t.each("acks 2", "Produce", PRODUCE, produce(t, [("pl", [(0, one)])], 2))
    t.each("acks -2", "Produce", (3, 13), produce(t, [("pl", [(0, one)])], -2))
    for v in (3, 9, 13):
        t.silent("acks 0", "Produce", v, produce(t, [("pl", [(0, one)])], 0))
        t.silent("acks 0, unknown", "Produce", v, produce(t, [("pl-never", [(0, one)])], 0))
        t.silent("acks 0, bad", "Produce", v, produce(t, [("pl", [(0, change(one, crc=1))])], 0))
    t.each("unknown topic", "Produce", PRODUCE, produce(t, [("pl-never", [(0, one)])]))
    t.each("no such partition", "Produce", PRODUCE, produce(t, [("pl", [(2, one), (-1, one), (MAX_INT, one)])]))
    t.each("bad name", "Produce", (3, 9, 12), produce(t, [("a b", [(0, one)]), ("", [(0, one)])]))
    t.each("nothing", "Produce", PRODUCE, produce(t, []))
    t.each("no partition", "Produce", (3, 9, 13), produce(t, [("pl", [])]))
    t.each("no partition of an unknown topic", "Produce", (3, 9, 13), produce(t, [("pl-never", [])]))
    t.each("good and bad", "Produce", (3, 9, 13), produce(t, [("pl", [(0, one), (7, one)]), ("pl-never", [(0, one)])]))
    t.each("partition twice", "Produce", (3, 9, 13), produce(t, [("pl", [(1, one), (1, one)])]))
    t.each("topic twice", "Produce", (3, 9, 13), produce(t, [("pl", [(1, one)]), ("pl", [(1, one)])]))
    t.each("append time", "Produce", PRODUCE, produce(t, [("pl-time", [(0, one)])]))
    t.say("zero id", "Produce", 13, {"acks": -1, "timeoutMs": 1, "topicData": [
        {"topicId": ZERO_UUID, "partitionData": [{"index": 0, "records": one}]}]})
    for acks in (1, -1):
        body = dict(produce(t, [("pl", [(0, one)])], acks), timeoutMs=0)
        t.each("no time, acks %d" % acks, "Produce", (3, 13), body)
    t.each("metadata log", "Produce", (3, 9, 12), produce(t, [("__cluster_metadata", [(0, one)])]))


def produce_batches(t):
    """What a batch may look like."""
    t.make_topic("ba")
    t.make_topic("ba-compact", cleanup_policy="compact")
    t.make_topic("ba-small", max_message_bytes="200")
    t.make_topic("ba-times", message_timestamp_before_max_ms="3600000")
    one, two = batch(), batch([(b"a", b"1"), (b"b", None)])
    bad_record = record(b"k", b"v")[:-1]
    cases = (
        ("empty", b""), ("one byte", b"\0"), ("header only", one[:61]), ("cut short", one[:-1]),
        ("trailing byte", one + b"\0"), ("trailing zeros", one + b"\0" * 64), ("two batches", one + two),
        ("two records", two), ("wrong crc", change(one, crc=1)), ("magic 0", old_message(0)), ("magic 1", old_message(1)),
        ("magic 1, gzip", old_message(1, attributes=1)), ("magic 3", change(one, magic=3)),
        ("magic -1", change(one, magic=-1)), ("length 0", change(one, length=0)), ("length 48", change(one, length=48)),
        ("length -1", change(one, length=-1)), ("length too large", change(one, length=MAX_INT)),
        ("no records", batch([], times=[TIME_MS], last_delta=0)), ("no records, delta -1", batch([], times=[TIME_MS])),
        ("count 2 of 1", batch(count=2, last_delta=1)), ("count 2 of 1, delta 0", batch(count=2)),
        ("count 1 of 2", batch([(b"a", b"1"), (b"b", b"2")], count=1)), ("count -1", batch(count=-1)),
        ("count 0 of 1", batch(count=0)), ("last delta 5", batch(last_delta=5)), ("last delta -1", batch(last_delta=-1)),
        ("base offset 77", batch(base_offset=77)), ("base offset -5", batch(base_offset=-5)),
        ("leader epoch 9", batch(epoch=9)), ("max time 0", batch(max_time=0)), ("base time -1", batch(times=[-1])),
        ("far future", batch(times=[4_000_000_000_000])), ("time 0", batch(times=[0])),
        ("times backward", batch([(b"a", b"1"), (b"b", b"2")], times=[TIME_MS, TIME_MS - 1000])),
        ("attribute append time", batch(attributes=8)), ("attribute unused", batch(attributes=0x40)),
        ("delete horizon", batch(attributes=0x40)), ("codec 5", batch(attributes=5)), ("codec 7", batch(attributes=7)),
        ("gzip", batch(attributes=1, codec=gzipped)), ("gzip of garbage", batch(attributes=1)),
        ("snappy of garbage", batch(attributes=2)), ("lz4 of garbage", batch(attributes=3)),
        ("zstd of garbage", batch(attributes=4)), ("gzip, count 2 of 1", batch(attributes=1, codec=gzipped, count=2,
                                                                             last_delta=1)),
        ("gzip, cut record", batch(attributes=1, codec=gzipped, body=bad_record)),
        ("gzip, null key and value", batch([(None, None)], attributes=1, codec=gzipped)),
        ("null key and value", batch([(None, None)])), ("cut record", batch(body=bad_record)),
        ("record and more", batch(body=record(b"k", b"v") + b"\0\0")),
        ("record attributes", batch(body=b"\x10\x05" + record(b"k", b"v")[2:])),
        ("headers", batch(body=record(b"k", b"v", headers=[(b"h", b"1"), (b"h", None), (b"", b"")]))),
        ("null header name", batch(body=record(b"k", b"v", headers=[(None, b"1")]))),
        ("header count -1", batch(body=b"\x0e" + record(b"k", b"v")[1:-1] + b"\x01")),
        ("control", batch(attributes=CONTROL)), ("transactional", batch(attributes=TRANSACTIONAL)),
        ("transactional with producer", batch(attributes=TRANSACTIONAL, producer=(1_000_500, 0, 0))),
        ("control with producer", batch(attributes=CONTROL | TRANSACTIONAL, producer=(1_000_501, 0, 0))),
        ("producer without epoch", batch(producer=(1_000_502, -1, -1))), ("producer, sequence -1", batch(producer=(1_000_503, 0, -1))),
        ("producer -2", batch(producer=(-2, 0, 0))), ("no producer, sequence 0", batch(producer=(-1, 0, 0))),
        ("big", batch([(b"k", b"x" * 1_100_000)])))
    for label, raw in cases:
        t.each(label, "Produce", (3, 9, 13), produce(t, [("ba", [(0, raw)])]))
    t.make_topic("ba-gaps")
    for label, codec in (("wrong delta", {}), ("gzip, wrong delta", {"attributes": 1, "codec": gzipped})):
        gap = batch(body=record(b"k", b"v", 3), **codec)
        t.each(label, "Produce", (3, 9, 13), produce(t, [("ba-gaps", [(0, gap)])]))
    t.say("null", "Produce", 9, produce(t, [("ba", [(0, None)])]))  # Kafka is silent: once is enough
    t.each("zstd before v7", "Produce", (3, 6, 7), produce(t, [("ba", [(0, batch(attributes=4))])]))
    for label, raw in (("no key", batch([(None, b"v")])), ("some keys", batch([(b"k", b"v"), (None, b"v"), (b"l", b"w")])),
                       ("key", one), ("gzip, no key", batch([(None, b"v")], attributes=1, codec=gzipped)),
                       ("empty key", batch([(b"", b"v")]))):
        t.each("compacted, " + label, "Produce", (3, 7, 8, 13), produce(t, [("ba-compact", [(0, raw)])]))
    t.each("too large for the topic", "Produce", (3, 13), produce(t, [("ba-small", [(0, batch([(b"k", b"x" * 300)]))])]))
    t.each("too old for the topic", "Produce", (3, 8, 13), produce(t, [("ba-times", [(0, two)])]))
    t.say("what came of it", "Fetch", 11, fetch(t, [("ba", [(0, 0)])], maxBytes=MAX_INT))
    t.say("in the compacted one", "Fetch", 11, fetch(t, [("ba-compact", [(0, 0)])]))


def produce_topics(t):
    """Topics whose settings have a say."""
    t.make_topic("to-plain", compression_type="uncompressed")
    t.make_topic("to-strict", min_insync_replicas="2")
    t.make_topic("to-loose", 1, message_timestamp_after_max_ms="9223372036854775807")
    many = [(b"k%d" % i, b"v" * i) for i in range(5)]
    for label, raw in (("gzip", batch(many, attributes=1, codec=gzipped)), ("plain", batch(many)),
                       ("gzip of a producer", batch(many, attributes=1, codec=gzipped, producer=(3_000_000, 2, 9)))):
        t.each("uncompressed, " + label, "Produce", (3, 13), produce(t, [("to-plain", [(0, raw)])]))
    t.say("uncompressed, as read", "Fetch", 11, fetch(t, [("to-plain", [(0, 0)])]))
    for acks in (1, -1):  # the last one is on disk, and so to be read at once
        t.each("two replicas of one, acks %d" % acks, "Produce", (3, 9, 13), produce(t, [("to-strict", [(0, batch())])], acks))
    t.say("two replicas of one, as read", "Fetch", 11, fetch(t, [("to-strict", [(0, 0)])]))
    t.each("two replicas of one, offsets", "ListOffsets", (1, 7), {"replicaId": -1, "topics": [
        {"name": "to-strict", "partitions": [{"partitionIndex": 0, "timestamp": -1}]}]})
    t.each("any time", "Produce", (3, 13), produce(t, [("to-loose", [(0, batch(times=[4_000_000_000_000]))])]))


def producers(t):
    """Idempotent producers, and what is told of them."""
    t.make_topic("pr", 2)

    def send(label, producer, count=1, partition=0, version=9, **fields):
        raw = batch([(b"k", b"%d" % i) for i in range(count)], producer=producer, **fields)
        t.say(label, "Produce", version, produce(t, [("pr", [(partition, raw)])]))

    for label, producer in (("first", (1_000_000, 0, 0)), ("again", (1_000_000, 0, 0)), ("next", (1_000_000, 0, 1)), ("gap", (1_000_000, 0, 7)),
                            ("old one", (1_000_000, 0, 0)), ("back", (1_000_000, 0, 1)), ("new epoch, sequence 3", (1_000_000, 1, 3)),
                            ("new epoch", (1_000_000, 1, 0)), ("old epoch", (1_000_000, 0, 2)), ("old epoch, sequence 0", (1_000_000, 0, 0)),
                            ("skipped epochs", (1_000_000, 9, 0)), ("unknown, sequence 5", (1_000_001, 3, 5)),
                            ("and on", (1_000_001, 3, 6)), ("wraps", (1_000_002, 0, MAX_INT)), ("wrapped", (1_000_002, 0, 0))):
        send(label, producer)
    for i in range(2, 9):
        send("sequence %d" % i, (1_000_003, 0, i - 2))
    send("one of the last five", (1_000_003, 0, 3))
    send("older than the last five", (1_000_003, 0, 0))
    send("overlaps", (1_000_003, 0, 5), count=3)
    send("several", (1_000_004, 0, 0), count=3)
    send("part of several", (1_000_004, 0, 1))
    send("several again", (1_000_004, 0, 0), count=3)
    send("same start, longer", (1_000_004, 0, 0), count=4)
    send("elsewhere", (1_000_004, 0, 3), partition=1)
    send("two in one request", (1_000_005, 0, 0))
    both = batch(producer=(1_000_006, 0, 0)) + batch(producer=(1_000_006, 0, 1))
    t.each("two batches of a producer", "Produce", (9, 13), produce(t, [("pr", [(0, both)])]))
    t.each("transactional without a transaction", "Produce", (9, 11, 12, 13), produce(
        t, [("pr", [(0, batch(producer=(1_000_007, 0, 0), attributes=TRANSACTIONAL))])], transactional="tx"))
    t.each("transactional id without the bit", "Produce", (9, 13), produce(
        t, [("pr", [(0, batch(producer=(1_000_008, 0, 0)))])], transactional="tx"))

    def ask(label, topics):
        t.say(label, "DescribeProducers", 0, {"topics": [{"name": n, "partitionIndexes": p} for n, p in topics]})

    ask("one", [("pr", [0])])
    ask("two", [("pr", [0, 1])])
    ask("unknown partition", [("pr", [2, -1, MAX_INT])])
    ask("unknown topic", [("pr-never", [0, 1])])
    ask("no partition", [("pr", [])])
    ask("nothing", [])
    ask("twice", [("pr", [1, 1]), ("pr", [1])])
    ask("bad name", [("a b", [0]), ("", [0])])


def producer_ids(t):
    every = range(0, 6)
    t.each("new", "InitProducerId", every, {"transactionalId": None, "transactionTimeoutMs": 60000})
    t.each("no timeout", "InitProducerId", every, {"transactionalId": None, "transactionTimeoutMs": 0})
    t.each("negative timeout", "InitProducerId", every, {"transactionalId": None, "transactionTimeoutMs": -1})
    t.each("long timeout", "InitProducerId", every, {"transactionalId": None, "transactionTimeoutMs": MAX_INT})
    t.each("empty transactional id", "InitProducerId", every, {"transactionalId": "", "transactionTimeoutMs": 60000})
    for pid, epoch in ((5, 3), (5, -1), (-1, 3), (-2, -2), (MAX_LONG, 32767)):
        t.each("known as %d, %d" % (pid, epoch), "InitProducerId", range(3, 6), {
            "transactionalId": None, "transactionTimeoutMs": 60000, "producerId": pid, "producerEpoch": epoch})


def fetch(t, topics, forgotten=(), **more):
    """topics: (name, [(partition, offset, ...fields)])"""
    def part(p, off, **fields):
        return dict({"partition": p, "fetchOffset": off, "partitionMaxBytes": 1 << 20}, **fields)

    return dict({"replicaId": -1, "maxWaitMs": 0, "minBytes": 0, "maxBytes": 1 << 20,
                 "topics": [{"topic": n, "topicId": t.ids.get(n, UNKNOWN_ID), "partitions": [
                     part(*p[:2], **(p[2] if len(p) > 2 else {})) for p in parts]} for n, parts in topics],
                 "forgottenTopicsData": [{"topic": n, "topicId": t.ids.get(n, UNKNOWN_ID), "partitions": p}
                                         for n, p in forgotten]}, **more)


def some_log(t, name, partitions=1, batches=3):
    t.make_topic(name, partitions)
    for p in range(partitions):
        for i in range(batches):
            t.produce(name, batch([(b"k%d" % i, b"v" * 10), (b"l", b"w")], times=[TIME_MS + i, TIME_MS + i]), p)


def fetches(t):
    some_log(t, "fe", 2)
    t.make_topic("fe-empty")
    every = FETCH
    t.each("all", "Fetch", every, fetch(t, [("fe", [(0, 0)])]))
    t.each("two partitions", "Fetch", every, fetch(t, [("fe", [(0, 0), (1, 2)])]))
    t.each("in a batch", "Fetch", (4, 12, 18), fetch(t, [("fe", [(0, 3)])]))
    for label, off in (("end", 6), ("beyond", 7), ("far beyond", MAX_LONG), ("negative", -1), ("very negative", -MAX_LONG)):
        t.each("at " + label, "Fetch", every, fetch(t, [("fe", [(0, off)])]))
    t.each("empty", "Fetch", every, fetch(t, [("fe-empty", [(0, 0)])]))
    t.each("unknown topic", "Fetch", every, fetch(t, [("fe-never", [(0, 0)])]))
    t.each("unknown partition", "Fetch", every, fetch(t, [("fe", [(2, 0), (-1, 0)])]))
    t.each("good and unknown", "Fetch", every, fetch(t, [("fe", [(0, 4)]), ("fe-never", [(0, 0)])]))
    t.each("nothing", "Fetch", every, fetch(t, []))
    t.each("no partition", "Fetch", (4, 12, 18), fetch(t, [("fe", [])]))
    t.each("partition twice", "Fetch", (4, 12, 18), fetch(t, [("fe", [(0, 4), (0, 4)])]))
    t.say("zero id", "Fetch", 13, dict(fetch(t, []), topics=[{"topicId": ZERO_UUID, "partitions": [
        {"partition": 0, "fetchOffset": 0, "partitionMaxBytes": 100}]}]))
    for n in (0, 1, 90, 100, 200, -1, MAX_INT):
        t.each("max bytes %d" % n, "Fetch", (4, 12, 18), fetch(t, [("fe", [(0, 0), (1, 0)])], maxBytes=n))
        t.each("partition max bytes %d" % n, "Fetch", (4, 12, 18), fetch(t, [
            ("fe", [(0, 0, {"partitionMaxBytes": n}), (1, 0, {"partitionMaxBytes": n})])]))
    t.each("waits for more", "Fetch", (4, 12, 18), fetch(t, [("fe", [(0, 6)])], maxWaitMs=100, minBytes=1))
    t.each("has enough", "Fetch", (4, 12, 18), fetch(t, [("fe", [(0, 0)])], maxWaitMs=100, minBytes=1 << 20))
    t.each("negative wait", "Fetch", (4, 18), fetch(t, [("fe", [(0, 6)])], maxWaitMs=-1, minBytes=1))
    t.each("negative min", "Fetch", (4, 18), fetch(t, [("fe", [(0, 6)])], minBytes=-1))
    for level in (1, 2, -1):
        t.each("isolation %d" % level, "Fetch", (4, 12, 18), fetch(t, [("fe", [(0, 0)]), ("fe-empty", [(0, 0)])],
                                                                   isolationLevel=level))
    t.each("cluster id", "Fetch", (12, 18), dict(fetch(t, [("fe", [(0, 4)])]), clusterId="other"))
    t.each("rack", "Fetch", (11, 18), fetch(t, [("fe", [(0, 4)])], rackId="somewhere"))
    t.each("metadata log", "Fetch", (4, 12), fetch(t, [("__cluster_metadata", [(0, 0)])]))
    for r in (1, 5, -2, -3):
        t.each("replica %d" % r, "Fetch", (4, 12, 14), fetch(t, [("fe", [(0, 4)])], replicaId=r))
        t.each("replica state %d" % r, "Fetch", (15, 18), dict(fetch(t, [("fe", [(0, 4)])]),
                                                               replicaState={"replicaId": r, "replicaEpoch": 1}))


def fetch_epochs(t):
    some_log(t, "ep")
    for epoch in (-1, 0, 1, -2, MAX_INT):
        t.each("current epoch %d" % epoch, "Fetch", (9, 12, 18), fetch(t, [("ep", [(0, 4, {"currentLeaderEpoch": epoch})])]))
        t.each("last fetched epoch %d" % epoch, "Fetch", (12, 13, 18), fetch(t, [("ep", [(0, 4, {"lastFetchedEpoch": epoch})])]))
        t.each("both epochs %d" % epoch, "Fetch", (12, 18), fetch(t, [
            ("ep", [(0, 4, {"lastFetchedEpoch": epoch, "currentLeaderEpoch": epoch})])]))
    t.each("fetched beyond the end", "Fetch", (12, 18), fetch(t, [("ep", [(0, 9, {"lastFetchedEpoch": 0})])]))
    t.each("log start offset", "Fetch", (5, 18), fetch(t, [("ep", [(0, 4, {"logStartOffset": 7})])]))
    for epoch in (-2, -1, 0, 1, 5, MAX_INT):
        t.each("end of %d" % epoch, "OffsetForLeaderEpoch", EPOCHS, epochs("ep", 0, epoch))
        t.each("end of 0 for current %d" % epoch, "OffsetForLeaderEpoch", EPOCHS, epochs("ep", 0, 0, epoch))
    t.each("of unknown", "OffsetForLeaderEpoch", EPOCHS, epochs("ep-never", 0, 0))
    t.each("of unknown partition", "OffsetForLeaderEpoch", EPOCHS, epochs("ep", 1, 0))
    t.each("of negative partition", "OffsetForLeaderEpoch", EPOCHS, epochs("ep", -1, 0))
    t.each("of nothing", "OffsetForLeaderEpoch", EPOCHS, {"topics": []})
    t.each("of a bad name", "OffsetForLeaderEpoch", EPOCHS, epochs("a b", 0, 0))
    t.each("of no partition", "OffsetForLeaderEpoch", EPOCHS, {"topics": [{"topic": "ep", "partitions": []}]})
    for r in (-1, 0, 1, 5):
        t.each("asked by %d" % r, "OffsetForLeaderEpoch", (3, 4), dict(epochs("ep", 0, 0), replicaId=r))


def epochs(topic, partition, epoch, current=-1):
    return {"topics": [{"topic": topic, "partitions": [
        {"partition": partition, "currentLeaderEpoch": current, "leaderEpoch": epoch}]}]}


def sessions(t):
    """Incremental fetches, in each version that has them."""
    some_log(t, "se", 3)
    for v in (7, 12, 13, 18):
        session(t, v)
    for v in (7, 12, 13, 18):
        for sid, epoch in ((1, 1), (0, 1), (0, 5), (-1, 1), (123456, 0), (123456, -1), (0, -2), (7, -2)):
            t.say("unknown session %d epoch %d" % (sid, epoch), "Fetch", v,
                  fetch(t, [("se", [(0, 4)])], sessionId=sid, sessionEpoch=epoch))


def session(t, v):
    def ask(label, sid, epoch, topics=(), forgotten=()):
        return t.say(label, "Fetch", v, fetch(t, topics, forgotten, sessionId=sid, sessionEpoch=epoch))

    opened = ask("open", 0, 0, [("se", [(0, 4), (1, 6)])])
    sid = opened["sessionId"] if isinstance(opened, dict) else 1
    ask("next", sid, 1)
    ask("again the same", sid, 1)
    ask("advance", sid, 2, [("se", [(0, 6)])])
    ask("nothing new", sid, 3)
    ask("add a partition", sid, 4, [("se", [(2, 0)])])
    ask("forget it", sid, 5, [], [("se", [2])])
    ask("forget unknown", sid, 6, [], [("se", [9]), ("se-never", [0])])
    ask("add unknown", sid, 7, [("se-never", [(0, 0)])])
    ask("unknown stays", sid, 8)
    ask("unknown partition", sid, 9, [("se", [(7, 0)])])
    ask("out of range", sid, 10, [("se", [(0, 99)])])
    ask("out of range again", sid, 11)
    ask("jump", sid, 20)
    ask("other id", sid + 1, 12)
    t.produce("se", batch(), 1)
    ask("new records", sid, 12)
    ask("negative", sid, -2)
    ask("close", sid, -1)
    ask("closed", sid, 13)
    ask("reopen under an old id", sid, 0, [("se", [(0, 6)])])
    ask("open with nothing", 0, 0)
    ask("open and forget", 0, 0, [("se", [(0, 6)])], [("se", [0])])


def list_offsets(t):
    some_log(t, "lo")
    t.make_topic("lo-empty")
    t.make_topic("lo-time")
    t.produce("lo-time", batch([(b"a", b"1"), (b"b", b"2"), (b"c", b"3")], times=[TIME_MS, TIME_MS + 50, TIME_MS + 20]))
    t.produce("lo-time", batch(times=[TIME_MS + 10]))

    def of(name, *times, **more):
        return dict({"replicaId": -1, "topics": [{"name": name, "partitions": [
            {"partitionIndex": 0, "timestamp": x} for x in times]}], "timeoutMs": 1000}, **more)

    for name in ("lo", "lo-empty"):
        for time_ms in (-1, -2, -3, -4, -5, -6, -7, 0, 1, TIME_MS, TIME_MS + 1, TIME_MS + 2, TIME_MS + 3, MAX_LONG, -MAX_LONG):
            t.each("%s at %d" % (name, time_ms), "ListOffsets", OFFSETS, of(name, time_ms))
    for time_ms in (TIME_MS, TIME_MS + 5, TIME_MS + 15, TIME_MS + 20, TIME_MS + 21, TIME_MS + 50, TIME_MS + 51, -3):
        t.each("in disorder at +%d" % (time_ms - TIME_MS), "ListOffsets", (1, 7, 11), of("lo-time", time_ms))
    t.each("unknown topic", "ListOffsets", OFFSETS, of("lo-never", -1))
    t.each("bad name", "ListOffsets", (1, 11), of("a b", -1))
    t.each("nothing", "ListOffsets", OFFSETS, {"replicaId": -1, "topics": []})
    t.each("no partition", "ListOffsets", (1, 7, 11), of("lo"))
    t.each("partition twice", "ListOffsets", (1, 7, 11), of("lo", -1, -2))
    t.each("isolation", "ListOffsets", range(2, 12), of("lo", -1, isolationLevel=1))
    t.each("isolation 2", "ListOffsets", (2, 11), of("lo", -1, isolationLevel=2))
    t.each("isolation, by time", "ListOffsets", (2, 11), of("lo", TIME_MS, isolationLevel=1))
    for p in (1, -1, MAX_INT):
        t.each("partition %d" % p, "ListOffsets", (1, 4, 11), {"replicaId": -1, "topics": [
            {"name": "lo", "partitions": [{"partitionIndex": p, "timestamp": -1}]}]})
    for r in (0, 1, 5, -2, -3):
        t.each("replica %d" % r, "ListOffsets", (1, 11), of("lo", -1, replicaId=r))
        t.each("replica %d, earliest" % r, "ListOffsets", (1, 11), of("lo", -2, replicaId=r))
    for epoch in (-2, -1, 0, 1, MAX_INT):
        t.each("epoch %d" % epoch, "ListOffsets", (4, 7, 11), {"replicaId": -1, "topics": [{"name": "lo", "partitions": [
            {"partitionIndex": 0, "timestamp": -1, "currentLeaderEpoch": epoch}]}]})


def delete_records(t):
    some_log(t, "dr", 2)

    def of(name, *parts):
        return {"topics": [{"name": name, "partitions": [
            {"partitionIndex": p, "offset": o} for p, o in parts]}], "timeoutMs": TIMEOUT_MS}

    every = range(0, 3)
    t.each("to 1", "DeleteRecords", every, of("dr", (0, 1)))
    t.each("to 0 again", "DeleteRecords", every, of("dr", (0, 0)))
    t.each("to 3", "DeleteRecords", every, of("dr", (0, 3)))
    for off in (7, -2, MAX_LONG, -MAX_LONG):
        t.each("to %d" % off, "DeleteRecords", every, of("dr", (0, off)))
    t.each("unknown partition", "DeleteRecords", every, of("dr", (5, 0), (-1, 0)))
    t.each("unknown topic", "DeleteRecords", every, of("dr-never", (0, 0)))
    t.each("bad name", "DeleteRecords", every, of("a b", (0, 0)))
    t.each("no partition", "DeleteRecords", every, of("dr"))
    t.each("nothing", "DeleteRecords", every, {"topics": [], "timeoutMs": TIMEOUT_MS})
    t.each("partition twice", "DeleteRecords", every, of("dr", (1, 1), (1, 2)))
    t.each("good and bad", "DeleteRecords", every, of("dr", (1, 3), (0, 99)))
    t.each("metadata log", "DeleteRecords", every, of("__cluster_metadata", (0, 1)))
    t.each("fetch below", "Fetch", (4, 12, 18), fetch(t, [("dr", [(0, 0)])]))
    t.each("fetch at the start", "Fetch", (5, 18), fetch(t, [("dr", [(0, 3)])]))
    t.each("all", "DeleteRecords", every, of("dr", (0, -1)))
    t.each("fetch of nothing", "Fetch", (5, 18), fetch(t, [("dr", [(0, 6)])]))
    t.each("earliest", "ListOffsets", (1, 4, 11), {"replicaId": -1, "topics": [{"name": "dr", "partitions": [
        {"partitionIndex": 0, "timestamp": -2}]}]})
    t.say("epoch's end", "OffsetForLeaderEpoch", 4, epochs("dr", 0, 0))
    t.make_topic("dr-compact", cleanup_policy="compact")
    t.produce("dr-compact", batch())
    t.each("compacted", "DeleteRecords", every, of("dr-compact", (0, 1)))


SCENES = [produce_places, produce_batches, produce_topics, producers, producer_ids, fetches, fetch_epochs, sessions,
          list_offsets, delete_records]
