/* A consumer's partitions: which they are, where they stand, what went wrong with them. Pure; one
 * thread. See fetcher.h. */
#include "client/fetcher_int.h"

#include "base/attr.h"
#include "base/iso8601.h"
#include "base/mem.h"
#include "client/backoff.h"

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

void part_remove(struct fetcher *f, struct part *p)
{
    list_remove(&p->node);
    map_remove(&f->by_name, &p->by_name);
    part_drop_source(p);
    p->is_gone = true;
    part_unref(p);
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

/* --- by name --- */

static uint64_t hash_of(const char *topic, int32_t partition)
{
    return str_hash(str_from(topic), (uint64_t)(uint32_t)partition);
}

static bool is_it(const struct map_node *n, const void *key)
{
    const struct part *p = MAP_ENTRY(n, struct part, by_name);
    const struct ottla_topic_partition *k = key;
    return p->partition == k->partition && strcmp(p->topic, k->topic) == 0;
}

struct part *fetcher_find(const struct fetcher *f, const char *topic, int32_t partition)
{
    struct ottla_topic_partition key = {topic, partition};
    struct map_node *n = map_find(&f->by_name, hash_of(topic, partition), is_it, &key);
    return n ? MAP_ENTRY(n, struct part, by_name) : NULL;
}

static struct part *part_new(struct fetcher *f, const char *topic, int32_t partition,
                             int64_t now_ms)
{
    struct part *p = NEW(struct part);
    p->refs = 1;
    p->topic = str_dup(str_from(topic));
    p->partition = partition;
    p->leader = p->leader_epoch = p->replica = -1;
    p->position = p->end_off = p->log_start = -1;
    p->position_epoch = p->checked_leader = p->checked_epoch = -1;
    p->seek_ts = fetcher_reset_ts(f, now_ms);
    p->wants_committed = f->has_group;
    map_insert(&f->by_name, hash_of(topic, partition), &p->by_name);
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
    p->wants_committed = false;
    p->position_epoch = -1;
    p->turn++;
    p->is_asked = false;
    p->retry_at_ms = 0;
    part_drop_source(p);
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
        snprintf(f->why, sizeof f->why, "%s-%d: %s", p->topic, p->partition, said);
    }
}

bool part_is_idle(const struct part *p, int64_t now_ms)
{
    return !p->is_asked && !p->has_source && p->retry_at_ms <= now_ms;
}

void part_failed(struct fetcher *f, struct part *p, int code, int64_t now_ms)
{
    part_later(f, p, now_ms);
    p->replica = -1;
    if (code_is_retriable(code)) {
        p->leader = -1;
    } else {
        fetcher_fail(f, p, code, ottla_error_text(code));
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
