"""The rows of the benchmark, one class each. To add one: a class with `lines` and what it measures, and its place in ROWS.

A row is measured in rounds. In each round the runner asks for `limit`, Kafka, ottla, ottla, Kafka, `limit`, so that a
machine that drifts drifts for all; each answer is a dict of figures. A line says which figure it shows."""

import dataclasses
import os
import re
import shutil
import signal
import subprocess
import time

import sides
from sides import harness


@dataclasses.dataclass
class Line:
    """One figure of a row. `ratio_goal` says how many times better than Kafka; `share_goal` how much of the limit."""

    text: str
    key: str
    better: str = "less"  # or "more"
    digits: int = 2
    ratio_goal: float = None
    share_goal: float = None
    absolute_goal: float = None  # in the line's unit, ottla's own
    limit_key: str = None


GB, MB = 1e9, 1e6


def per_gb(sample, prefix=""):
    """Figures of a run that moved bytes. `busy` is how much of its core the broker used."""
    return {prefix + "cpu_s_per_gb": sample["cpu_s"] / sample["bytes"] * GB,
            prefix + "mb_per_s": sample["bytes"] / sample["seconds"] / MB,
            prefix + "busy": sample["cpu_s"] / sample["seconds"]}


def syscalls(side, seconds):
    """perf counting the broker's system calls for a while, or None where it may not."""
    if not shutil.which("perf"):
        return None
    return subprocess.Popen(["perf", "stat", "-x,", "-e", "raw_syscalls:sys_enter", "-p", str(side.pid), "--", "sleep",
                             str(seconds)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def counted(process):
    if process is None:
        return None
    found = re.match(r"(\d+),", process.communicate()[1])
    return int(found.group(1)) if found else None


class Row:
    name = title = ""
    lines = []
    needs_brokers = True
    order = ("limit", "kafka", "ottla", "ottla", "kafka", "limit")

    def begin(self, bench):
        pass

    def end(self, bench):
        pass

    def limit(self, bench):
        return {}

    def kafka(self, bench):
        return self.sample(bench, bench.kafka)

    def ottla(self, bench):
        return self.sample(bench, bench.ottla)

    def sample(self, bench, side):
        raise NotImplementedError


class Load(Row):
    """Rows that are driven with the generator: four connections with a partition each."""

    partitions = conns = 4
    window = 5

    def options(self, bench, topic):
        return dict(topic=topic, partitions=self.partitions, conns=self.conns, data=bench.data, time_ms=bench.time_ms)

    def produce(self, bench, side, topic, **more):
        return side.gen("produce", **self.options(bench, topic), window=self.window, **more)

    def consume(self, bench, side, topic, *flags, **more):
        return side.gen("consume", *flags, **self.options(bench, topic), **more)

    def warm(self, bench):
        """Once for all rows: a JVM needs it."""
        if bench.is_warm:
            return
        bench.is_warm = True
        for side in bench.sides:
            with bench.only(side):
                topic, end = bench.topic(), time.monotonic() + bench.warm_s
                while time.monotonic() < end:
                    side.create(topic, self.partitions)
                    done = self.produce(bench, side, topic, acks=1, seconds=min(4, bench.warm_s / 2))
                    self.consume(bench, side, topic, "--full-check", records=done["records"])
                    self.consume(bench, side, topic, seconds=1)
                    self.consume(bench, side, topic, seconds=1, partition_max_bytes=65536)
                    side.delete(topic)


class Produce(Load):
    name = "P1"
    title = "bulk produce: 1 KiB records, 64 KiB batches, 4 connections, 5 requests each on their way"
    lines = [
        Line("broker CPU-s/GB", "cpu_s_per_gb", ratio_goal=6, share_goal=0.6),
        Line("MB/s on one core", "mb_per_s", "more", 0, ratio_goal=3, share_goal=0.6),
        Line("  of its core used", "busy", "more"),
        Line("system calls/MB", "syscalls_per_mb", digits=1, ratio_goal=3, absolute_goal=40),
        Line("synced before the ack, CPU-s/GB", "synced_cpu_s_per_gb"),
        Line("synced before the ack, MB/s", "synced_mb_per_s", "more", 0),
        Line("Java producer, broker CPU-s/GB", "java_cpu_s_per_gb", ratio_goal=6),
        Line("Java producer, MB/s", "java_mb_per_s", "more", 0),
    ]
    page_cache = {"flush.before.ack": "false"}

    def begin(self, bench):
        self.warm(bench)

    def limit(self, bench):
        bench.warm_memory()
        return per_gb(bench.limit("ingest", conns=self.conns, chunk=65536))

    def one(self, bench, side, config, acks=1):
        """A topic that is filled, read back and compared, and deleted."""
        topic = bench.topic()
        bench.warm_memory()
        side.create(topic, self.partitions, **config)
        count = syscalls(side, bench.seconds) if acks == 1 else None
        done = self.produce(bench, side, topic, acks=acks, seconds=bench.seconds)
        calls = counted(count)
        self.consume(bench, side, topic, "--full-check", records=done["records"])
        side.delete(topic)
        figures = per_gb(done)
        if calls:
            figures["syscalls_per_mb"] = calls / done["bytes"] * MB
        return figures

    def java(self, bench, side, config):
        topic, count = bench.topic(), 1000000 if bench.thorough else 300000
        side.create(topic, self.partitions, **config)
        text, cpu_s, _ = side.measured(lambda: harness.run(
            *sides.pinned(sides.CLIENT_CPU, sides.brokers.SCRIPT, "kafka-producer-perf-test", "--topic", topic,
                          "--num-records", str(count), "--record-size", "1024", "--throughput", "-1",
                          "--producer-props", "bootstrap.servers=" + side.broker.bootstrap, "acks=1",
                          "enable.idempotence=false", "batch.size=65536", "linger.ms=5"), timeout=600).decode())
        side.delete(topic)
        rate = float(re.findall(r"([\d.]+) records/sec", text)[-1])
        return {"java_cpu_s_per_gb": cpu_s / (count * 1024) * GB, "java_mb_per_s": rate * 1024 / MB}

    def kafka(self, bench):
        with bench.only(bench.kafka) as side:
            return {**self.one(bench, side, {}), **self.java(bench, side, {})}

    def ottla(self, bench):
        with bench.only(bench.ottla) as side:
            figures = self.one(bench, side, self.page_cache)
            synced = self.one(bench, side, {}, acks=-1)
            figures.update({"synced_" + key: value for key, value in synced.items()})
            return {**figures, **self.java(bench, side, self.page_cache)}


class Requests(Load):
    name = "P2"
    title = "requests of one record of 100 B, 64 connections with one on its way each"
    partitions = conns = 64
    window = 1
    lines = [
        Line("broker CPU-us a request", "cpu_us", ratio_goal=5, share_goal=0.5),
        Line("requests/s on one core", "per_s", "more", 0, ratio_goal=5, share_goal=0.5),
        Line("  of its core used", "busy", "more"),
    ]
    request_bytes = 250  # of an echo as long as these requests

    def options(self, bench, topic):
        return dict(super().options(bench, topic), value_bytes=100, batch_bytes=1)

    def begin(self, bench):
        self.warm(bench)
        for side in bench.sides:  # what the JVM learned from large requests does not help it with small ones
            with bench.only(side):
                end = time.monotonic() + bench.warm_s
                while time.monotonic() < end:
                    self.one(bench, side)

    def limit(self, bench):
        done = bench.limit("echo", conns=self.conns, chunk=self.request_bytes)
        return self.figures(done, done["bytes"] / self.request_bytes)

    def figures(self, done, requests):
        return {"cpu_us": done["cpu_s"] / requests * 1e6, "per_s": requests / done["seconds"],
                "busy": done["cpu_s"] / done["seconds"]}

    def one(self, bench, side):
        topic = bench.topic()
        side.create(topic, self.partitions, **(Produce.page_cache if side is bench.ottla else {}))
        done = self.produce(bench, side, topic, acks=1, seconds=bench.seconds)
        self.consume(bench, side, topic, "--full-check", records=done["records"])
        side.delete(topic)
        return self.figures(done, done["requests"])

    def sample(self, bench, side):
        with bench.only(side):
            return self.one(bench, side)


class Consume(Load):
    name = "P5"
    title = "hot tail consume: what was just written, 4 connections"
    lines = [
        Line("fetches of 64 KiB, broker CPU-s/GB", "small_cpu_s_per_gb", ratio_goal=2.5, share_goal=0.7),
        Line("fetches of 64 KiB, MB/s on one core", "small_mb_per_s", "more", 0),
        Line("  of its core used", "small_busy", "more"),
        Line("fetches of 1 MiB, broker CPU-s/GB", "cpu_s_per_gb", ratio_goal=2.5, share_goal=0.7),
        Line("fetches of 1 MiB, MB/s on one core", "mb_per_s", "more", 0),
        Line("  of its core used", "busy", "more"),
        Line("Java consumer, broker CPU-s/GB", "java_cpu_s_per_gb", ratio_goal=2.5),
    ]

    def begin(self, bench):
        self.warm(bench)

    def limit(self, bench):
        def best(chunk):
            ways = [per_gb(bench.limit(mode, conns=self.conns, chunk=chunk, send_buffer=buffer))
                    for mode, buffer in (("send", 0), ("send", 102400), ("copy", 0))]
            return min(ways, key=lambda figures: figures["cpu_s_per_gb"])

        return {**best(1 << 20), **{"small_" + key: value for key, value in best(65536).items()}}

    def java(self, side, topic, count):
        """The consumer of one assigned partition; groups have rows of their own."""
        _, cpu_s, _ = side.measured(lambda: harness.run(
            *sides.pinned(sides.CLIENT_CPU, sides.brokers.SCRIPT, "kafka-console-consumer", "--bootstrap-server",
                          side.broker.bootstrap, "--topic", topic, "--partition", "0", "--offset", "earliest",
                          "--max-messages", str(count), "--timeout-ms", "60000", "--formatter",
                          "org.apache.kafka.tools.consumer.NoOpMessageFormatter"), timeout=600))
        return {"java_cpu_s_per_gb": cpu_s / (count * 1024) * GB}

    def sample(self, bench, side):
        """Of a topic that was just written: elsewhere the machine may have taken its memory away."""
        topic = bench.topic()
        with bench.only(side):
            side.create(topic, self.partitions, **(Produce.page_cache if side is bench.ottla else {}))
            made = self.produce(bench, side, topic, acks=1, records=600000)["records"]
            self.consume(bench, side, topic, "--full-check", records=made)
            large = self.consume(bench, side, topic, seconds=bench.seconds)
            small = self.consume(bench, side, topic, seconds=bench.seconds, partition_max_bytes=65536)
            java = self.java(side, topic, made // self.partitions // 2)  # not all partitions have as many
            side.delete(topic)
        return {**per_gb(large), **per_gb(small, "small_"), **java}


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
        words = [sides.GEN, command, "--at", broker.bootstrap, "--pid", pid, "--data", bench.data, "--time-ms",
                 bench.time_ms]
        for key, value in options.items():
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
    order = ("kafka", "ottla")
    lines = [Line("s from kill -9 to all of it served", "again_s", digits=3, ratio_goal=20, absolute_goal=1)]

    def __init__(self):
        self.title = "restart after kill -9"

    def begin(self, bench):
        self.partitions, self.gb = (1000, 20) if bench.thorough else (200, 1)
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


ROWS = {row.name: row for row in (Produce, Requests, Consume, Partitions, Start, Restart)}
DEFAULT = ("P1", "P2", "P5", "P15")
