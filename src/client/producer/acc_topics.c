/* Topics of a producer: who leads their partitions, how many there are. Pure. See accumulator.h. */
#include "client/producer/accumulator_int.h"

#include "base/mem.h"
#include "client/error.h"

enum { METADATA_VERSION_MAX = 13, AGE_MIN_MS = 100 };

static bool is_named(const struct map_node *n, const void *key)
{
    return strcmp(MAP_ENTRY(n, struct acc_topic, by_name)->name, key) == 0;
}

struct acc_topic *acc_topic(struct accumulator *acc, const char *name)
{
    if (acc->recent != NULL && strcmp(acc->recent->name, name) == 0) {
        return acc->recent;
    }
    uint64_t hash = str_hash(str_from(name), 0);
    struct map_node *n = map_find(&acc->by_name, hash, is_named, name);
    if (n != NULL) {
        return acc->recent = MAP_ENTRY(n, struct acc_topic, by_name);
    }
    struct acc_topic *t = NEW(struct acc_topic);
    t->name = str_dup(str_from(name));
    t->sticky.partition = -1;
    t->needs_metadata = true;
    list_push_back(&acc->topics, &t->node);
    map_insert(&acc->by_name, hash, &t->by_name);
    acc->topics_due_ms = 0;
    return acc->recent = t;
}

void acc_free_topic(struct accumulator *acc, struct acc_topic *t)
{
    for (int32_t i = 0; i < t->count; i++) {
        mem_free(t->queues[i]);
    }
    acc->recent = NULL;
    map_remove(&acc->by_name, &t->by_name);
    list_remove(&t->node);
    mem_free(t->queues);
    mem_free(t->name);
    mem_free(t);
}

static void grow(struct accumulator *acc, struct acc_topic *t, int32_t count)
{
    if (count <= t->count) {
        return;
    }
    t->queues = mem_realloc_array(t->queues, (size_t)count, sizeof(struct acc_queue *));
    for (; t->count < count; t->count++) {
        struct acc_queue *q = NEW(struct acc_queue);
        q->topic = t;
        q->partition = t->count;
        q->leader = q->leader_epoch = -1;
        q->part.topic = t->name;
        q->part.partition = t->count;
        list_init(&q->batches);
        q->known_id = -1;
        order_new(acc, q);
        t->queues[t->count] = q;
    }
}

/* --- asking --- */

static int64_t add_ms(int64_t a, int64_t b) { return b < INT64_MAX - a ? a + b : INT64_MAX; }

static int64_t old_at_ms(const struct accumulator *acc, const struct acc_topic *t)
{
    return add_ms(t->learnt_ms, MAX(acc->config->metadata_max_age_ms, AGE_MIN_MS));
}

static bool is_idle(const struct acc_topic *t)
{
    for (int32_t i = 0; i < t->count; i++) {
        if (t->queues[i]->count > 0 || t->queues[i]->part.role != TXN_OUT) {
            return false;
        }
    }
    return t->users == 0;
}

/* Topics that nobody writes to are forgotten, old knowledge is renewed. */
static void age(struct accumulator *acc, struct acc_topic *t, int64_t now_ms)
{
    if (t->needs_metadata && t->count == 0 && t->users > 0) {
        return;
    }
    if (add_ms(MAX(t->used_ms, t->learnt_ms), acc->config->metadata_max_idle_ms) <= now_ms &&
        is_idle(t)) {
        acc_free_topic(acc, t);
    } else if (t->count > 0 && old_at_ms(acc, t) <= now_ms) {
        t->needs_metadata = true;
    }
}

static struct produce_ask *new_ask(const struct accumulator *acc, size_t count)
{
    struct produce_ask *a = ask_new(PRODUCE_METADATA, CALL_ANY);
    a->api_key = API_METADATA;
    a->version_lo = 1;
    a->version_hi = METADATA_VERSION_MAX;
    a->req.metadata = metadata_req_default;
    a->req.metadata.allow_auto_topic_creation = acc->config->allow_auto_create_topics;
    a->req.metadata.topics = ask_array(a, count, sizeof *a->req.metadata.topics);
    return a;
}

static int64_t topics_deadline_ms(const struct accumulator *acc, int64_t now_ms)
{
    int64_t at_ms = INT64_MAX;
    LIST_EACH(&acc->topics, n, tmp) {
        const struct acc_topic *t = LIST_ENTRY(n, struct acc_topic, node);
        int64_t idle = add_ms(MAX(t->used_ms, t->learnt_ms), acc->config->metadata_max_idle_ms);
        int64_t old = old_at_ms(acc, t);
        idle = idle > now_ms ? idle : INT64_MAX; /* it is not idle, then */
        at_ms = MIN(at_ms, acc->is_asking_metadata ? INT64_MAX
                           : t->needs_metadata     ? t->retry_at_ms
                                                   : MIN(old, idle));
    }
    return at_ms;
}

struct produce_ask *acc_ask_metadata(struct accumulator *acc, int64_t now_ms)
{
    size_t n = 0;
    if (now_ms < acc->topics_due_ms) {
        return NULL; /* there may be many topics, and this is asked often */
    }
    LIST_EACH(&acc->topics, at, tmp) {
        age(acc, LIST_ENTRY(at, struct acc_topic, node), now_ms);
    }
    LIST_EACH(&acc->topics, at, tmp) {
        const struct acc_topic *t = LIST_ENTRY(at, struct acc_topic, node);
        n += t->needs_metadata && t->retry_at_ms <= now_ms;
    }
    if (n == 0 || acc->is_asking_metadata) {
        acc->topics_due_ms = topics_deadline_ms(acc, now_ms);
        return NULL;
    }
    struct produce_ask *a = new_ask(acc, n);
    LIST_EACH(&acc->topics, at, tmp) {
        const struct acc_topic *t = LIST_ENTRY(at, struct acc_topic, node);
        if (t->needs_metadata && t->retry_at_ms <= now_ms) {
            struct metadata_req_metadata_request_topic *to =
                &a->req.metadata.topics[a->req.metadata.topics_count++];
            *to = metadata_req_metadata_request_topic_default;
            to->name = str_from(t->name);
        }
    }
    acc->is_asking_metadata = true;
    return a;
}

/* --- what came of it --- */

static void learn_partition(struct acc_topic *t, bool is_other,
                            const struct metadata_resp_metadata_response_partition *p)
{
    if (p->partition_index < 0 || p->partition_index >= t->count) {
        return;
    }
    struct acc_queue *q = t->queues[p->partition_index];
    if (!is_other && p->leader_epoch >= 0 && p->leader_epoch < q->leader_epoch) {
        t->needs_metadata = true; /* an older view than a leader's own */
        return;
    }
    q->leader = p->leader_id < 0 ? -1 : p->leader_id;
    q->leader_epoch = p->leader_epoch;
    t->needs_metadata = t->needs_metadata || (p->leader_id < 0 && q->count > 0);
}

static void learn(struct accumulator *acc, struct acc_topic *t,
                  const struct metadata_resp_metadata_response_topic *from, int64_t now_ms)
{
    int32_t count = 0;
    bool is_other = !uuid_eq(t->id, from->topic_id);
    for (int32_t i = 0; i < from->partitions_count; i++) {
        count =
            MAX(count, MIN(from->partitions[i].partition_index, from->partitions_count - 1) + 1);
    }
    grow(acc, t, count);
    t->id = from->topic_id;
    t->learnt_ms = now_ms;
    for (int32_t i = 0; i < from->partitions_count; i++) {
        learn_partition(t, is_other, &from->partitions[i]);
    }
}

static struct acc_topic *find(struct accumulator *acc, struct str name)
{
    LIST_EACH(&acc->topics, n, tmp) {
        struct acc_topic *t = LIST_ENTRY(n, struct acc_topic, node);
        if (str_eq(str_from(t->name), name)) {
            return t;
        }
    }
    return NULL; /* forgotten meanwhile */
}

void acc_take_metadata(struct accumulator *acc, const struct produce_ask *ask, enum err e,
                       const struct metadata_resp *resp, int64_t now_ms)
{
    acc->is_asking_metadata = false;
    acc->topics_due_ms = 0;
    for (int32_t i = 0; i < ask->req.metadata.topics_count; i++) {
        struct acc_topic *t = find(acc, ask->req.metadata.topics[i].name);
        if (t == NULL) {
            continue;
        }
        t->code = e ? (int)e : ERR_UNKNOWN_TOPIC_OR_PARTITION;
        t->needs_metadata = true;
        for (int32_t k = 0; !e && k < resp->topics_count; k++) {
            if (!str_eq(resp->topics[k].name, str_from(t->name))) {
                continue;
            }
            t->code = resp->topics[k].error_code;
            if (t->code == 0) {
                t->needs_metadata = false;
                learn(acc, t, &resp->topics[k], now_ms);
            }
        }
        t->failures = t->needs_metadata ? t->failures + 1 : 0;
        t->retry_at_ms = t->needs_metadata ? now_ms + acc_pause_ms(acc, t->failures) : 0;
    }
}
