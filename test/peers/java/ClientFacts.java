// What Apache Kafka's clients say of themselves: their settings with types and defaults, their methods, and which
// errors are worth another try. Called by client-facts.sh.
import java.lang.reflect.Method;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.protocol.Errors;

public class ClientFacts {
    private static void settings(String client, Class<?> type) throws Exception {
        var field = type.getDeclaredField("CONFIG");
        field.setAccessible(true);
        for (ConfigDef.ConfigKey key : new TreeMap<>(((ConfigDef) field.get(null)).configKeys()).values()) {
            Object value = key.hasDefault() ? key.defaultValue : null;
            System.out.println("setting " + client + " " + key.name + " " + key.type.name().toLowerCase() + " "
                + (value == null ? "" : ConfigDef.convertToString(value, key.type)));
        }
    }

    private static void methods(String client, Class<?> type) {
        var names = new TreeSet<String>();
        for (Method method : type.getMethods()) {
            names.add(method.getName());
        }
        names.forEach(name -> System.out.println("method " + client + " " + name));
    }

    public static void main(String[] args) throws Exception {
        settings("producer", ProducerConfig.class);
        settings("consumer", ConsumerConfig.class);
        settings("admin", AdminClientConfig.class);
        methods("producer", Producer.class);
        methods("consumer", Consumer.class);
        methods("admin", Admin.class);
        for (Errors error : Errors.values()) {
            System.out.println("error " + error.code() + " "
                + (error.exception() instanceof RetriableException ? "retriable" : "final"));
        }
    }
}
