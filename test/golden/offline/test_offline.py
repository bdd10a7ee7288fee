#!/usr/bin/env python3
"""dump-log and storage against what Apache Kafka's tools said (answers.jsonl.xz, made by test/peers/offline.py), the
same as JSON, and over files that are damaged at random: that must not end in a crash."""

import json
import lzma
import os
import random
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import cases  # noqa: E402
import runner  # noqa: E402

DAMAGED_COUNT = 150
CHANGES_MAX = 8


def answers():
    with lzma.open(os.path.join(HERE, "answers.jsonl.xz"), "rt") as f:
        return [json.loads(line) for line in f]


class Offline(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.temp = tempfile.TemporaryDirectory(prefix="ottla-offline-")
        cls.where = os.path.realpath(cls.temp.name)
        back = os.getcwd()
        os.chdir(cls.where)
        cases.make()
        cls.commands = cases.commands()
        os.chdir(back)

    @classmethod
    def tearDownClass(cls):
        cls.temp.cleanup()

    def ottla(self, argv, *more):
        got = runner.ottla(argv, self.where, *more)
        self.assertIn(got[0], (0, 1), (argv, got[2]))
        self.assertNotIn("Sanitizer", got[2], argv)
        self.assertNotIn("runtime error", got[2], argv)
        return got

    def test_answers(self):
        kept = answers()
        self.assertEqual([a[0] for a in kept], self.commands, "make them anew: test/peers/offline.py --write")
        wrong = ["%s: %s" % (" ".join(argv), d) for argv, *theirs in kept
                 for d in cases.differences(argv, theirs, self.ottla(argv))]
        self.assertEqual(wrong, [])

    def test_json(self):
        """An object a line, in the order of the text."""
        for argv in [c for c in self.commands if c[0] == "kafka-dump-log" and c[-1] != "--files"][::4]:
            text, as_json = self.ottla(argv), self.ottla(argv, "--format", "json")
            self.assertEqual(text[0], as_json[0], argv)
            if text[0] != 0 or "--version" in argv or "logs/9." in " ".join(argv):
                continue  # (the oldest formats have other names)
            rows = [json.loads(line) for line in as_json[1].splitlines()]
            for kind, key, begin in (("batch", "baseOffset", "baseOffset: "), ("record", "offset", "| offset: "),
                                     ("producer", "producerId", "producerId: "), ("index", "offset", "offset: ")):
                self.assertEqual([r[key] for r in rows if r["type"] == kind and key in r],
                                 [int(x[len(begin):].split()[0]) for x in text[1].split("\n") if x.startswith(begin)])

    def test_json_of_storage(self):
        path = "conf/meta-a1.properties"
        text, got = (self.ottla(["kafka-storage", "info", "-c", path], *more) for more in ((), ("--format", "json")))
        self.assertEqual(text[0], got[0])
        self.assertEqual(json.loads(got[1]), {
            "directories": ["d/meta-a1"], "clusterId": "AAA", "directoryId": "ajYjg4-MSfm1WUl3LdsGYw", "nodeId": 1,
            "version": 1, "problems": []})
        got = self.ottla(["kafka-storage", "info", "-c", "conf/meta-legacy.properties"], "--format=json")
        self.assertEqual((got[0], len(json.loads(got[1])["problems"])), (1, 1))
        got = self.ottla(["kafka-storage", "version-mapping", "-r", "4.0"], "--format", "json")
        self.assertEqual(json.loads(got[1])["transaction.version"], 2)
        self.assertEqual(self.ottla(["kafka-storage", "version-mapping"], "--format", "xml")[0], 1)

    def test_damage(self):
        rand = random.Random(7)
        choice = [c for c in self.commands if c[0] == "kafka-dump-log" and
                  any(a.startswith(("static-stop/", "topics/")) for a in c)]
        for n in range(DAMAGED_COUNT):
            argv = rand.choice(choice)
            path = argv[argv.index("--files") + 1]
            data = bytearray(cases.read(os.path.join(self.where, path)))
            for _ in range(rand.randint(1, CHANGES_MAX) if data else 0):
                at = rand.randrange(len(data))
                data[at:at + rand.choice((1, 1, 1, 4))] = rand.choice((b"\xff" * 4, b"\0", b"\x7f", rand.randbytes(1)))
            name = os.path.basename(path)
            damaged = os.path.join("damaged", path.split("/")[-2], name)
            cases.write(os.path.join(self.where, damaged), bytes(data[:rand.choice((len(data), len(data) // 2 + 1))]))
            for beside in (name.split(".")[0] + s for s in (".log", ".index")):
                source = os.path.join(self.where, os.path.dirname(path), beside)
                if beside != name and os.path.exists(source):
                    cases.write(os.path.join(self.where, os.path.dirname(damaged), beside), cases.read(source))
            self.ottla([damaged if a == path else a for a in argv])


if __name__ == "__main__":
    unittest.main()
