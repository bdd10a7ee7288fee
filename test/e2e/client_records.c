/* client_records consume BOOTSTRAP TOPIC PARTITIONS START [setting=value ...]: everything from
 * START (earliest, latest, an offset, or @time) to the end that the partitions have now, a line a
 * record: partition offset timestamp key value [header=value ...] Keys and values are in
 * hexadecimal, "-" is null. */
#include "client_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put_hex(const void *p, size_t len)
{
    const unsigned char *b = p;
    if (p == NULL) {
        printf("-");
    }
    for (size_t i = 0; i < len; i++) {
        printf("%02x", b[i]);
    }
}

static void put_record(const struct ottla_record *r)
{
    printf("%d %lld %lld ", r->partition, (long long)r->offset, (long long)r->timestamp_ms);
    put_hex(r->key, r->key_length);
    printf(" ");
    put_hex(r->value, r->value_length);
    for (size_t i = 0; i < r->header_count; i++) {
        printf(" %.*s=", (int)r->headers[i].key_length, r->headers[i].key);
        put_hex(r->headers[i].value, r->headers[i].value_length);
    }
    printf("\n");
}

static struct ottla_client *client_of(const char *bootstrap, char **settings, int count)
{
    struct ottla_config *config = ottla_config_new();
    CHECK(ottla_config_set(config, "bootstrap.servers", bootstrap, &error) == 0);
    for (int i = 0; i < count; i++) {
        char *eq = strchr(settings[i], '=');
        CHECK(eq != NULL);
        *eq = '\0';
        CHECK(ottla_config_set(config, settings[i], eq + 1, &error) == 0);
    }
    struct ottla_client *client = ottla_client_new(config, &error);
    CHECK(client != NULL);
    ottla_config_free(config);
    return client;
}

static void seek(struct ottla_consumer *consumer, const char *topic, int partition,
                 const char *start)
{
    if (start[0] == '@') {
        CHECK(ottla_consumer_seek_to_time(consumer, topic, partition, atoll(start + 1), &error) ==
              0);
        return;
    }
    int64_t offset = strcmp(start, "earliest") == 0 ? OTTLA_OFFSET_EARLIEST
                     : strcmp(start, "latest") == 0 ? OTTLA_OFFSET_LATEST
                                                    : atoll(start);
    CHECK(ottla_consumer_seek(consumer, topic, partition, offset, &error) == 0);
}

static bool is_at_end(struct ottla_consumer *consumer, const struct ottla_offsets *ends)
{
    for (size_t i = 0; i < ends->count; i++) {
        CHECK(ends->rows[i]->error == 0);
        if (ottla_consumer_position(consumer, ends->rows[i]->topic, ends->rows[i]->partition) !=
            ends->rows[i]->offset) {
            return false;
        }
    }
    return true;
}

/* One partition, and OTTLA_TEST_SKIP: a batch that cannot be read is told and passed over. */
static void skip(struct ottla_consumer *consumer, const char *topic)
{
    CHECK(getenv("OTTLA_TEST_SKIP") != NULL);
    printf("! %s %s\n", ottla_error_name(error.code), error.message);
    CHECK(ottla_consumer_seek(consumer, topic, 0, ottla_consumer_position(consumer, topic, 0) + 1,
                              &error) == 0);
}

static void consume(struct ottla_client *client, const char *topic, int count, const char *start,
                    bool is_committed)
{
    struct ottla_topic_partition *tps = calloc((size_t)count, sizeof *tps);
    struct ottla_offset_query *queries = calloc((size_t)count, sizeof *queries);
    struct ottla_consumer *consumer = ottla_consumer_new(client, &error);
    struct ottla_admin_options options;
    struct ottla_offsets *ends;
    CHECK(consumer != NULL && tps != NULL && queries != NULL);
    for (int i = 0; i < count; i++) {
        tps[i] = (struct ottla_topic_partition){topic, i};
        queries[i] = (struct ottla_offset_query){topic, i, OTTLA_OFFSET_LATEST};
    }
    CHECK(ottla_consumer_assign(consumer, tps, (size_t)count, &error) == 0);
    for (int i = 0; i < count; i++) {
        seek(consumer, topic, i, start);
    }
    ottla_admin_options_init(&options);
    options.is_read_committed = is_committed;
    CHECK(ottla_list_offsets(client, queries, (size_t)count, &options, &ends, &error) == 0);
    while (!is_at_end(consumer, ends)) {
        struct ottla_records *records;
        if (ottla_consumer_poll(consumer, 100, &records, &error) != 0) {
            skip(consumer, topic);
            continue;
        }
        for (size_t i = 0; i < ottla_records_count(records); i++) {
            put_record(ottla_records_at(records, i));
        }
        ottla_records_free(records);
    }
    ottla_offsets_free(ends);
    ottla_consumer_free(consumer);
    free(tps);
    free(queries);
}

/* A word of hexadecimal, in place; NULL for "-". */
static void *unhex(char *word, size_t *ret_len)
{
    unsigned char *to = (unsigned char *)word;
    size_t n = 0;
    unsigned byte;
    if (strcmp(word, "-") == 0) {
        *ret_len = 0;
        return NULL;
    }
    for (; sscanf(word + 2 * n, "%2x", &byte) == 1; n++) {
        to[n] = (unsigned char)byte;
    }
    *ret_len = n;
    return to;
}

static void on_delivery(void *ctx, const struct ottla_delivery *d)
{
    (void)ctx;
    printf("%d %lld %s%s%s\n", d->partition, (long long)d->offset, ottla_error_name(d->error),
           d->message ? " " : "", d->message ? d->message : "");
}

/* --- "through": what the program puts between itself and a producer --- */

static int in_brackets(void *ctx, const struct ottla_serialization *what, struct ottla_bytes *ret,
                       struct ottla_error *why)
{
    (void)ctx;
    (void)why;
    char *text = ottla_scratch_alloc(what->scratch, what->object_length + 2);
    text[0] = what->is_key ? '(' : '[';
    memcpy(text + 1, what->object, what->object_length);
    text[what->object_length + 1] = what->is_key ? ')' : ']';
    *ret = (struct ottla_bytes){text, what->object_length + 2};
    return 0;
}

static int refuse_no(void *ctx, const struct ottla_serialization *what, struct ottla_bytes *ret,
                     struct ottla_error *why)
{
    if (what->object_length == 2 && memcmp(what->object, "no", 2) == 0) {
        snprintf(why->message, sizeof why->message, "it says no");
        return OTTLA_ERR_INVALID_RECORD;
    }
    return in_brackets(ctx, what, ret, why);
}

static int mark(void *ctx, struct ottla_message *m, struct ottla_scratch *scratch,
                struct ottla_error *why)
{
    const struct ottla_header header = {"by", 2, ctx, 1};
    (void)why;
    return ottla_message_add_header(m, scratch, &header);
}

static struct {
    int written, refused;
} acknowledged[2]; /* by each interceptor */

static void count(void *ctx, const struct ottla_delivery *d)
{
    int i = *(const char *)ctx - '1';
    acknowledged[i].written += d->error == 0;
    acknowledged[i].refused += d->error != 0;
}

static struct ottla_producer *producer_through(struct ottla_client *client)
{
    static char names[] = "12";
    const struct ottla_producer_interceptor chain[] = {{mark, count, names},
                                                       {mark, count, names + 1}};
    struct ottla_producer_options o;
    ottla_producer_options_init(&o);
    o.key_serializer.serialize = in_brackets;
    o.value_serializer.serialize = refuse_no;
    o.interceptors = chain;
    o.interceptor_count = 2;
    return ottla_producer_new_with(client, &o, &error);
}

static void send_line(struct ottla_producer *producer, const char *topic, char *line, bool is_sync)
{
    struct ottla_header headers[16];
    struct ottla_message m;
    struct ottla_delivery d = {.message = NULL};
    char *rest = line;
    ottla_message_init(&m);
    m.topic = topic;
    m.partition = atoi(strtok_r(rest, " ", &rest));
    m.timestamp_ms = atoll(strtok_r(rest, " ", &rest));
    m.key = unhex(strtok_r(rest, " ", &rest), &m.key_length);
    m.value = unhex(strtok_r(rest, " \n", &rest), &m.value_length);
    m.headers = headers;
    for (char *h; m.header_count < 16 && (h = strtok_r(rest, " \n", &rest)) != NULL;
         m.header_count++) {
        char *eq = strchr(h, '=');
        headers[m.header_count].key = h;
        headers[m.header_count].key_length = (size_t)(eq - h);
        headers[m.header_count].value = unhex(eq + 1, &headers[m.header_count].value_length);
    }
    if (is_sync) {
        CHECK(ottla_producer_send_wait(producer, &m, &d, &error) == 0);
        on_delivery(NULL, &d);
    } else if (ottla_producer_send(producer, &m, on_delivery, NULL, &error)) {
        printf("-1 -1 %s %s\n", ottla_error_name(error.code), error.message);
    }
}

static void produce(struct ottla_client *client, const char *topic, const char *how, int wait_ms)
{
    bool is_through = strcmp(how, "through") == 0;
    struct ottla_producer *producer =
        is_through ? producer_through(client) : ottla_producer_new(client, &error);
    char *line = NULL;
    size_t size = 0;
    CHECK(producer != NULL);
    setvbuf(stdout, NULL, _IOLBF, 0); /* who feeds it may wait for what becomes of a record */
    while (getline(&line, &size, stdin) > 0) {
        send_line(producer, topic, line, strcmp(how, "sync") == 0);
    }
    free(line);
    ottla_producer_free(producer, wait_ms);
    for (int i = 0; is_through && i < 2; i++) {
        printf("%d %d ACKNOWLEDGED\n", acknowledged[i].written, acknowledged[i].refused);
    }
}

int main(int argc, char **argv)
{
    bool is_committed = false;
    CHECK(argc >= 6);
    for (int i = 6; i < argc; i++) {
        is_committed = is_committed || strcmp(argv[i], "isolation.level=read_committed") == 0;
    }
    struct ottla_client *client = client_of(argv[2], argv + 6, argc - 6);
    if (strcmp(argv[1], "produce") == 0) {
        produce(client, argv[3], argv[4], atoi(argv[5]));
    } else {
        consume(client, argv[3], atoi(argv[4]), argv[5], is_committed);
    }
    ottla_client_free(client);
    return 0;
}
