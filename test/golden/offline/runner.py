"""Running one of the command lines of cases.py with ottla."""

import os
import subprocess

OTTLA = os.path.abspath(os.environ.get("OTTLA", os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                             *[os.pardir] * 3, "build", "src", "ottla")))
TIMEOUT_S = 60


def ottla(argv, where, *more):
    """(status, stdout, stderr) of a tool by its script name, in the directory `where`."""
    p = subprocess.run([OTTLA, argv[0].removeprefix("kafka-"), *argv[1:], *more], cwd=where, capture_output=True,
                       stdin=subprocess.DEVNULL, timeout=TIMEOUT_S)
    return [p.returncode, relative(p.stdout.decode(), where), relative(p.stderr.decode(errors="replace"), where)]


def relative(text, where):
    return text.replace(where + "/", "")
