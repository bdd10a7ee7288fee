"""The records that the scenes of interop.py write, and how what came back is compared."""

import base64
import random
import time

HOUR_MS = 3600 * 1000
PAST_MS = 1_600_000_000_000  # a time that no clock here shows
WORDS = "the quick brown fox jumps over a lazy dog while ottla keeps its log".split()


class Record:
    """What one record must look like to whoever reads it. headers: list of (str, bytes or None)."""

    __slots__ = ("p", "ts", "key", "value", "headers")

    def __init__(self, p, ts, key, value, headers=()):
        self.p, self.ts, self.key, self.value, self.headers = p, ts, key, value, list(headers)

    def line(self):
        """One input line of a peer."""
        ts = "-" if self.ts is None else str(self.ts)
        headers = ",".join("%s:%s" % (b64(n.encode()), b64(v)) for n, v in self.headers) or "-"
        return "\t".join((str(self.p), ts, b64(self.key), b64(self.value), headers))


def b64(b):
    return "-" if b is None else base64.b64encode(b).decode()


def unb64(s):
    return None if s is None else base64.b64decode(s)


def lines(records):
    return "".join(r.line() + "\n" for r in records)


def text(rnd, length):
    out = []
    while sum(map(len, out)) + len(out) < length:
        out.append(rnd.choice(WORDS))
    return " ".join(out)[:length].encode()


def _key(rnd, peer):
    kind = rnd.randrange(4)
    if kind == 0:
        return None
    if kind == 1:
        return rnd.randbytes(rnd.randrange(1, 40)) if peer.can("binary") else text(rnd, 12)
    return b"key-%d" % rnd.randrange(50) if kind == 2 else b""


def _value(rnd):
    kind = rnd.randrange(8)
    if kind == 0:
        return None
    if kind == 1:
        return b""
    if kind == 2:
        return rnd.randbytes(1)
    if kind == 3:
        return rnd.randbytes(rnd.randrange(2000))
    return text(rnd, rnd.randrange(1, 4000 if kind == 4 else 200))


def _headers(rnd, peer):
    headers = []
    if rnd.randrange(3) == 0:
        for i in range(rnd.randrange(1, 4)):
            v = rnd.randbytes(rnd.randrange(8)) if peer.can("binary") else b"v%d" % rnd.randrange(99)
            headers.append(("h%d" % i, v))
        if peer.can("null-header"):
            headers.append(("none", None))
    return headers


def mixed(peer, seed, p, count):
    """Records of all kinds that this peer can write: no key, empty key, no value, empty value, one
    byte, text, noise, headers, times that go back and forth."""
    rnd = random.Random(seed)
    now = int(time.time() * 1000)
    records = []
    while len(records) < count:
        r = Record(p, None, _key(rnd, peer), _value(rnd), _headers(rnd, peer))
        if peer.can("times") and rnd.randrange(2):
            r.ts = now - rnd.randrange(24 * HOUR_MS)
        if not peer.can("binary") and not r.key and not r.value:
            continue  # kcat cannot tell these apart
        if not peer.can("both-null") and r.key is None and r.value is None:
            continue
        records.append(r)
    return records


def bunched(records, peer):
    """kcat starts once a run of alike headers, so its records lie in few runs."""
    if peer.can("binary"):
        return records
    return sorted(records, key=lambda r: (r.headers, r.value is None))


def key_of(record):
    return record.key, record.value, sorted(record.headers, key=str)


def compare(want, got, first=0, headers=True, times=True):
    """want: Records, got: a consumer's JSON lines of one partition. Returns None or what is wrong."""
    if len(want) != len(got):
        return "%d records instead of %d" % (len(got), len(want))
    for i, (w, g) in enumerate(zip(want, got)):
        if g["o"] != first + i:
            return "record %d has offset %d instead of %d" % (i, g["o"], first + i)
        if unb64(g["k"]) != w.key:
            return "record %d: key %r instead of %r" % (i, unb64(g["k"]), w.key)
        if unb64(g["v"]) != w.value:
            return "record %d: the value differs" % i
        have = [(unb64(n).decode(errors="replace"), unb64(v)) for n, v in g["h"]]
        if headers and have != w.headers:
            return "record %d: headers %r instead of %r" % (i, have, w.headers)
        if times and w.ts is not None and g["t"] != w.ts:
            return "record %d: time %d instead of %d" % (i, g["t"], w.ts)
    return None


def partition(results, topic, p):
    return [r for r in results if r.get("topic") == topic and r.get("p") == p and "o" in r]
