/* Records out of fetched bytes. Pure. Everything in them came from a peer: bounded, an error, never
 * an assert. */
#include "client/consumer/records.h"

#include "base/limit.h"
#include "base/mem.h"
#include "record/control.h"

struct chunk {
    int refs;
    struct fetched *fetched;
    struct batch batch;
    struct record_walk walk;
};

struct fetched *fetched_new(uint8_t *frame)
{
    struct fetched *f = NEW(struct fetched);
    f->refs = 1;
    f->frame = frame;
    return f;
}

void fetched_unref(struct fetched *f)
{
    if (--f->refs == 0) {
        mem_free(f->frame);
        mem_free(f);
    }
}

static void chunk_unref(struct chunk *c)
{
    if (c != NULL && --c->refs == 0) {
        record_walk_deinit(&c->walk);
        fetched_unref(c->fetched);
        mem_free(c);
    }
}

void source_init(struct source *s, struct fetched *f, struct bytes batches)
{
    *s = (struct source){.fetched = f, .rest = batches, .epoch = -1};
    f->refs++;
    if (f->sources++ == 0 && f->held != NULL) {
        *f->held += f->bytes;
    }
}

static void release(struct fetched *f)
{
    if (--f->sources == 0 && f->held != NULL) {
        *f->held -= f->bytes;
    }
    fetched_unref(f);
}

void source_deinit(struct source *s)
{
    chunk_unref(s->chunk);
    if (s->fetched != NULL) {
        release(s->fetched);
    }
    mem_free(s->aborted);
    *s = (struct source){0};
}

/* --- transactions --- */

static struct aborted *aborted_of(struct source *s, const struct batch *b)
{
    for (size_t i = 0; i < s->aborted_count; i++) {
        struct aborted *a = &s->aborted[i];
        if (!a->is_over && a->producer_id == b->producer_id && a->first_off <= batch_last_off(b)) {
            return a;
        }
    }
    return NULL;
}

/* An abort marker ends the first of its producer's aborted transactions. */
static void see_control(struct source *s, const struct batch *b)
{
    struct record_walk walk;
    struct record r;
    int type;
    struct aborted *a = aborted_of(s, b);
    if (a != NULL && record_walk_init(&walk, b, LIMIT_BATCH_PLAIN_BYTES) == OK) {
        if (record_walk_next(&walk, &r) == OK && control_parse_key(r.key, &type) &&
            type == CONTROL_ABORT) {
            a->is_over = true;
        }
        record_walk_deinit(&walk);
    }
}

static bool is_hidden(struct source *s, const struct source_rules *rules, const struct batch *b)
{
    if (batch_is_control(b)) {
        if (rules->is_read_committed) {
            see_control(s, b);
        }
        return true;
    }
    return rules->is_read_committed && batch_is_transactional(b) && aborted_of(s, b) != NULL;
}

/* --- batches --- */

/* The next batch that users see, begun; NOT_FOUND at the end. */
static enum err next_chunk(struct source *s, const struct source_rules *rules, int64_t *position)
{
    for (;;) {
        struct batch b;
        enum err e = batch_parse(s->rest, &b);
        if (e == ERR_SHORT || s->rest.len == 0) {
            return ERR_NOT_FOUND; /* the last one may be cut */
        }
        e = e ? e : rules->check_crcs ? batch_check_crc(&b) : OK;
        if (e) {
            return e == ERR_MALFORMED ? ERR_CORRUPT_MESSAGE : e;
        }
        if (batch_last_off(&b) < *position || is_hidden(s, rules, &b)) {
            s->rest = (struct bytes){s->rest.p + b.size_bytes, s->rest.len - b.size_bytes};
            s->epoch = batch_next_off(&b) >= *position ? b.leader_epoch : s->epoch;
            *position = MAX(*position, batch_next_off(&b));
            continue;
        }
        struct chunk *c = NEW(struct chunk);
        c->refs = 1;
        c->batch = b;
        c->fetched = s->fetched;
        c->fetched->refs++;
        e = record_walk_init(&c->walk, &c->batch, LIMIT_BATCH_PLAIN_BYTES);
        if (e) {
            chunk_unref(c);
            return e;
        }
        s->rest = (struct bytes){s->rest.p + b.size_bytes, s->rest.len - b.size_bytes};
        s->chunk = c;
        return OK;
    }
}

static void end_chunk(struct source *s, int64_t *position)
{
    *position = MAX(*position, batch_next_off(&s->chunk->batch));
    s->epoch = s->chunk->batch.leader_epoch;
    chunk_unref(s->chunk);
    s->chunk = NULL;
}

/* --- rows --- */

struct ottla_records *records_new(const char *topic)
{
    struct ottla_records *r = NEW(struct ottla_records);
    scratch_init(&r->scratch);
    r->topic = str_dup(str_from(topic));
    return r;
}

void ottla_records_free(struct ottla_records *r)
{
    if (r == NULL) {
        return;
    }
    for (const struct made *m = r->made; m != NULL; m = m->next) {
        m->release(m->ctx, m->object);
    }
    for (size_t i = 0; i < r->chunk_count; i++) {
        chunk_unref(r->chunks[i]);
    }
    mem_free(r->chunks);
    mem_free(r->rows);
    mem_free(r->topic);
    scratch_deinit(&r->scratch);
    mem_free(r);
}

size_t ottla_records_count(const struct ottla_records *r) { return r != NULL ? r->count : 0; }

const struct ottla_record *ottla_records_at(const struct ottla_records *r, size_t i)
{
    return i < ottla_records_count(r) ? &r->rows[i] : NULL;
}

struct ottla_record *ottla_records_edit(struct ottla_records *r, size_t i)
{
    return i < ottla_records_count(r) ? &r->rows[i] : NULL;
}

void ottla_records_remove(struct ottla_records *r, size_t i)
{
    if (i < ottla_records_count(r)) {
        r->count--;
        memmove(&r->rows[i], &r->rows[i + 1], (r->count - i) * sizeof *r->rows);
    }
}

struct ottla_scratch *ottla_records_scratch(struct ottla_records *r)
{
    return r != NULL ? &r->scratch : NULL;
}

static void hold(struct ottla_records *out, struct chunk *c)
{
    if (out->chunk_count > 0 && out->chunks[out->chunk_count - 1] == c) {
        return;
    }
    out->chunks = mem_realloc_array(out->chunks, out->chunk_count + 1, sizeof *out->chunks);
    out->chunks[out->chunk_count++] = c;
    out->plain_bytes += c->walk.plain.len;
    c->refs++;
}

static bool put_headers(struct ottla_records *out, struct ottla_record *row, const struct record *r)
{
    struct record_header h;
    size_t pos = 0, n = 0;
    if (r->header_count == 0) {
        return true;
    }
    struct ottla_header *headers =
        arena_array(&out->scratch.arena, (size_t)r->header_count, sizeof *headers);
    while (headers != NULL && record_next_header(r, &pos, &h)) {
        headers[n++] =
            (struct ottla_header){(const char *)h.key.p, h.key.len, h.value.p, h.value.len};
    }
    row->headers = headers;
    row->header_count = n;
    return headers != NULL;
}

static bool put_row(struct ottla_records *out, struct chunk *c, int32_t partition,
                    const struct record *r)
{
    if (out->count == out->cap) {
        size_t cap = out->cap ? out->cap * 2 : 64;
        struct ottla_record *rows = mem_try_realloc(out->rows, cap * sizeof *rows);
        if (rows == NULL) {
            return false;
        }
        out->rows = rows;
        out->cap = cap;
    }
    struct ottla_record *row = &out->rows[out->count];
    *row = (struct ottla_record){
        .topic = out->topic,
        .partition = partition,
        .leader_epoch = c->batch.leader_epoch,
        .offset = r->off,
        .timestamp_ms = r->ts_ms,
        .is_append_time = c->batch.attrs & BATCH_LOG_APPEND_TIME,
        .key = r->key.p,
        .key_length = r->key.len,
        .value = r->value.p,
        .value_length = r->value.len,
    };
    if (!put_headers(out, row, r)) {
        return false;
    }
    out->count++;
    hold(out, c);
    return true;
}

bool source_take(struct source *s, const struct source_rules *rules, int32_t partition,
                 int64_t *position, struct ottla_records *out, enum err *ret_err)
{
    *ret_err = OK;
    while (out->count < rules->max_count) {
        struct record r;
        if (s->chunk == NULL && out->plain_bytes > rules->max_plain_bytes) {
            break;
        }
        enum err e = s->chunk ? OK : next_chunk(s, rules, position);
        if (e) {
            *ret_err = e == ERR_NOT_FOUND ? OK : e;
            return false;
        }
        e = record_walk_next(&s->chunk->walk, &r);
        if (e == ERR_NOT_FOUND) {
            end_chunk(s, position);
        } else if (e) {
            *ret_err = e;
            return false;
        } else if (r.off >= *position) {
            if (!put_row(out, s->chunk, partition, &r)) {
                *ret_err = ERR_NO_MEMORY;
                return false;
            }
            *position = r.off + 1;
            s->epoch = s->chunk->batch.leader_epoch;
        }
    }
    return true;
}
