#!/usr/bin/env python3
"""The checks themselves: each finds what it is there for and stays silent on what is right."""
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import layers
import pages
import pure
import shape

ROWS = "base:\nplat: base\nwire: base  # codec\ncli: base include\nmain: cli\npure: base wire\n"


class Tree(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.root)

    def put(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path


class Layers(Tree):
    def faults(self, name, text, rows=ROWS):
        self.put("src/layers.txt", rows)
        self.put(name, text)
        return list(layers.faults(self.root))

    def test_own_folder_lower_layer_and_table_are_fine(self):
        text = '#include "wire/a.h"\n# include "base/b.h"\n#include "def/error.def"\n#include <stdio.h>\n'
        self.assertEqual(self.faults("src/wire/x.c", text), [])

    def test_a_higher_layer_is_refused_with_its_line(self):
        self.assertEqual(self.faults("src/wire/x.c", '\n#include "plat/file.h"\n'),
                         ['src/wire/x.c:2: wire may not include "plat/file.h"'])

    def test_a_private_header_is_refused_to_a_tool(self):
        self.assertEqual(len(self.faults("src/cli/x.c", '#include "wire/wire.h"\n')), 1)
        self.assertEqual(self.faults("src/cli/x.c", '#include <ottla/client.h>\n'), [])

    def test_a_public_header_stands_on_public_headers_only(self):
        self.assertEqual(self.faults("include/ottla/a.h", '#include "ottla/b.h"\n'), [])
        self.assertEqual(len(self.faults("include/ottla/a.h", '#include "base/err.h"\n')), 1)

    def test_the_public_headers_are_not_for_the_inside(self):
        self.assertEqual(len(self.faults("src/wire/x.h", '#include "ottla/client.h"\n')), 1)

    def test_a_header_without_its_folder_is_refused(self):
        self.assertEqual(len(self.faults("src/wire/x.c", '#include "a.h"\n')), 1)

    def test_a_folder_without_a_row_is_refused(self):
        self.assertEqual(self.faults("src/new/x.c", ""), ["src/new/x.c: src/layers.txt has no row for new"])

    def test_files_of_src_itself_have_the_row_main(self):
        self.assertEqual(self.faults("src/main.c", '#include "cli/cli.h"\n'), [])
        self.assertEqual(len(self.faults("src/main.c", '#include "base/err.h"\n')), 1)

    def test_folders_within_a_folder_have_rows_of_their_own(self):
        rows = "client:\nclient/core:\nclient/group: client/core\npure:\n"
        self.assertEqual(self.faults("src/client/group/x.c", '#include "client/core/a.h"\n#include "client/b.h"\n', rows), [])
        self.assertEqual(self.faults("src/client/core/x.c", '#include "client/group/a.h"\n', rows),
                         ['src/client/core/x.c:1: client/core may not include "client/group/a.h"'])

    def test_rows_that_point_up_are_refused(self):
        self.assertEqual(len(self.faults("src/a/x.c", "", "a: b\nb: a\npure: a\n")), 1)


@unittest.skipUnless(shutil.which("cc") and shutil.which("nm"), "needs a compiler")
class Pure(Tree):
    def faults(self, folder, text):
        source = self.put("x.c", text)
        subprocess.run(["cc", "-O0", "-w", "-c", source, "-o", self.root / "x.o"], check=True)
        archive = self.root / "libx.a"
        archive.unlink(missing_ok=True)
        subprocess.run(["ar", "rcs", archive, self.root / "x.o"], check=True)
        return list(pure.faults({folder: archive}))

    def test_memory_and_text_are_fine(self):
        self.assertEqual(self.faults("wire", "void *malloc(long); int f(void); int f(void) { return malloc(9) != 0; }"
                                             " int strcmp(char *, char *); int g(char *a) { return f() + strcmp(a, a); }"), [])

    def test_each_way_out_is_found(self):
        for call in ("open", "read", "socket", "clock_gettime", "time", "pthread_mutex_lock", "getenv", "rand",
                     "getrandom", "fopen", "printf", "nanosleep", "strerror", "memfd_create", "epoll_wait"):
            with self.subTest(call):
                self.assertEqual(self.faults("wire", f"long {call}(long); long f(void) {{ return {call}(1); }}"),
                                 [f"wire/x.o: calls {call}, but wire is pure"])

    def test_only_base_speaks_to_stderr(self):
        text = "#include <stdio.h>\nvoid f(int n) { fprintf(stderr, \"%d\", n); }"
        self.assertEqual(self.faults("base", text), [])
        self.assertEqual(len(self.faults("wire", text)), 2)


class Shape(unittest.TestCase):
    def test_a_source_opens_with_a_comment(self):
        self.assertEqual(list(shape.file_faults(pathlib.Path("src/a/x.c"), "/* Its job. */\n")), [])
        self.assertEqual(len(list(shape.file_faults(pathlib.Path("src/a/x.c"), "#include <a.h>\n"))), 1)

    def test_what_waits_is_found(self):
        self.assertEqual(list(shape.file_faults(pathlib.Path("src/a/x.h"), "int a; /* TODO */\n")),
                         ["src/a/x.h:1: int a; /* TODO */"])

    def test_a_folder_wants_a_readme(self):
        names = {pathlib.Path("src/a/x.c"), pathlib.Path("src/b/x.c"), pathlib.Path("src/b/README.md")}
        self.assertEqual(list(shape.folder_faults(names)), ["src/a: no README.md"])


class Pages(unittest.TestCase):
    KAFKA = {3: ("Metadata", 0, 13), 23: ("OffsetForLeaderEpoch", 2, 4), 9: ("OffsetFetch", 1, 10)}

    def test_rows_are_parsed_with_their_comments_and_long_texts(self):
        text = '/* X(A, b, 1, 2, 0) */\nX(METADATA, f, 0, 12, A | B)\nTOPIC("a.b", a_b, INT, "1",\n  "x, (y) " "z")\n'
        self.assertEqual(pages.rows(text, "X", "TOPIC"), [("X", ["METADATA", "f", "0", "12", "A | B"]),
                                                          ("TOPIC", ["a.b", "a_b", "INT", "1", "x, (y) z"])])

    def test_versions_come_from_the_schemas(self):
        self.assertEqual(pages.kafka_apis(["request 3 MetadataRequest 0-13 flex 9+\n", "request 67 AxRequest 0 flex\n"]),
                         {3: ("Metadata", 0, 13), 67: ("Ax", 0, 0)})

    def test_a_proof_of_what_is_not_served_is_found(self):
        served = {"METADATA": (0, 13), "OFFSET_FOR_LEADER_EPOCH": (2, 4)}
        proved = pages.proofs([("test/a.py", "# Proves: METADATA,\n#  OFFSET_FOR_LEADER_EPOCH\n\nx = 1")])
        self.assertEqual(list(pages.compat_faults(self.KAFKA, served, proved)), [])
        self.assertEqual(len(list(pages.compat_faults(self.KAFKA, {"META": (0, 1)}, {}))), 1)
        self.assertEqual(len(list(pages.compat_faults(self.KAFKA, {}, proved))), 2)

    def test_what_is_not_served_is_said(self):
        page = pages.compat_page(self.KAFKA, {"METADATA": (0, 12)}, {"METADATA": ["test/e2e/a.py"]})
        self.assertIn("| Metadata | 3 | 0–13 | 0–12 | [a](../test/e2e/a.py) |", page)
        self.assertIn("| OffsetFetch | 9 | 1–10 |\n", page)

    def test_a_setting_that_nothing_reads_is_said(self):
        rows = [("TOPIC", "a.b", "a_b", "INT", "1", "", "", "", "log.a.b*60", "Text."),
                ("BROKER", "log.a.b", "log_a_b", "INT", "1", "", "", "", "", "Default."),
                ("BROKER", "c", "c_field", "INT", "NULL", "", "", "", "", "C.")]
        page = lambda source: pages.config_page(rows, pages.heard_settings(rows, [source]))  # noqa: E731
        self.assertIn("Nothing reads yet: `c`.", page("x = t->a_b;"))
        self.assertNotIn("Nothing reads yet: `log.a.b`", page("x = t->a_b;"))
        self.assertIn("Nothing reads yet: `log.a.b`, `c`.", page("a_bc"))
        self.assertNotIn("`c`.", page('broker_config_now(img, b, STR("c"))'))


if __name__ == "__main__":
    unittest.main()
