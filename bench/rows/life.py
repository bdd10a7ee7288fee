"""Rows about a broker's own life: starting, being there, being killed."""

import os
import shutil
import signal
import time

import sides
from rows.base import GB, Line, Row
from sides import harness


class Life(Row):
    """Rows about a broker's own life: each sample has a broker and a directory of its own."""

    needs_brokers = False

    def make(self, bench, side, **overrides):
        directory = os.path.join(bench.box, "life-" + side.name)
        shutil.rmtree(directory, ignore_errors=True)
        broker = side.make(directory, **overrides)
        broker.wrap = []
        return broker

    def format(self, bench, side, broker):
        """Seconds. What ottla does by itself at its first start is a program of its own for Kafka."""
        if side is bench.ottla:
            return 0
        begin = time.monotonic()
        broker.write_config()
        harness.run(*sides.pinned(sides.BROKER_CPU, sides.brokers.SCRIPT, "kafka-storage", "format", "-t",
                                  "AAAAAAAAAAAAAAAAAAAAAQ", "-c", broker.conf_path))
        return time.monotonic() - begin

    def start(self, bench, broker, settle_s=0):
        env = {**os.environ, **getattr(broker, "env", {})}
        log = os.path.join(bench.box, "life.log")
        try:
            return sides.run_json(sides.GEN, "start", "--at", broker.bootstrap, "--log", log, "--cpu",
                                  sides.BROKER_CPU, "--settle", settle_s, "--", *broker.command(), env=env)
        except AssertionError as e:
            with open(log, errors="replace") as f:
                raise AssertionError("%s\n%s" % (e, f.read()[-3000:])) from None

    def stop(self, pid, sig=signal.SIGTERM):
        os.kill(pid, sig)
        harness.wait_for("the broker to end", lambda: not os.path.exists("/proc/%d" % pid))

    def gen(self, bench, broker, pid, command, *args, **options):
        words = [sides.GEN, command, "--at", broker.bootstrap, "--pid", pid]
        for key, value in {"data": bench.data, "time_ms": bench.time_ms, **options}.items():
            words += ["--" + key.replace("_", "-"), value]
        return sides.run_json(*words, *args)


class Start(Life):
    name = "P15"
    title = "cold start on an empty directory, and what it holds when nobody asks"
    lines = [
        Line("ms from nothing to the first answer", "first_ms", digits=1, ratio_goal=50, absolute_goal=10),
        Line("ms to start again", "again_ms", digits=1, ratio_goal=50, absolute_goal=10),
        Line("MiB resident, idle", "rss_mib", digits=1, ratio_goal=50, absolute_goal=10),
        Line("% of a core, idle", "idle_percent", digits=2),
    ]
    settle_s = 5

    def sample(self, bench, side):
        broker = self.make(bench, side)
        format_s = self.format(bench, side, broker)
        first = self.start(bench, broker, self.settle_s)
        self.stop(first["pid"])
        again = self.start(bench, broker)
        self.stop(again["pid"])
        return {"first_ms": (first["ready_s"] + format_s) * 1e3, "again_ms": again["ready_s"] * 1e3,
                "rss_mib": first["rss_kib"] / 1024, "idle_percent": first["cpu_s"] / first["seconds"] * 100}


class Partitions(Life):
    name = "P11"
    rounds_max = 2
    order = ("kafka", "ottla")
    lines = [
        Line("s to create them", "create_s", absolute_goal=2),
        Line("MiB resident with them", "rss_mib", digits=1, ratio_goal=10),
        Line("KiB for each", "kib_each", digits=1, absolute_goal=16),
    ]

    def __init__(self):
        self.title = "many idle partitions"

    def begin(self, bench):
        self.count = 9999 if bench.thorough else 2000  # with the topic itself, what one request may make
        self.title = "%d idle partitions" % self.count

    def sample(self, bench, side):
        broker = self.make(bench, side)
        self.format(bench, side, broker)
        first = self.start(bench, broker, 2)
        options = dict(topic="many", partitions=self.count)
        made = self.gen(bench, broker, first["pid"], "create", **options)
        time.sleep(3)
        found = self.gen(bench, broker, first["pid"], "find", **options)
        self.stop(first["pid"], signal.SIGKILL)
        return {"create_s": made["ready_s"], "rss_mib": found["rss_kib"] / 1024,
                "kib_each": (found["rss_kib"] - first["rss_kib"]) / self.count}


class Restart(Life):
    name = "P16"
    rounds_max = 1
    order = ("kafka", "ottla")
    lines = [Line("s from kill -9 to all of it served", "again_s", digits=3, ratio_goal=20, absolute_goal=1)]

    def __init__(self):
        self.title = "restart after kill -9"

    def begin(self, bench):
        self.partitions, self.gb = (1000, bench.restart_gb) if bench.thorough else (200, 1)
        self.title = "restart after kill -9, %d GB in %d partitions" % (self.gb, self.partitions)

    def sample(self, bench, side):
        broker = self.make(bench, side)
        self.format(bench, side, broker)
        first = self.start(bench, broker)
        options = dict(topic="kept", partitions=self.partitions)
        config = ["--config", "flush.before.ack=false"] if side is bench.ottla else []
        self.gen(bench, broker, first["pid"], "create", *config, **options)
        made = self.gen(bench, broker, first["pid"], "produce", **options, conns=50, window=2,
                        records=int(self.gb * GB / 1024))
        self.stop(first["pid"], signal.SIGKILL)
        begin = time.monotonic()
        again = self.start(bench, broker)
        found = self.gen(bench, broker, again["pid"], "find", **options)
        again_s = time.monotonic() - begin
        if found["records"] != made["records"]:
            raise AssertionError("%d records of %d are left" % (found["records"], made["records"]))
        self.stop(again["pid"], signal.SIGKILL)
        return {"again_s": again_s}


class IdleConns(Life):
    name = "P12"
    order = ("kafka", "ottla")
    rounds_max = 2
    title = "10,000 connections that do nothing"
    conns = 10000
    lines = [
        Line("MiB resident with them", "rss_mib", digits=1, ratio_goal=10),
        Line("KiB for each", "kib_each", absolute_goal=2),
    ]

    def sample(self, bench, side):
        broker = self.make(bench, side)
        self.format(bench, side, broker)
        first = self.start(bench, broker)
        done = self.gen(bench, broker, first["pid"], "idle", conns=self.conns, settle=2)
        self.stop(first["pid"], signal.SIGKILL)
        return {"rss_mib": done["rss_kib"] / 1024, "kib_each": (done["rss_kib"] - done["before_kib"]) / self.conns}


class IdleAll(Life):
    name = "P18"
    order = ("kafka", "ottla")
    rounds_max = 2
    title = "nothing to do, with 1,000 partitions and 1,000 connections"
    lines = [Line("% of a core", "percent", digits=3, ratio_goal=20, absolute_goal=0.1)]

    def sample(self, bench, side):
        broker = self.make(bench, side)
        self.format(bench, side, broker)
        first = self.start(bench, broker)
        self.gen(bench, broker, first["pid"], "create", topic="many", partitions=1000)
        done = self.gen(bench, broker, first["pid"], "idle", conns=1000, settle=10 if bench.thorough else 5)
        self.stop(first["pid"], signal.SIGKILL)
        return {"percent": done["cpu_s"] / done["seconds"] * 100}
