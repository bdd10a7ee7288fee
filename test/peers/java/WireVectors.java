import java.io.BufferedReader;
import java.io.File;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.protocol.Readable;
import org.apache.kafka.common.protocol.types.BoundField;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.protocol.types.TaggedFields;
import org.apache.kafka.common.record.internal.BaseRecords;
import org.apache.kafka.common.record.internal.MemoryRecords;

/**
 * Messages as Apache Kafka itself encodes them, to hold ottla's wire layer against.
 *
 *   WireVectors make SEED COUNT    random messages of every message class and version, a line each:
 *                                  NAME, version, bytes in hex, JSON (tabs between)
 *   WireVectors check              reads such lines; each must decode to its last byte, encode to the
 *                                  same bytes and print the same JSON
 *
 * Fields are found by reflection, with the schema that each class has for each version.
 */
public class WireVectors {
    static final List<String> PACKAGES = List.of(
        "org/apache/kafka/common/message/",
        "org/apache/kafka/common/metadata/",
        "org/apache/kafka/coordinator/group/generated/",
        "org/apache/kafka/coordinator/transaction/generated/",
        "org/apache/kafka/coordinator/share/generated/",
        "org/apache/kafka/raft/generated/",
        "org/apache/kafka/server/log/remote/metadata/storage/generated/");
    static final String CONVERTER = "JsonConverter";
    static final int MAX_DEPTH = 6;

    /** How full a random message is. */
    enum Fill { DEFAULTS, ALL, SOME }

    public static void main(String[] args) throws Exception {
        Map<String, Class<?>> classes = messageClasses();
        if (args.length == 3 && args[0].equals("make")) {
            PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
            make(classes, Long.parseLong(args[1]), Integer.parseInt(args[2]), out);
            out.flush();
        } else if (args.length == 1 && args[0].equals("check")) {
            System.exit(check(classes) ? 0 : 1);
        } else {
            System.err.println("usage: WireVectors make SEED COUNT | check");
            System.exit(2);
        }
    }

    /** Every class on the class path that has a JSON converter, by the name of its schema. */
    static Map<String, Class<?>> messageClasses() throws Exception {
        Map<String, Class<?>> found = new TreeMap<>();
        for (String jar : System.getProperty("java.class.path").split(File.pathSeparator)) {
            if (!jar.endsWith(".jar")) {
                continue;
            }
            try (ZipFile zip = new ZipFile(jar)) {
                for (String path : zip.stream().map(ZipEntry::getName).toList()) {
                    addClass(found, path);
                }
            }
        }
        return found;
    }

    static void addClass(Map<String, Class<?>> found, String path) throws Exception {
        String end = CONVERTER + ".class";
        boolean wanted = PACKAGES.stream().anyMatch(p -> path.startsWith(p) && path.indexOf('/', p.length()) < 0);
        if (!wanted || path.contains("$") || !path.endsWith(end)) {
            return;
        }
        String name = path.substring(0, path.length() - end.length()).replace('/', '.');
        Class<?> c = Class.forName(name);
        String simple = c.getSimpleName();
        found.put(simple.replaceFirst("(Request|Response|Header)Data$", "$1"), c);
    }

    static short constant(Class<?> c, String name) throws Exception {
        return c.getField(name).getShort(null);
    }

    // --- making ---

    static void make(Map<String, Class<?>> classes, long seed, int count, PrintStream out) throws Exception {
        for (var e : classes.entrySet()) {
            Class<?> c = e.getValue();
            for (short v = constant(c, "LOWEST_SUPPORTED_VERSION"); v <= constant(c, "HIGHEST_SUPPORTED_VERSION"); v++) {
                Random random = new Random(seed * 31 * 31 + e.getKey().hashCode() * 31L + v);
                for (int i = 0; i < count; i++) {
                    Fill fill = i == 0 ? Fill.DEFAULTS : i == 1 ? Fill.ALL : Fill.SOME;
                    Message m = new WireVectors(random, fill, v).message(c, 0);
                    print(e.getKey(), c, v, m, fill, out);
                }
            }
        }
    }

    static void print(String name, Class<?> c, short v, Message m, Fill fill, PrintStream out) throws Exception {
        byte[] bytes;
        try {
            bytes = bytes(m, v);
        } catch (NullPointerException e) {
            if (fill == Fill.DEFAULTS) {
                return; // the default of a records field is null even where null cannot be written
            }
            throw e;
        }
        out.print(name + "\t" + v + "\t" + HexFormat.of().formatHex(bytes) + "\t" + json(c, m, v) + "\n");
    }

    static byte[] bytes(Message m, short v) {
        ByteBuffer b = MessageUtil.toByteBufferAccessor(m, v).buffer();
        return MessageUtil.byteBufferToArray(b);
    }

    static String json(Class<?> c, Message m, short v) throws Exception {
        Class<?> converter = Class.forName(c.getName() + CONVERTER);
        return converter.getMethod("write", c, short.class, boolean.class).invoke(null, m, v, false).toString();
    }

    final Random random;
    final Fill fill;
    final short version;

    WireVectors(Random random, Fill fill, short version) {
        this.random = random;
        this.fill = fill;
        this.version = version;
    }

    Message message(Class<?> c, int depth) throws Exception {
        Message m = (Message) c.getDeclaredConstructor().newInstance();
        if (fill == Fill.DEFAULTS) {
            return m;
        }
        Schema schema = ((Schema[]) c.getField("SCHEMAS").get(null))[version];
        for (BoundField f : schema.fields()) {
            if (f.def.type instanceof TaggedFields tagged) {
                for (var t : tagged.fields().values()) {
                    if (fill == Fill.ALL || random.nextBoolean()) {
                        set(m, t, depth);
                    }
                }
            } else {
                set(m, f.def, depth);
            }
        }
        return m;
    }

    void set(Message m, org.apache.kafka.common.protocol.types.Field def, int depth) throws Exception {
        Field f = member(m.getClass(), def.name);
        Object now = f.get(m);
        boolean mayBeNull = def.type.isNullable() || (now == null && f.getType() != BaseRecords.class);
        if (mayBeNull && fill == Fill.SOME && random.nextInt(4) == 0) {
            f.set(m, null);
        } else {
            f.set(m, value(f.getType(), f.getGenericType(), def.type.toString(), depth));
        }
    }

    /** Schemas say topic_id, classes topicId. */
    static Field member(Class<?> c, String name) {
        String want = name.replace("_", "");
        for (Field f : c.getDeclaredFields()) {
            if (!Modifier.isStatic(f.getModifiers()) && f.getName().equalsIgnoreCase(want)) {
                f.setAccessible(true);
                return f;
            }
        }
        throw new IllegalStateException(c + " has no " + name);
    }

    Object value(Class<?> c, Type generic, String type, int depth) throws Exception {
        if (c == boolean.class || c == Boolean.class) {
            return random.nextBoolean();
        } else if (c == byte.class || c == Byte.class) {
            return (byte) integer(8);
        } else if (c == short.class || c == Short.class) {
            return (short) integer(16);
        } else if (c == int.class || c == Integer.class) {
            return type.contains("UINT16") ? (int) integer(16) & 0xffff : (int) integer(32);
        } else if (c == long.class || c == Long.class) {
            return type.contains("UINT32") ? integer(32) & 0xffffffffL : integer(64);
        } else if (c == double.class) {
            return number();
        } else if (c == String.class) {
            return text();
        } else if (c == Uuid.class) {
            return random.nextInt(8) == 0 ? Uuid.ZERO_UUID : new Uuid(random.nextLong(), random.nextLong());
        } else if (c == byte[].class) {
            return blob();
        } else if (c == ByteBuffer.class) {
            return ByteBuffer.wrap(blob());
        } else if (c == BaseRecords.class) {
            return MemoryRecords.readableRecords(ByteBuffer.wrap(blob()));
        } else if (Collection.class.isAssignableFrom(c)) {
            return array(c, generic, depth);
        }
        return message(c, depth + 1);
    }

    @SuppressWarnings("unchecked")
    Object array(Class<?> c, Type generic, int depth) throws Exception {
        boolean isList = c == List.class;
        Type elements = isList ? generic : c.getGenericSuperclass();
        Class<?> element = (Class<?>) ((ParameterizedType) elements).getActualTypeArguments()[0];
        Collection<Object> items = isList ? new ArrayList<>() : (Collection<Object>) c.getDeclaredConstructor().newInstance();
        for (int n = count(element, depth); n > 0; n--) {
            items.add(value(element, element, "", depth));
        }
        return items;
    }

    int count(Class<?> element, int depth) {
        if (depth >= MAX_DEPTH) {
            return 0;
        }
        if (element == Integer.class && random.nextInt(16) == 0) {
            return 127 + random.nextInt(3); // around the first count that takes two bytes
        }
        return fill == Fill.ALL ? (depth == 0 ? 2 : 1) : random.nextInt(depth == 0 ? 4 : 3);
    }

    long integer(int bits) {
        long max = bits == 64 ? Long.MAX_VALUE : (1L << (bits - 1)) - 1;
        return switch (random.nextInt(8)) {
            case 0 -> 0;
            case 1 -> -1;
            case 2 -> max;
            case 3 -> -max - 1;
            case 4 -> 1;
            default -> random.nextLong() >> (64 - bits);
        };
    }

    /** Not every double: older Java prints some with a digit too many. */
    double number() {
        return switch (random.nextInt(8)) {
            case 0 -> Double.MAX_VALUE;
            case 1 -> -0.0;
            case 2 -> Double.NaN;
            case 3 -> Double.POSITIVE_INFINITY;
            case 4 -> Double.NEGATIVE_INFINITY;
            case 5 -> 1e100;
            case 6 -> random.nextInt() * 1024.0;
            default -> random.nextInt(1 << 20) / 8.0 - 1000;
        };
    }

    static final String[] TEXTS = {"", "a", "topic-1", "\u00e9\u4e2d\ud83d\ude00", "\"\\/\b\f\n\r\t\u0001\u001f\u007f", "\u0000"};

    String text() {
        int n = random.nextInt(TEXTS.length + 4);
        if (n < TEXTS.length) {
            return TEXTS[n];
        }
        int length = random.nextInt(40) == 0 ? 126 + random.nextInt(4) : random.nextInt(12);
        StringBuilder s = new StringBuilder();
        while (s.length() < length) {
            s.append((char) ('a' + random.nextInt(26)));
        }
        return s.toString();
    }

    byte[] blob() {
        byte[] b = new byte[random.nextInt(30) == 0 ? 126 + random.nextInt(4) : random.nextInt(6)];
        random.nextBytes(b);
        return b;
    }

    // --- checking ---

    static boolean check(Map<String, Class<?>> classes) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        int good = 0;
        int bad = 0;
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] w = line.split("\t", -1);
            String complaint = complaint(classes.get(w[0]), Short.parseShort(w[1]), HexFormat.of().parseHex(w[2]), w[3]);
            if (complaint == null) {
                good++;
            } else if (bad++ < 20) {
                System.err.println(complaint + "\n  " + line);
            }
        }
        System.out.println(good + " messages agree, " + bad + " do not");
        return bad == 0 && good > 0;
    }

    /** Null when Kafka reads and writes the message in the same way. */
    static String complaint(Class<?> c, short v, byte[] bytes, String json) {
        try {
            ByteBufferAccessor in = new ByteBufferAccessor(ByteBuffer.wrap(bytes));
            Message m = (Message) c.getConstructor(Readable.class, short.class).newInstance(in, v);
            if (in.remaining() > 0) {
                return in.remaining() + " bytes left over";
            }
            if (!Arrays.equals(bytes(m, v), bytes)) {
                return "other bytes: " + HexFormat.of().formatHex(bytes(m, v));
            }
            return json.isEmpty() || json(c, m, v).equals(json) ? null : "other JSON: " + json(c, m, v);
        } catch (Exception e) {
            return e + " " + e.getCause();
        }
    }
}
