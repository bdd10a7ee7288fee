/* The settings of def/client.def, typed. */
#ifndef CLIENT_CONFIG_H
#define CLIENT_CONFIG_H

#include "base/props.h"
#include "ottla/client.h"

#define CONFIG_FIELD_BOOL(field) bool field;
#define CONFIG_FIELD_INT(field) int32_t field;
#define CONFIG_FIELD_LONG(field) int64_t field;
#define CONFIG_FIELD_DOUBLE(field) double field;
#define CONFIG_FIELD_STRING(field) const char *field;
#define CONFIG_FIELD_LIST(field) const char *field;
#define CONFIG_FIELD_PASSWORD(field) const char *field;

/* Text belongs to the ottla_config. */
struct client_values {
#define X(name, field, kind, dflt, lo, hi, allowed, doc) CONFIG_FIELD_##kind(field)
#include "def/client.def"
#undef X
};

struct ottla_config {
    struct client_values values;
    char **texts; /* as they were set, one a row; NULL: the default */
    char **unused;
    size_t unused_count;
    enum ottla_log_level log_level;
    ottla_log_fn *log_fn;
    void *log_ctx;
    ottla_statistics_fn *statistics_fn;
    void *statistics_ctx;
    ottla_token_fn *token_fn;
    void *token_ctx;
};

/* Whether somebody set it, be it to its default. */
bool config_is_set(const struct ottla_config *config, const char *name);

#endif
