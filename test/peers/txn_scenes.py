"""Transactions of libottla beside Apache Kafka's own clients: what one writes the other reads, all of it or nothing.

Each scene is a function of the driver (interop.py) and a topic of its own. They need a broker with a transaction
coordinator, so far Apache Kafka."""

import base64
import json
import os

import brokers
import harness
import kcat
from check import check

BUILD = os.path.join(brokers.ROOT, "build")
CLIENT_TXN = os.environ.get("CLIENT_TXN") or os.path.join(BUILD, "test", "e2e", "client_txn")
CLIENT_RECORDS = os.environ.get("CLIENT_RECORDS") or os.path.join(BUILD, "test", "e2e", "client_records")
COPY_LOOP = os.path.join(BUILD, "examples", "copy_loop")
PARTITIONS = 3


class At:
    """A broker as the kcat module wants one."""

    def __init__(self, bootstrap):
        self.bootstrap = bootstrap


def ours(driver, what, txn_id, *args, bootstrap=None, timeout=120):
    out = harness.run(CLIENT_TXN, what, bootstrap or driver.bootstrap, txn_id, *map(str, args), timeout=timeout)
    return out.decode().splitlines()


def write(driver, txn_id, topic, first, count, how, *settings, **kw):
    said = ours(driver, "write", txn_id, topic, PARTITIONS, first, count, how, *settings, **kw)
    check(said[-1:] == [how + " NONE"], "said", said[-3:])


def java_reads(driver, topic, isolation):
    out = driver.admin.call("dump", driver.bootstrap, topic=topic, prop="isolation.level=" + isolation)
    check(out[-1].get("left") == 0, "did not reach the end", out[-1])
    return sorted(int(base64.b64decode(r["v"])) for r in out if "v" in r)


def librdkafka_reads(driver, topic):
    return sorted(int(g.value) for g in kcat.consume(At(driver.bootstrap), topic, "-X", "isolation.level=read_committed"))


def ours_reads(driver, topic):
    out = harness.run(CLIENT_RECORDS, "consume", driver.bootstrap, topic, str(PARTITIONS), "earliest",
                      "isolation.level=read_committed", timeout=60)
    return sorted(int(bytes.fromhex(line.split()[4])) for line in out.decode().splitlines())


def same(got, want, who):
    check(got == sorted(want), who, "read", len(got), "records instead of", len(want), "; more:",
          sorted(set(got) - set(want))[:5], "less:", sorted(set(want) - set(got))[:5])


def all_read(driver, topic, want):
    same(java_reads(driver, topic, "read_committed"), want, "Java")
    same(librdkafka_reads(driver, topic), want, "librdkafka")
    same(ours_reads(driver, topic), want, "libottla")


def ours_to_theirs(driver, topic, *settings):
    """Committed, aborted, committed again by the same producer's name, and one that stays open."""
    driver.create([topic], partitions=PARTITIONS)
    write(driver, topic, topic, 0, 300, "commit", *settings)
    write(driver, topic, topic, 300, 300, "abort", *settings)
    write(driver, topic, topic, 600, 2000, "commit", "batch.size=1000", *settings)
    want = list(range(300)) + list(range(600, 2600))
    all_read(driver, topic, want)
    write(driver, topic + "-open", topic, 5000, 30, "open", *settings)
    all_read(driver, topic, want)
    check(len(java_reads(driver, topic, "read_uncommitted")) == 2630, "what is open and aborted is not there")
    write(driver, topic + "-open", topic, 6000, 30, "commit", *settings)  # which ends the open one
    all_read(driver, topic, want + list(range(6000, 6030)))


def compressed(driver, topic):
    ours_to_theirs(driver, topic, "compression.type=zstd")


def theirs_to_ours(driver, topic):
    driver.create([topic], partitions=PARTITIONS)
    for first, how in ((0, "commit"), (100, "abort"), (200, "commit")):
        lines = "".join("%d\t-\t-\t%s\t-\n" % (i % PARTITIONS, base64.b64encode(b"%d" % i).decode())
                        for i in range(first, first + 100))
        driver.admin.call("produce", driver.bootstrap, topic=topic, txn=topic, end=how, stdin=lines)
    want = list(range(100)) + list(range(200, 300))
    same(ours_reads(driver, topic), want, "libottla")
    same(java_reads(driver, topic, "read_committed"), want, "Java")


def fenced(driver, topic):
    driver.create([topic])
    said = ours(driver, "fence", topic, topic)
    check(said == ["commit PRODUCER_FENCED fatal", "begin PRODUCER_FENCED fatal", "commit NONE"], said)


def offsets(driver, topic):
    """A group's offset goes with the transaction; who is no member aborts and goes on."""
    driver.create([topic])
    said = ours(driver, "offsets", topic, topic, topic + "-group", "", 5)
    check(said == ["offsets NONE", "commit NONE"], said)
    out = brokers.tool("kafka-consumer-groups", "--bootstrap-server", driver.bootstrap, "--describe",
                       "--group", topic + "-group")
    row = [line.split() for line in out.splitlines() if topic in line and "GROUP" not in line][-1]
    check(row[3] == "5", out)
    said = ours(driver, "offsets", topic, topic, topic + "-group", "nobody", 6)
    said = [line for line in said if not line.startswith("failed ")]  # the record, where it was not under way yet
    check(said == ["offsets UNKNOWN_MEMBER_ID abortable", "commit UNKNOWN_MEMBER_ID abortable", "abort NONE",
                   "begin NONE"], said)


def copied(driver, topic):
    """The example: consume, transform, produce; ended and begun again it copies each record once."""
    source, target = topic + "-in", topic + "-out"
    driver.create([source, target], partitions=PARTITIONS)
    write(driver, topic, source, 0, 3000, "commit")
    write(driver, topic, source, 3000, 100, "abort")
    there = []
    for limit in (1000, 1500, 3000):
        left = limit - len(there)
        if left > 0:
            harness.run(COPY_LOOP, driver.bootstrap, source, target, topic + "-group", str(left), timeout=120)
        there = java_reads(driver, target, "read_committed")
    same(there, range(3000), "Java")


def cut(driver, topic, proxy, port):
    """Connections are cut and answers lost under transactions: each commits once."""
    driver.create([topic], partitions=PARTITIONS)
    proxy.hurt(driver.args.seed, driver.args.quiet_bytes // 6)
    try:
        for i in range(8):
            write(driver, topic, topic, i * 500, 500, "abort" if i % 4 == 3 else "commit", "batch.size=2000",
                  "request.timeout.ms=5000", bootstrap="127.0.0.1:%d" % port)
    finally:
        cuts = proxy.calm()
    want = [i for i in range(4000) if i // 500 % 4 != 3]
    same(java_reads(driver, topic, "read_committed"), want, "Java")
    check(sum(cuts.values()) > 0, "nothing was cut")
    return json.dumps(cuts)


def numbers(text):
    return sorted(map(int, text.split()))


def tools(driver, topic):
    """console-consumer and consume with records that were committed, aborted, and are not decided yet."""
    driver.create([topic], partitions=PARTITIONS)
    write(driver, topic, topic, 0, 90, "commit")
    write(driver, topic, topic, 90, 60, "abort", "batch.size=500")
    write(driver, topic, topic, 150, 30, "commit")
    write(driver, topic + "-open", topic, 500, 30, "open")
    committed = list(range(90)) + list(range(150, 180))
    everything = list(range(180)) + list(range(500, 530))

    at = ("--bootstrap-server", driver.bootstrap, "--topic", topic, "--from-beginning", "--timeout-ms", "9000")
    for words, want in (((), everything), (("--isolation-level", "read_uncommitted"), everything),
                        (("--isolation-level", "read_committed"), committed),
                        (("--command-property", "isolation.level=read_committed"), committed)):
        got = harness.run(harness.ottla(), "console-consumer", *at, *words).decode()
        same(numbers(got), want, "ottla console-consumer " + " ".join(words))
        if words[:1] != ("--command-property",):
            same(numbers(brokers.tool("kafka-console-consumer", *at, *words)), want, "kafka-console-consumer")
    for words, want in (((), everything), (("-X", "isolation.level=read_committed"), committed)):
        consume = (harness.ottla(), "consume", "-b", driver.bootstrap, topic, *words)
        same(numbers(harness.run(*consume, "-e", timeout=60).decode()), want, "ottla consume -e")
        same(numbers(harness.run(*consume, "-n", str(len(want))).decode()), want, "ottla consume -n")
        same(numbers(harness.run(*consume, "-o", ":end", timeout=60).decode()), want, "ottla consume -o")
    write(driver, topic + "-open", topic, 600, 3, "commit")  # which ends the open one
    got = harness.run(harness.ottla(), "console-consumer", *at, "--isolation-level", "read_committed").decode()
    same(numbers(got), committed + [600, 601, 602], "ottla console-consumer")


def perf(driver, topic):
    """producer-perf-test in transactions: by their id, and by how long each is."""
    driver.create([topic])
    for words in (("--transactional-id", topic), ("--transaction-duration-ms", "200")):
        out = harness.run(harness.ottla(), "producer-perf-test", "--bootstrap-server", driver.bootstrap, "--topic", topic,
                          "--num-records", "500", "--record-size", "10", "--throughput", "500", *words).decode()
        check("500 records sent" in out, out)
    got = harness.run(harness.ottla(), "consume", "-b", driver.bootstrap, topic, "-X", "isolation.level=read_committed", "-e")
    check(len(got.split()) == 1000, len(got.split()), "records are committed")
    end = harness.run(harness.ottla(), "get-offsets", "--bootstrap-server", driver.bootstrap, "--topic", topic)
    check(int(end.split(b":")[2]) > 1002, "no markers of several transactions:", end)


def set_version(driver, level):
    how = "upgrade" if level == 2 else "downgrade"
    brokers.tool("kafka-features", "--bootstrap-server", driver.bootstrap, how, "--feature",
                 "transaction.version=%d" % level)


def of_version_1(driver, topic):
    """The same with a cluster that has transactions of the older kind, and across the upgrade."""
    set_version(driver, 1)
    try:
        ours_to_theirs(driver, topic)
        fenced(driver, topic + "-fenced")
        offsets(driver, topic + "-offsets")
    finally:
        set_version(driver, 2)
    write(driver, topic, topic, 7000, 10, "commit")


SCENES = (ours_to_theirs, compressed, theirs_to_ours, fenced, offsets, copied, tools, perf, of_version_1)
