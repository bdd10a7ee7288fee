/* copy_loop SERVERS FROM TO GROUP [COUNT]: copies one topic to another exactly once: records and
 * the offsets that were read belong to the same transaction. Killed and started again it goes on
 * where it was, and who reads with isolation.level=read_committed sees each record once. */
#include <ottla/client.h>

#include <stdio.h>
#include <stdlib.h>

struct copy {
    struct ottla_consumer *consumer;
    struct ottla_producer *producer;
    const char *to;
    long left;
    struct ottla_error error;
};

static int send_all(struct copy *c, struct ottla_records *records)
{
    int code = 0;
    for (size_t i = 0; code == 0 && i < ottla_records_count(records); i++) {
        const struct ottla_record *r = ottla_records_at(records, i);
        struct ottla_message message;
        ottla_message_init(&message);
        message.topic = c->to;
        message.timestamp_ms = r->timestamp_ms;
        message.key = r->key;
        message.key_length = r->key_length;
        message.value = r->value;
        message.value_length = r->value_length;
        message.headers = r->headers;
        message.header_count = r->header_count;
        code = ottla_producer_send(c->producer, &message, NULL, NULL, &c->error);
    }
    return code;
}

/* A poll gives records of one partition: the offset behind the last of them. */
static int send_offset(struct copy *c, struct ottla_records *records)
{
    const struct ottla_record *last = ottla_records_at(records, ottla_records_count(records) - 1);
    struct ottla_commit offset = {.topic = last->topic,
                                  .partition = last->partition,
                                  .leader_epoch = last->leader_epoch,
                                  .offset = last->offset + 1};
    struct ottla_group_metadata *group = NULL;
    int code = ottla_consumer_group_metadata(c->consumer, &group, &c->error);
    if (code == 0) {
        code = ottla_producer_send_offsets(c->producer, &offset, 1, group, 0, &c->error);
        ottla_group_metadata_free(group);
    }
    return code;
}

static int copy_some(struct copy *c, struct ottla_records *records)
{
    int code = ottla_producer_begin(c->producer, &c->error);
    code = code ? code : send_all(c, records);
    code = code ? code : send_offset(c, records);
    return code ? code : ottla_producer_commit(c->producer, 0, &c->error);
}

/* After an abort what was read is read again. */
static int abort_and_go_back(struct copy *c, struct ottla_records *records)
{
    const struct ottla_record *first = ottla_records_at(records, 0);
    int code = ottla_producer_abort(c->producer, 0, &c->error);
    return code ? code
                : ottla_consumer_seek(c->consumer, first->topic, first->partition, first->offset,
                                      &c->error);
}

static int step(struct copy *c)
{
    struct ottla_records *records = NULL;
    int code = ottla_consumer_poll(c->consumer, 500, &records, &c->error);
    size_t count = code ? 0 : ottla_records_count(records);
    if (count > 0) {
        code = copy_some(c, records);
        if (code && c->error.flags & OTTLA_ABORTABLE) {
            code = abort_and_go_back(c, records);
        } else if (code == 0) {
            c->left -= (long)count;
        }
    }
    ottla_records_free(records);
    return code;
}

static int run(struct copy *c, struct ottla_client *client, const char *from)
{
    c->consumer = ottla_consumer_new(client, &c->error);
    c->producer = c->consumer ? ottla_producer_new(client, &c->error) : NULL;
    int code = c->producer == NULL ? c->error.code
                                   : ottla_producer_init_transactions(c->producer, 0, &c->error);
    code = code ? code : ottla_consumer_subscribe(c->consumer, &from, 1, NULL, &c->error);
    while (code == 0 && c->left > 0) {
        code = step(c);
    }
    ottla_producer_free(c->producer, 1000);
    ottla_consumer_free(c->consumer);
    return code;
}

static struct ottla_client *client_of(char **argv, struct ottla_error *error)
{
    const char *const settings[][2] = {
        {"bootstrap.servers", argv[1]},  {"group.id", argv[4]},
        {"transactional.id", argv[4]},   {"isolation.level", "read_committed"},
        {"enable.auto.commit", "false"}, {"auto.offset.reset", "earliest"},
    };
    struct ottla_config *config = ottla_config_new();
    struct ottla_client *client = NULL;
    int code = 0;
    for (size_t i = 0; code == 0 && i < sizeof settings / sizeof settings[0]; i++) {
        code = ottla_config_set(config, settings[i][0], settings[i][1], error);
    }
    if (code == 0) {
        client = ottla_client_new(config, error);
    }
    ottla_config_free(config);
    return client;
}

int main(int argc, char **argv)
{
    struct copy c = {.left = __LONG_MAX__};
    if (argc < 5) {
        fprintf(stderr, "usage: copy_loop SERVERS FROM TO GROUP [COUNT]\n");
        return 2;
    }
    c.to = argv[3];
    c.left = argc > 5 ? atol(argv[5]) : c.left;
    struct ottla_client *client = client_of(argv, &c.error);
    int status = client == NULL || run(&c, client, argv[2]) != 0;
    if (status != 0) {
        fprintf(stderr, "%s\n", c.error.message);
    }
    ottla_client_free(client);
    return status;
}
