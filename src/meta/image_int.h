/* What the files of the image share; nobody else includes it. */
#ifndef META_IMAGE_INT_H
#define META_IMAGE_INT_H

#include "meta/delta.h"
#include "meta/image.h"
#include "meta/records.h"

/* One record on its way into an image. Functions check everything before they change anything. */
struct apply {
    struct image *img;
    struct delta *delta; /* may be NULL */
    const char *why;     /* set with an error */
};

typedef enum err apply_fn(struct apply *a, const void *msg);

/* image_topics.c */
apply_fn apply_topic, apply_remove_topic, apply_partition, apply_partition_change, apply_clear_elr;
void image_free_topics(struct image *img);

/* image_nodes.c */
apply_fn apply_register_broker, apply_unregister_broker, apply_fence, apply_unfence,
    apply_broker_change, apply_register_controller;
void image_free_nodes(struct image *img);

/* image_rest.c */
apply_fn apply_config, apply_feature, apply_quota, apply_producer_ids, apply_acl, apply_remove_acl,
    apply_scram, apply_remove_scram, apply_token, apply_remove_token, apply_zk_migration;
void image_free_rest(struct image *img);
void image_drop_topic_configs(struct image *img, struct str topic);

struct image_held {
    struct meta_records records;
};

static inline enum err refuse_record(struct apply *a, const char *why)
{
    a->why = why;
    return ERR_MALFORMED;
}

/* Copies s to *at, which moves on; the null string stays null. */
static inline struct str place_str(char **at, struct str s)
{
    if (str_is_null(s)) {
        return s;
    }
    struct str copy = {*at, s.len};
    if (s.len > 0) {
        memcpy(*at, s.p, s.len);
    }
    *at += s.len;
    return copy;
}

/* As image_write, for a reader that knows all of metadata_version; INT16_MAX: everything. */
must_check enum err image_write_version(const struct image *img, int metadata_version,
                                        image_record_fn *fn, void *ctx);

/* The metadata.version that snapshots are written for. */
int image_metadata_version(const struct image *img);

#endif
