"""Members of groups by KIP-848 through libottla (client_group.c is the program), each thing that its coordinator may say:
static members that come back, members that are put out, assignors that it has and has not, a group that goes from the
classic protocol to this one and back, brokers that do not offer it. On Apache Kafka, which has such a coordinator."""

import signal
import unittest

import harness
import test_client_group as group
import wire

SESSION_MS = 3000
COORDINATOR = {"group.consumer.min.session.timeout.ms": 1000, "group.consumer.session.timeout.ms": SESSION_MS,
               "group.consumer.min.heartbeat.interval.ms": 100, "group.consumer.heartbeat.interval.ms": 200}
NEW = "group.protocol=consumer"


class Case(group.Case):
    overrides = COORDINATOR

    def member(self, *props, **opts):
        return self.join(NEW, *props, **opts)

    def who(self, m):
        """(member id, epoch)"""
        self.ask(m, "who")
        said = [x for x in m.said if "generation" in x][-1]
        return said["member"], said["generation"]

    def beat(self, **body):
        """A heartbeat by somebody else's hand."""
        with wire.Connection("127.0.0.1", self.broker.port) as c:
            return c.call("ConsumerGroupHeartbeat", 0, {"groupId": "of-" + self.topic, **body})

    def described(self):
        with wire.Connection("127.0.0.1", self.broker.port) as c:
            return c.call("ConsumerGroupDescribe", 0, {"groupIds": ["of-" + self.topic],
                                                       "includeAuthorizedOperations": False})["groups"][0]

    def until_all_again(self, m):
        """After what it lost last."""
        def has_all():
            said = list(m.said)
            lost = max(i for i, x in enumerate(said) if "lost" in x)
            had = [x["assigned"] for x in said[lost:] if "assigned" in x]
            return sorted(p for some in had for p in some) == list(range(group.PARTITIONS))
        self.until(lambda: "all again: %s" % m.said, has_all)

    def why(self, m, code):
        return [x["why"] for x in list(m.said) if x.get("failed") == code]


@harness.only_kafka("the broker shares")
class Kip848(Case):
    def test_a_static_member_comes_back(self):
        """Its heartbeat of epoch -2 keeps its place: the same partitions, another member id, and nobody else moves."""
        self.create()
        self.write(0, 2)
        a, b = self.member(instance="a"), self.member(instance="b")
        self.until_shared([a, b])
        self.until_read([a, b], 0, 2)
        mine, moves, (was, _) = a.have(), len(self.heard(b, "assigned")), self.who(a)
        a.stop()
        rows = {m["instanceId"]: m for m in self.described()["members"]}
        self.assertEqual(rows["a"]["memberEpoch"], -2, rows)
        self.assertEqual(len(rows["a"]["assignment"]["topicPartitions"][0]["partitions"]), 2, rows)
        again = self.member(instance="a")
        self.until("it being back", lambda: again.have() == mine)
        self.assertNotEqual(self.who(again)[0], was)
        self.write(2, 4)
        self.until_read([a, b, again], 0, 4)
        self.assertEqual(len(self.heard(b, "assigned")), moves)

    def test_a_static_member_that_stays_away(self):
        """Others get its partitions when its session is over."""
        self.create()
        a, b = self.member(instance="a"), self.member(instance="b")
        self.until_shared([a, b])
        a.stop()
        self.until_shared([b])

    def test_two_of_one_name(self):
        """The second one has to wait, is told why, and is let in when the name is free."""
        self.create()
        a = self.member(instance="a")
        self.until_shared([a])
        b = self.member(instance="a")
        self.until("the younger one told", lambda: self.why(b, "UNRELEASED_INSTANCE_ID"))
        self.assertIn("group of-" + self.topic, self.why(b, "UNRELEASED_INSTANCE_ID")[0])
        a.stop()
        self.until_shared([b])

    def test_fenced(self):
        """FENCED_MEMBER_EPOCH: somebody else went on as this member. Its partitions are lost, and it joins anew."""
        self.create()
        self.create(self.topic + "-more")
        m = self.member()
        self.until_shared([m])
        name, epoch = self.who(m)
        m.p.send_signal(signal.SIGSTOP)
        stolen = {"memberEpoch": 0}

        def goes_on():
            nonlocal stolen
            stolen = self.beat(memberId=name, memberEpoch=stolen["memberEpoch"], rebalanceTimeoutMs=60000, topicPartitions=[],
                               subscribedTopicNames=[self.topic, self.topic + "-more"])
            self.assertEqual(stolen["errorCode"], 0, stolen)
            return stolen["memberEpoch"] > epoch
        self.until("another epoch", goes_on)
        m.p.send_signal(signal.SIGCONT)
        self.until("its loss", lambda: self.heard(m, "lost"))
        self.assertEqual(sorted(self.heard(m, "lost")[0]), list(range(group.PARTITIONS)))
        self.until_all_again(m)
        again, then = self.who(m)
        self.assertEqual(again, name)
        self.assertGreaterEqual(then, stolen["memberEpoch"])
        self.assertEqual(self.heard(m, "failed"), [])

    def test_unknown(self):
        """UNKNOWN_MEMBER_ID: it was taken out, or said nothing for a session. As above."""
        self.create()
        m = self.member()
        self.until_shared([m])
        name, _ = self.who(m)
        self.assertEqual(self.beat(memberId=name, memberEpoch=-1)["errorCode"], 0)
        self.until("its loss", lambda: self.heard(m, "lost"))
        self.until_all_again(m)
        self.assertEqual(self.who(m)[0], name)
        m.p.send_signal(signal.SIGSTOP)
        self.until("the end of its session", lambda: not self.described()["members"])
        m.p.send_signal(signal.SIGCONT)
        self.until("its loss again", lambda: len(self.heard(m, "lost")) == 2)
        self.until_all_again(m)
        self.assertEqual(self.heard(m, "failed"), [])

    def shares(self, assignor):
        """How many partitions of two topics of three two members get."""
        topics = [self.topic + "-" + x for x in "xy"]
        for t in topics:
            self.create(t, 3)
        both = [self.member("group.remote.assignor=" + assignor, topic=",".join(topics)) for _ in range(2)]
        self.until(lambda: "all shared: %s" % [m.said[-3:] for m in both],
                   lambda: len(both[0].have()) + len(both[1].have()) == 6 and both[0].have() and both[1].have())
        self.assertEqual(self.described()["assignorName"], assignor)
        return sorted(len(m.have()) for m in both)

    def test_range(self):
        """The first member gets more of each topic."""
        self.assertEqual(self.shares("range"), [2, 4])

    def test_uniform(self):
        self.assertEqual(self.shares("uniform"), [3, 3])

    def test_unknown_assignor(self):
        """UNSUPPORTED_ASSIGNOR: poll says so, with what there is."""
        self.create()
        m = self.member("group.remote.assignor=no-such")
        self.until("a refusal", lambda: self.why(m, "UNSUPPORTED_ASSIGNOR"))
        for word in ("group of-" + self.topic, "no-such", "uniform", "range"):
            self.assertIn(word, self.why(m, "UNSUPPORTED_ASSIGNOR")[0])

    def test_upgrade(self):
        """Members of the classic protocol are exchanged one by one: all partitions are read all the time, by both kinds."""
        self.create()
        self.write(0, 2)
        old = [self.join(), self.join()]
        self.until_shared(old)
        self.until_read(old, 0, 2)
        new = [self.member()]
        self.until_shared(old + new)
        self.assertEqual(self.described()["errorCode"], 0)  # it is of the new kind now
        self.write(2, 4)
        self.until_read(old + new, 0, 4)
        old[0].stop()
        new.append(self.member())
        self.until_shared([old[1], *new])
        old[1].stop()
        self.until_shared(new)
        self.write(4, 6)
        self.until_read(old + new, 0, 6)
        for m in old + new:
            self.assertEqual((self.heard(m, "failed"), self.heard(m, "lost")), ([], []))

    def test_downgrade(self):
        """And back."""
        self.create()
        new = self.member()
        self.until_shared([new])
        old = self.join()
        self.until_shared([new, old])
        new.stop()
        self.until_shared([old])
        self.write(0, 2)
        self.until_read([old], 0, 2)
        self.assertNotEqual(self.described()["errorCode"], 0)  # a classic group again

    def test_no_such_pattern(self):
        """A pattern that the coordinator cannot read: why, and the way out."""
        m = self.member(topic="~[")
        self.until("a refusal", lambda: self.why(m, "INVALID_REGULAR_EXPRESSION"))
        self.assertIn("[", self.why(m, "INVALID_REGULAR_EXPRESSION")[0])


@harness.only_kafka("it can be taken from it")
class NotOffered(Case):
    """A broker that knows the request and does not want it."""

    overrides = {"group.coordinator.rebalance.protocols": "classic"}

    def test_falls_back(self):
        self.create()
        a, b = self.member(), self.member()
        self.until_shared([a, b])
        self.assertEqual((self.heard(a, "failed"), self.heard(a, "lost")), ([], []))


if __name__ == "__main__":
    unittest.main()
