"""kcat (Debian's librdkafka) as a peer; ../README.md tells the command line.

kcat reads messages and keys between delimiters, with one set of headers and one meaning of "empty"
a run, so a run sends one stretch of records that agree in those. It cannot send a record without
a key whose value is empty; it sets no timestamps and tells no offsets."""

import itertools
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "python"))
import peerio  # noqa: E402

KEY_END = "=kcat-key="
RECORD_END = "=kcat-end="


def kcat(args, *more, **kw):
    cmd = ["kcat", "-b", args.bootstrap, "-q", "-X", "receive.message.max.bytes=100000000",
           "-X", "message.max.bytes=20000000"]
    if args.proto:
        cmd += ["-X", "api.version.request=false", "-X", "broker.version.fallback=" + args.proto]
    for p in args.prop:
        cmd += ["-X", p]
    return subprocess.run(cmd + list(more), timeout=args.timeout, check=True, **kw)


def send(args, r, records):
    """Without -Z an empty part is an empty string, with it none at all."""
    opts = ["-P", "-E", "-t", args.topic, "-p", str(r.partition), "-X", "acks=" + args.acks,
            "-X", "linger.ms=%d" % args.linger, "-X", "batch.size=%d" % args.batch_bytes,
            "-X", "message.timeout.ms=%d" % (args.timeout * 1000),
            "-X", "enable.idempotence=" + ("true" if args.idempotent else "false"),
            "-K", KEY_END, "-D", RECORD_END]
    if args.codec != "none":
        opts += ["-z", args.codec]
    if r.value is None:
        opts.append("-Z")
    for name, value in r.headers:
        opts += ["-H", name if value is None else name + "=" + value.decode()]
    text = bytearray()
    for r in records:
        if r.key is not None or r.value is None:
            text += (r.key or b"") + KEY_END.encode()
        text += (r.value or b"") + RECORD_END.encode()
    kcat(args, *opts, input=text)


def produce(args):
    n = 0
    alike = lambda r: (r.partition, r.headers, r.value is None)  # noqa: E731
    for _, run in itertools.groupby(peerio.records(), alike):
        run = list(run)
        send(args, run[0], run)
        n += len(run)
    peerio.emit(done=n)


def consume(args):
    """Lengths come first in the format, so that keys and values may hold any byte."""
    count = 0
    for (topic, p), (first, last) in peerio.ranges(args).items():
        if first == last:
            continue
        out = kcat(args, "-C", "-t", topic, "-p", str(p), "-o", str(first), "-c",
                   str(last - first),
                   "-f", "%o %T %K %S %k%s%h" + RECORD_END, stdout=subprocess.PIPE).stdout
        pos = 0
        while pos < len(out):
            m = re.compile(rb"(-?\d+) (-?\d+) (-?\d+) (-?\d+) ").match(out, pos)
            o, t, klen, vlen = (int(x) for x in m.groups())
            k, pos = text(out, m.end(), klen)
            v, pos = text(out, pos, vlen)
            end = out.index(RECORD_END.encode(), pos)
            peerio.emit_record(topic, p, o, t, None, k, v, headers(out[pos:end]))
            pos = end + len(RECORD_END)
            count += 1
    peerio.emit(done=count, left=0)


def text(out, pos, length):
    """kcat prints the word NULL for a key or a value that is not there."""
    if length < 0:
        return None, pos + (4 if out[pos:pos + 4] == b"NULL" else 0)
    return out[pos:pos + length], pos + length


def headers(raw):
    if not raw:
        return []
    split = (h.split(b"=", 1) for h in raw.split(b","))
    return [(n.decode(errors="replace"), None if v == [b"NULL"] else b"".join(v)) for n, *v in split]


def list_offsets(args):
    time = {"earliest": "-2", "latest": "-1"}.get(args.time, args.time)
    out = kcat(args, "-Q", "-t", "%s:%d:%s" % (args.topic, args.partition, time),
               stdout=subprocess.PIPE, text=True).stdout
    o = int(re.search(r"offset (-?\d+)", out).group(1))
    peerio.emit(p=args.partition, o=-1 if o < 0 else o)


def metadata(args):
    out = kcat(args, "-L", "-t", args.topic, stdout=subprocess.PIPE, text=True).stdout
    m = re.search(r'topic "%s" with (\d+) partitions' % re.escape(args.topic), out)
    peerio.emit(topic=args.topic, partitions=int(m.group(1)))


peerio.main({"produce": produce, "consume": consume, "list": list_offsets, "metadata": metadata})
