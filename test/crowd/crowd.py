#!/usr/bin/env python3
"""Thousands of connections that mean no good, and one honest client beside them: what the crowd costs the broker in
memory, and the honest client in time.

  crowd.py [--connections N] [--seconds N] [--ratio X] [--scenes NAME,...] [--dir DIR]

  silent     they connect, and say nothing (half-open peers look so)
  slow       each sends a byte of a request now and then, and never ends it
  claims     each says that 100 MiB will come, and sends a few bytes of it
  pushing    as before, and all of them send on, as much as the broker takes, 20 MB/s together; the cap is 256 MiB

Fails when a connection that says little costs more than 16 KiB, when the crowd makes the broker hold more than its cap
beside that, or when the honest client's p99 is more than X times (2) what it is without the crowd."""

import argparse
import multiprocessing
import os
import random
import resource
import socket
import struct
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "test", "e2e"))
import harness  # noqa: E402
import records  # noqa: E402
from wire import Connection  # noqa: E402

KIB, MIB = 1 << 10, 1 << 20
CAP = 256 * MIB
CLAIM = 100 * MIB
EACH_MOST = 16 * KIB
HONEST_PER_S = 200
PUSH_PER_S = 20 * MIB
CONFIG = {"queued.max.request.bytes": CAP, "socket.request.max.bytes": CLAIM}
OPEN_AT_ONCE = 200


def raise_own_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


# --- the crowd: a process of its own


class Crowd:
    first = b""

    def __init__(self, port, count):
        self.port = port
        self.all = []
        for i in range(count):
            self.all.append(self.connect(i))
            if i % OPEN_AT_ONCE == 0:
                time.sleep(0.02)

    def connect(self, i):
        s = socket.socket()
        s.bind(("127.%d.%d.%d" % (1 + i // 62500, i // 250 % 250, 1 + i % 250), 0))
        s.connect(("127.0.0.1", self.port))
        s.sendall(self.first)
        s.setblocking(False)
        return s

    def again(self, i):
        """The broker has closed it: that is its right. The crowd stays as large as it is."""
        self.all[i].close()
        try:
            self.all[i] = self.connect(i)
        except OSError:
            pass

    def turn(self):
        time.sleep(0.05)


class Silent(Crowd):
    pass


class Slow(Crowd):
    first = struct.pack(">i", 1000)

    def turn(self):
        for i in random.sample(range(len(self.all)), max(1, len(self.all) // 200)):
            try:
                self.all[i].send(b"\0")
            except BlockingIOError:
                pass
            except OSError:
                self.again(i)
        time.sleep(0.05)


class Claims(Crowd):
    first = struct.pack(">i", CLAIM) + b"\0\0\0\x09" * 50


class Pushing(Claims):
    piece = bytes(16 * KIB)

    def turn(self):
        end, left = time.monotonic() + 0.05, PUSH_PER_S // 20
        for i in random.sample(range(len(self.all)), min(len(self.all), 400)):
            if left <= 0 or time.monotonic() > end:
                break
            try:
                left -= self.all[i].send(self.piece)
            except BlockingIOError:
                pass
            except OSError:
                self.again(i)
        time.sleep(max(0, end - time.monotonic()))


SCENES = {"silent": Silent, "slow": Slow, "claims": Claims, "pushing": Pushing}


def crowd(kind, port, count, pipe):
    raise_own_limit()
    os.nice(19)  # the broker has not to share its processors with real peers
    c = kind(port, count)
    pipe.send(len(c.all))
    while not pipe.poll():
        c.turn()


# --- the honest client: a process of its own


def honest(port, seconds, pipe):
    """Writes and reads, so many times a second; sends its times in ms."""
    took = []
    data = records.build([b"x" * 1000], ts=int(1000 * time.time()))  # old ones would not be kept
    with Connection("127.0.0.1", port) as c:
        due = time.monotonic()
        for i in range(int(seconds * HONEST_PER_S)):
            start = time.monotonic()
            if i % 2:
                r = c.call("Produce", 9, {"acks": -1, "timeoutMs": 30000, "topicData": [
                    {"name": "honest", "partitionData": [{"index": 0, "records": data}]}]})
                assert r["responses"][0]["partitionResponses"][0]["errorCode"] == 0, r
            else:
                r = c.call("Fetch", 12, {"replicaId": -1, "maxWaitMs": 0, "minBytes": 1, "topics": [
                    {"topic": "honest", "partitions": [{"partition": 0, "fetchOffset": 0, "partitionMaxBytes": 1000}]}]})
                assert r["responses"][0]["partitions"][0]["errorCode"] == 0, r
            took.append(1000 * (time.monotonic() - start))
            due = max(due + 1 / HONEST_PER_S, time.monotonic() - 0.1)
            time.sleep(max(0, due - time.monotonic()))
    pipe.send(sorted(took))


class Process:
    """A process with a pipe to it."""

    def __init__(self, target, *args):
        self.pipe, other = multiprocessing.Pipe()
        self.p = multiprocessing.Process(target=target, args=(*args, other), daemon=True)
        self.p.start()

    def get(self, within_s=300):
        if not self.pipe.poll(within_s):
            raise TimeoutError("no answer")
        return self.pipe.recv()

    def end(self):
        self.pipe.send(True)
        self.p.join(30)
        if self.p.is_alive():
            self.p.kill()


class Scene:
    def __init__(self, number, name, args):
        self.number, self.name, self.args = number, name, args
        self.broker = harness.broker(overrides=CONFIG, data_dir=harness.Dirs.new("crowd", args.dir))

    def resident(self):
        with open("/proc/%d/statm" % self.broker.process.pid) as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def times(self):
        p, most = Process(honest, self.broker.port, self.args.seconds), 0
        while not p.pipe.poll(0.1):
            most = max(most, self.resident())
            if not p.p.is_alive():
                raise RuntimeError("the honest client was not served")
        return p.get(), most

    def play(self):
        with self.broker:
            with Connection("127.0.0.1", self.broker.port) as c:
                r = c.call("CreateTopics", 5, {"timeoutMs": 30000, "topics": [
                    {"name": "honest", "numPartitions": 1, "replicationFactor": 1}]})
                assert r["topics"][0]["errorCode"] == 0
            quiet, _ = self.times()
            before = self.resident()
            many = Process(crowd, SCENES[self.name], self.broker.port, self.args.connections)
            many.get()
            busy, most = self.times()
            many.end()
            after, _ = self.times()
            assert self.broker.is_alive(), self.broker.log()
        return self.judge(sorted(quiet + after), busy, most - before)

    def judge(self, quiet, busy, grown):
        def p(v, percent):
            return v[len(v) * percent // 100]
        each = grown / self.args.connections
        most = EACH_MOST * self.args.connections + (CAP if self.name == "pushing" else 0)
        ratio = p(busy, 99) / p(quiet, 99)
        is_good = grown <= most and ratio <= self.args.ratio
        print("%s %d - %s # %d connections: %.1f MiB more, %5.1f KiB each; honest p50 %.2f -> %.2f ms, p99 %.2f -> %.2f ms"
              " (x %.2f)" % ("ok" if is_good else "not ok", self.number, self.name, self.args.connections, grown / MIB, each / KIB,
                             p(quiet, 50), p(busy, 50), p(quiet, 99), p(busy, 99), ratio), flush=True)
        return is_good


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--connections", type=int, default=10000)
    a.add_argument("--seconds", type=float, default=20)
    a.add_argument("--ratio", type=float, default=2)
    a.add_argument("--scenes", default=",".join(SCENES))
    a.add_argument("--dir", default="/dev/shm" if os.path.isdir("/dev/shm") else None,
                   help="of the data: in memory, so that no other's fsync is measured")
    args = a.parse_args()
    if raise_own_limit() < args.connections + 200:
        print("ok 1 - crowd # SKIP %d descriptors are not allowed here" % args.connections)
        return 0
    good = [Scene(i + 1, name, args).play() for i, name in enumerate(args.scenes.split(","))]
    print("%d passed, %d failed" % (sum(good), len(good) - sum(good)))
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
