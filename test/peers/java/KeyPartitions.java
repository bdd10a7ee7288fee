/* KeyPartitions SEED COUNT: random keys in hexadecimal, and the partitions that Apache Kafka's
 * producer chooses for them of 7, 50 and 1000. */
import java.io.BufferedOutputStream;
import java.io.PrintStream;
import java.util.HexFormat;
import java.util.Random;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;

public final class KeyPartitions {
    public static void main(String[] args) {
        Random random = new Random(Long.parseLong(args[0]));
        int count = Integer.parseInt(args[1]);
        try (PrintStream out = new PrintStream(new BufferedOutputStream(System.out, 1 << 16))) {
            for (int i = 0; i < count; i++) {
                byte[] key = new byte[i < 5 ? i : random.nextInt(i % 100 == 0 ? 3000 : 40)];
                random.nextBytes(key);
                out.println(HexFormat.of().formatHex(key) + " " + BuiltInPartitioner.partitionForKey(key, 7) + " "
                    + BuiltInPartitioner.partitionForKey(key, 50) + " " + BuiltInPartitioner.partitionForKey(key, 1000));
            }
        }
    }
}
