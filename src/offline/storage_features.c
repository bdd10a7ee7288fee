/* `ottla storage version-mapping` and `feature-dependencies`: what the releases of Apache Kafka
 * have by default, and what needs what. */
#include "offline/storage.h"

#include <inttypes.h>

enum { EXIT_FAILED = 1 };

enum { MAPPING_RELEASE = STORAGE_HELP + 1, MAPPING_FORMAT };
enum { DEPENDENCIES_FEATURE = STORAGE_HELP + 1, DEPENDENCIES_FORMAT };

static const struct args_option mapping_options[] = {
    [STORAGE_HELP] = {"help", NULL, "Print this.", .kind = ARGS_FLAG, .letter = 'h'},
    [MAPPING_RELEASE] =
        {"release-version", "VERSION",
         "A release (4.3) or a metadata version (4.3-IV0); the newest if not given.",
         .kind = ARGS_VALUE, .letter = 'r', .is_list = true},
    [MAPPING_FORMAT] = STORAGE_FORMAT_OPTION,
};

const struct args_spec storage_mapping_spec = {
    .command = "ottla storage version-mapping",
    .about = "Prints the feature levels that a release gives a new cluster.",
    .options = mapping_options,
    .option_count = ARRAY_LEN(mapping_options),
    .takes_prefixes = true,
};

static const struct args_option dependencies_options[] = {
    [STORAGE_HELP] = {"help", NULL, "Print this.", .kind = ARGS_FLAG, .letter = 'h'},
    [DEPENDENCIES_FEATURE] = {"feature", "NAME=LEVEL",
                              "A feature and its level: group.version=1. May be repeated.",
                              .kind = ARGS_VALUE, .letter = 'f', .is_list = true,
                              .is_needed = true},
    [DEPENDENCIES_FORMAT] = STORAGE_FORMAT_OPTION,
};

const struct args_spec storage_dependencies_spec = {
    .command = "ottla storage feature-dependencies",
    .about = "Prints what a level of a feature needs of others.",
    .options = dependencies_options,
    .option_count = ARRAY_LEN(dependencies_options),
    .takes_prefixes = true,
};

bool storage_parse_release(const char *text, int upto, int *ret_version, struct buf *why)
{
    if (metadata_version_parse(str_from(text), upto, ret_version)) {
        return true;
    }
    buf_printf(why, "Unknown metadata.version '%s'. Supported metadata.version are: ", text);
    for (int v = METADATA_VERSION_MIN; v <= upto; v++) {
        buf_printf(why, "%s%s", v > METADATA_VERSION_MIN ? ", " : "", metadata_version_name(v));
    }
    return false;
}

int storage_feature_needs(const struct feature *f, int level)
{
    return level > 0 && strcmp(f->name, "eligible.leader.replicas.version") == 0 ? METADATA_4_0_IV1
                                                                                 : 0;
}

/* --- version-mapping --- */

int storage_version_mapping(struct storage_tool *t, const struct args *a)
{
    static const char *const order[] = {
        "kraft.version", "transaction.version", "group.version", "eligible.leader.replicas.version",
        "share.version", "streams.version",
    };
    const char *text = args_value(a, MAPPING_RELEASE);
    int version = METADATA_VERSION_MAX;
    bool is_json;
    if (!storage_takes_json(a, MAPPING_FORMAT, &is_json, &t->why) ||
        (text != NULL &&
         !storage_parse_release(text, METADATA_VERSION_UNSTABLE, &version, &t->why))) {
        return EXIT_FAILED;
    }
    if (is_json) {
        fprintf(t->out, "{\"metadata.version\":%d", version);
    } else {
        fprintf(t->out, "metadata.version=%d (%s)\n", version,
                text ? text : metadata_version_name(version));
    }
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        const struct feature *f = feature_find(str_from(order[i]));
        fprintf(t->out, is_json ? ",\"%s\":%d" : "%s=%d\n", order[i], feature_level_at(f, version));
    }
    fputs(is_json ? "}\n" : "", t->out);
    return 0;
}

/* --- feature-dependencies --- */

static bool parse_setting(const char *text, struct feature_setting *ret, struct buf *why)
{
    struct str s = str_from(text);
    size_t eq = str_find(s, '=');
    int64_t level;
    if (eq == s.len) {
        buf_printf(why,
                   "Invalid feature format: %s. Expected format: 'feature=version' (e.g. "
                   "'group.version=1')",
                   text);
        return false;
    }
    struct str number = str_sub(s, eq + 1, s.len - eq - 1);
    ret->name = str_sub(s, 0, eq);
    if (!str_to_i64(number, &level) || level < INT16_MIN || level > INT16_MAX) {
        buf_printf(why, "Invalid version format: %.*s for feature %.*s", STR_ARG(number),
                   STR_ARG(ret->name));
        return false;
    }
    ret->level = (int16_t)level;
    return true;
}

/* A level and what it needs: metadata.version, 0 for nothing. */
struct dependency {
    const char *name;
    int level, needs;
    const char *version_name; /* of a level of metadata.version; else NULL */
};

static bool find_dependency(const struct feature_setting *s, struct dependency *ret,
                            struct buf *why)
{
    const struct feature *f = feature_find(s->name);
    if (str_eq(s->name, FEATURE_METADATA)) {
        *ret =
            (struct dependency){"metadata.version", s->level, 0, metadata_version_name(s->level)};
        if (ret->version_name == NULL) {
            buf_printf(why, "Unknown metadata.version %d", s->level);
        }
        return ret->version_name != NULL;
    }
    if (f == NULL) {
        buf_printf(why, "Unknown feature: %.*s", STR_ARG(s->name));
        return false;
    }
    if (s->level < f->min || s->level > f->max) {
        buf_printf(why, "Feature level %d is not supported for feature %s", s->level, f->name);
        return false;
    }
    *ret = (struct dependency){f->name, s->level, storage_feature_needs(f, s->level), NULL};
    return true;
}

static void print_dependency(FILE *out, const struct dependency *d)
{
    fprintf(out, "%s=%d ", d->name, d->level);
    if (d->version_name != NULL) {
        fprintf(out, "(%s) ", d->version_name);
    }
    fprintf(out, "%s\n", d->needs ? "requires:" : "has no dependencies.");
    if (d->needs) {
        fprintf(out, "    metadata.version=%d (%s)\n", d->needs, metadata_version_name(d->needs));
    }
}

static void put_dependency(struct buf *json, const struct dependency *d)
{
    buf_printf(json, "%s{\"feature\":\"%s\",\"level\":%d,\"requires\":{", json->len ? "," : "[",
               d->name, d->level);
    if (d->needs) {
        buf_printf(json, "\"metadata.version\":%d", d->needs);
    }
    buf_printf(json, "}}");
}

int storage_feature_dependencies(struct storage_tool *t, const struct args *a)
{
    struct buf json = BUF_INIT;
    bool is_json, ok = storage_takes_json(a, DEPENDENCIES_FORMAT, &is_json, &t->why);
    for (int i = 0; ok && i < args_count(a, DEPENDENCIES_FEATURE); i++) {
        struct feature_setting s;
        struct dependency d;
        ok = parse_setting(args_nth(a, DEPENDENCIES_FEATURE, i), &s, &t->why) &&
             find_dependency(&s, &d, &t->why);
        if (ok && is_json) {
            put_dependency(&json, &d);
        } else if (ok) {
            print_dependency(t->out, &d);
        }
    }
    if (ok && is_json) {
        fprintf(t->out, "%s]\n", buf_cstr(&json));
    }
    buf_deinit(&json);
    return ok ? 0 : EXIT_FAILED;
}
