import java.util.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.common.acl.*;
import org.apache.kafka.common.quota.*;
import org.apache.kafka.common.resource.*;

/** What Java's Admin tells of ACLs, users, quotas and transactions, in the words of test/e2e/client_security.c.
 *  Arguments: BOOTSTRAP show|make */
public class Security {
    static void show(Admin admin) throws Exception {
        for (AclBinding b : admin.describeAcls(AclBindingFilter.ANY).values().get())
            System.out.println("acl " + b.pattern().resourceType().code() + " " + b.pattern().name() + " "
                + b.pattern().patternType().code() + " " + b.entry().principal() + " " + b.entry().host() + " "
                + b.entry().operation().code() + " " + b.entry().permissionType().code());
        for (UserScramCredentialsDescription u : admin.describeUserScramCredentials().all().get().values())
            for (ScramCredentialInfo c : u.credentialInfos())
                System.out.println("user " + u.name() + " " + c.mechanism().type() + " " + c.iterations());
        admin.describeClientQuotas(ClientQuotaFilter.all()).entities().get().forEach((entity, values) ->
            values.forEach((key, value) -> entity.entries().forEach((type, name) ->
                System.out.println("quota " + type + " " + (name == null ? "(default)" : name) + " " + key + " "
                    + (value == Math.rint(value) ? String.valueOf(value.longValue()) : value.toString())))));
        for (TransactionListing t : admin.listTransactions().all().get()) {
            System.out.println("listed " + t.transactionalId() + " " + t.producerId() + " " + t.state());
            TransactionDescription d = admin.describeTransactions(List.of(t.transactionalId()))
                .description(t.transactionalId()).get();
            StringBuilder parts = new StringBuilder();
            d.topicPartitions().forEach(p -> parts.append(' ').append(p));
            System.out.println("txn " + t.transactionalId() + " " + d.coordinatorId() + " " + d.state() + " "
                + d.producerId() + " " + d.producerEpoch() + " " + d.transactionTimeoutMs() + " "
                + d.transactionStartTimeMs().orElse(-1) + parts);
        }
    }

    static void make(Admin admin) throws Exception {
        admin.createAcls(List.of(
            new AclBinding(new ResourcePattern(ResourceType.TOPIC, "java", PatternType.LITERAL),
                new AccessControlEntry("User:java", "192.168.0.1", AclOperation.ALTER_CONFIGS, AclPermissionType.DENY)),
            new AclBinding(new ResourcePattern(ResourceType.DELEGATION_TOKEN, "java", PatternType.LITERAL),
                new AccessControlEntry("User:java", "*", AclOperation.DESCRIBE, AclPermissionType.ALLOW)),
            new AclBinding(new ResourcePattern(ResourceType.USER, "java", PatternType.LITERAL),
                new AccessControlEntry("User:java", "*", AclOperation.CREATE_TOKENS, AclPermissionType.ALLOW)))).all().get();
        admin.alterUserScramCredentials(List.of(new UserScramCredentialUpsertion("java",
            new ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 5000), "secret"))).all().get();
        Map<String, String> everybody = new HashMap<>();
        everybody.put("user", null);
        admin.alterClientQuotas(List.of(
            new ClientQuotaAlteration(new ClientQuotaEntity(everybody),
                List.of(new ClientQuotaAlteration.Op("consumer_byte_rate", 2048.0))),
            new ClientQuotaAlteration(new ClientQuotaEntity(Map.of("client-id", "java")),
                List.of(new ClientQuotaAlteration.Op("controller_mutation_rate", 3.0))))).all().get();
    }

    public static void main(String[] args) throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", args[0]))) {
            if (args[1].equals("make")) make(admin); else show(admin);
        }
    }
}
