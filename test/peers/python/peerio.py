"""What the Python peers share: the command line, the record lines in, the JSON lines out."""

import argparse
import base64
import json
import sys
import threading
import time
from collections import namedtuple

Rec = namedtuple("Rec", "partition ts key value headers")


def decode(s):
    return None if s == "-" else base64.b64decode(s)


def quote(b):
    return None if b is None else base64.b64encode(b).decode()


def emit(**result):
    sys.stdout.write(json.dumps(result) + "\n")


def records():
    """The records to produce, one a line: partition, time, key, value, headers (see ../README.md)."""
    for line in sys.stdin:
        p, ts, k, v, h = line.rstrip("\n").split("\t")
        headers = []
        if h != "-":
            for nv in h.split(","):
                name, value = nv.split(":")
                headers.append((decode(name).decode(), decode(value)))
        yield Rec(int(p), None if ts == "-" else int(ts), decode(k), decode(v), headers)


def emit_record(topic, p, o, t, tt, k, v, h):
    emit(topic=topic, p=p, o=o, t=t, tt=tt, k=quote(k), v=quote(v),
         h=[[quote(n.encode()), quote(x)] for n, x in h or []])


def ranges(args):
    """{(topic, partition): [start, end]} of --ranges topic:partition:start:end,..."""
    out = {}
    for r in args.ranges.split(","):
        topic, p, start, end = r.rsplit(":", 3)
        out[topic, int(p)] = [int(start), int(end)]
    return out


def parse():
    a = argparse.ArgumentParser()
    a.add_argument("cmd")
    for name in ("bootstrap", "topic", "ranges", "proto", "group", "instance"):
        a.add_argument("--" + name)
    a.add_argument("--codec", default="none")
    a.add_argument("--acks", default="all")
    a.add_argument("--time", default="latest")
    a.add_argument("--strategy", default="range")
    a.add_argument("--protocol", default="classic")
    for name, default in (("partition", 0), ("partitions", 1), ("before", -1), ("idempotent", 0),
                          ("timeout", 60), ("linger", 5), ("batch", 50),
                          ("batch-bytes", 16384)):
        a.add_argument("--" + name, type=int, default=default)
    for name in ("prop", "config"):
        a.add_argument("--" + name, action="append", default=[])
    args = a.parse_args()
    args.deadline = time.monotonic() + args.timeout
    return args


def pairs(items):
    return dict(kv.split("=", 1) for kv in items)


def until_told(args):
    """True until standard input ends, or time is up."""
    told = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), told.set()), daemon=True).start()
    while not told.is_set() and time.monotonic() < args.deadline:
        yield
        sys.stdout.flush()


def main(commands):
    args = parse()
    rc = 0
    try:
        commands[args.cmd](args)
    except Exception as e:  # whatever the client raises is a result here
        emit(error=type(e).__name__, text=str(e)[:300])
        rc = 1
    sys.stdout.flush()
    sys.exit(rc)
