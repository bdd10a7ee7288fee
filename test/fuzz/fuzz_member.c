/* A member of a group under a coordinator that says anything, and as the leader of members that say
 * anything: bytes as answers, as subscriptions and as assignments. Nothing may break, and what it
 * says that it has is what the user was told. The input is a row of pieces: what to do (1 byte),
 * length (2), bytes. */
#include "fuzz.h"

#include "answered.h"
#include "base/assert.h"
#include "base/endian.h"
#include "base/mem.h"
#include "client/group/member_int.h"
#include "formed.h"

#include <stdlib.h>

enum { LEAVE_FROM = 0xf0, BUDGET_BYTES = 4 << 20, ASKS = 8 };

struct state {
    struct ottla_config *config;
    struct member m;
    int64_t now_ms;
    struct member_ask *asks[ASKS];
    struct tps has; /* the user */
};

static void use_user(struct state *s)
{
    for (int i = 0; i < 4; i++) {
        struct tps rest;
        member_poll(&s->m, s->now_ms);
        enum member_task task = member_begin_task(&s->m);
        if (task == MEMBER_FAIL) {
            member_told(&s->m);
        }
        if (task == MEMBER_NOTHING || task == MEMBER_FAIL) {
            return;
        }
        tps_init(&rest);
        tps_without(&rest, &s->has, &s->m.revoked);
        ASSERT(rest.count + s->m.revoked.count == s->has.count);
        for (size_t k = 0; k < s->m.added.count; k++) {
            tps_add(&rest, str_from(s->m.added.items[k].topic), s->m.added.items[k].partition);
        }
        tps_sort(&rest);
        tps_copy(&s->has, &rest);
        tps_deinit(&rest);
        member_end_task(&s->m, s->now_ms);
        ASSERT(s->has.count == s->m.owned.count);
    }
}

static void gather(struct state *s)
{
    for (int i = 0; i < ASKS; i++) {
        if (s->asks[i] == NULL && (s->asks[i] = member_next(&s->m, s->now_ms)) == NULL) {
            return;
        }
    }
}

static void take(struct state *s, int i, enum err e, const void *resp)
{
    struct member_ask *a = s->asks[i];
    s->asks[i] = NULL;
    member_take(&s->m, a, e, resp, s->now_ms);
}

/* The bytes as an answer to the oldest question. */
static void answer(struct state *s, struct bytes b)
{
    union member_resp resp;
    struct arena a;
    for (int i = 0; i < ASKS; i++) {
        struct member_ask *ask = s->asks[i];
        if (ask == NULL) {
            continue;
        }
        if (b.len == 0) {
            take(s, i, ERR_NETWORK_EXCEPTION, NULL);
            return;
        }
        answered(ask->api_key);
        int version = ask->version_lo + b.p[0] % (ask->version_hi - ask->version_lo + 1);
        member_fit(&ask->req, version);
        arena_init(&a, BUDGET_BYTES);
        enum err e = formed_read(wire_response(ask->api_key), version, b, &a, &resp);
        take(s, i, e, &resp);
        arena_deinit(&a);
        return;
    }
}

/* A join that makes it the leader of two, whose subscriptions are the bytes. */
static void lead(struct state *s, int i, struct bytes b)
{
    struct join_group_resp r = join_group_resp_default;
    struct join_group_resp_join_group_response_member two[] = {
        {STR("a"), STR_NULL, {b.p, b.len / 2}},
        {STR("b"), STR("i"), {b.p + b.len / 2, b.len - b.len / 2}}};
    r.generation_id = 1;
    r.protocol_name = str_from(s->m.assignors[b.len % s->m.assignor_count]->name);
    r.leader = r.member_id = STR("a");
    r.members = two;
    r.members_count = 2;
    take(s, i, OK, &r);
}

static void share(struct state *s, int i, struct bytes b)
{
    struct sync_group_resp r = sync_group_resp_default;
    r.assignment = b;
    take(s, i, OK, &r);
}

/* By KIP-848: partitions of two topics, one of which metadata may not know. */
static void give(struct state *s, int i, struct bytes b)
{
    struct consumer_group_heartbeat_resp r = consumer_group_heartbeat_resp_default;
    struct consumer_group_heartbeat_resp_assignment given = {0};
    struct consumer_group_heartbeat_resp_topic_partitions topics[2] = {0};
    int32_t partitions[64];
    for (size_t k = 0; k < MIN(b.len, ARRAY_LEN(partitions)); k++) {
        struct consumer_group_heartbeat_resp_topic_partitions *t = &topics[b.p[k] & 1];
        t->partitions = t->partitions ? t->partitions : &partitions[k];
        partitions[k] = b.p[k] / 2;
        t->partitions_count = (int32_t)(&partitions[k] + 1 - t->partitions);
    }
    topics[1].topic_id.b[0] = 1;
    given.topic_partitions = topics;
    given.topic_partitions_count = 2;
    r.member_epoch = 1 + (int32_t)b.len;
    r.heartbeat_interval_ms = 1000;
    r.assignment = &given;
    take(s, i, OK, &r);
}

static void know(struct state *s, int i, struct bytes b)
{
    static struct metadata_resp_metadata_response_partition parts[256];
    struct metadata_resp r = metadata_resp_default;
    struct metadata_resp_metadata_response_topic topics[2];
    for (int k = 0; k < 2; k++) {
        topics[k] = metadata_resp_metadata_response_topic_default;
        topics[k].name = k == 0 ? STR("t") : STR("u");
        topics[k].topic_id.b[0] = (uint8_t)(b.len > 2 ? b.p[2] & k : 0);
        topics[k].partitions = parts;
        topics[k].partitions_count = b.len > (size_t)k ? b.p[k] : 0;
    }
    r.topics = topics;
    r.topics_count = 2;
    take(s, i, OK, &r);
}

/* The bytes where they belong, in an answer that is well-formed. */
static void answer_well(struct state *s, struct bytes b)
{
    for (int i = 0; i < ASKS; i++) {
        if (s->asks[i] == NULL) {
            continue;
        }
        switch (s->asks[i]->kind) {
        case MEMBER_JOIN:
            lead(s, i, b);
            return;
        case MEMBER_SYNC:
            share(s, i, b);
            return;
        case MEMBER_TOPICS:
            know(s, i, b);
            return;
        case MEMBER_BEAT:
            give(s, i, b);
            return;
        default:
            take(s, i, ERR_NETWORK_EXCEPTION, NULL);
            return;
        }
    }
}

/* The answers are to all that is asked then. */
static void leave(struct state *s, struct bytes b)
{
    struct tps none;
    tps_init(&none);
    (void)member_begin_leave(&s->m);
    ASSERT(s->m.revoked.count == s->has.count);
    tps_copy(&s->has, &none);
    member_end_leave(&s->m, true, "x");
    gather(s);
    for (int i = 0; i < ASKS && b.len > 0; i++) {
        answer(s, b);
    }
}

static void step(struct state *s, uint8_t what, struct bytes b)
{
    static const char *const topics[] = {"t", "u"};
    switch (what >= LEAVE_FROM ? -1 : what % 6) {
    case -1:
        leave(s, b);
        break;
    case 0:
        answer(s, b);
        break;
    case 1:
        answer_well(s, b);
        break;
    case 2:
        s->now_ms += b.len * 100;
        break;
    case 3:
        member_subscribe(&s->m, topics, 1 + b.len % 2);
        break;
    case 4:
        member_refused(&s->m, s->m.generation, b.len ? (int8_t)b.p[0] : 0);
        break;
    default:
        use_user(s);
    }
    gather(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const topics[] = {"t", "u"};
    static const char *const strategies[] = {"range,roundrobin,sticky", "cooperative-sticky"};
    struct state *s = calloc(1, sizeof *s);
    s->config = ottla_config_new();
    (void)ottla_config_set(s->config, "group.id", "g", NULL);
    (void)ottla_config_set(s->config, "partition.assignment.strategy", strategies[size % 2], NULL);
    (void)ottla_config_set(s->config, "group.protocol", size % 3 ? "classic" : "consumer", NULL);
    s->now_ms = 1;
    tps_init(&s->has);
    (void)member_init(&s->m, &s->config->values, 1, NULL);
    member_subscribe(&s->m, topics, 2);
    use_user(s);
    gather(s);
    for (size_t at = 0; at + 3 <= size;) {
        size_t len = MIN((size_t)be16_get(data + at + 1), size - at - 3);
        step(s, data[at], (struct bytes){data + at + 3, len});
        at += 3 + len;
    }
    for (int i = 0; i < ASKS; i++) {
        if (s->asks[i] != NULL) {
            member_drop(&s->m, s->asks[i]);
        }
    }
    member_deinit(&s->m);
    tps_deinit(&s->has);
    ottla_config_free(s->config);
    free(s);
    return 0;
}
