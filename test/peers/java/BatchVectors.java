/* Record batches as Apache Kafka's own classes write and read them.
 *
 *   BatchVectors write SEED DIR  batches.bin (one batch after another) and batches.txt (what is in them)
 *   BatchVectors dump FILE       checks the batches of FILE and prints what is in them
 *
 * The text is what test/compat/record_dump.c prints too, so that the two readers can be compared. */
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.zip.CRC32C;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.message.LeaderChangeMessage;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.ControlRecordType;
import org.apache.kafka.common.record.internal.DefaultRecordBatch;
import org.apache.kafka.common.record.internal.EndTransactionMarker;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.utils.ByteBufferOutputStream;

public final class BatchVectors {
    static final long NOW_MS = 1_700_000_000_000L;
    static final int SHOWN_BYTES_MAX = 24;
    private final List<byte[]> batches = new ArrayList<>();
    private final Random random;

    BatchVectors(long seed) { random = new Random(seed); }

    /** What a batch is made with; the fields are the builder's. */
    record Head(CompressionType type, TimestampType ts, long baseOffset, long logAppendTime,
                long producerId, short epoch, int sequence, boolean txn, boolean control,
                long deleteHorizon) {
        static Head plain(CompressionType type) {
            return new Head(type, TimestampType.CREATE_TIME, 0, RecordBatch.NO_TIMESTAMP, -1, (short) -1, -1,
                            false, false, RecordBatch.NO_TIMESTAMP);
        }
        Head at(long offset) {
            return new Head(type, ts, offset, logAppendTime, producerId, epoch, sequence, txn, control, deleteHorizon);
        }
        Head appendTime(long ms) {
            return new Head(type, TimestampType.LOG_APPEND_TIME, baseOffset, ms, producerId, epoch, sequence, txn,
                            control, deleteHorizon);
        }
        Head producer(long id, int epoch, int sequence, boolean txn) {
            return new Head(type, ts, baseOffset, logAppendTime, id, (short) epoch, sequence, txn, control,
                            deleteHorizon);
        }
        Head control(int epoch) {
            return new Head(type, ts, baseOffset, logAppendTime, 77, (short) epoch, -1, true, true, deleteHorizon);
        }
        Head horizon(long ms) {
            return new Head(type, ts, baseOffset, logAppendTime, producerId, epoch, sequence, txn, control, ms);
        }
        MemoryRecordsBuilder builder() {
            return new MemoryRecordsBuilder(new ByteBufferOutputStream(1024), RecordBatch.MAGIC_VALUE_V2,
                Compression.of(type).build(), ts, baseOffset, logAppendTime, producerId, epoch, sequence, txn,
                control, 5, Integer.MAX_VALUE, deleteHorizon);
        }
    }

    static byte[] bytes(MemoryRecordsBuilder builder) {
        ByteBuffer buffer = builder.build().buffer().duplicate();
        byte[] all = new byte[buffer.remaining()];
        buffer.get(all);
        return all;
    }

    static byte[] utf8(String s) { return s == null ? null : s.getBytes(StandardCharsets.UTF_8); }

    private byte[] noise(int max) {
        if (random.nextInt(5) == 0)
            return null;
        byte[] b = new byte[random.nextInt(max + 1)];
        random.nextBytes(b);
        return b;
    }

    private Header[] headers() {
        Header[] all = new Header[random.nextInt(4)];
        for (int i = 0; i < all.length; i++)
            all[i] = new RecordHeader("h" + "x".repeat(random.nextInt(3)), noise(5));
        return all;
    }

    private void add(Head head, int count) {
        MemoryRecordsBuilder builder = head.builder();
        for (int i = 0; i < count; i++)
            builder.appendWithOffset(head.baseOffset() + i, NOW_MS + random.nextInt(100_000) - 50_000, noise(20),
                                     noise(70), headers());
        batches.add(bytes(builder));
    }

    private void addKinds(CompressionType type) {
        Head plain = Head.plain(type);
        add(plain, 1);
        add(plain.at(Integer.MAX_VALUE + 10L), 7);
        add(plain.at(1000).appendTime(NOW_MS), 3);
        add(plain.producer(9000, 12, 2_147_483_646, false), 4);
        add(plain.producer(Long.MAX_VALUE, 32767, 0, true), 2);
        add(plain.horizon(NOW_MS + 86_400_000), 2);
        addLong(plain.at(50));
        addSparse(plain.at(300));
    }

    /** Several blocks of every codec's framing, and multi-byte lengths. */
    private void addLong(Head head) {
        MemoryRecordsBuilder builder = head.builder();
        int unit = head.type() == CompressionType.NONE ? 40 : 1000;
        for (int i = 0; i < 5; i++)
            builder.appendWithOffset(head.baseOffset() + i, i * 4_000_000_000L, utf8("k".repeat(unit * i)),
                                     utf8("The quick brown fox. ".repeat(unit / 5 * i)));
        batches.add(bytes(builder));
    }

    /** As compaction leaves it. */
    private void addSparse(Head head) {
        MemoryRecordsBuilder builder = head.builder();
        for (int delta : new int[] {3, 4, 200, 70_000})
            builder.appendWithOffset(head.baseOffset() + delta, -1, utf8("k" + delta), utf8("v"));
        builder.overrideLastOffset(head.baseOffset() + 80_000);
        batches.add(bytes(builder));
    }

    private void addControl() {
        for (ControlRecordType type : new ControlRecordType[] {ControlRecordType.ABORT, ControlRecordType.COMMIT}) {
            MemoryRecordsBuilder builder = Head.plain(CompressionType.NONE).at(40).control(3).builder();
            builder.appendEndTxnMarker(NOW_MS, new EndTransactionMarker(type, 21));
            batches.add(bytes(builder));
        }
        MemoryRecordsBuilder leader = Head.plain(CompressionType.NONE).at(0).control(3).producer(-1, -1, -1, false).builder();
        leader.appendLeaderChangeMessage(NOW_MS, new LeaderChangeMessage().setLeaderId(1));
        batches.add(bytes(leader));
        ByteBuffer empty = ByteBuffer.allocate(RecordBatch.MAGIC_VALUE_V2 + 59);
        DefaultRecordBatch.writeEmptyHeader(empty, RecordBatch.MAGIC_VALUE_V2, 55, (short) 2, 8, 600, 610, 4,
                                            TimestampType.CREATE_TIME, NOW_MS, false, false);
        batches.add(empty.array());
    }

    private static String shown(ByteBuffer buffer) {
        if (buffer == null)
            return "null";
        byte[] b = new byte[buffer.remaining()];
        buffer.duplicate().get(b);
        return b.length <= SHOWN_BYTES_MAX ? "'" + HexFormat.of().formatHex(b) + "'"
                                           : String.format("%d#%08x", b.length, crc32c(b));
    }

    static long crc32c(byte[] b) {
        CRC32C crc = new CRC32C();
        crc.update(b);
        return crc.getValue();
    }

    static void dump(RecordBatch batch, PrintStream out) {
        batch.ensureValid();
        out.printf("batch base=%d last=%d size=%d epoch=%d crc=%08x codec=%s time=%s txn=%b control=%b%n",
            batch.baseOffset(), batch.lastOffset(), batch.sizeInBytes(), batch.partitionLeaderEpoch(),
            batch.checksum(), batch.compressionType().name, batch.timestampType().name, batch.isTransactional(),
            batch.isControlBatch());
        out.printf("  base_ts=%d max_ts=%d horizon=%d producer=%d epoch=%d seq=%d..%d count=%d%n",
            ((DefaultRecordBatch) batch).baseTimestamp(), batch.maxTimestamp(), batch.deleteHorizonMs().orElse(-1),
            batch.producerId(), batch.producerEpoch(), batch.baseSequence(), batch.lastSequence(),
            batch.countOrNull());
        for (Record r : batch) {
            out.printf("  record off=%d ts=%d size=%d key=%s value=%s", r.offset(), r.timestamp(), r.sizeInBytes(),
                       shown(r.key()), shown(r.value()));
            for (Header h : r.headers())
                out.printf(" %s=%s", h.key(), shown(h.value() == null ? null : ByteBuffer.wrap(h.value())));
            if (batch.isControlBatch())
                out.printf(" control=%d", ControlRecordType.parseTypeId(r.key()));
            out.println();
        }
    }

    private static void dumpAll(byte[] all, PrintStream out) {
        MemoryRecords records = MemoryRecords.readableRecords(ByteBuffer.wrap(all));
        for (RecordBatch batch : records.batches())
            dump(batch, out);
        if (records.validBytes() != all.length)
            throw new IllegalStateException("bytes after the last batch");
    }

    private void write(Path dir) throws Exception {
        for (CompressionType type : CompressionType.values())
            addKinds(type);
        addControl();
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        for (byte[] b : batches)
            all.writeBytes(b);
        Files.write(dir.resolve("batches.bin"), all.toByteArray());
        try (PrintStream out = new PrintStream(dir.resolve("batches.txt").toFile(), StandardCharsets.UTF_8)) {
            dumpAll(all.toByteArray(), out);
        }
    }

    public static void main(String[] args) throws Exception {
        if (args[0].equals("write"))
            new BatchVectors(Long.parseLong(args[1])).write(Path.of(args[2]));
        else
            dumpAll(Files.readAllBytes(Path.of(args[1])), System.out);
    }
}
