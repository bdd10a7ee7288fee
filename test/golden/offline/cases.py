"""The command lines that `ottla dump-log` and `ottla storage` are compared in with Apache Kafka's own tools, and the
files that they are about. Everything is made below the current directory, with relative paths."""

import gzip
import os
import re
import struct
import tarfile
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
DIRS = os.path.join(os.path.dirname(HERE), "dirs")
CLUSTER = "K1tAmjXgThSKI6KZdVX2xA"
SUFFIXES = (".log", ".index", ".timeindex", ".txnindex", ".snapshot", ".checkpoint")
API = "org.apache.kafka.tools.api."

# What differs on purpose: words that the command line has, and why. Only the status is compared then, or not even that.
STATUS_ONLY = {
    "bogus-option": "usage errors are in our words",
    "usage": "usage errors are in our words",
    "nosuch.Decoder": "what is wrong with an option is told before a file is named",
    "--max-bytes x": "what is wrong with an option is told before a file is named",
    "text.log --key-decoder-class " + API + "LongDecoder": "an exception without a message there, a sentence here",
    "--max-message-size": "an exception without a message there, a sentence here",
    "bad/5.index": "an exception without a message there, a sentence here",
    "bad-record.log": "what is wrong within a record is told less finely",
    "gzip-that-is-none.log": "what is wrong within a record is told less finely",
    "no-gzip.log": "what is wrong within a record is told less finely",
    "long-key.log": "an exception without a message there, a sentence here",
    "no-room.log": "an exception without a message there, a sentence here",
    "bad-node-id": "the setting is called by its name",
}
NOT_AT_ALL = {
    "--add-scram": "no SCRAM credentials yet",
    "no-roles": "process.roles has a default here",
}


def write(path, data):
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)


def read(path):
    with open(path, "rb") as f:
        return f.read()


def patched(data, at, new):
    return data[:at] + new + data[at + len(new):]


def make():
    """All files, in the current directory."""
    for name in ("static-stop", "dynamic-kill"):
        with tarfile.open(os.path.join(DIRS, name + ".tar.gz")) as tar:
            tar.extractall(name)
    with tarfile.open(os.path.join(HERE, "topics.tar.gz")) as tar:
        tar.extractall("topics")
    make_logs()
    make_old_logs()
    make_indexes()
    make_state()
    make_configs()


# -- dump-log

TEXT_SECOND_AT = 84  # where the second batch of transactions-0 begins


def make_logs():
    log = read("static-stop/data/transactions-0/%020d.log" % 0)
    at = TEXT_SECOND_AT
    for name, data in {
        "text": log,
        "flipped": patched(log, at + 100, bytes([log[at + 100] ^ 1])),
        "cut": log[:-20],
        "short-length": patched(log, 8, struct.pack(">i", 5)),
        "short-length-later": patched(log, at + 8, struct.pack(">i", 5)),
        "negative-length": patched(log, at + 8, struct.pack(">i", -5)),
        "long-length": patched(log, at + 8, struct.pack(">i", 0x7fffffff)),
        "bad-record": patched(log, at + 65, bytes([log[at + 65] ^ 0x41])),
        "bad-codec": patched(log, at + 22, b"\6"),
        "gzip-that-is-none": patched(log, at + 22, b"\1"),
        "gap": log[at:],
        "zeros": log + bytes(100),
        "few-zeros": log + bytes(12),
        "old-magic": patched(log, at + 16, b"\1"),
        "new-magic": patched(log, at + 16, b"\3"),
        "empty": b"",
        "horizon": patched(log, at + 22, b"\x50"),
        "append-time": patched(log, at + 22, b"\x18"),
        "no-utf8": patched(log, at + 70, b"\xe2\x82\xff\xf0\x9f\x98\xed\xa0\x80\xc3"),
    }.items():
        write("logs/%d.%s.log" % (7, name), data)


def message(off, magic, key, value, ts=0, attrs=0, damage=0):
    """Of the formats before Kafka 0.11."""
    body = struct.pack(">bb", magic, attrs) + (struct.pack(">q", ts) if magic == 1 else b"")
    for x in (key, value):
        body += struct.pack(">i", -1) if x is None else struct.pack(">i", len(x)) + x
    return struct.pack(">qiI", off, len(body) + 4, zlib.crc32(body) ^ damage) + body


def make_old_logs():
    sets = [gzip.compress(message(base, magic, b"k", b"a", 10) + message(base + 1, magic, b"k", b"b", 20), mtime=0)
            for magic, base in ((0, 5), (1, 0))]
    for name, data in {
        "format-0": message(0, 0, b"k", b"v") + message(1, 0, None, b"2") + message(2, 0, b"k", None) +
        message(3, 0, b"k", b"v", damage=1),
        "format-1": message(0, 1, b"k", b"v", 1000) + message(1, 1, None, b"2", 2000, 8) +
        message(2, 1, b"k", None, -1) + message(3, 1, b"k", b"v", 5, damage=1),
        "set-0": message(6, 0, None, sets[0], attrs=1),
        "set-1": message(6, 1, None, sets[1], 20, 1) + message(8, 1, None, sets[1], 77, 9),
        "no-gzip": message(6, 1, None, b"junk", 20, 1),
        "no-set": message(6, 1, None, None, 20, 1),
        "cut-message": message(6, 1, b"k", b"v", 20)[:-1],
        "long-key": patched(message(0, 0, b"k", b"value"), 18, struct.pack(">i", 99)),
        "old-codec": message(0, 1, b"k", b"value", 5, 6),
        "negative-magic": patched(message(0, 0, b"k", b"value"), 16, b"\xfd"),
        "nothing": struct.pack(">qiI", 0, 14, 0) + bytes(2) + b"\xff" * 8,
        "no-room": struct.pack(">qiI", 0, 14, 0) + b"\1" + bytes(9) + b"\xff" * 30,
    }.items():
        write("logs/9.%s.log" % name, data)


def make_indexes():
    log = read("static-stop/data/compacted-0/%020d.log" % 0)
    time = struct.unpack(">qi", read("static-stop/data/compacted-0/%020d.timeindex" % 0))[0]
    indexes = {
        0: struct.pack(">iiii", 50, 0, 100, 14777),
        1: struct.pack(">iiiiii", 118, 14777, 0, 0, 9, 9),
        2: struct.pack(">ii", -5, 0),
        3: struct.pack(">ii", 5, 99999),
        4: struct.pack(">iib", 119, 14777, 1),
        5: struct.pack(">ii", 5, 16755),
        6: struct.pack(">ii", 5, -7),
        7: struct.pack(">ii", 5, 3),
    }
    times = {
        0: struct.pack(">qiqi", time, 119, time - 5, 119),
        1: struct.pack(">qiqi", time, 118, 5, 0),
        2: struct.pack(">qi", time, -5),
        3: struct.pack(">qiqi", time, 100, time + 1, 4000),
        4: struct.pack(">qib", time, 115, 1),
        5: b"",
        6: struct.pack(">qi", time, 0),
        7: struct.pack(">qiqi", 7, 0, 3, 112),
    }
    for n in indexes:
        write("bad/%d.log" % n, log)
        write("bad/%d.index" % n, indexes[n])
        write("bad/%d.timeindex" % n, times[n])


def make_state():
    snapshot = read("static-stop/data/transactions-0/%020d.snapshot" % 34)
    for n, data in enumerate((snapshot, b"\0\2" + snapshot[2:], snapshot[:-1],
                              patched(snapshot, 20, bytes([snapshot[20] ^ 1])), b"", b"\0\1")):
        write("bad/%d.snapshot" % n, data)
    txns = read("static-stop/data/transactions-0/%020d.txnindex" % 0)
    for n, data in enumerate((txns[:-3], b"\0\1" + txns[2:], txns[:34] + b"\0\1" + txns[36:])):
        write("bad/%d.txnindex" % n, data)
    write("odd.properties", b"")


def files_in(top):
    return sorted(os.path.join(d, f) for d, _, names in os.walk(top) for f in names
                  if f.endswith(SUFFIXES) and os.path.basename(d) != "data" or f.endswith(".checkpoint"))


DECODERS = (("__cluster_metadata", "--cluster-metadata-decoder"), ("checkpoint", "--cluster-metadata-decoder"),
            ("__transaction_state", "--transaction-log-decoder"), ("__consumer_offsets", "--offsets-decoder"),
            ("__share_group_state", "--share-group-state-decoder"))


def ways_of(path):
    """The options that a file is worth looking at with."""
    if not path.endswith((".log", ".checkpoint")):
        return [[], ["--verify-index-only"], ["--index-sanity-check"]] if "index" in path else [[]]
    for part, option in DECODERS:
        if part in path:
            return [[option], [option, "--skip-record-metadata"], ["--deep-iteration"]]
    return [[], ["--print-data-log"]]


def dump(*args):
    return ["kafka-dump-log", *args]


def dump_files(top):
    return [dump("--files", path, *way) for path in files_in(top) for way in ways_of(path)]


def dump_options():
    text, gap = "logs/7.text.log", "logs/7.gap.log"
    lists = ("bad/0.index,bad/0.timeindex,bad/1.timeindex,bad/4.timeindex,bad/1.index,bad/0.timeindex",
             "bad/0.index,bad/2.index,bad/4.index,bad/0.timeindex,bad/2.timeindex,bad/6.timeindex",
             gap + ",logs/7.text.log," + gap)
    return [dump(*x.split()) for x in (
        "", "--files", "--files %s --files %s" % (text, gap), "--files %s --bogus-option" % text, "--version",
        "--files %s --max-bytes 200" % text, "--files %s --max-bytes=400 --deep-iteration" % text,
        "--files %s --max-bytes -1" % text, "--files %s --max-bytes 0" % text, "--files %s --max-bytes x" % text,
        "-files %s" % text, "word --files %s" % text,
        "--files %s --print-data-log --skip-record-metadata" % text,
        "--files %s --deep-iteration --skip-record-metadata" % text,
        "--files %s --value-decoder-class" % text,
        *("--files %s --value-decoder-class %sDecoder" % (text, API + t) for t in ("String", "Integer", "Long")),
        "--files %s --key-decoder-class %sLongDecoder" % (text, API),
        "--files %s --print-data-log --value-decoder-class nosuch.Decoder" % text,
        *("--files %s %s" % (text, option) for _, option in DECODERS),
        "--files static-stop/data/codecs-0/%020d.log --offsets-decoder" % 0,
        "--files bad/0.index --max-message-size 30",
        "--files odd.properties,noext,%s" % text, "--files bad//nosuch.log", "--files bad/99.log",
        "--files bad/99.index", "--files bad/99.timeindex", "--files bad/99.snapshot", "--files bad/99.txnindex",
        *("--deep-iteration --files " + x for x in lists),
    )] + [dump("--print-data-log", "--files", os.path.join("logs", x)) for x in sorted(os.listdir("logs"))] + [
        dump("--files", os.path.join("logs", x)) for x in sorted(os.listdir("logs")) if x.startswith("9")] + [
        dump("--offsets-decoder", "--files", "logs/9.format-0.log")]


# -- storage

BASE = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "listeners": "PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093",
    "controller.listener.names": "CONTROLLER",
}
STATIC = {"controller.quorum.voters": "1@127.0.0.1:9093"}
DYNAMIC = {"controller.quorum.bootstrap.servers": "127.0.0.1:9093"}
BROKER = {"process.roles": "broker", "listeners": "PLAINTEXT://127.0.0.1:9092"}
METAS = {
    "no-node": "version=1\ncluster.id=AAA\n",
    "no-cluster": "version=1\nnode.id=1\n",
    "bad-directory": "version=1\ncluster.id=AAA\nnode.id=1\ndirectory.id=zzz\n",
    "more": "version=1\ncluster.id=AAA\nnode.id=1\nfoo=bar\n",
    "bad-version": "version=x\ncluster.id=AAA\nnode.id=1\n",
    "unknown-version": "version=5\n",
    "bad-broker": "version=0\ncluster.id=AAA\nbroker.id=x\n",
    "legacy": "version=0\nbroker.id=3\n",
    "a1": "version=1\ncluster.id=AAA\nnode.id=1\ndirectory.id=ajYjg4-MSfm1WUl3LdsGYw\n",
    "b1": "version=1\ncluster.id=BBB\nnode.id=1\ndirectory.id=1wEm9AQbLet8ydaAfIZ-3Q\n",
    "a2": "version=1\ncluster.id=AAA\nnode.id=2\ndirectory.id=uOjfJNpeQSJJrZPqQ0nDTQ\n",
}


def config(name, *more, **over):
    conf = dict(BASE, **{"log.dirs": over.pop("dirs", "d/" + name)})
    for m in more:
        conf.update(m)
    for key, value in over.items():
        conf[key.replace("_", ".")] = value
    text = "".join("%s=%s\n" % kv for kv in conf.items() if kv[1] is not None)
    write("conf/%s.properties" % name, text.encode())


def make_configs():
    for name, text in METAS.items():
        write("d/meta-%s/meta.properties" % name, text.encode())
        config("meta-" + name, STATIC)
    for n in range(12):
        config("dynamic%d" % n, DYNAMIC)
    config("static", STATIC)
    config("many", STATIC, dirs="d/m1,d/m2", metadata_log_dir="d/mm")
    config("broker", STATIC, BROKER, controller_quorum_voters="5@127.0.0.1:9093")
    config("dynamic-broker", DYNAMIC, BROKER)
    config("no-roles", STATIC, process_roles=None)
    config("bad-node-id", STATIC, node_id="x")
    config("any-host", DYNAMIC, listeners="PLAINTEXT://:9092,CONTROLLER://:9093")
    config("zero-host", DYNAMIC, process_roles="controller", listeners="CONTROLLER://0.0.0.0:9093")
    config("two-clusters", STATIC, dirs="d/meta-a1,d/meta-b1")
    config("two-nodes", STATIC, dirs="d/meta-a1,d/meta-a2")
    config("some-bad", STATIC, dirs="d/s1,d/file,d/s2,d/meta-bad-version,d/s3")
    config("wrong-cluster", STATIC, dirs="d/meta-b1,d/w1")
    write("d/file", b"")
    os.makedirs("d/s3")


def storage(*args):
    return ["kafka-storage", *args]


def formats():
    """In this order: the later ones find what the earlier ones wrote."""
    ids = "07R5amHmR32VDA6jHkGbTA", "JEXY6aqzQY-32P5TStzaFg"
    two = "1@localhost:9093:%s, 2@b.example:9095:%s" % ids
    for args in (
        ("static",), ("static",), ("static", "-g"), ("static", "-g", "-s"), ("static", "-g", "-N"),
        ("static", "-g", "--feature", "kraft.version=1"), ("dynamic0",), ("dynamic0", "-s"), ("many", "-r", "3.9"),
        ("broker", "-f", "transaction.version=0", "-f", "group.version=0"), ("dynamic1", "-N"),
        ("dynamic2", "-I", two), ("dynamic2", "--ignore-formatted", "-I", two),
        ("dynamic3", "-I", "7@localhost:9093:" + ids[0]), ("dynamic4", "-I", ""),
        *(("dynamic4", "-I", x) for x in (
            "1@localhost:9093", "1localhost", "1@localhost", "x@localhost:9093:" + ids[0], "1@localhost:x:" + ids[0],
            "1@localhost:9093:zzz", "1@localhost:99999:" + ids[0], "1@a:1:%s,1@b:2:%s" % ids)),
        ("dynamic-broker", "-s"), ("dynamic-broker",), ("bad-node-id",), ("no-roles",), ("any-host", "-s"),
        ("zero-host", "-s"), ("dynamic10", "-s", "--add-scram", "SCRAM-SHA-256=[name=a,password=b]"),
        *(("dynamic5", "-s", "--feature", x) for x in (
            "nosuch=1", "group.version=9", "group.version=x", "group.version", "metadata.version=99",
            "metadata.version=3", "metadata.version=31", "kraft.version=0", "kraft.version=2", "metadata.version=20")),
        ("dynamic6", "-s", "-r", "4.0", "--feature", "metadata.version=20"), ("dynamic6", "-s", "-r", "4.4-IV0"),
        ("dynamic6", "-s", "-r", "3.2"), ("dynamic6", "-s", "-r", "4"), ("dynamic6", "-s", "-r", "4.2.1"),
        ("dynamic7", "-s", "-r", "3.9", "-f", "eligible.leader.replicas.version=1"),
        ("dynamic7", "-s", "-f", "metadata.version=25"),
        ("dynamic8", "-s", "-f", "transaction.version=2", "-f=transaction.version=1", "--release-version=4.2"),
        ("some-bad",), ("some-bad", "-g"), ("nosuch",),
    ):
        yield storage("format", "-t", CLUSTER, "-c", "conf/%s.properties" % args[0], *args[1:])
    for name in ("wrong-cluster", "meta-legacy", "meta-a2", "meta-no-node", "meta-more"):
        yield storage("format", "-t", "AAA", "-g", "-c", "conf/%s.properties" % name)
    yield storage("format", "--clus", "not an id", "--conf", "conf/dynamic9.properties", "-s")


def storages():
    infos = ("static", "many", "two-clusters", "two-nodes", "some-bad", "no-roles", *("meta-" + m for m in METAS))
    features = ("kraft.version=1", "metadata.version=17", "metadata.version=99", "metadata.version=31", "foo",
                "group.version=x", "group.version=1=2", "group.version=", "transaction.version=9", "nosuch=1",
                "transaction.version=99999", "share.version=2")
    return [
        *(storage("info", "-c", "conf/%s.properties" % n) for n in infos),
        *formats(),
        *(storage("info", "-c", "conf/%s.properties" % n) for n in infos),
        *(dump("--cluster-metadata-decoder", "--files", "d/%s.checkpoint" % p) for p in (
            "static/bootstrap", "dynamic0/bootstrap", "broker/bootstrap", "m1/bootstrap",
            *("%s/__cluster_metadata-0/%020d-%010d" % (d, 0, 0) for d in (
                "dynamic0", "dynamic2", "dynamic3", "any-host", "zero-host")))),
        storage("random-uuid"), storage("version-mapping"),
        *(storage("version-mapping", "-r", v) for v in (
            "3.3", "3.4", "3.5-IV1", "3.9", "4.0", "4.0-IV1", "4.1.1", "4.2-IV0", "4.3", "4.4-IV0", "4.4", "9", "")),
        *(storage("feature-dependencies", "-f", x) for x in features),
        storage("feature-dependencies", "-f", "eligible.leader.replicas.version=1", "-f", "share.version=1",
                "-f", "eligible.leader.replicas.version=0"),
    ]


def commands():
    """In the order in which they must run."""
    return (dump_files("static-stop") + dump_files("dynamic-kill") + dump_files("topics") + dump_files("bad") +
            dump_options() + storages())


# -- comparing

STACK = re.compile(r"^(\s+at |\s+\.\.\. |Caused by: |java\.)")
CHANGING = [(re.compile(p), r) for p, r in (
    (r"^[\w-]{22}$", "ID"), (r"directory\.id=[\w-]+", "directory.id=ID"),
    (r'(voterDirectoryId":)"(?!07R5|JEXY)[\w-]+', r"\1ID"),
)]
FRESH = [(re.compile(p), r) for p, r in (
    (r"Time: \d+", "Time: T"), (r"crc: \d+", "crc: C"), (r'(lastContainedLogTimestamp":)[1-9]\d+', r"\1T"))]


def lines_of(text, argv):
    """Without what no two runs have in common, and without stack traces."""
    rules = CHANGING + (FRESH if argv[-1].startswith("d/") else [])
    out = []
    for line in text.split("\n"):
        if STACK.match(line):
            continue
        line = re.sub(r'^Exception in thread "main" [\w.$]+(: )?', "", line)
        for pattern, to in rules:
            line = pattern.sub(to, line)
        out.append(line)
    return out


def is_meant(argv, table):
    text = " ".join(argv)
    return next((why for part, why in table.items() if part in text), None)


def is_usage(argv):
    return len(argv) == 1


def differences(argv, theirs, ours):
    """Sentences about what differs in (status, stdout, stderr)."""
    if is_meant(argv, NOT_AT_ALL):
        return []
    if theirs[0] != ours[0]:
        return ["status %d, ours %d (%s)" % (theirs[0], ours[0], ours[2][:300])]
    if is_usage(argv) or is_meant(argv, STATUS_ONLY):
        return []
    if argv[-1] == "--version":
        return []  # each tells its own
    found = []
    for what, a, b in (("out", lines_of(theirs[1], argv), lines_of(ours[1], argv)),
                       ("err", sorted(lines_of(theirs[2], argv)), sorted(lines_of(ours[2], argv)))):
        if what == "err" and theirs[0] != 0 and not any(x.strip() for x in a):
            continue  # an exception without a word, such as of an index row whose batch is larger than --max-bytes
        if a != b:
            at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
            found.append("%s line %d\n  theirs: %s\n  ours:   %s" % (what, at + 1, a[at:at + 1], b[at:at + 1]))
    return found
