/* Messages to people. The sink and the level are the only state: set at start, read by all threads.
 */
#include "base/diag.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

static void to_stderr(void *ctx, enum diag_level level, const char *area, const char *text)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    (void)ctx;
    fprintf(stderr, "%-5s %s: %s\n", names[level], area, text);
}

static diag_sink_fn *sink_fn = to_stderr;
static void *sink_ctx;
static _Atomic int min_level = DIAG_INFO;

void diag_set_sink(diag_sink_fn *fn, void *ctx)
{
    sink_fn = fn ? fn : to_stderr;
    sink_ctx = ctx;
}

void diag_set_level(enum diag_level level) { atomic_store(&min_level, (int)level); }

void diag(enum diag_level level, const char *area, const char *fmt, ...)
{
    if ((int)level < atomic_load_explicit(&min_level, memory_order_relaxed)) {
        return;
    }
    char text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    sink_fn(sink_ctx, level, area, text);
}
