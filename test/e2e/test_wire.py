#!/usr/bin/env python3
"""The Python codec against Apache Kafka's own bytes and JSON (test/golden/wire)."""

import base64
import gzip
import json
import math
import unittest

import wire

VECTORS = wire.ROOT / "test" / "golden" / "wire" / "vectors.txt.gz"


def vectors():
    with gzip.open(VECTORS, "rt", encoding="utf-8", newline="\n") as lines:
        for line in lines:
            name, version, data, shown = line.rstrip("\n").split("\t")
            yield name, int(version), bytes.fromhex(data), json.loads(shown)


def printed(struct, version, values):
    """A decoded dict in the form of Apache Kafka's JSON, records as their size."""
    out = {}
    for f in struct.fields:
        key = wire.camel(f.name)
        if version not in f.versions or (f.tag is not None and wire.is_default(f, values[key])):
            continue
        value = values[key]
        if f.type == "records" and value is not None:
            out[key + "SizeInBytes"] = len(value)
        elif f.is_array and value is not None:
            out[key] = [scalar(f, version, x) for x in value]
        else:
            out[key] = scalar(f, version, value)
    return out


def scalar(f, version, value):
    if value is None:
        return None
    if f.struct:
        return printed(f.struct, version, value)
    if f.type == "bytes":
        return base64.b64encode(value).decode()
    if f.type == "float64" and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


class Golden(unittest.TestCase):
    def test_every_vector_round_trips(self):
        count = 0
        for name, version, data, shown in vectors():
            values = wire.decode(name, version, data)
            self.assertEqual(wire.encode(name, version, values).hex(), data.hex(), name)
            self.assertEqual(printed(wire.messages()[name].root, version, values), shown)
            count += 1
        self.assertGreater(count, 4000)


class Rules(unittest.TestCase):
    def test_what_is_left_out_holds_its_default(self):
        self.assertEqual(wire.encode("ListOffsetsRequest", 1, {}), bytes.fromhex("0000000000000000"))

    def test_mistakes_are_told(self):
        for name, version, values in [
            ("ProduceRequest", 2, {}),
            ("ProduceRequest", 9, {"ackz": 1}),
            ("MetadataRequest", 0, {"topics": None}),
            ("FetchRequest", 4, {"forgottenTopicsData": [{"topic": "t"}]}),
            ("HeartbeatRequest", 4, {"groupId": "g" * 32768}),
        ]:
            with self.assertRaises(wire.WireError, msg=name):
                wire.encode(name, version, values)

    def test_bytes_left_over_or_missing_are_told(self):
        data = wire.encode("HeartbeatRequest", 4, {"groupId": "g"})
        for bad in (data + b"x", data[:-1]):
            with self.assertRaises(wire.WireError):
                wire.decode("HeartbeatRequest", 4, bad)

    def test_headers_follow_api_and_version(self):
        self.assertEqual(wire.request_frame("ApiVersions", 0, 7, "me", {}),
                         bytes.fromhex("001200000000000700026d65"))
        self.assertEqual(wire.request_frame("Heartbeat", 4, 7, None, b"body"),
                         bytes.fromhex("000c000400000007ffff00") + b"body")
        # the answer to ApiVersions has the old header in every version
        answer = wire.encode("ApiVersionsResponse", 3, {"errorCode": 35})
        got = wire.parse_response("ApiVersions", 3, bytes.fromhex("00000007") + answer)
        self.assertEqual((got[0], got[1]["errorCode"]), (7, 35))
        answer = bytes.fromhex("0000000700") + wire.encode("HeartbeatResponse", 4, {})
        self.assertEqual(wire.parse_response("Heartbeat", 4, answer)[0], 7)


if __name__ == "__main__":
    unittest.main()
