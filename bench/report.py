"""From samples to a table for people and a file for programs."""

import json
import os
import statistics
import sys

BUSY = 4  # load average: two for the broker and its client, and what they start
BOLD, DIM, GREEN, RED, RESET = ("\033[1m", "\033[2m", "\033[32m", "\033[31m", "\033[0m") if sys.stdout.isatty() and \
    not os.environ.get("NO_COLOR") else ("",) * 5


def median(values):
    values = [v for v in values if v is not None]
    return statistics.median(values) if values else None


def mean_of(samples, key):
    values = [s[key] for s in samples if s.get(key) is not None]
    return sum(values) / len(values) if values else None


def times_better(line, base, ours):
    """How many times better `ours` is than `base`."""
    if not base or not ours:
        return None
    return base / ours if line.better == "less" else ours / base


def judge(line, rounds):
    """A line's figures over all rounds: medians of what was paired within a round."""
    pairs = [{who: mean_of(one.get(who, []), line.key) for who in ("limit", "kafka", "ottla")} for one in rounds]
    figures = {who: median(p[who] for p in pairs) for who in ("limit", "kafka", "ottla")}
    ratios = [times_better(line, p["kafka"], p["ottla"]) for p in pairs]
    shares = [times_better(line, p["limit"], p["ottla"]) for p in pairs]
    known = [r for r in ratios if r]
    return {**figures, "ratio": median(ratios), "share": median(shares),
            "spread": (max(known) - min(known)) / median(known) if len(known) > 1 else None}


def verdicts(line, f):
    """[(words of a goal, reached)]"""
    found = []
    if line.ratio_goal and f["ratio"]:
        found.append(("%g×" % line.ratio_goal, f["ratio"] >= line.ratio_goal))
    if line.share_goal and f["share"]:
        found.append(("%d %% of limit" % round(line.share_goal * 100), f["share"] >= line.share_goal))
    if line.absolute_goal is not None and f["ottla"] is not None:
        found.append(("≤ %g" % line.absolute_goal, f["ottla"] <= line.absolute_goal))
    return found


def number(value, digits):
    return "–" if value is None else "{:,.{}f}".format(value, digits)


def cells(line, f):
    ratio = "–" if f["ratio"] is None else "%.*f×" % (0 if f["ratio"] >= 20 else 1, f["ratio"])
    share = "–" if f["share"] is None else "%d %%" % round(f["share"] * 100)
    return [number(f["kafka"], line.digits), number(f["ottla"], line.digits), ratio, number(f["limit"], line.digits), share]


WIDTHS = (8, 8, 7, 8, 6)


def header():
    names = ("Kafka", "ottla", "better", "limit", "of it")
    return "  %-38s" % "" + "".join(n.rjust(w + 2) for n, w in zip(names, WIDTHS)) + "   goals"


def print_row(row, rounds):
    print("\n  %s%s%s  %s" % (BOLD, row.name, RESET, row.title))
    for line in row.lines:
        f = judge(line, rounds)
        if f["kafka"] is None and f["ottla"] is None:
            continue
        goals = "  ".join("%s%s %s%s" % (GREEN if ok else RED, "✓" if ok else "✗", words, RESET)
                          for words, ok in verdicts(line, f))
        print("  %-38s" % line.text + "".join(c.rjust(w + 2) for c, w in zip(cells(line, f), WIDTHS)) + "   " + goals)


def markdown(rows, samples):
    """The same as a table for a page."""
    out = ["| row | Kafka | ottla | better | limit | of it | goals |", "|---|--:|--:|--:|--:|--:|---|"]
    for row in rows:
        out.append("| **%s** %s | | | | | | |" % (row.name, row.title))
        for line in row.lines:
            f = judge(line, samples[row.name])
            if f["kafka"] is None and f["ottla"] is None:
                continue
            goals = ", ".join("%s %s" % (words, "reached" if ok else "**missed**") for words, ok in verdicts(line, f))
            out.append("| %s | %s | %s |" % (line.text.strip(), " | ".join(cells(line, f)), goals))
    return "\n".join(out) + "\n"


def words_of(run):
    """What a reader must know to make something of the figures."""
    m = run["machine"]
    text = ("%s. %d cores of %s, %d GiB, Linux %s, TCP %s; ottla %s, Apache Kafka %s with 1 GiB of heap; %d rounds of samples of "
            "%g s. Broker on one core, clients on the other.") % (
        run["date"], m["cpus"], m["model"], m["memory_gib"], m["kernel"], m["tcp"], run["commit"], run["kafka"], run["rounds"],
        run["seconds"])
    return text + (" While it ran, others used the machine too: load %.1f at the start, %.1f at the end." % tuple(run["load"])
                   if max(run["load"]) > BUSY else "")


def missed(rows, samples):
    """Lines about goals that were missed."""
    for row in rows:
        for line in row.lines:
            f = judge(line, samples[row.name])
            _, ours, ratio, _, share = cells(line, f)
            for words, reached in verdicts(line, f):
                if not reached:
                    figure = ratio if words.endswith("×") else share if words.endswith("limit") else ours
                    yield "- **%s** %s: goal %s, it is %s" % (row.name, line.text.strip(), words, figure)


def write(stem, run, rows, samples):
    """stem.json with every sample, stem.md for people."""
    os.makedirs(os.path.dirname(stem), exist_ok=True)
    judged = {row.name: {line.key: judge(line, samples[row.name]) for line in row.lines} for row in rows}
    with open(stem + ".json", "w") as f:
        json.dump({**run, "rows": judged, "samples": samples}, f, indent=1)
    with open(stem + ".md", "w") as f:
        f.write("# ottla beside Apache Kafka\n\n%s\n\n%s" % (words_of(run), markdown(rows, samples)))
        lines = list(missed(rows, samples))
        f.write("\n## Goals that were missed\n\n%s\n" % ("\n".join(lines) or "None."))
