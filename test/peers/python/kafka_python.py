"""kafka-python (2.0 to 3.x) as a peer; ../README.md tells the command line."""

import time

import peerio
from kafka import KafkaConsumer, KafkaProducer, TopicPartition, __version__
from kafka.admin import KafkaAdminClient, NewPartitions, NewTopic


def common(args):
    c = {"bootstrap_servers": args.bootstrap}
    if args.proto:
        c["api_version"] = tuple(int(x) for x in args.proto.split("."))
    return c


def produce(args):
    conf = common(args)
    conf.update(acks="all" if args.acks == "all" else int(args.acks), retries=1000,
                compression_type=None if args.codec == "none" else args.codec,
                linger_ms=args.linger, batch_size=args.batch_bytes, max_request_size=20_000_000,
                request_timeout_ms=20_000,
                max_block_ms=args.timeout * 1000)
    if tuple(int(x) for x in __version__.split(".")[:2]) >= (2, 1):
        conf.update(enable_idempotence=bool(args.idempotent),
                    delivery_timeout_ms=args.timeout * 1000)
    else:
        conf.update(max_in_flight_requests_per_connection=1)
    producer = KafkaProducer(**conf)
    sent = [producer.send(args.topic, key=r.key, value=r.value, headers=r.headers,
                          partition=r.partition, timestamp_ms=r.ts) for r in peerio.records()]
    producer.flush(args.timeout)
    for i, f in enumerate(sent):
        try:
            m = f.get(timeout=max(0.1, args.deadline - time.monotonic()))
            peerio.emit(i=i, p=m.partition, o=m.offset)
        except Exception as e:
            peerio.emit(i=i, error=type(e).__name__)
    producer.close(1)
    peerio.emit(done=len(sent))


def consumer(args):
    return KafkaConsumer(enable_auto_commit=False, auto_offset_reset="none", group_id=None,
                         max_partition_fetch_bytes=4 << 20, **common(args))


def consume(args):
    want = {TopicPartition(t, p): r for (t, p), r in peerio.ranges(args).items()}
    c = consumer(args)
    c.assign(list(want))
    for tp, r in want.items():
        c.seek(tp, r[0])
    count = 0
    while want and time.monotonic() < args.deadline:
        for batch in c.poll(timeout_ms=200).values():
            for m in batch:
                peerio.emit_record(m.topic, m.partition, m.offset, m.timestamp, m.timestamp_type,
                                   m.key, m.value, m.headers)
                count += 1
        for tp in [tp for tp in want if c.position(tp) >= want[tp][1]]:
            del want[tp]
    peerio.emit(done=count, left=len(want))


def group(args):
    conf = dict(common(args), group_id=args.group, enable_auto_commit=False, auto_offset_reset="earliest",
                session_timeout_ms=6000, heartbeat_interval_ms=500)
    if args.instance:
        conf["group_instance_id"] = args.instance
    c = KafkaConsumer(args.topic, **conf)
    have, count = None, 0
    for _ in peerio.until_told(args):
        got = c.poll(timeout_ms=100)
        for batch in got.values():
            for m in batch:
                peerio.emit(p=m.partition, o=m.offset, v=peerio.quote(m.value))
                count += 1
        if got:
            c.commit()
        now = sorted(tp.partition for tp in c.assignment())
        if now != have:
            have = now
            peerio.emit(have=have)
    c.close()
    peerio.emit(done=count)


def list_offsets(args):
    c = consumer(args)
    tp = TopicPartition(args.topic, args.partition)
    if args.time == "earliest":
        o = c.beginning_offsets([tp])[tp]
    elif args.time == "latest":
        o = c.end_offsets([tp])[tp]
    else:
        found = c.offsets_for_times({tp: int(args.time)})[tp]
        o = found.offset if found else -1
    peerio.emit(p=args.partition, o=o)


def metadata(args):
    c = consumer(args)
    parts = None
    while not parts and time.monotonic() < args.deadline:
        parts = c.partitions_for_topic(args.topic)
    peerio.emit(topic=args.topic, partitions=len(parts or ()))


def create(args):
    a = KafkaAdminClient(**common(args))
    config = peerio.pairs(args.config)
    a.create_topics([NewTopic(t, args.partitions, 1, topic_configs=config)
                     for t in args.topic.split(",")])
    peerio.emit(done=1)


def delete(args):
    KafkaAdminClient(**common(args)).delete_topics([args.topic])
    peerio.emit(done=1)


def grow(args):
    KafkaAdminClient(**common(args)).create_partitions({args.topic: NewPartitions(args.partitions)})
    peerio.emit(done=1)


def trim(args):
    tp = TopicPartition(args.topic, args.partition)
    low = KafkaAdminClient(**common(args)).delete_records({tp: args.before})[tp]
    peerio.emit(low=low["low_watermark"] if isinstance(low, dict) else low.low_watermark)


peerio.main({"produce": produce, "consume": consume, "group": group, "list": list_offsets, "metadata": metadata,
             "create": create, "delete": delete, "grow": grow, "trim": trim})
