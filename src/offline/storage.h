/* What the parts of `ottla storage` share. One thread. */
#ifndef OFFLINE_STORAGE_H
#define OFFLINE_STORAGE_H

#include "base/args.h"
#include "base/uuid.h"
#include "meta/config.h"
#include "meta/versions.h"
#include "plat/file.h"

#include <stdio.h>

struct storage_tool {
    struct fs *fs;
    FILE *out;
    struct buf why; /* what is wrong: printed by the command, which ends with status 1 */
};

/* Every sub-command has a table of options that begins with these. */
enum { STORAGE_HELP, STORAGE_CONFIG };

#define STORAGE_FORMAT_OPTION                                                                      \
    {                                                                                              \
        "format", "text|json", "json: one object. text is Apache Kafka's.", .kind = ARGS_VALUE     \
    }

/* Whether --format asks for JSON; false and a sentence for what is neither text nor json. */
bool storage_takes_json(const struct args *a, int option, bool *ret_is_json, struct buf *why);

/* storage_info.c, storage_format.c, storage_features.c: status of the process. */
int storage_info(struct storage_tool *t, const struct args *a);
int storage_format(struct storage_tool *t, const struct args *a);
int storage_version_mapping(struct storage_tool *t, const struct args *a);
int storage_feature_dependencies(struct storage_tool *t, const struct args *a);

extern const struct args_spec storage_info_spec, storage_format_spec, storage_mapping_spec,
    storage_dependencies_spec;

/* A name of a release for a person; false and a sentence for one that is not known. */
bool storage_parse_release(const char *text, int upto, int *ret_version, struct buf *why);

/* "group.version=1" */
struct feature_setting {
    struct str name;
    int16_t level;
};

/* The metadata version that a feature level cannot do without; 0: none. */
int storage_feature_needs(const struct feature *f, int level);

/* The settings of --config; deinit when it was true. */
bool storage_load_config(struct storage_tool *t, const char *path, struct broker_config *ret);

/* log.dirs and the directory of the metadata log, each once, in name order; texts are the
 * config's. */
struct storage_dirs {
    struct str *paths;
    int count;
    struct str metadata;
};
void storage_dirs_init(struct storage_dirs *d, const struct broker_config *c);
void storage_dirs_deinit(struct storage_dirs *d);

/* storage_meta.c: what meta.properties of a directory says, as Apache Kafka reads it. */
struct storage_meta {
    struct props props;
    int version; /* 0: of a broker with ZooKeeper, 1 */
    struct str cluster_id, dir_id;
    int32_t node_id; /* -1: not said */
};

enum storage_meta_state { META_GOOD, META_MISSING, META_BAD, META_NO_DIR, META_NOT_A_DIR };

/* META_BAD: why says what is wrong with it. Deinit in every case. */
enum storage_meta_state storage_meta_read(struct storage_tool *t, struct str dir,
                                          struct storage_meta *ret, struct buf *why);
void storage_meta_deinit(struct storage_meta *m);

#endif
