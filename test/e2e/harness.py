"""Starts a broker on a free port with a directory of its own, and ends it again, however the test
ends. Nothing here waits blindly: readiness is a port that answers or a process that is gone.

Environment: OTTLA (the binary), OTTLA_E2E_BROKER=kafka (run the same tests on Apache Kafka, to
check the tests), OTTLA_E2E_KEEP=1 (keep the directories), OTTLA_E2E_LOG=1 (show broker output)."""

import atexit
import fcntl
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
READY_S = 120
STOP_S = 60

IS_KAFKA = os.environ.get("OTTLA_E2E_BROKER") == "kafka"

_port_locks = []


def only_ottla(reason):
    """A test that Apache Kafka cannot be asked for."""
    return unittest.skipIf(IS_KAFKA, "on ottla only: " + reason)


def only_kafka(reason):
    """A test of the client that needs more than ottla's broker has."""
    return unittest.skipUnless(IS_KAFKA, "on Apache Kafka only: " + reason)


def ottla():
    """The binary; asked for late, because who drives the tests may set it."""
    return os.environ.get("OTTLA") or os.path.join(ROOT, "build", "src", "ottla")


def free_port():
    """A port below the ephemeral range that no other test process has: a locked file says so."""
    locks = os.path.join(tempfile.gettempdir(), "ottla-ports-%d" % os.getuid())
    os.makedirs(locks, exist_ok=True)
    for _ in range(1000):
        port = random.randrange(20000, 32000)
        f = open(os.path.join(locks, str(port)), "w")
        try:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with socket.socket() as s:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                s.bind(("127.0.0.1", port))
        except OSError:
            f.close()
            continue
        _port_locks.append(f)
        return port
    raise RuntimeError("no free port")


class Dirs:
    """Temporary directories that go when the process ends."""

    made = []

    @classmethod
    def new(cls, name, where=None):
        d = tempfile.mkdtemp(prefix="ottla-%s-" % name, dir=where)
        cls.made.append(d)
        return d

    @classmethod
    def clean(cls):
        if not os.environ.get("OTTLA_E2E_KEEP"):
            for d in cls.made:
                shutil.rmtree(d, ignore_errors=True)


def can_connect(port):
    with socket.socket() as s:
        s.settimeout(1)
        return s.connect_ex(("127.0.0.1", port)) == 0


def wait_for(what, condition, timeout_s=None, every_s=0.01):
    """Polls until condition() is true and returns that value."""
    end = time.monotonic() + (timeout_s or READY_S)
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(every_s)


class Broker:
    """One broker. The subclass says how its command line looks. advertised_port: where clients are sent, such as a
    proxy's."""

    alive = []

    def __init__(self, data_dir=None, port=None, overrides=None, wrap=(), advertised_port=None):
        self.port = port or free_port()
        self.advertised_port = advertised_port or self.port
        self.dir = data_dir or Dirs.new("data")
        self.overrides = dict(overrides or {})
        self.wrap = list(wrap)  # a command in front, such as taskset
        self.process = None
        self.log_path = os.path.join(Dirs.new("out"), "broker.log")

    @property
    def bootstrap(self):
        return "127.0.0.1:%d" % self.port

    def command(self):
        raise NotImplementedError

    def start(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.wrap + self.command(), stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, start_new_session=True)
        Broker.alive.append(self)
        try:
            wait_for("the broker's port", self._is_ready, every_s=0.002)
        except BaseException:
            self.kill()
            raise
        return self

    def _is_ready(self):
        if self.process.poll() is not None:
            raise RuntimeError("broker exited with %s:\n%s" % (self.process.returncode, self.log()))
        return can_connect(self.port)

    def _end(self, sig):
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(sig)
        try:
            rc = self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            rc = self.process.wait()
        self.process = None
        if self in Broker.alive:
            Broker.alive.remove(self)
        return rc

    def stop(self):
        return self._end(signal.SIGTERM)

    def kill(self):
        return self._end(signal.SIGKILL)

    def restart(self):
        self.stop()
        return self.start()

    def is_alive(self):
        return self.process is not None and self.process.poll() is None

    def log(self):
        with open(self.log_path, "rb") as f:
            return f.read().decode(errors="replace")[-8000:]

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        self.stop()


class Ottla(Broker):
    def command(self):
        conf = {"listeners": "PLAINTEXT://127.0.0.1:%d" % self.port, "log.dirs": self.dir}
        if self.advertised_port != self.port:
            conf["advertised.listeners"] = "PLAINTEXT://127.0.0.1:%d" % self.advertised_port
        conf.update(self.overrides)
        cmd = [ottla(), "broker"]
        for k, v in conf.items():
            cmd += ["--override", "%s=%s" % (k, v)]
        return cmd


def broker(**kw):
    """The broker under test."""
    if IS_KAFKA:
        sys.path.insert(0, os.path.join(ROOT, "test", "peers"))
        from brokers import ApacheKafka
        return ApacheKafka(**kw)
    return Ottla(**kw)


def run(*cmd, **kw):
    """A command that must succeed; returns its output as bytes."""
    kw.setdefault("timeout", 120)
    done = subprocess.run(cmd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kw)
    if done.returncode:
        raise AssertionError("%s: exit %d: %s" % (" ".join(map(str, cmd))[:300], done.returncode,
                                                  done.stderr.decode(errors="replace")[-2000:]))
    return done.stdout


@atexit.register
def _clean_up():
    for b in list(Broker.alive):
        b.kill()
    Dirs.clean()


class _Tap(unittest.TestResult):
    """One line a test, as TAP has it."""

    def __init__(self):
        super().__init__()
        self.passed = 0

    def _line(self, word, test, note=""):
        print("%s %d - %s%s" % (word, self.testsRun, test.id(), note), flush=True)

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1
        self._line("ok", test)

    def _bad(self, test, err):
        self._line("not ok", test)
        for line in self._exc_info_to_string(err, test).splitlines():
            print("# " + line, flush=True)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._bad(test, err)

    def addError(self, test, err):
        super().addError(test, err)
        self._bad(test, err)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._line("ok", test, " # SKIP " + reason)


def main(argv):
    """Runs test_*.py beside this file, or the named ones; the last line counts."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path.insert(0, here)
    loader = unittest.TestLoader()
    if argv:
        suite = loader.loadTestsFromNames(argv)
    else:
        suite = loader.discover(here, pattern="test_*.py")
    result = _Tap()
    suite.run(result)
    bad = len(result.failures) + len(result.errors)
    print("%d passed, %d failed" % (result.passed, bad))
    return 1 if bad or not (result.passed or result.skipped) else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *a: sys.exit(143))
    sys.modules["harness"] = sys.modules["__main__"]
    sys.exit(main(sys.argv[1:]))
