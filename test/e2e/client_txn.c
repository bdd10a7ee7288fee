/* client_txn WHAT BOOTSTRAP [ARG ...]: transactions, a line for each thing that happened. The
 * scenes of test/peers use it.
 *
 *   write TXN_ID TOPIC PARTITIONS FIRST COUNT commit|abort|open [setting=value ...]
 *         records with the values FIRST, FIRST + 1, ...; "open" ends without ending the transaction
 *   fence TXN_ID TOPIC     two producers with one name: what the older one is told
 *   offsets TXN_ID TOPIC GROUP MEMBER OFFSET   commits an offset of TOPIC-0 with a transaction */
#include "client_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct ottla_client *client_of(const char *bootstrap, const char *txn_id, char **settings)
{
    struct ottla_config *config = ottla_config_new();
    CHECK(ottla_config_set(config, "bootstrap.servers", bootstrap, &error) == 0);
    CHECK(ottla_config_set(config, "transactional.id", txn_id, &error) == 0);
    for (; *settings != NULL; settings++) {
        char *eq = strchr(*settings, '=');
        CHECK(eq != NULL);
        *eq = '\0';
        CHECK(ottla_config_set(config, *settings, eq + 1, &error) == 0);
    }
    struct ottla_client *client = ottla_client_new(config, &error);
    CHECK(client != NULL);
    ottla_config_free(config);
    return client;
}

static struct ottla_producer *producer_of(struct ottla_client *client)
{
    struct ottla_producer *p = ottla_producer_new(client, &error);
    CHECK(p != NULL);
    CHECK(ottla_producer_init_transactions(p, 0, &error) == 0);
    return p;
}

static void on_delivery(void *ctx, const struct ottla_delivery *d)
{
    (void)ctx;
    if (d->error) {
        printf("failed %s\n", ottla_error_name(d->error));
    }
}

static void send_one(struct ottla_producer *p, const char *topic, int partition, int i)
{
    char text[16];
    struct ottla_message m;
    ottla_message_init(&m);
    snprintf(text, sizeof text, "%d", i);
    m.topic = topic;
    m.partition = partition;
    m.value = text;
    m.value_length = strlen(text);
    CHECK(ottla_producer_send(p, &m, on_delivery, NULL, &error) == 0);
}

static void say(const char *what, int code)
{
    printf("%s %s%s%s%s\n", what, ottla_error_name(code),
           code && error.flags & OTTLA_FATAL ? " fatal" : "",
           code && error.flags & OTTLA_ABORTABLE ? " abortable" : "",
           code && error.flags & OTTLA_RETRIABLE ? " retriable" : "");
}

static void do_write(struct ottla_client *client, char **args)
{
    const char *topic = args[0], *how = args[4];
    int partitions = atoi(args[1]), first = atoi(args[2]), count = atoi(args[3]);
    struct ottla_producer *p = producer_of(client);
    CHECK(ottla_producer_begin(p, &error) == 0);
    for (int i = first; i < first + count; i++) {
        send_one(p, topic, i % partitions, i);
    }
    if (strcmp(how, "open") == 0) {
        CHECK(ottla_producer_flush(p, 30000, &error) == 0);
        printf("open NONE\n");
        fflush(stdout);
        _exit(0);
    }
    if (strcmp(how, "commit") == 0) {
        say("commit", ottla_producer_commit(p, 0, &error));
    } else {
        CHECK(ottla_producer_flush(p, 30000, &error) == 0);
        say("abort", ottla_producer_abort(p, 0, &error));
    }
    ottla_producer_free(p, 10000);
}

static void do_fence(struct ottla_client *client, char **args)
{
    struct ottla_producer *old = producer_of(client);
    CHECK(ottla_producer_begin(old, &error) == 0);
    send_one(old, args[0], 0, 1);
    CHECK(ottla_producer_flush(old, 30000, &error) == 0);
    struct ottla_producer *new = producer_of(client);
    say("commit", ottla_producer_commit(old, 0, &error));
    say("begin", ottla_producer_begin(old, &error));
    ottla_producer_free(old, 1000);
    CHECK(ottla_producer_begin(new, &error) == 0);
    send_one(new, args[0], 0, 2);
    say("commit", ottla_producer_commit(new, 0, &error));
    ottla_producer_free(new, 1000);
}

static void do_offsets(struct ottla_client *client, char **args)
{
    struct ottla_commit offset = {
        .topic = args[0], .partition = 0, .leader_epoch = -1, .offset = atoll(args[3])};
    struct ottla_group_metadata group = {
        .group_id = args[1], .generation = args[2][0] ? 1 : -1, .member_id = args[2]};
    struct ottla_producer *p = producer_of(client);
    CHECK(ottla_producer_begin(p, &error) == 0);
    send_one(p, args[0], 0, 1);
    say("offsets", ottla_producer_send_offsets(p, &offset, 1, &group, 0, &error));
    int code = ottla_producer_commit(p, 0, &error);
    say("commit", code);
    if (code) {
        say("abort", ottla_producer_abort(p, 0, &error));
        say("begin", ottla_producer_begin(p, &error));
    }
    ottla_producer_free(p, 1000);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int args;
        void (*fn)(struct ottla_client *client, char **args);
    } verbs[] = {{"write", 5, do_write}, {"fence", 1, do_fence}, {"offsets", 4, do_offsets}};
    for (size_t i = 0; argc >= 4 && i < sizeof verbs / sizeof *verbs; i++) {
        if (strcmp(argv[1], verbs[i].name) == 0 && argc >= 4 + verbs[i].args) {
            struct ottla_client *client = client_of(argv[2], argv[3], argv + 4 + verbs[i].args);
            verbs[i].fn(client, argv + 4);
            ottla_client_free(client);
            return 0;
        }
    }
    fprintf(stderr, "client_txn: see the source\n");
    return 2;
}
