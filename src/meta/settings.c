/* Typed settings: a broker's from its properties, a topic's from all the places where a value may
 * come from. Pure. */
#include "meta/config.h"

#include "base/assert.h"

#include <stdio.h>

/* --- the broker --- */

static bool is_text(enum config_kind kind)
{
    return kind == CONFIG_KIND_STRING || kind == CONFIG_KIND_LIST || kind == CONFIG_KIND_PASSWORD ||
           kind == CONFIG_KIND_CLASS;
}

/* NULL without memory. */
static const char *c_text(struct arena *a, struct str s)
{
    return arena_printf(a, "%.*s", STR_ARG(s)).p;
}

static enum err store_broker(struct broker_config *c, const struct config_def *def,
                             struct str value)
{
    void *field = (char *)c + def->field_pos;
    if (!is_text(def->kind)) {
        config_store(def, str_is_null(value) ? STR("-1") : value, c);
        return OK;
    }
    const char *text = str_is_null(value) ? NULL : c_text(&c->props.arena, str_trim(value));
    memcpy(field, &text, sizeof text);
    return text == NULL && !str_is_null(value) ? ERR_BUDGET : OK;
}

enum err broker_config_init(struct broker_config *c, struct props *props, struct buf *why)
{
    int32_t count;
    const struct config_def *defs = config_all(CONFIG_BROKER, &count);
    *c = (struct broker_config){0};
    if (props != NULL) {
        c->props = *props;
        *props = (struct props){0};
    } else {
        props_init(&c->props);
    }
    for (int32_t i = 0; i < count; i++) {
        struct str given = props_get(&c->props, str_from(defs[i].name));
        if (!str_is_null(given) && !config_check(&defs[i], given, why)) {
            return ERR_BAD_CONFIG;
        }
        enum err e =
            store_broker(c, &defs[i], str_is_null(given) ? str_from(defs[i].default_text) : given);
        if (e) {
            return e;
        }
    }
    return OK;
}

void broker_config_deinit(struct broker_config *c) { props_deinit(&c->props); }

/* --- a topic --- */

/* One broker setting that stands in for a topic's. */
struct synonym {
    struct str name;
    int64_t factor;
};

/* The next of "a b*1000 c"; false at the end. */
static bool next_synonym(const char **at, struct synonym *ret)
{
    while (**at == ' ') {
        (*at)++;
    }
    size_t len = strcspn(*at, " ");
    if (len == 0) {
        return false;
    }
    struct str word = {*at, len};
    const char *star = memchr(word.p, '*', word.len);
    ret->name = star ? str_sub(word, 0, (size_t)(star - word.p)) : word;
    ret->factor = 1;
    if (star != NULL) {
        struct str number = {star + 1, word.len - ret->name.len - 1};
        ASSERT(str_to_i64(number, &ret->factor));
    }
    *at += len;
    return true;
}

/* Where the broker's id is written as a config resource. */
static struct str broker_resource(const struct broker_config *broker, char text[16])
{
    int n = snprintf(text, 16, "%d", broker->node_id);
    return (struct str){text, (size_t)n};
}

/* A broker setting by precedence: dynamic for this broker, for all brokers, static. */
static struct str broker_text(const struct image *img, const struct broker_config *broker,
                              struct str name, enum config_source *ret_source)
{
    char id[16];
    struct str v = STR_NULL;
    if (img != NULL) {
        *ret_source = CONFIG_SOURCE_BROKER;
        v = image_config(img, RESOURCE_BROKER, broker_resource(broker, id), name);
        if (str_is_null(v)) {
            *ret_source = CONFIG_SOURCE_CLUSTER;
            v = image_config(img, RESOURCE_BROKER, STR(""), name);
        }
    }
    if (str_is_null(v)) {
        *ret_source = CONFIG_SOURCE_STATIC;
        v = props_get(&broker->props, name);
    }
    return v;
}

/* Hours as milliseconds and the like. text has room for a number. */
static struct str multiplied(struct str value, int64_t factor, char text[24])
{
    int64_t v;
    if (factor == 1 || !str_to_i64(str_trim(value), &v)) {
        return value;
    }
    /* -1 is no limit in every unit */
    v = v < 0 ? -1 : v;
    if (v > 0 && __builtin_mul_overflow(v, factor, &v)) {
        v = INT64_MAX;
    }
    int n = snprintf(text, 24, "%lld", (long long)v);
    return (struct str){text, (size_t)n};
}

static bool is_valid(const struct config_def *def, struct str value)
{
    struct buf why = BUF_INIT;
    bool ok = config_check(def, value, &why);
    buf_deinit(&why);
    return ok;
}

/* The value that counts; null if there is not even a default. text has room for a number. */
static struct str find_text(const struct image *img, const struct broker_config *broker,
                            struct str topic, const struct config_def *def, char text[24],
                            enum config_source *ret_source)
{
    struct str v = img ? image_config(img, RESOURCE_TOPIC, topic, str_from(def->name)) : STR_NULL;
    if (!str_is_null(v) && is_valid(def, v)) {
        *ret_source = CONFIG_SOURCE_TOPIC;
        return v;
    }
    const char *at = def->synonyms;
    struct synonym syn;
    while (next_synonym(&at, &syn)) {
        v = broker_text(img, broker, syn.name, ret_source);
        if (!str_is_null(v)) {
            v = multiplied(v, syn.factor, text);
            if (is_valid(def, v)) {
                return v;
            }
        }
    }
    *ret_source = CONFIG_SOURCE_DEFAULT;
    return str_from(def->default_text);
}

int64_t broker_config_now(const struct image *img, const struct broker_config *broker,
                          struct str name)
{
    const struct config_def *def = config_find(CONFIG_BROKER, name);
    enum config_source source;
    struct str v = broker_text(img, broker, name, &source);
    int64_t number = -1;
    ASSERT(def != NULL && def->mode != CONFIG_READ_ONLY);
    v = str_is_null(v) || !is_valid(def, v) ? str_from(def->default_text) : v;
    ASSERT(str_to_i64(str_trim(v), &number));
    return number;
}

void topic_config_resolve(const struct image *img, const struct broker_config *broker,
                          struct str topic, struct topic_config *ret_config)
{
    int32_t count;
    const struct config_def *defs = config_all(CONFIG_TOPIC, &count);
    for (int32_t i = 0; i < count; i++) {
        char text[24];
        enum config_source source;
        struct str v = find_text(img, broker, topic, &defs[i], text, &source);
        config_store(&defs[i], str_is_null(v) ? STR("-1") : v, ret_config);
    }
}

struct str topic_config_text(const struct image *img, const struct broker_config *broker,
                             struct str topic, const struct config_def *def, struct arena *scratch,
                             enum config_source *ret_source)
{
    char text[24];
    struct str v = find_text(img, broker, topic, def, text, ret_source);
    if (v.p == text) {
        return arena_copy_str(scratch, v, &v) ? v : STR_NULL;
    }
    return v;
}

/* --- where values come from --- */

static enum config_resource resource_of(enum config_scope scope)
{
    static const enum config_resource types[] = {RESOURCE_TOPIC, RESOURCE_BROKER, RESOURCE_GROUP,
                                                 RESOURCE_CLIENT_METRICS};
    return types[scope];
}

static enum config_source own_source(enum config_scope scope)
{
    static const enum config_source sources[] = {CONFIG_SOURCE_TOPIC, CONFIG_SOURCE_BROKER,
                                                 CONFIG_SOURCE_GROUP, CONFIG_SOURCE_CLIENT_METRICS};
    return sources[scope];
}

enum { NAMES_MAX = 4 };

static int32_t names_in(const char *synonyms, struct str ret[NAMES_MAX])
{
    struct synonym syn;
    int32_t n = 0;
    while (n < NAMES_MAX && next_synonym(&synonyms, &syn)) {
        ret[n++] = syn.name;
    }
    return n;
}

/* A broker's setting and those that stand in for it: log.retention.minutes and then
 * log.retention.hours. They are the rest of a topic setting's list. */
static int32_t broker_names(struct str name, struct str ret[NAMES_MAX])
{
    int32_t count;
    const struct config_def *topic = config_all(CONFIG_TOPIC, &count);
    for (int32_t i = 0; i < count; i++) {
        struct str all[NAMES_MAX];
        int32_t n = names_in(topic[i].synonyms, all);
        for (int32_t at = 0; at < n; at++) {
            if (str_eq(all[at], name)) {
                memcpy(ret, &all[at], (size_t)(n - at) * sizeof *ret);
                return n - at;
            }
        }
    }
    ret[0] = name;
    return 1;
}

/* The broker settings that a setting is looked up under. */
static int32_t names_of(const struct config_place *at, struct str name, struct str ret[NAMES_MAX])
{
    const struct config_def *def = config_find(at->scope, name);
    if (at->scope == CONFIG_BROKER) {
        return broker_names(name, ret);
    }
    return def == NULL ? 0 : names_in(def->synonyms, ret);
}

/* What one source says of one name; null if nothing. */
static struct str value_at(const struct config_place *at, enum config_source source,
                           struct str name)
{
    char id[16];
    const struct config_def *def = config_find(CONFIG_BROKER, name);
    switch ((int)source) {
    case CONFIG_SOURCE_BROKER:
        return image_config(at->img, RESOURCE_BROKER, broker_resource(at->broker, id), name);
    case CONFIG_SOURCE_CLUSTER:
        return image_config(at->img, RESOURCE_BROKER, STR(""), name);
    case CONFIG_SOURCE_STATIC:
        return props_get(&at->broker->props, name);
    default:
        return def && def->default_text ? str_from(def->default_text) : STR_NULL;
    }
}

/* Those of the broker and of its cluster. */
static int32_t broker_values(const struct config_place *at, struct str name,
                             struct config_value *ret)
{
    struct str names[NAMES_MAX];
    int32_t name_count = names_of(at, name, names);
    int32_t n = 0;
    for (int source = CONFIG_SOURCE_BROKER; source <= CONFIG_SOURCE_DEFAULT; source++) {
        for (int32_t i = 0; i < name_count; i++) {
            struct str v = value_at(at, (enum config_source)source, names[i]);
            /* nothing counts in front of the first name's own value */
            if (!str_is_null(v) && (n > 0 || i == 0)) {
                ret[n++] = (struct config_value){names[i], v, (enum config_source)source};
            }
        }
    }
    return n;
}

int32_t config_values(const struct config_place *at, struct str name,
                      struct config_value ret[CONFIG_VALUES_MAX])
{
    const struct config_def *def = config_find(at->scope, name);
    int32_t n = 0;
    if (at->scope != CONFIG_BROKER) {
        struct str own = image_config(at->img, resource_of(at->scope), at->resource, name);
        if (!str_is_null(own)) {
            ret[n++] = (struct config_value){name, own, own_source(at->scope)};
        }
    }
    n += broker_values(at, name, ret + n);
    /* a group's setting that no broker setting stands in for has its own default as one */
    if (at->scope == CONFIG_GROUP && def != NULL && def->synonyms[0] == '\0') {
        ret[n++] = (struct config_value){name, str_from(def->default_text), CONFIG_SOURCE_DEFAULT};
    }
    return n;
}
