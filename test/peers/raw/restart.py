"""Raw comparison: what a broker knows after it was stopped, and after it was killed."""

from batch import batch
from data import epochs, fetch, produce
from talk import ZERO_UUID

EPOCHS = range(-2, 8)
NAMES = ("again", "again-idle", "again-empty", "again-cut")


def look(t, when):
    """Epochs, offsets and producers, after each start."""
    t.say(when + ", metadata", "Metadata", 12, {"topics": [{"topicId": ZERO_UUID, "name": n} for n in NAMES],
                                                "allowAutoTopicCreation": False})
    for name in NAMES:
        for epoch in EPOCHS:
            t.say("%s, %s, end of %d" % (when, name, epoch), "OffsetForLeaderEpoch", 4, epochs(name, 0, epoch))
            t.say("%s, %s, fetched in %d" % (when, name, epoch), "Fetch", 12, fetch(t, [
                (name, [(0, 0, {"lastFetchedEpoch": epoch})])]))
            t.say("%s, %s, current %d" % (when, name, epoch), "Fetch", 12, fetch(t, [
                (name, [(0, 0, {"currentLeaderEpoch": epoch})])]))
        for time_ms in (-1, -2, -3, -4, 0):
            t.say("%s, %s, at %d" % (when, name, time_ms), "ListOffsets", 8, {"replicaId": -1, "topics": [
                {"name": name, "partitions": [{"partitionIndex": 0, "timestamp": time_ms}]}]})
        t.say("%s, %s, producers" % (when, name), "DescribeProducers", 0, {"topics": [
            {"name": name, "partitionIndexes": [0]}]})


def write(t, when, sequence):
    """Two more batches, one of them sent twice."""
    t.say(when + ", plain", "Produce", 9, produce(t, [("again", [(0, batch())])]))
    for label in ("first", "again"):
        t.say("%s, idempotent, %s" % (when, label), "Produce", 9, produce(t, [
            ("again", [(0, batch(producer=(2_000_000, 0, sequence)))])]))
    t.say(when + ", gap", "Produce", 9, produce(t, [("again", [(0, batch(producer=(2_000_000, 0, sequence + 5)))])]))


def cut(t, when, off):
    t.say(when + ", cut", "DeleteRecords", 2, {"timeoutMs": 20000, "topics": [
        {"name": "again-cut", "partitions": [{"partitionIndex": 0, "offset": off}]}]})


def restarts(t):
    if t.broker is None:
        return
    for name in NAMES:
        t.make_topic(name, retention_ms=-1)  # the records are old, and a slow machine takes its time
    for name in ("again-idle", "again-cut", "again-cut"):
        t.produce(name, batch())
    write(t, "at first", 0)
    look(t, "at first")
    cut(t, "at first", 1)
    t.start_again(NAMES)
    look(t, "after a stop")
    write(t, "after a stop", 1)
    look(t, "after a stop and writes")
    t.start_again(NAMES, is_clean=False)  # a cut just before it would be forgotten, or not
    look(t, "after a kill")
    write(t, "after a kill", 2)
    look(t, "after a kill and writes")
    cut(t, "after a kill", 2)
    t.start_again(NAMES)
    look(t, "at last")


SCENES = [restarts]
