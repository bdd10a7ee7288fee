/* Fetches: what they ask for and what came of it. Pure; one thread. See fetcher.h.
 *
 * One request to a broker at a time. It may bring as much as fetch.max.bytes has left of what came
 * from that broker and was not read yet; what is paused gives way to what is not. */
#include "client/consumer/fetcher_int.h"

#include "base/attr.h"
#include "base/mem.h"

#include <stdio.h>

enum {
    FETCH_VERSION_MIN = 4,
    FETCH_VERSION_SESSIONS = 7, /* the first that knows them */
    FETCH_VERSION_NAMES = 12,   /* the last that names topics */
    FETCH_VERSION_MAX = 18
};

static bool is_read_committed(const struct fetcher *f)
{
    return strcmp(f->config->isolation_level, "read_committed") == 0;
}

/* --- asking --- */

static bool is_same_topic(const struct ask_part *x, const struct ask_part *y)
{
    return uuid_eq(x->topic_id, y->topic_id) && strcmp(x->part->topic, y->part->topic) == 0;
}

static void build_named(struct fetcher *f, struct ask *a)
{
    struct fetch_req_fetch_topic *t = fetcher_ask_array(a, sizeof *t);
    struct fetch_req_fetch_partition *parts = fetcher_ask_array(a, sizeof *parts);
    size_t from = a->forgotten_count + a->replaced_count;
    a->req.fetch.topics = t--;
    for (size_t i = from; i < a->part_count; i++) {
        const struct ask_part *ap = &a->parts[i];
        parts[i] = fetch_req_fetch_partition_default;
        parts[i].partition = ap->part->partition;
        parts[i].current_leader_epoch = ap->part->leader_epoch;
        parts[i].fetch_offset = ap->part->position;
        parts[i].partition_max_bytes = f->config->max_partition_fetch_bytes;
        if (i == from || !is_same_topic(ap - 1, ap)) {
            *++t = fetch_req_fetch_topic_default;
            t->topic = str_from(ap->part->topic);
            t->topic_id = ap->topic_id;
            t->partitions = &parts[i];
            a->req.fetch.topics_count++;
        }
        t->partitions_count++;
    }
}

/* A row each: they are few. */
static void build_forgotten(struct ask *a)
{
    struct fetch_req_forgotten_topic *rows = fetcher_ask_array(a, sizeof *rows);
    a->req.fetch.forgotten_topics_data = rows;
    for (size_t i = 0; i < a->forgotten_count + a->replaced_count; i++) {
        const struct ask_part *ap = &a->parts[i];
        rows[i] = fetch_req_forgotten_topic_default;
        rows[i].topic = str_from(ap->part->topic);
        rows[i].topic_id = ap->topic_id;
        rows[i].partitions = &ap->part->partition;
        rows[i].partitions_count = 1;
    }
}

/* Bytes; < 0: nothing may come before something was read. */
static int32_t room(const struct fetcher *f, struct fetch_session *s)
{
    int64_t most = f->config->fetch_max_bytes;
    struct list_node *n;
    while (s->held_bytes > 0 && s->held_bytes >= most && (n = list_front(&s->shelved)) != NULL) {
        struct part *p = LIST_ENTRY(n, struct part, place);
        part_drop_source(p);
        part_settle(p);
    }
    return s->held_bytes == 0     ? (int32_t)most
           : s->held_bytes < most ? (int32_t)(most - s->held_bytes)
                                  : -1;
}

static struct ask *build(struct fetcher *f, struct fetch_session *s, int32_t max_bytes)
{
    struct ask *a = fetcher_ask_new(f, ASK_FETCH, s->broker);
    struct fetch_req *req = &a->req.fetch;
    *req = fetch_req_default;
    session_ask(s, a);
    a->api_key = API_FETCH;
    a->version_lo = a->is_full ? FETCH_VERSION_MIN : FETCH_VERSION_SESSIONS;
    a->version_hi = s->is_by_name ? FETCH_VERSION_NAMES : FETCH_VERSION_MAX;
    req->max_wait_ms = f->config->fetch_max_wait_ms;
    req->min_bytes = f->config->fetch_min_bytes;
    req->max_bytes = max_bytes;
    req->isolation_level = is_read_committed(f);
    req->rack_id = str_from(f->config->client_rack);
    build_named(f, a);
    build_forgotten(a);
    return a;
}

struct ask *fetcher_next_fetch(struct fetcher *f)
{
    LIST_EACH(&f->sessions, n, tmp) {
        struct fetch_session *s = LIST_ENTRY(n, struct fetch_session, node);
        int32_t max_bytes = s->wanted_count > 0 && !s->is_asking ? room(f, s) : -1;
        if (max_bytes >= 0) {
            return build(f, s, max_bytes);
        }
    }
    return NULL;
}

/* Brokers that go by names would forget what was just named. */
void fetcher_fit_fetch(struct ask *a, int version)
{
    size_t n = a->forgotten_count + (version > FETCH_VERSION_NAMES ? a->replaced_count : 0);
    a->req.fetch.forgotten_topics_data_count = (int32_t)n;
}

struct ask *fetcher_next_end(struct fetcher *f)
{
    LIST_EACH(&f->sessions, n, tmp) {
        struct fetch_session *s = LIST_ENTRY(n, struct fetch_session, node);
        if (s->id > 0) {
            struct ask *a = fetcher_ask_new(f, ASK_END_SESSION, s->broker);
            a->session = s;
            a->api_key = API_FETCH;
            a->version_lo = FETCH_VERSION_SESSIONS;
            a->version_hi = s->is_by_name ? FETCH_VERSION_NAMES : FETCH_VERSION_MAX;
            a->req.fetch = fetch_req_default;
            a->req.fetch.session_id = s->id;
            a->req.fetch.session_epoch = -1;
            s->id = s->epoch = 0;
            return a;
        }
    }
    return NULL;
}

/* --- what came of it --- */

/* The log does not have that offset any more, or not yet. */
static void out_of_range(struct fetcher *f, struct part *p, int64_t now_ms)
{
    char why[128];
    int64_t ts = fetcher_reset_ts(f, now_ms);
    if (p->replica >= 0) { /* which may be behind: the leader knows */
        part_set_replica(p, -1, 0);
        return;
    }
    if (ts == 0) {
        snprintf(why, sizeof why, "there is no offset %lld, and auto.offset.reset is none",
                 (long long)p->position);
        fetcher_fail(f, p, ERR_OFFSET_OUT_OF_RANGE, why);
        part_later(f, p, now_ms);
        return;
    }
    fetcher_say(f, p, "there is no offset %lld: auto.offset.reset=%s", (long long)p->position,
                f->config->auto_offset_reset);
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

static void take_data(struct fetch_session *s, struct part *p,
                      const struct fetch_resp_partition_data *d, struct fetched *fetched,
                      int64_t now_ms)
{
    struct fetcher *f = p->fetcher;
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
    part_is_checked(p);
    p->end_off = strcmp(f->config->isolation_level, "read_committed") == 0 ? d->last_stable_offset
                                                                           : d->high_watermark;
    p->log_start = d->log_start_offset;
    p->knows_end = true;
    if (d->preferred_read_replica >= 0 && d->preferred_read_replica != p->replica) {
        part_set_replica(p, d->preferred_read_replica, now_ms + f->config->metadata_max_age_ms);
    }
    if (d->records.len > 0) {
        source_init(&p->source, fetched, (struct bytes){d->records.p, d->records.len});
        p->source.epoch = p->position_epoch;
        copy_aborted(&p->source, d);
        p->session = s;
        p->has_source = true;
    }
}

/* True: the row is about a partition of the session, and the first one about it. Where partitions
 * changed since it was asked, rows about those of before are nothing to wonder about. */
static bool take_row(struct fetch_session *s, struct part *p,
                     const struct fetch_resp_partition_data *d, struct fetched *fetched,
                     int64_t now_ms)
{
    struct seat *seat = p ? seat_of(p, s) : NULL;
    if (seat == NULL || !seat->is_told) {
        return !list_is_empty(&s->changed);
    }
    if (seat->answer == s->asked) {
        return false;
    }
    seat->answer = s->asked;
    if (seat_is_current(seat)) {
        take_data(s, p, d, fetched, now_ms);
        part_settle(p);
    }
    return true;
}

/* How many rows there are; -1: the answer is not to what was asked. */
static int64_t take_rows(struct fetcher *f, struct fetch_session *s, const struct fetch_resp *resp,
                         struct fetched *fetched, int64_t now_ms)
{
    int64_t count = 0;
    bool fits = true;
    for (int32_t i = 0; i < resp->responses_count; i++) {
        const struct fetch_resp_fetchable_topic_response *t = &resp->responses[i];
        struct ask_key key = {.topic = t->topic, .topic_id = t->topic_id};
        for (int32_t k = 0; k < t->partitions_count; k++) {
            key.partition = t->partitions[k].partition_index;
            struct part *p = fetcher_of_key(f, &key);
            fits = take_row(s, p, &t->partitions[k], fetched, now_ms) && fits;
            count++;
        }
    }
    return fits ? count : -1;
}

/* What an answer does not speak of is asked for again, but not at once. */
static void take_silence(struct fetcher *f, struct fetch_session *s, int64_t now_ms)
{
    LIST_EACH(&s->seats, n, tmp) {
        struct seat *seat = LIST_ENTRY(n, struct seat, node);
        if (seat->is_wanted && seat->answer != s->asked && seat_is_current(seat)) {
            part_later(f, seat->part, now_ms);
            part_settle(seat->part);
        }
    }
}

/* Partitions that were named and not answered have nothing new, not even another end. */
static void take_no_news(struct fetch_session *s, const struct ask *a)
{
    for (size_t i = a->forgotten_count + a->replaced_count; i < a->part_count; i++) {
        struct part *p = a->parts[i].part;
        const struct seat *seat = seat_of(p, s);
        if (seat != NULL && seat->answer != s->asked && seat_is_current(seat)) {
            p->knows_end = true;
            part_settle_end(p);
        }
    }
}

static void count_fetch(struct fetcher *f, const struct ask *a, const struct fetch_resp *resp,
                        struct fetched *fetched, int64_t now_ms)
{
    int64_t bytes = 0;
    for (int32_t i = 0; i < resp->responses_count; i++) {
        for (int32_t k = 0; k < resp->responses[i].partitions_count; k++) {
            bytes += (int64_t)resp->responses[i].partitions[k].records.len;
        }
    }
    fetched->bytes = bytes;
    fetched->held = &a->session->held_bytes;
    metric_time(&f->metrics.fetches, now_ms - a->at_ms);
    f->metrics.bytes += bytes;
    f->metrics.bytes_max = MAX(f->metrics.bytes_max, bytes);
    metric_time(&f->metrics.throttles, resp->throttle_time_ms);
}

static bool is_of_sessions(int code)
{
    return code == ERR_FETCH_SESSION_ID_NOT_FOUND || code == ERR_INVALID_FETCH_SESSION_EPOCH ||
           code == ERR_FETCH_SESSION_TOPIC_ID_ERROR || code == ERR_INCONSISTENT_TOPIC_ID;
}

/* A replica beside the leader that cannot be reached, or that nobody knows, is left for the leader
 * at once (KIP-392). */
static void seat_failed(struct fetcher *f, struct seat *seat, int code, int64_t now_ms)
{
    struct part *p = seat->part;
    if (code == ERR_NETWORK_EXCEPTION && p->leader >= 0 && p->replica == seat->session->broker) {
        part_set_replica(p, -1, 0);
    } else {
        part_failed(f, p, code, now_ms);
    }
    part_settle(p);
}

void fetcher_fail_fetch(struct fetcher *f, struct ask *a, int code, int64_t now_ms)
{
    struct fetch_session *s = a->session;
    bool is_over = is_of_sessions(code) || code == ERR_UNSUPPORTED_VERSION;
    if (code == ERR_FETCH_SESSION_ID_NOT_FOUND) {
        s->id = 0;
    }
    if (!is_over || a->is_full) { /* else a full one may do at once */
        LIST_EACH(&s->seats, n, tmp) {
            struct seat *seat = LIST_ENTRY(n, struct seat, node);
            if (seat->is_wanted && seat_is_current(seat)) {
                seat_failed(f, seat, code, now_ms);
            }
        }
    }
    session_reset(s);
}

void fetcher_take_fetch(struct fetcher *f, struct ask *a, const struct fetch_resp *resp,
                        struct fetched *fetched, int64_t now_ms)
{
    struct fetch_session *s = a->session;
    count_fetch(f, a, resp, fetched, now_ms);
    if (resp->error_code != 0) {
        fetcher_fail_fetch(f, a, resp->error_code, now_ms);
        return;
    }
    int64_t rows = take_rows(f, s, resp, fetched, now_ms);
    if (a->is_full && rows != (int64_t)a->part_count) {
        take_silence(f, s, now_ms);
        rows = -1;
    } else if (rows >= 0 && f->tells_ends) {
        take_no_news(s, a);
    }
    session_answered(s, a, resp->session_id, rows >= 0);
}
