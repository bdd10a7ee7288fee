/* The loads through librdkafka, as its own performance example calls it. */
#include "load.h"

#include <librdkafka/rdkafka.h>

enum { POLL_EVERY = 64, CONSUME_MAX = 500 };

static rd_kafka_t *producer, *consumer;
static rd_kafka_topic_t *topic;
static rd_kafka_queue_t *queue;
static char why[512];

const char *lib_name(void) { return "librdkafka"; }

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    load_delivered(m->err);
}

static rd_kafka_conf_t *conf_of(const struct load *l)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_res_t res =
        rd_kafka_conf_set(conf, "bootstrap.servers", l->bootstrap, why, sizeof why);
    for (int i = 0; res == RD_KAFKA_CONF_OK && i < l->setting_count; i++) {
        res = rd_kafka_conf_set(conf, l->names[i], l->values[i], why, sizeof why);
    }
    if (res != RD_KAFKA_CONF_OK) {
        load_die("%s", why);
    }
    return conf;
}

static rd_kafka_t *new_one(rd_kafka_type_t type, rd_kafka_conf_t *conf, const struct load *l)
{
    rd_kafka_t *rk = rd_kafka_new(type, conf, why, sizeof why);
    if (rk == NULL) {
        load_die("%s", why);
    }
    topic = rd_kafka_topic_new(rk, l->topic, NULL);
    return rk;
}

void lib_producer_open(const struct load *l)
{
    rd_kafka_conf_t *conf = conf_of(l);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    producer = new_one(RD_KAFKA_PRODUCER, conf, l);
}

void lib_send(const void *value, size_t len)
{
    static unsigned count;
    while (rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, (void *)value, len,
                            NULL, 0, NULL) != 0) {
        if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            load_die("send: %s", rd_kafka_err2str(rd_kafka_last_error()));
        }
        rd_kafka_poll(producer, 10);
    }
    if (++count % POLL_EVERY == 0) {
        rd_kafka_poll(producer, 0);
    }
}

void lib_idle(void) { rd_kafka_poll(producer, 0); }

void lib_flush(void)
{
    if (rd_kafka_flush(producer, 60000) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        load_die("flush: not all is written");
    }
}

void lib_producer_close(void)
{
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(producer);
}

void lib_consumer_open(const struct load *l, int from_end)
{
    consumer = new_one(RD_KAFKA_CONSUMER, conf_of(l), l);
    queue = rd_kafka_queue_new(consumer);
    for (int i = 0; i < l->partitions; i++) {
        rd_kafka_consume_start_queue(
            topic, i, from_end ? RD_KAFKA_OFFSET_END : RD_KAFKA_OFFSET_BEGINNING, queue);
    }
}

/* A batch is waited for until it is full; so the first message is waited for, and then what is
 * there is taken. */
void lib_poll(int timeout_ms)
{
    rd_kafka_message_t *m[CONSUME_MAX];
    m[0] = rd_kafka_consume_queue(queue, timeout_ms);
    ssize_t n =
        m[0] == NULL ? 0 : 1 + rd_kafka_consume_batch_queue(queue, 0, m + 1, CONSUME_MAX - 1);
    for (ssize_t i = 0; i < n; i++) {
        if (m[i]->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            load_received(m[i]->payload, m[i]->len);
        }
        rd_kafka_message_destroy(m[i]);
    }
}

void lib_consumer_close(void)
{
    rd_kafka_queue_destroy(queue);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(consumer);
}
