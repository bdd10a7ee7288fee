"""Rows of bulk and of small requests: the generator keeps a few connections full."""

import re

import sides
from rows.base import GB, MB, PAGE_CACHE, Line, Row, counted, per_gb, syscalls
from sides import harness


def best_send(bench, conns, chunk, prefix=""):
    """The cheapest way to give away bytes of a file in answers of that size."""
    ways = [per_gb(bench.limit(mode, conns=conns, chunk=chunk, send_buffer=buffer), prefix)
            for mode, buffer in (("send", 0), ("send", 102400), ("copy", 0))]
    return min(ways, key=lambda figures: figures[prefix + "cpu_s_per_gb"])


def page_cache(bench, side):
    """Settings of a topic whose records are acknowledged from the page cache, as Kafka does."""
    return PAGE_CACHE if side is bench.ottla else {}


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
        topic = bench.topic()

        def once(side):
            side.create(topic, self.partitions)
            done = self.produce(bench, side, topic, acks=1, seconds=min(4, bench.warm_s / 3))
            self.consume(bench, side, topic, "--full-check", records=done["records"])
            self.consume(bench, side, topic, seconds=1)
            self.consume(bench, side, topic, seconds=1, partition_max_bytes=65536)
            side.delete(topic)
        bench.warm(once)


class Produce(Load):
    name = "P1"
    title = "bulk produce: 1 KiB records, 64 KiB batches, 4 connections, 5 requests each on their way"
    lines = [
        Line("broker CPU-s/GB", "cpu_s_per_gb", ratio_goal=6, share_goal=0.6),
        Line("MB/s on one core", "mb_per_s", "more", 0, ratio_goal=3, share_goal=0.6),
        Line("  of its core used", "busy", "more"),
        Line("synced before the ack, CPU-s/GB", "synced_cpu_s_per_gb"),
        Line("synced before the ack, MB/s", "synced_mb_per_s", "more", 0),
        Line("Java producer, broker CPU-s/GB", "java_cpu_s_per_gb", ratio_goal=6),
        Line("Java producer, MB/s", "java_mb_per_s", "more", 0),
    ]
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
        done = self.produce(bench, side, topic, acks=acks, seconds=bench.seconds)
        self.consume(bench, side, topic, "--full-check", records=done["records"])
        side.delete(topic)
        return per_gb(done)

    def java(self, bench, side, config):
        if not bench.thorough:
            return {}
        topic, count = bench.topic(), 1000000
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
            figures = self.one(bench, side, PAGE_CACHE)
            synced = self.one(bench, side, {}, acks=-1)
            figures.update({"synced_" + key: value for key, value in synced.items()})
            return {**figures, **self.java(bench, side, PAGE_CACHE)}


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
        bench.warm(lambda side: self.one(bench, side))  # large requests taught the JVM nothing of small ones

    def limit(self, bench):
        done = bench.limit("echo", conns=self.conns, chunk=self.request_bytes)
        return self.figures(done, done["bytes"] / self.request_bytes)

    def figures(self, done, requests):
        return {"cpu_us": done["cpu_s"] / requests * 1e6, "per_s": requests / done["seconds"],
                "busy": done["cpu_s"] / done["seconds"]}

    def one(self, bench, side):
        topic = bench.topic()
        side.create(topic, self.partitions, **page_cache(bench, side))
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
        return {**best_send(bench, self.conns, 1 << 20), **best_send(bench, self.conns, 65536, "small_")}

    def java(self, bench, side, topic, count):
        """The consumer of one assigned partition; groups have rows of their own."""
        if not bench.thorough:
            return {}
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
            side.create(topic, self.partitions, **page_cache(bench, side))
            made = self.produce(bench, side, topic, acks=1, records=600000)["records"]
            self.consume(bench, side, topic, "--full-check", records=made)
            large = self.consume(bench, side, topic, seconds=bench.seconds)
            small = self.consume(bench, side, topic, seconds=bench.seconds, partition_max_bytes=65536)
            java = self.java(bench, side, topic, made // self.partitions // 2)  # not all partitions have as many
            side.delete(topic)
        return {**per_gb(large), **per_gb(small, "small_"), **java}


class Synced(Load):
    name = "P4"
    title = "synced before the acknowledgement: Kafka's flush.messages=1, ottla's default; acks=all"
    partitions, conns, window = 1, 64, 1
    record_bytes = 1024
    lines = [
        Line("64 connections, one partition: requests/s", "per_s", "more", 0, ratio_goal=5, share_goal=0.8),
        Line("  broker CPU-us a request", "cpu_us", digits=1),
        Line("bulk as in P1: MB/s", "bulk_mb_per_s", "more", 0, ratio_goal=5, share_goal=0.8),
        Line("  broker CPU-s/GB", "bulk_cpu_s_per_gb"),
    ]

    def begin(self, bench):
        self.bulk = Produce()
        self.bulk.warm(bench)

    def limit(self, bench):
        small = bench.limit("commit", conns=self.conns, files=self.partitions, chunk=self.record_bytes + 150)
        requests = small["bytes"] / (self.record_bytes + 150)
        bench.warm_memory()
        bulk = bench.limit("commit", conns=Produce.conns, files=Produce.conns, chunk=65536)
        return {"per_s": requests / small["seconds"], "cpu_us": small["cpu_s"] / requests * 1e6, **per_gb(bulk, "bulk_")}

    def sample(self, bench, side):
        config = {} if side is bench.ottla else {"flush.messages": 1}
        with bench.only(side):
            topic = bench.topic()
            side.create(topic, self.partitions, **config)
            options = {**self.options(bench, topic), "value_bytes": self.record_bytes, "batch_bytes": 1}
            done = side.gen("produce", "--shared", **options, acks=-1, seconds=bench.seconds)
            side.gen("consume", "--shared", "--full-check", **{**options, "conns": 1}, records=done["records"])
            side.delete(topic)
            bulk = self.bulk.one(bench, side, config, acks=-1)
        return {"per_s": done["requests"] / done["seconds"], "cpu_us": done["cpu_s"] / done["requests"] * 1e6,
                **{"bulk_" + key: value for key, value in bulk.items()}}


class Compressed(Load):
    name = "P9"
    title = "compressed produce: records of 100 B in batches of 64 KiB before compression; a GB of what they say"
    codecs = ("lz4", "zstd")
    lines = [line for codec in codecs for line in (
        Line(codec + ", broker CPU-s/GB", codec + "_cpu_s_per_gb", ratio_goal=3),
        Line(codec + ", MB/s on one core", codec + "_mb_per_s", "more", 0),
        Line("  of its core used", codec + "_busy", "more"),
        Line("  batches that were compressed again", codec + "_changed", digits=0, absolute_goal=0))]

    def begin(self, bench):
        self.warm(bench)
        bench.warm(lambda side: self.sample(bench, side))

    def limit(self, bench):
        """What the codec's library takes, and the ingestion of what was sent."""
        figures = {}
        for codec in self.codecs:
            done = bench.decode(codec, value_bytes=100)
            bench.warm_memory()
            ingest = bench.limit("ingest", conns=self.conns, chunk=done["sent_bytes"])
            figures[codec + "_cpu_s_per_gb"] = (done["cpu_s"] / done["bytes"] +
                                                ingest["cpu_s"] / ingest["bytes"] * done["share"]) * GB
        return figures

    def one(self, bench, side, codec):
        """A batch that was compressed again would come back with other bytes."""
        topic = bench.topic()
        side.create(topic, self.partitions, **page_cache(bench, side))
        done = self.produce(bench, side, topic, acks=1, seconds=bench.seconds, codec=codec, value_bytes=100)
        back = self.consume(bench, side, topic, "--full-check", "--may-change", codec=codec, value_bytes=100,
                            records=done["records"])
        side.delete(topic)
        return {**per_gb(done, codec + "_"), codec + "_changed": back["changed"]}

    def sample(self, bench, side):
        figures = {}
        with bench.only(side):
            for codec in self.codecs:
                figures.update(self.one(bench, side, codec))
        return figures


class Calls(Load):
    name = "P17"
    title = "system calls, counted by the kernel (perf stat)"
    rounds_max = 2
    order = ("kafka", "ottla")
    lines = [
        Line("bulk produce, calls/MB", "produce_per_mb", digits=1, ratio_goal=3, absolute_goal=40),
        Line("fetches of 64 KiB, calls/MB", "small_per_mb", digits=1, ratio_goal=3),
        Line("fetches of 1 MiB, calls/MB", "large_per_mb", digits=1, ratio_goal=3),
        Line("requests of one record, calls each", "request", digits=1, ratio_goal=3),
    ]

    def begin(self, bench):
        self.small = Requests()
        self.warm(bench)

    def count(self, bench, side, work):
        """System calls of the broker while the load runs, and what the load was."""
        perf = syscalls(side, bench.seconds + 0.5)
        done = work()
        return counted(perf), done

    def sample(self, bench, side):
        topic, tiny, seconds = bench.topic(), bench.topic(), {"seconds": bench.seconds}
        config = page_cache(bench, side)
        with bench.only(side):
            side.create(topic, self.partitions, **config)
            side.create(tiny, self.small.partitions, **config)
            loads = {
                "produce_per_mb": lambda: self.produce(bench, side, topic, acks=1, **seconds),
                "small_per_mb": lambda: self.consume(bench, side, topic, partition_max_bytes=65536, **seconds),
                "large_per_mb": lambda: self.consume(bench, side, topic, **seconds),
                "request": lambda: self.small.produce(bench, side, tiny, acks=1, **seconds)}
            figures = {}
            for key, work in loads.items():
                calls, done = self.count(bench, side, work)
                if calls is not None:
                    figures[key] = calls / (done["requests"] if key == "request" else done["bytes"] / MB)
            side.delete(topic)
            side.delete(tiny)
        return figures
