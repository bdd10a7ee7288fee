/* Configuration: the settings of def/config.def, their types, rules and defaults;
 * and the typed structs that the rest of the broker reads. Pure. */
#ifndef META_CONFIG_H
#define META_CONFIG_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/props.h"
#include "meta/image.h"

enum config_scope { CONFIG_TOPIC, CONFIG_BROKER, CONFIG_GROUP, CONFIG_CLIENT_METRICS };

/* At their values in DescribeConfigs. */
enum config_type {
    CONFIG_T_BOOL = 1,
    CONFIG_T_STRING = 2,
    CONFIG_T_INT = 3,
    CONFIG_T_SHORT = 4,
    CONFIG_T_LONG = 5,
    CONFIG_T_DOUBLE = 6,
    CONFIG_T_LIST = 7,
    CONFIG_T_CLASS = 8,
    CONFIG_T_PASSWORD = 9,
};

/* Who may change a broker setting while the broker runs. */
enum config_mode { CONFIG_READ_ONLY, CONFIG_PER_BROKER, CONFIG_CLUSTER_WIDE };

/* What a value is made of: the KIND of a row. */
enum config_kind {
    CONFIG_KIND_BOOL,
    CONFIG_KIND_INT,
    CONFIG_KIND_SHORT,
    CONFIG_KIND_LONG,
    CONFIG_KIND_DOUBLE,
    CONFIG_KIND_STRING,
    CONFIG_KIND_LIST,
    CONFIG_KIND_PASSWORD,
    CONFIG_KIND_CLASS,
    CONFIG_KIND_POLICY,
    CONFIG_KIND_COMPRESSION,
    CONFIG_KIND_TSTYPE,
    CONFIG_KIND_GZIP_LEVEL,
    CONFIG_KIND_THROTTLED,
};

struct config_def {
    const char *name;
    enum config_scope scope;
    enum config_kind kind;
    enum config_mode mode;
    const char *default_text; /* NULL: none */
    double min, max;          /* of numbers; infinite where only the type bounds them */
    const char *allowed;      /* "a, b, c": nothing else; NULL: anything */
    const char *synonyms;     /* of a topic's or group's setting: those of the broker, in order of
                                 precedence, "name" or "name*factor", separated by spaces; "" none */
    const char *doc;
    uint16_t field_pos; /* in its typed struct */
};

enum config_type config_type(const struct config_def *def);

const struct config_def *config_find(enum config_scope scope, struct str name);
/* All of a scope in name order. */
const struct config_def *config_all(enum config_scope scope, int32_t *ret_count);
/* The known name that is nearest to a misspelt one; NULL when nothing is near. */
const char *config_did_you_mean(enum config_scope scope, struct str name);

/* Checks one value. On failure false, and a sentence with Kafka's meaning is appended to why. */
bool config_check(const struct config_def *def, struct str value, struct buf *why);

/* The next item of a comma-separated list, trimmed, maybe empty; false at the end. *pos begins at
 * 0.
 */
bool config_list_next(struct str list, size_t *pos, struct str *ret_item);

bool config_list_has(struct str list, struct str item);

/* How Kafka writes a value back that config_check accepted: `TRUE` as true, `a , b` as a,b, 007
 * as 7. The null string when scratch is too small. */
struct str config_plain(const struct config_def *def, struct str value, struct arena *scratch);

/* Puts a value that config_check accepted into its field; text kinds are left alone. */
void config_store(const struct config_def *def, struct str value, void *typed);

/* --- typed --- */

enum cleanup_policy { CLEANUP_DELETE = 1, CLEANUP_COMPACT = 2 }; /* bits */

/* compression.type: a codec of record/batch.h, or as the producer sent it. */
enum { COMPRESSION_PRODUCER = -1 };

/* One field for each row of def/config.def, named there: retention_ms, segment_bytes,
 * cleanup_policy (bits of enum cleanup_policy), compression_type (enum codec or
 * COMPRESSION_PRODUCER), message_timestamp_type (enum timestamp_type), ... Topic settings that are
 * text have none. Broker settings that are text are NUL-terminated, live as long as the struct, and
 * are NULL when there is neither value nor default; a number without either is -1. */
#define CONFIG_FIELD_BOOL(field) bool field;
#define CONFIG_FIELD_INT(field) int32_t field;
#define CONFIG_FIELD_SHORT(field) int16_t field;
#define CONFIG_FIELD_LONG(field) int64_t field;
#define CONFIG_FIELD_DOUBLE(field) double field;
#define CONFIG_FIELD_STRING(field) const char *field;
#define CONFIG_FIELD_LIST(field) const char *field;
#define CONFIG_FIELD_PASSWORD(field) const char *field;
#define CONFIG_FIELD_CLASS(field) const char *field;
#define CONFIG_FIELD_POLICY(field) int32_t field;
#define CONFIG_FIELD_COMPRESSION(field) int32_t field;
#define CONFIG_FIELD_TSTYPE(field) int32_t field;
#define CONFIG_FIELD_GZIP_LEVEL(field) int32_t field;
#define CONFIG_FIELD_THROTTLED(field)

struct topic_config {
#define TOPIC(name, field, kind, ...) CONFIG_FIELD_##kind(field)
#include "def/config.def"
};

struct broker_config {
#define BROKER(name, field, kind, ...) CONFIG_FIELD_##kind(field)
#include "def/config.def"
    struct props props; /* as given, for synonyms and DescribeConfigs */
};

/* Kafka's defaults and what props says; props is taken over (deinit broker_config frees it).
 * BAD_CONFIG: why gets one sentence. Unknown names are left to the caller: they are in props. */
must_check enum err broker_config_init(struct broker_config *c, struct props *props,
                                       struct buf *why);
void broker_config_deinit(struct broker_config *c);

/* What counts for a topic: its own settings, else the dynamic ones of this broker, else those of
 * all brokers, else the properties file, else the default. img may be NULL (defaults of the
 * broker). Values that were valid when stored and are not any more count as not set. */
void topic_config_resolve(const struct image *img, const struct broker_config *broker,
                          struct str topic, struct topic_config *ret_config);

/* A number among the broker settings that may change while it runs: what counts now. */
int64_t broker_config_now(const struct image *img, const struct broker_config *broker,
                          struct str name);

/* Where a value comes from, at the wire's numbers (DescribeConfigs' ConfigSource). */
enum config_source {
    CONFIG_SOURCE_UNKNOWN = 0,
    CONFIG_SOURCE_TOPIC = 1,
    CONFIG_SOURCE_BROKER = 2,
    CONFIG_SOURCE_CLUSTER = 3,
    CONFIG_SOURCE_STATIC = 4,
    CONFIG_SOURCE_DEFAULT = 5,
    CONFIG_SOURCE_BROKER_LOGGER = 6,
    CONFIG_SOURCE_CLIENT_METRICS = 7,
    CONFIG_SOURCE_GROUP = 8,
};

/* A resource whose settings are asked for. */
struct config_place {
    const struct image *img;
    const struct broker_config *broker; /* the one that answers */
    enum config_scope scope;
    struct str resource; /* topic, group, ...; of a broker: not looked at */
};

/* One place that gives a setting a value. */
struct config_value {
    struct str name; /* of the setting there: log.retention.hours for retention.ms */
    struct str value;
    enum config_source source;
};

enum { CONFIG_VALUES_MAX = 20 };

/* The places where a setting has a value, the one that counts first: what Kafka's tools call its
 * synonyms. As in Kafka a list begins with the setting itself or its namesake of the broker, or is
 * empty: one that comes from log.retention.hours alone shows no source. Names that the table does
 * not have are found too. */
int32_t config_values(const struct config_place *at, struct str name,
                      struct config_value ret[CONFIG_VALUES_MAX]);

/* The text of one topic setting and its source; for listings. The text is null when there is
 * neither value nor default. scratch holds converted values (hours as milliseconds). */
struct str topic_config_text(const struct image *img, const struct broker_config *broker,
                             struct str topic, const struct config_def *def, struct arena *scratch,
                             enum config_source *ret_source);

/* Checks what a request wants to set on a topic, as a whole: each value, and the rules between them
 * (min.compaction.lag.ms ≤ max.compaction.lag.ms, ...). False and a sentence on failure. */
struct config_setting {
    struct str name, value;
};
bool topic_config_check(const struct config_setting *settings, int32_t count, struct buf *why);

/* Rules beyond config_check for one setting of a group or of clients' metrics, whose value it
 * accepted. False or Kafka's code, and a sentence, on failure. */
bool group_config_check(const struct broker_config *broker, const struct config_setting *s,
                        struct buf *why);
must_check enum err client_metrics_config_check(const struct config_setting *s, struct buf *why);

#endif
