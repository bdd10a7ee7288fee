/* Events as lines of JSON. Any thread: a line is one write of stdio. */
#include "cli/records/events.h"

#include "base/json.h"
#include "cli/records/pace.h"

#include <inttypes.h>
#include <stdio.h>

void event_begin(struct buf *out, const char *name)
{
    buf_clear(out);
    buf_printf(out, "{\"timestamp\":%" PRId64 ",\"name\":\"%s\"", pace_wall_ms(), name);
}

void event_end(struct buf *out)
{
    buf_put_str(out, STR("}\n"));
    fputs(buf_cstr(out), stdout);
    fflush(stdout);
    buf_clear(out);
}

void event_print(const char *name)
{
    struct buf out = BUF_INIT;
    event_begin(&out, name);
    event_end(&out);
    buf_deinit(&out);
}

void event_put_text(struct buf *out, const char *name, struct str text)
{
    buf_printf(out, ",\"%s\":", name);
    json_put_str(out, text);
}

void event_put_part(struct buf *out, const char *topic, int32_t partition)
{
    buf_put_str(out, STR("\"topic\":"));
    json_put_str(out, str_from(topic));
    buf_printf(out, ",\"partition\":%d", partition);
}
