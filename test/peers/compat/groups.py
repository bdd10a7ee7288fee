"""Groups in directories that change hands: whoever has them serves what the other committed, and the generation of a
group that had a member."""

import harness
from check import check
from pair import Client, Pair
from wire import Connection

GROUPS = 12
PASSING = (14, 15, 16)


def connect(pair):
    return Connection(*("127.0.0.1", int(pair.bootstrap.rpartition(":")[2])))


def is_ready(c):
    r = c.call("FindCoordinator", 4, {"coordinatorKeys": ["group-%d" % g for g in range(GROUPS)]})
    return all(x["errorCode"] == 0 for x in r["coordinators"])


def answered(call):
    """The first answer that is not one of those that pass."""
    got = []

    def is_there():
        error, value = call()
        if error not in PASSING:
            check(error == 0, "error", error)
            got.append(value)
        return bool(got)
    harness.wait_for("the coordinator", is_there, every_s=0.1)
    return got[0]


def commit(c, group, topic, offset, text):
    def once():
        r = c.call("OffsetCommit", 8, {"groupId": group, "topics": [
            {"name": topic, "partitions": [{"partitionIndex": p, "committedOffset": offset + p, "committedMetadata": text}
                                           for p in range(2)]}]})
        errors = {p["errorCode"] for p in r["topics"][0]["partitions"]}
        return max(errors), None
    answered(once)


def offsets(c, group):
    def once():
        r = c.call("OffsetFetch", 7, {"groupId": group, "topics": None, "requireStable": False})
        return r["errorCode"], {(t["name"], p["partitionIndex"]): (p["committedOffset"], p["metadata"])
                                for t in r["topics"] for p in t["partitions"]}
    return answered(once)


def join(c, group):
    """A member comes and goes; the generation that it saw."""
    body = {"groupId": group, "memberId": "", "sessionTimeoutMs": 10000, "rebalanceTimeoutMs": 10000,
            "protocolType": "consumer", "protocols": [{"name": "range", "metadata": bytes([0, 0, 0, 0, 0, 0, 255, 255, 255, 255])}]}

    def first_answer():
        r = c.call("JoinGroup", 4, body)
        return (r["errorCode"], None) if r["errorCode"] in PASSING else (0, r)

    first = answered(first_answer)
    check(first["errorCode"] == 79, "a member without an id got", first["errorCode"])
    r = c.call("JoinGroup", 4, dict(body, memberId=first["memberId"]))
    check(r["errorCode"] == 0, "joining:", r)
    c.call("SyncGroup", 2, {"groupId": group, "generationId": r["generationId"], "memberId": r["memberId"],
                            "assignments": [{"memberId": r["memberId"], "assignment": b""}]})
    c.call("LeaveGroup", 2, {"groupId": group, "memberId": r["memberId"]})
    return r["generationId"]


def scene(args):
    pair = Pair("dynamic", **{"group.initial.rebalance.delay.ms": 0})
    kafka = pair.by_name["kafka"]
    kafka.write_config()
    kafka.format()
    want, generation = {}, 0
    for turn in range(2 * args.rounds):
        pair.take(("kafka", "ottla")[turn % 2])
        if turn == 0:
            Client(pair).create("grouped", 2, {})
        with connect(pair) as c:
            harness.wait_for("the coordinators", lambda: is_ready(c), every_s=0.1)
            for group, there in want.items():
                check(offsets(c, group) == there, group, "has", offsets(c, group), "and not", there)
            seen = join(c, "joined")
            check(turn == 0 or seen > generation, "generation", seen, "after", generation)
            generation = seen
            for g in range(turn % 3, GROUPS, 3):
                name, offset, text = "group-%d" % g, 100 * turn + g, "turn %d" % turn
                commit(c, name, "grouped", offset, text)
                want[name] = {("grouped", p): (offset + p, text) for p in range(2)}
        pair.drop("kill" if turn % 3 == 2 else "stop")
        print("#   %-7s serves the offsets of %d groups, generation %d" % (("kafka", "ottla")[turn % 2], len(want), generation),
              flush=True)
