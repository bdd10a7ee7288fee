import java.nio.ByteBuffer;
import java.util.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.*;
import org.apache.kafka.clients.consumer.internals.AbstractStickyAssignor;
import org.apache.kafka.clients.consumer.internals.ConsumerProtocol;
import org.apache.kafka.common.*;

/** Random groups and what Apache Kafka's assignors give their members. Arguments: SEED COUNT. A case, by words:
 *
 *  case ASSIGNOR
 *  node ID RACK|-
 *  topic NAME REPLICA[.REPLICA],...     a partition between commas
 *  member ID INSTANCE|- SUBSCRIPTION    as in JoinGroup, in hexadecimal
 *  gets ID TOPIC-PARTITION,...|-
 *  end
 */
public class AssignVectors {
    static final Random random = new Random();

    static String hex(ByteBuffer b) {
        StringBuilder s = new StringBuilder();
        for (b = b.duplicate(); b.hasRemaining();) s.append(String.format("%02x", b.get()));
        return s.toString();
    }

    static int below(int n) { return random.nextInt(n); }

    static ConsumerPartitionAssignor make(String name) {
        switch (name) {
            case "range": return new RangeAssignor();
            case "roundrobin": return new RoundRobinAssignor();
            case "sticky": return new StickyAssignor();
            default: return new CooperativeStickyAssignor();
        }
    }

    /** The cluster's topics, and their lines. */
    static Cluster cluster(StringBuilder out) {
        int brokers = 1 + below(5), racks = below(4);
        List<Node> nodes = new ArrayList<>();
        List<PartitionInfo> infos = new ArrayList<>();
        for (int i = 0; i < brokers; i++) {
            String rack = racks == 0 ? null : "r" + i % racks;
            nodes.add(new Node(i, "h", 9092, rack));
            out.append("node ").append(i).append(' ').append(rack == null ? "-" : rack).append('\n');
        }
        int same = 1 + below(9);
        for (int t = 0, n = 1 + below(5); t < n; t++) {
            int count = below(2) == 0 ? same : 1 + below(12), replicas = 1 + below(brokers);
            out.append("topic t").append(t).append(' ');
            for (int p = 0; p < count; p++) {
                Node[] at = new Node[replicas];
                int first = below(brokers);
                for (int r = 0; r < replicas; r++) {
                    at[r] = nodes.get((first + r) % brokers);
                    out.append(r > 0 ? "." : p > 0 ? "," : "").append(at[r].id());
                }
                infos.add(new PartitionInfo("t" + t, p, at[0], at, at));
            }
            out.append('\n');
        }
        return new Cluster("c", nodes, infos, Set.of(), Set.of());
    }

    static List<String> wanted(Cluster cluster, boolean all) {
        List<String> topics = new ArrayList<>(new TreeSet<>(cluster.topics()));
        if (below(4) == 0) topics.add("tx-not-there");
        if (!all) topics.removeIf(t -> below(3) == 0);
        return topics;
    }

    static List<TopicPartition> some(List<TopicPartition> free, int most) {
        List<TopicPartition> taken = new ArrayList<>();
        for (int i = below(most + 1); i > 0 && !free.isEmpty(); i--)
            taken.add(below(8) == 0 ? free.get(0) : free.remove(0)); // now and then two say that they have it
        return taken;
    }

    static void one(String name) {
        StringBuilder out = new StringBuilder("case " + name + "\n");
        ConsumerPartitionAssignor assignor = make(name);
        Cluster cluster = cluster(out);
        Map<String, Subscription> group = new LinkedHashMap<>();
        List<TopicPartition> free = new ArrayList<>();
        for (String t : cluster.topics()) for (PartitionInfo p : cluster.partitionsForTopic(t)) free.add(new TopicPartition(t, p.partition()));
        free.sort(Comparator.comparing(TopicPartition::topic).thenComparing(TopicPartition::partition));
        Collections.shuffle(free, random);
        boolean all = below(2) == 0, racked = below(2) == 0;
        for (int m = 0, n = 1 + below(7); m < n; m++) {
            String id = "m" + below(1000) + "-" + m, instance = below(3) == 0 ? "i" + below(1000) + "-" + m : null;
            boolean owns = name.contains("sticky");
            List<TopicPartition> owned = owns ? some(free, 12) : List.of();
            owned = new ArrayList<>(new LinkedHashSet<>(owned));
            owned.sort(Comparator.comparing(TopicPartition::topic).thenComparing(TopicPartition::partition));
            int generation = owns ? 3 + below(2) : -1;
            ByteBuffer user = null;
            if (name.equals("sticky") && below(5) > 0) {
                StickyAssignor other = new StickyAssignor();
                other.onAssignment(new Assignment(owned), new ConsumerGroupMetadata("g", generation, id, Optional.empty()));
                user = other.subscriptionUserData(Set.copyOf(cluster.topics()));
            }
            Subscription s = new Subscription(wanted(cluster, all), user, name.equals("sticky") ? List.of() : owned, generation,
                racked ? Optional.of("r" + below(3)) : Optional.empty());
            if (instance != null) s.setGroupInstanceId(Optional.of(instance));
            group.put(id, s);
            out.append("member ").append(id).append(' ').append(instance == null ? "-" : instance).append(' ')
                .append(hex(ConsumerProtocol.serializeSubscription(s, (short) below(4)))).append('\n');
        }
        // what a leader sees is what the bytes say, in the version that they have
        Map<String, Subscription> seen = new LinkedHashMap<>();
        for (String line : out.toString().split("\n")) {
            String[] w = line.split(" ");
            if (!w[0].equals("member")) continue;
            byte[] b = HexFormat.of().parseHex(w[3]);
            Subscription s = ConsumerProtocol.deserializeSubscription(ByteBuffer.wrap(b));
            if (!w[2].equals("-")) s.setGroupInstanceId(Optional.of(w[2]));
            seen.put(w[1], s);
        }
        Map<String, Assignment> given;
        try {
            given = assignor.assign(cluster, new GroupSubscription(seen)).groupAssignment();
        } catch (NullPointerException e) {
            return; // the sticky assignor falls over some groups whose members want different topics
        }
        for (Map.Entry<String, Assignment> e : given.entrySet()) {
            StringJoiner parts = new StringJoiner(",");
            parts.setEmptyValue("-");
            List<TopicPartition> list = new ArrayList<>(e.getValue().partitions());
            list.sort(Comparator.comparing(TopicPartition::topic).thenComparing(TopicPartition::partition));
            for (TopicPartition tp : list) parts.add(tp.toString());
            out.append("gets ").append(e.getKey()).append(' ').append(parts).append('\n');
        }
        System.out.print(out.append("end\n"));
    }

    public static void main(String[] args) {
        random.setSeed(Long.parseLong(args[0]));
        String[] names = {"range", "roundrobin", "sticky", "cooperative-sticky"};
        for (int i = 0, n = Integer.parseInt(args[1]); i < n; i++) one(names[i % 4]);
    }
}
