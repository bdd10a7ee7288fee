"""Raw comparison: versions that are not served, bytes that are no request, ApiVersions."""

import re
import struct

from talk import CLOSED, SILENT, wire

API_COUNT = 100
TABLE = (wire.ROOT / "def" / "api.def").read_text()
SERVED = ["".join(w.capitalize() for w in name.split("_")) for name in re.findall(r"^X\((\w+)", TABLE, re.M)]


def head(key, version, client=b"raw", correlation=7, tags=b""):
    name = struct.pack(">h", -1 if client is None else len(client)) + (client or b"")
    return struct.pack(">hhi", key, version, correlation) + name + tags


def versions(t):
    """ApiVersions."""
    def mine(answer):
        keys = {wire.messages()[n + "Request"].id for n in SERVED}
        return dict(answer, apiKeys=[k for k in answer["apiKeys"] if k["apiKey"] in keys])

    names = {"clientSoftwareName": "raw", "clientSoftwareVersion": "1.0"}
    t.each("good", "ApiVersions", range(0, 5), names, mine)
    for name, version in (("", ""), ("raw", ""), ("", "1"), ("a b", "1"), ("-x", "1"), ("x-", "1"), ("x.y-z", "1.0-2"),
                          ("x", "ü"), ("x" * 300, "1")):
        t.each("as %.9r %r" % (name, version), "ApiVersions", (3, 4), {"clientSoftwareName": name,
                                                                       "clientSoftwareVersion": version}, mine)
    for v in (5, 6, 100, 32767, -1, -32768):
        t.raw("version %d" % v, head(18, v))
        t.raw("version %d, flexible header" % v, head(18, v, tags=b"\0") + b"\x04raw\x021\0")
    t.raw("v0 with more bytes", head(18, 0) + b"\0\0\0")
    t.raw("v3 cut short", head(18, 3, tags=b"\0") + b"\x04ra")


def unserved(t):
    """Versions below and above what is served, and keys that there are not."""
    for name in SERVED:
        m = wire.messages()[name + "Request"]
        for v in sorted({-1, m.versions.lo - 1, m.versions.hi + 1, 99}):
            t.raw("%s v%d" % (name, v), head(m.id, v))
    for v in range(0, 2):
        t.raw("Produce v%d" % v, head(0, v))
    for key in (-1, 4, 5, 6, 7, API_COUNT, 32767, -32768):
        t.raw("key %d" % key, head(key, 0))


def frames(t):
    """Frames that are cut, too long, or not requests at all."""
    t.raw("length 0", b"")
    t.raw("length -1", b"", -1)
    t.raw("length of the least int", b"", -2**31)
    t.raw("length of the largest int", b"", 2**31 - 1)
    t.raw("length 100 MiB and a byte", b"", 104857601)
    for n in range(1, 8):
        t.raw("%d bytes" % n, head(3, 1)[:n])
    t.raw("client id cut", head(3, 1)[:9])
    t.raw("client id -2", struct.pack(">hhih", 18, 0, 7, -2))
    t.raw("client id null", head(18, 0, None))
    t.raw("client id empty", head(18, 0, b""))
    t.raw("client id not UTF-8", head(18, 0, b"\xff\xfe"))
    t.raw("tagged field in the header", head(18, 3, tags=b"\x01\x63\x02xy") + b"\x04raw\x021\0", None)
    t.raw("tagged field in the body", head(18, 3, tags=b"\0") + b"\x04raw\x021\x01\x63\x02xy")
    t.raw("tagged field cut", head(18, 3, tags=b"\0") + b"\x04raw\x021\x01\x63\x09xy")
    t.raw("tag twice", head(18, 3, tags=b"\0") + b"\x04raw\x021\x02\x63\0\x63\0")
    t.raw("tags descend", head(18, 3, tags=b"\0") + b"\x04raw\x021\x02\x63\0\x62\0")
    t.raw("no body", head(3, 1))
    t.raw("more than the body", head(3, 1) + struct.pack(">i", 0) + b"\0")
    t.raw("array of -2", head(3, 1) + struct.pack(">i", -2))
    t.raw("array larger than the frame", head(3, 1) + struct.pack(">i", 1000))
    t.raw("array of 2 billion", head(3, 1) + struct.pack(">i", 2**31 - 1))
    t.raw("name of -2", head(3, 1) + struct.pack(">ih", 1, -2))
    t.raw("null name", head(3, 1) + struct.pack(">ih", 1, -1))
    t.raw("name longer than the frame", head(3, 1) + struct.pack(">ih", 1, 100))
    t.raw("name not UTF-8", head(3, 1) + struct.pack(">ih", 1, 2) + b"\xff\xfe")
    t.raw("null topics in v0", head(3, 0) + struct.pack(">i", -1))
    t.raw("null topics of CreateTopics", head(19, 2) + struct.pack(">iib", -1, 1000, 0))
    t.raw("null topics of Fetch", head(1, 4) + struct.pack(">iiiibi", -1, 0, 0, 1000, 0, -1))
    t.raw("null topics of Produce", head(0, 3) + struct.pack(">hhii", -1, -1, 1000, -1))
    t.raw("bool of 2", head(19, 2) + struct.pack(">iib", 0, 1000, 2))
    t.raw("uvarint of 6 bytes", head(3, 9, tags=b"\0") + b"\xff" * 6)
    t.raw("HTTP", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[4:], struct.unpack(">i", b"GET ")[0])
    t.raw("TLS", bytes.fromhex("0100fc0303") + b"\0" * 40, struct.unpack(">i", bytes.fromhex("16030102"))[0])


def pipelined(t):
    """Several requests at once are answered in order."""
    c = t.connection()
    sent = [c.send("ApiVersions", v, {}) for v in (0, 1, 2)] + [c.send("Metadata", 1, {"topics": []})]
    got = []
    for name, v in (("ApiVersions", 0), ("ApiVersions", 1), ("ApiVersions", 2), ("Metadata", 1)):
        try:
            got.append(sent.index(c.receive(name, v)[0]))
        except ConnectionError:
            got.append(CLOSED)
        except TimeoutError:
            got.append(SILENT)
    t.note("four", "", "", {"order": got})


SCENES = [versions, unserved, frames, pipelined]
