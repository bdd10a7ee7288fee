"""Members of groups through libottla (client_group.c is the program): who has what after each change, and where they
go on. With OTTLA_E2E_BROKER=kafka the same on Apache Kafka; with other clients: test/peers, our_groups."""

import contextlib
import json
import os
import sys
import time
import unittest

import harness
import kcat

sys.path.insert(0, os.path.join(harness.ROOT, "test", "peers"))
import peers  # noqa: E402

PARTITIONS = 4
TOOL = harness.ottla()
PATIENCE_S = 40


class Case(unittest.TestCase):
    overrides = {}
    props = ()

    @classmethod
    def setUpClass(cls):
        cls.broker = harness.broker(overrides={"num.partitions": PARTITIONS, "group.initial.rebalance.delay.ms": 0,
                                               "group.min.session.timeout.ms": 1000,
                                               "auto.create.topics.enable": "false", **cls.overrides}).start()

    @classmethod
    def tearDownClass(cls):
        cls.broker.stop()

    def setUp(self):
        self.topic = self.id().split(".")[-1]
        self.stack = contextlib.ExitStack()
        self.addCleanup(self.stack.close)

    def create(self, topic=None, partitions=PARTITIONS):
        harness.run(TOOL, "topics", "--bootstrap-server", self.broker.bootstrap, "--create", "--topic",
                    topic or self.topic, "--partitions", str(partitions))

    def write(self, first, last, topic=None):
        for p in range(PARTITIONS):
            kcat.produce(self.broker, topic or self.topic, [b"%d" % i for i in range(first, last)], "-p", p)

    def join(self, *props, topic=None, **opts):
        props = ("session.timeout.ms=3000", *self.props, *props)
        if "group.protocol=consumer" in props:  # then these are the coordinator's
            props = [p for p in props if not p.startswith("session.timeout.ms=")]
            opts.pop("strategy", None)
        argv = {"group": "of-" + self.topic, "topic": topic or self.topic, **opts}
        m = peers.Member([*peers.OURS.command, "group", "--bootstrap", self.broker.bootstrap,
                          *[x for k, v in argv.items() for x in ("--" + k, v)],
                          *[x for p in props for x in ("--prop", p)]])
        self.stack.callback(m.kill)
        return m

    def until(self, what, condition):
        end = time.monotonic() + PATIENCE_S
        while not condition():
            self.assertLess(time.monotonic(), end, what() if callable(what) else what)
            time.sleep(0.02)

    def until_shared(self, members, partitions=PARTITIONS):
        def fair():
            sizes = [len(m.have()) for m in members]
            return (sorted(p for m in members for p in m.have()) == list(range(partitions))
                    and max(sizes) - min(sizes) <= 1)
        self.until(lambda: "everything shared: %s" % [m.said[-5:] for m in members], fair)

    def heard(self, m, word):
        return [x[word] for x in list(m.said) if word in x]

    def committed(self):
        rows = json.loads(harness.run(TOOL, "consumer-groups", "--bootstrap-server", self.broker.bootstrap, "--describe",
                                      "--group", "of-" + self.topic, "--format", "json"))
        return [r["current_offset"] for r in rows if r.get("current_offset") is not None]

    def tell(self, m, line):
        m.p.stdin.write(line.encode() + b"\n")
        m.p.stdin.flush()

    def ask(self, m, line):
        before = len(self.heard(m, "obeyed"))
        self.tell(m, line)
        self.until(line, lambda: len(self.heard(m, "obeyed")) > before)

    def until_read(self, members, first, last):
        want = [(p, o) for p in range(PARTITIONS) for o in range(first, last)]
        self.until(lambda: "records: %s" % [m.said[-5:] for m in members],
                   lambda: set(want) <= {r for m in members for r in m.records()})
        self.assertEqual(sorted(r for m in members for r in m.records()), want)


class ClientGroup(Case):
    strategies = ("range", "roundrobin", "sticky", "cooperative-sticky")

    def test_more_and_more(self):
        """One, two, more members than partitions, and back: who owns what after each."""
        for strategy in self.strategies:
            self.topic = "more-" + strategy
            self.create()
            members = [self.join(strategy=strategy)]
            self.until_shared(members)
            for _ in range(PARTITIONS):
                members.append(self.join(strategy=strategy))
                self.until_shared(members)
            members[0].kill()  # nobody hears of it before its session is over
            self.until_shared(members[1:])
            for m in members[2:]:
                m.stop()
            self.until_shared(members[1:2])
            members[1].stop()
            self.assertEqual(self.heard(members[1], "done"), [0])
            self.assertEqual(self.heard(members[1], "lost"), [])

    def test_resume(self):
        """Each way of committing: who comes next goes on there."""
        self.create()
        last = 0
        for how in ("sync", "async", "auto"):
            self.write(last, last + 10)
            m = self.join("auto.commit.interval.ms=100", commit=how)
            self.until_read([m], last, last + 10)
            m.stop()
            self.assertEqual(self.heard(m, "refused"), [])
            last += 10
        m = self.join(commit="none")
        self.write(last, last + 1)
        self.until_read([m], last, last + 1)  # nothing of what went before
        m.stop()
        again = self.join(commit="none")
        self.until_read([again], last, last + 1)  # and that again
        self.assertGreaterEqual(len(self.heard(again, "assigned")), 1)

    def test_crash(self):
        """What was read and not committed is read again by who takes over."""
        self.create()
        self.write(0, 5)
        a = self.join(commit="none")
        self.until_read([a], 0, 5)
        a.kill()
        b = self.join()
        self.until_read([b], 0, 5)
        b.kill()
        c = self.join()
        self.write(5, 6)
        self.until_read([c], 5, 6)

    def test_stalls(self):
        """Who does not poll has lost its partitions, hears of it at the next poll and is let in again."""
        self.create()
        a, b = self.join("max.poll.interval.ms=2000"), self.join()
        self.until_shared([a, b])
        self.tell(a, "stall 4000")
        self.until("the other one with all", lambda: len(b.have()) == PARTITIONS)
        self.assertEqual(self.heard(a, "lost"), [])
        self.until("its loss", lambda: self.heard(a, "lost"))
        self.until_shared([a, b])

    def test_slow_but_alive(self):
        """Heartbeats do not need polls."""
        self.create()
        a, b = self.join(), self.join()
        self.until_shared([a, b])
        self.ask(a, "who")
        self.ask(a, "stall 5000")
        self.ask(a, "who")
        self.assertEqual(len({str(x) for x in a.said if "generation" in x}), 1, a.said)

    def test_static(self):
        """One that comes back in time gets what it had, and nobody else moves."""
        self.create()
        a, b = self.join(instance="a"), self.join(instance="b")
        self.until_shared([a, b])
        mine, moves = a.have(), len(self.heard(b, "assigned"))
        a.stop()  # closing does not leave
        again = self.join(instance="a")
        self.until("it being back", lambda: again.have() == mine)
        self.assertEqual(len(self.heard(b, "assigned")), moves)

    def test_two_of_one_name(self):
        """The older one is out, and told so."""
        self.create()
        a = self.join(instance="a")
        self.until_shared([a])
        b = self.join(instance="a")
        self.until_shared([b])
        self.until("the older one told", lambda: "FENCED_INSTANCE_ID" in self.heard(a, "failed"))

    def test_pattern(self):
        """Topics that match, also those that come later; not those that only begin so."""
        self.create("pat-a", 2)
        self.create("xpat-a", 1)
        a = self.join("metadata.max.age.ms=300", topic="~pat-.*|other")
        self.until("the first", lambda: a.have() == [0, 1])
        self.create("pat-b", 1)
        self.until("the second", lambda: a.have() == [0, 1, 0])
        self.tell(a, "subscribe xpat-a")
        self.until("another subscription", lambda: a.have() == [0])

    def test_pattern_of_another_syntax(self):
        """The coordinator's, when it matches; nobody's here when it does not."""
        self.create("Re2-a", 2)
        a = self.join("group.protocol=consumer", topic="~(?i)re2-\\w")
        if harness.IS_KAFKA:
            self.until("all that match", lambda: a.have() == [0, 1])
            b = self.join("group.protocol=consumer", topic="~re2[", group="none")
            self.until("a refusal", lambda: "INVALID_REGULAR_EXPRESSION" in self.heard(b, "failed"))
            self.tell(b, "subscribe Re2-a")
            self.until("another subscription", lambda: b.have() == [0, 1])
        else:
            self.until("a refusal", lambda: "INVALID_REGULAR_EXPRESSION" in self.heard(a, "failed"))

    def test_growth(self):
        """The leader sees that a topic has more partitions, and that one is there at last."""
        a, b = self.join("metadata.max.age.ms=300"), self.join("metadata.max.age.ms=300")
        self.until("both in", lambda: self.heard(a, "assigned") and self.heard(b, "assigned"))
        self.create()
        self.until_shared([a, b])
        harness.run(TOOL, "topics", "--bootstrap-server", self.broker.bootstrap, "--alter", "--topic", self.topic,
                    "--partitions", "6")
        self.until_shared([a, b], 6)

    def test_made_anew(self):
        """A topic that was deleted and made anew is read from its beginning: nothing of the old one counts."""
        self.create()
        self.write(0, 5)
        a = self.join("metadata.max.age.ms=300")
        self.until_read([a], 0, 5)
        harness.run(TOOL, "topics", "--bootstrap-server", self.broker.bootstrap, "--delete", "--topic", self.topic)
        self.until("what was committed is gone, too", lambda: not self.committed())  # Apache Kafka takes its time
        self.create()
        self.write(0, 7)  # more than there were
        self.until(lambda: "the new records: %s" % a.said[-5:], lambda: len(a.records()) >= PARTITIONS * 12)
        self.assertEqual(sorted(a.records()),
                         sorted((p, o) for p in range(PARTITIONS) for n in (5, 7) for o in range(n)))

    def test_enforce(self):
        self.create()
        a = self.join()
        self.until_shared([a])
        self.ask(a, "who")
        self.tell(a, "enforce")
        self.until("another sharing", lambda: len(self.heard(a, "assigned")) == 2)
        self.ask(a, "who")
        first, second = [x["generation"] for x in a.said if "generation" in x]
        self.assertEqual(second, first + 1)

    def test_falls_back(self):
        """group.protocol=consumer, whether the broker offers it or not."""
        self.create()
        a, b = self.join("group.protocol=consumer"), self.join("group.protocol=consumer")
        self.until_shared([a, b])

    def test_unsubscribe(self):
        self.create()
        a, b = self.join(), self.join()
        self.until_shared([a, b])
        self.tell(a, "unsubscribe")
        self.until("the other one with all", lambda: len(b.have()) == PARTITIONS)
        self.assertEqual(a.have(), [])
        self.tell(a, "subscribe " + self.topic)
        self.until_shared([a, b])

    def test_broker_restarts(self):
        """The group outlives its coordinator."""
        self.create()
        self.write(0, 3)
        a, b = self.join("session.timeout.ms=20000"), self.join("session.timeout.ms=20000")
        self.until_read([a, b], 0, 3)
        self.until_shared([a, b])
        self.broker.restart()
        self.write(3, 6)
        self.until(lambda: "the rest: %s" % [m.said[-5:] for m in (a, b)],
                   lambda: {(p, o) for p in range(PARTITIONS) for o in range(6)} <= set(a.records() + b.records()))
        self.until_shared([a, b])

    def test_beginnings(self):
        """auto.offset.reset, where nothing is committed."""
        self.create()
        self.write(0, 3)
        new = self.join("auto.offset.reset=by_duration:PT1H")
        self.until_read([new], 0, 3)
        new.stop()
        self.topic += "-none"
        self.create()
        none = self.join("auto.offset.reset=none")
        self.until("its error", lambda: "OFFSET_OUT_OF_RANGE" in self.heard(none, "failed"))
        late = self.join("auto.offset.reset=by_duration:PT0S", group="late")
        self.until_shared([late])

    def test_lag(self):
        self.create()
        self.write(0, 5)
        a = self.join()
        self.until_read([a], 0, 5)
        self.ask(a, "lag")
        self.assertEqual(self.heard(a, "lag"), [0])

    def test_metrics(self):
        """Kafka's names, as JSON, and the numbers of what has happened."""
        self.create()
        self.write(0, 5)
        a = self.join()
        self.until_read([a], 0, 5)
        self.ask(a, "lag")
        self.ask(a, "metrics")
        m = self.heard(a, "metrics")[0]
        c = m["consumer"]
        self.assertEqual(c["records-consumed-total"], 5 * PARTITIONS)
        self.assertEqual((c["records-lag-max"], c["records-lead-min"], c["assigned-partitions"]), (0, 5, PARTITIONS))
        self.assertEqual(c["partitions"][self.topic + "-0"],
                         {"position": 5, "records-lag": 0, "records-lead": 5, "preferred-read-replica": -1})
        self.assertEqual((c["failed-rebalance-total"], c["partitions-lost-total"]), (0, 0))
        for name in ("poll-total", "commit-total", "fetch-total", "bytes-consumed-total", "fetch-size-max", "rebalance-total"):
            self.assertGreater(c[name], 0, name)
        for name in ("last-poll", "last-rebalance"):
            self.assertIn(c[name + "-seconds-ago"], range(PATIENCE_S), name)
        self.assertTrue(0 < c["poll-idle-ratio-avg"] <= 1, c["poll-idle-ratio-avg"])
        client = m["client"]
        self.assertEqual(client["connection-count"],
                         client["connection-creation-total"] - client["connection-close-total"])
        for name in ("request-total", "outgoing-byte-total"):
            self.assertGreater(client[name], 0, name)
        self.assertIn("bootstrap", client["nodes"])
        self.assertEqual(len(client["nodes"]), 2, client["nodes"])



@harness.only_kafka("the broker shares")
class ClientGroup848(ClientGroup):
    """The same by KIP-848."""

    overrides = {"group.consumer.min.session.timeout.ms": 1000, "group.consumer.session.timeout.ms": 3000,
                 "group.consumer.min.heartbeat.interval.ms": 100, "group.consumer.heartbeat.interval.ms": 200}
    props = ("group.protocol=consumer",)
    strategies = ("range",)  # which does not matter

    test_enforce = None  # the coordinator decides

    def test_two_of_one_name(self):
        """The younger one has to wait, and is told so."""
        self.create()
        a = self.join(instance="a")
        self.until_shared([a])
        b = self.join(instance="a")
        self.until("the younger one told", lambda: "UNRELEASED_INSTANCE_ID" in self.heard(b, "failed"))
        a.stop()
        self.until_shared([b])
