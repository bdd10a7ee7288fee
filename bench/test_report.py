#!/usr/bin/env python3
"""The arithmetic of the table: ratios are taken within a round, and "better" turns round with the figure."""
import unittest

import report
import rows


def rounds(*of):
    return [{who: [{"x": v} for v in values] for who, values in one.items()} for one in of]


class Judge(unittest.TestCase):
    def test_less_is_better(self):
        f = report.judge(rows.Line("", "x"), rounds({"kafka": [6, 4], "ottla": [1, 1], "limit": [0.5, 0.5]}))
        self.assertEqual((f["kafka"], f["ottla"], f["ratio"], f["share"]), (5, 1, 5, 0.5))

    def test_more_is_better(self):
        f = report.judge(rows.Line("", "x", "more"), rounds({"kafka": [100], "ottla": [300], "limit": [400]}))
        self.assertEqual((f["ratio"], f["share"]), (3, 0.75))

    def test_pairs_are_taken_within_a_round(self):
        slow, fast = {"kafka": [100], "ottla": [10]}, {"kafka": [4], "ottla": [2]}
        f = report.judge(rows.Line("", "x"), rounds(slow, fast, fast))
        self.assertEqual(f["ratio"], 2)  # not the ratio of medians of all

    def test_one_side_alone(self):
        f = report.judge(rows.Line("", "x"), rounds({"ottla": [3], "kafka": []}))
        self.assertEqual((f["kafka"], f["ottla"], f["ratio"]), (None, 3, None))

    def test_a_figure_that_could_not_be_taken(self):
        f = report.judge(rows.Line("", "y"), rounds({"ottla": [3], "kafka": [4]}))
        self.assertEqual((f["kafka"], f["ottla"]), (None, None))


class Goals(unittest.TestCase):
    def verdicts(self, line, **figures):
        f = {"kafka": None, "ottla": None, "limit": None, "ratio": None, "share": None, **figures}
        return [reached for _, reached in report.verdicts(line, f)]

    def test_each_goal_is_judged_by_its_own_figure(self):
        line = rows.Line("", "x", ratio_goal=3, share_goal=0.6, absolute_goal=10)
        self.assertEqual(self.verdicts(line, ratio=3.1, share=0.5, ottla=10), [True, False, True])

    def test_no_verdict_without_a_figure(self):
        self.assertEqual(self.verdicts(rows.Line("", "x", ratio_goal=3)), [])


class Rows(unittest.TestCase):
    def test_every_row_has_lines_and_a_name_of_its_own(self):
        for name, row in rows.ROWS.items():
            self.assertEqual(row.name, name)
            self.assertEqual(len({line.key for line in row.lines}), len(row.lines), name)

    def test_default_rows_exist(self):
        self.assertLessEqual(set(rows.DEFAULT), set(rows.ROWS))


if __name__ == "__main__":
    unittest.main()
