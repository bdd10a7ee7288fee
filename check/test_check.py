#!/usr/bin/env python3
"""The checks themselves: each finds what it is there for and stays silent on what is right."""
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import layers
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


if __name__ == "__main__":
    unittest.main()
