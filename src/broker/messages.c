/* Messages to people, as lines of text ("2026-11-21T20:53:58.123Z warn  net: ...") or of JSON
 * ({"time":...,"level":...,"area":...,"message":...}). Any thread; a line is one write. */
#include "broker/messages.h"

#include "base/diag.h"
#include "plat/process.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Set once, read by all threads. */
static struct clock *messages_clock;
static bool has_times;

enum { TIME_SIZE = 40, LEVEL_SIZE = 8 };

static const char *put_time(char *text)
{
    int64_t now_ms = clock_wall_ms(messages_clock);
    time_t s = (time_t)(now_ms / 1000);
    struct tm tm;
    gmtime_r(&s, &tm);
    size_t n = strftime(text, TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text + n, TIME_SIZE - n, ".%03dZ", (int)(now_ms % 1000));
    return text;
}

static const char *put_level(char *text, enum diag_level level)
{
    const char *name = diag_level_name(level);
    size_t i = 0;
    for (; name[i] != '\0' && i < LEVEL_SIZE - 1; i++) {
        text[i] = (char)tolower(name[i]);
    }
    text[i] = '\0';
    return text;
}

static void to_text(void *ctx, enum diag_level level, const char *area, const char *text)
{
    (void)ctx;
    char when[TIME_SIZE] = "", name[LEVEL_SIZE];
    if (has_times) {
        put_time(when);
    }
    fprintf(stderr, "%s%s%-5s %s: %s\n", when, has_times ? " " : "", put_level(name, level), area,
            text);
}

static void to_json(void *ctx, enum diag_level level, const char *area, const char *text)
{
    (void)ctx;
    char when[TIME_SIZE], name[LEVEL_SIZE];
    json_t *line = json_pack("{ss ss ss ss}", "time", put_time(when), "level",
                             put_level(name, level), "area", area, "message", text);
    /* What is not UTF-8 is no JSON. */
    char *out = line != NULL ? json_dumps(line, JSON_COMPACT) : NULL;
    if (out != NULL) {
        fprintf(stderr, "%s\n", out);
    } else {
        to_text(ctx, level, area, text);
    }
    free(out);
    json_decref(line);
}

void messages_begin(struct clock *clock, bool is_json)
{
    messages_clock = clock;
    has_times = !process_writes_to_journal();
    diag_set_sink(is_json ? to_json : to_text, NULL);
}
