/* The loads through libottla. */
#include "load.h"

#include <ottla/client.h>

static struct ottla_client *producers, *consumers;
static struct ottla_producer *producer;
static struct ottla_consumer *consumer;
static const char *topic;
static struct ottla_error error;

const char *lib_name(void) { return "ottla"; }

static struct ottla_client *client_of(const struct load *l)
{
    struct ottla_config *config = ottla_config_new();
    int code = ottla_config_set(config, "bootstrap.servers", l->bootstrap, &error);
    for (int i = 0; code == 0 && i < l->setting_count; i++) {
        code = ottla_config_set(config, l->names[i], l->values[i], &error);
    }
    struct ottla_client *client = code ? NULL : ottla_client_new(config, &error);
    ottla_config_free(config);
    if (client == NULL) {
        load_die("%s", error.message);
    }
    return client;
}

static void on_delivery(void *ctx, const struct ottla_delivery *d) { load_delivered(d->error); }

void lib_producer_open(const struct load *l)
{
    producers = client_of(l);
    topic = l->topic;
    producer = ottla_producer_new(producers, &error);
    if (producer == NULL) {
        load_die("%s", error.message);
    }
}

void lib_send(const void *value, size_t len)
{
    struct ottla_message m;
    ottla_message_init(&m);
    m.topic = topic;
    m.value = value;
    m.value_length = len;
    if (ottla_producer_send(producer, &m, on_delivery, NULL, &error)) {
        load_die("send: %s", error.message);
    }
}

void lib_idle(void) {}

void lib_flush(void)
{
    if (ottla_producer_flush(producer, 60000, &error)) {
        load_die("flush: %s", error.message);
    }
}

void lib_producer_close(void)
{
    ottla_producer_free(producer, 1000);
    ottla_client_free(producers);
}

void lib_consumer_open(const struct load *l, int from_end)
{
    struct ottla_topic_partition tps[256];
    consumers = client_of(l);
    consumer = ottla_consumer_new(consumers, &error);
    for (int i = 0; i < l->partitions; i++) {
        tps[i] = (struct ottla_topic_partition){l->topic, i};
    }
    if (consumer == NULL || ottla_consumer_assign(consumer, tps, (size_t)l->partitions, &error)) {
        load_die("%s", error.message);
    }
    for (int i = 0; i < l->partitions; i++) {
        ottla_consumer_seek(consumer, l->topic, i,
                            from_end ? OTTLA_OFFSET_LATEST : OTTLA_OFFSET_EARLIEST, &error);
    }
}

void lib_poll(int timeout_ms)
{
    struct ottla_records *records;
    if (ottla_consumer_poll(consumer, timeout_ms, &records, &error)) {
        load_die("poll: %s", error.message);
    }
    size_t n = ottla_records_count(records);
    for (size_t i = 0; i < n; i++) {
        const struct ottla_record *r = ottla_records_at(records, i);
        load_received(r->value, r->value_length);
    }
    ottla_records_free(records);
}

void lib_consumer_close(void)
{
    ottla_consumer_free(consumer);
    ottla_client_free(consumers);
}
