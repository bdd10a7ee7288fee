#!/usr/bin/env python3
"""Counting: every way to end badly must be a failed case, and nothing is counted twice."""
import unittest

import cases


def run(result="OK", stdout="", stderr="", name="ottla:unit / x"):
    return cases.from_run({"name": name, "result": result, "stdout": stdout, "stderr": stderr, "returncode": 1})


CMOCKA = "[ RUN      ] a\n[       OK ] a\n[ RUN      ] b\n[  FAILED  ] b\n[  SKIPPED ] c\n[  PASSED  ] 1 test(s).\n"


class FromRun(unittest.TestCase):
    def test_cmocka(self):
        self.assertEqual(run("FAIL", CMOCKA), ["ok x/a", "not ok x/b", "skip x/c"])

    def test_unittest(self):
        self.assertEqual(run(stderr="....\n---\nRan 2 tests in 0.1s\n\nOK\n"), ["ok x/0", "ok x/1"])
        text = "F\nRan 4 tests in 0.1s\n\nFAILED (failures=1, errors=1, skipped=1)\n"
        self.assertEqual(run("FAIL", "", text), ["not ok x/0", "not ok x/1", "skip x/2", "ok x/3"])

    def test_tap(self):
        self.assertEqual(run(stdout="ok 1 - a\nnot ok 2 b\nok 3 # SKIP\n1..3\n"),
                         ["ok x/1 - a", "not ok x/2 b", "skip x/3"])

    def test_an_unknown_language_is_one_case(self):
        self.assertEqual(run(stdout="hello"), ["ok x/all"])
        self.assertEqual(run("SKIP"), ["skip x/all"])

    def test_a_crash_after_good_cases_fails(self):
        self.assertEqual(run("FAIL", "[       OK ] a\n"), ["ok x/a", "not ok x/(fail, exit code 1)"])
        self.assertEqual(run("TIMEOUT"), ["not ok x/(timeout, exit code 1)"])


class AddUp(unittest.TestCase):
    def test_a_case_of_two_builds_counts_once_at_its_worst(self):
        self.assertEqual(cases.add_up(["ok x/a\n", "not ok x/a\n", "skip x/b\n", "ok x/b\n", "skip x/c\n"]), (1, 1, 1))


if __name__ == "__main__":
    unittest.main()
