"""The clients that interop.py drives: how each is installed and called, and what it can do."""

import json
import os
import signal
import subprocess
import threading
from dataclasses import dataclass, field

HERE = os.path.dirname(os.path.abspath(__file__))
CACHE = os.environ.get("OTTLA_PEERS") or os.path.expanduser("~/.cache/ottla-peers")
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


class PeerError(Exception):
    pass


@dataclass
class Peer:
    """cannot: words for what the client lacks. times: sets timestamps; offsets: tells offsets;
    binary: takes any byte in keys and headers; null-header: sends a header without a value;
    both-null: sends a record with neither key nor value;
    assign: reads without a group; group: is a member of one; static: with an instance id; cooperative: gives
    partitions away one by one; range, sticky: shares them as others do; kip848: lets the coordinator share them; admin, idempotent, trim, produce: has these calls."""

    name: str
    install: tuple
    command: tuple
    args: tuple = ()
    codecs: tuple = CODECS
    cannot: frozenset = field(default_factory=frozenset)
    count: int = 300  # records a scene

    def can(self, what):
        return what not in self.cannot

    def ensure(self, limit_s=None):
        """Brings it; an error where that does not work, or not in time."""
        cmd = [os.path.join(HERE, "install.sh"), *self.install]
        with subprocess.Popen(cmd, start_new_session=True) as p:
            try:
                rc = p.wait(limit_s)
            except subprocess.TimeoutExpired:
                os.killpg(p.pid, signal.SIGKILL)
                raise
        if rc:
            raise subprocess.CalledProcessError(rc, cmd)

    def start(self, cmd, bootstrap, stdin=None, timeout=60, **opts):
        argv = [*self.command, cmd, "--bootstrap", bootstrap, "--timeout", str(timeout), *self.args]
        for k, v in opts.items():
            for one in v if isinstance(v, (list, tuple)) else [v]:
                argv += ["--" + k.replace("_", "-"), str(one)]
        return Run(argv, stdin, timeout + 60)

    def member(self, bootstrap, timeout=90, **opts):
        """A running member of a group."""
        argv = [*self.command, "group", "--bootstrap", bootstrap, "--timeout", str(timeout), *self.args]
        for k, v in opts.items():
            argv += ["--" + k, str(v)]
        return Member(argv)

    def call(self, cmd, bootstrap, **kw):
        return self.start(cmd, bootstrap, **kw).results()


class Run:
    """A running peer: its input is fed and its output gathered by threads."""

    def __init__(self, argv, stdin, limit_s):
        self.argv = argv
        self.limit_s = limit_s
        self.p = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE)
        self.stdin = (stdin or "").encode()
        self.out = None
        self.thread = threading.Thread(target=self._talk)
        self.thread.start()

    def _talk(self):
        try:
            self.out = self.p.communicate(self.stdin, timeout=self.limit_s)
        except subprocess.TimeoutExpired:
            self.p.kill()
            out, err = self.p.communicate()
            self.out = out, err + b"\nkilled: took too long"

    def results(self):
        """The JSON lines. An error line, or no line at all, raises."""
        self.thread.join()
        lines = [json.loads(x) for x in self.out[0].decode().splitlines() if x.startswith("{")]
        bad = [x for x in lines if "error" in x]
        if bad or not lines:
            note = self.out[1].decode(errors="replace").strip()[-1500:]
            raise PeerError("%s: %s %s" % (self.argv[-1:], bad[:3], note))
        return lines


class Member:
    """A peer in a group: what it says is there as soon as it says it."""

    def __init__(self, argv):
        self.p = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.said = []
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()

    def _listen(self):
        for line in self.p.stdout:
            if line.startswith(b"{"):
                self.said.append(json.loads(line))

    def assignments(self):
        return [x["have"] for x in list(self.said) if "have" in x]

    def have(self):
        return (self.assignments() or [[]])[-1]

    def records(self):
        """(partition, offset) of what it has read"""
        return [(x["p"], x["o"]) for x in list(self.said) if "p" in x]

    def stop(self):
        """It leaves the group."""
        self.p.stdin.close()
        try:
            self.p.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()
        self.thread.join()

    def kill(self):
        self.p.kill()
        self.p.wait()


def java(version, **kw):
    home = os.path.join(CACHE, "java-clients-" + version)
    cp = os.path.join(home, "classes") + ":" + os.path.join(home, "libs", "*")
    return Peer("java-" + version, ("java", version),
                ("java", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-cp", cp, "Peer"), **kw)


def python(kind, script, version, **kw):
    exe = os.path.join(CACHE, "%s-%s" % (kind, version), "bin", "python")
    return Peer("%s-%s" % (kind, version), (kind, version),
                (exe, os.path.join(HERE, "python", script)), **kw)


def franz(name, *args, **kw):
    return Peer(name, ("franz-go",), (os.path.join(CACHE, "franz-go", "peer"),), args, **kw)


NO_STICKY = frozenset(("sticky", "kip848"))  # as Java has it: only Java does

ALL = [
    java("4.3.1"),
    java("3.9.1", cannot=frozenset(("kip848",))),
    java("2.8.2", cannot=frozenset(("kip848",))),
    java("2.1.1", cannot=frozenset(("static", "cooperative", "kip848"))),
    franz("franz-go", cannot=NO_STICKY),
    franz("franz-go-as-2.1", "--proto", "2.1", cannot=NO_STICKY | {"static"}),
    python("kafka-python", "kafka_python.py", "3.0.12",
           cannot=NO_STICKY | {"null-header", "both-null", "cooperative"}),
    python("kafka-python", "kafka_python.py", "2.0.2",
           cannot=NO_STICKY | {"idempotent", "trim", "null-header", "both-null", "static", "cooperative"}),
    python("confluent", "confluent.py", "2.16.1", cannot=frozenset(("sticky",))),
    Peer("kafkajs", ("kafkajs",), ("node", os.path.join(HERE, "node", "peer.js")),
         cannot=NO_STICKY | {"null-header", "assign", "static", "cooperative", "range"}),
    Peer("kcat", ("kcat",), ("python3", os.path.join(HERE, "kcat", "kcat_peer.py")),
         cannot=frozenset(("times", "offsets", "binary", "null-header", "admin", "group", "kip848")), count=60),
]


# This project's own library. It goes through the scenes of groups only; what it writes and reads is
# compared in test/e2e.
OURS = Peer("libottla", ("libottla",),
            (os.environ.get("CLIENT_GROUP") or os.path.join(HERE, "..", "..", "build", "test", "e2e", "client_group"),),
            cannot=frozenset(("produce",)))


def by_name(names):
    """The named peers (a prefix will do), or all."""
    if not names:
        return ALL
    return [p for p in ALL if any(p.name.startswith(n) for n in names)]
