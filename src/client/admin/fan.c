/* Questions about partitions go to their leaders, all leaders at once; what failed because a leader
 * had moved is asked again. The caller's thread. */
#include "client/admin/admin.h"

#include "base/mem.h"

#include <stdlib.h>

static int compare_names(const void *a, const void *b)
{
    const struct metadata_req_metadata_request_topic *x = a, *y = b;
    return str_cmp(x->name, y->name);
}

/* The topics of what is not done, each once. */
static struct metadata_req_metadata_request_topic *open_topics(struct fan *fan, int32_t *ret_count)
{
    struct metadata_req_metadata_request_topic *topics =
        admin_array(fan->ad, fan->count, sizeof *topics);
    size_t n = 0, kept = 0;
    for (size_t i = 0; i < fan->count; i++) {
        if (!fan->items[i].is_done) {
            topics[n] = metadata_req_metadata_request_topic_default;
            topics[n++].name = fan->items[i].topic;
        }
    }
    qsort(topics, n, sizeof *topics, compare_names);
    for (size_t i = 0; i < n; i++) {
        if (kept == 0 || !str_eq(topics[kept - 1].name, topics[i].name)) {
            topics[kept++] = topics[i];
        }
    }
    *ret_count = (int32_t)kept;
    return topics;
}

static void take_leader(struct fan_item *item, const struct metadata_resp *resp)
{
    item->leader = -1;
    item->code = ERR_UNKNOWN_TOPIC_OR_PARTITION;
    item->said = STR_NULL;
    for (int32_t i = 0; i < resp->topics_count; i++) {
        const struct metadata_resp_metadata_response_topic *t = &resp->topics[i];
        if (!str_eq(t->name, item->topic)) {
            continue;
        }
        item->code = t->error_code ? t->error_code : item->code;
        for (int32_t k = 0; k < t->partitions_count; k++) {
            if (t->partitions[k].partition_index == item->partition) {
                item->leader = t->partitions[k].leader_id;
                item->code = item->leader < 0 ? ERR_LEADER_NOT_AVAILABLE : 0;
                return;
            }
        }
        return;
    }
}

static int find_leaders(struct fan *fan)
{
    struct metadata_ask m = {0};
    int32_t count;
    struct metadata_req_metadata_request_topic *topics = open_topics(fan, &count);
    int code = admin_metadata(fan->ad, &m, topics, count);
    for (size_t i = 0; !code && i < fan->count; i++) {
        if (!fan->items[i].is_done) {
            take_leader(&fan->items[i], &m.resp);
        }
    }
    exchange_deinit(&m.exchange);
    return code;
}

static int compare_items(const void *a, const void *b, void *ctx)
{
    const struct fan *fan = ctx;
    const struct fan_item *x = &fan->items[*(const size_t *)a],
                          *y = &fan->items[*(const size_t *)b];
    if (x->leader != y->leader) {
        return x->leader < y->leader ? -1 : 1;
    }
    int c = str_cmp(x->topic, y->topic);
    return c ? c : (x->partition > y->partition) - (x->partition < y->partition);
}

static size_t same_leader(const struct fan *fan, const size_t *index, size_t n)
{
    size_t k = 1;
    while (k < n && fan->items[index[k]].leader == fan->items[index[0]].leader) {
        k++;
    }
    return k;
}

struct fan_item *fan_find(struct fan *fan, const size_t *index, size_t n, struct str topic,
                          int32_t partition)
{
    size_t lo = 0, hi = n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        struct fan_item *item = &fan->items[index[mid]];
        int c = str_cmp(item->topic, topic);
        c = c ? c : (item->partition > partition) - (item->partition < partition);
        if (c == 0) {
            return item;
        }
        lo = c < 0 ? mid + 1 : lo;
        hi = c < 0 ? hi : mid;
    }
    return NULL;
}

static void send_all(struct fan *fan, const size_t *index, size_t n, struct exchange *exchanges,
                     int16_t version_lo)
{
    for (size_t at = 0, leader = 0; at < n; leader++) {
        size_t count = same_leader(fan, index + at, n - at);
        exchange_send(fan->ad, &exchanges[leader],
                      &(struct call){.api_key = fan->ops->api_key,
                                     .version_lo = version_lo,
                                     .to = CALL_NODE,
                                     .node_id = fan->items[index[at]].leader,
                                     .msg = fan->ops->build(fan, index + at, count)});
        at += count;
    }
    admin_wait_all(fan->ad);
}

/* A leader that did not answer fails its own partitions only. */
static void read_all(struct fan *fan, const size_t *index, size_t n, struct exchange *exchanges)
{
    for (size_t at = 0, leader = 0; at < n; leader++) {
        size_t count = same_leader(fan, index + at, n - at);
        for (size_t i = at; i < at + count; i++) {
            fan->items[index[i]].code = ERR_UNKNOWN_SERVER_ERROR;
        }
        int code = fan->ops->read(fan, &exchanges[leader], index + at, count);
        for (size_t i = at; code && i < at + count; i++) {
            fan->items[index[i]].code = code;
            fan->items[index[i]].is_done = true;
        }
        exchange_deinit(&exchanges[leader]);
        at += count;
    }
}

static int ask_leaders(struct fan *fan, int16_t version_lo)
{
    size_t *index = admin_array(fan->ad, fan->count, sizeof *index), n = 0;
    int again = 0;
    for (size_t i = 0; i < fan->count; i++) {
        if (!fan->items[i].is_done && fan->items[i].code == 0) {
            index[n++] = i;
        }
    }
    qsort_r(index, n, sizeof *index, compare_items, fan);
    struct exchange *exchanges = mem_zalloc(sizeof *exchanges * MAX(n, 1));
    send_all(fan, index, n, exchanges, version_lo);
    read_all(fan, index, n, exchanges);
    mem_free(exchanges);
    for (size_t i = 0; i < fan->count; i++) {
        struct fan_item *item = &fan->items[i];
        item->is_done = item->is_done || !code_is_retriable(item->code);
        again = item->is_done ? again : worth_another(again, item->code);
    }
    return again;
}

int fan_run(struct fan *fan, int16_t version_lo)
{
    int code, again = 0;
    do {
        code = find_leaders(fan);
        again = code ? 0 : ask_leaders(fan, version_lo);
    } while (!code && admin_again(fan->ad, again));
    return code;
}
