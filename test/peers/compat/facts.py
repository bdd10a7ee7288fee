"""What a broker serves of a data directory, and whether the next owner serves the same."""

import scenes
from check import check

INTERNAL = ("__consumer_offsets", "__transaction_state")


def latest(records):
    """What a compacted topic says: the last value of each key."""
    return {r["k"]: (r["v"], r["h"]) for r in records}


def same(want, got, cleans, killed):
    """cleans: the new owner may have compacted more, and appended to internal topics. killed: what
    DeleteRecords hid may be back, because both store a log's start only now and then."""
    for isolation in want:
        check(want[isolation].keys() <= got[isolation].keys(), "partitions are missing")
        for tp, (first, end, records) in want[isolation].items():
            first2, end2, records2 = got[isolation][tp]
            where = "%s %s:" % (isolation, tp)
            if cleans and tp[0] in INTERNAL:
                check(records2[:len(records)] == records, where, "internal records differ")
                continue
            if cleans and tp[0] == "compacted":
                live = {k: v for k, v in latest(records).items() if v[0] is not None}
                live2 = {k: v for k, v in latest(records2).items() if v[0] is not None}
                check(live == live2, where, "the last values differ")
                continue
            if killed and first2 < first:
                records2 = [r for r in records2 if r["o"] >= first]
                first2 = first
            check((first, end) == (first2, end2), where, "offsets", first2, end2, "were", first, end)
            check(len(records) == len(records2), where, len(records2), "records, were", len(records))
            for a, b in zip(records, records2):
                check(a == b, where, "was", a, "is", b)


def gained(before, after, records, topic):
    """The records that were just written stand behind what was there."""
    for p in {r.p for r in records}:
        mine = [r for r in records if r.p == p]
        first, end, have = after["read_uncommitted"][topic, p]
        was = before["read_uncommitted"].get((topic, p), [0, 0, []])
        tail = [r for r in have if r["o"] >= was[1]]
        for t in tail:
            t["tt"] = 0
        wrong = scenes.compare(mine, tail, first=was[1])
        check(not wrong, topic, p, wrong)
