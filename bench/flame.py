"""A flame graph of ottla under load: perf's samples, folded and drawn as one SVG file.

perf (Debian: linux-perf) walks the stack by the debugger's tables, because a release build keeps no frame pointers."""

import contextlib
import html
import os
import re
import shutil
import subprocess

import sides

WIDTH, ROW, CHAR, NARROWEST = 1400, 17, 6.6, 0.4  # pixels
RATE_HZ, STACK_BYTES = 499, 8192
WARM = ((205, 92, 60), (244, 190, 96))
KERNEL = ((170, 60, 60), (210, 110, 100))


class Unable(Exception):
    pass


def check(scratch):
    """Raises Unable, with what to do, where perf is not here or may not be used."""
    if not shutil.which("perf"):
        raise Unable("--flame needs perf: apt-get install linux-perf (Ubuntu: linux-tools-generic)")
    tried = subprocess.run(["perf", "record", "-q", "-g", "-o", scratch, "--", "true"], capture_output=True, text=True)
    if tried.returncode:
        with open("/proc/sys/kernel/perf_event_paranoid") as f:
            level = f.read().strip()
        raise Unable("perf may not be used here (kernel.perf_event_paranoid is %s; root, or 1 and less, may; so may a "
                     "container with CAP_PERFMON): %s" % (level, tried.stderr.strip()[-300:]))


class Recorder:
    """Collects stacks of many short recordings, each below a frame of its own name."""

    def __init__(self, box):
        self.data = os.path.join(box, "perf.data")
        self.stacks = {}
        check(self.data)

    @contextlib.contextmanager
    def recording(self, name, pid):
        perf = subprocess.Popen(
            sides.pinned(sides.CLIENT_CPU, "perf", "record", "-q", "-F", str(RATE_HZ), "--call-graph",
                         "dwarf,%d" % STACK_BYTES, "-o", self.data, "-p", str(pid)),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            yield
        finally:
            perf.send_signal(2)
            perf.wait()
        self.take(name)

    def take(self, name):
        text = subprocess.run(["perf", "script", "--no-inline", "-F", "comm,ip,sym,dso", "-i", self.data],
                              capture_output=True, text=True, errors="replace").stdout
        for stack in fold(text):
            stack = (name, *stack)
            self.stacks[stack] = self.stacks.get(stack, 0) + 1

    def write(self, path):
        if not self.stacks:
            raise Unable("perf saw nothing of ottla: no sample was taken")
        with open(path, "w") as f:
            f.write(svg(self.stacks))


def fold(text):
    """perf script's words, a blank line after each sample -> stacks, outermost first."""
    for sample in text.split("\n\n"):
        lines = sample.strip("\n").split("\n")
        frames = [frame(line) for line in lines[1:] if line.strip()]
        if frames:
            yield (lines[0].split(maxsplit=1)[0], *reversed(frames))


def frame(line):
    found = re.match(r"\s*([0-9a-f]+) (.*) \((.*)\)$", line)
    if not found:
        return line.strip()
    name = re.sub(r"\+0x[0-9a-f]+$", "", found.group(2))
    if name == "[unknown]":
        name = "[%s]" % os.path.basename(found.group(3))
    return name + "_[k]" if found.group(3).startswith("[kernel") else name


def tree(stacks):
    """{name: [count, children]}"""
    root = {}
    for stack, count in stacks.items():
        level = root
        for name in stack:
            node = level.setdefault(name, [0, {}])
            node[0] += count
            level = node[1]
    return root


def colour(name):
    (a, b) = KERNEL if name.endswith("_[k]") else WARM
    share = sum(map(ord, name)) % 17 / 16
    return "rgb(%d,%d,%d)" % tuple(x + (y - x) * share for x, y in zip(a, b))


def boxes(level, x, depth, scale):
    """(x, depth, width, name, count) of all that can be seen; siblings by name, so that two graphs compare."""
    for name, (count, below) in sorted(level.items()):
        width = count * scale
        if width >= NARROWEST:
            yield x, depth, width, name, count
            yield from boxes(below, x, depth + 1, scale)
        x += width


def svg(stacks):
    total = sum(stacks.values())
    drawn = list(boxes({"all": [total, tree(stacks)]}, 0, 0, WIDTH / total))
    height = (max(b[1] for b in drawn) + 1) * ROW
    out = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="monospace" font-size="11">' %
           (WIDTH, height)]
    for x, depth, width, name, count in drawn:
        y, shown = height - (depth + 1) * ROW, name.removesuffix("_[k]")
        letters = int((width - 4) / CHAR)
        text = shown if len(shown) <= letters else shown[:letters - 1] + "…" if letters > 2 else ""
        out.append('<g><title>%s: %d of %d, %.1f %%</title><rect x="%.1f" y="%d" width="%.1f" height="%d" fill="%s" '
                   'rx="1"/><text x="%.1f" y="%d">%s</text></g>' %
                   (html.escape(shown), count, total, 100 * count / total, x, y, max(width - 0.5, 0.3), ROW - 1,
                    colour(name), x + 2, y + 12, html.escape(text)))
    return "\n".join(out) + "\n</svg>\n"
