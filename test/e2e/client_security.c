/* client_security BOOTSTRAP COMMAND: ACLs, users, quotas and transactions through the public header
 * alone. Exit 1 and a line at the first thing that is not as it should be.
 *
 * make, unmake: something of each; what is refused, too
 * show: all that there is, a line each, in the words of test/peers/java/Security.java
 * hold ID TOPIC: opens a transaction, says so, commits when a line comes, tells how that went
 * fence ID; hanging TOPIC: ends such a transaction from outside
 * unsupported: on a broker that has none of this */
#include "client_check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct ottla_client *client;

static void check_outcomes(struct ottla_outcomes *o, size_t count, const int *want)
{
    CHECK(o->count == count);
    for (size_t i = 0; i < count; i++) {
        error.code = o->rows[i]->error;
        snprintf(error.message, sizeof error.message, "row %zu, %s: %s", i, o->rows[i]->name,
                 o->rows[i]->message ? o->rows[i]->message : "");
        CHECK(o->rows[i]->error == want[i]);
        CHECK((o->rows[i]->message == NULL) == (want[i] == 0));
    }
    ottla_outcomes_free(o);
}

/* --- make --- */

static const struct ottla_acl acls[] = {
    {OTTLA_ACL_TOPIC, "sec-a", OTTLA_ACL_LITERAL, "User:ottla", "*", OTTLA_ACL_READ,
     OTTLA_ACL_ALLOW},
    {OTTLA_ACL_TOPIC, "sec-", OTTLA_ACL_PREFIXED, "User:ottla", "10.0.0.1", OTTLA_ACL_WRITE,
     OTTLA_ACL_DENY},
    {OTTLA_ACL_GROUP, "sec-g", OTTLA_ACL_LITERAL, "User:ottla", "*", OTTLA_ACL_ALL,
     OTTLA_ACL_ALLOW},
    {OTTLA_ACL_TRANSACTIONAL_ID, "sec-t", OTTLA_ACL_LITERAL, "User:ottla", "*", OTTLA_ACL_DESCRIBE,
     OTTLA_ACL_ALLOW},
    {OTTLA_ACL_CLUSTER, "sec-not-this-name", OTTLA_ACL_LITERAL, "User:ottla", "*", OTTLA_ACL_ALTER,
     OTTLA_ACL_ALLOW},
};
enum { ACLS_GOOD = 4, ACLS = 5 };

static void make_acls(void)
{
    struct ottla_outcomes *o;
    const int want[ACLS] = {0, 0, 0, 0, OTTLA_ERR_INVALID_REQUEST};
    const struct ottla_acl nobody = {
        OTTLA_ACL_TOPIC, "x", OTTLA_ACL_LITERAL, NULL, "*", OTTLA_ACL_READ, OTTLA_ACL_ALLOW};
    OK(ottla_create_acls(client, acls, ACLS, NULL, &o, &error));
    CHECK(strcmp(o->rows[1]->name, "sec-") == 0);
    check_outcomes(o, ACLS, want);
    CHECK(ottla_create_acls(client, &nobody, 1, NULL, &o, &error) == OTTLA_ERR_INVALID_REQUEST);
}

static void make_users(void)
{
    struct ottla_outcomes *o;
    const struct ottla_scram_change changes[] = {
        {.user = "sec-u", .mechanism = OTTLA_SCRAM_SHA_256, .password = "one"},
        {.user = "sec-few", .mechanism = OTTLA_SCRAM_SHA_256, .iterations = 5, .password = "x"},
        {.user = "sec-none", .mechanism = OTTLA_SCRAM_SHA_256, .is_deletion = true},
    };
    const struct ottla_scram_change again[] = {{.user = "sec-u",
                                                .mechanism = OTTLA_SCRAM_SHA_512,
                                                .iterations = 8192,
                                                .password = "two",
                                                .salt = "salt of twenty bytes",
                                                .salt_length = 20}};
    const struct ottla_scram_change twice[] = {again[0], changes[0]};
    const int want[] = {0, OTTLA_ERR_UNACCEPTABLE_CREDENTIAL, OTTLA_ERR_RESOURCE_NOT_FOUND};
    const int want_twice[] = {OTTLA_ERR_DUPLICATE_RESOURCE, OTTLA_ERR_DUPLICATE_RESOURCE};
    OK(ottla_alter_scram_users(client, changes, 3, NULL, &o, &error));
    check_outcomes(o, 3, want);
    OK(ottla_alter_scram_users(client, twice, 2, NULL, &o, &error));
    check_outcomes(o, 2, want_twice);
    OK(ottla_alter_scram_users(client, again, 1, NULL, &o, &error));
    check_outcomes(o, 1, want);
    const struct ottla_scram_change bad[] = {
        {.user = "sec-bad", .mechanism = (enum ottla_scram_mechanism)9, .password = "x"},
        {.user = "sec-bad", .mechanism = OTTLA_SCRAM_SHA_256},
    };
    CHECK(ottla_alter_scram_users(client, &bad[0], 1, NULL, &o, &error) ==
          OTTLA_ERR_UNSUPPORTED_SASL_MECHANISM);
    CHECK(ottla_alter_scram_users(client, &bad[1], 1, NULL, &o, &error) ==
          OTTLA_ERR_INVALID_REQUEST);
}

static const struct ottla_quota_entity both[] = {{"user", "sec-u"}, {"client-id", NULL}};
static const struct ottla_quota_entity address[] = {{"ip", "10.1.2.3"}};
static const struct ottla_quota_entity nonsense[] = {{"planet", "mars"}};

static void make_quotas(void)
{
    struct ottla_outcomes *o;
    struct ottla_admin_options options;
    const struct ottla_quota_op rates[] = {
        {.key = "producer_byte_rate", .value = 524288},
        {.key = "request_percentage", .value = 200.5},
    };
    const struct ottla_quota_op connections[] = {{.key = "connection_creation_rate", .value = 7}};
    const struct ottla_quota_change changes[] = {
        {2, both, 2, rates}, {1, address, 1, connections}, {1, nonsense, 1, connections}};
    const int want[] = {0, 0, OTTLA_ERR_INVALID_REQUEST};
    struct ottla_quotas *quotas;
    ottla_admin_options_init(&options);
    options.validate_only = true;
    OK(ottla_alter_client_quotas(client, changes, 3, &options, &o, &error));
    check_outcomes(o, 3, want);
    const struct ottla_quota_filter exact = {"ip", OTTLA_QUOTA_EXACT, "10.1.2.3"};
    OK(ottla_describe_client_quotas(client, &exact, 1, true, NULL, &quotas, &error));
    CHECK(quotas->count == 0);
    ottla_quotas_free(quotas);
    OK(ottla_alter_client_quotas(client, changes, 3, NULL, &o, &error));
    check_outcomes(o, 3, want);
}

/* --- show --- */

static void show_acls(void)
{
    struct ottla_acl all;
    struct ottla_acls *found;
    ottla_acl_init(&all);
    OK(ottla_describe_acls(client, &all, NULL, &found, &error));
    for (size_t i = 0; i < found->count; i++) {
        const struct ottla_acl *a = found->rows[i];
        printf("acl %d %s %d %s %s %d %d\n", (int)a->resource_type, a->resource, (int)a->pattern,
               a->principal, a->host, (int)a->operation, (int)a->permission);
    }
    ottla_acls_free(found);
}

static void show_users(void)
{
    struct ottla_scram_users *users;
    OK(ottla_describe_scram_users(client, NULL, 0, NULL, &users, &error));
    for (size_t i = 0; i < users->count; i++) {
        CHECK(users->rows[i]->error == 0);
        for (size_t k = 0; k < users->rows[i]->count; k++) {
            const struct ottla_scram_credential *c = users->rows[i]->credentials[k];
            printf("user %s %d %d\n", users->rows[i]->name, (int)c->mechanism, c->iterations);
        }
    }
    ottla_scram_users_free(users);
}

static void show_quotas(void)
{
    struct ottla_quotas *quotas;
    OK(ottla_describe_client_quotas(client, NULL, 0, false, NULL, &quotas, &error));
    for (size_t i = 0; i < quotas->count; i++) {
        const struct ottla_quota *q = quotas->rows[i];
        for (size_t k = 0; k < q->value_count; k++) {
            for (size_t e = 0; e < q->entity_count; e++) {
                const char *name = q->entities[e]->name;
                printf("quota %s %s %s %g\n", q->entities[e]->type, name ? name : "(default)",
                       q->values[k]->key, q->values[k]->value);
            }
        }
    }
    ottla_quotas_free(quotas);
}

static void show_transaction(const char *id)
{
    struct ottla_transactions *ts;
    OK(ottla_describe_transactions(client, &id, 1, NULL, &ts, &error));
    const struct ottla_transaction *t = ts->rows[0];
    CHECK(ts->count == 1 && t->error == 0 && strcmp(t->id, id) == 0);
    printf("txn %s %d %s %" PRId64 " %d %d %" PRId64, t->id, t->coordinator, t->state,
           t->producer_id, t->producer_epoch, t->timeout_ms, t->start_ms);
    for (size_t k = 0; k < t->partition_count; k++) {
        printf(" %s-%d", t->partitions[k]->topic, t->partitions[k]->partition);
    }
    printf("\n");
    ottla_transactions_free(ts);
}

static void show_transactions(void)
{
    struct ottla_transaction_list *list;
    OK(ottla_list_transactions(client, NULL, NULL, &list, &error));
    CHECK(list->error_count == 0);
    for (size_t i = 0; i < list->count; i++) {
        const struct ottla_listed_transaction *t = list->rows[i];
        printf("listed %s %" PRId64 " %s\n", t->id, t->producer_id, t->state);
        show_transaction(t->id);
    }
    ottla_transaction_list_free(list);
}

/* How many pass a filter. */
static size_t count_transactions(const struct ottla_transaction_filter *filter)
{
    struct ottla_transaction_list *list;
    OK(ottla_list_transactions(client, filter, NULL, &list, &error));
    size_t n = list->count;
    ottla_transaction_list_free(list);
    return n;
}

static void check_filters(void)
{
    struct ottla_transaction_filter filter;
    const char *ongoing = "Ongoing", *dead = "Dead";
    const int64_t nobody = 123456789;
    size_t all = count_transactions(NULL);
    ottla_transaction_filter_init(&filter);
    CHECK(count_transactions(&filter) == all);
    filter.states = &ongoing;
    filter.state_count = 1;
    size_t open = count_transactions(&filter);
    CHECK(open <= all);
    filter.open_longer_than_ms = 3600000;
    CHECK(count_transactions(&filter) == 0);
    filter.open_longer_than_ms = -1;
    filter.pattern = "no-such-.*";
    CHECK(count_transactions(&filter) == 0);
    filter.pattern = ".*";
    CHECK(count_transactions(&filter) == open);
    filter.producer_ids = &nobody;
    filter.producer_id_count = 1;
    CHECK(count_transactions(&filter) == 0);
    ottla_transaction_filter_init(&filter);
    filter.states = &dead;
    filter.state_count = 1;
    CHECK(count_transactions(&filter) == 0);
}

static void command_show(void)
{
    show_acls();
    show_users();
    show_quotas();
    show_transactions();
    check_filters();
}

/* --- unmake --- */

static void unmake_acls(void)
{
    struct ottla_deleted_acls *deleted;
    struct ottla_acls *left;
    struct ottla_acl filters[2];
    ottla_acl_init(&filters[0]);
    filters[0].principal = "User:ottla";
    ottla_acl_init(&filters[1]);
    filters[1].resource = "nothing of this name";
    struct ottla_acl match = filters[0];
    match.resource_type = OTTLA_ACL_TOPIC;
    match.resource = "sec-abc";
    match.pattern = OTTLA_ACL_MATCH;
    OK(ottla_describe_acls(client, &match, NULL, &left, &error));
    CHECK(left->count == 1 && left->rows[0]->pattern == OTTLA_ACL_PREFIXED);
    ottla_acls_free(left);
    OK(ottla_delete_acls(client, filters, 2, NULL, &deleted, &error));
    CHECK(deleted->count == 2 && deleted->rows[1]->error == 0 && deleted->rows[1]->count == 0);
    CHECK(deleted->rows[0]->error == 0 && deleted->rows[0]->count == ACLS_GOOD);
    for (size_t i = 0; i < ACLS_GOOD; i++) {
        CHECK(deleted->rows[0]->acls[i]->error == 0);
        CHECK(strcmp(deleted->rows[0]->acls[i]->acl.principal, "User:ottla") == 0);
    }
    ottla_deleted_acls_free(deleted);
    OK(ottla_describe_acls(client, &filters[0], NULL, &left, &error));
    CHECK(left->count == 0);
    ottla_acls_free(left);
}

static void unmake_users(void)
{
    struct ottla_outcomes *o;
    struct ottla_scram_users *users;
    const char *names[] = {"sec-u", "sec-nobody"};
    const struct ottla_scram_change changes[] = {
        {.user = "sec-u", .mechanism = OTTLA_SCRAM_SHA_256, .is_deletion = true},
        {.user = "sec-u", .mechanism = OTTLA_SCRAM_SHA_512, .is_deletion = true}};
    const int want[] = {0};
    OK(ottla_describe_scram_users(client, names, 2, NULL, &users, &error));
    CHECK(users->count == 2 && users->rows[0]->error == 0 && users->rows[0]->count == 2);
    CHECK(users->rows[1]->error == OTTLA_ERR_RESOURCE_NOT_FOUND && users->rows[1]->message != NULL);
    ottla_scram_users_free(users);
    for (int i = 0; i < 2; i++) {
        OK(ottla_alter_scram_users(client, &changes[i], 1, NULL, &o, &error));
        check_outcomes(o, 1, want);
    }
}

static void unmake_quotas(void)
{
    struct ottla_outcomes *o;
    const struct ottla_quota_op rates[] = {{.key = "producer_byte_rate", .is_removal = true},
                                           {.key = "request_percentage", .is_removal = true}};
    const struct ottla_quota_op connections[] = {
        {.key = "connection_creation_rate", .is_removal = true}};
    const struct ottla_quota_change changes[] = {{2, both, 2, rates}, {1, address, 1, connections}};
    const int want[] = {0, 0};
    OK(ottla_alter_client_quotas(client, changes, 2, NULL, &o, &error));
    check_outcomes(o, 2, want);
}

/* --- transactions --- */

static void command_hold(const char *bootstrap, const char *id, const char *topic)
{
    struct ottla_config *config = ottla_config_new();
    OK(ottla_config_set(config, "bootstrap.servers", bootstrap, &error));
    OK(ottla_config_set(config, "transactional.id", id, &error));
    struct ottla_client *own = ottla_client_new(config, &error);
    struct ottla_producer *p = ottla_producer_new(own, &error);
    struct ottla_message m;
    char line[16];
    ottla_config_free(config);
    OK(ottla_producer_init_transactions(p, 0, &error));
    OK(ottla_producer_begin(p, &error));
    ottla_message_init(&m);
    m.topic = topic;
    m.partition = 0;
    m.value = "held";
    m.value_length = 4;
    OK(ottla_producer_send_wait(p, &m, NULL, &error));
    printf("open\n");
    fflush(stdout);
    CHECK(fgets(line, sizeof line, stdin) != NULL);
    int code = ottla_producer_commit(p, 0, &error);
    printf("%s\n", ottla_error_name(code));
    ottla_producer_free(p, 1000);
    ottla_client_free(own);
}

static void command_fence(const char *id)
{
    struct ottla_fenced_producers *fenced;
    struct ottla_transactions *before;
    OK(ottla_describe_transactions(client, &id, 1, NULL, &before, &error));
    OK(ottla_fence_producers(client, &id, 1, NULL, &fenced, &error));
    CHECK(fenced->count == 1 && fenced->rows[0]->error == 0);
    CHECK(fenced->rows[0]->producer_id != before->rows[0]->producer_id ||
          fenced->rows[0]->producer_epoch > before->rows[0]->producer_epoch);
    ottla_fenced_producers_free(fenced);
    ottla_transactions_free(before);
    const char *none = "sec-no-such-transaction";
    OK(ottla_describe_transactions(client, &none, 1, NULL, &before, &error));
    CHECK(before->rows[0]->error == OTTLA_ERR_TRANSACTIONAL_ID_NOT_FOUND);
    ottla_transactions_free(before);
}

static struct ottla_producer_state open_of(const char *topic)
{
    struct ottla_producers *producers;
    struct ottla_topic_partition tp = {topic, 0};
    struct ottla_producer_state found = {.transaction_start = -1};
    OK(ottla_describe_producers(client, &tp, 1, NULL, &producers, &error));
    for (size_t i = 0; i < producers->rows[0]->count; i++) {
        if (producers->rows[0]->producers[i]->transaction_start >= 0) {
            found = *producers->rows[0]->producers[i];
        }
    }
    ottla_producers_free(producers);
    return found;
}

static void command_hanging(const char *topic)
{
    struct ottla_producer_state p = open_of(topic);
    CHECK(p.transaction_start >= 0);
    struct ottla_hanging_transaction t = {topic, 0, p.producer_id, (int16_t)p.producer_epoch,
                                          p.coordinator_epoch};
    OK(ottla_abort_transaction(client, &t, NULL, &error));
    CHECK(open_of(topic).transaction_start < 0);
    t.topic = "sec-no-such-topic";
    CHECK(ottla_abort_transaction(client, &t, NULL, &error) ==
          OTTLA_ERR_UNKNOWN_TOPIC_OR_PARTITION);
}

/* --- a broker without it --- */

static void command_unsupported(void)
{
    struct ottla_acl all;
    struct ottla_acls *found;
    struct ottla_deleted_acls *deleted;
    struct ottla_outcomes *o;
    struct ottla_scram_users *users;
    struct ottla_quotas *quotas;
    ottla_acl_init(&all);
    const struct ottla_scram_change change = {
        .user = "u", .mechanism = OTTLA_SCRAM_SHA_256, .password = "p"};
    const struct ottla_quota_change quota = {1, address, 0, NULL};
    const int no = OTTLA_ERR_UNSUPPORTED_VERSION;
    CHECK(ottla_describe_acls(client, &all, NULL, &found, &error) == no);
    CHECK(ottla_create_acls(client, acls, 1, NULL, &o, &error) == no);
    CHECK(ottla_delete_acls(client, &all, 1, NULL, &deleted, &error) == no);
    CHECK(ottla_describe_scram_users(client, NULL, 0, NULL, &users, &error) == no);
    CHECK(ottla_alter_scram_users(client, &change, 1, NULL, &o, &error) == no);
    CHECK(ottla_describe_client_quotas(client, NULL, 0, false, NULL, &quotas, &error) == no);
    CHECK(ottla_alter_client_quotas(client, &quota, 1, NULL, &o, &error) == no);
}

int main(int argc, char **argv)
{
    struct ottla_config *config = ottla_config_new();
    CHECK(argc >= 3);
    const char *what = argv[2];
    OK(ottla_config_set(config, "bootstrap.servers", argv[1], &error));
    client = ottla_client_new(config, &error);
    ottla_config_free(config);
    CHECK(client != NULL);
    if (strcmp(what, "make") == 0) {
        make_acls();
        make_users();
        make_quotas();
    } else if (strcmp(what, "unmake") == 0) {
        unmake_acls();
        unmake_users();
        unmake_quotas();
    } else if (strcmp(what, "show") == 0) {
        command_show();
    } else if (strcmp(what, "hold") == 0 && argc == 5) {
        command_hold(argv[1], argv[3], argv[4]);
    } else if (strcmp(what, "fence") == 0 && argc == 4) {
        command_fence(argv[3]);
    } else if (strcmp(what, "hanging") == 0 && argc == 4) {
        command_hanging(argv[3]);
    } else {
        CHECK(strcmp(what, "unsupported") == 0);
        command_unsupported();
    }
    ottla_client_free(client);
    return 0;
}
