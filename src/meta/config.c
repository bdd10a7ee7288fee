/* The table of settings: look-up, checks, typed values. Pure; the table is constant, so all of it
 * is thread-safe. */
#include "meta/config.h"

#include "base/assert.h"
#include "record/record.h"
#include "record/validate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define ANY NAN
#define READ_ONLY CONFIG_READ_ONLY
#define PER_BROKER CONFIG_PER_BROKER
#define CLUSTER_WIDE CONFIG_CLUSTER_WIDE

/* A row whose kind has no field gets position 0, which nobody reads. */
#define POS_BOOL(type, field) offsetof(type, field)
#define POS_INT(type, field) offsetof(type, field)
#define POS_SHORT(type, field) offsetof(type, field)
#define POS_LONG(type, field) offsetof(type, field)
#define POS_DOUBLE(type, field) offsetof(type, field)
#define POS_STRING(type, field) offsetof(type, field)
#define POS_LIST(type, field) offsetof(type, field)
#define POS_PASSWORD(type, field) offsetof(type, field)
#define POS_CLASS(type, field) offsetof(type, field)
#define POS_POLICY(type, field) offsetof(type, field)
#define POS_COMPRESSION(type, field) offsetof(type, field)
#define POS_TSTYPE(type, field) offsetof(type, field)
#define POS_GZIP_LEVEL(type, field) offsetof(type, field)
#define POS_THROTTLED(type, field) 0

static const struct config_def topic_defs[] = {
#define TOPIC(name, field, kind, dflt, lo, hi, allowed, synonyms, doc)                             \
    {name,                                                                                         \
     CONFIG_TOPIC,                                                                                 \
     CONFIG_KIND_##kind,                                                                           \
     CONFIG_READ_ONLY,                                                                             \
     dflt,                                                                                         \
     lo,                                                                                           \
     hi,                                                                                           \
     allowed,                                                                                      \
     synonyms,                                                                                     \
     doc,                                                                                          \
     POS_##kind(struct topic_config, field)},
#include "def/config.def"
};

static const struct config_def broker_defs[] = {
#define BROKER(name, field, kind, dflt, lo, hi, allowed, mode, doc)                                \
    {name,                                                                                         \
     CONFIG_BROKER,                                                                                \
     CONFIG_KIND_##kind,                                                                           \
     mode,                                                                                         \
     dflt,                                                                                         \
     lo,                                                                                           \
     hi,                                                                                           \
     allowed,                                                                                      \
     "",                                                                                           \
     doc,                                                                                          \
     POS_##kind(struct broker_config, field)},
#include "def/config.def"
};

#define NO_FIELD(scope, name, kind, dflt, lo, hi, allowed, synonyms, doc)                          \
    {name, scope, CONFIG_KIND_##kind, CONFIG_CLUSTER_WIDE, dflt, lo, hi, allowed, synonyms, doc, 0},

static const struct config_def group_defs[] = {
#define GROUP(...) NO_FIELD(CONFIG_GROUP, __VA_ARGS__)
#include "def/config.def"
};

static const struct config_def client_metrics_defs[] = {
#define CLIENT_METRICS(...) NO_FIELD(CONFIG_CLIENT_METRICS, __VA_ARGS__)
#include "def/config.def"
};

const struct config_def *config_all(enum config_scope scope, int32_t *ret_count)
{
    switch (scope) {
    case CONFIG_TOPIC:
        *ret_count = ARRAY_LEN(topic_defs);
        return topic_defs;
    case CONFIG_BROKER:
        *ret_count = ARRAY_LEN(broker_defs);
        return broker_defs;
    case CONFIG_GROUP:
        *ret_count = ARRAY_LEN(group_defs);
        return group_defs;
    case CONFIG_CLIENT_METRICS:
        *ret_count = ARRAY_LEN(client_metrics_defs);
        return client_metrics_defs;
    }
    UNREACHABLE();
}

const struct config_def *config_find(enum config_scope scope, struct str name)
{
    int32_t hi;
    const struct config_def *defs = config_all(scope, &hi);
    int32_t lo = 0;
    while (lo < hi) {
        int32_t mid = lo + (hi - lo) / 2;
        int c = str_cmp(str_from(defs[mid].name), name);
        if (c == 0) {
            return &defs[mid];
        }
        if (c < 0) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return NULL;
}

const char *config_did_you_mean(enum config_scope scope, struct str name)
{
    int32_t count;
    const struct config_def *defs = config_all(scope, &count);
    const char *best = NULL;
    int best_distance = STR_MISSPELT_MAX + 1;
    for (int32_t i = 0; i < count; i++) {
        int d = str_misspelt(name, str_from(defs[i].name));
        if (d < best_distance) {
            best_distance = d;
            best = defs[i].name;
        }
    }
    return best;
}

enum config_type config_type(const struct config_def *def)
{
    switch (def->kind) {
    case CONFIG_KIND_BOOL:
        return CONFIG_T_BOOL;
    case CONFIG_KIND_INT:
    case CONFIG_KIND_GZIP_LEVEL:
        return CONFIG_T_INT;
    case CONFIG_KIND_SHORT:
        return CONFIG_T_SHORT;
    case CONFIG_KIND_LONG:
        return CONFIG_T_LONG;
    case CONFIG_KIND_DOUBLE:
        return CONFIG_T_DOUBLE;
    case CONFIG_KIND_STRING:
    case CONFIG_KIND_COMPRESSION:
    case CONFIG_KIND_TSTYPE:
        return CONFIG_T_STRING;
    case CONFIG_KIND_LIST:
    case CONFIG_KIND_POLICY:
    case CONFIG_KIND_THROTTLED:
        return CONFIG_T_LIST;
    case CONFIG_KIND_PASSWORD:
        return CONFIG_T_PASSWORD;
    case CONFIG_KIND_CLASS:
        return CONFIG_T_CLASS;
    }
    UNREACHABLE();
}

static const char *type_name(enum config_type type)
{
    static const char *const names[] = {"?",    "BOOLEAN", "STRING", "INT",   "SHORT",
                                        "LONG", "DOUBLE",  "LIST",   "CLASS", "PASSWORD"};
    return names[type];
}

/* --- values --- */

bool config_list_next(struct str list, size_t *pos, struct str *ret_item)
{
    if (*pos > list.len || str_trim(list).len == 0) {
        return false;
    }
    size_t end = *pos;
    while (end < list.len && list.p[end] != ',') {
        end++;
    }
    *ret_item = str_trim(str_sub(list, *pos, end - *pos));
    *pos = end + 1;
    return true;
}

bool config_list_has(struct str list, struct str item)
{
    size_t pos = 0;
    struct str s;
    while (config_list_next(list, &pos, &s)) {
        if (str_eq(s, item)) {
            return true;
        }
    }
    return false;
}

static bool text_is(struct str s, const char *lower_case)
{
    size_t n = strlen(lower_case);
    for (size_t i = 0; i < s.len && i < n; i++) {
        char c = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] + 32) : s.p[i];
        if (c != lower_case[i]) {
            return false;
        }
    }
    return s.len == n;
}

static bool to_bool(struct str s, bool *ret)
{
    *ret = text_is(s, "true");
    return *ret || text_is(s, "false");
}

/* As Java's Double.parseDouble takes it, without hexadecimals. */
static bool to_double(struct str s, double *ret)
{
    char text[64];
    if (s.len == 0 || s.len >= sizeof text) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] == 'x' || s.p[i] == 'X') {
            return false;
        }
    }
    if (s.len > 1 && strchr("fFdD", s.p[s.len - 1]) != NULL) {
        s.len--;
    }
    memcpy(text, s.p, s.len);
    text[s.len] = '\0';
    char *end;
    *ret = strtod(text, &end);
    return *end == '\0';
}

static void integer_bounds(enum config_type type, int64_t *ret_lo, int64_t *ret_hi)
{
    *ret_lo = type == CONFIG_T_SHORT ? INT16_MIN : type == CONFIG_T_INT ? INT32_MIN : INT64_MIN;
    *ret_hi = type == CONFIG_T_SHORT ? INT16_MAX : type == CONFIG_T_INT ? INT32_MAX : INT64_MAX;
}

static bool to_integer(enum config_type type, struct str s, int64_t *ret)
{
    int64_t lo, hi;
    integer_bounds(type, &lo, &hi);
    return str_to_i64(s, ret) && *ret >= lo && *ret <= hi;
}

static bool refuse(const struct config_def *def, struct str value, struct buf *why,
                   const char *text)
{
    buf_printf(why, "Invalid value %.*s for configuration %s: %s", STR_ARG(value), def->name, text);
    return false;
}

static bool refuse_bound(const struct config_def *def, struct str value, struct buf *why,
                         double bound)
{
    const char *side = bound == def->min ? "at least" : "no more than";
    buf_printf(why, "Invalid value %.*s for configuration %s: Value must be %s %.10g",
               STR_ARG(value), def->name, side, bound);
    return false;
}

static bool check_number(const struct config_def *def, struct str value, struct buf *why)
{
    double v;
    int64_t i = 0;
    bool is_real = def->kind == CONFIG_KIND_DOUBLE;
    if (is_real ? !to_double(value, &v) : !to_integer(config_type(def), value, &i)) {
        char text[40];
        snprintf(text, sizeof text, "Not a number of type %s", type_name(config_type(def)));
        return refuse(def, value, why, text);
    }
    v = is_real ? v : (double)i;
    if (def->kind == CONFIG_KIND_GZIP_LEVEL) {
        return i == -1 || (v >= def->min && v <= def->max) ||
               refuse(def, value, why, "Value must be between 1 and 9 or equal to -1");
    }
    if (v < def->min) {
        return refuse_bound(def, value, why, def->min);
    }
    if (v > def->max) {
        return refuse_bound(def, value, why, def->max);
    }
    return true;
}

static bool check_allowed(const struct config_def *def, struct str value, struct buf *why)
{
    if (def->allowed == NULL || config_list_has(str_from(def->allowed), value)) {
        return true;
    }
    buf_printf(why, "Invalid value %.*s for configuration %s: String must be one of: %s",
               STR_ARG(value), def->name, def->allowed);
    return false;
}

static bool check_list(const struct config_def *def, struct str value, struct buf *why)
{
    size_t pos = 0;
    struct str item;
    while (config_list_next(value, &pos, &item)) {
        if (item.len == 0) {
            buf_printf(why, "Configuration '%s' values must not be empty.", def->name);
            return false;
        }
        if (!check_allowed(def, item, why)) {
            return false;
        }
    }
    return true;
}

static bool is_number(struct str s)
{
    int64_t v;
    return str_to_i64(s, &v) && v >= 0;
}

static bool refuse_throttled(const struct config_def *def, struct str value, struct buf *why)
{
    size_t pos = 0;
    struct str item;
    buf_printf(why, "Invalid value [");
    for (int i = 0; config_list_next(value, &pos, &item); i++) {
        buf_printf(why, "%s%.*s", i ? ", " : "", STR_ARG(item));
    }
    buf_printf(why,
               "] for configuration %s: %s must be the literal '*' or a list of replicas in the "
               "following format: [partitionId]:[brokerId],[partitionId]:[brokerId],...",
               def->name, def->name);
    return false;
}

/* "*", or partition:broker pairs. */
static bool check_throttled(const struct config_def *def, struct str value, struct buf *why)
{
    size_t pos = 0;
    struct str item;
    if (str_eq(str_trim(value), STR("*"))) {
        return true;
    }
    while (config_list_next(value, &pos, &item)) {
        const char *colon = item.len ? memchr(item.p, ':', item.len) : NULL;
        size_t at = colon ? (size_t)(colon - item.p) : 0;
        if (colon == NULL || !is_number(str_sub(item, 0, at)) ||
            !is_number(str_sub(item, at + 1, item.len - at - 1))) {
            return refuse_throttled(def, value, why);
        }
    }
    return true;
}

bool config_check(const struct config_def *def, struct str value, struct buf *why)
{
    struct str trimmed = str_trim(value);
    bool b;
    switch (def->kind) {
    case CONFIG_KIND_BOOL:
        return to_bool(trimmed, &b) ||
               refuse(def, value, why, "Expected value to be either true or false");
    case CONFIG_KIND_INT:
    case CONFIG_KIND_SHORT:
    case CONFIG_KIND_LONG:
    case CONFIG_KIND_DOUBLE:
    case CONFIG_KIND_GZIP_LEVEL:
        return check_number(def, trimmed, why);
    case CONFIG_KIND_POLICY:
    case CONFIG_KIND_LIST:
        return check_list(def, trimmed, why);
    case CONFIG_KIND_THROTTLED:
        return check_throttled(def, trimmed, why);
    case CONFIG_KIND_STRING:
    case CONFIG_KIND_PASSWORD:
    case CONFIG_KIND_CLASS:
    case CONFIG_KIND_COMPRESSION:
    case CONFIG_KIND_TSTYPE:
        return check_allowed(def, trimmed, why);
    }
    UNREACHABLE();
}

static struct str plain_list(struct str list, struct arena *scratch)
{
    char *joined = arena_alloc(scratch, list.len + 1);
    size_t len = 0, pos = 0;
    struct str item;
    while (joined != NULL && config_list_next(list, &pos, &item)) {
        if (len > 0) {
            joined[len++] = ',';
        }
        memcpy(joined + len, item.p, item.len);
        len += item.len;
    }
    return (struct str){joined, len};
}

struct str config_plain(const struct config_def *def, struct str value, struct arena *scratch)
{
    struct str s = str_trim(value);
    int64_t i;
    switch (config_type(def)) {
    case CONFIG_T_BOOL:
        return text_is(s, "true") ? STR("true") : STR("false");
    case CONFIG_T_INT:
    case CONFIG_T_SHORT:
    case CONFIG_T_LONG:
        return str_to_i64(s, &i) ? arena_printf(scratch, "%lld", (long long)i) : s;
    case CONFIG_T_LIST:
        return def->kind == CONFIG_KIND_THROTTLED ? s : plain_list(s, scratch);
    default:
        return s;
    }
}

static int32_t policy_bits(struct str value)
{
    return (config_list_has(value, STR("delete")) ? CLEANUP_DELETE : 0) |
           (config_list_has(value, STR("compact")) ? CLEANUP_COMPACT : 0);
}

static int32_t compression_number(struct str value)
{
    enum codec codec;
    return codec_parse(value, &codec) ? (int32_t)codec : COMPRESSION_PRODUCER;
}

void config_store(const struct config_def *def, struct str value, void *typed)
{
    void *field = (char *)typed + def->field_pos;
    struct str s = str_trim(value);
    int64_t i = -1;
    switch (def->kind) {
    case CONFIG_KIND_BOOL:
        *(bool *)field = text_is(s, "true");
        return;
    case CONFIG_KIND_INT:
    case CONFIG_KIND_GZIP_LEVEL:
        (void)str_to_i64(s, &i);
        *(int32_t *)field = (int32_t)i;
        return;
    case CONFIG_KIND_SHORT:
        (void)str_to_i64(s, &i);
        *(int16_t *)field = (int16_t)i;
        return;
    case CONFIG_KIND_LONG:
        (void)str_to_i64(s, &i);
        *(int64_t *)field = i;
        return;
    case CONFIG_KIND_DOUBLE:
        (void)to_double(s, field);
        return;
    case CONFIG_KIND_POLICY:
        *(int32_t *)field = policy_bits(s);
        return;
    case CONFIG_KIND_COMPRESSION:
        *(int32_t *)field = compression_number(s);
        return;
    case CONFIG_KIND_TSTYPE:
        *(int32_t *)field = str_eq(s, STR("LogAppendTime")) ? LOG_APPEND_TIME : CREATE_TIME;
        return;
    case CONFIG_KIND_STRING:
    case CONFIG_KIND_LIST:
    case CONFIG_KIND_PASSWORD:
    case CONFIG_KIND_CLASS:
    case CONFIG_KIND_THROTTLED:
        return;
    }
    UNREACHABLE();
}

/* --- checks over several settings --- */

static bool find_number(const struct config_setting *settings, int32_t count, struct str name,
                        int64_t *ret)
{
    for (int32_t i = 0; i < count; i++) {
        if (str_eq(settings[i].name, name)) {
            return str_to_i64(str_trim(settings[i].value), ret);
        }
    }
    struct str dflt = str_from(config_find(CONFIG_TOPIC, name)->default_text);
    return str_to_i64(dflt, ret);
}

bool topic_config_check(const struct config_setting *settings, int32_t count, struct buf *why)
{
    for (int32_t i = 0; i < count; i++) { /* all names before any value */
        if (config_find(CONFIG_TOPIC, settings[i].name) == NULL) {
            buf_printf(why, "Unknown topic config name: %.*s", STR_ARG(settings[i].name));
            return false;
        }
    }
    for (int32_t i = 0; i < count; i++) {
        if (!config_check(config_find(CONFIG_TOPIC, settings[i].name), settings[i].value, why)) {
            return false;
        }
    }
    int64_t min_lag, max_lag;
    if (find_number(settings, count, STR("min.compaction.lag.ms"), &min_lag) &&
        find_number(settings, count, STR("max.compaction.lag.ms"), &max_lag) && min_lag > max_lag) {
        buf_printf(why,
                   "conflict topic config setting min.compaction.lag.ms (%lld) > "
                   "max.compaction.lag.ms (%lld)",
                   (long long)min_lag, (long long)max_lag);
        return false;
    }
    return true;
}
