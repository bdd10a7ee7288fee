"""Record batches for end-to-end tests, format 2: built and read with nothing but Python.

Only what Python itself can decompress is read (none, gzip); of other batches the head is known. Written
apart from src/record, so that one checks the other.
"""

import gzip
import struct
from collections import namedtuple

HEAD = struct.Struct(">qiibIhiqqqhii")
CRC_FROM = 21  # what the checksum covers: from the attributes on
LENGTH_FROM = 12
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
LOG_APPEND_TIME = 8
CONTROL = 32

Record = namedtuple("Record", "offset ts key value headers")
Batch = namedtuple("Batch", "base_offset size epoch attributes last_delta base_ts max_ts producer_id"
                            " producer_epoch base_seq count records is_valid")


def crc32c_table():
    table = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
        table.append(n)
    return table


TABLE = crc32c_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for b in data:
        crc = TABLE[(crc ^ b) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def varint(n):
    n = (n << 1 ^ n >> 63) & 0xFFFFFFFFFFFFFFFF
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    return bytes(out) + bytes([n])


def sized(b):
    return varint(-1) if b is None else varint(len(b)) + b


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
    body = bytearray()
    for i, v in enumerate(values):
        key, value, *rest = v if isinstance(v, tuple) else (None, v)
        headers = rest[0] if rest else []
        one = b"\0" + varint(i) + varint(i) + sized(key) + sized(value) + varint(len(headers))
        for name, content in headers:
            one += sized(name.encode()) + sized(content)
        body += varint(len(one)) + one
    if codec == "gzip":
        body = gzip.compress(bytes(body))
    n = len(values)
    tail = struct.pack(">hiqqqhii", attributes | CODECS.index(codec), n - 1, ts, ts + n - 1, *producer, n) + body
    return struct.pack(">qiibI", base_offset, CRC_FROM - LENGTH_FROM + len(tail), 0, 2, crc32c(tail)) + tail


def batches(data):
    """All whole batches at the front of data."""
    found, at = [], 0
    while at + HEAD.size <= len(data):
        base, length, epoch, magic, crc, attributes, last, base_ts, max_ts, pid, pepoch, seq, count = \
            HEAD.unpack_from(data, at)
        end = at + LENGTH_FROM + length
        if end > len(data):
            break
        codec, body, records = CODECS[attributes & 7], data[at + HEAD.size:end], None
        if codec in ("none", "gzip"):
            r = Reader(gzip.decompress(body) if codec == "gzip" else body)
            records = [r.record(base, base_ts) for _ in range(count)]
            if attributes & LOG_APPEND_TIME:
                records = [x._replace(ts=max_ts) for x in records]
        is_valid = magic == 2 and crc32c(data[at + CRC_FROM:end]) == crc
        found.append(Batch(base, end - at, epoch, attributes, last, base_ts, max_ts, pid, pepoch, seq, count,
                           records, is_valid))
        at = end
    return found


def codec_of(batch):
    return CODECS[batch.attributes & 7]
