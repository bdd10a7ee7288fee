"""Record batches for end-to-end tests: good ones built (batch.py makes any), and any read.

Only what Python itself can decompress is read (none, gzip); of other batches the head is known. Written
apart from src/record, so that one checks the other.
"""

import gzip
from collections import namedtuple

import batch

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
LOG_APPEND_TIME = 8
CONTROL = 32
LENGTH_FROM = 12  # what the length does not count

Record = namedtuple("Record", "offset ts key value headers")
Batch = namedtuple("Batch", "base_offset size epoch attributes last_delta base_ts max_ts producer_id"
                            " producer_epoch base_seq count records is_valid")


class Reader:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def varint(self):
        n = shift = 0
        while True:
            b = self.data[self.at]
            self.at += 1
            n |= (b & 0x7F) << shift
            shift += 7
            if b < 0x80:
                return n >> 1 ^ -(n & 1)

    def sized(self):
        n = self.varint()
        if n < 0:
            return None
        self.at += n
        return bytes(self.data[self.at - n:self.at])

    def record(self, base_offset, base_ts):
        end = self.varint() + self.at
        self.at += 1  # attributes, none in use
        ts, offset = base_ts + self.varint(), base_offset + self.varint()
        key, value = self.sized(), self.sized()
        headers = [(self.sized().decode(), self.sized()) for _ in range(self.varint())]
        if self.at != end:
            raise ValueError("a record's length is wrong")
        return Record(offset, ts, key, value, headers)


def build(values, ts=1_700_000_000_000, producer=(-1, -1, -1), codec="none", attributes=0, base_offset=0):
    """values: each a value, or (key, value), or (key, value, headers). producer: id, epoch, sequence.
    The records are `ts`, `ts` + 1, …"""
    body = b""
    for i, v in enumerate(values):
        key, value, *rest = v if isinstance(v, tuple) else (None, v)
        headers = [(name.encode(), content) for name, content in (rest[0] if rest else [])]
        body += batch.record(key, value, i, i, headers)
    return batch.batch(values, times=range(ts, ts + len(values)), attributes=attributes | CODECS.index(codec),
                       producer=producer, body=gzip.compress(body) if codec == "gzip" else body, base_offset=base_offset)


def batches(data):
    """All whole batches at the front of data."""
    found, at = [], 0
    while at + batch.HEAD.size <= len(data):
        base, length, epoch, magic, crc, attributes, last, base_ts, max_ts, pid, pepoch, seq, count = \
            batch.HEAD.unpack_from(data, at)
        end = at + LENGTH_FROM + length
        if end > len(data):
            break
        codec, body, records = CODECS[attributes & 7], data[at + batch.HEAD.size:end], None
        if codec in ("none", "gzip"):
            r = Reader(gzip.decompress(body) if codec == "gzip" else body)
            records = [r.record(base, base_ts) for _ in range(count)]
            if attributes & LOG_APPEND_TIME:
                records = [x._replace(ts=max_ts) for x in records]
        is_valid = magic == 2 and batch.crc(data[at + batch.BODY_POS:end]) == crc
        found.append(Batch(base, end - at, epoch, attributes, last, base_ts, max_ts, pid, pepoch, seq, count,
                           records, is_valid))
        at = end
    return found


def codec_of(b):
    return CODECS[b.attributes & 7]
