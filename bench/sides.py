"""The two brokers that are compared, and the programs that load them. Both stay up for a whole run; the one that is not
measured is stopped (SIGSTOP), so that neither disturbs the other."""

import contextlib
import glob
import json
import mmap
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path.insert(0, os.path.join(ROOT, "test", "peers"))
import brokers  # noqa: E402  (puts the end-to-end harness on the path, too)
import harness  # noqa: E402

BUILD = os.path.join(ROOT, "build-bench")
GEN = os.path.join(BUILD, "bench", "ottla-gen")
LIMIT = os.path.join(BUILD, "bench", "ottla-limit")
BROKER_CPU, CLIENT_CPU = 0, 1
JVM = "-server -XX:+UseG1GC -XX:MaxGCPauseMillis=20"
HEAP = "-Xms1g -Xmx1g"
BEHIND = ("chrt", "-o", "0", "nice", "-n", "10")
LOADS = ("produce", "consume", "stream", "commit", "rebalance")
DATA_SUFFIXES = (".c", ".h", ".md", ".py", ".msg", ".def")


def pinned(cpu, *command):
    return ["taskset", "-c", str(cpu), *command]


def run_json(*command, **more):
    """A program on the clients' core; what it says as an object."""
    return json.loads(harness.run(*pinned(CLIENT_CPU, *map(str, command)), timeout=1800, **more))


def cpu_seconds(pid):
    """The processor time of another process, to the nanosecond: its own clock."""
    return time.clock_gettime((~pid << 3) | 2)


def cores_are_two():
    return len(os.sched_getaffinity(0)) >= 2


class Side:
    """A broker under measurement; `box` holds everything that it writes."""

    name = ""
    for_pauses = {}  # settings of a broker that stands still at times

    def __init__(self, box):
        self.box = box
        self.broker = None

    def make(self, data_dir, **overrides):
        raise NotImplementedError

    def up(self):
        self.broker = self.make(os.path.join(self.box, self.name), **self.for_pauses).start()

    def down(self):
        if self.broker:
            self.resume()
            self.broker.stop()
            self.broker = None

    @property
    def pid(self):
        return self.broker.process.pid

    def pause(self):
        if self.broker:
            os.kill(self.pid, signal.SIGSTOP)

    def resume(self):
        os.kill(self.pid, signal.SIGCONT)

    recorder = None  # of stacks while the generator runs: a context

    def gen(self, command, *args, is_behind=False, **options):
        """ottla-gen against this broker; behind: whoever else shares the core goes first."""
        words = [GEN, command, "--at", self.broker.bootstrap, "--pid", self.pid]
        for key, value in options.items():
            words += ["--" + key.replace("_", "-"), value]
        is_measured = command in LOADS and "--full-check" not in args
        with self.recorder(self.pid) if self.recorder and is_measured else contextlib.nullcontext():
            return run_json(*(BEHIND if is_behind else ()), *words, *args)

    def create(self, topic, partitions=1, **config):
        words = []
        for key, value in {"retention.ms": -1, "file.delete.delay.ms": 100, **config}.items():
            words += ["--config", "%s=%s" % (key, value)]
        return self.gen("create", *words, topic=topic, partitions=partitions)

    def delete(self, topic):
        """Returns when its files are gone, so that the next run has their memory."""
        self.gen("delete", topic=topic)
        pattern = os.path.join(self.broker.dir, glob.escape(topic) + "*")
        harness.wait_for("the files of %s to go" % topic, lambda: not glob.glob(pattern), every_s=0.05)

    def measured(self, work):
        """(what work() returned, seconds of processor, seconds)"""
        cpu, wall = cpu_seconds(self.pid), time.monotonic()
        result = work()
        return result, cpu_seconds(self.pid) - cpu, time.monotonic() - wall


class Kafka(Side):
    name = "kafka"
    for_pauses = {"broker.session.timeout.ms": 3600000}

    def make(self, data_dir, **overrides):
        overrides = {"log.initial.task.delay.ms": 1000, "log.segment.delete.delay.ms": 100,
                     "auto.create.topics.enable": "false", **overrides}
        return brokers.ApacheKafka(heap=HEAP, jvm=JVM, data_dir=data_dir, overrides=overrides,
                                   wrap=pinned(BROKER_CPU))


class Ottla(Side):
    name = "ottla"

    def make(self, data_dir, **overrides):
        os.environ["OTTLA"] = os.path.join(BUILD, "src", "ottla")
        overrides = {"auto.create.topics.enable": "false", **overrides}
        return harness.Ottla(data_dir=data_dir, overrides=overrides, wrap=pinned(BROKER_CPU))


class Bench:
    """What rows need: sides, limits, data, and how thorough this run is."""

    def __init__(self, box, thorough):
        self.box = box
        self.thorough = thorough
        self.kafka, self.ottla = Kafka(box), Ottla(box)
        self.sides = [self.kafka, self.ottla]
        self.recorder = None
        self.restart_gb = 1
        self.seconds = 2 if thorough else 1.5
        self.warm_s = 60 if thorough else 10
        self.data = os.path.join(box, "data")
        self.time_ms = int(time.time() * 1000)
        self.counter = 0
        self.is_warm = False
        self.write_data()

    def write_data(self):
        """Real text to make records of: the tree's own."""
        names = harness.run("git", "ls-files", "src", "def", "doc", "gen", "test", cwd=ROOT).decode().split()
        with open(self.data, "wb") as out:
            for name in sorted(names):
                if name.endswith(DATA_SUFFIXES):
                    with open(os.path.join(ROOT, name), "rb") as f:
                        shutil.copyfileobj(f, out)

    def warm_memory(self, gib=2):
        """A virtual machine gets memory from its host at the first touch, which is dear and has nothing to do with
        brokers: this much is touched and given back."""
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_POPULATE", 0x8000)
        mmap.mmap(-1, gib << 30, flags=flags).close()

    def topic(self):
        self.counter += 1
        return "bench-%d-%d" % (os.getpid(), self.counter)

    def limit(self, mode, **options):
        words = [LIMIT, mode, self.box, "--seconds", str(self.seconds)]
        for key, value in options.items():
            words += ["--" + key.replace("_", "-"), str(value)]
        with self.quiet():
            return json.loads(harness.run(*words))

    def decode(self, codec, **options):
        """What only to decompress takes on the brokers' core."""
        words = [GEN, "decode", "--data", self.data, "--codec", codec, "--seconds", str(self.seconds / 2)]
        for key, value in options.items():
            words += ["--" + key.replace("_", "-"), str(value)]
        with self.quiet():
            return json.loads(harness.run(*pinned(BROKER_CPU, *words)))

    @contextlib.contextmanager
    def quiet(self):
        for side in self.sides:
            side.pause()
        yield

    @contextlib.contextmanager
    def only(self, side):
        """All but this one stand still."""
        for other in self.sides:
            if other is not side:
                other.pause()
        side.resume()
        yield side

    def warm(self, work):
        """Kafka does that work until its JVM has compiled it; the other side once."""
        for side in self.sides:
            with self.only(side):
                end = time.monotonic() + (self.warm_s if side is self.kafka else 0)
                work(side)
                while time.monotonic() < end:
                    work(side)

    @contextlib.contextmanager
    def seen(self, row, who):
        """Where a flame graph is wanted: ottla is looked at while it works."""
        if self.recorder and who == "ottla":
            self.ottla.recorder = lambda pid: self.recorder.recording(row, pid)
        yield
        self.ottla.recorder = None

    def up(self):
        for side in self.sides:
            if side.broker is None:
                side.up()

    def down(self):
        for side in self.sides:
            side.down()

    close = down


def commit():
    """Of this tree, with a + when it was changed since."""
    def git(*words):
        return harness.run("git", *words, cwd=ROOT).decode().strip()
    return git("rev-parse", "--short", "HEAD") + ("+" if git("status", "--porcelain", "--untracked-files=no") else "")


def kafka_version():
    return os.environ.get("KAFKA_VERSION", "4.3.1")


def machine():
    """Words for what this ran on."""
    with open("/proc/cpuinfo") as f:
        model = re.search(r"model name\s*: (.*)", f.read())
    with open("/proc/sys/net/ipv4/tcp_congestion_control") as f:
        tcp = f.read().strip()
    return {"cpus": os.cpu_count(), "model": model.group(1) if model else platform.machine(),
            "kernel": platform.release().split("-")[0], "tcp": tcp,
            "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)}
