/* What the user of a member wants: topics by name, or those that match a pattern. Pure. */
#include "client/group/member_int.h"

#include "base/mem.h"
#include "client/error.h"

#include <stdio.h>

static void subscribed(struct member *m)
{
    bool was_subscribed = m->is_subscribed;
    m->is_subscribed = true;
    m->is_fatal = false;
    m->code = 0;
    m->watch_at_ms = 0;
    m->s848.has_told_topics = false;
    member_rejoin(m, was_subscribed ? "the subscription has changed" : "a new member");
}

void member_drop_pattern(struct member *m)
{
    if (m->is_compiled) {
        regfree(&m->pattern);
    }
    mem_free(m->pattern_text);
    m->pattern_text = NULL;
    m->has_pattern = m->is_compiled = m->knows_topics = false;
}

void member_subscribe(struct member *m, const char *const *topics, size_t count)
{
    member_drop_pattern(m);
    member_set_topics(m, topics, count);
    subscribed(m);
}

/* All of a name has to match. */
static bool compile(const char *pattern, regex_t *ret, char *ret_why, size_t size)
{
    size_t len = strlen(pattern) + sizeof "^()$";
    char *whole = mem_alloc(len);
    snprintf(whole, len, "^(%s)$", pattern);
    int code = regcomp(ret, whole, REG_EXTENDED | REG_NOSUB);
    mem_free(whole);
    if (code != 0) {
        regerror(code, ret, ret_why, size);
    }
    return code == 0;
}

/* A coordinator that matches knows other expressions than we do: it is the one to refuse them. */
int member_subscribe_pattern(struct member *m, const char *pattern, struct ottla_error *error)
{
    regex_t compiled;
    char why[sizeof m->why_not] = "";
    bool is_compiled = compile(pattern, &compiled, why, sizeof why);
    if (pattern[0] == '\0' || (!is_compiled && (!m->is_848 || m->s848.matches_here))) {
        if (is_compiled) {
            regfree(&compiled);
        }
        return error_set(error, ERR_INVALID_REGULAR_EXPRESSION, "'%s': %s", pattern,
                         pattern[0] == '\0' ? "it is empty" : why);
    }
    member_drop_pattern(m);
    member_set_topics(m, NULL, 0);
    if (is_compiled) {
        m->pattern = compiled;
    }
    m->is_compiled = is_compiled;
    m->pattern_text = str_dup(str_from(pattern));
    snprintf(m->why_not, sizeof m->why_not, "%s", why);
    m->has_pattern = true;
    subscribed(m);
    return 0;
}
