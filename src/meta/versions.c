/* The features of a node of this build, as Apache Kafka 4.3 has them. */
#include "meta/versions.h"

const struct feature features_known[FEATURE_COUNT] = {
    {"eligible.leader.replicas.version", 0, 1, 1},
    {"group.version", 0, 1, 1},
    {"kraft.version", 0, 1, 1},
    {"metadata.version", METADATA_VERSION_MIN, METADATA_VERSION_MAX, METADATA_VERSION_MAX},
    {"share.version", 0, 1, 1},
    {"streams.version", 0, 1, 1},
    {"transaction.version", 0, 2, 2},
};
