/* Messages to people. The sink and the levels are the only state: the sink is set at start, levels
 * may change at any time; all threads read them. */
#include "base/diag.h"

#include "base/assert.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define DIAG_AREA_TEXT(name, text) text,
static const char *const areas[DIAG_AREA_COUNT] = {DIAG_AREAS(DIAG_AREA_TEXT)};

static const char *const level_names[DIAG_LEVELS] = {"TRACE", "DEBUG", "INFO",
                                                     "WARN",  "ERROR", "FATAL"};

static void to_stderr(void *ctx, enum diag_level level, const char *area, const char *text)
{
    static const char *const names[DIAG_LEVELS] = {"trace", "debug", "info",
                                                   "warn",  "error", "fatal"};
    (void)ctx;
    fprintf(stderr, "%-5s %s: %s\n", names[level], area, text);
}

static diag_sink_fn *sink_fn = to_stderr;
static void *sink_ctx;
/* One more than the level; 0: none of its own. */
static _Atomic int levels[DIAG_AREA_COUNT] = {DIAG_INFO + 1};

void diag_set_sink(diag_sink_fn *fn, void *ctx)
{
    sink_fn = fn ? fn : to_stderr;
    sink_ctx = ctx;
}

void diag_set_level(enum diag_level level) { atomic_store(&levels[0], (int)level + 1); }

const char *diag_area_name(size_t area) { return area < DIAG_AREA_COUNT ? areas[area] : NULL; }

enum diag_level diag_area_level(size_t area)
{
    int own = atomic_load_explicit(&levels[area], memory_order_relaxed);
    own = own ? own : atomic_load_explicit(&levels[0], memory_order_relaxed);
    return (enum diag_level)(own - 1);
}

void diag_set_area_level(size_t area, int level)
{
    ASSERT(area < DIAG_AREA_COUNT && level < DIAG_LEVELS && (area != DIAG_ROOT || level >= 0));
    atomic_store(&levels[area], level + 1);
}

const char *diag_level_name(enum diag_level level) { return level_names[level]; }

bool diag_level_parse(struct str name, enum diag_level *ret_level)
{
    for (int i = 0; i < DIAG_LEVELS; i++) {
        if (str_eq(name, str_from(level_names[i]))) {
            *ret_level = (enum diag_level)i;
            return true;
        }
    }
    return false;
}

/* Names that a peer sent must not look like lines of ours. */
static void stay_on_a_line(char *text)
{
    for (; *text != '\0'; text++) {
        *text = (unsigned char)*text < ' ' || *text == '\x7f' ? '?' : *text;
    }
}

void diag(enum diag_level level, enum diag_area area, const char *fmt, ...)
{
    if (level < diag_area_level(area)) {
        return;
    }
    char text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    stay_on_a_line(text);
    sink_fn(sink_ctx, level, areas[area], text);
}
