/* A consumer of all partitions: what it is given must be what somebody wrote, without a gap. */
#include "test/sim/sim.h"

#include <inttypes.h>
#include <stdio.h>

enum { PLAIN_MAX_BYTES = 16 << 20 };

static void read_record(struct sim *s, struct reader *c, int part, const struct record *r)
{
    struct buf want = BUF_INIT;
    struct place x;
    if (r->off < c->position[part]) {
        return;
    }
    char text[32] = "";
    memcpy(text, r->value.p, MIN(r->value.len, sizeof text - 1));
    if (sscanf(text, "%d %d ", &x.producer, &x.number) != 2) {
        sim_violation(s, "partition %d, offset %" PRId64 ": not what anybody wrote", part, r->off);
    }
    sim_value(&want, x, r->value.len);
    if (want.len != r->value.len || memcmp(want.p, r->value.p, want.len) != 0) {
        sim_violation(s, "partition %d, offset %" PRId64 ": the bytes are wrong", part, r->off);
    }
    buf_deinit(&want);
    if (r->off != c->position[part]) {
        sim_violation(s, "partition %d: offset %" PRId64 " follows %" PRId64, part, r->off,
                      c->position[part] - 1);
    }
    places_set(&c->seen[part], r->off, x);
    c->position[part]++;
}

static void read_records(struct sim *s, struct reader *c, int part, struct bytes in)
{
    struct batch b;
    for (size_t at = 0; at < in.len; at += b.size_bytes) {
        struct record_walk w;
        struct record r;
        enum err e = batch_parse((struct bytes){in.p + at, in.len - at}, &b);
        if (e == ERR_SHORT) {
            return;
        }
        e = e ? e : batch_check_crc(&b);
        if (e) {
            sim_violation(s, "partition %d: a batch is bad: %s", part, err_name(e));
        }
        e = record_walk_init(&w, &b, PLAIN_MAX_BYTES);
        while (!e && (e = record_walk_next(&w, &r)) == OK) {
            read_record(s, c, part, &r);
        }
        record_walk_deinit(&w);
        if (e != ERR_NOT_FOUND) {
            sim_violation(s, "partition %d: a record is bad: %s", part, err_name(e));
        }
    }
}

static void on_fetched(struct sim *s, struct reader *c, const struct fetch_resp *resp)
{
    for (int32_t t = 0; t < resp->responses_count; t++) {
        for (int32_t i = 0; i < resp->responses[t].partitions_count; i++) {
            const struct fetch_resp_partition_data *p = &resp->responses[t].partitions[i];
            enum err e = (enum err)p->error_code;
            if (e == ERR_OFFSET_OUT_OF_RANGE && s->is_careless) {
                c->position[p->partition_index] = 0; /* the end went with the power */
            } else if (e && !sim_is_retriable(e)) {
                sim_violation(s, "partition %d: reading at %" PRId64 ": %s", p->partition_index,
                              c->position[p->partition_index], err_name(e));
            }
            if (!e) {
                c->end[p->partition_index] = p->high_watermark;
                read_records(s, c, p->partition_index,
                             (struct bytes){p->records.p, p->records.len});
            }
        }
    }
}

void sim_read(struct sim *s, struct reader *c)
{
    struct fetch_resp resp;
    if (!c->client.is_waiting) {
        struct fetch_req_fetch_partition parts[SIM_PARTS];
        struct fetch_req_fetch_topic topic = fetch_req_fetch_topic_default;
        struct fetch_req req = fetch_req_default;
        for (int i = 0; i < SIM_PARTS; i++) {
            parts[i] = fetch_req_fetch_partition_default;
            parts[i].partition = i;
            parts[i].fetch_offset = c->position[i];
            parts[i].partition_max_bytes = 100000;
        }
        topic.topic = str_from(SIM_TOPIC);
        topic.partitions = parts;
        topic.partitions_count = SIM_PARTS;
        req.max_wait_ms = 20;
        req.min_bytes = 1;
        req.topics = &topic;
        req.topics_count = 1;
        sim_client_call(&c->client, API_FETCH, 12, &req);
    }
    if (sim_client_poll(&c->client, &resp) == SIM_ANSWER) {
        on_fetched(s, c, &resp);
    }
}
