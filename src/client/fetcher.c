/* Partitions, leaders, positions, fetches. Pure; one thread. See fetcher.h.
 *
 * A partition: of a group → committed offset → leader unknown → metadata → position unknown →
 * offsets → fetch, again and again; it is asked about by one request at a time, and not while
 * records of it wait to be given. An error of a leader sends it back to metadata, an offset that is
 * gone to offsets. */
#include "client/fetcher_int.h"

#include "base/assert.h"
#include "base/attr.h"
#include "base/iso8601.h"
#include "base/mem.h"
#include "client/backoff.h"
#include "client/call.h"

#include <stdio.h>

enum { METADATA_VERSION_MAX = 13, OFFSETS_VERSION_MAX = 11, FETCH_VERSION_MAX = 18 };
enum { FETCH_VERSION_NAMES = 12 }; /* the last that names topics */

/* --- partitions --- */

static void part_unref(struct part *p)
{
    if (--p->refs == 0) {
        mem_free(p->topic);
        mem_free(p);
    }
}

static void part_drop_source(struct part *p)
{
    if (p->has_source) {
        source_deinit(&p->source);
        p->has_source = false;
    }
}

static void part_remove(struct part *p)
{
    list_remove(&p->node);
    part_drop_source(p);
    p->is_gone = true;
    part_unref(p);
}

/* Where auto.offset.reset says; 0: nowhere, an error unless somebody seeks. */
static int64_t reset_ts(const struct fetcher *f, int64_t now_ms)
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

static struct part *part_new(struct fetcher *f, const char *topic, int32_t partition,
                             int64_t now_ms)
{
    struct part *p = NEW(struct part);
    p->refs = 1;
    p->topic = str_dup(str_from(topic));
    p->partition = partition;
    p->leader = p->leader_epoch = p->replica = -1;
    p->position = p->end_off = -1;
    p->position_epoch = -1;
    p->seek_ts = reset_ts(f, now_ms);
    p->wants_committed = f->has_group;
    list_push_back(&f->parts, &p->node);
    return p;
}

struct part *fetcher_find(const struct fetcher *f, const char *topic, int32_t partition)
{
    LIST_EACH(&f->parts, n, tmp) {
        struct part *p = LIST_ENTRY(n, struct part, node);
        if (p->partition == partition && strcmp(p->topic, topic) == 0) {
            return p;
        }
    }
    return NULL;
}

void fetcher_assign(struct fetcher *f, const struct ottla_topic_partition *partitions, size_t count,
                    int64_t now_ms)
{
    struct list old;
    list_init(&old);
    list_splice_back(&old, &f->parts);
    for (size_t i = 0; i < count; i++) {
        struct part *kept = NULL;
        LIST_EACH(&old, n, tmp) {
            struct part *p = LIST_ENTRY(n, struct part, node);
            if (p->partition == partitions[i].partition &&
                strcmp(p->topic, partitions[i].topic) == 0) {
                kept = p;
                break;
            }
        }
        if (kept != NULL) {
            list_remove(&kept->node);
            list_push_back(&f->parts, &kept->node);
        } else if (fetcher_find(f, partitions[i].topic, partitions[i].partition) == NULL) {
            part_new(f, partitions[i].topic, partitions[i].partition, now_ms);
        }
    }
    LIST_EACH(&old, n, tmp) {
        part_remove(LIST_ENTRY(n, struct part, node));
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

/* --- what to ask --- */

struct ask *fetcher_ask_new(struct fetcher *f, enum ask_kind kind, int32_t node)
{
    struct ask *a = NEW(struct ask);
    a->kind = kind;
    a->to_node = node;
    arena_init(&a->arena, SIZE_MAX);
    list_push_back(&f->asks, &a->node);
    return a;
}

void fetcher_ask_add(struct ask *a, struct part *p)
{
    a->parts = mem_realloc_array(a->parts, a->part_count + 1, sizeof *a->parts);
    a->parts[a->part_count++] = (struct ask_part){p, p->turn};
    p->refs++;
    p->is_asked = true;
}

void *fetcher_ask_array(struct ask *a, size_t size)
{
    void *p = arena_array(&a->arena, a->part_count, size);
    ASSERT(p != NULL); /* as mem_alloc: the user sized it */
    return p;
}

bool part_is_idle(const struct part *p, int64_t now_ms)
{
    return !p->is_asked && !p->has_source && p->retry_at_ms <= now_ms;
}

static struct ask *next_metadata(struct fetcher *f, int64_t now_ms)
{
    struct ask *a = NULL;
    LIST_EACH(&f->parts, n, tmp) {
        struct part *p = LIST_ENTRY(n, struct part, node);
        if (p->leader < 0 && part_is_idle(p, now_ms) && !f->is_asking_metadata) {
            a = a ? a : fetcher_ask_new(f, ASK_METADATA, -1);
            fetcher_ask_add(a, p);
        }
    }
    if (a == NULL) {
        return NULL;
    }
    struct metadata_req_metadata_request_topic *topics = fetcher_ask_array(a, sizeof *topics);
    a->api_key = API_METADATA;
    a->version_lo = 1;
    a->version_hi = METADATA_VERSION_MAX;
    a->req.metadata = metadata_req_default;
    a->req.metadata.allow_auto_topic_creation = f->config->allow_auto_create_topics;
    a->req.metadata.topics = topics;
    for (size_t i = 0; i < a->part_count; i++) {
        struct str name = str_from(a->parts[i].part->topic);
        int32_t k = 0;
        while (k < a->req.metadata.topics_count && !str_eq(topics[k].name, name)) {
            k++;
        }
        if (k == a->req.metadata.topics_count) {
            topics[k] = metadata_req_metadata_request_topic_default;
            topics[k].name = name;
            a->req.metadata.topics_count++;
        }
    }
    f->is_asking_metadata = true;
    return a;
}

/* --- where a log begins, ends, or was at a time --- */

static bool needs_offset(const struct part *p, int64_t now_ms)
{
    return p->leader >= 0 && p->position < 0 && !p->wants_committed && part_is_idle(p, now_ms);
}

static void build_offsets(struct fetcher *f, struct ask *a)
{
    struct list_offsets_req_list_offsets_topic *topics = fetcher_ask_array(a, sizeof *topics);
    struct list_offsets_req_list_offsets_partition *parts = fetcher_ask_array(a, sizeof *parts);
    a->api_key = API_LIST_OFFSETS;
    a->version_lo = 1;
    a->version_hi = OFFSETS_VERSION_MAX;
    a->req.offsets = list_offsets_req_default;
    a->req.offsets.replica_id = -1;
    a->req.offsets.isolation_level = strcmp(f->config->isolation_level, "read_committed") == 0;
    a->version_lo = a->req.offsets.isolation_level ? 2 : 1;
    a->req.offsets.topics = topics;
    a->req.offsets.topics_count = (int32_t)a->part_count;
    for (size_t i = 0; i < a->part_count; i++) {
        const struct part *p = a->parts[i].part;
        parts[i] = list_offsets_req_list_offsets_partition_default;
        parts[i].partition_index = p->partition;
        parts[i].timestamp = p->seek_ts;
        topics[i].name = str_from(p->topic);
        topics[i].partitions = &parts[i];
        topics[i].partitions_count = 1;
    }
}

static struct ask *next_offsets(struct fetcher *f, int64_t now_ms)
{
    struct ask *a = NULL;
    LIST_EACH(&f->parts, n, tmp) {
        struct part *p = LIST_ENTRY(n, struct part, node);
        if (needs_offset(p, now_ms) && p->seek_ts == 0) {
            fetcher_fail(f, p, ERR_OFFSET_OUT_OF_RANGE,
                         "there is no offset to begin with, and auto.offset.reset is none");
            part_later(f, p, now_ms);
        } else if (needs_offset(p, now_ms) && (a == NULL || a->to_node == p->leader)) {
            a = a ? a : fetcher_ask_new(f, ASK_OFFSETS, p->leader);
            fetcher_ask_add(a, p);
        }
    }
    if (a != NULL) {
        build_offsets(f, a);
    }
    return a;
}

static int32_t read_from(const struct part *p) { return p->replica >= 0 ? p->replica : p->leader; }

static bool is_fetching_from(const struct fetcher *f, int32_t node)
{
    LIST_EACH(&f->asks, n, tmp) {
        const struct ask *a = LIST_ENTRY(n, struct ask, node);
        if (a->kind == ASK_FETCH && a->to_node == node) {
            return true;
        }
    }
    return false;
}

static void build_fetch(struct fetcher *f, struct ask *a)
{
    struct fetch_req_fetch_topic *topics = fetcher_ask_array(a, sizeof *topics);
    struct fetch_req_fetch_partition *parts = fetcher_ask_array(a, sizeof *parts);
    struct fetch_req *req = &a->req.fetch;
    a->api_key = API_FETCH;
    a->version_lo = 4;
    a->version_hi = FETCH_VERSION_MAX;
    *req = fetch_req_default;
    req->max_wait_ms = f->config->fetch_max_wait_ms;
    req->min_bytes = f->config->fetch_min_bytes;
    req->max_bytes = f->config->fetch_max_bytes;
    req->isolation_level = strcmp(f->config->isolation_level, "read_committed") == 0;
    req->rack_id = str_from(f->config->client_rack);
    req->topics = topics;
    req->topics_count = (int32_t)a->part_count;
    for (size_t i = 0; i < a->part_count; i++) {
        const struct part *p = a->parts[i].part;
        parts[i] = fetch_req_fetch_partition_default;
        parts[i].partition = p->partition;
        parts[i].current_leader_epoch = p->leader_epoch;
        parts[i].fetch_offset = p->position;
        parts[i].partition_max_bytes = f->config->max_partition_fetch_bytes;
        topics[i] = fetch_req_fetch_topic_default;
        topics[i].partitions = &parts[i];
        topics[i].partitions_count = 1;
        if (uuid_is_zero(p->topic_id)) {
            a->version_hi = FETCH_VERSION_NAMES;
        }
    }
}

/* A request names topics, or has their ids. */
static void fit_fetch(struct ask *a, int version)
{
    struct fetch_req_fetch_topic *topics = a->req.fetch.topics;
    for (size_t i = 0; i < a->part_count; i++) {
        const struct part *p = a->parts[i].part;
        bool by_id = version > FETCH_VERSION_NAMES;
        topics[i].topic = by_id ? STR("") : str_from(p->topic);
        topics[i].topic_id = by_id ? p->topic_id : UUID_ZERO;
    }
    if (version < 11) {
        a->req.fetch.rack_id = STR("");
    }
}

void ask_fit(void *msg, int version)
{
    struct ask *a = CONTAINER_OF(msg, struct ask, req);
    if (a->kind == ASK_FETCH) {
        fit_fetch(a, version);
    } else if (a->kind == ASK_COMMITTED) {
        fetcher_fit_committed(a, version);
    } else if (a->kind == ASK_METADATA && version < 4) {
        a->req.metadata.allow_auto_topic_creation = true; /* there is no such field yet */
    }
}

static struct ask *next_fetch(struct fetcher *f, int64_t now_ms)
{
    struct ask *a = NULL;
    LIST_EACH(&f->parts, n, tmp) {
        struct part *p = LIST_ENTRY(n, struct part, node);
        if (p->leader < 0 || p->position < 0 || p->is_paused || !part_is_idle(p, now_ms)) {
            continue;
        }
        if (a == NULL ? !is_fetching_from(f, read_from(p)) : a->to_node == read_from(p)) {
            a = a ? a : fetcher_ask_new(f, ASK_FETCH, read_from(p));
            fetcher_ask_add(a, p);
        }
    }
    if (a != NULL) {
        build_fetch(f, a);
    }
    return a;
}

struct ask *fetcher_next(struct fetcher *f, int64_t now_ms)
{
    if (f->code != 0) {
        return NULL; /* somebody is to hear of it first */
    }
    struct ask *a = fetcher_next_committed(f, now_ms);
    a = a ? a : next_metadata(f, now_ms);
    a = a ? a : next_offsets(f, now_ms);
    return a ? a : next_fetch(f, now_ms);
}

int64_t fetcher_deadline_ms(const struct fetcher *f, int64_t now_ms)
{
    int64_t at = INT64_MAX;
    LIST_EACH(&f->parts, n, tmp) {
        const struct part *p = LIST_ENTRY(n, struct part, node);
        if (!p->is_asked && !p->has_source && p->retry_at_ms > now_ms) {
            at = MIN(at, p->retry_at_ms);
        }
    }
    return at;
}

/* --- what came of it --- */

/* An error of a partition: it passes when another broker is asked, or is told. */
static void part_failed(struct fetcher *f, struct part *p, int code, int64_t now_ms)
{
    part_later(f, p, now_ms);
    p->replica = -1;
    if (code_is_retriable(code)) {
        p->leader = -1;
    } else {
        fetcher_fail(f, p, code, ottla_error_text(code));
    }
}

bool fetcher_ask_is_current(const struct ask_part *ap)
{
    return !ap->part->is_gone && ap->part->turn == ap->turn;
}

static void take_leader(struct fetcher *f, struct part *p, const struct metadata_resp *resp,
                        int64_t now_ms)
{
    int code = ERR_UNKNOWN_TOPIC_OR_PARTITION;
    for (int32_t i = 0; i < resp->topics_count; i++) {
        const struct metadata_resp_metadata_response_topic *t = &resp->topics[i];
        if (!str_eq(t->name, str_from(p->topic))) {
            continue;
        }
        code = t->error_code ? t->error_code : code;
        for (int32_t k = 0; k < t->partitions_count; k++) {
            const struct metadata_resp_metadata_response_partition *tp = &t->partitions[k];
            if (tp->partition_index == p->partition && tp->leader_id >= 0) {
                p->leader = tp->leader_id;
                p->leader_epoch = tp->leader_epoch;
                p->topic_id = t->topic_id;
                return;
            }
        }
    }
    part_failed(f, p, code, now_ms);
}

static void take_metadata(struct fetcher *f, struct ask *a, const struct metadata_resp *resp,
                          int64_t now_ms)
{
    for (size_t i = 0; i < a->part_count; i++) {
        if (fetcher_ask_is_current(&a->parts[i])) {
            take_leader(f, a->parts[i].part, resp, now_ms);
        }
    }
}

static void take_offset(struct fetcher *f, struct part *p,
                        const struct list_offsets_resp_list_offsets_partition_response *r,
                        int64_t now_ms)
{
    if (r->error_code) {
        part_failed(f, p, r->error_code, now_ms);
    } else if (r->offset < 0) {
        p->seek_ts = OTTLA_OFFSET_LATEST; /* nothing is as young as that: what comes is */
    } else {
        p->position = r->offset;
        p->failures = 0;
    }
}

static void take_offsets(struct fetcher *f, struct ask *a, const struct list_offsets_resp *resp,
                         int64_t now_ms)
{
    for (size_t n = 0; n < a->part_count; n++) {
        struct part *p = a->parts[n].part;
        for (int32_t i = 0; i < resp->topics_count && fetcher_ask_is_current(&a->parts[n]); i++) {
            for (int32_t k = 0; k < resp->topics[i].partitions_count; k++) {
                if (resp->topics[i].partitions[k].partition_index == p->partition &&
                    str_eq(resp->topics[i].name, str_from(p->topic))) {
                    take_offset(f, p, &resp->topics[i].partitions[k], now_ms);
                }
            }
        }
    }
}

/* The log does not have that offset any more, or not yet. */
static void out_of_range(struct fetcher *f, struct part *p, int64_t now_ms)
{
    char why[128];
    int64_t ts = reset_ts(f, now_ms);
    if (ts == 0) {
        snprintf(why, sizeof why, "there is no offset %lld, and auto.offset.reset is none",
                 (long long)p->position);
        fetcher_fail(f, p, ERR_OFFSET_OUT_OF_RANGE, why);
        part_later(f, p, now_ms);
        return;
    }
    part_seek(p, -1, ts);
}

static void copy_aborted(struct source *s, const struct fetch_resp_partition_data *d)
{
    size_t n = (size_t)MAX(d->aborted_transactions_count, 0);
    s->aborted = n ? mem_zalloc(n * sizeof *s->aborted) : NULL;
    s->aborted_count = n;
    for (size_t i = 0; i < n; i++) {
        s->aborted[i].producer_id = d->aborted_transactions[i].producer_id;
        s->aborted[i].first_off = d->aborted_transactions[i].first_offset;
    }
}

static void take_data(struct fetcher *f, struct part *p, const struct fetch_resp_partition_data *d,
                      struct fetched *fetched, int64_t now_ms)
{
    if (d->error_code == ERR_OFFSET_OUT_OF_RANGE) {
        out_of_range(f, p, now_ms);
        return;
    }
    if (d->error_code) {
        part_failed(f, p, d->error_code, now_ms);
        if (p->leader < 0 && d->current_leader.leader_id >= 0) {
            p->leader = d->current_leader.leader_id;
            p->leader_epoch = d->current_leader.leader_epoch;
        }
        return;
    }
    p->failures = 0;
    p->end_off = strcmp(f->config->isolation_level, "read_committed") == 0 ? d->last_stable_offset
                                                                           : d->high_watermark;
    if (d->preferred_read_replica >= 0) {
        p->replica = d->preferred_read_replica;
    }
    if (d->records.len > 0) {
        source_init(&p->source, fetched, (struct bytes){d->records.p, d->records.len});
        copy_aborted(&p->source, d);
        p->has_source = true;
    }
}

static bool is_topic(const struct part *p, const struct fetch_resp_fetchable_topic_response *t)
{
    return t->topic.len > 0 ? str_eq(t->topic, str_from(p->topic))
                            : uuid_eq(t->topic_id, p->topic_id);
}

static void take_fetch(struct fetcher *f, struct ask *a, const struct fetch_resp *resp,
                       struct fetched *fetched, int64_t now_ms)
{
    for (size_t n = 0; n < a->part_count; n++) {
        struct part *p = a->parts[n].part;
        bool is_taken = false;
        if (resp->error_code && fetcher_ask_is_current(&a->parts[n])) {
            part_failed(f, p, resp->error_code, now_ms);
            continue;
        }
        for (int32_t i = 0; i < resp->responses_count && fetcher_ask_is_current(&a->parts[n]);
             i++) {
            const struct fetch_resp_fetchable_topic_response *t = &resp->responses[i];
            for (int32_t k = 0; k < t->partitions_count && is_topic(p, t) && !is_taken; k++) {
                if (t->partitions[k].partition_index == p->partition) {
                    take_data(f, p, &t->partitions[k], fetched, now_ms);
                    is_taken = true;
                }
            }
        }
    }
}

static void take_failure(struct fetcher *f, struct ask *a, enum err e, int64_t now_ms)
{
    bool passes = e == ERR_NETWORK_EXCEPTION || e == ERR_REQUEST_TIMED_OUT || e == ERR_CLOSED;
    for (size_t i = 0; i < a->part_count; i++) {
        int code = passes ? ERR_NETWORK_EXCEPTION : (int)e;
        if (fetcher_ask_is_current(&a->parts[i]) && a->kind == ASK_COMMITTED) {
            fetcher_take_position(f, a->parts[i].part, code, -1, now_ms);
        } else if (fetcher_ask_is_current(&a->parts[i])) {
            part_failed(f, a->parts[i].part, code, now_ms);
        }
    }
}

static void ask_end(struct fetcher *f, struct ask *a)
{
    if (a->kind == ASK_METADATA) {
        f->is_asking_metadata = false;
    } else if (a->kind == ASK_COMMITTED) {
        f->is_asking_committed = false;
    }
    for (size_t i = 0; i < a->part_count; i++) {
        struct part *p = a->parts[i].part;
        p->is_asked = p->is_asked && !fetcher_ask_is_current(&a->parts[i]);
    }
}

static void ask_free(struct ask *a)
{
    list_remove(&a->node);
    for (size_t i = 0; i < a->part_count; i++) {
        part_unref(a->parts[i].part);
    }
    mem_free(a->parts);
    arena_deinit(&a->arena);
    mem_free(a);
}

void fetcher_take(struct fetcher *f, struct ask *a, enum err e, const void *resp, uint8_t *frame,
                  int64_t now_ms)
{
    struct fetched *fetched = fetched_new(frame);
    ask_end(f, a);
    if (e) {
        take_failure(f, a, e, now_ms);
    } else if (a->kind == ASK_COMMITTED) {
        fetcher_take_committed(f, a, resp, now_ms);
    } else if (a->kind == ASK_METADATA) {
        take_metadata(f, a, resp, now_ms);
    } else if (a->kind == ASK_OFFSETS) {
        take_offsets(f, a, resp, now_ms);
    } else {
        take_fetch(f, a, resp, fetched, now_ms);
    }
    fetched_unref(fetched);
    ask_free(a);
}

void fetcher_drop(struct fetcher *f, struct ask *a)
{
    ask_end(f, a);
    ask_free(a);
}

/* --- records --- */

static struct ottla_records *take_records(struct fetcher *f, struct part *p)
{
    enum err e;
    struct source_rules rules = {
        .check_crcs = f->config->check_crcs,
        .is_read_committed = strcmp(f->config->isolation_level, "read_committed") == 0,
        .max_count = (size_t)f->config->max_poll_records,
    };
    struct ottla_records *out = records_new(p->topic);
    bool has_more = source_take(&p->source, &rules, p->partition, &p->position, out, &e);
    if (!has_more) {
        part_drop_source(p);
    }
    if (e && out->count == 0) {
        char why[128];
        snprintf(why, sizeof why, "at offset %lld: %s", (long long)p->position, err_text(e));
        fetcher_fail(f, p, e, why);
    }
    if (out->count == 0) {
        ottla_records_free(out);
        return NULL;
    }
    p->position_epoch = ottla_records_at(out, out->count - 1)->leader_epoch;
    return out;
}

struct ottla_records *fetcher_records(struct fetcher *f)
{
    LIST_EACH(&f->parts, n, tmp) {
        struct part *p = LIST_ENTRY(n, struct part, node);
        struct ottla_records *r = p->has_source && !p->is_paused ? take_records(f, p) : NULL;
        if (r != NULL) {
            list_remove(n); /* each in its turn */
            list_push_back(&f->parts, n);
            return r;
        }
    }
    return NULL;
}

void fetcher_init(struct fetcher *f, const struct client_values *config, uint64_t seed)
{
    *f = (struct fetcher){.config = config, .has_group = config->group_id[0] != '\0'};
    rand_init(&f->rand, seed);
    list_init(&f->parts);
    list_init(&f->asks);
}

void fetcher_deinit(struct fetcher *f)
{
    LIST_EACH(&f->parts, n, tmp) {
        part_remove(LIST_ENTRY(n, struct part, node));
    }
}
