/* The consumer: a fetcher whose requests go through the client. The user's thread, one at a time,
 * but for wakeup. */
#include "client/fetcher.h"
#include "client/host.h"

#include "base/limit.h"
#include "base/mem.h"

/* An ask under way. */
struct errand {
    struct request request;
    struct ask *ask;
};

struct ottla_consumer {
    struct ottla_client *client;
    struct fetcher fetcher;
    struct waiter waiter;
};

struct ottla_consumer *ottla_consumer_new(struct ottla_client *client, struct ottla_error *error)
{
    (void)error;
    struct ottla_consumer *c = NEW(struct ottla_consumer);
    c->client = client;
    fetcher_init(&c->fetcher, &client->config->values, (uint64_t)client_now_ms(client));
    waiter_init(&c->waiter, client);
    return c;
}

static void drop_errand(struct request *r, void *ctx)
{
    struct errand *e = CONTAINER_OF(r, struct errand, request);
    struct ottla_consumer *c = ctx;
    fetcher_drop(&c->fetcher, e->ask);
    request_deinit(r);
    mem_free(e);
}

void ottla_consumer_free(struct ottla_consumer *c)
{
    if (c == NULL) {
        return;
    }
    waiter_drain(&c->waiter, drop_errand, c);
    waiter_deinit(&c->waiter);
    fetcher_deinit(&c->fetcher);
    mem_free(c);
}

/* --- assignment and positions --- */

int ottla_consumer_assign(struct ottla_consumer *c, const struct ottla_topic_partition *partitions,
                          size_t count, struct ottla_error *error)
{
    for (size_t i = 0; i < count; i++) {
        if (partitions[i].topic == NULL || partitions[i].topic[0] == '\0' ||
            partitions[i].partition < 0) {
            return error_set(error, ERR_INVALID_REQUEST, "partition %zu of the list is none", i);
        }
    }
    fetcher_assign(&c->fetcher, partitions, count);
    return 0;
}

static struct part *find(const struct ottla_consumer *c, const char *topic, int32_t partition,
                         struct ottla_error *error)
{
    struct part *p = fetcher_find(&c->fetcher, topic, partition);
    if (p == NULL) {
        error_set(error, ERR_INVALID_REQUEST, "%s-%d is not assigned", topic, partition);
    }
    return p;
}

int ottla_consumer_seek(struct ottla_consumer *c, const char *topic, int32_t partition,
                        int64_t offset, struct ottla_error *error)
{
    struct part *p = find(c, topic, partition, error);
    if (p == NULL) {
        return ERR_INVALID_REQUEST;
    }
    if (offset < 0 && offset != OTTLA_OFFSET_EARLIEST && offset != OTTLA_OFFSET_LATEST) {
        return error_set(error, ERR_INVALID_REQUEST, "%lld is no offset", (long long)offset);
    }
    part_seek(p, offset < 0 ? -1 : offset, offset);
    c->fetcher.code = 0;
    return 0;
}

int ottla_consumer_seek_to_time(struct ottla_consumer *c, const char *topic, int32_t partition,
                                int64_t timestamp_ms, struct ottla_error *error)
{
    struct part *p = find(c, topic, partition, error);
    if (p == NULL) {
        return ERR_INVALID_REQUEST;
    }
    if (timestamp_ms < 0) {
        return error_set(error, ERR_INVALID_REQUEST, "%lld is no time", (long long)timestamp_ms);
    }
    part_seek(p, -1, MAX(timestamp_ms, 1));
    c->fetcher.code = 0;
    return 0;
}

int ottla_consumer_pause(struct ottla_consumer *c, const char *topic, int32_t partition,
                         bool is_paused, struct ottla_error *error)
{
    struct part *p = find(c, topic, partition, error);
    if (p == NULL) {
        return ERR_INVALID_REQUEST;
    }
    p->is_paused = is_paused;
    return 0;
}

int64_t ottla_consumer_position(const struct ottla_consumer *c, const char *topic,
                                int32_t partition)
{
    const struct part *p = fetcher_find(&c->fetcher, topic, partition);
    return p != NULL ? p->position : -1;
}

int64_t ottla_consumer_end(const struct ottla_consumer *c, const char *topic, int32_t partition)
{
    const struct part *p = fetcher_find(&c->fetcher, topic, partition);
    return p != NULL ? p->end_off : -1;
}

/* --- poll --- */

static void send_all(struct ottla_consumer *c)
{
    const struct client_values *v = &c->client->config->values;
    struct ask *a;
    int64_t now_ms = client_now_ms(c->client);
    while ((a = fetcher_next(&c->fetcher, now_ms)) != NULL) {
        struct errand *e = NEW(struct errand);
        e->ask = a;
        e->request.call = (struct call){
            .api_key = a->api_key,
            .version_lo = a->version_lo,
            .version_hi = a->version_hi,
            .to = a->to_node < 0 ? CALL_ANY : CALL_NODE,
            .node_id = a->to_node,
            .msg = &a->req,
            .fit = ask_fit,
            .is_once = a->to_node >= 0,
            .deadline_ms = now_ms + v->request_timeout_ms + v->fetch_max_wait_ms,
        };
        waiter_submit(&c->waiter, &e->request);
    }
}

static void take(struct ottla_consumer *c, struct request *r)
{
    struct errand *e = CONTAINER_OF(r, struct errand, request);
    union {
        struct metadata_resp metadata;
        struct list_offsets_resp offsets;
        struct fetch_resp fetch;
    } resp;
    struct arena a;
    arena_init(&a, LIMIT_REQUEST_ARENA_BYTES);
    int code = request_read(r, &a, &resp, NULL);
    fetcher_take(&c->fetcher, e->ask, (enum err)code, &resp, r->call.frame,
                 client_now_ms(c->client));
    arena_deinit(&a);
    mem_free(e);
}

/* How long there is nothing to do without an answer. */
static int64_t wait_ms(const struct ottla_consumer *c, int64_t end_ms)
{
    int64_t now_ms = client_now_ms(c->client);
    int64_t at = MIN(end_ms, fetcher_deadline_ms(&c->fetcher, now_ms));
    return MAX(at - now_ms, 0);
}

int ottla_consumer_poll(struct ottla_consumer *c, int timeout_ms, struct ottla_records **ret,
                        struct ottla_error *error)
{
    int64_t end_ms = client_now_ms(c->client) + MAX(timeout_ms, 0);
    struct ottla_records *records;
    for (;;) {
        struct request *r;
        while ((r = waiter_next(&c->waiter, 0)) != NULL) {
            take(c, r);
        }
        records = fetcher_records(&c->fetcher);
        send_all(c); /* what comes next arrives while the user works */
        if (records != NULL || c->fetcher.code != 0 || waiter_take_wakeup(&c->waiter) ||
            client_now_ms(c->client) >= end_ms) {
            break;
        }
        waiter_wait(&c->waiter, wait_ms(c, end_ms));
    }
    if (records == NULL && c->fetcher.code != 0) {
        int code = c->fetcher.code;
        c->fetcher.code = 0;
        return error_set(error, code, "%s", c->fetcher.why);
    }
    *ret = records ? records : records_new("");
    return 0;
}

void ottla_consumer_wakeup(struct ottla_consumer *c) { waiter_wake(&c->waiter); }
