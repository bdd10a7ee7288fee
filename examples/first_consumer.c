/* first_consumer SERVERS GROUP TOPIC [COUNT]: prints the records of a topic as a member of a group,
 * until Ctrl-C or until COUNT were printed. Start it twice: the partitions are shared. Offsets are
 * committed by hand, after what they stand for was dealt with. */
#include <ottla/client.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static volatile sig_atomic_t is_over;

static void on_signal(int number)
{
    (void)number;
    is_over = 1; /* the loop looks at it twice a second; another thread would call _wakeup */
}

static void on_assigned(void *ctx, struct ottla_consumer *consumer,
                        const struct ottla_topic_partition *partitions, size_t count)
{
    (void)ctx, (void)consumer;
    for (size_t i = 0; i < count; i++) {
        fprintf(stderr, "now reading %s-%d\n", partitions[i].topic, (int)partitions[i].partition);
    }
}

static void print(const struct ottla_record *r)
{
    printf("%s-%d@%lld: %.*s\n", r->topic, (int)r->partition, (long long)r->offset,
           (int)r->value_length, r->value ? (const char *)r->value : "");
}

/* One poll; *left falls by what was printed. */
static int step(struct ottla_consumer *consumer, long *left, struct ottla_error *error)
{
    struct ottla_records *records = NULL;
    int code = ottla_consumer_poll(consumer, 500, &records, error);
    size_t count = code ? 0 : ottla_records_count(records);
    for (size_t i = 0; i < count; i++) {
        print(ottla_records_at(records, i));
    }
    ottla_records_free(records);
    *left -= (long)count;
    if (count > 0) {
        code = ottla_consumer_commit(consumer, NULL, 0, 0, error);
    }
    /* the group is about to share anew: the next poll takes part in it */
    return code == OTTLA_ERR_REBALANCE_IN_PROGRESS ? 0 : code;
}

static int consume(struct ottla_client *client, const char *topic, long left,
                   struct ottla_error *error)
{
    struct ottla_rebalance_listener listener = {.assigned = on_assigned};
    struct ottla_consumer *consumer = ottla_consumer_new(client, error);
    int code = consumer == NULL ? error->code
                                : ottla_consumer_subscribe(consumer, &topic, 1, &listener, error);
    while (code == 0 && !is_over && left > 0) {
        code = step(consumer, &left, error);
    }
    ottla_consumer_free(consumer); /* leaves the group */
    return code;
}

static struct ottla_client *client_of(char **argv, struct ottla_error *error)
{
    struct ottla_client *client = NULL;
    struct ottla_config *config = ottla_config_new();
    if (ottla_config_set(config, "bootstrap.servers", argv[1], error) == 0 &&
        ottla_config_set(config, "group.id", argv[2], error) == 0 &&
        ottla_config_set(config, "auto.offset.reset", "earliest", error) == 0 &&
        ottla_config_set(config, "enable.auto.commit", "false", error) == 0) {
        client = ottla_client_new(config, error);
    }
    ottla_config_free(config);
    return client;
}

int main(int argc, char **argv)
{
    struct ottla_error error;
    if (argc < 4) {
        fprintf(stderr, "usage: first_consumer SERVERS GROUP TOPIC [COUNT]\n");
        return 2;
    }
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    struct ottla_client *client = client_of(argv, &error);
    long left = argc > 4 ? atol(argv[4]) : __LONG_MAX__;
    int status = client == NULL || consume(client, argv[3], left, &error) != 0;
    if (status != 0) {
        fprintf(stderr, "%s\n", error.message);
    }
    ottla_client_free(client);
    return status;
}
