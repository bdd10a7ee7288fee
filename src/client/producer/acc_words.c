/* What became of a record, in words: a batch that failed keeps what its broker said of it
 * (KIP-467), or what its last tries met with. Rare, so it may cost. Pure. See accumulator.h. */
#include "client/producer/accumulator_int.h"

#include "base/assert.h"
#include "base/mem.h"
#include "client/error.h"

enum { TEXT_MAX = 1000, BUDGET_BYTES = 1 << 20 };

/* Texts may be missing where there was no memory for more. */
struct acc_words {
    struct arena arena;
    const char *of_all;   /* NULL: nothing */
    const char **of_each; /* a record; "": named without a word; NULL: not named. NULL: none are */
    int32_t named;
};

static struct acc_words *words_of(struct acc_batch *b)
{
    if (b->words == NULL) {
        b->words = NEW(struct acc_words);
        arena_init(&b->words->arena, BUDGET_BYTES + (size_t)b->count * sizeof *b->words->of_each);
    }
    return b->words;
}

void words_drop(struct acc_batch *b)
{
    if (b->words != NULL) {
        arena_deinit(&b->words->arena);
        mem_free(b->words);
        b->words = NULL;
    }
}

/* Terminated; NULL for none. */
static const char *keep(struct acc_words *w, struct str s)
{
    return s.len == 0 ? NULL
                      : arena_printf(&w->arena, "%.*s", (int)MIN(s.len, (size_t)TEXT_MAX), s.p).p;
}

void words_of_delay(struct acc_batch *b)
{
    if (b->met != 0) {
        struct acc_words *w = words_of(b);
        w->of_all = arena_printf(&w->arena, "not written within delivery.timeout.ms: %s, %s",
                                 ottla_error_name(b->met), ottla_error_text(b->met))
                        .p;
    }
}

static void name_record(struct acc_batch *b, struct acc_words *w,
                        const struct produce_resp_batch_index_and_error_message *row)
{
    if (w->of_each == NULL) {
        w->of_each = arena_array(&w->arena, (size_t)b->count, sizeof *w->of_each);
    }
    if (w->of_each == NULL || row->batch_index < 0 || row->batch_index >= b->count) {
        return;
    }
    const char **at = &w->of_each[row->batch_index];
    const char *text = keep(w, row->batch_index_error_message);
    w->named += *at == NULL;
    *at = text ? text : "";
}

void words_of_answer(struct acc_batch *b, const struct produce_resp_partition_produce_response *r)
{
    if (r->error_message.len == 0 && r->record_errors_count == 0) {
        return;
    }
    struct acc_words *w = words_of(b);
    w->of_all = keep(w, r->error_message);
    for (int32_t i = 0; i < r->record_errors_count; i++) {
        name_record(b, w, &r->record_errors[i]);
    }
}

/* As Apache Kafka's producer: the batch's code may be about more than these records, so it is
 * theirs only where there is one; those that were not named could be written. */
struct acc_verdict acc_verdict(const struct acc_batch *b, int32_t i)
{
    const struct acc_words *w = b->words;
    ASSERT(i >= 0 && i < b->count);
    if (b->code == 0) {
        return (struct acc_verdict){0, NULL};
    }
    const char *text = w && w->of_all ? w->of_all : ottla_error_text(b->code);
    if (w == NULL || w->named == 0) {
        return (struct acc_verdict){b->code, text};
    }
    const char *own = w->of_each[i];
    if (own == NULL) {
        return (struct acc_verdict){ERR_OPERATION_NOT_ATTEMPTED,
                                    "not written, because other records of its batch were refused"};
    }
    return (struct acc_verdict){w->named == 1 ? b->code : ERR_INVALID_RECORD, *own ? own : text};
}
