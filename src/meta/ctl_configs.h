/* What the two files about changed settings share; nobody else includes it. */
#ifndef META_CTL_CONFIGS_H
#define META_CTL_CONFIGS_H

#include "meta/ctl_int.h"

enum ctl_op { CTL_OP_SET = 0, CTL_OP_DELETE = 1, CTL_OP_APPEND = 2, CTL_OP_SUBTRACT = 3 };

/* One change of one setting. */
struct ctl_change {
    struct str name;
    struct str value;
    int8_t op;
};

/* What a request wants of one resource. */
struct ctl_wish {
    int8_t type;
    struct str resource;
    struct ctl_change *changes; /* NULL: no memory was left */
    int32_t count;
    bool is_elsewhere; /* the broker that was asked sees to it: the levels of its diagnostics */
    struct ctl_outcome outcome;
};

/* A request of either kind. */
struct ctl_alter {
    struct ctl *ctl;
    const struct ctl_req *req;
    struct meta_records *records;
    struct ctl_wish *wishes;
    int32_t count;
    bool is_dry; /* nothing shall change */
};

enum config_scope ctl_config_scope(int8_t type);

/* NULL: the setting is left as it is. */
const struct ctl_change *ctl_find_change(const struct ctl_wish *w, struct str name);

extern const struct str ctl_min_isr_name;

/* Whether it can be understood, and its resource may be changed. */
struct ctl_outcome ctl_check_wish(const struct ctl_alter *a, const struct ctl_wish *w);

/* Whether what would come of it is good. Its lists are resolved: no APPEND, no SUBTRACT. */
struct ctl_outcome ctl_check_result(const struct ctl_alter *a, const struct ctl_wish *w);

#endif
