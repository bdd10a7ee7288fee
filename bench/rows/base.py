"""What a row of the benchmark is. It is measured in rounds: in each the runner asks for `limit`, Kafka, ottla, ottla,
Kafka, `limit`, so that a machine that drifts drifts for all; each answer is a dict of figures. A line says which figure
it shows."""

import dataclasses
import re
import shutil
import subprocess

GB, MB = 1e9, 1e6
PAGE_CACHE = {"flush.before.ack": "false"}  # what ottla's topics are told for Kafka's durability


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
    rounds_max = 100
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
