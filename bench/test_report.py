#!/usr/bin/env python3
"""The arithmetic of the table: ratios are taken within a round, and "better" turns round with the figure."""
import unittest

import flame
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


    def test_nothing_can_be_a_goal(self):
        line = rows.Line("", "x", absolute_goal=0)
        self.assertEqual(self.verdicts(line, ottla=0), [True])
        self.assertEqual(self.verdicts(line, ottla=1), [False])

    def test_what_was_missed_is_told(self):
        row = rows.ROWS["P15"]()
        row.lines = [rows.Line("ms", "x", ratio_goal=50), rows.Line("MiB", "y", absolute_goal=10)]
        samples = {"P15": [{"kafka": [{"x": 40, "y": 90}], "ottla": [{"x": 1, "y": 9}]}]}
        self.assertEqual(list(report.missed([row], samples)), ["- **P15** ms: goal 50×, it is 40×"])


class Flame(unittest.TestCase):
    text = ("ottla 12 \n\tffff81 copy+0x4 ([kernel.kallsyms])\n\t 4f0 append+0x12 (/b/ottla)\n\t 99 main (/b/ottla)\n\n"
            "ottla 12 \n\t 7 [unknown] (/lib/libc.so.6)\n\t 99 main (/b/ottla)\n\n")

    def test_stacks_are_outermost_first(self):
        self.assertEqual(list(flame.fold(self.text)),
                         [("ottla", "main", "append", "copy_[k]"), ("ottla", "main", "[libc.so.6]")])

    def test_a_box_is_as_wide_as_its_share(self):
        drawn = list(flame.boxes(flame.tree({("a", "b"): 3, ("a", "<c>"): 1}), 0, 0, 10))
        self.assertEqual([(x, width, name) for x, _, width, name, _ in drawn],
                         [(0, 40, "a"), (0, 10, "<c>"), (10, 30, "b")])
        self.assertIn("&lt;c&gt;: 1 of 4, 25.0 %", flame.svg({("a", "b"): 3, ("a", "<c>"): 1}))


class Rows(unittest.TestCase):
    def test_every_row_has_lines_and_a_name_of_its_own(self):
        for name, row in rows.ROWS.items():
            self.assertEqual(row.name, name)
            self.assertEqual(len({line.key for line in row.lines}), len(row.lines), name)

    def test_quick_rows_exist(self):
        self.assertLessEqual(set(rows.QUICK), set(rows.ROWS))


if __name__ == "__main__":
    unittest.main()
