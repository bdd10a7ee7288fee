/* Futures: calls that wait, made by threads of the client's. */
#include <ottla/test.h>

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants some of the above first */
#include <cmocka.h>

enum { AT_ONCE = 16, FOREVER = -1, CODE = 7 };

static struct ottla_client *client_of(const char *servers)
{
    struct ottla_error error = {0};
    struct ottla_config *config = ottla_config_new();
    assert_int_equal(ottla_config_set(config, "bootstrap.servers", servers, &error), 0);
    struct ottla_client *client = ottla_client_new(config, &error);
    ottla_config_free(config);
    assert_non_null(client);
    return client;
}

/* Asks nobody: what is started here does not use it. */
static struct ottla_client *client_alone(void) { return client_of("127.0.0.1:1"); }

static struct ottla_future *start(struct ottla_client *client, ottla_call_fn *call, void *arg)
{
    struct ottla_error error = {0};
    struct ottla_future *f = NULL;
    if (ottla_future_start(client, call, arg, &f, &error) != 0) {
        fail_msg("%s", error.message);
    }
    return f;
}

/* A place where calls stand until it is opened. */
struct gate {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool is_open;
    int inside, most, passed;
};
#define GATE                                                                                       \
    {                                                                                              \
        .lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER                        \
    }

static int pass(struct ottla_client *client, void *arg, struct ottla_error *error)
{
    struct gate *g = arg;
    (void)client;
    (void)error;
    pthread_mutex_lock(&g->lock);
    g->inside++;
    g->most = g->inside > g->most ? g->inside : g->most;
    pthread_cond_broadcast(&g->cond);
    while (!g->is_open) {
        pthread_cond_wait(&g->cond, &g->lock);
    }
    g->inside--;
    g->passed++;
    pthread_mutex_unlock(&g->lock);
    return 0;
}

static void wait_inside(struct gate *g, int count)
{
    pthread_mutex_lock(&g->lock);
    while (g->inside < count) {
        pthread_cond_wait(&g->cond, &g->lock);
    }
    pthread_mutex_unlock(&g->lock);
}

static void open_gate(void *ctx)
{
    struct gate *g = ctx;
    pthread_mutex_lock(&g->lock);
    g->is_open = true;
    pthread_cond_broadcast(&g->cond);
    pthread_mutex_unlock(&g->lock);
}

/* --- one --- */

static int refuse(struct ottla_client *client, void *arg, struct ottla_error *error)
{
    (void)client;
    error->code = CODE;
    snprintf(error->message, sizeof error->message, "no: %s", (const char *)arg);
    return CODE;
}

static void test_code_and_error(void **state)
{
    struct ottla_client *client = client_alone();
    struct ottla_future *f = start(client, refuse, "late");
    struct ottla_error error = {0};
    (void)state;
    assert_int_equal(ottla_future_wait(f, FOREVER, &error), CODE);
    assert_int_equal(error.code, CODE);
    assert_string_equal(error.message, "no: late");
    assert_true(ottla_future_is_done(f));
    assert_int_equal(ottla_future_wait(f, 0, NULL), CODE); /* as often as one likes */
    ottla_future_free(f);
    ottla_future_free(NULL);
    ottla_client_free(client);
}

static void test_not_done_yet(void **state)
{
    struct ottla_client *client = client_alone();
    struct gate gate = GATE;
    struct ottla_error error = {.message = "as it was"};
    struct ottla_future *f = start(client, pass, &gate);
    (void)state;
    wait_inside(&gate, 1);
    assert_false(ottla_future_is_done(f));
    assert_int_equal(ottla_future_wait(f, 0, NULL), OTTLA_ERR_REQUEST_TIMED_OUT);
    assert_int_equal(ottla_future_wait(f, 1, NULL), OTTLA_ERR_REQUEST_TIMED_OUT);
    open_gate(&gate);
    assert_int_equal(ottla_future_wait(f, FOREVER, &error), 0);
    assert_string_equal(error.message, "as it was");
    ottla_future_free(f);
    ottla_client_free(client);
}

/* Whoever lets go of it has nothing of it behind. */
static void test_free_waits(void **state)
{
    struct ottla_client *client = client_alone();
    struct gate first = GATE, second = GATE;
    struct ottla_future *f = start(client, pass, &first);
    struct ottla_future *other;
    (void)state;
    ottla_future_then(f, open_gate, &second);
    other = start(client, pass, &second);
    open_gate(&first);
    ottla_future_free(f);
    assert_int_equal(first.passed, 1);
    assert_true(second.is_open);
    ottla_future_free(other);
    assert_int_equal(second.passed, 1);
    ottla_client_free(client);
}

static void count(void *ctx) { ++*(int *)ctx; }

static void test_then(void **state)
{
    struct ottla_client *client = client_alone();
    struct gate gate = GATE;
    int before = 0, after = 0;
    (void)state;
    struct ottla_future *f = start(client, pass, &gate);
    ottla_future_then(f, count, &before);
    open_gate(&gate);
    ottla_future_free(f);
    assert_int_equal(before, 1);
    f = start(client, refuse, "x");
    assert_int_equal(ottla_future_wait(f, FOREVER, NULL), CODE);
    ottla_future_then(f, count, &after);
    assert_int_equal(after, 1);
    ottla_future_free(f);
    ottla_client_free(client);
}

/* --- many --- */

static void test_side_by_side(void **state)
{
    struct ottla_client *client = client_alone();
    struct ottla_future *futures[2 * AT_ONCE];
    struct gate gate = GATE;
    (void)state;
    for (int i = 0; i < 2 * AT_ONCE; i++) {
        futures[i] = start(client, pass, &gate);
    }
    wait_inside(&gate, AT_ONCE); /* none of them waits for another */
    open_gate(&gate);
    for (int i = 0; i < 2 * AT_ONCE; i++) {
        assert_int_equal(ottla_future_wait(futures[i], FOREVER, NULL), 0);
        ottla_future_free(futures[i]);
    }
    assert_int_equal(gate.most, AT_ONCE);
    assert_int_equal(gate.passed, 2 * AT_ONCE);
    ottla_client_free(client);
}

/* --- administration --- */

struct creation {
    struct ottla_new_topic topic;
    struct ottla_outcomes *outcomes;
};

static int create(struct ottla_client *client, void *arg, struct ottla_error *error)
{
    struct creation *c = arg;
    return ottla_create_topics(client, &c->topic, 1, NULL, &c->outcomes, error);
}

static void test_topics(void **state)
{
    static const char *const names[] = {"a", "b", "c", "b"};
    enum { COUNT = 4 };
    struct ottla_error error = {0};
    struct ottla_test_broker *broker = ottla_test_broker_start(NULL, &error);
    struct creation creations[COUNT] = {0};
    struct ottla_future *futures[COUNT];
    int made = 0;
    (void)state;
    if (broker == NULL) {
        fail_msg("%s", error.message);
    }
    struct ottla_client *client = client_of(ottla_test_broker_address(broker));
    for (int i = 0; i < COUNT; i++) {
        creations[i].topic = (struct ottla_new_topic){
            .name = names[i], .partition_count = 1, .replication_factor = 1};
        futures[i] = start(client, create, &creations[i]);
    }
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(ottla_future_wait(futures[i], FOREVER, &error), 0);
        made += creations[i].outcomes->rows[0]->error == 0;
        ottla_outcomes_free(creations[i].outcomes);
        ottla_future_free(futures[i]);
    }
    assert_int_equal(made, 3); /* one b, whichever came first */
    ottla_client_free(client);
    ottla_test_broker_free(broker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_code_and_error), cmocka_unit_test(test_not_done_yet),
        cmocka_unit_test(test_free_waits),     cmocka_unit_test(test_then),
        cmocka_unit_test(test_side_by_side),   cmocka_unit_test(test_topics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
