/* Format strings. Pure. */
#include "cli/records/template.h"

#include "base/mem.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

static const char letters[] = "tpoekKvsVSRTdhHi";
static const char read_letters[] = "tpTkvsh";

/* --- parsing --- */

/* While the text grows only lengths are kept. */
static void add_piece(struct template *t, char letter, size_t at)
{
    bool joins = letter == 0 && t->count > 0 && t->pieces[t->count - 1].letter == 0;
    if (!joins) {
        t->pieces = mem_realloc_array(t->pieces, t->count + 1, sizeof *t->pieces);
        t->pieces[t->count++] = (struct template_piece){letter, {NULL, 0}};
    }
    t->pieces[t->count - 1].text.len += t->text.len - at;
}

/* Behind a backslash; how many characters it took, 0: none that is known. */
static size_t put_escape(struct buf *out, const char *p)
{
    static const char names[] = "nrt0\\", values[] = "\n\r\t\0\\";
    const char *found = *p != '\0' ? strchr(names, *p) : NULL;
    unsigned v = 0;
    if (found != NULL) {
        buf_put_u8(out, (uint8_t)values[found - names]);
        return 1;
    }
    if (p[0] != 'x' || !isxdigit((unsigned char)p[1]) || !isxdigit((unsigned char)p[2])) {
        return 0;
    }
    for (int i = 1; i <= 2; i++) {
        int c = tolower((unsigned char)p[i]);
        v = v * 16 + (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    buf_put_u8(out, (uint8_t)v);
    return 3;
}

/* "{%H:%M}", "{strftime[%H:%M]}": how long it is; 0: it does not end. */
static size_t put_time_format(struct buf *out, const char *p)
{
    const char *end = strchr(p, '}');
    if (*p != '{') {
        return 0;
    }
    if (end == NULL) {
        return SIZE_MAX;
    }
    struct str inner = {p + 1, (size_t)(end - p - 1)}, call = STR("strftime[");
    if (str_has_prefix(inner, call) && str_has_suffix(inner, STR("]"))) {
        inner = str_sub(inner, call.len, inner.len - call.len - 1);
    }
    buf_put_str(out, str_eq(inner, STR("strftime")) ? STR("%Y-%m-%dT%H:%M:%S") : inner);
    return (size_t)(end - p) + 1;
}

/* One piece at p; how long it is, 0 and a sentence if it is none. */
static size_t parse_piece(struct template *t, const char *p, struct buf *why)
{
    size_t at = t->text.len, n;
    if (*p == '\\') {
        n = put_escape(&t->text, p + 1);
        add_piece(t, 0, at);
        if (n == 0) {
            buf_printf(why, "'\\%.1s' is no escape: there are \\n \\r \\t \\0 \\\\ \\xHH", p + 1);
        }
        return n ? n + 1 : 0;
    }
    if (*p != '%' || p[1] == '%') {
        buf_put_u8(&t->text, (uint8_t)*p);
        add_piece(t, 0, at);
        return *p == '%' ? 2 : 1;
    }
    if (p[1] == '\0' || strchr(letters, p[1]) == NULL) {
        buf_printf(why, "'%%%.1s' is no field: there are %%%s, and %%%%", p + 1, letters);
        return 0;
    }
    n = p[1] == 'd' ? put_time_format(&t->text, p + 2) : 0;
    if (n == SIZE_MAX) {
        buf_printf(why, "'%%d{' needs a '}'");
        return 0;
    }
    add_piece(t, p[1], at);
    return n + 2;
}

bool template_parse(struct template *t, const char *format, struct buf *why)
{
    size_t n = 1, at = 0;
    *t = (struct template){.text = BUF_INIT};
    for (const char *p = format; *p != '\0' && n > 0; p += n) {
        n = parse_piece(t, p, why);
    }
    const char *text = buf_cstr(&t->text); /* it does not move any more */
    for (size_t i = 0; i < t->count; i++) {
        t->pieces[i].text.p = text + at;
        at += t->pieces[i].text.len;
    }
    return n > 0;
}

static void put_literal(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        buf_put_str(out, *text == '%' ? STR("%%") : (struct str){text, 1});
    }
}

bool template_parse_ends(struct template *t, const char *key_end, const char *end, struct buf *why)
{
    struct buf format = BUF_INIT;
    if (key_end != NULL) {
        buf_put_str(&format, STR("%k"));
        put_literal(&format, key_end);
    }
    buf_put_str(&format, STR("%v"));
    put_literal(&format, end != NULL ? end : "\\n");
    bool ok = template_parse(t, buf_cstr(&format), why);
    t->key_is_optional = true;
    buf_deinit(&format);
    return ok;
}

void template_deinit(struct template *t)
{
    buf_deinit(&t->text);
    mem_free(t->pieces);
}

/* --- writing --- */

static void put_time(struct buf *out, int64_t ms, struct str format)
{
    char text[256], own[128];
    struct tm tm;
    time_t s = (time_t)(ms / 1000);
    if (gmtime_r(&s, &tm) == NULL) {
        return;
    }
    if (format.len == 0) {
        size_t n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
        buf_printf(out, "%.*s.%03dZ", (int)n, text, (int)(ms % 1000));
        return;
    }
    snprintf(own, sizeof own, "%.*s", STR_ARG(format));
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    size_t n = strftime(text, sizeof text, own, &tm);
#pragma GCC diagnostic pop
    buf_put(out, text, n);
}

/* As kcat writes it: -1 for null. */
static void put_length(struct buf *out, const struct ottla_record *r)
{
    buf_put_be32(out, r->value != NULL ? (uint32_t)r->value_length : UINT32_MAX);
}

static void put_bytes(struct buf *out, struct bytes b, struct str null_text)
{
    if (b.p == NULL) {
        buf_put_str(out, null_text);
    } else {
        buf_put(out, b.p, b.len);
    }
}

static void put_headers(struct buf *out, const struct ottla_record *r)
{
    for (size_t i = 0; i < r->header_count; i++) {
        const struct ottla_header *h = &r->headers[i];
        buf_put_str(out, i ? STR(",") : STR(""));
        buf_put(out, h->key, h->key_length);
        buf_put_u8(out, '=');
        put_bytes(out, (struct bytes){h->value, h->value_length}, STR("NULL"));
    }
}

static int64_t length_of(const void *p, size_t len) { return p != NULL ? (int64_t)len : -1; }

static int64_t number_of(char letter, const struct ottla_record *r, int64_t number)
{
    switch (letter) {
    case 'p':
        return r->partition;
    case 'o':
        return r->offset;
    case 'e':
        return r->leader_epoch;
    case 'T':
        return r->timestamp_ms;
    case 'K':
        return length_of(r->key, r->key_length);
    case 'H':
        return (int64_t)r->header_count;
    case 'i':
        return number;
    default:
        return length_of(r->value, r->value_length);
    }
}

static void put_piece(const struct template *t, const struct template_piece *p,
                      const struct ottla_record *r, struct buf *out)
{
    switch (p->letter) {
    case 0:
        buf_put_str(out, p->text);
        break;
    case 't':
        buf_put_str(out, str_from(r->topic));
        break;
    case 'k':
        put_bytes(out, (struct bytes){r->key, r->key_length}, t->null_text);
        break;
    case 'v':
    case 's':
        put_bytes(out, (struct bytes){r->value, r->value_length}, t->null_text);
        break;
    case 'R':
        put_length(out, r);
        break;
    case 'h':
        put_headers(out, r);
        break;
    case 'd':
        put_time(out, r->timestamp_ms, p->text);
        break;
    default:
        buf_printf(out, "%" PRId64, number_of(p->letter, r, t->number));
    }
}

void template_put(struct template *t, const struct ottla_record *r, struct buf *out)
{
    t->number++;
    for (size_t i = 0; i < t->count; i++) {
        put_piece(t, &t->pieces[i], r, out);
    }
}

/* --- reading --- */

bool template_has(const struct template *t, const char *wanted)
{
    for (size_t i = 0; i < t->count; i++) {
        if (t->pieces[i].letter != 0 && strchr(wanted, t->pieces[i].letter) != NULL) {
            return true;
        }
    }
    return false;
}

bool template_take_end(struct template *t, struct str *ret_end, struct buf *why)
{
    for (size_t i = 0; i < t->count; i++) {
        const struct template_piece *p = &t->pieces[i];
        if (p->letter != 0 && strchr(read_letters, p->letter) == NULL) {
            buf_printf(why, "%%%c is not read: there are %%t %%p %%T %%k %%v %%h", p->letter);
            return false;
        }
        if (p->letter != 0 && (i + 1 == t->count || t->pieces[i + 1].letter != 0)) {
            buf_printf(why, "there must be text behind %%%c: where it ends", p->letter);
            return false;
        }
    }
    if (t->count == 0) {
        buf_printf(why, "a record needs text that ends it, such as \\n");
        return false;
    }
    *ret_end = t->pieces[--t->count].text;
    return true;
}

static bool take_number(struct str s, int64_t *ret, struct buf *why)
{
    if (!str_to_i64(s, ret) || *ret < 0) {
        buf_printf(why, "'%.*s' is no number", STR_ARG(s));
        return false;
    }
    return true;
}

static bool take_field(char letter, struct str s, struct template_record *ret, struct buf *why)
{
    switch (letter) {
    case 't':
        ret->topic = s;
        break;
    case 'p':
        return take_number(s, &ret->partition, why);
    case 'T':
        return take_number(s, &ret->timestamp_ms, why);
    case 'k':
        ret->key = s;
        break;
    case 'h':
        ret->headers = s;
        break;
    default:
        ret->value = s;
    }
    return true;
}

/* The field ends where the text behind it begins, the last one with the record. */
bool template_read(const struct template *t, struct str text, struct template_record *ret,
                   struct buf *why)
{
    *ret = (struct template_record){STR_NULL, STR_NULL, STR_NULL, STR_NULL, -1, -1};
    for (size_t i = 0; i < t->count; i++) {
        const struct template_piece *p = &t->pieces[i];
        struct str after = i + 1 < t->count ? t->pieces[i + 1].text : STR("");
        const char *end = text.p + text.len;
        if (p->letter == 0) {
            if (!str_has_prefix(text, p->text)) {
                buf_printf(why, "'%.*s' is missing", STR_ARG(p->text));
                return false;
            }
            text = str_sub(text, p->text.len, text.len - p->text.len);
            continue;
        }
        if (after.len > 0) {
            end = memmem(text.p, text.len, after.p, after.len);
        }
        if (end == NULL && t->key_is_optional && p->letter == 'k') {
            i++; /* nor is there what would end it */
            continue;
        }
        if (end == NULL) {
            buf_printf(why, "'%.*s' is missing behind %%%c", STR_ARG(after), p->letter);
            return false;
        }
        size_t len = (size_t)(end - text.p);
        if (!take_field(p->letter, str_sub(text, 0, len), ret, why)) {
            return false;
        }
        text = str_sub(text, len, text.len - len);
    }
    return true;
}
