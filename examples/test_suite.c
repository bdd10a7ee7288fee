/* test_suite: how a project tests what it does with Kafka: a broker inside of the test program, new
 * and in milliseconds, which fails when it is told to. Any framework will do; this needs none. */
#include <ottla/test.h>

#include <stdio.h>
#include <string.h>

/* --- what is tested: somebody's outbox, which must not lose a letter --- */

static int send_letter(struct ottla_producer *producer, const char *text, struct ottla_error *error)
{
    struct ottla_message message;
    ottla_message_init(&message);
    message.topic = "letters";
    message.value = text;
    message.value_length = strlen(text);
    return ottla_producer_send_wait(producer, &message, NULL, error);
}

/* --- the tests: each has a broker of its own --- */

struct fixture {
    struct ottla_test_broker *broker;
    struct ottla_client *client;
    struct ottla_producer *producer;
    struct ottla_error error;
};

static int set_up(struct fixture *f)
{
    const char *const settings[][2] = {{"delivery.timeout.ms", "5000"},
                                       {"request.timeout.ms", "500"},
                                       {"linger.ms", "0"},
                                       {"retry.backoff.ms", "10"},
                                       {"reconnect.backoff.ms", "10"}};
    struct ottla_config *config = ottla_config_new();
    int code = 0;
    f->broker = ottla_test_broker_start(NULL, &f->error);
    if (f->broker != NULL) {
        code = ottla_config_set(config, "bootstrap.servers", ottla_test_broker_address(f->broker),
                                &f->error);
        for (size_t i = 0; code == 0 && i < sizeof settings / sizeof settings[0]; i++) {
            code = ottla_config_set(config, settings[i][0], settings[i][1], &f->error);
        }
        f->client = code == 0 ? ottla_client_new(config, &f->error) : NULL;
        f->producer = f->client ? ottla_producer_new(f->client, &f->error) : NULL;
    }
    ottla_config_free(config);
    return f->producer == NULL;
}

static void tear_down(struct fixture *f)
{
    ottla_producer_free(f->producer, 0);
    ottla_client_free(f->client);
    ottla_test_broker_free(f->broker);
}

static int a_letter_arrives(struct fixture *f) { return send_letter(f->producer, "a", &f->error); }

static int replicas_that_are_away_are_waited_for(struct fixture *f)
{
    ottla_test_broker_fail(f->broker, OTTLA_TEST_PRODUCE, OTTLA_ERR_NOT_ENOUGH_REPLICAS, 2);
    return send_letter(f->producer, "b", &f->error) ||
           ottla_test_broker_requests(f->broker, OTTLA_TEST_PRODUCE) != 3;
}

/* The letter is there, its answer is lost: it goes out again, and is there once. */
static int an_answer_that_is_lost_is_no_second_letter(struct fixture *f)
{
    struct ottla_delivery delivery;
    struct ottla_message message;
    ottla_message_init(&message);
    message.topic = "letters";
    message.value = "d";
    message.value_length = 1;
    ottla_test_broker_drop(f->broker, OTTLA_TEST_PRODUCE, true, 1);
    return send_letter(f->producer, "c", &f->error) ||
           ottla_producer_send_wait(f->producer, &message, &delivery, &f->error) ||
           delivery.offset != 1;
}

static int what_cannot_be_is_told(struct fixture *f)
{
    ottla_test_broker_fail(f->broker, OTTLA_TEST_PRODUCE, OTTLA_ERR_TOPIC_AUTHORIZATION_FAILED,
                           OTTLA_TEST_ALWAYS);
    return send_letter(f->producer, "e", &f->error) != OTTLA_ERR_TOPIC_AUTHORIZATION_FAILED;
}

static int a_broker_may_be_started_again(struct fixture *f)
{
    return send_letter(f->producer, "f", &f->error) ||
           ottla_test_broker_restart(f->broker, &f->error) ||
           send_letter(f->producer, "g", &f->error);
}

int main(void)
{
    static const struct {
        const char *name;
        int (*run)(struct fixture *f);
    } tests[] = {
        {"a letter arrives", a_letter_arrives},
        {"replicas that are away are waited for", replicas_that_are_away_are_waited_for},
        {"an answer that is lost is no second letter", an_answer_that_is_lost_is_no_second_letter},
        {"what cannot be is told", what_cannot_be_is_told},
        {"a broker may be started again", a_broker_may_be_started_again},
    };
    int failed = 0;
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        struct fixture f = {.broker = NULL};
        int is_bad = set_up(&f) || tests[i].run(&f);
        printf("%s %s%s%s\n", is_bad ? "not ok" : "ok", tests[i].name, is_bad ? ": " : "",
               is_bad ? f.error.message : "");
        failed += is_bad;
        tear_down(&f);
    }
    return failed > 0;
}
