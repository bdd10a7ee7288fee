"""Raw comparison: coordinators, committed offsets, and the life of classic groups."""

import struct
import time

from talk import READY_S, TIMEOUT_S, fit, wire

FIND, COMMIT, FETCH, JOIN, SYNC, BEAT, LEAVE = (range(0, 7), range(2, 11), range(1, 11), range(0, 10), range(0, 6),
                                                 range(0, 5), range(0, 6))
DESCRIBE, LIST, DELETE = range(0, 7), range(0, 6), range(0, 3)
GROUP, TRANSACTION, SHARE = 0, 1, 2
SESSION_MS, REBALANCE_MS = 10000, 10000
MEMBER_ID_REQUIRED = 79
NO_SUCH_ID = "B" * 21 + "A"
FIRST_VERSION_WITH_IDS = 10


def ready(t):
    """Until the coordinator is: Kafka makes its topic first, and does not wait for it."""
    end = time.monotonic() + READY_S
    while time.monotonic() < end:
        found = t.must("FindCoordinator", 4, {"coordinatorKeys": ["ready"]})["coordinators"][0]["errorCode"]
        if found == 0 and t.must("OffsetFetch", 7, {"groupId": "ready", "topics": None})["errorCode"] == 0:
            return
        time.sleep(0.1)
    raise TimeoutError("coordinator")


def coordinators(t):
    """Kinds of keys, odd keys."""
    ready(t)
    for kind in (GROUP, SHARE, 3, -1):
        for key in ("g", "", "ü", "a:b:c"):
            t.each("kind %d, key %r" % (kind, key), "FindCoordinator", FIND,
                   {"key": key, "coordinatorKeys": [key], "keyType": kind})
    t.each("many", "FindCoordinator", range(4, 7), {"coordinatorKeys": ["a", "b", "a", ""]})
    t.each("none", "FindCoordinator", range(4, 7), {"coordinatorKeys": []})


def topic_of(t, name, version):
    return {"topicId": t.ids.get(name, NO_SUCH_ID)} if version >= FIRST_VERSION_WITH_IDS else {"name": name}


def commit(t, group, *parts, **more):
    """parts: (topic, partition, offset, text)"""
    def body(v):
        return dict({"groupId": group, "topics": [dict(topic_of(t, name, v), partitions=[
            {"partitionIndex": p, "committedOffset": off, "committedLeaderEpoch": 0, "committedMetadata": text}
            for n, p, off, text in parts if n == name]) for name in dict.fromkeys(n for n, *_ in parts)]}, **more)
    return body


def fetch(t, group, *topics, **more):
    """topics: (name, partitions); None: all"""
    def body(v):
        asked = None if topics == (None,) else [dict(topic_of(t, n, v), partitionIndexes=list(p)) for n, p in topics]
        return dict({"groupId": group, "topics": asked} if v < 8 else
                    {"groups": [{"groupId": group, "topics": asked}]}, **more)
    return body


def offsets(t):
    """Commits of simple consumers, and what is fetched of them."""
    ready(t)
    t.make_topic("go", 2)
    for label, group, parts, more in (
            ("one", "gs", [("go", 0, 5, "hi")], {}), ("null text", "gs", [("go", 1, 6, None)], {}),
            ("no topic", "gs", [("never", 0, 5, "")], {}), ("no partition", "gs", [("go", 7, 5, "")], {}),
            ("some", "gs", [("go", 7, 5, ""), ("go", 0, 8, ""), ("never", 0, 5, "")], {}),
            ("nothing", "gs", [], {}), ("negative", "gs", [("go", 0, -5, "")], {}),
            ("longest text", "gs", [("go", 0, 1, "x" * 4096)], {}), ("long text", "gs", [("go", 0, 1, "x" * 4097)], {}),
            ("long text in units", "gs", [("go", 0, 1, "ü" * 4096)], {}), ("no group", "", [("go", 0, 9, "")], {}),
            ("a generation", "gs", [("go", 0, 1, "")], {"generationIdOrMemberEpoch": 3}),
            ("a member", "gs", [("go", 0, 1, "")], {"memberId": "m"}),
            ("an instance", "gs", [("go", 0, 1, "")], {"groupInstanceId": "i"}),
            ("a generation of nobody", "nobody", [("go", 0, 1, "")], {"generationIdOrMemberEpoch": 3, "memberId": "m"}),
            ("a retention", "gr", [("go", 0, 1, "")], {"retentionTimeMs": 100000})):
        t.each("commit " + label, "OffsetCommit", COMMIT, commit(t, group, *parts, **more))
    for label, group, topics, more in (
            ("some", "gs", [("go", (0, 1, 7))], {}), ("unknown", "gs", [("never", (0,))], {}),
            ("both", "gs", [("never", (0,)), ("go", (1,))], {}), ("no partitions", "gs", [("go", ())], {}),
            ("nothing", "gs", [], {}), ("nobody's", "none", [("go", (0,))], {}), ("no group's", "", [("go", (0,))], {}),
            ("stable ones", "gs", [("go", (0, 1))], {"requireStable": True})):
        t.each("fetch " + label, "OffsetFetch", FETCH, fetch(t, group, *topics, **more))
    for group in ("gs", "none"):
        t.each("fetch all of " + group, "OffsetFetch", FETCH[1:], fetch(t, group, None))
    t.each("fetch of many", "OffsetFetch", range(8, 11), {"groups": [{"groupId": g, "topics": None}
                                                                    for g in ("gs", "none", "gr", "gs")]})
    t.each("fetch of none", "OffsetFetch", range(8, 11), {"groups": []})
    for label, group, topics in (("some", "gs", [("go", (0, 7)), ("never", (0,))]), ("nobody's", "none", [("go", (0,))]),
                                 ("no group's", "", [("go", (0,))]), ("nothing", "gs", []),
                                 ("again", "gs", [("go", (0,))])):
        t.say("delete " + label, "OffsetDelete", 0, {"groupId": group, "topics": [
            {"name": n, "partitions": [{"partitionIndex": i} for i in p]} for n, p in topics]})
    t.say("fetch after it", "OffsetFetch", 7, fetch(t, "gs", None)(7))
    t.each("delete groups", "DeleteGroups", DELETE, {"groupsNames": ["gs", "none", "", "gs"]})


def subscription(*topics):
    names = b"".join(struct.pack(">h", len(n)) + n.encode() for n in topics)
    return struct.pack(">hi", 0, len(topics)) + names + b"\xff" * 4


def join(group, member="", protocols=("range",), **more):
    return dict({"groupId": group, "memberId": member, "sessionTimeoutMs": SESSION_MS, "protocolType": "consumer",
                 "rebalanceTimeoutMs": REBALANCE_MS,
                 "protocols": [{"name": p, "metadata": subscription("gm")} for p in protocols]}, **more)


def joined(t, label, version, group, **more):
    got = t.say(label, "JoinGroup", version, join(group, **more))
    if got["errorCode"] == MEMBER_ID_REQUIRED:
        got = t.say(label + ", with the id", "JoinGroup", version, join(group, got["memberId"], **more))
    return got


def sync(group, j, **more):
    return dict({"groupId": group, "generationId": j["generationId"], "memberId": j["memberId"],
                 "protocolType": "consumer", "protocolName": j["protocolName"],
                 "assignments": [{"memberId": m["memberId"], "assignment": b"abc"} for m in j["members"]]}, **more)


def lives(t):
    """Alone in a group, from the first join to the end, in each version."""
    ready(t)
    t.make_topic("gm")
    for v in JOIN:
        g = "life-%d" % v
        j = joined(t, g + " join", v, g)
        t.say(g + " describe at first", "DescribeGroups", 6, {"groups": [g]})
        t.say(g + " early heartbeat", "Heartbeat", min(v, 4), {"groupId": g, "generationId": 1, "memberId": j["memberId"]})
        t.say(g + " early commit", "OffsetCommit", 8, commit(t, g, ("gm", 0, 1, ""), generationIdOrMemberEpoch=1,
                                                        memberId=j["memberId"])(8))
        t.say(g + " same join", "JoinGroup", v, join(g, j["memberId"]))
        t.say(g + " sync", "SyncGroup", min(v, 5), sync(g, j))
        t.say(g + " sync again", "SyncGroup", min(v, 5), sync(g, j))
        t.say(g + " heartbeat", "Heartbeat", min(v, 4), {"groupId": g, "generationId": 1, "memberId": j["memberId"]})
        t.each(g + " describe", "DescribeGroups", DESCRIBE, {"groups": [g, "nobody"], "includeAuthorizedOperations": True})
        t.each(g + " commit", "OffsetCommit", COMMIT, commit(t, g, ("gm", 0, 1, ""), generationIdOrMemberEpoch=1,
                                                        memberId=j["memberId"]))
        t.each(g + " delete", "DeleteGroups", DELETE, {"groupsNames": [g]})
        t.say(g + " delete offsets", "OffsetDelete", 0, {"groupId": g, "topics": [
            {"name": "gm", "partitions": [{"partitionIndex": 0}]}]})
        t.say(g + " leave", "LeaveGroup", min(v, 5), {"groupId": g, "memberId": j["memberId"],
                                                 "members": [{"memberId": j["memberId"]}]})
        t.say(g + " leave again", "LeaveGroup", min(v, 5), {"groupId": g, "memberId": j["memberId"],
                                                       "members": [{"memberId": j["memberId"]}]})
        t.say(g + " describe it empty", "DescribeGroups", 6, {"groups": [g]})
        t.say(g + " delete it empty", "DeleteGroups", 2, {"groupsNames": [g]})


def member_errors(t):
    """What members are refused."""
    ready(t)
    t.make_topic("gm")
    j = joined(t, "join", 5, "ge")
    m = j["memberId"]
    t.say("sync", "SyncGroup", 5, sync("ge", j))
    for label, body in (
            ("no group", join("", "m")), ("no group, no member", join("")), ("short session", join("ge", m, sessionTimeoutMs=5999)),
            ("long session", join("ge", m, sessionTimeoutMs=1800001)), ("no session", join("ge", sessionTimeoutMs=0)),
            ("unknown member", join("ge", "m")), ("unknown group", join("nobody", "m")),
            ("other type", join("ge", protocolType="connect")), ("other protocol", join("ge", protocols=("other",))),
            ("other protocol of a member", join("ge", m, protocols=("other",))), ("no type", join("ge", protocolType="")),
            ("no protocols", join("ge", protocols=())), ("no type in a new group", join("ge2", protocolType="")),
            ("no protocols in a new group", join("ge3", protocols=()))):
        t.each("join, " + label, "JoinGroup", JOIN, body)
    for label, more in (("generation", {"generationId": 9}), ("member", {"memberId": "m"}), ("group", {"groupId": "nobody"}),
                        ("no group", {"groupId": ""}), ("instance", {"groupInstanceId": "i"})):
        t.each("sync, " + label, "SyncGroup", SYNC, sync("ge", j, **more))
        t.each("heartbeat, " + label, "Heartbeat", BEAT,
               dict({"groupId": "ge", "generationId": j["generationId"], "memberId": m}, **more))
    for label, more in (("type", {"protocolType": "x"}), ("protocol", {"protocolName": "x"}), ("null type", {"protocolType": None}),
                        ("null protocol", {"protocolName": None})):
        t.say("sync, " + label, "SyncGroup", 5, sync("ge", j, **more))
    for label, group, members in (("unknown", "ge", [{"memberId": "m"}]), ("nobody", "nobody", [{"memberId": "m"}]),
                                  ("no group", "", [{"memberId": "m"}]), ("no members", "ge", []),
                                  ("no id", "ge", [{"memberId": ""}]),
                                  ("instances", "ge", [{"memberId": "", "groupInstanceId": "i"},
                                                       {"memberId": m, "groupInstanceId": "i"}])):
        t.each("leave, " + label, "LeaveGroup", LEAVE,
               {"groupId": group, "memberId": members[0]["memberId"] if members else "", "members": members})
    for label, more in (("states", {"statesFilter": ["stable"]}), ("odd states", {"statesFilter": [" StaBle ", "x"]}),
                        ("no such state", {"statesFilter": ["x"]}), ("types", {"typesFilter": ["Classic"]}),
                        ("other types", {"typesFilter": ["share", "x"]})):
        t.each("list, " + label, "ListGroups", LIST, more, lambda got: dict(got, groups=[
            g for g in got["groups"] if g["groupId"] in ("ge", "ge2", "ge3")]))
    t.say("leave", "LeaveGroup", 0, {"groupId": "ge", "memberId": m})


def statics(t):
    """Members with an instance id: they come back, and are told apart."""
    ready(t)
    t.make_topic("gm")
    for v in JOIN[5:]:
        g, me = "static-%d" % v, {"groupInstanceId": "i"}
        a = joined(t, g + " join", v, g, **me)
        t.say(g + " sync", "SyncGroup", min(v, 5), sync(g, a, **me))
        b = joined(t, g + " back", v, g, **me)
        t.say(g + " sync again", "SyncGroup", min(v, 5), sync(g, b, members=[], **me))
        for label, j in (("old", a), ("new", b)):
            for inst in (me, {"groupInstanceId": "j"}, {}):
                t.say(g + " heartbeat, %s, %s" % (label, inst), "Heartbeat", 4, dict(
                    {"groupId": g, "generationId": 1, "memberId": j["memberId"]}, **inst))
            t.say(g + " join, %s id" % label, "JoinGroup", v, join(g, j["memberId"], **me)) if j is a else None
            t.say(g + " commit, " + label, "OffsetCommit", 9, commit(t, g, ("gm", 0, 1, ""), generationIdOrMemberEpoch=1,
                                                               memberId=j["memberId"], **me)(9))
        t.say(g + " describe", "DescribeGroups", 6, {"groups": [g]})
        t.say(g + " leave", "LeaveGroup", 5, {"groupId": g, "members": [
            {"memberId": a["memberId"], "groupInstanceId": "i"}, {"memberId": "", "groupInstanceId": "j"},
            {"memberId": "", "groupInstanceId": "i"}, {"memberId": "", "groupInstanceId": "i"}]})


def rebalances(t):
    """Two members, on two connections."""
    ready(t)
    t.make_topic("gm")
    for v in (0, 4, 9):
        g = "two-%d" % v
        with wire.Connection("127.0.0.1", t.port, "raw", TIMEOUT_S) as other:
            a = joined(t, g + " a joins", v, g)
            t.say(g + " a syncs", "SyncGroup", 3, sync(g, a))
            member = ""
            if v >= 4:
                member = other.call("JoinGroup", v, fit("JoinGroup", v, join(g)))["memberId"]
            other.send("JoinGroup", v, fit("JoinGroup", v, join(g, member)))
            beat = {"groupId": g, "generationId": 1, "memberId": a["memberId"]}
            end = time.monotonic() + READY_S
            while t.must("Heartbeat", 3, beat)["errorCode"] == 0 and time.monotonic() < end:
                time.sleep(0.02)
            t.say(g + " a beats", "Heartbeat", 3, beat)
            t.say(g + " a syncs late", "SyncGroup", 3, sync(g, a))
            t.say(g + " a commits", "OffsetCommit", 8, commit(t, g, ("gm", 0, 4, ""), generationIdOrMemberEpoch=1,
                                                        memberId=a["memberId"])(8))
            t.say(g + " meanwhile", "DescribeGroups", 6, {"groups": [g]}, lambda got: [
                (x["groupState"], x["protocolData"], len(x["members"])) for x in got["groups"]])
            a = t.say(g + " a comes again", "JoinGroup", v, join(g, a["memberId"]), lambda got: dict(got, members=len(got["members"])))
            b = other.receive("JoinGroup", v)[1]
            t.note(g + " b has joined", "", "JoinGroup", dict(b, leader=b["leader"] == a["leader"]))
            other.send("SyncGroup", 3, fit("SyncGroup", 3, sync(g, b)))
            t.say(g + " a syncs for both", "SyncGroup", 3, sync(g, a))
            t.note(g + " b has synced", "", "SyncGroup", other.receive("SyncGroup", 3)[1])
            t.say(g + " a leaves", "LeaveGroup", 0, {"groupId": g, "memberId": a["memberId"]})
            beat = {"groupId": g, "generationId": 2, "memberId": b["memberId"]}
            t.note(g + " b beats", "", "Heartbeat", other.call("Heartbeat", 3, beat))
            t.say(g + " b leaves", "LeaveGroup", 0, {"groupId": g, "memberId": b["memberId"]})


SCENES = [coordinators, offsets, lives, member_errors, statics, rebalances]
