/* What is told of a run that failed: where and when, what was acknowledged by then, the last
 * events, and how to see more.
 *
 * Runs are not traced, which would take longer than they do. One that fails, or falls over, is
 * played again in the process' place with a trace (SIM_TRACE): the same seed is the same run. */
#include "test/sim/sim.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LAST_LINES = 12, LINE_BYTES = 200, PATH_BYTES = 600 };

static struct {
    const struct sim *s;
    bool is_on, is_loud, is_quiet;
    FILE *file; /* NULL: no SIM_OUT */
    char path[PATH_BYTES];
    char last[LAST_LINES][LINE_BYTES];
    uint64_t count;
} trace;

static void keep_line(void *ctx, enum diag_level level, const char *area, const char *text)
{
    (void)ctx;
    char line[LINE_BYTES];
    snprintf(line, LINE_BYTES, "%5d %-5s %s: %s", trace.s->step, diag_level_name(level), area,
             text);
    if (level > DIAG_TRACE) { /* commits are too many to be told of at the end */
        memcpy(trace.last[trace.count++ % LAST_LINES], line, LINE_BYTES);
    }
    if (trace.file != NULL) {
        fprintf(trace.file, "%s\n", line);
    }
    if (trace.is_loud) {
        fprintf(stderr, "%s\n", line);
    }
}

static void open_files(uint64_t seed)
{
    const char *out = getenv("SIM_OUT");
    if (out == NULL || trace.is_quiet) {
        return;
    }
    snprintf(trace.path, sizeof trace.path, "%s/%" PRIu64 ".trace", out, seed);
    trace.file = fopen(trace.path, "w");
}

/* --- the report --- */

static void tell_last_lines(void)
{
    uint64_t n = MIN(trace.count, (uint64_t)LAST_LINES);
    fprintf(stderr, "  the last of %" PRIu64 " events:\n", trace.count);
    for (uint64_t i = trace.count - n; i < trace.count; i++) {
        fprintf(stderr, "    %s\n", trace.last[i % LAST_LINES]);
    }
}

static void tell_files(const struct sim *s)
{
    if (trace.file == NULL) {
        return;
    }
    fclose(trace.file);
    fprintf(stderr, "  all events: %s\n", trace.path);
    snprintf(trace.path, sizeof trace.path, "%s/%" PRIu64 ".disk", getenv("SIM_OUT"), s->seed);
    if (crashfs_dump(s->disk, trace.path)) {
        fprintf(stderr, "  the disk as it was: %s/\n", trace.path);
    }
}

static void tell(const struct sim *s, const char *what)
{
    if (trace.is_quiet) {
        return;
    }
    fprintf(stderr, "sim %" PRIu64 ": %s\n", s->seed, what);
    fprintf(stderr,
            "  at step %d, %d starts, %d boots; %d records, %d commits, %d changes were "
            "acknowledged%s%s\n",
            s->step, s->restarts, s->boots + 1, s->acked_count, s->committer.acked_count,
            s->meddler.acked_count, s->is_page_cache ? "; from the page cache" : "",
            s->is_short_of_memory ? "; memory was short" : "");
    tell_last_lines();
    tell_files(s);
    fprintf(stderr,
            "  again: ./dev sim %" PRIu64 "    with fewer steps: ./dev sim %" PRIu64 " shrink\n",
            s->seed, s->seed);
}

/* --- a failure --- */

void sim_trace_again(uint64_t seed, int steps)
{
    char number[32], step_count[32];
    snprintf(number, sizeof number, "%" PRIu64, seed);
    snprintf(step_count, sizeof step_count, "%d", steps);
    setenv("SIM_TRACE", "1", 1);
    if (steps > 0) {
        setenv("SIM_STEPS", step_count, 1);
    }
    execl("/proc/self/exe", "sim", number, (char *)NULL);
    abort();
}

void sim_violation(const struct sim *s, const char *fmt, ...)
{
    char what[LINE_BYTES];
    if (!trace.is_on) {
        sim_trace_again(s->seed, 0);
    }
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    tell(s, what);
    exit(1);
}

/* The broker fell over: an assertion. */
static void on_abort(int signal_number)
{
    signal(signal_number, SIG_DFL);
    if (!trace.is_on) {
        sim_trace_again(trace.s->seed, 0);
    }
    tell(trace.s, "the broker fell over");
}

void sim_trace_begin(const struct sim *s, bool is_traced)
{
    trace.s = s;
    trace.is_loud = getenv("SIM_DIAG") != NULL;
    trace.is_quiet = getenv("SIM_QUIET") != NULL;
    trace.is_on = is_traced;
    signal(SIGABRT, on_abort);
    diag_set_level(is_traced || trace.is_loud ? DIAG_TRACE : DIAG_ERROR + 1);
    diag_set_sink(keep_line, NULL);
    if (is_traced) {
        open_files(s->seed);
    }
}
