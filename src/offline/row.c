/* Rows of dump-log: built in memory, written in large pieces. The command's thread. */
#include "offline/row.h"

#include "base/json.h"

#include <inttypes.h>

enum { FLUSH_BYTES = 64 << 10 };

void rows_out_init(struct rows_out *o, FILE *file, bool is_json)
{
    *o = (struct rows_out){.file = file, .is_json = is_json, .prefix = ""};
}

void rows_out_flush(struct rows_out *o)
{
    if (o->text.len > 0) {
        fwrite(o->text.p, 1, o->text.len, o->file);
    }
    fflush(o->file);
    buf_clear(&o->text);
}

void rows_out_deinit(struct rows_out *o)
{
    rows_out_flush(o);
    buf_deinit(&o->text);
}

/* --- lines --- */

static void end_line(struct rows_out *o)
{
    buf_put_u8(&o->text, '\n');
    if (o->text.len >= FLUSH_BYTES) {
        rows_out_flush(o);
    }
}

static void begin_json(struct rows_out *o, const char *kind)
{
    buf_printf(&o->text, "{\"type\":\"%s\"", kind);
}

void row_note(struct rows_out *o, const char *kind, const char *text)
{
    if (o->is_json) {
        begin_json(o, kind);
        buf_printf(&o->text, ",\"text\":");
        json_put_str(&o->text, str_from(text));
        buf_put_u8(&o->text, '}');
    } else {
        buf_put_str(&o->text, str_from(text));
    }
    end_line(o);
}

void row_note_i64(struct rows_out *o, const char *name, int64_t value, const char *text)
{
    if (o->is_json) {
        begin_json(o, "note");
        buf_printf(&o->text, ",\"%s\":%" PRId64 "}", name, value);
        end_line(o);
    } else {
        row_note(o, "note", text);
    }
}

/* --- fields --- */

void row_begin(struct rows_out *o, const char *kind, const char *prefix)
{
    o->prefix = prefix;
    if (o->is_json) {
        begin_json(o, kind);
    }
}

static void put_name(struct rows_out *o, const char *name, const char *colon)
{
    if (o->is_json) {
        buf_printf(&o->text, ",\"%s\":", name);
    } else {
        buf_printf(&o->text, "%s%s%s ", o->prefix, name, colon);
        o->prefix = " ";
    }
}

void row_i64(struct rows_out *o, const char *name, int64_t value)
{
    put_name(o, name, ":");
    buf_printf(&o->text, "%" PRId64, value);
}

void row_bool(struct rows_out *o, const char *name, bool value)
{
    put_name(o, name, ":");
    buf_printf(&o->text, value ? "true" : "false");
}

void row_word(struct rows_out *o, const char *name, const char *value)
{
    put_name(o, name, ":");
    buf_printf(&o->text, o->is_json ? "\"%s\"" : "%s", value);
}

void row_maybe(struct rows_out *o, const char *name, bool has, int64_t value)
{
    put_name(o, name, ":");
    if (has) {
        buf_printf(&o->text, o->is_json ? "%" PRId64 : "OptionalLong[%" PRId64 "]", value);
    } else {
        buf_printf(&o->text, o->is_json ? "null" : "OptionalLong.empty");
    }
}

void row_text(struct rows_out *o, const char *name, struct str value)
{
    put_name(o, name, ":");
    if (o->is_json) {
        json_put_str(&o->text, value);
    } else {
        buf_put_str(&o->text, value);
    }
}

void row_json(struct rows_out *o, const char *name, const char *colon, struct str value)
{
    put_name(o, name, colon);
    buf_put_str(&o->text, value);
}

void row_time(struct rows_out *o, const char *type, int64_t ts_ms)
{
    if (o->is_json) {
        row_word(o, "timestampType", type);
        row_i64(o, "timestamp", ts_ms);
    } else {
        row_i64(o, type, ts_ms);
    }
}

void row_end(struct rows_out *o)
{
    if (o->is_json) {
        buf_put_u8(&o->text, '}');
    }
    end_line(o);
}

/* --- UTF-8 --- */

static bool is_tail(const uint8_t *p, const uint8_t *end) { return p < end && (*p & 0xc0) == 0x80; }

/* How many bytes one character, or one U+FFFD in its place, stands for. */
static size_t step_3(const uint8_t *p, const uint8_t *end, bool *ret_good)
{
    if (!is_tail(p + 1, end) || (p[0] == 0xe0 && p[1] < 0xa0)) {
        return 1;
    }
    if (!is_tail(p + 2, end)) {
        return 2;
    }
    *ret_good = !(p[0] == 0xed && p[1] >= 0xa0); /* surrogates */
    return 3;
}

static size_t step_4(const uint8_t *p, const uint8_t *end, bool *ret_good)
{
    if (p[0] > 0xf4 || !is_tail(p + 1, end) || (p[0] == 0xf0 && p[1] < 0x90) ||
        (p[0] == 0xf4 && p[1] > 0x8f)) {
        return 1;
    }
    if (!is_tail(p + 2, end)) {
        return 2;
    }
    if (!is_tail(p + 3, end)) {
        return 3;
    }
    *ret_good = true;
    return 4;
}

static size_t step(const uint8_t *p, const uint8_t *end, bool *ret_good)
{
    *ret_good = *p < 0x80;
    if (*p < 0xc2) {
        return 1;
    }
    if (*p < 0xe0) {
        *ret_good = is_tail(p + 1, end);
        return *ret_good ? 2 : 1;
    }
    return *p < 0xf0 ? step_3(p, end, ret_good) : *p < 0xf8 ? step_4(p, end, ret_good) : 1;
}

void text_put_utf8(struct buf *out, struct bytes b)
{
    const uint8_t *p = b.p, *end = p + b.len;
    while (p < end) {
        bool good;
        size_t n = step(p, end, &good);
        if (good) {
            buf_put(out, p, n);
        } else {
            buf_put_str(out, STR("\xef\xbf\xbd"));
        }
        p += n;
    }
}
