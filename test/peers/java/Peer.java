// The Java clients as a peer; ../README.md tells the command line. Compiles with clients 2.1 to 4.x.

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.admin.AdminClient;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

public class Peer {
    static final PrintStream OUT = new PrintStream(new java.io.BufferedOutputStream(
        new java.io.FileOutputStream(java.io.FileDescriptor.out), 1 << 16), false);
    static final Map<String, List<String>> ARGS = new HashMap<>();

    static String arg(String name, String otherwise) {
        List<String> all = ARGS.get(name);
        return all == null ? otherwise : all.get(all.size() - 1);
    }

    static long timeoutMs() { return Long.parseLong(arg("timeout", "60")) * 1000; }

    static byte[] decode(String s) { return s.equals("-") ? null : Base64.getDecoder().decode(s); }

    static String quote(byte[] b) {
        return b == null ? "null" : '"' + Base64.getEncoder().encodeToString(b) + '"';
    }

    static Properties props() {
        Properties p = new Properties();
        p.put("bootstrap.servers", arg("bootstrap", null));
        p.put("request.timeout.ms", "20000");
        for (String kv : ARGS.getOrDefault("prop", Collections.emptyList()))
            p.put(kv.substring(0, kv.indexOf('=')), kv.substring(kv.indexOf('=') + 1));
        return p;
    }

    static ProducerRecord<byte[], byte[]> parse(String topic, String line) {
        String[] f = line.split("\t", -1);
        List<Header> headers = new ArrayList<>();
        if (!f[4].equals("-")) {
            for (String h : f[4].split(",")) {
                String[] nv = h.split(":", -1);
                headers.add(new RecordHeader(new String(decode(nv[0]), StandardCharsets.UTF_8), decode(nv[1])));
            }
        }
        Long ts = f[1].equals("-") ? null : Long.valueOf(f[1]);
        return new ProducerRecord<>(topic, Integer.valueOf(f[0]), ts, decode(f[2]), decode(f[3]), headers);
    }

    static void produce() throws Exception {
        Properties p = props();
        p.put("key.serializer", ByteArraySerializer.class.getName());
        p.put("value.serializer", ByteArraySerializer.class.getName());
        p.put("compression.type", arg("codec", "none"));
        p.put("enable.idempotence", arg("idempotent", "0").equals("1") ? "true" : "false");
        p.put("acks", arg("acks", "all"));
        p.put("max.request.size", "20000000");
        p.put("delivery.timeout.ms", String.valueOf(timeoutMs()));
        p.put("batch.size", arg("batch-bytes", "16384"));
        p.put("linger.ms", arg("linger", "5"));
        String txn = arg("txn", null);
        if (txn != null) {
            p.put("transactional.id", txn);
            p.put("enable.idempotence", "true");
        }
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in), 1 << 16);
        int count = 0;
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(p)) {
            if (txn != null) {
                producer.initTransactions();
                producer.beginTransaction();
            }
            for (String line; (line = in.readLine()) != null; count++) {
                int i = count;
                producer.send(parse(arg("topic", null), line), (m, e) -> {
                    synchronized (OUT) {
                        if (e != null)
                            OUT.println("{\"i\":" + i + ",\"error\":\"" + e.getClass().getSimpleName() + "\"}");
                        else
                            OUT.println("{\"i\":" + i + ",\"p\":" + m.partition() + ",\"o\":" + m.offset() + "}");
                    }
                });
            }
            producer.flush();
            if (txn != null)
                end(producer, count);
        }
        OUT.println("{\"done\":" + count + "}");
    }

    /** Commits, aborts, or leaves the transaction open: then nothing may close the producer. */
    static void end(KafkaProducer<byte[], byte[]> producer, int count) {
        String how = arg("end", "commit");
        if (how.equals("commit")) {
            producer.commitTransaction();
        } else if (how.equals("abort")) {
            producer.abortTransaction();
        } else {
            OUT.println("{\"done\":" + count + "}");
            OUT.flush();
            Runtime.getRuntime().halt(0);
        }
    }

    static void print(ConsumerRecord<byte[], byte[]> r) {
        StringBuilder h = new StringBuilder();
        for (Header x : r.headers()) {
            h.append(h.length() > 0 ? ",[" : "[").append(quote(x.key().getBytes(StandardCharsets.UTF_8)));
            h.append(',').append(quote(x.value())).append(']');
        }
        OUT.println("{\"topic\":\"" + r.topic() + "\",\"p\":" + r.partition() + ",\"o\":" + r.offset() + ",\"t\":"
            + r.timestamp() + ",\"tt\":" + r.timestampType().id + ",\"k\":" + quote(r.key()) + ",\"v\":"
            + quote(r.value()) + ",\"h\":[" + h + "]}");
    }

    static KafkaConsumer<byte[], byte[]> consumer() {
        Properties p = props();
        p.put("key.deserializer", ByteArrayDeserializer.class.getName());
        p.put("value.deserializer", ByteArrayDeserializer.class.getName());
        p.put("enable.auto.commit", "false");
        p.putIfAbsent("auto.offset.reset", "none");
        return new KafkaConsumer<>(p);
    }

    static void consume() {
        Map<TopicPartition, long[]> want = new HashMap<>();
        for (String range : arg("ranges", "").split(",")) {
            String[] f = range.split(":");
            want.put(new TopicPartition(f[0], Integer.parseInt(f[1])),
                new long[] {Long.parseLong(f[2]), Long.parseLong(f[3])});
        }
        try (KafkaConsumer<byte[], byte[]> c = consumer()) {
            read(c, want);
        }
    }

    static void read(KafkaConsumer<byte[], byte[]> c, Map<TopicPartition, long[]> want) {
        long deadline = System.currentTimeMillis() + timeoutMs();
        int count = 0;
        c.assign(want.keySet());
        want.forEach((tp, r) -> c.seek(tp, r[0]));
        while (!want.isEmpty() && System.currentTimeMillis() < deadline) {
            for (ConsumerRecord<byte[], byte[]> r : c.poll(Duration.ofMillis(200))) {
                print(r);
                count++;
            }
            want.entrySet().removeIf(e -> c.position(e.getKey()) >= e.getValue()[1]);
        }
        OUT.println("{\"done\":" + count + ",\"left\":" + want.size() + "}");
    }

    /** Everything that the topics hold, and each partition's first and end offset. */
    static void dump() {
        List<TopicPartition> all = new ArrayList<>();
        try (KafkaConsumer<byte[], byte[]> c = consumer()) {
            for (String t : arg("topic", null).split(","))
                c.partitionsFor(t).forEach(i -> all.add(new TopicPartition(t, i.partition())));
            Map<TopicPartition, Long> first = c.beginningOffsets(all);
            Map<TopicPartition, Long> end = c.endOffsets(all);
            Map<TopicPartition, long[]> want = new HashMap<>();
            for (TopicPartition tp : all) {
                OUT.println("{\"topic\":\"" + tp.topic() + "\",\"p\":" + tp.partition() + ",\"first\":"
                    + first.get(tp) + ",\"end\":" + end.get(tp) + "}");
                want.put(tp, new long[] {first.get(tp), end.get(tp)});
            }
            read(c, want);
        }
    }

    /** A member of a group until standard input ends; commits what it has printed. */
    static void group() throws Exception {
        Properties p = props();
        p.put("key.deserializer", ByteArrayDeserializer.class.getName());
        p.put("value.deserializer", ByteArrayDeserializer.class.getName());
        p.put("group.id", arg("group", null));
        p.put("enable.auto.commit", "false");
        p.put("auto.offset.reset", "earliest");
        boolean isClassic = arg("protocol", "classic").equals("classic");
        Map<String, String> assignors = new HashMap<>();
        assignors.put("range", "RangeAssignor");
        assignors.put("roundrobin", "RoundRobinAssignor");
        assignors.put("sticky", "StickyAssignor");
        assignors.put("cooperative-sticky", "CooperativeStickyAssignor");
        if (isClassic) {
            p.put("session.timeout.ms", "6000");
            p.put("heartbeat.interval.ms", "500");
            p.put("partition.assignment.strategy",
                "org.apache.kafka.clients.consumer." + assignors.get(arg("strategy", "range")));
        } else {
            p.put("group.protocol", "consumer");
        }
        if (arg("instance", null) != null)
            p.put("group.instance.id", arg("instance", null));
        long deadline = System.currentTimeMillis() + timeoutMs();
        Thread end = new Thread(Peer::drain);
        end.setDaemon(true);
        end.start();
        int count = 0;
        java.util.TreeSet<Integer> have = null;
        try (KafkaConsumer<byte[], byte[]> c = new KafkaConsumer<>(p)) {
            c.subscribe(Collections.singleton(arg("topic", null)));
            while (end.isAlive() && System.currentTimeMillis() < deadline) {
                org.apache.kafka.clients.consumer.ConsumerRecords<byte[], byte[]> got = c.poll(Duration.ofMillis(100));
                for (ConsumerRecord<byte[], byte[]> r : got) {
                    OUT.println("{\"p\":" + r.partition() + ",\"o\":" + r.offset() + ",\"v\":" + quote(r.value()) + "}");
                    count++;
                }
                if (!got.isEmpty())
                    c.commitSync();
                java.util.TreeSet<Integer> now = new java.util.TreeSet<>();
                c.assignment().forEach(tp -> now.add(tp.partition()));
                if (!now.equals(have))
                    OUT.println("{\"have\":" + now + "}");
                have = now;
                OUT.flush();
            }
        }
        OUT.println("{\"done\":" + count + "}");
    }

    static void drain() {
        try {
            while (System.in.read() >= 0) { }
        } catch (java.io.IOException e) {
            return;
        }
    }

    static void list() {
        TopicPartition tp = new TopicPartition(arg("topic", null), Integer.parseInt(arg("partition", "0")));
        String time = arg("time", "latest");
        Duration wait = Duration.ofMillis(timeoutMs());
        try (KafkaConsumer<byte[], byte[]> c = consumer()) {
            long o;
            if (time.equals("earliest")) {
                o = c.beginningOffsets(Collections.singleton(tp), wait).get(tp);
            } else if (time.equals("latest")) {
                o = c.endOffsets(Collections.singleton(tp), wait).get(tp);
            } else {
                OffsetAndTimestamp found =
                    c.offsetsForTimes(Collections.singletonMap(tp, Long.valueOf(time)), wait).get(tp);
                o = found == null ? -1 : found.offset();
            }
            OUT.println("{\"p\":" + tp.partition() + ",\"o\":" + o + "}");
        }
    }

    static void metadata() {
        try (KafkaConsumer<byte[], byte[]> c = consumer()) {
            int n = c.partitionsFor(arg("topic", null), Duration.ofMillis(timeoutMs())).size();
            OUT.println("{\"topic\":\"" + arg("topic", null) + "\",\"partitions\":" + n + "}");
        }
    }

    static void admin(String what) throws Exception {
        String topic = arg("topic", null);
        int n = Integer.parseInt(arg("partitions", "1"));
        try (AdminClient a = AdminClient.create(props())) {
            if (what.equals("create")) {
                Map<String, String> config = new HashMap<>();
                for (String kv : ARGS.getOrDefault("config", Collections.emptyList()))
                    config.put(kv.substring(0, kv.indexOf('=')), kv.substring(kv.indexOf('=') + 1));
                List<NewTopic> all = new ArrayList<>();
                for (String t : topic.split(","))
                    all.add(new NewTopic(t, n, (short) 1).configs(config));
                a.createTopics(all).all().get();
            } else if (what.equals("delete")) {
                a.deleteTopics(Collections.singleton(topic)).all().get();
            } else if (what.equals("grow")) {
                a.createPartitions(Collections.singletonMap(topic, NewPartitions.increaseTo(n))).all().get();
            } else {
                TopicPartition tp = new TopicPartition(topic, Integer.parseInt(arg("partition", "0")));
                long before = Long.parseLong(arg("before", "-1"));
                long low = a.deleteRecords(Collections.singletonMap(tp, RecordsToDelete.beforeOffset(before)))
                    .lowWatermarks().get(tp).get().lowWatermark();
                OUT.println("{\"low\":" + low + "}");
                return;
            }
        }
        OUT.println("{\"done\":1}");
    }

    static void run(String cmd) throws Exception {
        switch (cmd) {
            case "produce": produce(); break;
            case "consume": consume(); break;
            case "dump": dump(); break;
            case "group": group(); break;
            case "list": list(); break;
            case "metadata": metadata(); break;
            case "create": case "delete": case "grow": case "trim": admin(cmd); break;
            default: throw new IllegalArgumentException(cmd);
        }
    }

    public static void main(String[] argv) throws Exception {
        for (int i = 1; i + 1 < argv.length; i += 2)
            ARGS.computeIfAbsent(argv[i].substring(2), k -> new ArrayList<>()).add(argv[i + 1]);
        int rc = 0;
        try {
            run(argv[0]);
        } catch (Exception e) {
            Throwable t = e instanceof java.util.concurrent.ExecutionException ? e.getCause() : e;
            OUT.println("{\"error\":\"" + t.getClass().getSimpleName() + "\"}");
            t.printStackTrace();
            rc = 1;
        }
        OUT.flush();
        System.exit(rc);
    }
}
