/* Several clients in one process: two clusters, a client of each with settings of its own, and on
 * each client a producer, two members of a group and administration, all at work at once and each
 * in threads of its own. What may be used by many threads is. They are closed in any order, and
 * those of one cluster while the others go on.
 *
 * A sender begins when both members have partitions: from then on nothing is shared anew, and every
 * record is read once. */
#include <ottla/test.h>

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka wants some of the above first */
#include <cmocka.h>

enum { CLUSTERS = 2, MEMBERS = 2, SENDERS = 3, ADMINS = 2, THREADS = MEMBERS + SENDERS + ADMINS };
enum { ENOUGH = 40, PARTITIONS = 3, AHEAD_MAX = 100, TIMEOUT_MS = 60000, FOREVER = -1 };

/* ThreadSanitizer lets no child of a process with threads start one. */
#ifdef __SANITIZE_THREAD__
enum { MAY_THREAD_IN_CHILDREN = 0 };
#else
enum { MAY_THREAD_IN_CHILDREN = 1 };
#endif

struct cluster {
    char letter;
    struct ottla_test_broker *broker;
    struct ottla_client *client;
    struct ottla_producer *producer;
    struct ottla_consumer *members[MEMBERS];
    pthread_t threads[THREADS];
    pthread_mutex_t lock;
    pthread_cond_t cond; /* something below has changed */
    bool has_part[MEMBERS];
    bool is_ending;
    int sent, delivered, read;
    int sent_by[SENDERS], read_by[MEMBERS];
    int next[SENDERS][PARTITIONS]; /* to be read: what a sender writes to a partition, in order */
};

/* Which of a cluster, for its thread. */
struct post {
    struct cluster *cluster;
    int number;
};

static struct cluster clusters[CLUSTERS];
static struct post posts[CLUSTERS][THREADS];

/* cmocka's own checks are for the main thread. */
#define CHECK(what)                                                                                \
    do {                                                                                           \
        if (!(what)) {                                                                             \
            fprintf(stderr, "line %d: %s\n", __LINE__, #what);                                     \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static void done(int code, const struct ottla_error *error, int line)
{
    if (code != 0) {
        fprintf(stderr, "line %d: %s: %s\n", line, ottla_error_name(code), error->message);
        abort();
    }
}
#define DONE(call) done((call), &error, __LINE__)

/* --- reading --- */

/* Lock held. */
static void take(struct cluster *k, int member, const struct ottla_record *r)
{
    char text[32] = "", letter;
    int sender, i;
    CHECK(r->value_length < sizeof text);
    memcpy(text, r->value, r->value_length);
    CHECK(sscanf(text, "%c %d %d", &letter, &sender, &i) == 3);
    CHECK(letter == k->letter && r->partition == i % PARTITIONS);
    CHECK(i / PARTITIONS == k->next[sender][r->partition]++);
    k->read++;
    k->read_by[member]++;
}

static bool take_all(struct cluster *k, int member, struct ottla_records *records, bool has_part)
{
    pthread_mutex_lock(&k->lock);
    k->has_part[member] = has_part;
    for (size_t i = 0; i < ottla_records_count(records); i++) {
        take(k, member, ottla_records_at(records, i));
    }
    bool is_over = k->is_ending && k->read == k->sent;
    pthread_cond_broadcast(&k->cond);
    pthread_mutex_unlock(&k->lock);
    return is_over;
}

static void *read_main(void *ctx)
{
    const struct post *post = ctx;
    struct ottla_consumer *c = post->cluster->members[post->number];
    const struct ottla_topic_partition *list;
    struct ottla_error error;
    bool is_over = false;
    while (!is_over) {
        struct ottla_records *records = NULL;
        DONE(ottla_consumer_poll(c, 20, &records, &error));
        is_over =
            take_all(post->cluster, post->number, records, ottla_consumer_assignment(c, &list) > 0);
        ottla_records_free(records);
    }
    return NULL;
}

/* --- writing --- */

static void on_delivery(void *ctx, const struct ottla_delivery *d)
{
    struct cluster *k = ctx;
    CHECK(d->error == 0);
    pthread_mutex_lock(&k->lock);
    k->delivered++;
    pthread_mutex_unlock(&k->lock);
}

/* Waits until there is somebody to read, who is not too far behind. Counts the next record. -1: it
 * is over. */
static int next_number(struct cluster *k, int sender)
{
    int i = -1;
    pthread_mutex_lock(&k->lock);
    while (!k->is_ending && (!k->has_part[0] || !k->has_part[1] || k->sent - k->read > AHEAD_MAX)) {
        pthread_cond_wait(&k->cond, &k->lock);
    }
    if (!k->is_ending) {
        i = k->sent_by[sender]++;
        k->sent++;
    }
    pthread_mutex_unlock(&k->lock);
    return i;
}

/* All senders of a cluster use one producer. */
static void *send_main(void *ctx)
{
    const struct post *post = ctx;
    struct cluster *k = post->cluster;
    struct ottla_error error;
    char text[32];
    int i;
    while ((i = next_number(k, post->number)) >= 0) {
        struct ottla_message m;
        ottla_message_init(&m);
        snprintf(text, sizeof text, "%c %d %d", k->letter, post->number, i);
        m.topic = "t";
        m.partition = i % PARTITIONS;
        m.value = text;
        m.value_length = strlen(text);
        DONE(ottla_producer_send(k->producer, &m, on_delivery, k, &error));
        if (i % 16 == 0) {
            DONE(ottla_producer_flush(k->producer, TIMEOUT_MS, &error));
        }
    }
    DONE(ottla_producer_flush(k->producer, TIMEOUT_MS, &error));
    return NULL;
}

/* --- administration --- */

static int look_up(struct ottla_client *client, void *arg, struct ottla_error *error)
{
    static const char *const names[] = {"t"};
    struct ottla_topics *topics;
    (void)arg;
    int code = ottla_describe_topics(client, names, 1, NULL, &topics, error);
    if (code == 0) {
        CHECK(topics->count == 1 && topics->rows[0]->partition_count == PARTITIONS);
        ottla_topics_free(topics);
    }
    return code;
}

/* The test's broker has neither ACLs nor transactions: what says so goes the same way. */
static int ask_what_is_missing(struct ottla_client *client, void *arg, struct ottla_error *error)
{
    struct ottla_acl filter;
    struct ottla_acls *acls;
    struct ottla_scram_users *users;
    struct ottla_quotas *quotas;
    struct ottla_transaction_list *transactions;
    (void)arg;
    ottla_acl_init(&filter);
    int code = ottla_describe_acls(client, &filter, NULL, &acls, error);
    CHECK(code != 0 && ottla_describe_scram_users(client, NULL, 0, NULL, &users, error) == code);
    CHECK(ottla_describe_client_quotas(client, NULL, 0, false, NULL, &quotas, error) == code);
    if (ottla_list_transactions(client, NULL, NULL, &transactions, error) == 0) {
        CHECK(transactions->error_count == 1);
        ottla_transaction_list_free(transactions);
    }
    return code;
}

static void ask_offsets(struct ottla_client *client)
{
    const struct ottla_offset_query query = {"t", 0, OTTLA_OFFSET_LATEST};
    struct ottla_error error;
    struct ottla_offsets *offsets;
    struct ottla_group_list *groups;
    DONE(ottla_list_offsets(client, &query, 1, NULL, &offsets, &error));
    CHECK(offsets->rows[0]->error == 0 && offsets->rows[0]->offset >= 0);
    ottla_offsets_free(offsets);
    DONE(ottla_list_groups(client, NULL, 0, NULL, 0, NULL, &groups, &error));
    CHECK(groups->count == 0 || (groups->count == 1 && groups->rows[0]->id[0] == 'g'));
    ottla_group_list_free(groups);
}

static void touch_others(struct cluster *k)
{
    ottla_text_free(ottla_client_metrics(k->client));
    ottla_text_free(ottla_producer_metrics(k->producer));
    ottla_consumer_wakeup(k->members[0]);
}

static void start_future(struct cluster *k, ottla_call_fn *call, struct ottla_future **ret)
{
    struct ottla_error error;
    DONE(ottla_future_start(k->client, call, NULL, ret, &error));
}

static void *admin_main(void *ctx)
{
    struct cluster *k = ((const struct post *)ctx)->cluster;
    struct ottla_error error;
    for (bool is_over = false; !is_over;) {
        struct ottla_future *found, *missing;
        start_future(k, look_up, &found);
        start_future(k, ask_what_is_missing, &missing);
        ask_offsets(k->client);
        touch_others(k);
        DONE(ottla_future_wait(found, FOREVER, &error));
        CHECK(ottla_future_wait(missing, FOREVER, &error) != 0);
        ottla_future_free(missing);
        ottla_future_free(found);
        pthread_mutex_lock(&k->lock);
        is_over = k->is_ending;
        pthread_mutex_unlock(&k->lock);
    }
    return NULL;
}

/* --- a cluster's life --- */

static void set(struct ottla_config *config, const char *name, const char *value)
{
    struct ottla_error error;
    DONE(ottla_config_set(config, name, value, &error));
}

static struct ottla_client *client_new(const struct cluster *k)
{
    struct ottla_error error;
    bool is_first = k->letter == 'a';
    struct ottla_config *config = ottla_config_new();
    set(config, "bootstrap.servers", ottla_test_broker_address(k->broker));
    set(config, "client.id", is_first ? "of a" : "of b");
    set(config, "group.id", is_first ? "g-a" : "g-b");
    set(config, "auto.offset.reset", "earliest");
    set(config, "heartbeat.interval.ms", "20");
    set(config, "retry.backoff.ms", "5");
    set(config, "compression.type", is_first ? "zstd" : "lz4");
    set(config, "acks", is_first ? "all" : "1");
    set(config, "linger.ms", is_first ? "5" : "0");
    set(config, "partition.assignment.strategy", is_first ? "range" : "cooperative-sticky");
    struct ottla_client *client = ottla_client_new(config, &error);
    ottla_config_free(config);
    CHECK(client != NULL);
    return client;
}

static void make_topic(struct ottla_client *client)
{
    const struct ottla_new_topic topic = {
        .name = "t", .partition_count = PARTITIONS, .replication_factor = 1};
    struct ottla_outcomes *outcomes;
    struct ottla_error error;
    DONE(ottla_create_topics(client, &topic, 1, NULL, &outcomes, &error));
    CHECK(outcomes->rows[0]->error == 0);
    ottla_outcomes_free(outcomes);
}

static void *(*const mains[THREADS])(void *) = {read_main, read_main,  send_main, send_main,
                                                send_main, admin_main, admin_main};
static const int numbers[THREADS] = {0, 1, 0, 1, 2, 0, 1};

static void cluster_start(struct cluster *k, struct post *of, char letter)
{
    static const char *const topics[] = {"t"};
    struct ottla_error error;
    memset(k, 0, sizeof *k);
    k->letter = letter;
    pthread_mutex_init(&k->lock, NULL);
    pthread_cond_init(&k->cond, NULL);
    CHECK((k->broker = ottla_test_broker_start(NULL, &error)) != NULL);
    k->client = client_new(k);
    make_topic(k->client);
    CHECK((k->producer = ottla_producer_new(k->client, &error)) != NULL);
    for (int i = 0; i < MEMBERS; i++) {
        CHECK((k->members[i] = ottla_consumer_new(k->client, &error)) != NULL);
        DONE(ottla_consumer_subscribe(k->members[i], topics, 1, NULL, &error));
    }
    for (int i = 0; i < THREADS; i++) {
        of[i] = (struct post){k, numbers[i]};
        CHECK(pthread_create(&k->threads[i], NULL, mains[i], &of[i]) == 0);
    }
}

/* Until so many more records went through it, and both members had some. */
static void see_work(struct cluster *k, int more)
{
    pthread_mutex_lock(&k->lock);
    int want = k->read + more;
    while (k->read < want || k->read_by[0] == 0 || k->read_by[1] == 0) {
        pthread_cond_wait(&k->cond, &k->lock);
    }
    pthread_mutex_unlock(&k->lock);
}

static void end_work(struct cluster *k)
{
    pthread_mutex_lock(&k->lock);
    k->is_ending = true;
    pthread_cond_broadcast(&k->cond);
    pthread_mutex_unlock(&k->lock);
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(k->threads[i], NULL) == 0);
    }
    assert_int_equal(k->read, k->sent);
    assert_int_equal(k->delivered, k->sent);
}

/* 0, 1: a member; 2: the producer. The client comes last, and the broker goes before it or after.
 */
static void close_one(struct cluster *k, int what)
{
    if (what < MEMBERS) {
        ottla_consumer_free(k->members[what]);
    } else {
        ottla_producer_free(k->producer, TIMEOUT_MS);
    }
}

static void cluster_close(struct cluster *k, const int *order, bool is_broker_first)
{
    for (int i = 0; i <= MEMBERS; i++) {
        close_one(k, order[i]);
    }
    if (is_broker_first) {
        ottla_test_broker_stop(k->broker);
    }
    ottla_client_free(k->client);
    ottla_test_broker_free(k->broker);
    pthread_cond_destroy(&k->cond);
    pthread_mutex_destroy(&k->lock);
}

static void test_all_at_once(void **state)
{
    static const int orders[][MEMBERS + 1] = {{0, 1, 2}, {2, 1, 0}, {1, 2, 0}};
    (void)state;
    for (int round = 0; round < 3; round++) {
        struct cluster *first = &clusters[round % 2], *last = &clusters[1 - round % 2];
        cluster_start(&clusters[0], posts[0], 'a');
        cluster_start(&clusters[1], posts[1], 'b');
        see_work(first, ENOUGH);
        see_work(last, ENOUGH);
        end_work(first);
        cluster_close(first, orders[round], round == 1);
        see_work(last, ENOUGH); /* which has not noticed */
        end_work(last);
        cluster_close(last, orders[2 - round], round == 2);
    }
}

/* --- a child's own --- */

static int write_one(struct ottla_client *client, const char *topic)
{
    struct ottla_error error;
    struct ottla_message m;
    struct ottla_producer *p = ottla_producer_new(client, &error);
    ottla_message_init(&m);
    m.topic = topic;
    m.value = "x";
    m.value_length = 1;
    int code = p ? ottla_producer_send_wait(p, &m, NULL, &error) : error.code;
    ottla_producer_free(p, TIMEOUT_MS);
    return code;
}

/* A child of a process whose clients are busy makes one of its own. */
static void test_a_child(void **state)
{
    static const int order[] = {0, 1, 2};
    struct cluster *k = &clusters[0];
    int status = -1;
    (void)state;
    if (!MAY_THREAD_IN_CHILDREN) {
        skip();
    }
    cluster_start(k, posts[0], 'a');
    see_work(k, ENOUGH);
    pid_t child = fork();
    if (child == 0) {
        (void)alarm(TIMEOUT_MS / 1000);
        struct ottla_client *own = client_new(k);
        int code = write_one(own, "of-a-child");
        int refused = write_one(k->client, "of-a-child");
        ottla_client_free(own);
        if (code == 0 && refused == OTTLA_ERR_CLOSED) {
            (void)raise(SIGKILL); /* no exit: what it has of its parent counts as no leak */
        }
        _exit(1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    see_work(k, ENOUGH);
    end_work(k);
    cluster_close(k, order, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_at_once),
        cmocka_unit_test(test_a_child),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
