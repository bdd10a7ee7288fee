/* Whether a new leader has what was read before: KIP-320. Pure; see fetcher.h.
 *
 * The position's epoch is that of the batch before it. A leader knows where that epoch ended in its
 * log; if it ended before the position, what was read is gone from the log, and other records stand
 * there, or will. A leader that a fetch was taken by need not be asked. */
#include "client/consumer/fetcher_int.h"

#include <inttypes.h>
#include <stdio.h>

enum { EPOCHS_VERSION_LO = 3, EPOCHS_VERSION_MAX = 4 }; /* older ones are not for consumers */

bool part_wants_check(const struct part *p)
{
    return p->position >= 0 && p->position_epoch >= 0 && p->leader >= 0 && p->leader_epoch >= 0 &&
           (p->checked_leader != p->leader || p->checked_epoch != p->leader_epoch);
}

void part_is_checked(struct part *p)
{
    p->checked_leader = p->leader;
    p->checked_epoch = p->leader_epoch;
}

/* --- asking --- */

static void build(struct ask *a)
{
    struct offset_for_leader_epoch_req *req = &a->req.epochs;
    struct offset_for_leader_epoch_req_offset_for_leader_topic *t = fetcher_ask_array(a, sizeof *t);
    struct offset_for_leader_epoch_req_offset_for_leader_partition *parts =
        fetcher_ask_array(a, sizeof *parts);
    a->api_key = API_OFFSET_FOR_LEADER_EPOCH;
    a->version_lo = EPOCHS_VERSION_LO;
    a->version_hi = EPOCHS_VERSION_MAX;
    *req = offset_for_leader_epoch_req_default;
    req->replica_id = -1;
    req->topics = t--;
    fetcher_ask_sort(a);
    for (size_t i = 0; i < a->part_count; i++) {
        const struct part *p = a->parts[i].part;
        parts[i].partition = p->partition;
        parts[i].current_leader_epoch = p->leader_epoch;
        parts[i].leader_epoch = p->position_epoch;
        if (i == 0 || !str_eq(t->topic, str_from(p->topic))) {
            t++;
            t->topic = str_from(p->topic);
            t->partitions = &parts[i];
            req->topics_count++;
        }
        t->partitions_count++;
    }
}

struct ask *fetcher_next_epochs(struct fetcher *f)
{
    struct ask *a = NULL;
    LIST_EACH(&f->todo, n, tmp) {
        struct part *p = LIST_ENTRY(n, struct part, place);
        if (part_wants_check(p) && (a == NULL || a->to_node == p->leader)) {
            a = a ? a : fetcher_ask_new(f, ASK_EPOCHS, p->leader);
            fetcher_ask_add(a, p);
        }
    }
    if (a != NULL) {
        build(a);
    }
    return a;
}

/* --- what came of it --- */

/* end_off < 0: nothing is known of where the log is another one. */
static void truncated(struct fetcher *f, struct part *p, int32_t end_epoch, int64_t end_off,
                      int64_t now_ms)
{
    char why[200];
    int64_t ts = fetcher_reset_ts(f, now_ms);
    int n = snprintf(why, sizeof why,
                     "log truncation: offset %" PRId64 " of epoch %d is not in the log of leader "
                     "%d",
                     p->position, p->position_epoch, p->leader);
    if (end_off >= 0 && n > 0 && (size_t)n < sizeof why) {
        snprintf(why + n, sizeof why - (size_t)n, ", which differs from offset %" PRId64 " on",
                 end_off);
    }
    if (ts == 0) {
        fetcher_fail(f, p, ERR_OFFSET_OUT_OF_RANGE, why);
        part_later(f, p, now_ms);
    } else if (end_off < 0) {
        fetcher_say(f, p, "%s: auto.offset.reset=%s", why, f->config->auto_offset_reset);
        part_seek(p, -1, ts);
    } else {
        fetcher_say(f, p, "%s: goes on there", why);
        part_seek(p, end_off, ts);
        p->position_epoch = end_epoch;
        part_is_checked(p);
    }
}

static void take_end(struct fetcher *f, struct part *p,
                     const struct offset_for_leader_epoch_resp_epoch_end_offset *r, int64_t now_ms)
{
    bool is_known = r->end_offset >= 0 && r->leader_epoch >= 0;
    if (r->error_code) {
        part_failed(f, p, r->error_code, now_ms);
    } else if (!is_known) {
        truncated(f, p, -1, -1, now_ms);
    } else if (r->end_offset < p->position) {
        truncated(f, p, r->leader_epoch, r->end_offset, now_ms);
    } else {
        p->failures = 0;
        part_is_checked(p);
    }
}

void fetcher_take_epochs(struct fetcher *f, struct ask *a,
                         const struct offset_for_leader_epoch_resp *resp, int64_t now_ms)
{
    for (int32_t i = 0; i < resp->topics_count; i++) {
        struct ask_key key = {.topic = resp->topics[i].topic};
        for (int32_t k = 0; k < resp->topics[i].partitions_count && key.topic.len > 0; k++) {
            key.partition = resp->topics[i].partitions[k].partition;
            struct part *p = fetcher_ask_answered(a, &key);
            if (p != NULL) {
                take_end(f, p, &resp->topics[i].partitions[k], now_ms);
            }
        }
    }
}
