/* The releases of Kafka's metadata and the features that we know, as data: the names behind the
 * numbers of metadata.version. Pure. */
#ifndef BASE_RELEASE_H
#define BASE_RELEASE_H

#include "base/str.h"

enum {
    METADATA_VERSION_MIN = 7,  /* 3.3-IV3: the oldest that Kafka 4 reads */
    METADATA_VERSION_MAX = 30, /* 4.3-IV0 */

    METADATA_3_4_IV0 = 8,
    METADATA_3_7_IV0 = 15,
    METADATA_3_7_IV2 = 17,
    METADATA_4_0_IV1 = 23,
    METADATA_4_3_IV0 = 30,
};

#define FEATURE_METADATA STR("metadata.version")
#define FEATURE_KRAFT STR("kraft.version")
#define FEATURE_ELR STR("eligible.leader.replicas.version")

/* A feature: what we can do, and what a new cluster gets. */
struct feature {
    const char *name;
    int16_t min, max;
    int16_t first_level;
    int16_t since; /* metadata version from which on a new cluster gets it */
};

enum { FEATURE_COUNT = 7 };
extern const struct feature features_known[FEATURE_COUNT]; /* in name order */

/* "4.3-IV0" for 30; NULL for a number that is none. One above METADATA_VERSION_MAX has a name, too:
 * it is not stable yet. */
enum { METADATA_VERSION_UNSTABLE = METADATA_VERSION_MAX + 1 };
const char *metadata_version_name(int version);

/* "4.3-IV0", or "4.3" and "4.3.1" for the last one of that release, if that is stable;
 * at most upto. */
bool metadata_version_parse(struct str name, int upto, int *ret_version);

/* NULL if there is none of that name. */
const struct feature *feature_find(struct str name);

/* What a new cluster of that metadata version gets. */
static inline int feature_level_at(const struct feature *f, int metadata_version)
{
    return metadata_version >= f->since ? f->first_level : 0;
}

#endif
