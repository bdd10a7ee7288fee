"""kcat as the tests call it: records in and out with any bytes in keys and values."""

import re
import shutil
from collections import namedtuple

from harness import run

KCAT = shutil.which("kcat") or shutil.which("kafkacat") or "kcat"
KEY_END, RECORD_END = "=kcat-key=", "=kcat-end="
HEAD = re.compile(rb"(\d+) (\d+) (-?\d+) (-?\d+) (-?\d+) ")

Got = namedtuple("Got", "partition offset ts key value headers")


def options(conf):
    out = []
    for k, v in conf.items():
        out += ["-X", "%s=%s" % (k.replace("_", "."), v)]
    return out


def kcat(broker, *args, **kw):
    return run(KCAT, "-b", broker.bootstrap, *map(str, args), **kw)


def produce(broker, topic, records, *args, **conf):
    """records: values, or (key, value). None only where `-Z` is among args, which turns every empty
    part into none. A record without a key cannot be empty."""
    text = bytearray()
    for r in records:
        key, value = r if isinstance(r, tuple) else (None, r)
        if isinstance(r, tuple):
            text += (key or b"") + KEY_END.encode()
        text += (value or b"") + RECORD_END.encode()
    kcat(broker, "-P", "-t", topic, "-K", KEY_END, "-D", RECORD_END, *args, *options(conf),
         input=bytes(text))


def consume(broker, topic, *args, **conf):
    """What the topic holds, to its end."""
    out = kcat(broker, "-C", "-t", topic, "-e", *args, *options(conf),
               "-f", "%p %o %T %K %S %k%s%h" + RECORD_END)
    got, pos = [], 0
    while pos < len(out):
        m = HEAD.match(out, pos)
        p, o, ts, key_len, value_len = map(int, m.groups())
        key, pos = part(out, m.end(), key_len)
        value, pos = part(out, pos, value_len)
        end = out.index(RECORD_END.encode(), pos)
        got.append(Got(p, o, ts, key, value, out[pos:end].decode(errors="replace")))
        pos = end + len(RECORD_END)
    return got


def part(out, pos, length):
    """kcat writes NULL for a part that is not there."""
    if length < 0:
        return None, pos + (4 if out[pos:pos + 4] == b"NULL" else 0)
    return out[pos:pos + length], pos + length


def offset_at(broker, topic, partition, time):
    """ListOffsets: time in ms, -1 the end, -2 the beginning. -1 where no record is that late."""
    out = kcat(broker, "-Q", "-t", "%s:%d:%d" % (topic, partition, time)).decode()
    return int(re.search(r"offset (-?\d+)", out).group(1))
