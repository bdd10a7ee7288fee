/* A consumer's partitions: which they are, where they stand, what went wrong with them. Pure; one
 * thread. See fetcher.h. */
#include "client/consumer/fetcher_int.h"

#include "base/attr.h"
#include "base/iso8601.h"
#include "base/mem.h"
#include "client/core/backoff.h"

#include <stdio.h>

void part_unref(struct part *p)
{
    if (--p->refs == 0) {
        mem_free(p->topic);
        mem_free(p);
    }
}

void part_drop_source(struct part *p)
{
    if (p->has_source) {
        source_deinit(&p->source);
        p->has_source = false;
    }
}

int64_t fetcher_reset_ts(const struct fetcher *f, int64_t now_ms)
{
    struct str reset = str_from(f->config->auto_offset_reset), prefix = STR("by_duration:");
    int64_t ms;
    if (str_has_prefix(reset, prefix) &&
        iso8601_duration(str_sub(reset, prefix.len, reset.len - prefix.len), &ms)) {
        return MAX(now_ms + f->wall_off_ms - ms, 1);
    }
    return str_eq(reset, STR("earliest")) ? OTTLA_OFFSET_EARLIEST
           : str_eq(reset, STR("latest")) ? OTTLA_OFFSET_LATEST
                                          : 0;
}

/* --- by name, by id --- */

struct part_key {
    struct str topic; /* empty: by the id */
    struct uuid topic_id;
    int32_t partition;
};

static uint64_t hash_of(const struct part_key *k)
{
    struct str id = {(const char *)&k->topic_id, sizeof k->topic_id};
    return str_hash(k->topic.len ? k->topic : id, (uint64_t)(uint32_t)k->partition);
}

static bool has_name(const struct map_node *n, const void *key)
{
    const struct part *p = MAP_ENTRY(n, struct part, by_name);
    const struct part_key *k = key;
    return p->partition == k->partition && str_eq(str_from(p->topic), k->topic);
}

static bool has_id(const struct map_node *n, const void *key)
{
    const struct part *p = MAP_ENTRY(n, struct part, by_id);
    const struct part_key *k = key;
    return p->partition == k->partition && uuid_eq(p->topic_id, k->topic_id);
}

struct part *fetcher_find_by_name(const struct fetcher *f, struct str topic, int32_t partition)
{
    struct part_key k = {.topic = topic, .partition = partition};
    struct map_node *n = map_find(&f->by_name, hash_of(&k), has_name, &k);
    return n ? MAP_ENTRY(n, struct part, by_name) : NULL;
}

struct part *fetcher_find_by_id(const struct fetcher *f, struct uuid topic_id, int32_t partition)
{
    struct part_key k = {.topic_id = topic_id, .partition = partition};
    struct map_node *n = map_find(&f->by_id, hash_of(&k), has_id, &k);
    return n ? MAP_ENTRY(n, struct part, by_id) : NULL;
}

struct part *fetcher_find(const struct fetcher *f, const char *topic, int32_t partition)
{
    return fetcher_find_by_name(f, str_from(topic), partition);
}

static void drop_id(struct part *p)
{
    if (p->has_by_id) {
        map_remove(&p->fetcher->by_id, &p->by_id);
        p->has_by_id = false;
    }
}

/* Two topics with one id would be a broker's mistake: then the first has it. */
void part_set_id(struct part *p, struct uuid topic_id)
{
    struct part_key k = {.topic_id = topic_id, .partition = p->partition};
    if (uuid_eq(p->topic_id, topic_id)) {
        return;
    }
    drop_id(p);
    p->topic_id = topic_id;
    if (!uuid_is_zero(topic_id) && fetcher_find_by_id(p->fetcher, topic_id, p->partition) == NULL) {
        map_insert(&p->fetcher->by_id, hash_of(&k), &p->by_id);
        p->has_by_id = true;
    }
}

/* --- what is next --- */

static bool is_to_be_asked_about(const struct part *p)
{
    return p->leader < 0 || p->wants_committed || p->position < 0 || part_wants_check(p);
}

void part_settle_end(struct part *p)
{
    bool is_there = p->knows_end && p->position == p->end_off && !p->has_source && !p->is_gone;
    if (list_is_linked(&p->end)) {
        list_remove(&p->end);
    }
    if (is_there && p->fetcher->tells_ends && p->told_end != p->position) {
        list_push_back(&p->fetcher->ends, &p->end);
    }
}

struct part *fetcher_end_reached(struct fetcher *f)
{
    struct list_node *n = list_pop_front(&f->ends);
    struct part *p = n ? LIST_ENTRY(n, struct part, end) : NULL;
    if (p != NULL) {
        p->told_end = p->position;
    }
    return p;
}

void part_settle(struct part *p)
{
    struct fetcher *f = p->fetcher;
    int32_t broker = -1;
    part_settle_end(p);
    if (list_is_linked(&p->place)) {
        list_remove(&p->place);
    }
    heap_remove(&f->later, &p->later);
    if (p->is_gone || p->is_asked) {
        /* nothing */
    } else if (p->has_source) {
        list_push_back(p->is_paused ? &p->session->shelved : &f->ready, &p->place);
    } else if (p->retry_at_ms > 0) {
        heap_insert(&f->later, &p->later, p->retry_at_ms);
    } else if (is_to_be_asked_about(p)) {
        list_push_back(&f->todo, &p->place);
    } else if (!p->is_paused) {
        broker = part_read_from(p);
    }
    seat_want(p, broker);
}

void part_set_replica(struct part *p, int32_t replica, int64_t until_ms)
{
    heap_remove(&p->fetcher->leases, &p->lease);
    p->replica = replica;
    if (replica >= 0) {
        heap_insert(&p->fetcher->leases, &p->lease, until_ms);
    }
}

void part_remove(struct fetcher *f, struct part *p)
{
    list_remove(&p->node);
    map_remove(&f->by_name, &p->by_name);
    drop_id(p);
    part_drop_source(p);
    part_set_replica(p, -1, 0);
    p->is_gone = true;
    part_settle(p);
    part_unref(p);
}

static struct part *part_new(struct fetcher *f, const char *topic, int32_t partition,
                             int64_t now_ms)
{
    struct part *p = NEW(struct part);
    struct part_key k = {.topic = str_from(topic), .partition = partition};
    p->refs = 1;
    p->fetcher = f;
    p->topic = str_dup(str_from(topic));
    p->partition = partition;
    p->leader = p->leader_epoch = p->replica = -1;
    p->position = p->end_off = p->log_start = p->told_end = -1;
    p->position_epoch = p->checked_leader = p->checked_epoch = -1;
    p->seek_ts = fetcher_reset_ts(f, now_ms);
    p->wants_committed = f->has_group;
    map_insert(&f->by_name, hash_of(&k), &p->by_name);
    part_settle(p);
    return p;
}

/* Those that are still in `old` when all others are taken go. */
void fetcher_assign(struct fetcher *f, const struct ottla_topic_partition *partitions, size_t count,
                    int64_t now_ms)
{
    struct list old;
    list_init(&old);
    list_splice_back(&old, &f->parts);
    for (size_t i = 0; i < count; i++) {
        struct part *p = fetcher_find(f, partitions[i].topic, partitions[i].partition);
        if (p == NULL) {
            p = part_new(f, partitions[i].topic, partitions[i].partition, now_ms);
        } else {
            list_remove(&p->node);
        }
        list_push_back(&f->parts, &p->node);
    }
    LIST_EACH(&old, n, tmp) {
        part_remove(f, LIST_ENTRY(n, struct part, node));
    }
    f->code = 0;
}

void fetcher_list(const struct fetcher *f, struct tps *to)
{
    tps_clear(to);
    LIST_EACH(&f->parts, n, tmp) {
        const struct part *p = LIST_ENTRY(n, struct part, node);
        tps_add(to, str_from(p->topic), p->partition);
    }
}

int64_t part_lag(const struct part *p)
{
    return p->position < 0 || p->end_off < 0 ? -1 : MAX(p->end_off - p->position, 0);
}

int64_t part_lead(const struct part *p)
{
    return p->position < 0 || p->log_start < 0 ? -1 : MAX(p->position - p->log_start, 0);
}

void part_seek(struct part *p, int64_t position, int64_t seek_ts)
{
    p->position = position;
    p->seek_ts = seek_ts;
    p->wants_committed = p->knows_end = false;
    p->told_end = -1;
    p->position_epoch = -1;
    p->turn++;
    p->is_asked = false;
    p->retry_at_ms = 0;
    part_drop_source(p);
    part_settle(p);
}

void part_pause(struct part *p, bool is_paused)
{
    if (p->is_paused != is_paused) {
        p->is_paused = is_paused;
        part_settle(p);
    }
}

void part_later(struct fetcher *f, struct part *p, int64_t now_ms)
{
    p->failures++;
    p->retry_at_ms = now_ms + backoff_ms(f->config->retry_backoff_ms,
                                         f->config->retry_backoff_max_ms, p->failures, &f->rand);
}

void fetcher_fail(struct fetcher *f, const struct part *p, int code, const char *said)
{
    if (f->code == 0) {
        f->code = code;
        snprintf(f->why, sizeof f->why, "%s-%d: %s%s", p->topic, p->partition,
                 said ? said : ottla_error_text(code), said ? "" : error_remedy(code));
    }
}

void part_failed(struct fetcher *f, struct part *p, int code, int64_t now_ms)
{
    part_later(f, p, now_ms);
    part_set_replica(p, -1, 0);
    if (code_is_retriable(code)) {
        p->leader = -1;
    } else {
        fetcher_fail(f, p, code, NULL);
    }
}

void fetcher_say(struct fetcher *f, const struct part *p, const char *fmt, ...)
{
    va_list args;
    buf_printf(&f->warnings, "%s-%d: ", p->topic, p->partition);
    va_start(args, fmt);
    buf_vprintf(&f->warnings, fmt, args);
    va_end(args);
    buf_put_u8(&f->warnings, '\n');
}
