"""Record batches made by hand, right or wrong on purpose: magic 2, and the old message sets.

    batch(records=[(b"k", b"v")], producer=(7, 0, 0))
    change(batch(), crc=1)            a field overwritten after the CRC was taken
"""

import struct

from wire import uvarint

NO_PRODUCER = (-1, -1, -1)
HEAD = struct.Struct(">qiibIhiqqqhii")
FIELDS = ("base_offset", "length", "epoch", "magic", "crc", "attributes", "last_delta", "base_time", "max_time",
          "producer_id", "producer_epoch", "base_sequence", "count")
CRC_POS = 17
BODY_POS = 21
TIME_MS = 1_600_000_000_000
TRANSACTIONAL, CONTROL = 0x10, 0x20


def _table(poly):
    out = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (poly if n & 1 else 0)
        out.append(n)
    return out


_CASTAGNOLI = _table(0x82F63B78)
_IEEE = _table(0xEDB88320)


def crc(data, table=_CASTAGNOLI):
    c = 0xFFFFFFFF
    for b in data:
        c = c >> 8 ^ table[(c ^ b) & 0xFF]
    return c ^ 0xFFFFFFFF


def varint(n):
    return uvarint(n << 1 ^ n >> 63)


def _bytes(b):
    return varint(-1) if b is None else varint(len(b)) + b


def record(key, value, delta=0, time_delta=0, headers=()):
    body = b"\0" + varint(time_delta) + varint(delta) + _bytes(key) + _bytes(value) + varint(len(headers))
    for name, content in headers:
        body += _bytes(name) + _bytes(content)
    return varint(len(body)) + body


def batch(records=((b"k", b"v"),), times=None, attributes=0, producer=NO_PRODUCER, body=None, codec=None, **fields):
    """records: (key, value) pairs; times: one in ms for each; body: the records' bytes instead of them;
    codec: what compresses them; fields: values of FIELDS that the CRC covers or not."""
    times = times or [TIME_MS + i for i in range(len(records))]
    if body is None:
        body = b"".join(record(k, v, i, times[i] - times[0]) for i, (k, v) in enumerate(records))
    body = codec(body) if codec else body
    head = dict(zip(FIELDS, (0, 0, -1, 2, 0, attributes, len(records) - 1, times[0], max(times),
                             *producer, len(records))), **fields)
    if "length" not in fields:
        head["length"] = HEAD.size - 12 + len(body)
    raw = HEAD.pack(*(head[f] for f in FIELDS)) + body
    if "crc" not in fields:
        raw = raw[:CRC_POS] + struct.pack(">I", crc(raw[BODY_POS:])) + raw[BODY_POS:]
    return raw


def change(raw, **fields):
    """The batch with header fields overwritten and nothing else."""
    head = dict(zip(FIELDS, HEAD.unpack_from(raw)), **fields)
    return HEAD.pack(*(head[f] for f in FIELDS)) + raw[HEAD.size:]


def old_message(magic, key=b"k", value=b"v", time_ms=TIME_MS, attributes=0):
    """A message set of one, magic 0 or 1."""
    body = struct.pack(">bb", magic, attributes)
    body += struct.pack(">q", time_ms) if magic else b""
    for part in (key, value):
        body += struct.pack(">i", -1 if part is None else len(part)) + (part or b"")
    body = struct.pack(">I", crc(body, _IEEE)) + body
    return struct.pack(">qi", 0, len(body)) + body
