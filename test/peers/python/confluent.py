"""confluent-kafka-python (librdkafka) as a peer; ../README.md tells the command line."""

import time

import peerio
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic


def common(args):
    c = {"bootstrap.servers": args.bootstrap, "receive.message.max.bytes": 100_000_000,
         "message.max.bytes": 20_000_000}
    if args.proto:
        c.update({"api.version.request": False, "broker.version.fallback": args.proto})
    c.update(peerio.pairs(args.prop))
    return c


def produce(args):
    producer = Producer(dict(common(args), **{
        "compression.codec": args.codec, "acks": args.acks, "linger.ms": args.linger, "batch.size": args.batch_bytes,
        "enable.idempotence": bool(args.idempotent), "message.timeout.ms": args.timeout * 1000}))

    def delivered(i):
        def cb(err, m):
            if err:
                peerio.emit(i=i, error=err.name())
            else:
                peerio.emit(i=i, p=m.partition(), o=m.offset())
        return cb

    n = 0
    for n, r in enumerate(peerio.records(), 1):
        kw = {} if r.ts is None else {"timestamp": r.ts}
        producer.produce(args.topic, value=r.value, key=r.key, partition=r.partition,
                         headers=r.headers, on_delivery=delivered(n - 1), **kw)
        producer.poll(0)
    producer.flush(args.timeout)
    peerio.emit(done=n)


def consumer(args):
    return Consumer(dict(common(args), **{
        "group.id": "peer", "enable.auto.commit": False, "enable.partition.eof": False,
        "auto.offset.reset": "error", "fetch.max.bytes": 60_000_000}))


def consume(args):
    want = peerio.ranges(args)
    c = consumer(args)
    c.assign([TopicPartition(t, p, r[0]) for (t, p), r in want.items()])
    want = {tp: r for tp, r in want.items() if r[0] < r[1]}
    count = 0
    while want and time.monotonic() < args.deadline:
        for m in c.consume(500, 0.2):
            if m.error():
                if m.error().code() != KafkaError._PARTITION_EOF:
                    peerio.emit(error=m.error().name())
                continue
            tt, t = m.timestamp()
            peerio.emit_record(m.topic(), m.partition(), m.offset(), t, tt - 1, m.key(), m.value(),
                               m.headers())
            count += 1
            tp = (m.topic(), m.partition())
            if tp in want and m.offset() + 1 >= want[tp][1]:
                del want[tp]
    c.close()
    peerio.emit(done=count, left=len(want))


def group(args):
    conf = dict(common(args), **{
        "group.id": args.group, "enable.auto.commit": False, "auto.offset.reset": "earliest"})
    if args.protocol == "classic":
        conf.update({"session.timeout.ms": 6000, "heartbeat.interval.ms": 500,
                     "partition.assignment.strategy": args.strategy})
    else:
        conf["group.protocol"] = args.protocol
    if args.instance:
        conf["group.instance.id"] = args.instance
    c = Consumer(conf)
    c.subscribe([args.topic])
    have, count = None, 0
    for _ in peerio.until_told(args):
        got = c.consume(100, 0.1)
        for m in got:
            if not m.error():
                peerio.emit(p=m.partition(), o=m.offset(), v=peerio.quote(m.value()))
                count += 1
        if got:
            c.commit(asynchronous=False)
        now = sorted(tp.partition for tp in c.assignment())
        if now != have:
            have = now
            peerio.emit(have=have)
    c.close()
    peerio.emit(done=count)


def list_offsets(args):
    c = consumer(args)
    tp = TopicPartition(args.topic, args.partition, OFFSET_BEGINNING)
    if args.time in ("earliest", "latest"):
        o = c.get_watermark_offsets(tp, args.timeout)[args.time == "latest"]
    else:
        tp.offset = int(args.time)
        o = c.offsets_for_times([tp], args.timeout)[0].offset
    peerio.emit(p=args.partition, o=-1 if o < 0 else o)


def metadata(args):
    t = AdminClient(common(args)).list_topics(args.topic, args.timeout).topics[args.topic]
    peerio.emit(topic=args.topic, partitions=len(t.partitions))


def admin(args, call):
    client = AdminClient(common(args))  # kept: its futures end with it
    return [f.result(args.timeout) for f in call(client).values()]


def create(args):
    config = peerio.pairs(args.config)
    new = [NewTopic(t, args.partitions, 1, config=config) for t in args.topic.split(",")]
    admin(args, lambda a: a.create_topics(new))
    peerio.emit(done=1)


def delete(args):
    admin(args, lambda a: a.delete_topics([args.topic]))
    peerio.emit(done=1)


def grow(args):
    admin(args, lambda a: a.create_partitions([NewPartitions(args.topic, args.partitions)]))
    peerio.emit(done=1)


def trim(args):
    tp = TopicPartition(args.topic, args.partition, args.before)
    low = admin(args, lambda a: a.delete_records([tp]))[0].low_watermark
    peerio.emit(low=low)


peerio.main({"produce": produce, "consume": consume, "group": group, "list": list_offsets, "metadata": metadata,
             "create": create, "delete": delete, "grow": grow, "trim": trim})
