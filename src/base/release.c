/* The features of a node of this build, as Apache Kafka 4.3 has them. */
#include "base/release.h"

#include "base/attr.h"

const struct feature features_known[FEATURE_COUNT] = {
    {"eligible.leader.replicas.version", 0, 1, 1, 26},
    {"group.version", 0, 1, 1, 22},
    {"kraft.version", 0, 1, 1, 21},
    {"metadata.version", METADATA_VERSION_MIN, METADATA_VERSION_MAX, METADATA_VERSION_MAX, 0},
    {"share.version", 0, 1, 1, 28},
    {"streams.version", 0, 1, 1, 29},
    {"transaction.version", 0, 2, 2, 24},
};

static const char *const names[] = {
    "3.3-IV3", "3.4-IV0", "3.5-IV0", "3.5-IV1", "3.5-IV2", "3.6-IV0", "3.6-IV1",
    "3.6-IV2", "3.7-IV0", "3.7-IV1", "3.7-IV2", "3.7-IV3", "3.7-IV4", "3.8-IV0",
    "3.9-IV0", "4.0-IV0", "4.0-IV1", "4.0-IV2", "4.0-IV3", "4.1-IV0", "4.1-IV1",
    "4.2-IV0", "4.2-IV1", "4.3-IV0", "4.4-IV0",
};
_Static_assert(sizeof names / sizeof *names == METADATA_VERSION_UNSTABLE - METADATA_VERSION_MIN + 1,
               "a name for each version");

const char *metadata_version_name(int version)
{
    return version >= METADATA_VERSION_MIN && version <= METADATA_VERSION_UNSTABLE
               ? names[version - METADATA_VERSION_MIN]
               : NULL;
}

/* "4.3" of "4.3-IV0", "4.3" and "4.3.1" */
static struct str release_of(struct str name)
{
    size_t dot = str_find(name, '.');
    struct str rest = dot < name.len ? str_sub(name, dot + 1, name.len - dot - 1) : STR_NULL;
    size_t end = MIN(str_find(rest, '.'), str_find(rest, '-'));
    return str_sub(name, 0, MIN(dot + 1 + end, name.len));
}

bool metadata_version_parse(struct str name, int upto, int *ret_version)
{
    bool is_release = str_find(name, '-') == name.len;
    struct str release = release_of(name);
    upto = is_release ? MIN(upto, METADATA_VERSION_MAX) : upto;
    for (int v = upto; v >= METADATA_VERSION_MIN; v--) {
        struct str known = str_from(metadata_version_name(v));
        if (is_release ? str_eq(release_of(known), release) : str_eq(known, name)) {
            *ret_version = v;
            return true;
        }
    }
    return false;
}

const struct feature *feature_find(struct str name)
{
    for (int i = 0; i < FEATURE_COUNT; i++) {
        if (str_eq(name, str_from(features_known[i].name))) {
            return &features_known[i];
        }
    }
    return NULL;
}
