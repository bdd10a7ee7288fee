/* `ottla storage version-mapping` and `feature-dependencies`: what the releases of Apache Kafka
 * have by default, and what needs what. */
#include "offline/storage.h"

#include <inttypes.h>

enum { EXIT_FAILED = 1 };

enum { MAPPING_RELEASE = STORAGE_HELP + 1, MAPPING_FORMAT };
enum { DEPENDENCIES_FEATURE = STORAGE_HELP + 1 };

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

static bool print_metadata_version(struct storage_tool *t, int level)
{
    const char *name = metadata_version_name(level);
    if (name == NULL) {
        buf_printf(&t->why, "Unknown metadata.version %d", level);
        return false;
    }
    fprintf(t->out, "metadata.version=%d (%s) has no dependencies.\n", level, name);
    return true;
}

static bool print_feature(struct storage_tool *t, const struct feature_setting *s)
{
    const struct feature *f = feature_find(s->name);
    if (f == NULL) {
        buf_printf(&t->why, "Unknown feature: %.*s", STR_ARG(s->name));
        return false;
    }
    if (s->level < f->min || s->level > f->max) {
        buf_printf(&t->why, "Feature level %d is not supported for feature %s", s->level, f->name);
        return false;
    }
    int needs = storage_feature_needs(f, s->level);
    fprintf(t->out, "%s=%d %s\n", f->name, s->level, needs ? "requires:" : "has no dependencies.");
    if (needs) {
        fprintf(t->out, "    metadata.version=%d (%s)\n", needs, metadata_version_name(needs));
    }
    return true;
}

int storage_feature_dependencies(struct storage_tool *t, const struct args *a)
{
    for (int i = 0; i < args_count(a, DEPENDENCIES_FEATURE); i++) {
        struct feature_setting s;
        if (!parse_setting(args_nth(a, DEPENDENCIES_FEATURE, i), &s, &t->why)) {
            return EXIT_FAILED;
        }
        bool ok = str_eq(s.name, FEATURE_METADATA) ? print_metadata_version(t, s.level)
                                                   : print_feature(t, &s);
        if (!ok) {
            return EXIT_FAILED;
        }
    }
    return 0;
}
