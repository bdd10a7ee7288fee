/* Rules for the settings of groups and of subscriptions to clients' metrics that their rows in the
 * table cannot say. Pure. */
#include "meta/config.h"

#include "base/iso8601.h"

#include <stdio.h>

/* --- groups --- */

/* The broker's bound of a group's setting: group.consumer.min.session.timeout.ms bounds
 * consumer.session.timeout.ms. NULL: there is none. */
static const struct config_def *bound_of(struct str name, const char *side)
{
    char text[96];
    const char *dot = memchr(name.p, '.', name.len);
    if (dot == NULL) {
        return NULL;
    }
    struct str kind = str_sub(name, 0, (size_t)(dot - name.p));
    struct str rest = str_sub(name, kind.len + 1, name.len - kind.len - 1);
    if (str_has_prefix(rest, STR("num."))) {
        rest = str_sub(rest, 4, rest.len - 4);
    }
    int n = snprintf(text, sizeof text, "group.%.*s.%s.%.*s", STR_ARG(kind), side, STR_ARG(rest));
    return n > 0 && (size_t)n < sizeof text
               ? config_find(CONFIG_BROKER, (struct str){text, (size_t)n})
               : NULL;
}

static bool bound_value(const struct broker_config *broker, const struct config_def *def,
                        int64_t *ret)
{
    struct str given = props_get(&broker->props, str_from(def->name));
    return str_to_i64(str_is_null(given) ? str_from(def->default_text) : str_trim(given), ret);
}

static bool is_within(const struct broker_config *broker, const struct config_setting *s,
                      struct buf *why)
{
    int64_t value, bound;
    const struct config_def *low = bound_of(s->name, "min"), *high = bound_of(s->name, "max");
    if (!str_to_i64(str_trim(s->value), &value)) {
        return true;
    }
    if (low != NULL && bound_value(broker, low, &bound) && value < bound) {
        buf_printf(why, "%.*s must be greater than or equal to %s", STR_ARG(s->name), low->name);
        return false;
    }
    if (high != NULL && bound_value(broker, high, &bound) && value > bound) {
        buf_printf(why, "%.*s must be less than or equal to %s", STR_ARG(s->name), high->name);
        return false;
    }
    return true;
}

static bool is_offset_reset(struct str s)
{
    struct str by = STR("by_duration:");
    int64_t ms = 0;
    return str_eq(s, STR("earliest")) || str_eq(s, STR("latest")) ||
           (str_has_prefix(s, by) && iso8601_duration(str_sub(s, by.len, s.len - by.len), &ms) &&
            ms >= 0);
}

bool group_config_check(const struct broker_config *broker, const struct config_setting *s,
                        struct buf *why)
{
    if (str_eq(s->name, STR("share.auto.offset.reset")) && !is_offset_reset(str_trim(s->value))) {
        buf_printf(why,
                   "Invalid value %.*s for configuration %.*s: Invalid value `%.*s` for "
                   "configuration %.*s. The value must be either 'earliest', 'latest' or of the "
                   "format 'by_duration:<PnDTnHnMn.nS>'.",
                   STR_ARG(s->value), STR_ARG(s->name), STR_ARG(s->value), STR_ARG(s->name));
        return false;
    }
    return is_within(broker, s, why);
}

/* --- clients' metrics --- */

enum { INTERVAL_MIN_MS = 100, INTERVAL_MAX_MS = 3600000 };

static bool is_selector(struct str name)
{
    static const char *const known[] = {"client_instance_id",    "client_id",
                                        "client_software_name",  "client_software_version",
                                        "client_source_address", "client_source_port"};
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (str_eq(name, str_from(known[i]))) {
            return true;
        }
    }
    return false;
}

/* Whether each item is selector=expression. */
static bool are_matches(struct str list, struct str *ret_bad)
{
    size_t pos = 0;
    while (config_list_next(list, &pos, ret_bad)) {
        const char *eq = ret_bad->len ? memchr(ret_bad->p, '=', ret_bad->len) : NULL;
        if (eq == NULL || !is_selector(str_trim(str_sub(*ret_bad, 0, (size_t)(eq - ret_bad->p))))) {
            return false;
        }
    }
    return true;
}

enum err client_metrics_config_check(const struct config_setting *s, struct buf *why)
{
    int64_t ms;
    struct str bad = STR_NULL;
    if (str_eq(s->name, STR("interval.ms")) && str_to_i64(str_trim(s->value), &ms) &&
        (ms < INTERVAL_MIN_MS || ms > INTERVAL_MAX_MS)) {
        buf_printf(why,
                   "Invalid value %.*s for interval.ms, interval must be between 100 and 3600000 "
                   "(1 hour)",
                   STR_ARG(s->value));
        return ERR_INVALID_REQUEST;
    }
    if (str_eq(s->name, STR("match")) && !are_matches(s->value, &bad)) {
        buf_printf(why, "Illegal client matching pattern: %.*s", STR_ARG(bad));
        return ERR_INVALID_CONFIG;
    }
    return OK;
}
