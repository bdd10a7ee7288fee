/* Groups and what Apache Kafka's assignors gave their members (test/golden/assign, made by
 * test/peers/assign-vectors.sh): from the bytes of JoinGroup to those of SyncGroup. Range and
 * roundrobin give the same; the sticky ones, which are free to choose, are as balanced, and all in
 * all as many partitions stay. Argument: the file, gzipped. */
#include "unit/test.h"

#include "base/mem.h"
#include "client/group/roster.h"

#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

enum { LINE_MAX_BYTES = 1 << 16, MEMBERS_MAX = 16, TOPICS_MAX = 16, NODES_MAX = 8 };

static const char *path;

/* A case. Everything that points somewhere points into the arena. */
struct group {
    struct arena arena;
    const struct assignor *assignor;
    struct metadata_resp_metadata_response_broker nodes[NODES_MAX];
    struct metadata_resp_metadata_response_topic topics[TOPICS_MAX];
    struct metadata_resp meta;
    struct join_group_resp_join_group_response_member members[MEMBERS_MAX];
    struct join_group_resp join;
    struct tps theirs[MEMBERS_MAX]; /* as members */
};

static void *array(struct group *g, size_t count, size_t size)
{
    void *p = arena_array(&g->arena, count + 1, size);
    assert_non_null(p);
    return p;
}

static struct str text(struct group *g, const char *s)
{
    struct str copy;
    if (strcmp(s, "-") == 0) {
        return STR_NULL;
    }
    assert_true(arena_copy_str(&g->arena, str_from(s), &copy));
    return copy;
}

static void add_topic(struct group *g, const char *name, char *rest)
{
    struct metadata_resp_metadata_response_topic *t = &g->topics[g->meta.topics_count++];
    *t = metadata_resp_metadata_response_topic_default;
    t->name = text(g, name);
    t->partitions = array(g, strlen(rest), sizeof *t->partitions);
    for (char *item; (item = strsep(&rest, ",")) != NULL;) {
        struct metadata_resp_metadata_response_partition *p = &t->partitions[t->partitions_count];
        *p = metadata_resp_metadata_response_partition_default;
        p->partition_index = t->partitions_count++;
        p->replica_nodes = array(g, strlen(item), sizeof(int32_t));
        for (char *id; (id = strsep(&item, ".")) != NULL;) {
            p->replica_nodes[p->replica_nodes_count++] = atoi(id);
        }
    }
}

static void add_member(struct group *g, const char *id, const char *instance, const char *hex)
{
    struct join_group_resp_join_group_response_member *m = &g->members[g->join.members_count++];
    uint8_t *bytes = array(g, strlen(hex) / 2, 1);
    unsigned byte;
    for (size_t i = 0; i < strlen(hex) / 2; i++) {
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
        bytes[i] = (uint8_t)byte;
    }
    *m = (struct join_group_resp_join_group_response_member){
        text(g, id), text(g, instance), {bytes, strlen(hex) / 2}};
}

static int member_of(const struct group *g, struct str id)
{
    for (int32_t i = 0; i < g->join.members_count; i++) {
        if (str_eq(g->members[i].member_id, id)) {
            return i;
        }
    }
    fail_msg("no member %.*s", STR_ARG(id));
    return -1;
}

static void add_given(struct group *g, const char *id, char *rest)
{
    struct tps *t = &g->theirs[member_of(g, str_from(id))];
    for (char *item; strcmp(rest, "-") != 0 && (item = strsep(&rest, ",")) != NULL;) {
        char *dash = strrchr(item, '-');
        tps_add(t, (struct str){item, (size_t)(dash - item)}, atoi(dash + 1));
        if (rest == NULL) {
            break;
        }
    }
    tps_sort(t);
}

/* False at the end of the file. */
static bool read_group(gzFile f, struct group *g)
{
    static char line[LINE_MAX_BYTES];
    *g = (struct group){.meta = metadata_resp_default, .join = join_group_resp_default};
    arena_init(&g->arena, SIZE_MAX);
    for (size_t i = 0; i < MEMBERS_MAX; i++) {
        tps_init(&g->theirs[i]);
    }
    while (gzgets(f, line, sizeof line) != NULL) {
        char *rest = line, *word[4] = {NULL};
        line[strcspn(line, "\n")] = '\0';
        for (size_t i = 0; i < 4 && rest != NULL; i++) {
            word[i] = strsep(&rest, " ");
        }
        if (strcmp(word[0], "end") == 0) {
            return true;
        }
        if (strcmp(word[0], "case") == 0) {
            g->assignor = assignor_find(str_from(word[1]));
            assert_non_null(g->assignor);
        } else if (strcmp(word[0], "node") == 0) {
            struct metadata_resp_metadata_response_broker *n = &g->nodes[g->meta.brokers_count++];
            n->node_id = atoi(word[1]);
            n->rack = text(g, word[2]);
        } else if (strcmp(word[0], "topic") == 0) {
            add_topic(g, word[1], word[2]);
        } else if (strcmp(word[0], "member") == 0) {
            add_member(g, word[1], word[2], word[3]);
        } else {
            add_given(g, word[1], word[2]);
        }
    }
    return false;
}

static void drop_group(struct group *g)
{
    for (size_t i = 0; i < MEMBERS_MAX; i++) {
        tps_deinit(&g->theirs[i]);
    }
    arena_deinit(&g->arena);
}

/* --- comparing --- */

static void check_same(const struct tps *ours, const struct tps *theirs)
{
    assert_int_equal(ours->count, theirs->count);
    for (size_t i = 0; i < ours->count; i++) {
        assert_string_equal(ours->items[i].topic, theirs->items[i].topic);
        assert_int_equal(ours->items[i].partition, theirs->items[i].partition);
    }
}

static bool wants(const struct roster_member *m, const char *topic)
{
    for (int32_t i = 0; i < m->topics_count; i++) {
        if (str_eq(m->topics[i], str_from(topic))) {
            return true;
        }
    }
    return false;
}

/* Nobody has two more than somebody who could take one of them. */
static void check_balance(const struct group *g, const struct roster *r, const struct tps *ours)
{
    for (size_t m = 0; m < r->count; m++) {
        size_t few = ours[member_of(g, r->members[m].id)].count;
        for (int32_t i = 0; i < g->join.members_count; i++) {
            for (size_t k = 0; ours[i].count >= few + 2 && k < ours[i].count; k++) {
                assert_false(wants(&r->members[m], ours[i].items[k].topic));
            }
        }
    }
}

/* Partitions that stay with somebody who said that it has them. */
static size_t kept(const struct group *g, const struct roster *r, const struct tps *t)
{
    size_t n = 0;
    for (size_t m = 0; m < r->count; m++) {
        const struct tps *has = &t[member_of(g, r->members[m].id)];
        for (int32_t i = 0; i < r->members[m].owned_count; i++) {
            const protocol_owned *o = &r->members[m].owned[i];
            char name[64];
            snprintf(name, sizeof name, "%.*s", STR_ARG(o->topic));
            for (int32_t k = 0; k < o->partitions_count; k++) {
                n += tps_has(has, name, o->partitions[k]);
            }
        }
    }
    return n;
}

static size_t total(const struct tps *t, int32_t count)
{
    size_t n = 0;
    for (int32_t i = 0; i < count; i++) {
        n += t[i].count;
    }
    return n;
}

/* How many stayed, in all cases: where not all want the same, which is best is a hard question, and
 * now one and now the other finds it. */
static size_t our_total, their_total;

static void check_sticky(const struct group *g, const struct roster *r, const struct tps *ours)
{
    int32_t n = g->join.members_count;
    our_total += kept(g, r, ours);
    their_total += kept(g, r, g->theirs);
    if (g->assignor->id == ASSIGN_STICKY) { /* the other's is not balanced before a second round */
        assert_int_equal(total(ours, n), total(g->theirs, n));
        check_balance(g, r, ours);
    }
}

static void run_group(const struct group *g)
{
    struct roster r;
    struct arena a, b;
    struct tps ours[MEMBERS_MAX];
    struct sync_group_req_sync_group_request_assignment *shares;
    arena_init(&a, 1 << 20);
    arena_init(&b, 1 << 20);
    assert_ok(roster_init(&r, g->assignor, &g->join));
    assert_ok(roster_assign(&r, &g->meta, &a, &shares));
    for (size_t i = 0; i < MEMBERS_MAX; i++) {
        tps_init(&ours[i]);
    }
    for (size_t i = 0; i < r.count; i++) {
        struct tps *t = &ours[member_of(g, shares[i].member_id)];
        assert_ok(protocol_read_assignment(shares[i].assignment, &b, t));
    }
    for (int32_t i = 0; i < g->join.members_count; i++) {
        if (g->assignor->id == ASSIGN_RANGE || g->assignor->id == ASSIGN_ROUNDROBIN) {
            check_same(&ours[i], &g->theirs[i]);
        }
    }
    if (g->assignor->id == ASSIGN_STICKY || g->assignor->id == ASSIGN_COOPERATIVE_STICKY) {
        check_sticky(g, &r, ours);
    }
    for (size_t i = 0; i < MEMBERS_MAX; i++) {
        tps_deinit(&ours[i]);
    }
    roster_deinit(&r);
    arena_deinit(&a);
    arena_deinit(&b);
}

static void test_groups(void **state)
{
    static struct group g;
    int count = 0;
    gzFile f = gzopen(path, "rb");
    (void)state;
    assert_non_null(f);
    for (; read_group(f, &g); count++) {
        g.meta.brokers = g.nodes;
        g.meta.topics = g.topics;
        g.join.members = g.members;
        run_group(&g);
        drop_group(&g);
    }
    drop_group(&g);
    gzclose(f);
    assert_true(count >= 100);
    print_message("%zu stayed, %zu with Apache Kafka\n", our_total, their_total);
    assert_true(our_total >= their_total);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_groups)};
    if (argc != 2) {
        fprintf(stderr, "usage: %s FILE\n", argv[0]);
        return 2;
    }
    path = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
