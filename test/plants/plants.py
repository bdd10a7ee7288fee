#!/usr/bin/env python3
"""Bugs that are planted in the broker, one at a time, to see that a test finds them: a check that never fails has not been
tested. Each plant changes a few words of a source, which is compiled and linked in front of the archives; the tree and
the build stay as they are.

  plants.py BUILD [NAME...]    all of them, or some; fails when a plant is not found, or does not apply any more
  plants.py --list             what is planted, and who finds it

bugs.py: what would lose or mix up records. protections.py: what keeps peers from doing harm."""

import collections
import concurrent.futures
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time

import bugs
import protections

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PLANTS = {**bugs.PLANTS, **protections.PLANTS}
SECONDS = 300


def changed(plant):
    """file -> its text with the plant in it"""
    texts = {}
    for path, old, new in plant.changes:
        if path not in texts:
            with open(os.path.join(ROOT, path)) as f:
                texts[path] = f.read()
        if texts[path].count(old) != 1:
            raise ValueError("%s has these words %d times: %s" % (path, texts[path].count(old), old))
        texts[path] = texts[path].replace(old, new)
    return texts


class Builder:
    def __init__(self, build):
        self.build = os.path.abspath(build)
        with open(os.path.join(self.build, "compile_commands.json")) as f:
            self.compile = collections.defaultdict(list)
            for c in json.load(f):
                self.compile[os.path.normpath(os.path.join(c["directory"], c["file"]))].append(c)
        self.links = {}

    def load(self, targets):
        for target in targets:
            words = ["ninja", "-C", self.build, "-t", "commands", "-s", target]
            done = subprocess.run(words, capture_output=True, text=True,
                                  check=True)
            self.links[target] = shlex.split(done.stdout.splitlines()[-1])

    def build_source(self, path, text, folder):
        source = os.path.join(folder, path.replace("/", "-"))
        obj = source + ".o"
        with open(source, "w") as f:
            f.write(text)
        words = shlex.split(self.compile[os.path.join(ROOT, path)][0]["command"])
        words[words.index("-o") + 1] = obj
        words[words.index("-MF") + 1] = obj + ".d"
        words[-1] = source
        words += ["-Wno-error", "-w", "-I" + os.path.join(ROOT, os.path.dirname(path))]
        subprocess.run(words, cwd=self.build, check=True)
        return obj

    def make(self, plant, folder):
        objects = [self.build_source(path, text, folder) for path, text in changed(plant).items()]
        exe = os.path.join(folder, os.path.basename(plant.by.target))
        words = list(self.links[plant.by.target])
        at = words.index("-o") + 1
        words[at] = exe
        words[at + 1:at + 1] = objects
        subprocess.run(words, cwd=self.build, check=True)
        return exe


def look(exe, by):
    """The first run that fails, or the last; and why that does not count."""
    for args in by.runs:
        env = dict(os.environ, **by.env)
        done = subprocess.run([exe] + args, capture_output=True, text=True, timeout=SECONDS, env=env,
                              cwd=os.path.dirname(exe), check=False)
        said = (done.stdout + done.stderr).strip()
        if done.returncode:
            is_it = not by.case or re.search(r"((FAILED|ERROR)\s+\] )%s\b" % by.case, said) or done.returncode < 0
            return (said if is_it else ""), (None if is_it else "something else failed: " + said[-300:])
    return "", "nobody sees it"


def summary(said, by):
    if by.case:
        return "%s %s" % (os.path.basename(by.target), by.case)
    found = re.search(r"^sim \d+: .*", said, re.M)
    return found.group() if found else (said.splitlines() or ["it fell over"])[0 if "seed" in said else -1]


def hunt(builder, plant):
    """(None, who found it), or (why it was not found, ""); and how long that took."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ottla-plant-") as folder:
        exe = builder.make(plant, folder)
        try:
            said, why = look(exe, plant.by)
        except subprocess.TimeoutExpired:
            said, why = "", "still looking after %d s" % SECONDS
    return why, summary(said, plant.by), time.monotonic() - began


def tell(number, name, future):
    try:
        why, who, took_s = future.result()
    except (ValueError, KeyError, subprocess.CalledProcessError) as e:
        why, who, took_s = str(e), "", 0
    if why:
        print("not ok %d %s (%s): %s" % (number, name, PLANTS[name].what, why), flush=True)
    else:
        print("ok %d %s (%.0f s): %s" % (number, name, took_s, who), flush=True)
    return not why


def main(argv):
    if argv[0] == "--list":
        for name, plant in PLANTS.items():
            print("%-34s %s\n%-34s found by %s" % (name, plant.what, "", plant.by))
        return 0
    names = argv[1:] or list(PLANTS)
    builder = Builder(argv[0])
    builder.load({PLANTS[name].by.target for name in names})
    with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("JOBS", os.cpu_count() or 1))) as pool:
        hunts = {pool.submit(hunt, builder, PLANTS[name]): name for name in names}
        ended = enumerate(concurrent.futures.as_completed(hunts), 1)
        found = [tell(number, hunts[future], future) for number, future in ended]
    print("%d of %d plants were found" % (sum(found), len(found)))
    return 0 if all(found) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]) if sys.argv[1:] else __doc__)
