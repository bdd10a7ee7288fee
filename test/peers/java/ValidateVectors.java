/* What Apache Kafka's broker does to batches that a producer sends: well-formed ones under every
 * kind of topic, and broken ones. Each case goes through the checks of a Produce request and then
 * into a log of its own (UnifiedLog), as in a broker.
 *
 *   ValidateVectors FILE      writes the cases and Apache Kafka's answers
 *
 * A case is four lines: its name, the topic's rules and the request's version, the bytes in hex, and
 * the answer: an error code with the indexes of the records to blame, or 0 and what was appended
 * (`plain` is the CRC-32C of the records without compression). */
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.File;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.zip.CRC32C;
import net.jpountz.xxhash.XXHashFactory;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.DefaultRecord;
import org.apache.kafka.common.record.internal.FileRecords;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.requests.ProduceRequest;
import org.apache.kafka.common.requests.ProduceResponse.RecordError;
import org.apache.kafka.common.utils.BufferSupplier;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.common.utils.Utils;
import org.apache.kafka.server.storage.log.FetchIsolation;
import org.apache.kafka.server.util.KafkaScheduler;
import org.apache.kafka.storage.internals.log.AppendOrigin;
import org.apache.kafka.storage.internals.log.LogConfig;
import org.apache.kafka.storage.internals.log.LogDirFailureChannel;
import org.apache.kafka.storage.internals.log.LogOffsetsListener;
import org.apache.kafka.storage.internals.log.ProducerStateManagerConfig;
import org.apache.kafka.storage.internals.log.RecordValidationException;
import org.apache.kafka.storage.internals.log.UnifiedLog;
import org.apache.kafka.storage.log.metrics.BrokerTopicStats;

public final class ValidateVectors {
    static final long NOW_MS = BatchVectors.NOW_MS;
    static final int HOUR_MS = 3_600_000;
    private static final int ATTRIBUTES = 21, CRC = 17, HEADER = 61;

    /** A topic's settings that matter here, and the version of the request. */
    record Rules(boolean appendTime, long before, long after, boolean compact, String codec, int max, int version) {
        static Rules usual() { return new Rules(false, Long.MAX_VALUE, HOUR_MS, false, "producer", 1_048_588, 12); }
        Rules appendTime(boolean is) { return new Rules(is, before, after, compact, codec, max, version); }
        Rules window(long before, long after) { return new Rules(appendTime, before, after, compact, codec, max, version); }
        Rules compacted() { return new Rules(appendTime, before, after, true, codec, max, version); }
        Rules codec(String name) { return new Rules(appendTime, before, after, compact, name, max, version); }
        Rules max(int bytes) { return new Rules(appendTime, before, after, compact, codec, bytes, version); }
        Rules version(int v) { return new Rules(appendTime, before, after, compact, codec, max, v); }

        LogConfig config() {
            Map<String, Object> map = new HashMap<>();
            map.put("message.timestamp.type", appendTime ? "LogAppendTime" : "CreateTime");
            map.put("message.timestamp.before.max.ms", before);
            map.put("message.timestamp.after.max.ms", after);
            map.put("cleanup.policy", compact ? "compact" : "delete");
            map.put("compression.type", codec);
            map.put("max.message.bytes", max);
            return new LogConfig(map);
        }
    }

    private static final Time CLOCK = new Time() {
        public long milliseconds() { return NOW_MS; }
        public long nanoseconds() { return NOW_MS * 1_000_000; }
        public void sleep(long ms) { }
        public void waitObject(Object o, Supplier<Boolean> until, long deadline) { }
    };

    private final PrintStream out;
    private final KafkaScheduler scheduler = new KafkaScheduler(1);
    private final BrokerTopicStats stats = new BrokerTopicStats();
    private int logs;

    ValidateVectors(PrintStream out) {
        this.out = out;
        scheduler.startup();
    }

    // --- asking ---

    void ask(String name, Rules rules, byte[] bytes) throws Exception {
        out.println(name);
        out.printf("time=%s before=%d after=%d compact=%d codec=%s max=%d version=%d%n",
            rules.appendTime() ? "append" : "create", rules.before(), rules.after(), rules.compact() ? 1 : 0,
            rules.codec(), rules.max(), rules.version());
        out.println(HexFormat.of().formatHex(bytes));
        out.println(answer(rules, bytes));
    }

    private String answer(Rules rules, byte[] bytes) throws Exception {
        File dir = new File(Files.createTempDirectory("vectors").toFile(), "t-" + logs++);
        dir.mkdirs();
        UnifiedLog log = UnifiedLog.create(dir, rules.config(), 0, 0, scheduler, stats, CLOCK, HOUR_MS,
            new ProducerStateManagerConfig(HOUR_MS, false), HOUR_MS, new LogDirFailureChannel(1), true,
            Optional.of(Uuid.randomUuid()), new ConcurrentHashMap<>(), false, LogOffsetsListener.NO_OP_OFFSETS_LISTENER);
        try {
            MemoryRecords records = MemoryRecords.readableRecords(ByteBuffer.wrap(bytes.clone()));
            ProduceRequest.validateRecords((short) rules.version(), records);
            log.appendAsLeader(records, 9, AppendOrigin.CLIENT);
            return appended(log);
        } catch (RecordValidationException e) {
            return Errors.forException(e.invalidException()).code() + " "
                + e.recordErrors().stream().map(ValidateVectors::index).collect(Collectors.joining(","));
        } catch (Throwable e) {
            return Errors.forException(e).code() + " -";
        } finally {
            log.close();
            Utils.delete(dir.getParentFile());
        }
    }

    private static String index(RecordError e) { return Integer.toString(e.batchIndex); }

    private static String appended(UnifiedLog log) throws Exception {
        FileRecords file = (FileRecords) log.read(0, Integer.MAX_VALUE, FetchIsolation.LOG_END, true).records;
        ByteBuffer b = ByteBuffer.allocate(file.sizeInBytes());
        file.readInto(b, 0);
        RecordBatch batch = MemoryRecords.readableRecords(b.duplicate()).batches().iterator().next();
        batch.ensureValid();
        b.position(HEADER);
        return String.format("0 attrs=%x delta=%d base_ts=%d max_ts=%d pid=%d pepoch=%d seq=%d count=%d plain=%08x",
            b.getShort(ATTRIBUTES), b.getInt(23), b.getLong(27), b.getLong(35), b.getLong(43), b.getShort(51),
            b.getInt(53), b.getInt(57), BatchVectors.crc32c(plain(batch.compressionType(), b)));
    }

    private static byte[] plain(CompressionType type, ByteBuffer b) throws Exception {
        try (InputStream in = Compression.of(type).build()
                 .wrapForInput(b.slice(), RecordBatch.MAGIC_VALUE_V2, BufferSupplier.NO_CACHING)) {
            return in.readAllBytes();
        }
    }

    // --- making ---

    private static final Header[] HEADERS = {new RecordHeader("h", new byte[] {1}), new RecordHeader("", null)};

    static MemoryRecordsBuilder builder(CompressionType type) { return BatchVectors.Head.plain(type).builder(); }

    static byte[] good(CompressionType type) {
        MemoryRecordsBuilder b = builder(type);
        b.append(NOW_MS - 5, "k0".getBytes(), "value".getBytes());
        b.append(NOW_MS + 7, "k1".getBytes(), null, HEADERS);
        b.append(NOW_MS - 9, "k2".getBytes(), "v".repeat(90).getBytes(), new Header[0]);
        return BatchVectors.bytes(b);
    }

    /** Records of the given times, which the builder would refuse; a key only where it is even. */
    static byte[] timed(CompressionType type, long... times) throws Exception {
        ByteArrayOutputStream plain = new ByteArrayOutputStream();
        DataOutputStream to = new DataOutputStream(plain);
        for (int i = 0; i < times.length; i++)
            DefaultRecord.writeTo(to, i, times[i], times[i] % 2 == 0 ? ByteBuffer.wrap(new byte[] {'k'}) : null,
                                  ByteBuffer.wrap(new byte[] {'v'}), new Header[0]);
        byte[] all = plain.toByteArray();
        long max = Arrays.stream(times).max().getAsLong();
        return change(body(good(type), type == CompressionType.NONE ? all : compressed(type, all)),
            b -> b.putInt(57, times.length).putInt(23, times.length - 1).putLong(27, 0).putLong(35, max));
    }

    static byte[] gaps(CompressionType type) {
        MemoryRecordsBuilder b = builder(type);
        for (int delta : new int[] {0, 1, 5, 9})
            b.appendWithOffset(delta, NOW_MS, new byte[] {'k'}, new byte[] {'v'});
        return change(BatchVectors.bytes(b), x -> x.putInt(23, 3));
    }

    /** Changed and with a CRC that fits. */
    static byte[] change(byte[] batch, Consumer<ByteBuffer> how) {
        ByteBuffer b = ByteBuffer.wrap(batch.clone());
        how.accept(b);
        CRC32C crc = new CRC32C();
        crc.update(b.array(), ATTRIBUTES, b.capacity() - ATTRIBUTES);
        return b.putInt(CRC, (int) crc.getValue()).array();
    }

    static byte[] attributes(byte[] batch, int set) {
        return change(batch, b -> b.putShort(ATTRIBUTES, (short) (b.getShort(ATTRIBUTES) | set)));
    }

    /** Another run of record bytes under the same header. */
    static byte[] body(byte[] batch, byte[] records) {
        ByteBuffer b = ByteBuffer.allocate(HEADER + records.length);
        b.put(batch, 0, HEADER).put(records).putInt(8, b.capacity() - 12);
        return change(b.array(), x -> { });
    }

    static byte[] records(byte[] batch) { return Arrays.copyOfRange(batch, HEADER, batch.length); }

    static byte[] join(byte[]... parts) {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        for (byte[] p : parts)
            all.writeBytes(p);
        return all.toByteArray();
    }

    static byte[] compressed(CompressionType type, byte[] plain) throws Exception {
        var stream = new org.apache.kafka.common.utils.ByteBufferOutputStream(64);
        try (var to = Compression.of(type).build().wrapForOutput(stream, RecordBatch.MAGIC_VALUE_V2)) {
            to.write(plain);
        }
        ByteBuffer b = stream.buffer().flip();
        byte[] all = new byte[b.remaining()];
        b.get(all);
        return all;
    }

    // --- cases ---

    private void everyKindOfTopic() throws Exception {
        for (CompressionType type : CompressionType.values())
            for (String codec : new String[] {"producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"})
                for (boolean append : new boolean[] {false, true})
                    ask("good " + type.name + " to " + codec + (append ? " append" : " create"),
                        Rules.usual().codec(codec).appendTime(append), good(type));
    }

    private void headers(CompressionType type) throws Exception {
        byte[] good = good(type);
        Rules usual = Rules.usual();
        String of = " " + type.name;
        ask("base offset 5" + of, usual, change(good, b -> b.putLong(0, 5)));
        ask("checksum" + of, usual, join(Arrays.copyOf(good, good.length - 1), new byte[] {33}));
        for (int delta : new int[] {-1, 0, 1, 3, Integer.MAX_VALUE, Integer.MIN_VALUE})
            ask("last delta " + delta + of, usual, change(good, b -> b.putInt(23, delta)));
        for (int count : new int[] {0, -1, 2, 4, Integer.MAX_VALUE})
            ask("count " + count + of, usual, change(good, b -> b.putInt(57, count)));
        for (int count : new int[] {1, 2, 4})
            ask("count and delta for " + count + of, usual, change(good, b -> b.putInt(57, count).putInt(23, count - 1)));
        ask("no records" + of, usual, change(body(good, new byte[0]), b -> b.putInt(57, 0).putInt(23, -1)));
        ask("no bytes" + of, usual, body(good, new byte[0]));
        ask("control" + of, usual, attributes(good, 0x20));
        ask("producer without sequence" + of, usual, change(good, b -> b.putLong(43, 7).putShort(51, (short) 0)));
        ask("producer" + of, usual, change(good, b -> b.putLong(43, 7).putShort(51, (short) 0).putInt(53, 0)));
        ask("negative producer" + of, usual, change(good, b -> b.putLong(43, -7)));
        ask("transactional without producer" + of, usual, attributes(good, 0x10));
        ask("transactional" + of, usual.codec("gzip"),
            attributes(change(good, b -> b.putLong(43, 7).putShort(51, (short) 2).putInt(53, 0)), 0x10));
        ask("delete horizon" + of, usual, attributes(good, 0x40));
        ask("delete horizon, rebuilt" + of, usual.codec("lz4"), attributes(good, 0x40));
        ask("unknown attributes" + of, usual, attributes(good, 0x180));
        ask("unknown attributes, patched" + of, usual.appendTime(true), attributes(good, 0x180));
        ask("size" + of, usual.max(good.length), good);
        ask("size + 1" + of, usual.max(good.length - 1), good);
    }

    private void times(CompressionType type) throws Exception {
        Rules tight = Rules.usual().window(1000, 500);
        String of = " " + type.name;
        long[] all = {NOW_MS, NOW_MS - 1000, NOW_MS - 1001, NOW_MS + 500, NOW_MS + 501, -1, 0, -2, NOW_MS + 4};
        ask("times" + of, tight, timed(type, all));
        ask("times, compacted" + of, tight.compacted(), timed(type, all));
        ask("keys" + of, Rules.usual().compacted(), timed(type, NOW_MS + 1, NOW_MS, NOW_MS + 3));
        ask("keys are fine" + of, Rules.usual().compacted(), timed(type, NOW_MS, NOW_MS + 2));
        ask("times, append" + of, tight.appendTime(true), timed(type, all));
        ask("no times" + of, tight, timed(type, -1, -1));
        ask("absurd times" + of, Rules.usual(), timed(type, Long.MIN_VALUE, Long.MIN_VALUE + NOW_MS, -5));
        ask("absurd times, tight" + of, tight, timed(type, Long.MIN_VALUE, Long.MAX_VALUE - 1, Long.MIN_VALUE + NOW_MS));
        for (long max : new long[] {NOW_MS, NOW_MS - 2000, -1}) {
            byte[] bytes = change(good(type), b -> b.putLong(35, max));
            ask("max time " + max + of, tight, bytes);
            for (boolean append : new boolean[] {false, true})
                ask("append bit, max " + max + (append ? " append" : " create") + of, tight.appendTime(append),
                    attributes(bytes, 8));
            ask("append bit, max " + max + ", rebuilt" + of, tight.codec("zstd"), attributes(bytes, 8));
        }
    }

    private void offsets(CompressionType type) throws Exception {
        for (String codec : new String[] {"producer", "uncompressed", "zstd"})
            ask("gaps " + type.name + " to " + codec, Rules.usual().codec(codec), gaps(type));
    }

    private void frames() throws Exception {
        byte[] good = good(CompressionType.NONE);
        Rules usual = Rules.usual();
        ask("nothing", usual, new byte[0]);
        for (int len : new int[] {1, 11, 12, 16, 17, 60, 61, good.length - 1})
            ask("cut at " + len, usual, Arrays.copyOf(good, len));
        for (int length : new int[] {-1, 0, 13, 48})
            ask("length " + length, usual, ByteBuffer.wrap(good.clone()).putInt(8, length).array());
        for (int magic : new int[] {-1, 0, 1, 3})
            ask("magic " + magic, usual, ByteBuffer.wrap(good.clone()).put(16, (byte) magic).array());
        ask("two", usual, join(good, good));
        ask("one and a bit", usual, join(good, Arrays.copyOf(good, 40)));
        for (int codec = 5; codec <= 7; codec++)
            ask("codec " + codec, usual, attributes(good, codec));
        ask("zstd for version 6", usual.version(6), good(CompressionType.ZSTD));
        ask("zstd topic for version 6", usual.version(6).codec("zstd"), good);
        byte[] long_ = BatchVectors.bytes(longRecord());
        ask("too large once it is plain", usual.max(long_.length + 100).codec("uncompressed"), long_);
    }

    private static MemoryRecordsBuilder longRecord() {
        MemoryRecordsBuilder b = builder(CompressionType.ZSTD);
        b.append(NOW_MS, null, "a".repeat(2000).getBytes());
        return b;
    }

    private void malformed(CompressionType type) throws Exception {
        byte[] good = good(type);
        String of = " " + type.name;
        for (String hex : new String[] {
                 "",               // nothing
                 "0c",             // only a length
                 "0a0000000101",   // too short for its fields
                 "0c000000010100", // null key, null value: right
                 "0c010000010100", // attributes
                 "0c000002010100", // offset delta 1
                 "0e00000001010000",   // a byte too many inside
                 "0c00000001010000",   // a byte too many after
                 "0c000000010101",     // header count -1
                 "0c000000010102",     // header without bytes
                 "0e00000001010200",   // header cut short
                 "100000000101020101", // header with a null key
                 "100000000101020001", // header "" = null: right
                 "120000000101020001", // the same, too long
                 "0c000000030500",     // key length -2, value length -3
                 "0c000000060100",     // key longer than the record
                 "0b000000010100",     // length -6
                 "ffffffff0f",         // length -2^31
                 "feffffff0f000000010100",     // length 2^31 - 1
                 "8c80808000000000010100",     // length 6 in five bytes
                 "8c8080808000000000010100",   // length in six bytes
                 "16008c808080800000010100",   // time delta in six bytes
                 "1e00ffffffffffffffffff0100010100",   // time delta -2^63
                 "1e00ffffffffffffffffff0200010100",   // wider than 64 bits
             }) {
            byte[] plain = HexFormat.of().parseHex(hex);
            byte[] records = type == CompressionType.NONE ? plain : compressed(type, plain);
            ask("record " + hex + of, Rules.usual(),
                change(body(good, records), b -> b.putInt(57, 1).putInt(23, 0).putLong(27, NOW_MS).putLong(35, NOW_MS)));
        }
    }

    private void codecs(CompressionType type) throws Exception {
        byte[] good = good(type), packed = records(good), plain = records(good(CompressionType.NONE));
        Rules usual = Rules.usual();
        String of = " " + type.name;
        for (int keep = 0; keep < packed.length; keep += 7)
            ask("payload cut at " + keep + of, usual, body(good, Arrays.copyOf(packed, keep)));
        ask("payload cut at the last byte" + of, usual, body(good, Arrays.copyOf(packed, packed.length - 1)));
        for (byte[] junk : new byte[][] {{0}, {1, 2, 3, 4, 5}, new byte[40], packed}) {
            int length = junk.length;
            ask("payload and " + length + " more" + of, usual, body(good, join(packed, junk)));
        }
        byte[] first = Arrays.copyOf(plain, 40), rest = Arrays.copyOfRange(plain, 40, plain.length);
        ask("payload in two" + of, usual, body(good, join(compressed(type, first), compressed(type, rest))));
        ask("payload in plain" + of, usual, body(good, plain));
        ask("payload of another codec" + of, usual,
            body(good, records(good(type == CompressionType.GZIP ? CompressionType.LZ4 : CompressionType.GZIP))));
    }

    private void oddities() throws Exception {
        byte[] good = good(CompressionType.SNAPPY), plain = records(good(CompressionType.NONE));
        Rules usual = Rules.usual();
        ask("raw snappy", usual, body(good, org.xerial.snappy.Snappy.compress(plain)));
        byte[] framed = records(good);
        ask("snappy version 0", usual, body(good, ByteBuffer.wrap(framed.clone()).putInt(8, 0).array()));
        ask("snappy version 2", usual, body(good, ByteBuffer.wrap(framed.clone()).putInt(8, 2).array()));
        ask("snappy readable since 9", usual, body(good, ByteBuffer.wrap(framed.clone()).putInt(12, 9).array()));
        byte[] lz4 = good(CompressionType.LZ4);
        for (int flags : new int[] {0x40, 0x60, 0x61, 0x62, 0x20, 0xa0, 0x44})
            ask("lz4 flags " + flags, usual, body(lz4, lz4Flags(records(lz4), flags)));
        for (int blocks : new int[] {0x30, 0x40, 0x50, 0x70, 0xc0, 0x41})
            ask("lz4 blocks " + blocks, usual, body(lz4, lz4Blocks(records(lz4), blocks)));
        byte[] zstd = good(CompressionType.ZSTD);
        byte[] skippable = {0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9};
        ask("zstd skippable first", usual, body(zstd, join(skippable, records(zstd))));
        ask("zstd skippable last", usual, body(zstd, join(records(zstd), skippable)));
    }

    private static byte[] lz4Flags(byte[] frame, int flags) {
        ByteBuffer b = ByteBuffer.wrap(frame.clone()).put(4, (byte) flags);
        return lz4Checksum(b);
    }

    private static byte[] lz4Blocks(byte[] frame, int descriptor) {
        ByteBuffer b = ByteBuffer.wrap(frame.clone()).put(5, (byte) descriptor);
        return lz4Checksum(b);
    }

    private static byte[] lz4Checksum(ByteBuffer b) {
        int hash = XXHashFactory.fastestInstance().hash32().hash(b.array(), 4, 2, 0);
        return b.put(6, (byte) (hash >> 8)).array();
    }

    public static void main(String[] args) throws Exception {
        try (PrintStream out = new PrintStream(new File(args[0]), StandardCharsets.UTF_8)) {
            ValidateVectors v = new ValidateVectors(out);
            v.everyKindOfTopic();
            v.frames();
            for (CompressionType type : new CompressionType[] {CompressionType.NONE, CompressionType.LZ4}) {
                v.headers(type);
                v.times(type);
            }
            for (CompressionType type : CompressionType.values()) {
                v.malformed(type);
                v.offsets(type);
                if (type != CompressionType.NONE)
                    v.codecs(type);
            }
            v.oddities();
            v.scheduler.shutdown();
        }
        System.exit(0);
    }
}
