/* Partitions, leaders, positions, fetches. Pure; one thread. See fetcher.h.
 *
 * A partition: of a group → committed offset → leader unknown → metadata → position unknown →
 * offsets → fetch, again and again; it is asked about by one request at a time, and not while
 * records of it wait to be given. An error of a leader sends it back to metadata, an offset that is
 * gone to offsets. A new leader is asked first whether it has what was read (fetcher_epochs.c). */
#include "client/consumer/fetcher_int.h"

#include "base/attr.h"
#include "base/limit.h"
#include "base/mem.h"
#include "client/core/call.h"

#include <stdio.h>

enum { METADATA_VERSION_MAX = 13, OFFSETS_VERSION_MAX = 11 };

/* --- what to ask --- */

static struct ask *next_metadata(struct fetcher *f)
{
    struct ask *a = NULL;
    LIST_EACH(&f->todo, n, tmp) {
        struct part *p = LIST_ENTRY(n, struct part, place);
        if (p->leader < 0 && !f->is_asking_metadata) {
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
    fetcher_ask_sort(a);
    for (size_t i = 0; i < a->part_count; i++) {
        struct str name = str_from(a->parts[i].part->topic);
        int32_t n = a->req.metadata.topics_count;
        if (n == 0 || !str_eq(topics[n - 1].name, name)) {
            topics[n] = metadata_req_metadata_request_topic_default;
            topics[n].name = name;
            a->req.metadata.topics_count++;
        }
    }
    f->is_asking_metadata = true;
    return a;
}

/* --- where a log begins, ends, or was at a time --- */

static bool needs_offset(const struct part *p)
{
    return p->leader >= 0 && p->position < 0 && !p->wants_committed;
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
    a->req.offsets.topics = topics--;
    fetcher_ask_sort(a);
    for (size_t i = 0; i < a->part_count; i++) {
        const struct part *p = a->parts[i].part;
        parts[i] = list_offsets_req_list_offsets_partition_default;
        parts[i].partition_index = p->partition;
        parts[i].timestamp = p->seek_ts;
        if (i == 0 || !str_eq(topics->name, str_from(p->topic))) {
            topics++;
            topics->name = str_from(p->topic);
            topics->partitions = &parts[i];
            a->req.offsets.topics_count++;
        }
        topics->partitions_count++;
    }
}

static struct ask *next_offsets(struct fetcher *f, int64_t now_ms)
{
    struct ask *a = NULL;
    LIST_EACH(&f->todo, n, tmp) {
        struct part *p = LIST_ENTRY(n, struct part, place);
        if (needs_offset(p) && p->seek_ts == 0) {
            fetcher_fail(f, p, ERR_OFFSET_OUT_OF_RANGE,
                         "there is no offset to begin with, and auto.offset.reset is none");
            part_later(f, p, now_ms);
            part_settle(p);
        } else if (needs_offset(p) && (a == NULL || a->to_node == p->leader)) {
            a = a ? a : fetcher_ask_new(f, ASK_OFFSETS, p->leader);
            fetcher_ask_add(a, p);
        }
    }
    if (a != NULL) {
        build_offsets(f, a);
    }
    return a;
}

void ask_fit(void *msg, int version)
{
    struct ask *a = CONTAINER_OF(msg, struct ask, req);
    if (a->kind == ASK_FETCH) {
        fetcher_fit_fetch(a, version);
    } else if (a->kind == ASK_COMMITTED) {
        fetcher_fit_committed(a, version);
    } else if (a->kind == ASK_METADATA && version < 4) {
        a->req.metadata.allow_auto_topic_creation = true; /* there is no such field yet */
    }
}

/* Those whose time has come. */
static void wake(struct fetcher *f, int64_t now_ms)
{
    struct heap_node *n;
    while ((n = heap_min(&f->later)) != NULL && n->key <= now_ms) {
        struct part *p = CONTAINER_OF(n, struct part, later);
        p->retry_at_ms = 0;
        part_settle(p);
    }
    while ((n = heap_min(&f->leases)) != NULL && n->key <= now_ms) {
        struct part *p = CONTAINER_OF(n, struct part, lease);
        part_set_replica(p, -1, 0); /* the leader may know a better one by now */
        part_settle(p);
    }
}

struct ask *fetcher_next(struct fetcher *f, int64_t now_ms)
{
    if (f->code != 0) {
        return NULL; /* somebody is to hear of it first */
    }
    wake(f, now_ms);
    struct ask *a = fetcher_next_committed(f);
    a = a ? a : next_metadata(f);
    a = a ? a : next_offsets(f, now_ms);
    a = a ? a : fetcher_next_epochs(f);
    a = a ? a : fetcher_next_fetch(f);
    if (a != NULL) {
        a->at_ms = now_ms;
    }
    return a;
}

int64_t fetcher_deadline_ms(const struct fetcher *f, int64_t now_ms)
{
    const struct heap_node *n = heap_min(&f->later);
    return n ? MAX(n->key, now_ms) : INT64_MAX;
}

/* --- what came of it --- */

/* There is another topic of that name: where the old one was read says nothing. */
static void recreated(struct fetcher *f, struct part *p, int64_t now_ms)
{
    fetcher_say(f, p, "the topic was made anew: begins as with a new partition");
    part_seek(p, -1, fetcher_reset_ts(f, now_ms));
    p->wants_committed = f->has_group;
    p->end_off = p->log_start = p->checked_leader = p->checked_epoch = -1;
}

static void take_leader(struct fetcher *f, struct part *p,
                        const struct metadata_resp_metadata_response_topic *t,
                        const struct metadata_resp_metadata_response_partition *tp, int64_t now_ms)
{
    if (tp->leader_id < 0) {
        part_failed(f, p, t->error_code ? t->error_code : ERR_UNKNOWN_TOPIC_OR_PARTITION, now_ms);
        return;
    }
    if (!uuid_is_zero(p->topic_id) && !uuid_is_zero(t->topic_id) &&
        !uuid_eq(p->topic_id, t->topic_id)) {
        recreated(f, p, now_ms);
    }
    p->leader = tp->leader_id;
    p->leader_epoch = tp->leader_epoch;
    part_set_id(p, t->topic_id);
}

static void take_metadata(struct fetcher *f, struct ask *a, const struct metadata_resp *resp,
                          int64_t now_ms)
{
    for (int32_t i = 0; i < resp->topics_count; i++) {
        const struct metadata_resp_metadata_response_topic *t = &resp->topics[i];
        struct ask_key key = {.topic = t->name};
        struct part *p;
        if (t->name.len == 0) {
            continue; /* we asked by names */
        }
        for (int32_t k = 0; k < t->partitions_count && t->error_code == 0; k++) {
            key.partition = t->partitions[k].partition_index;
            if ((p = fetcher_ask_answered(a, &key)) != NULL) {
                take_leader(f, p, t, &t->partitions[k], now_ms);
            }
        }
        size_t at = SIZE_MAX;
        while ((p = fetcher_ask_answered_all(a, &key, &at)) != NULL) {
            part_failed(f, p, t->error_code ? t->error_code : ERR_UNKNOWN_TOPIC_OR_PARTITION,
                        now_ms);
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
    for (int32_t i = 0; i < resp->topics_count; i++) {
        struct ask_key key = {.topic = resp->topics[i].name};
        for (int32_t k = 0; k < resp->topics[i].partitions_count && key.topic.len > 0; k++) {
            key.partition = resp->topics[i].partitions[k].partition_index;
            struct part *p = fetcher_ask_answered(a, &key);
            if (p != NULL) {
                take_offset(f, p, &resp->topics[i].partitions[k], now_ms);
            }
        }
    }
}

/* What an answer does not speak of is asked for again, but not at once. */
static void take_silence(struct fetcher *f, const struct ask *a, int64_t now_ms)
{
    for (size_t i = 0; i < a->part_count; i++) {
        struct part *p = fetcher_ask_silent(a, i);
        if (p != NULL && p->retry_at_ms <= now_ms) {
            part_later(f, p, now_ms);
        }
    }
}

static int failure_of(enum err e)
{
    bool passes = e == ERR_NETWORK_EXCEPTION || e == ERR_REQUEST_TIMED_OUT || e == ERR_CLOSED;
    return passes ? ERR_NETWORK_EXCEPTION : (int)e;
}

static void take_failure(struct fetcher *f, struct ask *a, int code, int64_t now_ms)
{
    for (size_t i = 0; i < a->part_count; i++) {
        if (fetcher_ask_is_current(&a->parts[i]) && a->kind == ASK_COMMITTED) {
            fetcher_fail_position(f, a->parts[i].part, code, now_ms);
        } else if (fetcher_ask_is_current(&a->parts[i]) && a->kind == ASK_EPOCHS &&
                   code == ERR_UNSUPPORTED_VERSION) {
            part_is_checked(a->parts[i].part); /* a broker that cannot say */
        } else if (fetcher_ask_is_current(&a->parts[i])) {
            part_failed(f, a->parts[i].part, code, now_ms);
        }
    }
}

void fetcher_take(struct fetcher *f, struct ask *a, enum err e, const void *resp, uint8_t *frame,
                  int64_t now_ms)
{
    struct fetched *fetched = fetched_new(frame);
    fetcher_ask_end(f, a);
    if (e && a->kind == ASK_FETCH) {
        fetcher_fail_fetch(f, a, failure_of(e), now_ms);
    } else if (e) {
        take_failure(f, a, failure_of(e), now_ms);
    } else if (a->kind == ASK_COMMITTED) {
        fetcher_take_committed(f, a, resp, now_ms);
    } else if (a->kind == ASK_METADATA) {
        take_metadata(f, a, resp, now_ms);
    } else if (a->kind == ASK_OFFSETS) {
        take_offsets(f, a, resp, now_ms);
    } else if (a->kind == ASK_EPOCHS) {
        fetcher_take_epochs(f, a, resp, now_ms);
    } else if (a->kind == ASK_FETCH) {
        fetcher_take_fetch(f, a, resp, fetched, now_ms);
    }
    if (!e && a->session == NULL) {
        take_silence(f, a, now_ms);
    }
    fetched_unref(fetched);
    fetcher_ask_free(a);
}

void fetcher_drop(struct fetcher *f, struct ask *a)
{
    fetcher_ask_end(f, a);
    fetcher_ask_free(a);
}

/* --- records --- */

#define BATCH_MOST "256 MiB"
_Static_assert(LIMIT_BATCH_PLAIN_BYTES == 256 << 20, "as it is told");

static struct ottla_records *take_records(struct fetcher *f, struct part *p)
{
    enum err e;
    struct source_rules rules = {
        .check_crcs = f->config->check_crcs,
        .is_read_committed = strcmp(f->config->isolation_level, "read_committed") == 0,
        .max_count = (size_t)f->config->max_poll_records,
        .max_plain_bytes = (size_t)f->config->fetch_max_bytes,
    };
    struct ottla_records *out = records_new(p->topic);
    bool has_more = source_take(&p->source, &rules, p->partition, &p->position, out, &e);
    p->position_epoch = p->source.epoch;
    if (!has_more) {
        part_drop_source(p);
    }
    if (e && out->count == 0) {
        char why[128];
        snprintf(why, sizeof why, "at offset %lld: %s", (long long)p->position,
                 e == ERR_BUDGET ? "the batch unpacks to more than " BATCH_MOST : err_text(e));
        fetcher_fail(f, p, e, why);
    }
    part_settle(p); /* each in its turn */
    if (out->count == 0) {
        ottla_records_free(out);
        return NULL;
    }
    return out;
}

struct ottla_records *fetcher_records(struct fetcher *f)
{
    struct ottla_records *r = NULL;
    const struct list_node *n;
    while (r == NULL && (n = list_front(&f->ready)) != NULL) {
        r = take_records(f, LIST_ENTRY(n, struct part, place));
    }
    return r;
}

void fetcher_init(struct fetcher *f, const struct client_values *config, uint64_t seed)
{
    *f = (struct fetcher){.config = config, .has_group = config->group_id[0] != '\0'};
    rand_init(&f->rand, seed);
    list_init(&f->parts);
    map_init(&f->by_name);
    map_init(&f->by_id);
    list_init(&f->todo);
    list_init(&f->ready);
    list_init(&f->ends);
    heap_init(&f->later);
    heap_init(&f->leases);
    list_init(&f->sessions);
    list_init(&f->asks);
}

void fetcher_deinit(struct fetcher *f)
{
    LIST_EACH(&f->parts, n, tmp) {
        part_remove(f, LIST_ENTRY(n, struct part, node));
    }
    LIST_EACH(&f->sessions, n, tmp) {
        session_free(LIST_ENTRY(n, struct fetch_session, node));
    }
    heap_deinit(&f->later);
    heap_deinit(&f->leases);
    map_deinit(&f->by_name);
    map_deinit(&f->by_id);
    buf_deinit(&f->warnings);
}
