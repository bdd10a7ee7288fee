/* JSON as YAML: block style, text plain where nobody can take it for anything else, and in double
 * quotes otherwise. Pure. The values are our own: they are a few levels deep. */
#include "cli/yaml.h"

#include "base/attr.h"
#include "base/mem.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- text --- */

static bool is_plain_char(char ch)
{
    return isalnum((unsigned char)ch) || (ch != '\0' && strchr("_-./", ch) != NULL);
}

/* Begins with a letter, so that it is no number and no date, and is none of YAML's words. */
static bool is_plain(struct str s)
{
    static const char *const words[] = {"true", "false", "null", "yes", "no", "on",
                                        "off",  "y",     "n",    "inf", "nan"};
    for (size_t i = 0; i < s.len; i++) {
        if (!is_plain_char(s.p[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (s.len == strlen(words[i]) && strncasecmp(s.p, words[i], s.len) == 0) {
            return false;
        }
    }
    return s.len > 0 && (isalpha((unsigned char)s.p[0]) || s.p[0] == '_');
}

/* Characters of several bytes that YAML does not let stand for themselves. */
static size_t put_special(struct buf *out, const char *p, size_t len)
{
    static const struct {
        const char *bytes, *escape;
    } rows[] = {{"\xe2\x80\xa8", "\\L"},
                {"\xe2\x80\xa9", "\\P"},
                {"\xef\xbb\xbf", "\\uFEFF"},
                {"\xef\xbf\xbe", "\\uFFFE"},
                {"\xef\xbf\xbf", "\\uFFFF"}};
    if (len >= 2 && (uint8_t)p[0] == 0xc2 && (uint8_t)p[1] < 0xa0) {
        buf_printf(out, "\\x%02X", (uint8_t)p[1]);
        return 2;
    }
    for (size_t i = 0; len >= 3 && i < ARRAY_LEN(rows); i++) {
        if (memcmp(p, rows[i].bytes, 3) == 0) {
            buf_put_str(out, str_from(rows[i].escape));
            return 3;
        }
    }
    return 0;
}

static size_t put_char(struct buf *out, const char *p, size_t len)
{
    static const char names[] = "\"\\nrt", values[] = "\"\\\n\r\t";
    const uint8_t ch = (uint8_t)*p;
    const char *known = ch != 0 ? strchr(values, *p) : NULL;
    if (known != NULL) {
        buf_printf(out, "\\%c", names[known - values]);
    } else if (ch < 0x20 || ch == 0x7f) {
        buf_printf(out, "\\x%02X", ch);
    } else {
        size_t n = put_special(out, p, len);
        if (n > 0) {
            return n;
        }
        buf_put_u8(out, ch);
    }
    return 1;
}

static void put_text(struct buf *out, struct str s)
{
    if (is_plain(s)) {
        buf_put_str(out, s);
        return;
    }
    buf_put_u8(out, '"');
    for (size_t i = 0; i < s.len;) {
        i += put_char(out, s.p + i, s.len - i);
    }
    buf_put_u8(out, '"');
}

/* --- values --- */

static bool is_block(const json_t *v)
{
    return (json_is_object(v) && json_object_size(v) > 0) ||
           (json_is_array(v) && json_array_size(v) > 0);
}

static void put_scalar(struct buf *out, const json_t *v)
{
    if (json_is_string(v)) {
        put_text(out, (struct str){json_string_value(v), json_string_length(v)});
        return;
    }
    char *text = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT); /* a number, a word, {} or [] */
    buf_put_str(out, str_from(text != NULL ? text : "null"));
    free(text);
}

static void put_indent(struct buf *out, int depth)
{
    for (int i = 0; i < depth; i++) {
        buf_put_str(out, STR("  "));
    }
}

static void put_block(struct buf *out, const json_t *v, int depth);

/* Rows of a list: what is inside begins on the line of its dash. */
static void put_list(struct buf *out, const json_t *v, int depth)
{
    for (size_t i = 0; i < json_array_size(v); i++) {
        const json_t *row = json_array_get(v, i);
        put_indent(out, i > 0 ? depth : 0);
        buf_put_str(out, STR("- "));
        if (is_block(row)) {
            put_block(out, row, depth + 1);
        } else {
            put_scalar(out, row);
            buf_put_u8(out, '\n');
        }
    }
}

static void put_fields(struct buf *out, json_t *v, int depth)
{
    const char *name;
    json_t *field;
    bool is_first = true;
    json_object_foreach(v, name, field)
    {
        put_indent(out, is_first ? 0 : depth);
        is_first = false;
        put_text(out, str_from(name));
        buf_put_str(out, STR(":"));
        if (is_block(field)) {
            buf_put_u8(out, '\n');
            put_indent(out, depth + 1);
            put_block(out, field, depth + 1);
        } else {
            buf_put_u8(out, ' ');
            put_scalar(out, field);
            buf_put_u8(out, '\n');
        }
    }
}

/* The first line is indented already. */
static void put_block(struct buf *out, const json_t *v, int depth)
{
    if (json_is_array(v)) {
        put_list(out, v, depth);
    } else {
        put_fields(out, (json_t *)(uintptr_t)v, depth);
    }
}

void yaml_put(struct buf *out, const json_t *value)
{
    buf_put_str(out, STR("---\n"));
    if (is_block(value)) {
        put_block(out, value, 0);
    } else {
        put_scalar(out, value);
        buf_put_u8(out, '\n');
    }
}

void yaml_put_lines(struct buf *out, struct str lines)
{
    while (lines.len > 0) {
        size_t len = str_find(lines, '\n');
        struct str line = str_sub(lines, 0, len);
        json_t *v = json_loadb(line.p, line.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        lines = len < lines.len ? str_sub(lines, len + 1, lines.len - len - 1) : STR("");
        if (v != NULL) {
            yaml_put(out, v);
        } else {
            buf_put_str(out, line);
            buf_put_u8(out, '\n');
        }
        json_decref(v);
    }
}
