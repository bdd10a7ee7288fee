"""Kafka's protocol for end-to-end tests: any message as a dict, and a connection to speak it.

    from wire import Connection
    with Connection("127.0.0.1", 9092) as c:
        c.call("Metadata", 12, {"topics": None})["brokers"]

Names are the schemas' (def/wire) with a lower first letter, as in Apache Kafka's JSON; uuids are their
text, bytes and records are bytes. A field that is left out holds its default; one that the version
does not have must not be given. Written apart from src/wire, so that one checks the other.
"""

import base64
import functools
import socket
import struct
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "gen"))
import schema  # noqa: E402
from schema import camel  # noqa: E402

NUMBERS = {"bool": "?", "int8": "b", "int16": "h", "int32": "i", "int64": "q", "uint16": "H",
           "uint32": "I", "float64": "d"}
ZERO_UUID = "A" * 22
STRING_MAX = 32767
API_VERSIONS = 18


class WireError(Exception):
    """Bytes that are no such message, or a dict that cannot be one."""


@functools.lru_cache(maxsize=None)
def messages():
    """{name: schema.Message}"""
    return {m.name: m for m in schema.load_dir(ROOT / "def" / "wire")}


def message(name, version):
    m = messages().get(name)
    if m is None or version not in m.versions:
        raise WireError(f"no {name} of version {version}")
    return m


def default(f):
    if f.default_null:
        return None
    if f.is_array:
        return []
    if f.struct:
        return {camel(x.name): default(x) for x in f.struct.fields}
    if f.type in NUMBERS:
        return bool(f.number) if f.type == "bool" else f.number
    return {"string": "", "bytes": b"", "uuid": ZERO_UUID}[f.type]


def is_default(f, value):
    if f.struct and not f.is_array and isinstance(value, dict):
        return not f.default_null and all(
            is_default(x, value.get(camel(x.name), default(x))) for x in f.struct.fields)
    return value == default(f)


def uvarint(n):
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


class Encoder:
    def __init__(self, m, version):
        self.version = version
        self.flexible = version in m.flexible

    def length(self, f, n, old):
        """n is None for null."""
        if self.flexible and not f.rigid:
            return uvarint(0 if n is None else n + 1)
        return struct.pack(old, -1 if n is None else n)

    def struct(self, s, values):
        unknown = set(values) - {camel(f.name) for f in s.fields}
        if unknown:
            raise WireError(f"{s.name} has no {', '.join(sorted(unknown))}")
        out, tagged = bytearray(), []
        for f in s.fields:
            value = values.get(camel(f.name), default(f))
            if self.version not in f.versions:
                if not f.ignorable and not is_default(f, value):
                    raise WireError(f"version {self.version} has no {f.name}")
            elif f.tag is None:
                out += self.field(f, value)
            elif not is_default(f, value):
                tagged.append((f.tag, self.field(f, value)))
        if self.flexible:
            out += uvarint(len(tagged))
            for tag, content in sorted(tagged):
                out += uvarint(tag) + uvarint(len(content)) + content
        return bytes(out)

    def field(self, f, value):
        if value is None and self.version not in f.nullable:
            raise WireError(f"{f.name} is never null in version {self.version}")
        if f.is_array:
            items = [] if value is None else value
            count = self.length(f, None if value is None else len(items), ">i")
            return count + b"".join(self.value(f, x) for x in items)
        if f.is_pointer and self.version in f.nullable:
            mark = uvarint(int(value is not None)) if f.tag is not None else \
                struct.pack("b", 1 if value is not None else -1)
            return mark if value is None else mark + self.value(f, value)
        return self.value(f, value)

    def value(self, f, v):
        if f.struct:
            return self.struct(f.struct, v)
        if f.type in NUMBERS:
            return struct.pack(">" + NUMBERS[f.type], v)
        if f.type == "uuid":
            return base64.urlsafe_b64decode(v + "==")
        raw = v.encode() if f.type == "string" and v is not None else v
        if f.type == "string" and raw is not None and len(raw) > STRING_MAX:
            raise WireError(f"{f.name} is too long")
        old = ">h" if f.type == "string" else ">i"
        return self.length(f, None if raw is None else len(raw), old) + (raw or b"")


class Decoder:
    def __init__(self, m, version, data):
        self.version = version
        self.flexible = version in m.flexible
        self.data = data
        self.at = 0

    def take(self, n):
        if n > len(self.data) - self.at:
            raise WireError("cut short")
        self.at += n
        return self.data[self.at - n:self.at]

    def unpack(self, form):
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def uvarint(self):
        n = shift = 0
        while True:
            b = self.take(1)[0]
            n |= (b & 0x7F) << shift
            shift += 7
            if b < 0x80:
                return n

    def length(self, f, old):
        n = self.uvarint() - 1 if self.flexible and not f.rigid else self.unpack(old)
        return None if n < 0 else n

    def struct(self, s):
        out = {}
        for f in s.fields:
            if self.version in f.versions:
                out[camel(f.name)] = default(f) if f.tag is not None else self.field(f)
        if self.flexible:
            self.tagged(s, out)
        return out

    def tagged(self, s, out):
        known = {f.tag: f for f in s.fields if f.tag is not None and self.version in f.versions}
        last = -1
        for _ in range(self.uvarint()):
            tag, size = self.uvarint(), self.uvarint()
            end = self.at + size
            if tag <= last:
                raise WireError("tags out of order")
            last = tag
            if tag in known:
                out[camel(known[tag].name)] = self.field(known[tag])
                if self.at != end:
                    raise WireError(f"tag {tag} is not {size} bytes")
            else:
                self.take(size)

    def field(self, f):
        if f.is_array:
            n = self.length(f, ">i")
            value = None if n is None else [self.value(f) for _ in range(n)]
        elif f.is_pointer and self.version in f.nullable:
            there = self.uvarint() > 0 if f.tag is not None else self.unpack("b") >= 0
            value = self.value(f) if there else None
        else:
            value = self.value(f)
        if value is None and self.version not in f.nullable:
            raise WireError(f"{f.name} is null")
        return value

    def value(self, f):
        if f.struct:
            return self.struct(f.struct)
        if f.type in NUMBERS:
            return self.unpack(">" + NUMBERS[f.type])
        if f.type == "uuid":
            return base64.urlsafe_b64encode(self.take(16)).decode().rstrip("=")
        n = self.length(f, ">h" if f.type == "string" else ">i")
        raw = None if n is None else self.take(n)
        return raw.decode(errors="replace") if f.type == "string" and raw is not None else raw


def encode(name, version, values):
    m = message(name, version)
    return Encoder(m, version).struct(m.root, values)


def decode_front(name, version, data):
    """The message at the front of data and how long it is."""
    m = message(name, version)
    d = Decoder(m, version, data)
    return d.struct(m.root), d.at


def decode(name, version, data):
    values, used = decode_front(name, version, data)
    if used != len(data):
        raise WireError(f"{len(data) - used} bytes left over")
    return values


def request_frame(name, version, correlation_id, client_id, body):
    """Header and body of a request, without the length in front; body is a dict, or bytes as they are."""
    m = messages()[name + "Request"]
    flexible = min(version, m.versions.hi) in m.flexible
    head = {"requestApiKey": m.id, "requestApiVersion": version, "correlationId": correlation_id,
            "clientId": client_id}
    if isinstance(body, dict):
        body = encode(name + "Request", version, body)
    return encode("RequestHeader", 2 if flexible else 1, head) + body


def parse_request(frame):
    """(name, version, body as a dict)"""
    number, version = struct.unpack(">hh", frame[:4])
    m = next(m for m in messages().values() if m.id == number and m.name.endswith("Request"))
    _, used = decode_front("RequestHeader", 2 if version in m.flexible else 1, frame)
    return m.name[:-len("Request")], version, decode(m.name, version, frame[used:])


def parse_response(name, version, frame):
    """(correlation id, body as a dict)"""
    m = message(name + "Response", version)
    has_tags = version in m.flexible and m.id != API_VERSIONS
    head, used = decode_front("ResponseHeader", int(has_tags), frame)
    return head["correlationId"], decode(name + "Response", version, frame[used:])


def response_frame(name, version, correlation_id, body):
    m = message(name + "Response", version)
    has_tags = version in m.flexible and m.id != API_VERSIONS
    return encode("ResponseHeader", int(has_tags), {"correlationId": correlation_id}) + encode(m.name, version, body)


class Connection:
    """One socket. call() waits for the answer; send() and receive() let requests overlap."""

    def __init__(self, host, port, client_id="e2e", timeout=30):
        self.socket = socket.create_connection((host, port), timeout)
        self.client_id = client_id
        self.next_id = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, name, version, body):
        """Returns the correlation id."""
        self.next_id += 1
        frame = request_frame(name, version, self.next_id, self.client_id, body)
        self.socket.sendall(struct.pack(">i", len(frame)) + frame)
        return self.next_id

    def receive_exactly(self, n):
        got = b""
        while len(got) < n:
            more = self.socket.recv(n - len(got))
            if not more:
                raise ConnectionError("closed by the broker")
            got += more
        return got

    def receive(self, name, version):
        frame = self.receive_exactly(struct.unpack(">i", self.receive_exactly(4))[0])
        return parse_response(name, version, frame)

    def call(self, name, version, body):
        sent = self.send(name, version, body)
        got, response = self.receive(name, version)
        if got != sent:
            raise WireError(f"answer to {got} instead of {sent}")
        return response
