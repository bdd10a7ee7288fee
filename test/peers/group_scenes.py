"""Scenes about consumer groups: one client alone, two of different makes, a static member that comes back, a
rebalance in which nobody stops. Each is a function of the interop run, the clients and a topic."""

import contextlib
import time

import scenes

PARTITIONS = 4
WAIT_S = 60


def wait_for(what, condition):
    end = time.monotonic() + WAIT_S
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("%s: did not happen" % (what() if callable(what) else what))
        time.sleep(0.05)


def write(it, peer, topic, first, last):
    """Records to each partition, which has some already."""
    it.produce(peer if peer.can("produce") else it.admin, topic, [scenes.Record(p, None, b"k", b"v") for p in range(PARTITIONS) for _ in range(first, last)],
               first)


@contextlib.contextmanager
def members(it, topic, *clients):
    """Running members, ended whatever happens. clients: (peer, options)"""
    running = []
    try:
        for peer, opts in clients:
            running.append(peer.member(it.bootstrap, group="of-" + topic, topic=topic, **opts))
        yield running
    finally:
        for m in running:
            m.kill()


def everything(*ms):
    return sorted(r for m in ms for r in m.records())


def range_of(first, last):
    return [(p, o) for p in range(PARTITIONS) for o in range(first, last)]


def alone(it, peer, topic):
    """Reads all, leaves, and goes on where it was."""
    it.create([topic], PARTITIONS)
    write(it, peer, topic, 0, 10)
    for first, last in ((0, 10), (10, 12)):
        with members(it, topic, (peer, {})) as (m,):
            wait_for("all of the records", lambda: len(m.records()) >= PARTITIONS * (last - first))  # noqa: B023
            m.stop()
        assert everything(m) == range_of(first, last), everything(m)
        if last < 12:
            write(it, peer, topic, last, 12)


def together(it, a, b, topic, **opts):
    """Two share, one crashes, the other takes over what was committed."""
    it.create([topic], PARTITIONS)
    with members(it, topic, (a, opts)) as (one,):
        wait_for("one with all", lambda: len(one.have()) == PARTITIONS)
        with members(it, topic, (b, opts)) as (two,):
            wait_for(lambda: "a fair share (%s, %s)" % (one.have(), two.have()),
                     lambda: sorted(one.have() + two.have()) == [0, 1, 2, 3] and len(two.have()) == 2)
            write(it, a, topic, 0, 10)
            wait_for("all of the records", lambda: len(everything(one, two)) >= 10 * PARTITIONS)
            assert everything(one, two) == range_of(0, 10), everything(one, two)
            time.sleep(0.5)  # its last commit
        wait_for("one with all again", lambda: len(one.have()) == PARTITIONS)
        write(it, a, topic, 10, 12)
        wait_for("the rest", lambda: len(everything(one, two)) >= 12 * PARTITIONS)
        assert everything(one, two) == range_of(0, 12), everything(one, two)
        one.stop()


def kip848(it, a, b, topic):
    """As together; the coordinator shares the partitions, and waits 45 s for the one that crashed."""
    together(it, a, b, topic, protocol="consumer")


def static(it, peer, topic):
    """One that comes back in time gets what it had, and nobody else notices."""
    it.create([topic], PARTITIONS)
    with members(it, topic, (peer, {"instance": "a"}), (peer, {"instance": "b"})) as (a, b):
        wait_for("both with a share", lambda: (len(a.have()), len(b.have())) == (2, 2))
        mine, theirs = a.have(), len(b.assignments())
        a.kill()
        with members(it, topic, (peer, {"instance": "a"})) as (again,):
            wait_for("it being back", lambda: again.have() == mine)
            write(it, peer, topic, 0, 3)
            wait_for("all of the records", lambda: len(everything(again, b)) >= 3 * PARTITIONS)
            assert len(b.assignments()) == theirs, b.assignments()
            again.stop()


def cooperative(it, a, b, topic):
    """Who gives something away keeps the rest all the time."""
    it.create([topic], PARTITIONS)
    opts = {"strategy": "cooperative-sticky"}
    with members(it, topic, (a, opts)) as (one,):
        wait_for("one with all", lambda: len(one.have()) == PARTITIONS)
        before = len(one.assignments())
        with members(it, topic, (b, opts)) as (two,):
            wait_for("a fair share", lambda: (len(one.have()), len(two.have())) == (2, 2))
            kept = set.intersection(*map(set, one.assignments()[before:]))
            assert kept == set(one.have()), one.assignments()
            two.stop()
        wait_for("one with all again", lambda: len(one.have()) == PARTITIONS)
        one.stop()


def sticky(it, a, b, topic):
    """Everybody lets go of everything, and gets back as much as is fair, whoever leads."""
    it.create([topic], PARTITIONS)
    opts = {"strategy": "sticky"}
    with members(it, topic, (a, opts)) as (one,):
        wait_for("one with all", lambda: len(one.have()) == PARTITIONS)
        with members(it, topic, (b, opts)) as (two,):
            wait_for("a fair share", lambda: (len(one.have()), len(two.have())) == (2, 2))
            had = [set(one.have()), set(two.have())]
            with members(it, topic, (b, opts)) as (three,):
                wait_for("a fair share of three", lambda: len(three.have()) == 1 and sorted(
                    one.have() + two.have() + three.have()) == list(range(PARTITIONS)))
                assert set(one.have()) <= had[0] and set(two.have()) <= had[1], (had, one.have(), two.have())
                three.stop()
            wait_for("what it had", lambda: [set(one.have()), set(two.have())] == had)
            two.stop()
        wait_for("one with all again", lambda: len(one.have()) == PARTITIONS)
        one.stop()
