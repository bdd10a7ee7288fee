/* What the files of the controller share; nobody else includes it. */
#ifndef META_CTL_INT_H
#define META_CTL_INT_H

#include "meta/controller.h"
#include "meta/versions.h"
#include "wire/messages.h"

enum {
    CTL_PARTITIONS_MAX = 10000, /* that one request may create */
    CTL_BATCH_RECORDS_MAX = 10000,
    CTL_SETTINGS_MAX = 1000, /* of one resource in one request */
};

/* What the controller remembers of a live broker; lost with the controller. */
struct ctl_session {
    int32_t broker;
    int64_t epoch;
    bool has_contact; /* since the registration */
    int64_t contact_ms;
    int64_t registered_off; /* of the last registration with this epoch */
    int64_t shutdown_off;   /* others must have applied it before the broker may go; -1: stays */
    int64_t applied_off;    /* the broker says */
};

struct ctl {
    struct image *tip;
    const struct broker_config *config;
    struct str cluster_id;
    int16_t kraft_version; /* of the quorum; it is not in the image */
    struct rand rand;
    struct arena scratch; /* within one function */
    struct ctl_session *sessions;
    int32_t session_count;
};

/* A handler: fills out->resp and out->records. */
typedef enum err ctl_fn(struct ctl *ctl, const struct ctl_req *req, struct ctl_out *out);

ctl_fn ctl_create_topics;                                         /* ctl_topics.c */
ctl_fn ctl_delete_topics;                                         /* ctl_delete.c */
ctl_fn ctl_assign_dirs;                                           /* ctl_dirs.c */
ctl_fn ctl_create_partitions;                                     /* ctl_grow.c */
ctl_fn ctl_allocate_producer_ids;                                 /* ctl_misc.c */
ctl_fn ctl_alter_configs, ctl_incremental_configs;                /* ctl_configs.c */
ctl_fn ctl_update_features;                                       /* ctl_features.c */
ctl_fn ctl_elect_leaders;                                         /* ctl_leaders.c */
ctl_fn ctl_alter_reassignments;                                   /* ctl_reassign.c */
ctl_fn ctl_register_broker, ctl_heartbeat, ctl_unregister_broker; /* ctl_brokers.c */

/* An outcome of one topic, resource, …: an error code and a sentence in the request's arena. */
struct ctl_outcome {
    enum err err;
    struct str text; /* null: none */
};

#define CTL_FINE ((struct ctl_outcome){OK, {NULL, 0}})

/* Applies the records to tip, or drops them because of e. */
enum err ctl_finish(struct ctl *ctl, struct meta_records *records, enum err e);

struct ctl_outcome ctl_refuse(const struct ctl_req *req, enum err err, const char *fmt, ...)
    printf_like(3, 4);

/* Which names come more than once: a flag for each, 1 at the first of equals and 2 at the others, 0
 * for unique ones. NULL over budget. */
uint8_t *ctl_find_duplicates(struct arena *a, const struct str *names, int32_t count);

static inline bool ctl_has_elr(const struct ctl *ctl)
{
    return image_feature(ctl->tip, FEATURE_ELR) >= 1;
}

/* Fine for leading: unfenced and not about to stop. */
static inline bool ctl_is_active(const struct image_node *broker)
{
    return broker != NULL && !broker->is_fenced && !broker->is_shutting_down;
}

/* Lists of broker ids that are being made. */
static inline bool ctl_has_id(const int32_t *v, int32_t count, int32_t id)
{
    return ids_have((struct ids){v, count}, id);
}

static inline bool ctl_same_ids(struct ids a, const int32_t *v, int32_t count)
{
    return a.count == count && (count == 0 || memcmp(a.v, v, (size_t)count * sizeof *v) == 0);
}

/* Whether the name follows the rules of topic names. */
struct ctl_outcome ctl_check_topic_name(const struct ctl_req *req, struct str name);

/* --- placement (ctl_place.c) --- */

struct ctl_placer {
    const struct image_node **ring; /* brokers, striped over racks */
    int32_t count;
    int32_t active_count;
    int32_t at; /* where the next partition begins */
};

/* Over all registered brokers. BUDGET. */
must_check enum err ctl_placer_init(struct ctl *ctl, struct arena *a,
                                    struct ctl_placer *ret_placer);
/* Whether partitions with that many replicas can be placed; else false and a sentence. */
bool ctl_can_place(const struct ctl_placer *p, int32_t factor, struct buf *why);
/* Replicas of the next partition, active ones first, count of them. */
void ctl_place(struct ctl_placer *p, int32_t *ret_replicas, int32_t count);

/* Where a new replica goes: with one directory there is no choice, with several the broker says. */
struct uuid ctl_default_dir(const struct image_node *broker);

/* What a new partition on these replicas is: appends its record. False: none of them is active. */
bool ctl_add_partition(struct ctl *ctl, struct uuid topic, int32_t part, struct ids replicas,
                       struct meta_records *out);

/* Checks a manual assignment; want_count < 0: any length. */
struct ctl_outcome ctl_check_assignment(const struct ctl *ctl, const struct ctl_req *req,
                                        struct ids brokers, int32_t want_count);

/* --- leaders and in-sync replicas (ctl_elect.c) --- */

/* A broker that comes or goes. */
struct ctl_move {
    int32_t leaving; /* out of every ISR; -1: none */
    int32_t coming;  /* counts as active already; -1: none */
    bool is_unclean; /* what `leaving` had not synced is lost: no longer eligible */
};

/* Appends a change for each partition that the move concerns. */
void ctl_move_leaders(struct ctl *ctl, const struct ctl_move *move, struct meta_records *out);

/* --- settings (ctl_config_checks.c) --- */

/* Checks a new topic's settings. Texts of `why` go to the arena. */
struct ctl_outcome ctl_check_topic_settings(const struct ctl_req *req,
                                            const struct config_setting *settings, int32_t count);

#endif
