"""Rows of a steady rate: how long things take from when they were due, and what readers at the tail cost."""

import glob
import os
import threading
import time

from rows.base import GB, Line, Row
from rows.load import Load, page_cache


BATCH_BYTES = 80  # of a record's batch beside its value


class Stream(Row):
    """One producer at a steady rate on one partition. Small: records of 1 KiB, each in a request unless they are late.
    Large: batches of 64 KiB."""

    small = dict(rate=10000, batch_bytes=1, merge_levels=6, window=5)
    large = dict(rate=300, window=5)
    rounds_max = 3
    settle_s = 1

    def stream(self, bench, side, config, **options):
        topic = bench.topic()
        side.create(topic, 1, **config)
        options.setdefault("seconds", self.settle_s + (5 if bench.thorough else 2))
        done = side.gen("stream", topic=topic, data=bench.data, time_ms=bench.time_ms, settle=self.settle_s, **options)
        side.delete(topic)
        return done

    def warm(self, bench, **options):
        Load().warm(bench)
        bench.warm(lambda side: self.stream(bench, side, page_cache(bench, side),
                                            **{**options, "seconds": bench.warm_s}))


class Delay(Stream):
    name = "P8"
    title = "end to end at 10 MB/s, a request for each record of 1 KiB (linger 0), from when it was due"
    lines = [
        Line("p50, ms", "read_p50_ms", ratio_goal=2),
        Line("p99, ms", "read_p99_ms", ratio_goal=5, absolute_goal=1),
        Line("p99.9, ms", "read_p999_ms", ratio_goal=10),
        Line("to the acknowledgement, p99, ms", "ack_p99_ms"),
        Line("broker CPU-s/GB", "cpu_s_per_gb"),
        Line("synced before it is seen, p50, ms", "synced_read_p50_ms"),
        Line("synced before it is seen, p99, ms", "synced_read_p99_ms"),
    ]

    def begin(self, bench):
        self.warm(bench, **self.small)

    def limit(self, bench):
        """What waking threads, and a machine that stands still, cost with no broker in between."""
        done = bench.limit("relay", rate=self.small["rate"], chunk=1024 + BATCH_BYTES)
        done["cpu_s_per_gb"] = done["cpu_s"] / done["pieces"] / 1024 * GB
        return done

    def one(self, bench, side, config, prefix=""):
        done = self.stream(bench, side, config, **self.small)
        done["cpu_s_per_gb"] = done["cpu_s"] / done["bytes"] * GB
        return {prefix + key: value for key, value in done.items() if key.endswith("_ms") or key == "cpu_s_per_gb"}

    def sample(self, bench, side):
        with bench.only(side):
            figures = self.one(bench, side, page_cache(bench, side))
            if side is bench.ottla:
                figures.update(self.one(bench, side, {}, "synced_"))
        return figures


class FanOut(Stream):
    name = "P6"
    title = "fan-out: 16 readers at the tail of 20 MB/s in batches of 64 KiB"
    readers = 16
    lines = [
        Line("broker CPU-s for a GB read", "cpu_s_per_gb", ratio_goal=3),
        Line("of each further reader, CPU-s/GB", "further_cpu_s_per_gb", ratio_goal=3, share_goal=1 / 1.15),
        Line("until the last reader has it, p99, ms", "read_p99_ms"),
    ]

    def begin(self, bench):
        self.warm(bench, **self.large, readers=self.readers)

    def limit(self, bench):
        """What sending costs to readers that sleep between: with them all, and with one."""
        def paced(conns):
            return bench.limit("send", conns=conns, chunk=65536, pace=self.large["rate"], file_mib=8)
        one, many = paced(1), paced(self.readers)
        each = [done["cpu_s"] / done["seconds"] for done in (one, many)]
        rate = many["bytes"] / many["seconds"]
        return {"further_cpu_s_per_gb": (each[1] - each[0]) / (rate * (self.readers - 1) / self.readers) * GB,
                "cpu_s_per_gb": each[1] / rate * GB}

    def sample(self, bench, side):
        with bench.only(side):
            config = page_cache(bench, side)
            one = self.stream(bench, side, config, **self.large, readers=1)
            many = self.stream(bench, side, config, **self.large, readers=self.readers)
        further = (many["cpu_s"] - one["cpu_s"]) / (self.readers - 1)
        return {"cpu_s_per_gb": many["cpu_s"] / (many["bytes"] * self.readers) * GB,
                "further_cpu_s_per_gb": further / many["bytes"] * GB, "read_p99_ms": many["read_p99_ms"]}


class Beside(Stream):
    name = "P7"
    title = "a producer of 20 MB/s beside a reader that catches up from the disk"
    lines = [
        Line("producer p99, quiet, ms", "quiet_p99_ms"),
        Line("producer p99 beside the reader, ms", "beside_p99_ms", ratio_goal=5),
        Line("  times the quiet one", "times", absolute_goal=1.5),
        Line("the reader, MB/s", "read_mb_per_s", "more", 0),
    ]

    def begin(self, bench):
        self.load, self.topics = Load(), {}
        self.warm(bench, **self.large, readers=0)
        for side in bench.sides:
            with bench.only(side):
                self.topics[side.name] = topic = bench.topic()
                side.create(topic, self.load.partitions, **page_cache(bench, side))
                done = self.load.produce(bench, side, topic, acks=1, records=(2 if bench.thorough else 1) * 1000000)
                self.records = done["records"]

    def end(self, bench):
        for side in bench.sides:
            side.resume()
            side.delete(self.topics[side.name])

    @staticmethod
    def evict(side, topic):
        """Out of the page cache: what is dirty stays, so it is written first."""
        for path in glob.glob(os.path.join(side.broker.dir, glob.escape(topic) + "-*", "*.log")):
            fd = os.open(path, os.O_RDONLY)
            os.fsync(fd)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(fd)

    def read_on(self, bench, side, over, rates):
        """Reads all of it, cold, and again, until the producer has ended; behind the producer where they share a core,
        for it is the broker whose patience is measured."""
        topic = self.topics[side.name]
        while not over.is_set():
            self.evict(side, topic)
            done = self.load.consume(bench, side, topic, records=self.records, is_behind=True)
            rates.append(done["bytes"] / done["seconds"] / 1e6)

    def sample(self, bench, side):
        over, rates = threading.Event(), []
        with bench.only(side):
            self.evict(side, self.topics[side.name])
            config = page_cache(bench, side)
            quiet = self.stream(bench, side, config, **self.large, readers=0)
            reader = threading.Thread(target=self.read_on, args=(bench, side, over, rates))
            reader.start()
            time.sleep(0.2)
            try:
                beside = self.stream(bench, side, config, **self.large, readers=0)
            finally:
                over.set()
                reader.join()
        if not rates:
            raise AssertionError("the reader beside the producer failed")
        return {"quiet_p99_ms": quiet["ack_p99_ms"], "beside_p99_ms": beside["ack_p99_ms"],
                "times": beside["ack_p99_ms"] / quiet["ack_p99_ms"], "read_mb_per_s": rates[0]}
