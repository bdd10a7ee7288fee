/* Polling and printing. The main thread.
 *
 * Output is written when much is gathered, and before the loop waits: what came is seen at once,
 * and a backlog is not written record by record. */
#include "cli/records/reading.h"

#include "cli/records/pace.h"

#include <unistd.h>

enum { POLL_MAX_MS = 60 * 1000 };

static void wake(void *ctx) { ottla_consumer_wakeup(ctx); }

bool reading_init(struct reading *r, struct cli *c)
{
    *r = (struct reading){.cli = c, .expected = -1, .max = -1, .timeout_ms = -1};
    r->consumer = ottla_consumer_new(c->client, &c->error);
    if (r->consumer == NULL) {
        return cli_refuse(c, "%s", c->error.message);
    }
    if (!stop_init(&r->stop)) {
        ottla_consumer_free(r->consumer);
        return cli_refuse(c, "no more threads or descriptors");
    }
    stop_call(&r->stop, wake, r->consumer);
    return true;
}

/* Commits of the group must not pass over records that were not printed. */
static void step_back(struct reading *r, const struct ottla_records *records, size_t i)
{
    if (i < ottla_records_count(records)) {
        const struct ottla_record *next = ottla_records_at(records, i);
        (void)ottla_consumer_seek(r->consumer, next->topic, next->partition, next->offset, NULL);
    }
}

static bool is_done(const struct reading *r)
{
    return r->is_enough || (r->max >= 0 && r->count >= r->max);
}

static enum reading_end print_all(struct reading *r, const struct ottla_records *records)
{
    enum reading_end end = READING_ENDED;
    size_t i = 0, n = ottla_records_count(records);
    for (; i < n && end == READING_ENDED && !is_done(r) && !stop_is_asked(&r->stop); i++) {
        r->count++;
        if (!r->print(r->ctx, ottla_records_at(records, i), &r->output.text)) {
            end = READING_REFUSED;
        }
        output_ready(&r->output);
        if (r->output.is_broken) {
            end = READING_BROKEN;
        }
    }
    step_back(r, records, i);
    return end;
}

/* What is there already, or else what comes until end_ms, once everything is written. */
static int poll_next(struct reading *r, int64_t end_ms, struct ottla_records **ret)
{
    int e = ottla_consumer_poll(r->consumer, 0, ret, &r->cli->error);
    if (e != 0 || ottla_records_count(*ret) > 0) {
        return e;
    }
    ottla_records_free(*ret);
    output_flush(&r->output);
    if (r->idle != NULL) {
        r->idle(r->ctx);
    }
    int64_t left = is_done(r) || stop_is_asked(&r->stop) ? 0 : end_ms - pace_now_ms();
    int most = r->wait_max_ms > 0 ? r->wait_max_ms : POLL_MAX_MS;
    left = left < 0 ? 0 : left < most ? left : most;
    return ottla_consumer_poll(r->consumer, (int)left, ret, &r->cli->error);
}

enum reading_end reading_run(struct reading *r)
{
    enum reading_end end = READING_ENDED;
    int64_t since_ms = pace_now_ms();
    if (!isatty(STDOUT_FILENO)) {
        progress_init(&r->progress, "records", r->max >= 0 ? r->max : r->expected);
    }
    while (end == READING_ENDED && !is_done(r)) {
        struct ottla_records *records = NULL;
        int64_t end_ms = r->timeout_ms < 0 ? INT64_MAX : since_ms + r->timeout_ms;
        if (poll_next(r, end_ms, &records) != 0) {
            progress_wipe(&r->progress);
            return READING_FAILED;
        }
        if (ottla_records_count(records) > 0) {
            end = print_all(r, records);
            since_ms = r->timeout_ms < 0 ? 0 : pace_now_ms();
        } else if (r->timeout_ms >= 0 && pace_now_ms() >= end_ms) {
            end = READING_IDLE;
        }
        ottla_records_free(records);
        progress_at(&r->progress, r->count);
        if (stop_is_asked(&r->stop)) {
            end = READING_STOPPED;
        } else if (r->output.is_broken) {
            end = READING_BROKEN;
        }
    }
    progress_wipe(&r->progress);
    return end;
}

int reading_deinit(struct reading *r, int status)
{
    progress_wipe(&r->progress);
    output_flush(&r->output);
    stop_call(&r->stop, NULL, NULL);
    ottla_consumer_free(r->consumer);
    status = stop_status(&r->stop, status);
    stop_deinit(&r->stop);
    output_deinit(&r->output);
    return status;
}
