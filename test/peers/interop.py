#!/usr/bin/env python3
"""Runs the same scenes with every client against one broker and says which hold.

  interop.py --broker ottla|kafka [--peers NAME,...] [--scenes NAME,...]
  interop.py --bootstrap HOST:PORT ...      a broker that is up already (no scene with cuts)
  interop.py --available SECONDS ...        only the clients that are here or come in that time

One line a scene and client; the last line is "N passed, N failed". README.md beside this file
tells how a peer is called."""

import argparse
import random
import signal
import subprocess
import sys
import time
import traceback

import beside
import brokers
import group_scenes
import harness
import offline
import peers
import scenes
import tool_scenes
import txn_scenes
import wire
from check import Check, check
from peers import CODECS, PeerError
from proxy import Proxy
from scenes import PAST_MS

BIG_BYTES = 10_000_000
KEY_JOIN_GROUP = 11
KEY_END_TXN = 26
KEY_CONSUMER_GROUP_HEARTBEAT = 68


def api_keys(bootstrap):
    """The APIs that the broker lists."""
    host, port = bootstrap.rsplit(":", 1)
    with wire.Connection(host, int(port)) as c:
        return {row["apiKey"] for row in c.call("ApiVersions", 0, {})["apiKeys"]}


class Driver:
    def __init__(self, args):
        self.args = args
        self.all = peers.by_name(args.peers.split(",") if args.peers else None)
        self.admin = peers.ALL[0]
        self.passed = self.failed = self.skipped = 0
        self.written = {}  # (peer name, codec): Records
        self.run_id = "%x" % random.randrange(1 << 32)
        self.bootstrap = args.bootstrap
        self.broker = None

    # -- reporting

    def report(self, word, scene, who, note=""):
        print("%-6s %-24s %s%s" % (word, scene, who, note and "  # " + note), flush=True)

    def scene(self, name, who, call, *args):
        start = time.monotonic()
        try:
            note = call(*args) or ""
            self.passed += 1
            self.report("ok", name, who, ("%s %.1fs" % (note, time.monotonic() - start)).strip())
        except (Check, PeerError) as e:
            self.failed += 1
            self.report("FAILED", name, who, str(e)[:2000])
        except Exception:
            self.failed += 1
            self.report("FAILED", name, who, traceback.format_exc())

    def skip(self, name, who, why):
        self.skipped += 1
        self.report("skip", name, who, why)

    # -- helpers

    def topic(self, *parts):
        return "-".join(("io", self.run_id) + parts)

    def create(self, topics, partitions=1, **config):
        self.admin.call("create", self.bootstrap, topic=",".join(topics), partitions=partitions,
                        config=["%s=%s" % (k.replace("_", "."), v) for k, v in config.items()])

    def produce(self, peer, topic, records, first=0, **opts):
        """Produces and checks the offsets that the client was told."""
        out = peer.call("produce", opts.pop("bootstrap", self.bootstrap), topic=topic,
                        stdin=scenes.lines(records), **opts)
        check(out[-1] == {"done": len(records)}, "said", out[-1])
        if peer.can("offsets"):
            told = sorted((r["p"], r["o"]) for r in out if "i" in r)
            want = sorted((r.p, i) for r, i in numbered(records, first))
            check(told == want, "offsets told:", told[:5], "... instead of", want[:5])

    def consume(self, peer, ranges, **opts):
        spec = ",".join("%s:%d:%d:%d" % r for r in ranges)
        out = peer.call("consume", opts.pop("bootstrap", self.bootstrap), ranges=spec, **opts)
        check(out[-1].get("left") == 0, "did not reach the end:", out[-1])
        return out

    def readers(self, scene):
        """Peers that can consume here: kafkajs only does so in a group."""
        for peer in self.all:
            if peer.can("assign") or KEY_JOIN_GROUP in self.keys:
                yield peer
            else:
                self.skip(scene, peer.name, "reads only in groups, which the broker does not list")

    # -- scenes

    def scene_write(self):
        """Every client with every codec into a partition of its own."""
        self.create([self.topic("w", p.name) for p in self.all], partitions=len(CODECS))
        for peer in self.all:
            for p, codec in enumerate(CODECS):
                if codec in peer.codecs:
                    self.scene("write/" + codec, peer.name, self.write_one, peer, p, codec)

    def write_one(self, peer, p, codec):
        records = scenes.mixed(peer, "%s %s" % (peer.name, codec), p, peer.count)
        records = scenes.bunched(records, peer)
        self.produce(peer, self.topic("w", peer.name), records, codec=codec)
        self.written[peer.name, codec] = records

    def scene_read(self):
        """Every client reads what every client wrote."""
        if not self.written:
            self.scene_write()
        for reader in self.readers("read"):
            ranges = [(self.topic("w", name), CODECS.index(codec), 0, len(records))
                      for (name, codec), records in self.written.items()]
            try:
                got = self.consume(reader, ranges, timeout=120)
            except (Check, PeerError) as e:
                self.scene("read", reader.name, check, False, e)
                continue
            for writer in self.all:
                self.scene("read/" + writer.name, reader.name, self.read_one, reader, writer, got)

    def read_one(self, reader, writer, got):
        for (name, codec), want in self.written.items():
            if name == writer.name:
                have = scenes.partition(got, self.topic("w", name), CODECS.index(codec))
                plain = reader.can("binary") or not writer.can("binary")
                wrong = scenes.compare(want, have, headers=plain)
                check(not wrong, codec + ":", wrong)

    def scene_offsets(self):
        """ListOffsets: first, last, by time, beyond the last time."""
        topic = self.topic("times")
        self.create([topic], retention_ms=-1)  # the records are old, and a slow machine takes its time
        records = [scenes.Record(0, PAST_MS + 1000 * i, None, b"%d" % i) for i in range(100)]
        self.produce(self.admin, topic, records, linger=0)
        for peer in self.all:
            self.scene("offsets", peer.name, self.offsets_one, peer, topic)

    def offsets_one(self, peer, topic):
        for time_, want in (("earliest", 0), ("latest", 100), (PAST_MS, 0), (PAST_MS + 1, 1),
                            (PAST_MS + 50_000, 50), (PAST_MS + 98_500, 99),
                            (PAST_MS + 200_000, -1)):
            got = peer.call("list", self.bootstrap, topic=topic, partition=0, time=time_)[-1]["o"]
            check(got == want, "time", time_, "gave", got, "instead of", want)

    def scene_big(self):
        """10 MB and one byte, read back by the writer and by the Java consumer."""
        topics = [self.topic("big", p.name) for p in self.all]
        self.create(topics, max_message_bytes=2 * BIG_BYTES)
        for peer, topic in zip(self.all, topics):
            self.scene("big", peer.name, self.big_one, peer, topic)

    def big_one(self, peer, topic):
        rnd = random.Random(peer.name)
        sizes = (1, BIG_BYTES, 1, BIG_BYTES)
        records = [scenes.Record(0, None, None, rnd.randbytes(n)) for n in sizes]
        self.produce(peer, topic, records, batch=1)
        for reader in (peer, self.admin):
            if reader.can("assign") or KEY_JOIN_GROUP in self.keys:
                got = self.consume(reader, [(topic, 0, 0, len(records))])
                wrong = scenes.compare(records, scenes.partition(got, topic, 0))
                check(not wrong, reader.name, "read:", wrong)

    def scene_auto(self):
        """A topic that is not there is made by producing to it."""
        for peer in self.all:
            self.scene("auto-create", peer.name, self.auto_one, peer, self.topic("auto", peer.name))

    def auto_one(self, peer, topic):
        records = [scenes.Record(0, None, b"k%d" % i, b"v%d" % i) for i in range(10)]
        self.produce(peer, topic, records)
        n = peer.call("metadata", self.bootstrap, topic=topic)[-1]["partitions"]
        check(n == 1, n, "partitions")
        got = self.consume(self.admin, [(topic, 0, 0, 10)])
        wrong = scenes.compare(records, scenes.partition(got, topic, 0))
        check(not wrong, wrong)

    def scene_append_time(self):
        """A topic with message.timestamp.type=LogAppendTime ignores what the client says."""
        topic = self.topic("append-time")
        self.create([topic], message_timestamp_type="LogAppendTime")
        before = int(time.time() * 1000)
        records = [scenes.Record(0, PAST_MS, None, b"x") for _ in range(5)]
        self.produce(self.admin, topic, records)
        for reader in self.readers("append-time"):
            self.scene("append-time", reader.name, self.append_time_one, reader, topic, before)

    def append_time_one(self, reader, topic, before):
        for r in self.consume(reader, [(topic, 0, 0, 5)])[:-1]:
            check(before <= r["t"] <= time.time() * 1000, "time", r["t"], "at append", before)
            check(r["tt"] in (1, None), "timestamp type", r["tt"])

    def scene_admin(self):
        """Create, grow, refuse to shrink, delete records, delete."""
        for peer in self.all:
            if peer.can("admin"):
                self.scene("admin", peer.name, self.admin_one, peer, self.topic("adm", peer.name))

    def admin_one(self, peer, topic):
        def partitions():
            return peer.call("metadata", self.bootstrap, topic=topic)[-1]["partitions"]

        peer.call("create", self.bootstrap, topic=topic, partitions=2)
        check(partitions() == 2, partitions(), "partitions after create")
        self.refused(peer, "create", topic=topic, partitions=2)
        peer.call("grow", self.bootstrap, topic=topic, partitions=5)
        check(partitions() == 5, partitions(), "partitions after grow")
        self.refused(peer, "grow", topic=topic, partitions=3)
        self.produce(peer, topic, [scenes.Record(1, None, None, b"x")] * 20, batch=5)
        if peer.can("trim"):
            low = peer.call("trim", self.bootstrap, topic=topic, partition=1, before=7)[-1]["low"]
            check(low == 7, "low watermark", low)
            low = peer.call("list", self.bootstrap, topic=topic, partition=1, time="earliest")[-1]
            check(low["o"] == 7, "log start", low)
        peer.call("delete", self.bootstrap, topic=topic)
        self.refused(peer, "delete", topic=topic)

    def refused(self, peer, cmd, **kw):
        try:
            peer.call(cmd, self.bootstrap, **kw)
        except PeerError:
            return
        if peer.name == "kafkajs" and cmd == "create":
            return  # it answers false, not an error
        check(False, cmd, "was not refused")

    def scene_tools(self):
        """Apache Kafka's own command line."""
        brokers.install()
        for name, run in tool_scenes.chosen().items():
            self.scene("tools/" + name.replace("_", "-"), "apache-kafka", run, self, self.topic("tool", name))

    def scene_tools_beside(self):
        """Our tools beside Apache Kafka's."""
        brokers.install()
        for name, run in beside.scenes(self):
            self.scene("tools-beside/" + name, "apache-kafka", run)

    def scene_offline(self):
        """dump-log and storage beside Apache Kafka's."""
        brokers.install()
        for name, run in offline.scenes(self):
            self.scene("offline/" + name, "apache-kafka", run)

    def scene_groups(self):
        """Consumer groups, also of clients of different makes."""
        able = [p for p in self.all if p.can("group")]
        for p in able:
            self.scene("groups/alone", p.name, group_scenes.alone, self, p, self.topic("alone", p.name))
            if p.can("static"):
                self.scene("groups/static", p.name, group_scenes.static, self, p, self.topic("static", p.name))
        for name, run in (("range", group_scenes.together), ("cooperative", group_scenes.cooperative)):
            fit = [p for p in able if p.can(name)]
            for a, b in zip(fit, fit[1:] + fit[:1]):  # each with the next
                self.scene("groups/" + name, "%s+%s" % (a.name, b.name), run, self, a, b, self.topic(name, a.name))

    def scene_our_groups(self):
        """libottla's members alone, and with those of every other client: either joins first, so either leads."""
        ours = peers.OURS
        ours.ensure()
        self.scene("groups/alone", ours.name, group_scenes.alone, self, ours, self.topic("alone", ours.name))
        self.scene("groups/static", ours.name, group_scenes.static, self, ours, self.topic("static", ours.name))
        for name, run in (("range", group_scenes.together), ("cooperative", group_scenes.cooperative),
                          ("sticky", group_scenes.sticky), ("kip848", group_scenes.kip848)):
            if name == "kip848" and KEY_CONSUMER_GROUP_HEARTBEAT not in self.keys:
                self.skip("groups/kip848", ours.name, "the broker has no coordinator of that kind")
                continue
            for p in [p for p in self.all if p.can("group") and p.can(name)] + [ours]:
                for a, b in ((ours, p), (p, ours)) if p is not ours else ((ours, ours),):
                    self.scene("groups/" + name, "%s+%s" % (a.name, b.name), run, self, a, b,
                               self.topic(name, a.name, b.name))

    def scene_txn(self):
        """libottla's transactions beside those of others."""
        if KEY_END_TXN not in self.keys:
            self.skip("txn", "libottla", "the broker has no transactions")
            return
        for run in txn_scenes.SCENES:
            self.scene("txn/" + run.__name__, "libottla", run, self, self.topic("txn", run.__name__))
        if self.args.broker:
            self.scene("txn/cut", "libottla", self.txn_cut)

    def txn_cut(self):
        port = harness.free_port()
        with self.new_broker(advertised_port=port) as broker:
            proxy = Proxy(port, broker.port)
            direct, self.bootstrap = self.bootstrap, "127.0.0.1:%d" % port
            try:
                return txn_scenes.cut(self, self.topic("txn", "cut"), proxy, port)
            finally:
                self.bootstrap = direct
                proxy.close()

    def scene_cuts(self):
        """Idempotent producers whose connections are cut and whose acknowledgements get lost."""
        if not self.args.broker:
            self.skip("cuts", "*", "needs a broker of its own")
            return
        port = harness.free_port()
        kw = {"overrides": {"auto.create.topics.enable": "false"}}
        with self.new_broker(advertised_port=port, **kw) as broker:
            proxy = Proxy(port, broker.port)
            direct, self.bootstrap = self.bootstrap, "127.0.0.1:%d" % port
            topics = [self.topic("cut", p.name) for p in self.all]
            self.create(topics, partitions=2)
            for peer, topic in zip(self.all, topics):
                if peer.can("idempotent"):
                    self.scene("cuts", peer.name, self.cuts_one, peer, topic, proxy)
            self.bootstrap = direct
            proxy.close()

    def cuts_one(self, peer, topic, proxy):
        count = self.args.cut_records if peer.can("binary") else self.args.cut_records // 10
        records = [scenes.Record(i % 2, None, None, b"%06d" % i + bytes(i % 700))
                   for i in range(count)]
        records.sort(key=lambda r: r.p if not peer.can("binary") else 0)
        proxy.hurt(self.args.seed, self.args.quiet_bytes)
        try:
            out = peer.call("produce", self.bootstrap, topic=topic, idempotent=1, linger=1,
                            timeout=120, stdin=scenes.lines(records), batch=20, batch_bytes=8000)
        finally:
            cuts = proxy.calm()
        check(out[-1] == {"done": count}, "said", out[-1])
        for p in (0, 1):
            end = self.admin.call("list", self.bootstrap, topic=topic, partition=p)[-1]["o"]
            check(end == count // 2, "partition", p, "ends at", end)
        got = self.consume(self.admin, [(topic, p, 0, count // 2) for p in (0, 1)])
        for p in (0, 1):
            wrong = scenes.compare([r for r in records if r.p == p], scenes.partition(got, topic, p))
            check(not wrong, "partition", p, wrong)
        check(sum(cuts.values()) > 0, "nothing was cut")
        return "cut %(request)d requests, %(response)d responses, lost %(lost)d" % cuts

    # -- running

    def new_broker(self, **kw):
        return brokers.BY_NAME[self.args.broker](**kw)

    def bring(self):
        """All peers, or with --available those that can be brought in that many seconds."""
        limit_s = self.args.available
        end = time.monotonic() + (limit_s or 0)
        missing = set()
        for install, peer in {p.install: p for p in [self.admin] + self.all}.items():
            try:
                peer.ensure(max(end - time.monotonic(), 1) if limit_s else None)
            except (subprocess.SubprocessError, OSError) as e:
                if not limit_s:
                    raise
                missing.add(install)
                self.skip("bring", peer.name, str(e))
        self.all = [p for p in self.all if p.install not in missing]
        if self.admin.install in missing:
            able = [p for p in self.all if p.can("admin") and p.can("assign")]
            self.all = self.all if able else []
            self.admin = able[0] if able else None

    def run(self):
        self.bring()
        if not self.all:
            print("0 passed, 0 failed, %d skipped" % self.skipped)
            return 0
        if self.args.broker:
            self.broker = self.new_broker().start()
            self.bootstrap = self.broker.bootstrap
        self.keys = api_keys(self.bootstrap)
        for name in self.args.scenes.split(","):
            try:
                getattr(self, "scene_" + name.replace("-", "_"))()
            except Exception as e:
                self.failed += 1
                self.report("FAILED", name, "*", "".join(traceback.format_exception(e))[-3000:])
        if self.broker:
            if not self.broker.is_alive():
                self.failed += 1
                self.report("FAILED", "alive", "*", self.broker.log())
            self.broker.stop()
        print("%d passed, %d failed, %d skipped" % (self.passed, self.failed, self.skipped))
        return 1 if self.failed or not self.passed else 0


def numbered(records, first):
    """Each record with the offset that it must get in its partition."""
    at = {}
    for r in records:
        yield r, first + at.setdefault(r.p, 0)
        at[r.p] += 1


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    a.add_argument("--broker", choices=sorted(brokers.BY_NAME))
    a.add_argument("--bootstrap")
    a.add_argument("--peers", help="names or their beginnings, with commas")
    a.add_argument("--scenes", default="write,read,offsets,big,auto,append_time,admin,groups,our_groups,tools,tools_beside,offline,txn,cuts")
    a.add_argument("--available", type=float, metavar="SECONDS",
                   help="leave out the clients that cannot be brought in that time")
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--cut-records", type=int, default=4000)
    a.add_argument("--quiet-bytes", type=int, default=60_000)
    args = a.parse_args()
    if not args.broker and not args.bootstrap:
        args.broker = "ottla"
    return Driver(args).run()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *a: sys.exit(143))  # so that brokers are ended
    sys.exit(main())
