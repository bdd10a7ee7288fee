#!/usr/bin/env python3
"""A broker under a light load that never changes, for as long as you like: its memory must not grow and it must not
become slower. Producers, members of groups that commit, leave and come back, topics that come and go, connections
that do too; retention deletes all the while.

  soak.py [--minutes N] [--slices N] [--warm-up MINUTES] [--speed X] [--growth PERCENT] [--under COMMAND]

First the same load, eight times as fast, for six minutes (--warm-up): until every path was taken and what the C library
keeps for each thread is full (its caches take 7 pieces of each of 64 sizes in each of a dozen threads, 0.1 MiB in all,
and a light load needs an hour to fill them). Then the time begins. It prints a line for each slice of it, and at the end
compares the last with the first: resident memory, and of it what is anonymous (heap, stacks: where a leak shows) and what
is of files (code). Fails when resident memory grew by more than 1 %, or anything was refused, or the broker did not end
well.

With --speed it is more than a light load, --under runs the broker under a checker (valgrind), and --growth says how much
of it is fine: that is how sanitizers get their mixed load. With --under 'env GLIBC_TUNABLES=glibc.malloc.tcache_count=0'
threads keep nothing: what grows then is not the C library's."""

import argparse
import os
import shlex
import struct
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "test", "e2e"))
import harness  # noqa: E402
import records  # noqa: E402
from wire import Connection  # noqa: E402

TOPIC, PARTITIONS = "soak", 4
NOT_LEADER = 6  # for a moment, when a partition goes to its new directory
NONE, OFFSET_OUT_OF_RANGE, REBALANCE_IN_PROGRESS, MEMBER_ID_REQUIRED = 0, 1, 27, 79
MIB = 1 << 20
SAMPLE_S = 2
WARM_UP_SPEED = 8
# What is remembered of producers goes soon, so that there is a steady state to be reached.
OVERRIDES = {"log.segment.bytes": MIB, "log.retention.bytes": 4 * MIB, "log.retention.check.interval.ms": 1000,
             "log.segment.delete.delay.ms": 1000, "producer.id.expiration.ms": 20000,
             "producer.id.expiration.check.interval.ms": 5000, "group.initial.rebalance.delay.ms": 0,
             "offsets.topic.num.partitions": 4, "log.flush.offset.checkpoint.interval.ms": 5000,
             "metadata.log.max.record.bytes.between.snapshots": 100000}


class Refused(Exception):
    pass


def want(error, what, *also):
    if error not in (NONE, *also):
        raise Refused("%s: error %d" % (what, error))
    return error


class Actor(threading.Thread):
    """Does turn() so many times a second; hangs up after LIFE turns and begins anew."""

    rate, life = 10, 500

    def __init__(self, soak, number):
        super().__init__(daemon=True)
        self.soak, self.number = soak, number
        self.turns = 0
        self.slow_ms = []  # how long each turn of this slice took
        self.c = None

    def begin(self):
        self.c = Connection("127.0.0.1", self.soak.broker.port)

    def end(self):
        self.c.close()

    def turn(self):
        raise NotImplementedError

    def ask(self, name, version, body, parts_of, *also):
        """What the partitions' answers are; asks again while one moves."""
        for _ in range(500):
            parts = parts_of(self.c.call(name, version, body))
            if all(p["errorCode"] != NOT_LEADER for p in parts):
                break
            time.sleep(0.01)
        for p in parts:
            want(p["errorCode"], name, *also)
        return parts

    def offset_at(self, part, ts):
        parts = self.ask("ListOffsets", 7, {"replicaId": -1, "topics": [
            {"name": TOPIC, "partitions": [{"partitionIndex": part, "timestamp": ts}]}]},
            lambda r: r["topics"][0]["partitions"])
        return parts[0]["offset"]

    def run(self):
        try:
            while not self.soak.is_over:
                self.begin()
                due = time.monotonic()
                for _ in range(self.life):
                    if self.soak.is_over:
                        break
                    start = time.monotonic()
                    self.turn()
                    now = time.monotonic()
                    self.slow_ms.append(1000 * (now - start))
                    self.turns += 1
                    due = max(due + 1 / self.rate / self.soak.speed, now - 1)
                    time.sleep(max(0, due - now))
                self.end()
        except Exception as e:  # whatever it is, the soak is over
            self.soak.why = self.soak.why or "%s %d: %s: %s" % (type(self).__name__, self.number, type(e).__name__, e)
            self.soak.is_over = True


class Producer(Actor):
    rate = 40

    def begin(self):
        super().begin()
        r = self.c.call("InitProducerId", 4, {"transactionalId": None, "transactionTimeoutMs": 60000})
        want(r["errorCode"], "InitProducerId")
        self.id = (r["producerId"], r["producerEpoch"])
        self.sent = [0] * PARTITIONS

    def turn(self):
        part = self.turns % PARTITIONS
        value = b"%d " % self.turns + b"x" * 1000
        data = records.build([value] * 5, ts=int(time.time() * 1000), producer=(*self.id, self.sent[part]))
        self.sent[part] += 5
        self.ask("Produce", 9, {"acks": -1, "timeoutMs": 30000, "topicData": [
            {"name": TOPIC, "partitionData": [{"index": part, "records": data}]}]},
            lambda r: r["responses"][0]["partitionResponses"])


class Consumer(Actor):
    """The only member of its group; from where the group was."""

    rate = 20

    def begin(self):
        super().begin()
        self.group = "soak-%d" % self.number
        found = self.c.call("FindCoordinator", 4, {"coordinatorKeys": [self.group]})["coordinators"][0]
        want(found["errorCode"], "FindCoordinator")
        self.join_group()
        r = self.c.call("OffsetFetch", 7, {"groupId": self.group, "topics": None})
        want(r["errorCode"], "OffsetFetch")
        self.offsets = [0] * PARTITIONS
        for t in r["topics"]:
            for p in t["partitions"]:
                self.offsets[p["partitionIndex"]] = p["committedOffset"]

    def join_group(self):
        body = {"groupId": self.group, "memberId": "", "sessionTimeoutMs": 30000, "rebalanceTimeoutMs": 30000,
                "protocolType": "consumer", "protocols": [{"name": "range", "metadata": struct.pack(">hii", 0, 0, -1)}]}
        r = self.c.call("JoinGroup", 7, body)
        if want(r["errorCode"], "JoinGroup", MEMBER_ID_REQUIRED):
            r = self.c.call("JoinGroup", 7, dict(body, memberId=r["memberId"]))
            want(r["errorCode"], "JoinGroup")
        self.who = {"groupId": self.group, "memberId": r["memberId"], "generationId": r["generationId"]}
        r = self.c.call("SyncGroup", 4, dict(self.who, assignments=[{"memberId": r["memberId"], "assignment": b"all"}]))
        want(r["errorCode"], "SyncGroup")

    def turn(self):
        parts = self.ask("Fetch", 12, {"replicaId": -1, "maxWaitMs": 200, "minBytes": 1, "maxBytes": 100000, "topics": [
            {"topic": TOPIC, "partitions": [{"partition": p, "fetchOffset": self.offsets[p], "partitionMaxBytes": 30000}
                                            for p in range(PARTITIONS)]}]},
            lambda r: r["responses"][0]["partitions"], OFFSET_OUT_OF_RANGE)
        for p in parts:
            part = p["partitionIndex"]
            if p["errorCode"]:
                self.offsets[part] = p["logStartOffset"] if p["logStartOffset"] >= 0 else self.first(part)
            elif p["records"]:
                last = self.last_of(p["records"])
                self.offsets[part] = last
        if self.turns % 5 == 0:
            self.commit()

    @staticmethod
    def last_of(data):
        """The offset behind the whole batches of data, by their heads."""
        at = off = 0
        while at + 61 <= len(data):
            base, length = struct.unpack_from(">qi", data, at)
            if at + 12 + length > len(data):
                break
            off = base + struct.unpack_from(">i", data, at + 23)[0] + 1
            at += 12 + length
        return off

    def first(self, part):
        return self.offset_at(part, -2)

    def commit(self):
        want(self.c.call("Heartbeat", 4, self.who)["errorCode"], "Heartbeat")
        r = self.c.call("OffsetCommit", 8, {
            "groupId": self.group, "memberId": self.who["memberId"],
            "generationIdOrMemberEpoch": self.who["generationId"], "topics": [{"name": TOPIC, "partitions": [
                {"partitionIndex": i, "committedOffset": o} for i, o in enumerate(self.offsets)]}]})
        for p in r["topics"][0]["partitions"]:
            want(p["errorCode"], "OffsetCommit")

    def end(self):
        r = self.c.call("LeaveGroup", 4, {"groupId": self.group, "members": [{"memberId": self.who["memberId"]}]})
        want(r["errorCode"], "LeaveGroup")
        super().end()


class Clerk(Actor):
    """A topic is made, written to, read, and deleted."""

    rate = 1
    life = 50

    def turn(self):
        name = "gone-%d-%d" % (self.number, self.turns)
        r = self.c.call("CreateTopics", 5, {"timeoutMs": 30000, "topics": [
            {"name": name, "numPartitions": 2, "replicationFactor": 1}]})
        want(r["topics"][0]["errorCode"], "CreateTopics")
        r = self.c.call("Produce", 9, {"acks": -1, "timeoutMs": 30000, "topicData": [
            {"name": name, "partitionData": [{"index": 1, "records": records.build([b"x"])}]}]})
        want(r["responses"][0]["partitionResponses"][0]["errorCode"], "Produce")
        r = self.c.call("Metadata", 9, {"topics": [{"name": name}]})
        want(r["topics"][0]["errorCode"], "Metadata")
        r = self.c.call("DeleteTopics", 5, {"topicNames": [name], "timeoutMs": 30000})
        want(r["responses"][0]["errorCode"], "DeleteTopics")


class Mover(Actor):
    """Partitions go from one data directory to the other and back."""

    rate = 0.5
    life = 20

    def turn(self):
        where = self.soak.dirs[self.turns // PARTITIONS % 2]
        r = self.c.call("AlterReplicaLogDirs", 2, {"dirs": [{"path": where, "topics": [
            {"name": TOPIC, "partitions": [self.turns % PARTITIONS]}]}]})
        want(r["results"][0]["partitions"][0]["errorCode"], "AlterReplicaLogDirs")
        r = self.c.call("DescribeLogDirs", 4, {"topics": None})
        for d in r["results"]:
            want(d["errorCode"], "DescribeLogDirs")


class Keeper(Actor):
    """Settings change, records are deleted, things are looked at."""

    rate = 1
    life = 30

    def turn(self):
        part = self.turns % PARTITIONS
        r = self.c.call("IncrementalAlterConfigs", 1, {"resources": [{"resourceType": 2, "resourceName": TOPIC, "configs": [
            {"name": "retention.bytes", "configOperation": 0, "value": str((4 + self.turns % 2) * MIB)}]}]})
        want(r["responses"][0]["errorCode"], "IncrementalAlterConfigs")
        r = self.c.call("DescribeConfigs", 4, {"resources": [{"resourceType": 2, "resourceName": TOPIC}]})
        want(r["results"][0]["errorCode"], "DescribeConfigs")
        offset = self.offset_at(part, int(1000 * time.time()) - 5000)
        if offset > 0:
            self.ask("DeleteRecords", 2, {"timeoutMs": 30000, "topics": [{"name": TOPIC, "partitions": [
                {"partitionIndex": part, "offset": offset}]}]},
                lambda r: r["topics"][0]["partitions"], OFFSET_OUT_OF_RANGE)
        r = self.c.call("DescribeGroups", 5, {"groups": ["soak-0", "nobody"]})
        want(r["groups"][0]["errorCode"], "DescribeGroups")
        want(self.c.call("ListGroups", 4, {})["errorCode"], "ListGroups")


class Caller(Actor):
    """A connection for two questions."""

    rate = 5
    life = 1

    def turn(self):
        want(self.c.call("ApiVersions", 3, {"clientSoftwareName": "soak", "clientSoftwareVersion": "1"})["errorCode"],
             "ApiVersions")
        want(self.c.call("Metadata", 9, {"topics": [{"name": TOPIC}]})["topics"][0]["errorCode"], "Metadata")

    def end(self):
        super().end()
        time.sleep(1 / self.rate / self.soak.speed)


def proc(pid, name):
    with open("/proc/%d/%s" % (pid, name)) as f:
        return f.read()


class Memory:
    """What is resident, in MiB. From smaps, which counts: the kernel's short sums are behind by some pages for each
    processor."""

    def __init__(self, pid):
        kib = {line.split(":")[0]: int(line.split()[1]) for line in proc(pid, "smaps_rollup").splitlines()[1:]}
        self.rss, self.anonymous = kib["Rss"] / 1024, kib["Anonymous"] / 1024
        self.files = self.rss - self.anonymous


class Slice:
    """What was measured in a part of the time."""

    def __init__(self, soak):
        self.soak = soak
        self.seen, self.began, self.cpu = [], time.monotonic(), soak.cpu_s()
        self.turns = sum(a.turns for a in soak.actors)
        for a in soak.actors:
            a.slow_ms = []

    def sample(self):
        self.seen.append(Memory(self.soak.pid))

    def mean(self, kind):
        return sum(getattr(m, kind) for m in self.seen) / len(self.seen)

    def end(self):
        took = time.monotonic() - self.began
        slow = sorted(ms for a in self.soak.actors if isinstance(a, Producer) for ms in a.slow_ms) or [0]
        self.rss, self.anonymous, self.files = (self.mean(kind) for kind in ("rss", "anonymous", "files"))
        self.most = max(m.rss for m in self.seen)
        self.per_s = (sum(a.turns for a in self.soak.actors) - self.turns) / took
        self.core = (self.soak.cpu_s() - self.cpu) / took
        self.p50, self.p99 = slow[len(slow) // 2], slow[len(slow) * 99 // 100]
        self.fds = len(os.listdir("/proc/%d/fd" % self.soak.pid))
        self.load = os.getloadavg()[0]
        return self


class Soak:
    def __init__(self, args):
        self.dirs = [harness.Dirs.new("soak") for _ in range(2)]
        self.broker = harness.broker(overrides=dict(OVERRIDES, **{"log.dirs": ",".join(self.dirs)}),
                                     data_dir=self.dirs[0], wrap=shlex.split(args.under))
        self.speed = args.speed
        self.is_over, self.why = False, None
        self.actors = []

    def cpu_s(self):
        fields = proc(self.pid, "stat").rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def start(self):
        self.broker.start()
        self.pid = self.broker.process.pid
        with Connection("127.0.0.1", self.broker.port) as c:
            r = c.call("CreateTopics", 5, {"timeoutMs": 30000, "topics": [
                {"name": TOPIC, "numPartitions": PARTITIONS, "replicationFactor": 1}]})
            want(r["topics"][0]["errorCode"], "CreateTopics")
            harness.wait_for("the coordinator", lambda: c.call("FindCoordinator", 4, {"coordinatorKeys": ["soak-0"]})[
                "coordinators"][0]["errorCode"] == NONE)
        for kind, count in ((Producer, 2), (Consumer, 3), (Clerk, 1), (Caller, 1), (Mover, 1), (Keeper, 1)):
            self.actors += [kind(self, i) for i in range(count)]
        for a in self.actors:
            a.start()

    def slice(self, seconds):
        s, end = Slice(self), time.monotonic() + seconds
        s.sample()
        while time.monotonic() < end and not self.is_over:
            time.sleep(min(SAMPLE_S, seconds / 10))
            s.sample()
        return s.end()

    def stop(self):
        self.is_over = True
        for a in self.actors:
            a.join(60)
        if not self.broker.is_alive() or self.broker.stop() != 0:
            self.why = self.why or "the broker is gone:\n" + self.broker.log()


HEAD = "minutes  RSS MiB   most  anonymous  files  turns/s  broker CPU %  produce ms p50   p99  fds  machine's load"


def row(minutes, s):
    return "%7.1f  %7.2f  %5.2f  %9.2f  %5.2f  %7.1f  %12.1f  %14.2f %5.1f  %3d  %14.1f" % (
        minutes, s.rss, s.most, s.anonymous, s.files, s.per_s, 100 * s.core, s.p50, s.p99, s.fds, s.load)


def percent(before, after):
    return 100 * (after / before - 1) if before else 0


def verdict(args, slices, turns):
    """Whether it is good; prints why."""
    base, last = slices[0], slices[-1]
    grown = percent(base.rss, last.rss)
    is_good = grown <= args.growth
    print("# %d turns of clients in %.0f minutes; the machine's load was %.1f at the most" % (
        turns, args.minutes, max(s.load for s in slices)))
    for kind in ("rss", "anonymous", "files"):
        before, after = getattr(base, kind), getattr(last, kind)
        print("# %-9s %.3f MiB at first, %.3f at the end (%+.2f %%), %.3f at the most" % (
            kind, before, after, percent(before, after), max(getattr(s, kind) for s in slices)))
    print("%s 1 - soak # memory %+.2f %% (at most %+.0f %%), turns %+.2f %%, CPU %+.1f %%" % (
        "ok" if is_good else "not ok", grown, args.growth, percent(base.per_s, last.per_s),
        percent(base.core, last.core)))
    return is_good


def run(soak, args):
    """The slices after the warm-up."""
    print(HEAD, flush=True)
    if args.warm_up:
        soak.speed = WARM_UP_SPEED
        print(row(0, soak.slice(60 * args.warm_up)) + "  warm-up", flush=True)
        soak.speed = args.speed
        soak.slice(SAMPLE_S)  # what was begun with the other speed ends
    slices, count = [], max(args.slices, 2)
    while len(slices) < count and not soak.is_over:
        slices.append(soak.slice(60 * args.minutes / count))
        print(row(len(slices) * args.minutes / count, slices[-1]), flush=True)
    return slices


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--minutes", type=float, default=60)
    a.add_argument("--slices", type=int, default=12)
    a.add_argument("--warm-up", type=float, default=6)
    a.add_argument("--speed", type=float, default=1)
    a.add_argument("--growth", type=float, default=1)
    a.add_argument("--under", default="")
    args = a.parse_args()
    soak, slices = Soak(args), []
    try:
        soak.start()
        slices = run(soak, args)
    except OSError as e:  # the broker is gone in the middle of a look at it
        soak.why = soak.why or str(e)
    finally:
        turns = sum(a.turns for a in soak.actors)
        soak.stop()
    if soak.why:
        print("not ok 1 - soak # " + soak.why)
        return 1
    return 0 if verdict(args, slices, turns) else 1


if __name__ == "__main__":
    sys.exit(main())
