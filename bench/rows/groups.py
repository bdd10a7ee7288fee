"""The row of consumer groups: offsets that are committed, and a group of many members that all join again."""

from rows.base import Line
from rows.life import Life


class Groups(Life):
    name = "P13"
    title = "groups: offset commits on 50 connections, and a rebalance of 1,000 members"
    rounds_max = 3
    needs_brokers = True
    conns, members = 50, 1000
    lines = [
        Line("commits/s", "per_s", "more", 0, ratio_goal=5),
        Line("broker CPU-us a commit", "cpu_us", digits=1, ratio_goal=5),
        Line("synced before the ack, commits/s", "synced_per_s", "more", 0),
        Line("synced before the ack, CPU-us", "synced_cpu_us", digits=1),
        Line("rebalance, ms beyond the protocol's waits", "rebalance_ms", digits=0, absolute_goal=500),
        Line("rebalance, broker CPU-ms", "rebalance_cpu_ms", digits=0),
    ]

    def begin(self, bench):
        self.groups = 10000 if bench.thorough else 1000
        for side in bench.sides:
            with bench.only(side):
                side.create("commits", 1)
        bench.warm(lambda side: self.commit(bench, side.gen))

    def end(self, bench):
        for side in bench.sides:
            side.resume()
            side.delete("commits")

    def commit(self, bench, gen, prefix=""):
        done = gen("commit", topic="commits", conns=self.conns, groups=self.groups, seconds=bench.seconds,
                   data=bench.data, time_ms=bench.time_ms)
        return {prefix + "per_s": done["requests"] / done["seconds"],
                prefix + "cpu_us": done["cpu_s"] / done["requests"] * 1e6}

    def rebalance(self, gen):
        done = gen("rebalance", topic="commits", conns=self.members)
        return {"rebalance_ms": done["again_s"] * 1e3, "rebalance_cpu_ms": done["cpu_s"] * 1e3}

    def kafka(self, bench):
        with bench.only(bench.kafka) as side:
            return {**self.commit(bench, side.gen), **self.rebalance(side.gen)}

    def ottla(self, bench):
        """By default commits are synced; with Kafka's durability in a broker of its own."""
        with bench.only(bench.ottla) as side:
            figures = {**self.commit(bench, side.gen, "synced_"), **self.rebalance(side.gen)}
        with bench.quiet():
            broker = self.make(bench, bench.ottla, **{"log.flush.before.ack": "false"})
            pid = self.start(bench, broker)["pid"]
            try:
                def gen(command, **options):
                    return self.gen(bench, broker, pid, command, **{**options, "data": bench.data})
                gen("create", topic="commits", partitions=1)
                figures.update(self.commit(bench, gen))
            finally:
                self.stop(pid)
        return figures
