#!/usr/bin/env python3
"""The test suites that others wrote for their own clients, run against ottla.

  suites.py [--scenes librdkafka,franz-go,kafka-python,rskafka] [--tests NAME,...] [--jobs N]

One line a test that fails, one a suite; the last line is "N passed, N failed". Sources come from
the suites' own packages (install.sh). OTTLA is the binary to run."""

import argparse
import concurrent.futures
import glob
import os
import re
import subprocess
import sys

import brokers  # noqa: F401  it says where the harness is
import harness
from peers import CACHE, HERE

TEST_S = 600

# What cannot pass yet, or anywhere, and why.
LIBRDKAFKA_SKIPS = {
    "0000": "has no broker",
    "0077": "wants segments of 10 kB, which Apache Kafka 4 refuses as well (KIP-1030)",
    "0129": "wants segments of 20 kB, which Apache Kafka 4 refuses as well (KIP-1030)",
    **dict.fromkeys(("0098", "0101", "0103", "0105"), "transactions: no coordinator yet"),
    **dict.fromkeys(("0109", "0115", "0119"), "ACLs: not there yet"),
}
# One test of librdkafka ends at its first failure, and some of its parts are about ACLs and SCRAM users.
LIBRDKAFKA_PARTS = {
    "0081": ["do_test_" + what for what in (
        "CreateTopics", "DeleteTopics", "CreatePartitions", "AlterConfigs", "IncrementalAlterConfigs",
        "DescribeConfigs", "DeleteRecords", "ListConsumerGroups", "DescribeConsumerGroups", "DescribeTopics",
        "DescribeCluster", "DeleteGroups", "DeleteConsumerGroupOffsets", "AlterConsumerGroupOffsets",
        "ListConsumerGroupOffsets", "ListOffsets")],
}
FRANZ_GO_SKIPS = "TestTxn"  # transactions: no coordinator yet
KAFKA_PYTHON_SKIPS = "not transaction and not acl"  # neither is there yet
RSKAFKA = ("client", "consumer", "producer", "produce_consume")


def install(name):
    subprocess.run([os.path.join(HERE, "install.sh"), "suite", name], check=True)
    return os.path.join(CACHE, "suite-" + name)


def tool_links():
    """librdkafka's tests call Apache Kafka's scripts under this path: they are ours."""
    path = harness.Dirs.new("tools")
    os.mkdir(os.path.join(path, "bin"))
    for tool in ("topics", "configs", "consumer-groups"):
        os.symlink(os.path.abspath(harness.ottla()), os.path.join(path, "bin", "kafka-%s.sh" % tool))
    return path


def verdicts(suite, pattern, good, done, hint):
    """(name, whether it passed, where to look) for each test that a run told of; a run that failed without saying where
    is told as a whole."""
    out = done.stdout.decode(errors="replace")
    rows = [(m["name"], m["verdict"] == good) for m in re.finditer(pattern, out, re.M)]
    for name, is_good in rows:
        yield "%s %s" % (suite, name), is_good, hint % name
    if done.returncode and all(is_good for _, is_good in rows):
        yield suite, False, out[-2000:]


class Librdkafka:
    """Each test in a process of its own, several at a time on one broker."""

    def __init__(self, jobs):
        self.jobs = jobs
        self.dir = install("librdkafka")
        self.tests = os.path.join(self.dir, "tests")

    def names(self):
        files = glob.glob(os.path.join(self.tests, "0[0-9][0-9][0-9]*.c*"))
        numbers = sorted({os.path.basename(f)[:4] for f in files} - set(LIBRDKAFKA_SKIPS))
        return [(n, part) for n in numbers for part in LIBRDKAFKA_PARTS.get(n, [None])]

    def environment(self, broker, config, tools):
        return {**os.environ, "RDKAFKA_TEST_CONF": config, "BROKERS": broker.bootstrap, "KAFKA_PATH": tools,
                "LD_LIBRARY_PATH": "%s:%s" % (os.path.join(self.dir, "src"), os.path.join(self.dir, "src-cpp"))}

    def one(self, env, number, part):
        env = {**env, "TESTS": number, **({"SUBTESTS": part} if part else {})}
        # It runs only what needs a broker (-L), leaves out known faults of its own (-K), and little of each (-Q)
        try:
            done = subprocess.run(["./test-runner", "-L", "-K", "-p1", "-Q", "-V", "4.0.0"], cwd=self.tests, env=env,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  timeout=TEST_S)
            why = re.findall(rb"### Test.*", done.stdout)
            return done.returncode == 0, why[0].decode(errors="replace") if why else "exit %d" % done.returncode
        except subprocess.TimeoutExpired:
            return False, "no end after %d s" % TEST_S

    def run(self, wanted):
        broker = harness.Ottla(overrides={"num.partitions": 4}).start()
        config = os.path.join(harness.Dirs.new("conf"), "test.conf")
        with open(config, "w") as f:
            f.write("metadata.broker.list=%s\ntest.timeout.multiplier=3\ntest.topic.random=true\n" % broker.bootstrap)
        env = self.environment(broker, config, tool_links())
        with concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
            names = [n for n in self.names() if not wanted or n[0] in wanted]
            for (number, part), (good, why) in zip(names, pool.map(lambda n: self.one(env, *n), names)):
                yield " ".join(filter(None, (number, part))), good, why
        broker.stop()


class FranzGo:
    """All tests of its client and of its administration in one process each."""

    def __init__(self, _):
        self.dir = install("franz-go")

    def run(self, wanted):
        for package in ("kgo", "kadm"):
            broker = harness.Ottla().start()
            env = {**os.environ, "KGO_SEEDS": broker.bootstrap, "KGO_TEST_RF": "1", "KGO_TEST_RECORDS": "50000"}
            done = subprocess.run(
                [os.path.join(self.dir, package + ".test"), "-test.v", "-test.timeout", "%ds" % (2 * TEST_S),
                 "-test.skip", FRANZ_GO_SKIPS, "-test.run", "|".join(wanted) or "."],
                cwd=os.path.join(self.dir, package), env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT)
            yield from verdicts(package, r"^--- (?P<verdict>PASS|FAIL): (?P<name>\S+)", "PASS", done,
                                "see go test -run '^%s$'")
            broker.stop()


class KafkaPython:
    """Its integration tests, and the settings that its own fixture gives to a broker."""

    def __init__(self, _):
        self.dir = install("kafka-python")

    def run(self, wanted):
        port = harness.free_port()
        broker = harness.Ottla(port=port, overrides={
            "node.id": 0, "num.partitions": 4, "group.min.session.timeout.ms": 10,
            "advertised.listeners": "PLAINTEXT://127.0.0.1:%d" % port}).start()
        env = {**os.environ, "KAFKA_URI": "kafka://" + broker.bootstrap, "KAFKA_VERSION": "4.3.0", "KAFKA_ROOT": self.dir}
        done = subprocess.run(
            [os.path.join(self.dir, "venv", "bin", "python"), "-m", "pytest", "-q", "-rA", "--timeout", str(TEST_S),
             "-k", " or ".join(wanted) or KAFKA_PYTHON_SKIPS, "--ignore", "test/integration/test_ssl_integration.py",
             "test/integration"],
            cwd=os.path.join(self.dir, "tests"), env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)
        yield from verdicts("integration", r"^(?P<verdict>PASSED|FAILED|ERROR) \S+::(?P<name>\S+)", "PASSED", done,
                            "see pytest -k %s")
        broker.stop()


class Rskafka:
    """All of its tests that need a broker and no Java."""

    def __init__(self, _):
        self.dir = install("rskafka")

    def run(self, wanted):
        broker = harness.Ottla(overrides={"auto.create.topics.enable": "false"}).start()
        env = {**os.environ, "TEST_INTEGRATION": "1", "TEST_BROKER_IMPL": "kafka", "KAFKA_CONNECT": broker.bootstrap}
        for test in RSKAFKA:
            done = subprocess.run(["cargo", "test", "-q", "--no-fail-fast", "--test", test, "--", "--format", "pretty", *wanted],
                                  cwd=self.dir, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, timeout=2 * TEST_S)
            yield from verdicts(test, r"^test (?P<name>\S+) \.\.\. (?P<verdict>ok|FAILED)$", "ok", done,
                                "see cargo test --test " + test + " %s")
        broker.stop()


SUITES = {"librdkafka": Librdkafka, "franz-go": FranzGo, "kafka-python": KafkaPython, "rskafka": Rskafka}


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--scenes", default=",".join(SUITES), help="the suites: " + ", ".join(SUITES))
    args.add_argument("--tests", default="", help="only these of them: 0033, TestGroupETL")
    args.add_argument("--jobs", type=int, default=3, help="tests of librdkafka at a time")
    args = args.parse_args()
    passed = failed = 0
    for name in args.scenes.split(","):
        if name not in SUITES:
            sys.exit("suites.py: no suite %s; there are %s" % (name, ", ".join(SUITES)))
        good = bad = 0
        for test, is_good, why in SUITES[name](args.jobs).run([t for t in args.tests.split(",") if t]):
            good, bad = good + is_good, bad + (not is_good)
            if not is_good:
                print("  not %s %s: %s" % (name, test, why), flush=True)
        print("%-12s %d passed, %d failed" % (name, good, bad), flush=True)
        passed, failed = passed + good, failed + bad
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
