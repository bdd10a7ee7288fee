/* The rules of topic names. Pure. */
#include "base/topic_name.h"

static bool is_legal_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

static bool has_legal_chars(struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (!is_legal_char(name.p[i])) {
            return false;
        }
    }
    return true;
}

static bool is_path(struct str name) { return str_eq(name, STR(".")) || str_eq(name, STR("..")); }

bool topic_name_is_legal(struct str name)
{
    return name.len > 0 && name.len <= TOPIC_NAME_MAX && !is_path(name) && has_legal_chars(name);
}

/* The name may hold anything, even zeros. */
static void explain(struct buf *why, const char *before, struct str name, const char *after)
{
    buf_printf(why, "Topic name is invalid: %s'", before);
    buf_put(why, name.p, name.len);
    buf_printf(why, "'%s", after);
}

bool topic_name_check(struct str name, struct buf *why)
{
    if (name.len == 0) {
        buf_printf(why, "Topic name is invalid: the empty string is not allowed");
    } else if (is_path(name)) {
        explain(why, "", name, " is not allowed");
    } else if (name.len > TOPIC_NAME_MAX) {
        explain(why, "the length of ", name, " is longer than the max allowed length 249");
    } else if (!has_legal_chars(name)) {
        explain(
            why, "", name,
            " contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'");
    }
    return topic_name_is_legal(name);
}

static char plain(char c) { return c == '.' ? '_' : c; }

bool topic_names_collide(struct str a, struct str b)
{
    if (a.len != b.len) {
        return false;
    }
    for (size_t i = 0; i < a.len; i++) {
        if (plain(a.p[i]) != plain(b.p[i])) {
            return false;
        }
    }
    return true;
}
