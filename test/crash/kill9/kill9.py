#!/usr/bin/env python3
"""Kills a broker again and again under an idempotent acks=all load; afterwards nothing that was
acknowledged may be lost, doubled or out of order. kill9.c beside this is the load and the judge; clerk.py creates
topics and commits offsets meanwhile, which must not be taken back either.

  kill9.py [--kills N | --rounds N] [--seed N] [--scenes NAME,...] [--dirs DIR,...] [--build DIR]

--kills: of all scenes together; --dirs: where the scenes keep their data, by turns (a disk, a memory file system).

One line a scene, as TAP has it; the last line is "N passed, N failed". A failed scene keeps its data
directory."""

import argparse
import itertools
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
sys.path.insert(0, os.path.join(ROOT, "test", "e2e"))
import harness  # noqa: E402
from clerk import Clerk  # noqa: E402

TOPIC = "kill9"
END_S = 180


@dataclass
class Scene:
    """overrides: of the broker; load: of kill9; trims: DeleteRecords now and then."""

    name: str
    overrides: dict = field(default_factory=dict)
    load: tuple = ()
    trims: bool = False


SMALL_SEGMENTS = {"log.segment.bytes": 1 << 20, "log.index.interval.bytes": 256}
SCENES = [
    Scene("plain"),
    Scene("zstd", SMALL_SEGMENTS, ("compression.codec=zstd",)),
    Scene("lz4", SMALL_SEGMENTS, ("compression.codec=lz4", "bytes=400")),
    Scene("rolls", SMALL_SEGMENTS, ("bytes=600",)),
    Scene("trims", dict(SMALL_SEGMENTS, **{"log.retention.check.interval.ms": 300,
                                           "log.segment.delete.delay.ms": 200}),
          ("bytes=600",), trims=True),
    Scene("checkpoints", dict(SMALL_SEGMENTS, **{
        "log.flush.offset.checkpoint.interval.ms": 50,
        "metadata.log.max.record.bytes.between.snapshots": 1}), ("bytes=300",)),
    Scene("page-cache", {"log.flush.before.ack": "false"}),
]


class Failed(Exception):
    pass


class Loop:
    """One scene: a broker, its load, and the kills."""

    def __init__(self, scene, args):
        self.scene = scene
        self.args = args
        self.rnd = random.Random("%s %d" % (scene.name, args.seed))
        self.exe = os.path.join(args.build, "test", "crash", "kill9", "kill9")
        conf = dict(scene.overrides, **{"num.partitions": 4, "group.initial.rebalance.delay.ms": 0})
        self.broker = harness.broker(overrides=conf, data_dir=harness.Dirs.new("kill9", args.dir))
        self.notes = os.path.join(os.path.dirname(self.broker.log_path), "notes")
        self.load_log = self.notes + ".log"
        self.load = None
        self.clerk = Clerk(self.broker.port, TOPIC)
        self.restarts_ms = []

    def kill9(self, command, *args):
        return [self.exe, command, self.broker.bootstrap, TOPIC, self.notes, *args]

    def acknowledged(self):
        return os.path.getsize(self.notes) if os.path.exists(self.notes) else 0

    def check_load(self):
        if self.clerk.why:
            raise Failed(self.clerk.why)
        if self.load.poll() is not None:
            raise Failed("the load ended with %s: %s" % (self.load.returncode, self.load_said()))

    def load_said(self):
        with open(self.load_log) as f:
            return f.read()[-2000:]

    def wait_for_progress(self):
        """The load has to get something acknowledged in every life of the broker."""
        before = self.acknowledged()

        def has_moved():
            self.check_load()
            return self.acknowledged() > before
        try:
            harness.wait_for("an acknowledgement", has_moved, timeout_s=60)
        except TimeoutError:
            raise Failed("nothing is acknowledged any more: " + self.load_said()) from None

    def round(self):
        start = time.monotonic()
        self.broker.start()
        self.restarts_ms.append(1000 * (time.monotonic() - start))
        if self.load is None:
            with open(self.load_log, "wb") as out:
                self.load = subprocess.Popen(self.kill9("load", *self.scene.load), stdout=out, stderr=out)
            self.wait_for_progress()
            self.clerk.start()
        self.wait_for_progress()
        if self.scene.trims and self.rnd.randrange(3) == 0:
            self.run("trim")
        time.sleep(self.rnd.random() ** 2 * self.args.life)
        self.broker.kill()

    def run(self, command):
        done = subprocess.run(self.kill9(command), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=END_S, check=False)
        if done.returncode:
            raise Failed(done.stderr.decode().strip())
        return done.stdout.decode().strip()

    def end_load(self):
        self.load.send_signal(signal.SIGTERM)
        if self.load.wait(END_S):
            raise Failed("the load: " + self.load_said())

    def end_clerk(self):
        why = self.clerk.end()
        if why:
            raise Failed(why)

    def play(self):
        try:
            for i in range(self.args.rounds):
                self.round()
                if i % 50 == 49:  # long before the end, so that a loss is found near its cause
                    self.broker.start()
                    self.run("check")
                    self.broker.kill()
            self.broker.start()
            self.end_load()
            self.end_clerk()
            said = self.run("check")
            self.broker.stop()
            self.broker.start()
            if self.run("check") != said:
                raise Failed("after a clean restart it is not the same")
            self.broker.stop()
            return "%s; %d commits, %d generations, %d topics made" % (
                said, self.clerk.commits, self.clerk.member.joins, self.clerk.created)
        finally:
            self.clerk.is_over = True
            if self.load is not None and self.load.poll() is None:
                self.load.kill()
                self.load.wait()
            self.broker.kill()


def main():
    a = argparse.ArgumentParser(description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--rounds", type=int, default=200)
    a.add_argument("--kills", type=int)
    a.add_argument("--dirs")
    a.add_argument("--life", type=float, default=0.8, help="longest life of a broker, seconds")
    a.add_argument("--seed", type=int, default=int(time.time()))
    a.add_argument("--scenes", default=",".join(s.name for s in SCENES))
    a.add_argument("--build", default=os.path.join(ROOT, "build"))
    args = a.parse_args()
    os.environ.setdefault("OTTLA", os.path.join(args.build, "src", "ottla"))
    passed = failed = kills = 0
    scenes = [s for s in SCENES if s.name in args.scenes.split(",")]
    if args.kills:
        args.rounds = -(-args.kills // len(scenes))
    dirs = itertools.cycle(args.dirs.split(",") if args.dirs else [None])
    for scene in scenes:
        args.dir = next(dirs)
        loop = Loop(scene, args)
        try:
            said = loop.play()
            kills += args.rounds
            passed += 1
            restarts = sorted(loop.restarts_ms)
            print("ok %d - %s # %d kills: %s; restart median %.0f ms, longest %.0f ms" % (
                passed + failed, scene.name, args.rounds, said, restarts[len(restarts) // 2], restarts[-1]),
                flush=True)
        except (Failed, RuntimeError, subprocess.TimeoutExpired) as e:
            failed += 1
            harness.Dirs.made.remove(loop.broker.dir)
            print("not ok %d - %s # start %d, seed %d: %s\n       data: %s\n%s" % (
                passed + failed, scene.name, len(loop.restarts_ms), args.seed, e, loop.broker.dir,
                loop.broker.log()[-2000:]), flush=True)
    print("%d kills" % kills)
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
