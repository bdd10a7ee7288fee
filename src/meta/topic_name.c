/* Rules of topic names. Pure. */
#include "meta/topic_name.h"

static bool is_legal_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

bool topic_name_is_legal(struct str name)
{
    if (name.len == 0 || name.len > TOPIC_NAME_MAX || str_eq(name, STR(".")) ||
        str_eq(name, STR(".."))) {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        if (!is_legal_char(name.p[i])) {
            return false;
        }
    }
    return true;
}

static char folded(char c) { return c == '.' ? '_' : c; }

bool topic_names_collide(struct str a, struct str b)
{
    if (a.len != b.len) {
        return false;
    }
    for (size_t i = 0; i < a.len; i++) {
        if (folded(a.p[i]) != folded(b.p[i])) {
            return false;
        }
    }
    return true;
}
