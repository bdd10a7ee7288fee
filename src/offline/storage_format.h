/* What `ottla storage format` is going to write: made by storage_format.c, checked and completed by
 * storage_plan.c, written by storage_write.c. */
#ifndef OFFLINE_STORAGE_FORMAT_H
#define OFFLINE_STORAGE_FORMAT_H

#include "offline/storage.h"

enum { FORMAT_VOTERS_MAX = 64 };

struct format_voter {
    int32_t id;
    struct str host;
    uint16_t port;
    struct uuid dir_id;
};

struct format_voters {
    struct format_voter items[FORMAT_VOTERS_MAX]; /* by id */
    int count;
};

struct format_plan {
    struct storage_tool *tool;
    struct broker_config config;
    struct storage_dirs dirs;
    struct str cluster_id;
    struct str controller_listener; /* its name */
    bool ignores_formatted;
    bool has_release; /* --release-version was given */
    int version;      /* metadata.version */
    struct feature_setting settings[FEATURE_COUNT];
    int setting_count;
    int16_t levels[FEATURE_COUNT]; /* as features_known */
    bool has_dynamic_quorum;       /* controller.quorum.voters is empty */
    bool has_voters;               /* --standalone or --initial-controllers */
    struct format_voters voters;
};

/* storage_voters.c: "id@host:port:directory,..." and what --standalone stands for. */
bool format_parse_voters(struct format_plan *p, const char *text);
bool format_stand_alone(struct format_plan *p);

/* storage_plan.c: levels and versions from what was asked for. */
bool format_parse_setting(struct format_plan *p, const char *text);
bool format_decide_levels(struct format_plan *p);

/* storage_write.c: looks at the directories and formats those that are empty. Status. */
int format_dirs(struct format_plan *p);

#endif
