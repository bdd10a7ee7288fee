#!/usr/bin/env python3
"""Makes test/golden/dirs: small data directories that Apache Kafka wrote, each with what Apache Kafka
itself served from it, for test/e2e/test_kafka_dirs.py.

  golden-dirs.py           all of them again (they change: ids, times)"""

import gzip
import io
import json
import os
import sys
import tarfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import brokers  # noqa: E402
import harness  # noqa: E402
import scenes  # noqa: E402
import story  # noqa: E402
from pair import JAVA  # noqa: E402
from peers import CODECS  # noqa: E402

OUT = os.path.join(harness.ROOT, "test", "golden", "dirs")
SMALL = {"log.index.size.max.bytes": 4096, "log.flush.offset.checkpoint.interval.ms": 1000,
         "metadata.log.max.record.bytes.between.snapshots": 3000}
COUNT = 12
KINDS = {"static-stop": ("static", "stop"), "dynamic-kill": ("dynamic", "kill")}


class Small(story.Story):
    """Little of everything."""

    def fill(self):
        c = self.client
        names = ("codecs", "transactions", "compacted", "trimmed", "again")
        for name in names:
            c.create(name, *story.TOPICS[name])
        for p, codec in enumerate(CODECS):
            some = [r for r in scenes.mixed(JAVA, codec, p, 3 * COUNT) if len(r.value or b"") < 500]
            c.write("codecs", some[:COUNT], codec=codec, idempotent=p % 2)
        for i, end in enumerate(("commit", "abort", "commit", "abort")):
            c.write("transactions", self.few("transactions", 2), txn="t%d" % (i % 2), end=end)
        c.write("transactions", [r for r in self.few("open", 2) if r.p == 1], txn=story.OPEN_TXN,
                end="open", prop="transaction.timeout.ms=900000")
        c.write("transactions", self.few("behind", 2))
        self.overwrite()
        c.write("trimmed", self.few("trimmed", 1))
        c.call("trim", topic="trimmed", partition=0, before=5)
        self.begin_again()
        self.wait_until_compacted()
        self.topics = list(names)

    def few(self, seed, partitions):
        return [scenes.Record(p, None, b"k%d" % i, b"%s %d" % (seed.encode(), i))
                for p in range(partitions) for i in range(COUNT // 2)]


def pack(dirs, facts, name):
    """One archive: the directory, and beside it the facts."""
    os.makedirs(OUT, exist_ok=True)
    rows = {"%s %s %d" % (isolation, topic, p): value
            for isolation, parts in facts.items() for (topic, p), value in parts.items()}
    text = json.dumps(rows, sort_keys=True).encode()
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        tar.add(dirs[0], "data", filter=lambda t: None if t.name.endswith(".lock") else t)
        info = tarfile.TarInfo("facts.json")
        info.size = len(text)
        tar.addfile(info, io.BytesIO(text))
    with open(os.path.join(OUT, name + ".tar.gz"), "wb") as f:
        f.write(gzip.compress(raw.getvalue(), 9, mtime=0))


def main():
    brokers.install()
    JAVA.ensure()
    for name, (quorum, how) in KINDS.items():
        small = Small(None, quorum, how, **SMALL)
        small.pair.take("kafka")
        small.fill()
        facts = small.client.facts(small.topics)
        small.pair.drop(how)
        pack(small.pair.dirs, facts, name)
        print(name, os.path.getsize(os.path.join(OUT, name + ".tar.gz")), "bytes", flush=True)


if __name__ == "__main__":
    main()
