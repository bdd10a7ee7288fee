// kafkajs as a peer; ../README.md tells the command line.
'use strict';

const os = require('os');
const path = require('path');
const readline = require('readline');
const { createRequire } = require('module');

const cache = process.env.OTTLA_PEERS || path.join(os.homedir(), '.cache', 'ottla-peers');
const load = createRequire(path.join(cache, 'kafkajs', 'package.json'));
const { Kafka, CompressionTypes, CompressionCodecs, logLevel } = load('kafkajs');
const zstd = load('@bokuweb/zstd-wasm');
const lz4 = load('lz4js');
const xxh32 = load('lz4js/xxh32.js');

CompressionCodecs[CompressionTypes.Snappy] = load('kafkajs-snappy');
// lz4js says that its blocks depend on each other, which Kafka refuses. With one block (up to 4 MiB)
// they do not, so the flag is set and the checksum of the frame header made anew.
function independentBlocks(frame) {
  const out = Buffer.from(frame);
  out[4] |= 0x20;
  out[6] = (xxh32.hash(0, out, 4, 2) >> 8) & 0xff;
  return out;
}

CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: async (encoder) => independentBlocks(lz4.compress(encoder.buffer)),
  decompress: async (buffer) => Buffer.from(lz4.decompress(buffer)),
});
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async (encoder) => Buffer.from(zstd.compress(encoder.buffer, 3)),
  decompress: async (buffer) => Buffer.from(zstd.decompress(buffer)),
});
const CODECS = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
};

const opts = {};
for (let i = 3; i + 1 < process.argv.length; i += 2) {
  const name = process.argv[i].slice(2);
  (opts[name] = opts[name] || []).push(process.argv[i + 1]);
}
const get = (name, otherwise) => (opts[name] ? opts[name][opts[name].length - 1] : otherwise);
const topic = get('topic');
const timeoutMs = Number(get('timeout', 60)) * 1000;
const emit = (o) => process.stdout.write(JSON.stringify(o) + '\n');
const decode = (s) => (s === '-' ? null : Buffer.from(s, 'base64'));
const quote = (b) => (b === null || b === undefined ? null : Buffer.from(b).toString('base64'));

const kafka = new Kafka({
  brokers: [get('bootstrap')],
  clientId: 'peer',
  logLevel: logLevel.ERROR,
  requestTimeout: 20000,
  // an admin call that is refused must come back; a producer goes on
  retry: { retries: process.argv[2] === 'produce' ? 1000 : 5, initialRetryTime: 50, maxRetryTime: 500 },
});

// Several headers of one name are an array of values in kafkajs.
function parseHeaders(text) {
  const headers = {};
  if (text === '-') return headers;
  for (const h of text.split(',')) {
    const [name, value] = h.split(':').map(decode);
    const had = headers[name];
    headers[name] = had === undefined ? value : [].concat(had, [value]);
  }
  return headers;
}

async function produce() {
  const lines = [];
  for await (const line of readline.createInterface({ input: process.stdin })) lines.push(line);
  const idempotent = get('idempotent', '0') === '1';
  const producer = kafka.producer({ idempotent, maxInFlightRequests: idempotent ? 1 : null });
  await producer.connect();
  // A send is one batch a partition: several make several batches.
  const step = Number(get('batch', 50));
  for (let at = 0; at < lines.length; at += step) {
    const messages = lines.slice(at, at + step).map((line) => {
      const [p, t, k, v, h] = line.split('\t');
      return {
        partition: Number(p),
        timestamp: t === '-' ? undefined : t,
        key: decode(k),
        value: decode(v),
        headers: parseHeaders(h),
      };
    });
    const sent = await producer.send({
      topic, messages, compression: CODECS[get('codec', 'none')], acks: get('acks', 'all') === 'all' ? -1 : Number(get('acks')),
    });
    const base = {};
    for (const m of sent) base[m.partition] = BigInt(m.baseOffset);
    messages.forEach((m, i) => emit({ i: at + i, p: m.partition, o: Number(base[m.partition]++) }));
  }
  await producer.disconnect();
  emit({ done: lines.length });
}

function emitRecord(t, p, m) {
  const headers = [];
  for (const [name, values] of Object.entries(m.headers || {}))
    for (const v of [].concat(values)) headers.push([quote(name), quote(v)]);
  emit({ topic: t, p, o: Number(m.offset), t: Number(m.timestamp), tt: null, k: quote(m.key), v: quote(m.value), h: headers });
}

// kafkajs has no assigned partitions, so this takes part in a group of one and seeks.
async function consume() {
  const want = new Map();
  for (const r of get('ranges').split(',')) {
    const [t, p, first, last] = r.split(':');
    want.set(`${t}:${p}`, { topic: t, p: Number(p), first, last: Number(last) });
  }
  let n = 0;
  const consumer = kafka.consumer({ groupId: `peer-${process.pid}-${Date.now()}`, maxBytesPerPartition: 4 << 20 });
  await consumer.connect();
  await consumer.subscribe({ topics: [...new Set([...want.values()].map((w) => w.topic))], fromBeginning: true });
  const all = [...want.values()];
  for (const [key, w] of want) if (Number(w.first) >= w.last) want.delete(key);
  await new Promise((resolve, reject) => {
    setTimeout(resolve, timeoutMs).unref();
    consumer.on('consumer.crash', (e) => reject(e.payload.error));
    consumer.run({
      autoCommit: false,
      eachMessage: async ({ topic: t, partition, message }) => {
        const w = want.get(`${t}:${partition}`);
        if (!w || Number(message.offset) >= w.last) return;
        emitRecord(t, partition, message);
        n++;
        if (Number(message.offset) + 1 >= w.last) want.delete(`${t}:${partition}`);
        if (want.size === 0) resolve();
      },
    }).catch(reject);
    for (const w of all) consumer.seek({ topic: w.topic, partition: w.p, offset: w.first });
  });
  emit({ done: n, left: want.size });
  await consumer.disconnect();
}

// A member of a group until standard input ends; commits what it has printed.
async function group() {
  let n = 0;
  const consumer = kafka.consumer({ groupId: get('group'), sessionTimeout: 6000, heartbeatInterval: 500, rebalanceTimeout: 10000 });
  consumer.on(consumer.events.GROUP_JOIN, (e) => {
    emit({ have: [...(e.payload.memberAssignment[topic] || [])].sort((a, b) => a - b) });
  });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachMessage: async ({ partition, message }) => {
      emit({ p: partition, o: Number(message.offset), v: quote(message.value) });
      n++;
      await consumer.commitOffsets([{ topic, partition, offset: String(Number(message.offset) + 1) }]);
    },
  });
  await new Promise((resolve) => {
    setTimeout(resolve, timeoutMs).unref();
    process.stdin.on('end', resolve).resume();
  });
  await consumer.disconnect();
  emit({ done: n });
}

async function withAdmin(call) {
  const admin = kafka.admin();
  await admin.connect();
  try {
    emit(await call(admin));
  } finally {
    await admin.disconnect();
  }
}

const list = () => withAdmin(async (a) => {
  const p = Number(get('partition', 0));
  const time = get('time', 'latest');
  if (time === 'earliest' || time === 'latest') {
    const o = (await a.fetchTopicOffsets(topic)).find((x) => x.partition === p);
    return { p, o: Number(time === 'latest' ? o.high : o.low) };
  }
  const all = await a.fetchTopicOffsetsByTimestamp(topic, Number(time));
  const end = (await a.fetchTopicOffsets(topic)).find((x) => x.partition === p);
  const o = Number(all.find((x) => x.partition === p).offset);
  return { p, o: o === Number(end.high) ? -1 : o }; // kafkajs answers the end where none is that late
});

const metadata = () => withAdmin(async (a) => {
  const m = await a.fetchTopicMetadata({ topics: [topic] });
  return { topic, partitions: m.topics[0].partitions.length };
});

const create = () => withAdmin(async (a) => {
  const configEntries = (opts.config || []).map((kv) => {
    const at = kv.indexOf('=');
    return { name: kv.slice(0, at), value: kv.slice(at + 1) };
  });
  const topics = topic.split(',').map((t) => ({
    topic: t, numPartitions: Number(get('partitions', 1)), replicationFactor: 1, configEntries,
  }));
  return { done: Number(await a.createTopics({ topics, waitForLeaders: true })) };
});

const remove = () => withAdmin(async (a) => {
  await a.deleteTopics({ topics: [topic] });
  return { done: 1 };
});

const grow = () => withAdmin(async (a) => {
  await a.createPartitions({ topicPartitions: [{ topic, count: Number(get('partitions', 1)) }] });
  return { done: 1 };
});

const trim = () => withAdmin(async (a) => {
  const partition = Number(get('partition', 0));
  await a.fetchTopicOffsets(topic); // deleteTopicRecords needs the topic to be known
  await a.deleteTopicRecords({ topic, partitions: [{ partition, offset: get('before', '-1') }] });
  const o = (await a.fetchTopicOffsets(topic)).find((x) => x.partition === partition);
  return { low: Number(o.low) };
});

const commands = { produce, consume, group, list, metadata, create, delete: remove, grow, trim };

(async () => {
  try {
    await zstd.init();
    await commands[process.argv[2]]();
    process.exitCode = 0;
  } catch (e) {
    emit({ error: e.name, text: String(e.message).slice(0, 300) });
    process.exitCode = 1;
  }
  process.stdout.write('', () => process.exit());
})();
