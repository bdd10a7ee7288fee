#!/usr/bin/env python3
"""The schema compiler: what the syntax means, what is refused and where, and the C that comes out."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "gen"))
import schema  # noqa: E402
import wirec  # noqa: E402
from schema import SchemaError, Versions  # noqa: E402

SAMPLE = """
# a comment
request 7 SampleRequest 1-5 flex 4+
  struct Shared
    Id int32 =-1
  Name string?2+ ignorable   # another
  Default int8 3-4
  Items []Item
    Key string key
    Deep []Shared? 3+
  One Shared? 5+ tag=1 =null
  Two Shared
  Raw records? 2-3
"""


def one(text):
    return schema.parse(text, "x.msg")[0]


class Meaning(unittest.TestCase):
    def setUp(self):
        self.m = one(SAMPLE)
        self.fields = {f.name: f for f in self.m.root.fields}

    def test_head(self):
        m = self.m
        self.assertEqual((m.kind, m.id, m.name, m.base_name), ("request", 7, "SampleRequest", "Sample"))
        self.assertEqual((m.versions, m.flexible), (Versions(1, 5), Versions(4, 5)))

    def test_versions_are_those_of_the_outside_unless_said(self):
        f = self.fields
        self.assertEqual(f["Name"].versions, Versions(1, 5))
        self.assertEqual(f["Default"].versions, Versions(3, 4))
        deep = f["Items"].struct.fields[1]
        self.assertEqual((deep.versions, deep.nullable), (Versions(3, 5), Versions(3, 5)))
        self.assertEqual(f["One"].versions, Versions(5, 5))

    def test_null_in_all_some_or_no_versions(self):
        f = self.fields
        self.assertEqual(f["Name"].nullable, Versions(2, 5))
        self.assertEqual(f["Raw"].nullable, Versions(2, 3))
        self.assertTrue(f["Two"].nullable.empty)

    def test_a_nullable_struct_is_a_pointer_an_array_of_them_is_not(self):
        f = self.fields
        self.assertTrue(f["One"].is_pointer)
        self.assertFalse(f["Two"].is_pointer)
        self.assertFalse(f["Items"].struct.fields[1].is_pointer)

    def test_defaults(self):
        f = self.fields
        self.assertTrue(f["One"].default_null)
        self.assertTrue(f["Raw"].default_null)  # records always are
        self.assertFalse(f["Name"].default_null)
        self.assertEqual(f["Two"].struct.fields[0].number, -1)
        self.assertEqual(one("data X 0\n  A int32 =0x7fffffff").root.fields[0].number, 2**31 - 1)

    def test_structs_come_inner_first(self):
        self.assertEqual(list(self.m.structs), ["Shared", "Item"])

    def test_an_api_that_is_no_longer_spoken(self):
        self.assertFalse(one("request 4 GoneRequest none").is_spoken)

    def test_names(self):
        self.assertEqual(schema.snake("ThrottleTimeMs"), "throttle_time_ms")
        self.assertEqual(schema.snake("KRaftVersionFeature"), "kraft_version_feature")
        self.assertEqual(schema.snake("V3AndBelowTopics"), "v3_and_below_topics")
        self.assertEqual(schema.snake("LastKnownELRs"), "last_known_el_rs")
        self.assertEqual(schema.camel("TopicId"), "topicId")


class Refused(unittest.TestCase):
    def refuse(self, text, line, part):
        with self.assertRaises(SchemaError) as caught:
            schema.parse(text, "x.msg")
        self.assertIn(f"x.msg:{line}: ", str(caught.exception))
        self.assertIn(part, str(caught.exception))

    def test_heads(self):
        self.refuse("thing 1 X 0", 1, "unknown kind")
        self.refuse("request X 0-1", 1, "KIND")
        self.refuse("request 1 X 3-1", 1, "bad versions")
        self.refuse("data X 0-1 flexible 1", 1, "expected 'flex")

    def test_layout(self):
        self.refuse("data X 0\n   A int8", 2, "indentation")
        self.refuse("data X 0\n    A int8", 2, "indentation")
        self.refuse("data X 0\n  A", 2, "a field is")

    def test_fields(self):
        field = "data X 0-3 flex 2+\n  A %s"
        for text, part in [
            ("int32 4+", "bad versions"), ("int32 2-9", "outside"), ("int32 soon", "unknown word"),
            ("int8 =128", "out of range"), ("int8 =no", "invalid literal"), ("bool =1", "true or false"),
            ("string =x", "only null"), ("string =null", "never null"), ("[]int8 =3", "only null"),
            ("int32?", "cannot be null"), ("string?0-1 2+", "do not have"),
            ("int32 tag=0", "not flexible"), ("records 2+ tag=0", "cannot be tagged"),
            ("[]bytes", "no arrays"), ("int32 rigid", "only a string"), ("Nowhere", "no struct"),
        ]:
            self.refuse(field % text, 2, part)

    def test_records_deep_in_a_tagged_field(self):
        self.refuse("data X 0 flex 0+\n  A B tag=0\n    C []D\n      E records", 2, "cannot be tagged")

    def test_twice(self):
        self.refuse("data X 0\n  A int8\n  a int8", 3, "second field")
        self.refuse("data X 0 flex 0\n  A int8 tag=1\n  B int8 tag=1", 3, "second field with tag")
        self.refuse("data X 0\n  A S\n    F int8\n  B S\n    F int8", 4, "defined twice")

    def test_a_struct_in_itself(self):
        self.refuse("data X 0\n  struct S\n    A []S\n  B S", 3, "contains itself")
        self.refuse("data X 0\n  A S\n    B []S", 3, "no struct")

    def test_fields_below_a_scalar(self):
        self.refuse("data X 0\n  A int8\n    B int8", 2, "has no fields")


class Folder(unittest.TestCase):
    def test_names_and_numbers_are_unique(self):
        with tempfile.TemporaryDirectory() as d:
            Path(d, "a.msg").write_text("request 1 ARequest 0")
            Path(d, "b.msg").write_text("request 1 BRequest 0")
            with self.assertRaisesRegex(SchemaError, r"b.msg:1: 1 is also at a.msg:1"):
                schema.load_dir(d)
            Path(d, "b.msg").write_text("response 1 ARequest 0")
            with self.assertRaisesRegex(SchemaError, r"b.msg:1: ARequest is also at"):
                schema.load_dir(d)

    def test_ours_is_complete(self):
        messages = schema.load_dir(ROOT / "def" / "wire")
        keys = {kind: {m.id for m in messages if m.kind == kind} for kind in schema.KINDS}
        self.assertEqual(keys["request"], keys["response"])
        self.assertEqual(keys["request"], set(range(93)))
        self.assertEqual(keys["group-key"], keys["group-value"])


class C(unittest.TestCase):
    def test_header(self):
        text = wirec.header([one(SAMPLE)])
        self.assertIn("API_SAMPLE = 7,", text)
        self.assertIn("#define API_KEY_COUNT 8", text)
        self.assertIn("    struct str name; /* or null */", text)
        self.assertIn("    int8_t default_; /* 3-4 */", text)
        self.assertIn("    struct sample_req_item *items;\n    int32_t items_count;", text)
        self.assertIn("    struct sample_req_shared *one; /* 5+, tag 1, or null */", text)
        self.assertIn("extern const struct wire_msg wire_sample_req;", text)

    def test_tables(self):
        text = wirec.source([one(SAMPLE)])
        self.assertIn('sample_req_default = {.name = {"", 0}, .two = {.id = (int32_t)INT64_C(-1)}}', text)
        self.assertIn(".flags = WF_POINTER | WF_DEFAULT_NULL, .lo = 5, .hi = 5, .null_lo = 5", text)

    def test_min_bytes_bounds_counts(self):
        m = one(SAMPLE)
        item = m.structs["Item"]
        self.assertEqual([wirec.struct_min_bytes(item, m, v) for v in range(1, 6)], [2, 2, 6, 3, 3])
        self.assertEqual(wirec.min_bytes(item, m), 2)
        self.assertEqual(wirec.min_bytes(m.structs["Shared"], m), 4)

    def test_members_that_collide(self):
        with self.assertRaisesRegex(SchemaError, "two C members 'a_count'"):
            wirec.header([one("data X 0\n  A []int8\n  ACount int32")])

    def test_mistakes_end_the_build_with_their_place(self):
        with tempfile.TemporaryDirectory() as d:
            Path(d, "a.msg").write_text("data X 0\n  A int9")
            run = subprocess.run([sys.executable, ROOT / "gen" / "wirec.py", Path(d, "o.h"),
                                  Path(d, "o.c"), d], capture_output=True, text=True)
            self.assertEqual(run.returncode, 1)
            self.assertIn("wirec: a.msg:2: ", run.stderr)
            self.assertFalse(Path(d, "o.h").exists())


if __name__ == "__main__":
    unittest.main()
