/* A forked child that goes on with what its parent had of libottla. None of the parent's threads
 * are there, and locks that one of them held are held for ever: so each is held here when the fork
 * comes. Every public call that takes a client, or what was made of one, must return at once and
 * say CLOSED, or do nothing; client_calls.py sees that none is missing. And a child can make a
 * client of its own. */
#include "test.h"

#include "base/attr.h"
#include "client/consumer/consumer_int.h"
#include "client/producer/producer_int.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TOO_LONG_S = 30, FOREVER = -1 };

static struct family {
    struct ottla_client *client;
    struct ottla_producer *producer;
    struct ottla_consumer *member, *by_hand;
    struct ottla_future *future;
    pthread_mutex_t gate; /* the future stands before it */
} family = {.gate = PTHREAD_MUTEX_INITIALIZER};

/* --- the parent --- */

static void set(struct ottla_config *config, const char *name, const char *value)
{
    assert_int_equal(ottla_config_set(config, name, value, NULL), 0);
}

static int stand(struct ottla_client *client, void *arg, struct ottla_error *error)
{
    pthread_mutex_t *gate = arg;
    pthread_mutex_lock(gate);
    pthread_mutex_unlock(gate);
    return 0;
}

static void family_init(void)
{
    static const char *const topics[] = {"t"};
    static const struct ottla_topic_partition partition = {"t", 0};
    struct family *f = &family;
    struct ottla_config *config = ottla_config_new();
    set(config, "bootstrap.servers", "127.0.0.1:1");
    set(config, "group.id", "g");
    set(config, "transactional.id", "x");
    assert_non_null(f->client = ottla_client_new(config, NULL));
    ottla_config_free(config);
    assert_non_null(f->producer = ottla_producer_new(f->client, NULL));
    assert_non_null(f->member = ottla_consumer_new(f->client, NULL));
    assert_non_null(f->by_hand = ottla_consumer_new(f->client, NULL));
    assert_int_equal(ottla_consumer_subscribe(f->member, topics, 1, NULL, NULL), 0);
    assert_int_equal(ottla_consumer_assign(f->by_hand, &partition, 1, NULL), 0);
    pthread_mutex_lock(&f->gate);
    assert_int_equal(ottla_future_start(f->client, stand, &f->gate, &f->future, NULL), 0);
}

static void family_deinit(void)
{
    struct ottla_close_options at_once;
    ottla_close_options_init(&at_once);
    at_once.timeout_ms = 0;
    pthread_mutex_unlock(&family.gate);
    ottla_future_free(family.future);
    (void)ottla_consumer_close(family.member, &at_once, NULL);
    (void)ottla_consumer_close(family.by_hand, &at_once, NULL);
    ottla_consumer_free(family.member);
    ottla_consumer_free(family.by_hand);
    ottla_producer_free(family.producer, 0);
    ottla_client_free(family.client);
}

/* In an order in which the library takes them, too. */
static void hold_all(void (*turn)(struct mutex *m))
{
    struct mutex *locks[] = {
        &family.client->futures.lock,
        &family.producer->lock,
        &family.producer->waiter.lock,
        &family.member->membership->lock,
        &family.member->membership->waiter.lock,
        &family.member->waiter.lock,
        &family.by_hand->waiter.lock,
    };
    for (size_t i = 0; i < ARRAY_LEN(locks); i++) {
        turn(locks[i]);
    }
}

/* --- the child --- */

static struct ottla_error error;
static int wrong;
static const char *volatile doing = "";

static void say(const char *what)
{
    char line[600];
    int n = snprintf(line, sizeof line, "in the child: %s: %s\n", what, doing);
    (void)!write(STDERR_FILENO, line, (size_t)n);
    wrong++;
}

static void on_alarm(int number)
{
    (void)number;
    say("does not return");
    _exit(wrong);
}

static void begin(const char *call)
{
    doing = call;
    error = (struct ottla_error){.code = 0};
}

static void end_closed(int code)
{
    if (code != OTTLA_ERR_CLOSED || error.code != code || strstr(error.message, "fork") == NULL) {
        say("is not refused");
    }
}

static void end(bool is_right)
{
    if (!is_right) {
        say("gives something");
    }
}

/* A call that gives CLOSED; one that gives what is not an error. */
#define CLOSED(call) (begin(#call), end_closed(call))
#define GIVES(want, call) (begin(#call), end((call) == (want)))
#define DOES_NOTHING(call) (begin(#call), (call))

static struct ottla_client *client;
static struct ottla_outcomes *outcomes;
static struct ottla_offsets *offsets;
static const char *const names[] = {"t"};
static const struct ottla_topic_partition place = {"t", 0};

static void ask_cluster(void)
{
    const struct ottla_voter_endpoint endpoint = {"CONTROLLER", "localhost", 9093};
    const struct ottla_feature_update update = {"kraft.version", 1, OTTLA_UPGRADE};
    struct ottla_cluster *cluster;
    struct ottla_api_versions *versions;
    struct ottla_quorum *quorum;
    struct ottla_features *features;
    CLOSED(ottla_describe_cluster(client, NULL, &cluster, &error));
    CLOSED(ottla_unregister_broker(client, 1, NULL, &error));
    CLOSED(ottla_list_api_versions(client, NULL, &versions, &error));
    CLOSED(ottla_describe_quorum(client, NULL, &quorum, &error));
    CLOSED(ottla_add_raft_voter(client, 1, "AAAAAAAAAAAAAAAAAAAAAQ", &endpoint, 1, NULL, &error));
    CLOSED(ottla_remove_raft_voter(client, 1, "AAAAAAAAAAAAAAAAAAAAAQ", NULL, &error));
    CLOSED(ottla_describe_features(client, NULL, &features, &error));
    CLOSED(ottla_update_features(client, &update, 1, NULL, &outcomes, &error));
}

static void ask_topics(void)
{
    static const char *const ids[] = {"AAAAAAAAAAAAAAAAAAAAAQ"};
    const struct ottla_new_topic topic = {
        .name = "t", .partition_count = 1, .replication_factor = 1};
    const struct ottla_new_partitions more = {.topic = "t", .total_count = 2};
    struct ottla_topics *topics;
    CLOSED(ottla_list_topics(client, NULL, &topics, &error));
    CLOSED(ottla_describe_topics(client, names, 1, NULL, &topics, &error));
    CLOSED(ottla_describe_topics_by_id(client, ids, 1, NULL, &topics, &error));
    CLOSED(ottla_create_topics(client, &topic, 1, NULL, &outcomes, &error));
    CLOSED(ottla_delete_topics(client, names, 1, NULL, &outcomes, &error));
    CLOSED(ottla_create_partitions(client, &more, 1, NULL, &outcomes, &error));
}

static void ask_configs(void)
{
    const struct ottla_resource resource = {OTTLA_RESOURCE_TOPIC, "t"};
    const struct ottla_config_change change = {OTTLA_RESOURCE_TOPIC, "t", OTTLA_SET, "retention.ms",
                                               "1"};
    struct ottla_configs *configs;
    struct ottla_resources *resources;
    CLOSED(ottla_describe_configs(client, &resource, 1, NULL, &configs, &error));
    CLOSED(ottla_incremental_alter_configs(client, &change, 1, NULL, &outcomes, &error));
    CLOSED(ottla_alter_configs(client, &change, 1, NULL, &outcomes, &error));
    CLOSED(ottla_list_config_resources(client, NULL, 0, NULL, &resources, &error));
}

static void ask_partitions(void)
{
    const struct ottla_offset_query query = {"t", 0, OTTLA_OFFSET_LATEST};
    const struct ottla_offset_value value = {"t", 0, 1};
    const struct ottla_replica_move move = {"t", 0, 1, "/nowhere"};
    const struct ottla_reassignment change = {.topic = "t", .is_cancel = true};
    const struct ottla_ids all = {0, NULL};
    struct ottla_producers *producers;
    struct ottla_log_dirs *dirs;
    struct ottla_reassignments *reassignments;
    CLOSED(ottla_list_offsets(client, &query, 1, NULL, &offsets, &error));
    CLOSED(ottla_delete_records(client, &value, 1, NULL, &offsets, &error));
    CLOSED(ottla_describe_producers(client, &place, 1, NULL, &producers, &error));
    CLOSED(ottla_describe_log_dirs(client, all, NULL, 0, NULL, &dirs, &error));
    CLOSED(ottla_alter_replica_log_dirs(client, &move, 1, NULL, &outcomes, &error));
    CLOSED(ottla_elect_leaders(client, OTTLA_ELECT_PREFERRED, &place, 1, NULL, &outcomes, &error));
    CLOSED(ottla_alter_reassignments(client, &change, 1, NULL, &outcomes, &error));
    CLOSED(ottla_list_reassignments(client, NULL, 0, NULL, &reassignments, &error));
}

static void ask_groups(void)
{
    const struct ottla_offset_value value = {"t", 0, 1};
    const struct ottla_member_name member = {NULL, "instance"};
    struct ottla_group_list *list;
    struct ottla_groups *groups;
    CLOSED(ottla_list_groups(client, NULL, 0, NULL, 0, NULL, &list, &error));
    CLOSED(ottla_describe_groups(client, names, 1, NULL, &groups, &error));
    CLOSED(ottla_remove_group_members(client, "g", &member, 1, NULL, &outcomes, &error));
    CLOSED(ottla_delete_groups(client, names, 1, NULL, &outcomes, &error));
    CLOSED(ottla_list_group_offsets(client, "g", NULL, 0, NULL, &offsets, &error));
    CLOSED(ottla_alter_group_offsets(client, "g", &value, 1, NULL, &outcomes, &error));
    CLOSED(ottla_delete_group_offsets(client, "g", &place, 1, NULL, &outcomes, &error));
}

static void ask_security(void)
{
    const struct ottla_acl acl = {
        OTTLA_ACL_TOPIC, "t", OTTLA_ACL_LITERAL, "User:a", "*", OTTLA_ACL_READ, OTTLA_ACL_ALLOW};
    const struct ottla_scram_change user = {
        .user = "a", .mechanism = OTTLA_SCRAM_SHA_256, .is_deletion = true};
    const struct ottla_quota_entity entity = {"user", "a"};
    const struct ottla_quota_filter filter = {"user", OTTLA_QUOTA_ANY, NULL};
    const struct ottla_quota_op op = {.key = "producer_byte_rate", .value = 1};
    const struct ottla_quota_change quota = {1, &entity, 1, &op};
    struct ottla_acls *acls;
    struct ottla_deleted_acls *deleted;
    struct ottla_scram_users *users;
    struct ottla_quotas *quotas;
    CLOSED(ottla_describe_acls(client, &acl, NULL, &acls, &error));
    CLOSED(ottla_create_acls(client, &acl, 1, NULL, &outcomes, &error));
    CLOSED(ottla_delete_acls(client, &acl, 1, NULL, &deleted, &error));
    CLOSED(ottla_describe_scram_users(client, names, 1, NULL, &users, &error));
    CLOSED(ottla_alter_scram_users(client, &user, 1, NULL, &outcomes, &error));
    CLOSED(ottla_describe_client_quotas(client, &filter, 1, false, NULL, &quotas, &error));
    CLOSED(ottla_alter_client_quotas(client, &quota, 1, NULL, &outcomes, &error));
}

static void ask_transactions(void)
{
    const struct ottla_hanging_transaction hanging = {"t", 0, 1, 0, 0};
    struct ottla_transaction_list *list;
    struct ottla_transactions *transactions;
    struct ottla_fenced_producers *fenced;
    CLOSED(ottla_list_transactions(client, NULL, NULL, &list, &error));
    CLOSED(ottla_describe_transactions(client, names, 1, NULL, &transactions, &error));
    CLOSED(ottla_abort_transaction(client, &hanging, NULL, &error));
    CLOSED(ottla_fence_producers(client, names, 1, NULL, &fenced, &error));
}

static void count(void *ctx) { ++*(int *)ctx; }

static void use_futures(void)
{
    struct ottla_future *other;
    int told = 0;
    CLOSED(ottla_future_start(client, stand, NULL, &other, &error));
    CLOSED(ottla_future_wait(family.future, FOREVER, &error));
    GIVES(true, ottla_future_is_done(family.future)); /* nobody will do more about it */
    ottla_future_then(family.future, count, &told);
    GIVES(1, told);
    DOES_NOTHING(ottla_future_free(family.future));
}

static void give_metrics(const char *call, char *text)
{
    begin(call);
    end(strcmp(text, "{}") == 0);
    ottla_text_free(text);
}

static void use_producer(void)
{
    struct ottla_producer *p = family.producer;
    const struct ottla_commit offset = {.topic = "t", .leader_epoch = -1, .offset = 1};
    const struct ottla_group_metadata group = {.group_id = "g", .generation = -1, .member_id = ""};
    struct ottla_message m;
    int32_t n;
    ottla_message_init(&m);
    m.topic = "t";
    CLOSED(ottla_producer_send(p, &m, NULL, NULL, &error));
    CLOSED(ottla_producer_send_wait(p, &m, NULL, &error));
    CLOSED(ottla_producer_flush(p, 1000, &error));
    CLOSED(ottla_producer_partition_count(p, "t", &n, &error));
    CLOSED(ottla_producer_init_transactions(p, 1000, &error));
    CLOSED(ottla_producer_begin(p, &error));
    CLOSED(ottla_producer_send_offsets(p, &offset, 1, &group, 1000, &error));
    CLOSED(ottla_producer_commit(p, 1000, &error));
    CLOSED(ottla_producer_abort(p, 1000, &error));
    GIVES(NULL, ottla_producer_new(client, &error));
    GIVES(NULL, ottla_producer_new_with(client, NULL, &error));
    give_metrics("ottla_producer_metrics", ottla_producer_metrics(p));
    DOES_NOTHING(ottla_producer_free(p, 1000));
}

static void use_consumer(struct ottla_consumer *c)
{
    const struct ottla_commit offset = {.topic = "t", .leader_epoch = -1, .offset = 1};
    struct ottla_group_metadata *group;
    struct ottla_records *records;
    CLOSED(ottla_consumer_poll(c, 1000, &records, &error));
    CLOSED(ottla_consumer_assign(c, &place, 1, &error));
    CLOSED(ottla_consumer_seek(c, "t", 0, 1, &error));
    CLOSED(ottla_consumer_seek_to_time(c, "t", 0, 1, &error));
    CLOSED(ottla_consumer_pause(c, "t", 0, true, &error));
    CLOSED(ottla_consumer_subscribe(c, names, 1, NULL, &error));
    CLOSED(ottla_consumer_subscribe(c, NULL, 0, NULL, &error));
    CLOSED(ottla_consumer_subscribe_pattern(c, "t", NULL, &error));
    CLOSED(ottla_consumer_enforce_rebalance(c, "why not", &error));
    CLOSED(ottla_consumer_group_metadata(c, &group, &error));
    CLOSED(ottla_consumer_commit(c, &offset, 1, 1000, &error));
    CLOSED(ottla_consumer_commit(c, NULL, 0, 1000, &error));
    CLOSED(ottla_consumer_commit_async(c, &offset, 1, NULL, NULL, &error));
    CLOSED(ottla_consumer_committed(c, &place, 1, 1000, &offsets, &error));
    CLOSED(ottla_consumer_close(c, NULL, &error));
    GIVES(NULL, ottla_consumer_new(client, &error));
    GIVES(NULL, ottla_consumer_new_with(client, NULL, &error));
    GIVES(NULL, (void *)(uintptr_t)ottla_consumer_bad_record(c, NULL));
    DOES_NOTHING(ottla_consumer_wakeup(c));
    DOES_NOTHING(ottla_consumer_unsubscribe(c));
}

/* What is only looked up is as it was. */
static void look_at_consumer(struct ottla_consumer *c, size_t partitions)
{
    const struct ottla_topic_partition *list;
    const char *const *topics;
    GIVES(partitions, ottla_consumer_assignment(c, &list));
    GIVES((size_t)0, ottla_consumer_subscription(c, &topics));
    GIVES(-1, ottla_consumer_position(c, "t", 0));
    GIVES(-1, ottla_consumer_end(c, "t", 0));
    GIVES(-1, ottla_consumer_lag(c, "t", 0));
    GIVES(-1, ottla_consumer_lag_max(c));
    GIVES(false, ottla_consumer_is_paused(c, "t", 0));
    give_metrics("ottla_consumer_metrics", ottla_consumer_metrics(c));
    DOES_NOTHING(ottla_consumer_free(c));
}

static int as_child(void)
{
    (void)signal(SIGALRM, on_alarm);
    (void)alarm(TOO_LONG_S);
    client = family.client;
    ask_cluster();
    ask_topics();
    ask_configs();
    ask_partitions();
    ask_groups();
    ask_security();
    ask_transactions();
    use_futures();
    use_producer();
    use_consumer(family.member);
    use_consumer(family.by_hand);
    look_at_consumer(family.member, 0);
    look_at_consumer(family.by_hand, 1);
    give_metrics("ottla_client_metrics", ottla_client_metrics(client));
    DOES_NOTHING(ottla_client_free(client));
    return wrong;
}

static void test_fork(void **state)
{
    int status = -1;
    (void)state;
    family_init();
    hold_all(mutex_lock);
    pid_t child = fork();
    if (child == 0) {
        _exit(as_child());
    }
    hold_all(mutex_unlock);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    family_deinit(); /* the parent's went on */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fork)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
