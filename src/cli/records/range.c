/* Ranges of offsets. Pure. */
#include "cli/records/range.h"

#include "base/attr.h"
#include "base/iso8601.h"

/* --- times --- */

/* "1d12h", "90s", "500ms": false for anything else. */
static bool parse_span(struct str s, int64_t *ret_ms)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    int64_t sum_ms = 0;
    while (s.len > 0) {
        size_t digits = 0, letters, i = 0;
        int64_t n, part_ms;
        while (digits < s.len && s.p[digits] >= '0' && s.p[digits] <= '9') {
            digits++;
        }
        letters = digits;
        while (letters < s.len && s.p[letters] >= 'a' && s.p[letters] <= 'z') {
            letters++;
        }
        struct str unit = str_sub(s, digits, letters - digits);
        while (i < ARRAY_LEN(units) && !str_eq(unit, str_from(units[i].name))) {
            i++;
        }
        if (i == ARRAY_LEN(units) || !str_to_i64(str_sub(s, 0, digits), &n) ||
            __builtin_mul_overflow(n, units[i].ms, &part_ms) ||
            __builtin_add_overflow(sum_ms, part_ms, &sum_ms)) {
            return false;
        }
        s = str_sub(s, letters, s.len - letters);
    }
    *ret_ms = sum_ms;
    return true;
}

static bool parse_date(struct str s, int64_t *ret_ms)
{
    char text[24];
    if (s.len != 10) {
        return false;
    }
    memcpy(text, s.p, s.len);
    memcpy(text + s.len, "T00:00:00Z", 11);
    return iso8601_time(str_from(text), ret_ms);
}

static bool parse_time(struct str s, int64_t now_ms, int64_t *ret_ms)
{
    int64_t ago_ms;
    if (s.len > 1 && s.p[0] == '-') {
        struct str span = str_sub(s, 1, s.len - 1);
        bool ok = parse_span(span, &ago_ms) || iso8601_duration(span, &ago_ms);
        *ret_ms = ok && ago_ms >= 0 && ago_ms <= now_ms ? now_ms - ago_ms : 0;
        return ok;
    }
    return (str_to_i64(s, ret_ms) && *ret_ms >= 0) || parse_date(s, ret_ms) ||
           iso8601_time(s, ret_ms);
}

/* --- points --- */

static bool parse_point(struct str s, int64_t now_ms, bool is_time, struct range_point *ret)
{
    if (s.len > 0 && (s.p[0] == '@' || is_time)) {
        size_t at = s.p[0] == '@';
        *ret = (struct range_point){RANGE_TIME, 0};
        if (parse_time(str_sub(s, at, s.len - at), now_ms, &ret->n)) {
            return true;
        }
        if (at == 1) {
            return false;
        }
    }
    if (str_eq(s, STR("beginning"))) {
        s = STR("start");
    }
    if (str_eq(s, STR("start")) || str_eq(s, STR("end"))) {
        *ret = (struct range_point){s.len == 3 ? RANGE_END : RANGE_START, 0};
        return true;
    }
    ret->kind = s.len > 0 && s.p[0] == '+'   ? RANGE_START
                : s.len > 0 && s.p[0] == '-' ? RANGE_END
                                             : RANGE_OFFSET;
    return str_to_i64(s, &ret->n);
}

/* "s@TIME" is from there on, "e@TIME" up to there: as kcat has it. */
static bool parse_bound(struct str text, int64_t now_ms, struct range *ret)
{
    struct str point = str_sub(text, 1, text.len - 1);
    ret->from = (struct range_point){RANGE_START, 0};
    ret->until = (struct range_point){RANGE_NONE, 0};
    return parse_point(point, now_ms, false, text.p[0] == 's' ? &ret->from : &ret->until);
}

/* Times have colons, too: each may be the one between two points. */
bool range_parse(struct str text, int64_t now_ms, struct range *ret)
{
    struct range r = {{RANGE_START, 0}, {RANGE_NONE, 0}};
    if (str_has_prefix(text, STR("s@")) || str_has_prefix(text, STR("e@"))) {
        bool ok = parse_bound(text, now_ms, &r);
        *ret = ok ? r : *ret;
        return ok;
    }
    if (parse_point(text, now_ms, false, &r.from)) {
        *ret = r;
        return true;
    }
    for (size_t i = 0; i < text.len; i++) {
        struct str from = str_sub(text, 0, i), until = str_sub(text, i + 1, text.len - i - 1);
        r = (struct range){{RANGE_START, 0}, {RANGE_NONE, 0}};
        if (text.p[i] == ':' && text.len > 1 &&
            (from.len == 0 || parse_point(from, now_ms, false, &r.from)) &&
            (until.len == 0 || parse_point(until, now_ms, r.from.kind == RANGE_TIME, &r.until))) {
            *ret = r;
            return true;
        }
    }
    return false;
}

int64_t range_offset(struct range_point p, int64_t start, int64_t end, int64_t at_time)
{
    switch (p.kind) {
    case RANGE_START:
        return MIN(start + MIN(p.n, end - start), end);
    case RANGE_END:
        return MAX(end + MAX(p.n, start - end), start);
    case RANGE_OFFSET:
        return p.n;
    case RANGE_TIME:
        return at_time < 0 ? end : at_time;
    case RANGE_NONE:
        break;
    }
    return INT64_MAX;
}
