/* A load that a broker has to keep through kill -9, and the judge of what it kept. A librdkafka
 * client, one process each:
 *
 *   kill9 load  BROKER TOPIC NOTES [name=value ...]
 *   kill9 check BROKER TOPIC NOTES
 *   kill9 trim  BROKER TOPIC NOTES      DeleteRecords of the older half of what is acknowledged
 *
 * `load` sends records numbered 0, 1, 2 ... in each partition with acks=all and an idempotent
 * producer, which has to come through any number of restarts, and appends to NOTES a line
 * "partition number offset" for each that was acknowledged. SIGTERM ends it: it waits until all is
 * acknowledged. An error that a client cannot come through ends it with exit code 1.
 *
 * `check` reads the topic and knows from NOTES what has to be there: every acknowledged record at
 * its offset, none twice, the numbers of a partition in order and without a gap.
 *
 * name=value: partitions, bytes (of a value), rate (records a second), or a setting of
 * librdkafka's. One thread. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PARTITIONS_MAX = 64, ERRSTR_BYTES = 512, READ_TIMEOUT_MS = 60000, QUIET_MAX = 60 };

static volatile sig_atomic_t is_over;

static void on_term(int sig)
{
    (void)sig;
    is_over = 1;
}

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fprintf(stderr, "kill9: ");
    vfprintf(stderr, fmt, ap);
    fprintf(stderr, "\n");
    va_end(ap);
    exit(1);
}

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[ERRSTR_BYTES];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) != RD_KAFKA_CONF_OK) {
        die("%s=%s: %s", name, value, why);
    }
}

static rd_kafka_t *client(rd_kafka_type_t type, rd_kafka_conf_t *conf, const char *broker)
{
    char why[ERRSTR_BYTES];
    set(conf, "bootstrap.servers", broker);
    rd_kafka_conf_set_log_cb(conf, NULL); /* lost connections are the point */
    rd_kafka_t *rk = rd_kafka_new(type, conf, why, sizeof why);
    if (rk == NULL) {
        die("%s", why);
    }
    return rk;
}

/* --- load --- */

struct load {
    int partitions;
    int bytes;
    int64_t rate;
    FILE *notes;
    int64_t sent[PARTITIONS_MAX], acked_count;
};

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    struct load *l = opaque;
    (void)rk;
    if (m->err) {
        die("a record was not delivered: %s", rd_kafka_err2str(m->err));
    }
    fprintf(l->notes, "%" PRId32 " %" PRId64 " %" PRId64 "\n", m->partition,
            (int64_t)(intptr_t)m->_private, m->offset);
    l->acked_count++;
}

static void on_error(rd_kafka_t *rk, int err, const char *reason, void *opaque)
{
    char why[ERRSTR_BYTES];
    (void)reason;
    (void)opaque;
    if (err == RD_KAFKA_RESP_ERR__FATAL) {
        rd_kafka_resp_err_t e = rd_kafka_fatal_error(rk, why, sizeof why);
        die("the producer cannot go on: %s: %s", rd_kafka_err2name(e), why);
    }
}

static rd_kafka_conf_t *load_conf(struct load *l, char **opts)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "enable.idempotence", "true");
    set(conf, "message.timeout.ms", "0");
    set(conf, "linger.ms", "2");
    set(conf, "queue.buffering.max.messages", "20000");
    set(conf, "reconnect.backoff.ms", "10");
    set(conf, "reconnect.backoff.max.ms", "100");
    set(conf, "retry.backoff.ms", "20");
    for (; *opts != NULL; opts++) {
        char *value = strchr(*opts, '=');
        if (value == NULL) {
            die("'%s' is not name=value", *opts);
        }
        *value++ = '\0';
        if (strcmp(*opts, "partitions") == 0) {
            l->partitions = atoi(value);
        } else if (strcmp(*opts, "bytes") == 0) {
            l->bytes = atoi(value);
        } else if (strcmp(*opts, "rate") == 0) {
            l->rate = atoll(value);
        } else {
            set(conf, *opts, value);
        }
    }
    if (l->partitions < 1 || l->partitions > PARTITIONS_MAX || l->bytes < 32 || l->rate < 1) {
        die("partitions, bytes or rate make no sense");
    }
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_opaque(conf, l);
    return conf;
}

/* False: the queue is full. */
static bool send_one(struct load *l, rd_kafka_topic_t *topic, int32_t p, char *value)
{
    int64_t n = l->sent[p];
    int len = snprintf(value, 32, "%" PRId32 " %" PRId64 " ", p, n);
    value[len] = '.'; /* snprintf's end */
    if (rd_kafka_produce(topic, p, RD_KAFKA_MSG_F_COPY, value, (size_t)l->bytes, NULL, 0,
                         (void *)(intptr_t)n)) {
        if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            die("cannot send: %s", rd_kafka_err2str(rd_kafka_last_error()));
        }
        return false;
    }
    l->sent[p]++;
    return true;
}

static void drive(struct load *l, rd_kafka_t *rk, rd_kafka_topic_t *topic, char *value)
{
    int64_t start = now_us(), count = 0;
    while (!is_over) {
        int64_t allowed = (now_us() - start) * l->rate / 1000000;
        bool is_full = false;
        for (; !is_full && count < allowed; count += !is_full) {
            is_full = !send_one(l, topic, (int32_t)(count % l->partitions), value);
        }
        count = is_full ? allowed : count; /* what could not be sent is not made up for */
        rd_kafka_poll(rk, 5);
    }
}

static int load(const char *broker, const char *name, const char *path, char **opts)
{
    struct load l = {.partitions = 4, .bytes = 100, .rate = 5000};
    rd_kafka_t *rk = client(RD_KAFKA_PRODUCER, load_conf(&l, opts), broker);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, name, NULL);
    char *value = malloc((size_t)l.bytes);
    l.notes = fopen(path, "a");
    if (l.notes == NULL || value == NULL || topic == NULL) {
        die("%s: %s", path, strerror(errno));
    }
    setvbuf(l.notes, NULL, _IOLBF, 0);
    memset(value, '.', (size_t)l.bytes);
    signal(SIGTERM, on_term);
    drive(&l, rk, topic, value);
    rd_kafka_resp_err_t e = rd_kafka_flush(rk, READ_TIMEOUT_MS);
    if (e) {
        die("not everything was acknowledged: %s", rd_kafka_err2str(e));
    }
    if (fclose(l.notes)) {
        die("%s: %s", path, strerror(errno));
    }
    printf("%" PRId64 " acknowledged\n", l.acked_count);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(rk);
    free(value);
    return 0;
}

/* --- check --- */

struct partition {
    int64_t *off; /* by number: where it was acknowledged; -1 not at all */
    int64_t count, cap, acked;
    int64_t low, high;
    int64_t next; /* the number that comes next; -1: nothing was read yet */
    int64_t kept; /* acknowledged and read */
};

struct check {
    struct partition parts[PARTITIONS_MAX];
    int partitions;
};

static void note(struct partition *p, int64_t number, int64_t off)
{
    while (p->count <= number) {
        if (p->count == p->cap) {
            p->cap = p->cap ? 2 * p->cap : 4096;
            p->off = realloc(p->off, (size_t)p->cap * sizeof *p->off);
            if (p->off == NULL) {
                die("no memory");
            }
        }
        p->off[p->count++] = -1;
    }
    if (p->off[number] != -1) {
        die("record %" PRId64 " was acknowledged twice", number);
    }
    p->off[number] = off;
    p->acked++;
}

static void read_notes(struct check *c, const char *path)
{
    FILE *f = fopen(path, "r");
    char line[128];
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        int32_t p;
        int64_t number, off;
        if (strchr(line, '\n') == NULL) {
            break; /* it is being written */
        }
        if (sscanf(line, "%" SCNd32 " %" SCNd64 " %" SCNd64, &p, &number, &off) != 3 || p < 0 ||
            p >= PARTITIONS_MAX || number < 0) {
            die("%s: '%s' is no note", path, line);
        }
        c->partitions = p >= c->partitions ? p + 1 : c->partitions;
        note(&c->parts[p], number, off);
    }
    if (f == NULL || c->partitions == 0) {
        die("%s has no notes", path);
    }
    fclose(f);
}

static void judge(struct check *c, const rd_kafka_message_t *m)
{
    struct partition *p = &c->parts[m->partition];
    char head[32] = "";
    int32_t says;
    int64_t number;
    memcpy(head, m->payload, m->len < sizeof head - 1 ? m->len : sizeof head - 1);
    if (sscanf(head, "%" SCNd32 " %" SCNd64, &says, &number) != 2 || says != m->partition) {
        die("partition %d offset %" PRId64 ": '%s' was never sent there", m->partition, m->offset,
            head);
    }
    if (p->next >= 0 && number != p->next) {
        die("partition %d offset %" PRId64 ": record %" PRId64 " instead of %" PRId64 " (%s)",
            m->partition, m->offset, number, p->next, number < p->next ? "doubled" : "lost");
    }
    if (p->next < 0 && p->low == 0 && number != 0) {
        die("partition %d begins with record %" PRId64, m->partition, number);
    }
    if (number < p->count && p->off[number] != -1) {
        if (p->off[number] != m->offset) {
            die("partition %d record %" PRId64 " was acknowledged at %" PRId64 ", is at %" PRId64,
                m->partition, number, p->off[number], m->offset);
        }
        p->kept++;
    }
    p->next = number + 1;
}

static void read_partition(struct check *c, rd_kafka_t *rk, rd_kafka_topic_t *topic, int32_t p)
{
    struct partition *part = &c->parts[p];
    int quiet = 0;
    if (rd_kafka_consume_start(topic, p, part->low) == -1) {
        die("partition %d cannot be read: %s", p, rd_kafka_err2str(rd_kafka_last_error()));
    }
    for (int64_t at = part->low; at < part->high;) {
        rd_kafka_message_t *m = rd_kafka_consume(topic, p, 1000);
        rd_kafka_poll(rk, 0);
        if (m == NULL) {
            if (++quiet > QUIET_MAX) {
                die("partition %d: nothing comes at offset %" PRId64 " of %" PRId64, p, at,
                    part->high);
            }
            continue;
        }
        if (m->err) {
            die("partition %d at offset %" PRId64 ": %s", p, at, rd_kafka_message_errstr(m));
        }
        judge(c, m);
        at = m->offset + 1;
        rd_kafka_message_destroy(m);
    }
    rd_kafka_consume_stop(topic, p);
}

/* Acknowledged below the log's start: they were deleted. */
static int64_t trimmed(const struct partition *p)
{
    int64_t n = 0;
    for (int64_t i = 0; i < p->count; i++) {
        n += p->off[i] != -1 && p->off[i] < p->low;
    }
    return n;
}

static void watermarks(rd_kafka_t *rk, const char *name, struct check *c)
{
    for (int p = 0; p < c->partitions; p++) {
        struct partition *part = &c->parts[p];
        rd_kafka_resp_err_t e =
            rd_kafka_query_watermark_offsets(rk, name, p, &part->low, &part->high, READ_TIMEOUT_MS);
        if (e) {
            die("partition %d has no offsets: %s", p, rd_kafka_err2str(e));
        }
        part->next = -1;
    }
}

static int check(const char *broker, const char *name, const char *path)
{
    static struct check c;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "check.crcs", "true");
    set(conf, "fetch.wait.max.ms", "50");
    rd_kafka_t *rk = client(RD_KAFKA_CONSUMER, conf, broker);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, name, NULL);
    int64_t acked = 0, gone = 0;
    read_notes(&c, path);
    watermarks(rk, name, &c);
    for (int32_t i = 0; i < c.partitions; i++) {
        struct partition *p = &c.parts[i];
        read_partition(&c, rk, topic, i);
        int64_t below = trimmed(p);
        if (p->kept + below != p->acked) {
            die("partition %d: %" PRId64 " records were acknowledged, %" PRId64 " are there", i,
                p->acked, p->kept + below);
        }
        acked += p->acked;
        gone += below;
        free(p->off);
    }
    printf("%" PRId64 " acknowledged, all there but %" PRId64 " that were deleted\n", acked, gone);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(rk);
    return 0;
}

/* --- trim --- */

static int trim(const char *broker, const char *name, const char *path)
{
    static struct check c;
    rd_kafka_t *rk = client(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), broker);
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(PARTITIONS_MAX);
    rd_kafka_queue_t *answers = rd_kafka_queue_new(rk);
    read_notes(&c, path);
    watermarks(rk, name, &c);
    for (int32_t i = 0; i < c.partitions; i++) {
        rd_kafka_topic_partition_list_add(l, name, i)->offset =
            (c.parts[i].low + c.parts[i].high) / 2;
    }
    rd_kafka_DeleteRecords_t *del = rd_kafka_DeleteRecords_new(l);
    rd_kafka_DeleteRecords(rk, &del, 1, NULL, answers);
    rd_kafka_event_t *ev = rd_kafka_queue_poll(answers, READ_TIMEOUT_MS);
    if (ev == NULL || rd_kafka_event_error(ev)) {
        die("DeleteRecords: %s", ev ? rd_kafka_event_error_string(ev) : "no answer");
    }
    const rd_kafka_topic_partition_list_t *done =
        rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(ev));
    for (int i = 0; i < done->cnt; i++) {
        if (done->elems[i].err) {
            die("DeleteRecords: %s", rd_kafka_err2str(done->elems[i].err));
        }
        printf("%d %" PRId64 "\n", done->elems[i].partition, done->elems[i].offset);
    }
    rd_kafka_event_destroy(ev);
    rd_kafka_DeleteRecords_destroy(del);
    rd_kafka_topic_partition_list_destroy(l);
    rd_kafka_queue_destroy(answers);
    rd_kafka_destroy(rk);
    return 0;
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc >= 5 && strcmp(argv[1], "load") == 0) {
        return load(argv[2], argv[3], argv[4], argv + 5);
    }
    if (argc == 5 && strcmp(argv[1], "check") == 0) {
        return check(argv[2], argv[3], argv[4]);
    }
    if (argc == 5 && strcmp(argv[1], "trim") == 0) {
        return trim(argv[2], argv[3], argv[4]);
    }
    fprintf(stderr, "usage: kill9 load|check|trim BROKER TOPIC NOTES [name=value ...]\n");
    return 2;
}
