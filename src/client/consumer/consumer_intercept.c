/* What the program has put between what is fetched and what poll gives: deserializers, then
 * interceptors. The user's thread, no lock held.
 *
 * As Apache Kafka's consumer: a record that cannot be deserialized is an error of poll, the
 * position stays on it, and what is before it is given first. An interceptor that fails changes
 * nothing and stops nothing; those behind it see what those before it left. */
#include "client/consumer/consumer_int.h"

#include "base/mem.h"

#include <stdio.h>

void consumer_intercept_init(struct ottla_consumer *c)
{
    struct ottla_consumer_options *o = &c->options;
    size_t bytes = o->interceptor_count * sizeof *o->interceptors;
    if (o->interceptor_count > 0) {
        o->interceptors = memcpy(mem_alloc(bytes), o->interceptors, bytes);
    }
}

void consumer_intercept_deinit(struct ottla_consumer *c)
{
    ottla_records_free(c->bad.records);
    if (c->options.interceptor_count > 0) {
        mem_free((void *)(uintptr_t)c->options.interceptors);
    }
}

/* --- bytes to objects --- */

static void release_later(struct ottla_records *records, const struct ottla_deserializer *d,
                          void *object)
{
    if (object != NULL && d->release != NULL) {
        struct made *m = ottla_scratch_alloc(&records->scratch, sizeof *m);
        *m = (struct made){records->made, d->release, d->ctx, object};
        records->made = m;
    }
}

static int deserialize(const struct ottla_deserializer *d, struct ottla_records *records,
                       const struct ottla_deserialization *what, struct ottla_error *why)
{
    struct ottla_record *row = (struct ottla_record *)(uintptr_t)what->record; /* one of ours */
    void *object = NULL;
    if (d->deserialize == NULL || what->bytes.data == NULL) {
        return 0;
    }
    int code = d->deserialize(d->ctx, what, &object, why);
    if (code == 0) {
        release_later(records, d, object);
        *(what->is_key ? &row->key_object : &row->value_object) = object;
    }
    return code;
}

/* An error's object is *ret_is_key. */
static int deserialize_row(const struct ottla_consumer_options *o, struct ottla_records *records,
                           const struct ottla_record *row, bool *ret_is_key,
                           struct ottla_error *why)
{
    struct ottla_deserialization key = {row, true, {row->key, row->key_length}, &records->scratch};
    struct ottla_deserialization value = {
        row, false, {row->value, row->value_length}, &records->scratch};
    int code = deserialize(&o->key_deserializer, records, &key, why);
    *ret_is_key = code != 0;
    return code ? code : deserialize(&o->value_deserializer, records, &value, why);
}

/* Its partition stands on the first row, and poll says why until somebody seeks. Takes them. */
static void keep_bad(struct ottla_consumer *c, struct ottla_records *records, int code,
                     const struct ottla_error *why)
{
    struct bad_record *b = &c->bad;
    const struct ottla_record *row = &records->rows[0];
    ottla_records_free(b->records);
    b->records = records;
    b->turn = fetcher_find(&c->fetcher, row->topic, row->partition)->turn;
    b->code = code;
    snprintf(b->why, sizeof b->why,
             "%s-%d: the %s of the record at offset %lld cannot be deserialized: %.300s. Seek past "
             "it to go on",
             row->topic, row->partition, b->is_key ? "key" : "value", (long long)row->offset,
             error_words(code, why));
}

/* The partition goes back to a record that was not given. */
static void step_back_to(struct ottla_consumer *c, const struct ottla_record *row)
{
    struct part *p = fetcher_find(&c->fetcher, row->topic, row->partition);
    part_seek(p, row->offset, 0);
    p->position_epoch = row->leader_epoch;
}

static int deserialize_all(struct ottla_consumer *c, struct ottla_records *records,
                           struct ottla_error *error)
{
    const struct ottla_consumer_options *o = &c->options;
    if (o->key_deserializer.deserialize == NULL && o->value_deserializer.deserialize == NULL) {
        return 0;
    }
    for (size_t i = 0; i < records->count; i++) {
        struct ottla_error why = {0};
        bool is_key;
        int code = deserialize_row(o, records, &records->rows[i], &is_key, &why);
        if (code == 0) {
            continue;
        }
        step_back_to(c, &records->rows[i]);
        if (i == 0) {
            c->bad.is_key = is_key;
            keep_bad(c, records, code, &why);
            return error_set(error, code, "%s", c->bad.why);
        }
        records->count = i; /* these first: the next poll meets it again */
    }
    return 0;
}

/* NULL: there is none, or nobody reads it any more. */
static const struct part *part_of_bad(const struct ottla_consumer *c)
{
    const struct bad_record *b = &c->bad;
    const struct ottla_record *row = b->records ? &b->records->rows[0] : NULL;
    const struct part *p = row ? fetcher_find(&c->fetcher, row->topic, row->partition) : NULL;
    return p != NULL && p->turn == b->turn && p->position == row->offset ? p : NULL;
}

int intercept_bad(struct ottla_consumer *c, struct ottla_error *error)
{
    const struct part *p = part_of_bad(c);
    if (p == NULL) {
        ottla_records_free(c->bad.records);
        c->bad.records = NULL;
        return 0;
    }
    return p->is_paused ? 0 : error_set(error, c->bad.code, "%s", c->bad.why);
}

const struct ottla_record *ottla_consumer_bad_record(const struct ottla_consumer *c,
                                                     bool *ret_is_key)
{
    if (c == NULL || part_of_bad(c) == NULL) {
        return NULL;
    }
    if (ret_is_key != NULL) {
        *ret_is_key = c->bad.is_key;
    }
    return &c->bad.records->rows[0];
}

/* --- interceptors --- */

static void warn(const struct ottla_consumer *c, size_t i, int code, const struct ottla_error *why)
{
    char line[640];
    int len = snprintf(line, sizeof line,
                       "on_consume of interceptor %zu failed, and the records go on as they were: "
                       "%s: %s",
                       i, ottla_error_name(code), error_words(code, why));
    client_say(c->client, OTTLA_LOG_WARN, (struct str){line, (size_t)len});
}

/* What it did before it failed is undone. */
static void intercept(struct ottla_consumer *c, size_t i, struct ottla_records *records)
{
    const struct ottla_consumer_interceptor *it = &c->options.interceptors[i];
    size_t count = records->count, bytes = count * sizeof *records->rows;
    struct ottla_error why = {0};
    if (it->on_consume == NULL || count == 0) {
        return;
    }
    struct ottla_record *before = memcpy(mem_alloc(bytes), records->rows, bytes);
    int code = it->on_consume(it->ctx, records, &why);
    if (code) {
        memcpy(records->rows, before, bytes);
        records->count = count;
        warn(c, i, code, &why);
    }
    mem_free(before);
}

int intercept_records(struct ottla_consumer *c, struct ottla_records *records,
                      struct ottla_error *error)
{
    c->is_in_callback = true;
    int code = deserialize_all(c, records, error);
    for (size_t i = 0; code == 0 && i < c->options.interceptor_count; i++) {
        intercept(c, i, records);
    }
    c->is_in_callback = false;
    return code;
}

void intercept_commit(struct ottla_consumer *c, const struct ottla_commit *offsets, size_t count)
{
    bool was_in_callback = c->is_in_callback; /* a listener may commit */
    c->is_in_callback = true;
    for (size_t i = 0; i < c->options.interceptor_count && count > 0; i++) {
        const struct ottla_consumer_interceptor *it = &c->options.interceptors[i];
        if (it->on_commit != NULL) {
            it->on_commit(it->ctx, offsets, count);
        }
    }
    c->is_in_callback = was_in_callback;
}
