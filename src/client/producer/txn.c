/* Transactions: what is asked for, and in which state. Pure. See txn.h; what answers mean is in
 * txn_answers.c. */
#include "client/producer/txn_int.h"

#include "base/assert.h"
#include "base/mem.h"
#include "client/core/backoff.h"
#include "client/error.h"

#include <stdio.h>
#include <stdlib.h>

enum { INIT_VERSION_MAX = 5, ADD_PARTITIONS_VERSION_MAX = 3, ADD_OFFSETS_VERSION_MAX = 4 };
enum { OFFSETS_VERSION_V1_MAX = 4, OFFSETS_VERSION_V2 = 5, OFFSETS_VERSION_MEMBER = 3 };
enum { END_VERSION_V1_MAX = 4, END_VERSION_V2 = 5 };

struct produce_ask *ask_new(enum produce_kind kind, enum call_to to)
{
    struct produce_ask *a = NEW(struct produce_ask);
    a->kind = kind;
    a->to = to;
    a->to_node = -1;
    a->deadline_ms = INT64_MAX;
    arena_init(&a->arena, SIZE_MAX);
    return a;
}

void *ask_array(struct produce_ask *a, size_t count, size_t size)
{
    void *p = arena_array(&a->arena, count, size);
    ASSERT(p != NULL); /* as mem_alloc: we sized it */
    return p;
}

void ask_free(struct produce_ask *a)
{
    mem_free(a->batches);
    arena_deinit(&a->arena);
    mem_free(a);
}

/* --- states --- */

void txn_forget_parts(struct txn *t)
{
    struct list *const lists[] = {&t->wanted, &t->asked, &t->members};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        LIST_EACH(lists[i], n, tmp) {
            list_remove(n);
            LIST_ENTRY(n, struct txn_part, node)->role = TXN_OUT;
        }
    }
}

void txn_free_offset(struct txn_offset *o)
{
    list_remove(&o->node);
    mem_free(o->topic);
    mem_free(o->metadata);
    mem_free(o);
}

void txn_forget_offsets(struct txn *t)
{
    LIST_EACH(&t->offsets, n, tmp) {
        txn_free_offset(LIST_ENTRY(n, struct txn_offset, node));
    }
    mem_free(t->group_id);
    mem_free(t->member_id);
    mem_free(t->instance_id);
    t->group_id = t->member_id = t->instance_id = NULL;
    t->is_group_added = false;
}

void txn_fail(struct txn *t, enum txn_state state, int code)
{
    ASSERT(state == TXN_ABORTABLE || state == TXN_FATAL);
    if (t->state == TXN_FATAL || (t->state == TXN_ABORTING && state == TXN_ABORTABLE)) {
        return;
    }
    t->state = state;
    t->code = code;
    snprintf(t->why, sizeof t->why, "%s", ottla_error_text(code));
    txn_forget_offsets(t);
}

/* The transaction has come to its end, with or without the coordinator. */
void txn_complete(struct txn *t)
{
    ASSERT(t->state == TXN_COMMITTING || t->state == TXN_ABORTING);
    bool is_upgrade = t->version_seen >= TXN_VERSION_2 && !t->is_v2;
    t->state = t->needs_bump || is_upgrade || t->id < 0 ? TXN_STARTING : TXN_READY;
    t->is_v2 = t->version_seen >= TXN_VERSION_2;
    t->needs_bump = t->skips_end = t->is_started = false;
    t->code = 0;
    txn_forget_parts(t);
    txn_forget_offsets(t);
}

int txn_start(struct txn *t)
{
    if (t->state == TXN_FATAL) {
        return t->code;
    }
    if (t->state == TXN_NONE) {
        t->state = TXN_STARTING;
        t->code = 0;
    }
    return t->is_transactional && t->state != TXN_STARTING && t->state != TXN_READY
               ? ERR_INVALID_TXN_STATE
               : 0;
}

int txn_begin(struct txn *t)
{
    if (t->state != TXN_READY || !t->is_transactional) {
        return t->state == TXN_FATAL ? t->code : ERR_INVALID_TXN_STATE;
    }
    t->state = TXN_OPEN;
    return 0;
}

int txn_commit(struct txn *t)
{
    if (t->state == TXN_ABORTABLE || t->state == TXN_FATAL) {
        return t->code;
    }
    if (t->state != TXN_OPEN && t->state != TXN_COMMITTING) {
        return ERR_INVALID_TXN_STATE;
    }
    t->state = TXN_COMMITTING;
    return 0;
}

int txn_abort(struct txn *t)
{
    if (t->state == TXN_FATAL) {
        return t->code;
    }
    if (t->state != TXN_OPEN && t->state != TXN_ABORTABLE && t->state != TXN_ABORTING) {
        return ERR_INVALID_TXN_STATE;
    }
    t->state = TXN_ABORTING;
    LIST_EACH(&t->wanted, n, tmp) {
        list_remove(n);
        LIST_ENTRY(n, struct txn_part, node)->role = TXN_OUT;
    }
    txn_forget_offsets(t);
    return 0;
}

static char *copy(const char *text) { return text == NULL ? NULL : str_dup(str_from(text)); }

int txn_add_offsets(struct txn *t, const struct ottla_commit *offsets, size_t count,
                    const struct ottla_group_metadata *group)
{
    int code = txn_may_add(t);
    if (code || !t->is_transactional) {
        return code ? code : ERR_INVALID_TXN_STATE;
    }
    txn_forget_offsets(t);
    t->group_id = copy(group->group_id);
    t->member_id = copy(group->member_id); /* NULL: as "" */
    t->instance_id = copy(group->group_instance_id);
    t->generation = group->generation;
    for (size_t i = 0; i < count; i++) {
        struct txn_offset *o = NEW(struct txn_offset);
        o->topic = copy(offsets[i].topic);
        o->partition = offsets[i].partition;
        o->offset = offsets[i].offset;
        o->leader_epoch = offsets[i].leader_epoch;
        o->metadata = copy(offsets[i].metadata);
        list_push_back(&t->offsets, &o->node);
    }
    return 0;
}

int txn_may_add(const struct txn *t)
{
    if (!t->is_transactional || t->state == TXN_OPEN) {
        return t->state == TXN_FATAL ? t->code : 0;
    }
    return t->state == TXN_ABORTABLE || t->state == TXN_FATAL ? t->code : ERR_INVALID_TXN_STATE;
}

const char *txn_refusal(const struct txn *t)
{
    static const char *const texts[TXN_STATE_COUNT] = {
        [TXN_NONE] = "transactions were not initialized",
        [TXN_STARTING] = "transactions are still being initialized",
        [TXN_READY] = "no transaction is open",
        [TXN_OPEN] = "a transaction is open",
        [TXN_COMMITTING] = "the transaction is being committed",
        [TXN_ABORTING] = "the transaction is being aborted",
    };
    return !t->is_transactional      ? "transactional.id is not set"
           : texts[t->state] != NULL ? texts[t->state]
                                     : t->why;
}

/* --- the accumulator's side --- */

void txn_enrol(struct txn *t, struct txn_part *part)
{
    if (!t->is_transactional || part->role != TXN_OUT) {
        return;
    }
    part->role = t->is_v2 ? TXN_IN : TXN_WANTED;
    list_push_back(t->is_v2 ? &t->members : &t->wanted, &part->node);
    t->is_started = t->is_started || t->is_v2;
}

bool txn_may_send(const struct txn *t, const struct txn_part *part)
{
    return t->id >= 0 && t->state != TXN_FATAL && t->state != TXN_STARTING &&
           (!t->is_transactional || part->role == TXN_IN);
}

static bool is_fatal(int code)
{
    return code == ERR_CLUSTER_AUTHORIZATION_FAILED ||
           code == ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED || code == ERR_PRODUCER_FENCED ||
           code == ERR_UNSUPPORTED_VERSION || code == ERR_INVALID_PRODUCER_ID_MAPPING ||
           code == ERR_CLOSED;
}

void txn_batch_failed(struct txn *t, int code)
{
    if (!t->is_transactional) {
        return;
    }
    if (is_fatal(code)) {
        txn_fail(t, TXN_FATAL, code);
        return;
    }
    t->needs_bump = t->needs_bump || !t->is_v2;
    if (t->state == TXN_OPEN || t->state == TXN_COMMITTING) {
        txn_fail(t, TXN_ABORTABLE, code);
    }
}

void txn_bump(struct txn *t)
{
    ASSERT(!t->is_transactional);
    if (t->epoch == INT16_MAX || t->id < 0) {
        t->id = -1;
        t->state = t->state == TXN_FATAL ? TXN_FATAL : TXN_NONE;
    } else {
        t->epoch++;
    }
}

int txn_giving_up(const struct txn *t)
{
    if (t->state == TXN_ABORTABLE || t->state == TXN_FATAL) {
        return t->code;
    }
    return t->state == TXN_ABORTING ? (t->code ? t->code : ERR_OPERATION_NOT_ATTEMPTED) : 0;
}

/* --- what to ask --- */

static struct produce_ask *begin_ask(struct txn *t, enum produce_kind kind, enum call_to to)
{
    t->is_asking = true;
    t->asking = kind;
    return ask_new(kind, to);
}

static struct produce_ask *coordinator_ask(struct txn *t, enum produce_kind kind, int16_t api_key)
{
    struct produce_ask *a = begin_ask(t, kind, CALL_COORDINATOR);
    a->api_key = api_key;
    a->key_type = CALL_KEY_TXN;
    a->key = str_from(t->config->transactional_id);
    a->is_fresh = t->is_fresh;
    t->is_fresh = false;
    return a;
}

static struct produce_ask *ask_init(struct txn *t)
{
    struct produce_ask *a;
    if (t->is_transactional) {
        a = coordinator_ask(t, PRODUCE_INIT, API_INIT_PRODUCER_ID);
    } else {
        a = begin_ask(t, PRODUCE_INIT, CALL_ANY);
        a->api_key = API_INIT_PRODUCER_ID;
    }
    a->version_hi = INIT_VERSION_MAX;
    a->req.init = init_producer_id_req_default;
    a->req.init.transactional_id =
        t->is_transactional ? str_from(t->config->transactional_id) : STR_NULL;
    a->req.init.transaction_timeout_ms =
        t->is_transactional ? t->config->transaction_timeout_ms : INT32_MAX;
    if (t->is_transactional && t->id >= 0) {
        a->req.init.producer_id = t->id;
        a->req.init.producer_epoch = t->epoch;
    }
    return a;
}

/* As many partitions as wait, each topic once. */
static int compare_parts(const void *a, const void *b)
{
    const struct txn_part *x = *(struct txn_part *const *)a, *y = *(struct txn_part *const *)b;
    int c = strcmp(x->topic, y->topic);
    return c ? c : (x->partition > y->partition) - (x->partition < y->partition);
}

static struct txn_part **wanted_by_topic(const struct txn *t, struct produce_ask *a,
                                         size_t *ret_count)
{
    size_t count = 0;
    LIST_EACH(&t->wanted, n, tmp) {
        count++;
    }
    struct txn_part **parts = ask_array(a, count, sizeof(struct txn_part *));
    *ret_count = count;
    LIST_EACH(&t->wanted, n, tmp) {
        parts[--count] = LIST_ENTRY(n, struct txn_part, node);
    }
    qsort(parts, *ret_count, sizeof(struct txn_part *), compare_parts);
    return parts;
}

static struct produce_ask *ask_partitions(struct txn *t)
{
    struct add_partitions_to_txn_req_add_partitions_to_txn_topic *topics, *topic = NULL;
    struct produce_ask *a = coordinator_ask(t, PRODUCE_ADD_PARTITIONS, API_ADD_PARTITIONS_TO_TXN);
    struct add_partitions_to_txn_req *req = &a->req.add_partitions;
    size_t count = 0;
    a->version_hi = ADD_PARTITIONS_VERSION_MAX;
    *req = add_partitions_to_txn_req_default;
    req->v3_and_below_transactional_id = str_from(t->config->transactional_id);
    req->v3_and_below_producer_id = t->id;
    req->v3_and_below_producer_epoch = t->epoch;
    struct txn_part **parts = wanted_by_topic(t, a, &count);
    int32_t *rows = ask_array(a, count, sizeof *rows);
    req->v3_and_below_topics = topics = ask_array(a, count, sizeof *topics);
    for (size_t i = 0; i < count; i++) {
        struct str name = str_from(parts[i]->topic);
        if (topic == NULL || !str_eq(topic->name, name)) {
            topic = &topics[req->v3_and_below_topics_count++];
            topic->name = name;
            topic->partitions = &rows[i];
        }
        topic->partitions[topic->partitions_count++] = parts[i]->partition;
        parts[i]->role = TXN_ASKED;
    }
    list_splice_back(&t->asked, &t->wanted);
    return a;
}

static struct produce_ask *ask_add_offsets(struct txn *t)
{
    struct produce_ask *a = coordinator_ask(t, PRODUCE_ADD_OFFSETS, API_ADD_OFFSETS_TO_TXN);
    a->version_hi = ADD_OFFSETS_VERSION_MAX;
    a->req.add_offsets = add_offsets_to_txn_req_default;
    a->req.add_offsets.transactional_id = str_from(t->config->transactional_id);
    a->req.add_offsets.producer_id = t->id;
    a->req.add_offsets.producer_epoch = t->epoch;
    a->req.add_offsets.group_id = str_from(t->group_id);
    return a;
}

static void put_offsets(const struct txn *t, struct produce_ask *a)
{
    struct txn_offset_commit_req_txn_offset_commit_request_topic *topics;
    struct txn_offset_commit_req_txn_offset_commit_request_partition *parts;
    size_t count = 0, i = 0;
    LIST_EACH(&t->offsets, n, tmp) {
        count++;
    }
    a->req.commit_offsets.topics = topics = ask_array(a, count, sizeof *topics);
    a->req.commit_offsets.topics_count = (int32_t)count;
    parts = ask_array(a, count, sizeof *parts);
    LIST_EACH(&t->offsets, n, tmp) {
        const struct txn_offset *o = LIST_ENTRY(n, struct txn_offset, node);
        parts[i] = txn_offset_commit_req_txn_offset_commit_request_partition_default;
        parts[i].partition_index = o->partition;
        parts[i].committed_offset = o->offset;
        parts[i].committed_leader_epoch = o->leader_epoch;
        parts[i].committed_metadata = o->metadata == NULL ? STR_NULL : str_from(o->metadata);
        topics[i] = txn_offset_commit_req_txn_offset_commit_request_topic_default;
        topics[i].name = str_from(o->topic);
        topics[i].partitions = &parts[i];
        topics[i++].partitions_count = 1;
    }
}

static struct produce_ask *ask_commit_offsets(struct txn *t)
{
    struct produce_ask *a = coordinator_ask(t, PRODUCE_COMMIT_OFFSETS, API_TXN_OFFSET_COMMIT);
    struct txn_offset_commit_req *req = &a->req.commit_offsets;
    bool is_member = t->member_id != NULL && t->member_id[0] != '\0';
    a->key_type = CALL_KEY_GROUP;
    a->key = str_from(t->group_id);
    a->version_lo = t->is_v2 ? OFFSETS_VERSION_V2 : is_member ? OFFSETS_VERSION_MEMBER : 0;
    a->version_hi = t->is_v2 ? OFFSETS_VERSION_V2 : OFFSETS_VERSION_V1_MAX;
    *req = txn_offset_commit_req_default;
    req->transactional_id = str_from(t->config->transactional_id);
    req->group_id = str_from(t->group_id);
    req->producer_id = t->id;
    req->producer_epoch = t->epoch;
    if (is_member) {
        req->generation_id = t->generation;
        req->member_id = str_from(t->member_id);
        req->group_instance_id = t->instance_id == NULL ? STR_NULL : str_from(t->instance_id);
    }
    put_offsets(t, a);
    t->is_started = true;
    return a;
}

static struct produce_ask *ask_end(struct txn *t)
{
    struct produce_ask *a = coordinator_ask(t, PRODUCE_END, API_END_TXN);
    a->version_lo = t->is_v2 ? END_VERSION_V2 : 0;
    a->version_hi = t->is_v2 ? END_VERSION_V2 : END_VERSION_V1_MAX;
    a->req.end = end_txn_req_default;
    a->req.end.transactional_id = str_from(t->config->transactional_id);
    a->req.end.producer_id = t->id;
    a->req.end.producer_epoch = t->epoch;
    a->req.end.committed = t->state == TXN_COMMITTING;
    return a;
}

struct produce_ask *txn_next(struct txn *t, bool has_records, int64_t now_ms)
{
    bool is_ending = t->state == TXN_COMMITTING || t->state == TXN_ABORTING;
    if (t->is_asking || t->retry_at_ms > now_ms) {
        return NULL;
    }
    if (t->state == TXN_STARTING) {
        return ask_init(t);
    }
    if (t->state != TXN_OPEN && !is_ending) {
        return NULL;
    }
    if (!list_is_empty(&t->wanted)) {
        return ask_partitions(t);
    }
    if (!list_is_empty(&t->offsets)) {
        return t->is_v2 || t->is_group_added ? ask_commit_offsets(t) : ask_add_offsets(t);
    }
    if (!is_ending || has_records) {
        return NULL;
    }
    if (t->is_started && !t->skips_end) {
        return ask_end(t);
    }
    txn_complete(t); /* nobody knows of it */
    return t->state == TXN_STARTING ? ask_init(t) : NULL;
}

/* --- life --- */

void txn_init(struct txn *t, const struct client_values *config, struct rand *rand)
{
    *t = (struct txn){.config = config, .rand = rand, .id = -1, .version_seen = -1};
    t->is_transactional = config->transactional_id[0] != '\0';
    list_init(&t->wanted);
    list_init(&t->asked);
    list_init(&t->members);
    list_init(&t->offsets);
}

void txn_deinit(struct txn *t)
{
    txn_forget_parts(t);
    txn_forget_offsets(t);
}
