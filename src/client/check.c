/* Settings that contradict each other. Any thread.
 *
 * As Apache Kafka's clients: an error where somebody asked for both sides of a contradiction; where
 * one of them is only a default, it gives way. */
#include "client/check.h"

#include "base/attr.h"
#include "base/topic_name.h"
#include "client/error.h"
#include "client/producer/accumulator_int.h"

static bool is_asked_for(const struct ottla_config *c, const char *name)
{
    return config_is_set(c, name) && ottla_config_get(c, name)[0] != '\0';
}

static int bad(struct ottla_error *error, const char *name, const char *why)
{
    return error_set(error, ERR_BAD_CONFIG, "%s %s", name, why);
}

/* --- what gives way --- */

static int64_t batch_life_ms(const struct client_values *v)
{
    return v->linger_ms > INT32_MAX - v->request_timeout_ms ? INT32_MAX
                                                            : v->linger_ms + v->request_timeout_ms;
}

void config_settle(struct ottla_config *c)
{
    struct client_values *v = &c->values;
    if (!config_is_set(c, "delivery.timeout.ms")) {
        v->delivery_timeout_ms = MAX(v->delivery_timeout_ms, (int32_t)batch_life_ms(v));
    }
    if (!config_is_set(c, "reconnect.backoff.max.ms") && config_is_set(c, "reconnect.backoff.ms")) {
        v->reconnect_backoff_max_ms = v->reconnect_backoff_ms;
    }
}

/* --- producers --- */

static int check_idempotence(const struct ottla_config *c, struct ottla_error *error)
{
    const struct client_values *v = &c->values;
    bool is_txn = v->transactional_id[0] != '\0';
    bool has_all = strcmp(v->acks, "all") == 0 || strcmp(v->acks, "-1") == 0;
    const char *who = is_txn ? "transactional.id" : "enable.idempotence=true";
    if (is_txn && !v->enable_idempotence) {
        return bad(error, who, "needs enable.idempotence=true");
    }
    if (!is_txn && !(config_is_set(c, "enable.idempotence") && v->enable_idempotence)) {
        return 0;
    }
    if (!has_all) {
        return bad(error, who, "needs acks=all");
    }
    if (v->retries == 0) {
        return bad(error, who, "needs retries above 0");
    }
    if (v->max_in_flight > IN_FLIGHT_IDEMPOTENT) {
        return bad(error, who, "needs max.in.flight.requests.per.connection of at most 5");
    }
    return 0;
}

static int check_partitioner(const struct ottla_config *c, struct ottla_error *error)
{
    if (!is_asked_for(c, "partitioner")) {
        return 0;
    }
    return is_asked_for(c, "partitioner.class")
               ? bad(error, "partitioner", "cannot be set together with partitioner.class")
           : c->values.partitioner_ignore_keys
               ? bad(error, "partitioner", "goes by keys, and partitioner.ignore.keys is true")
               : 0;
}

int config_check_producer(const struct ottla_config *c, struct ottla_error *error)
{
    const struct client_values *v = &c->values;
    if (config_is_set(c, "delivery.timeout.ms") && v->delivery_timeout_ms < batch_life_ms(v)) {
        return error_set(error, ERR_BAD_CONFIG,
                         "delivery.timeout.ms, %d, has to be at least linger.ms + "
                         "request.timeout.ms, %lld",
                         v->delivery_timeout_ms, (long long)batch_life_ms(v));
    }
    int code = check_partitioner(c, error);
    return code ? code : check_idempotence(c, error);
}

/* --- consumers --- */

/* Who shares decides these: the members, or the coordinator. */
static int check_protocol(const struct ottla_config *c, struct ottla_error *error)
{
    static const char *const members[] = {"heartbeat.interval.ms", "partition.assignment.strategy",
                                          "session.timeout.ms"};
    if (strcmp(c->values.group_protocol, "consumer") != 0) {
        return is_asked_for(c, "group.remote.assignor")
                   ? bad(error, "group.remote.assignor",
                         "cannot be set with group.protocol=classic")
                   : 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        if (is_asked_for(c, members[i])) {
            return bad(error, members[i],
                       "cannot be set with group.protocol=consumer: the group's coordinator says "
                       "what it is");
        }
    }
    return 0;
}

static int check_group(const struct ottla_config *c, struct ottla_error *error)
{
    const struct client_values *v = &c->values;
    bool has_group = v->group_id[0] != '\0';
    if (has_group && str_trim(str_from(v->group_id)).len == 0) {
        return bad(error, "group.id", "is nothing but blanks");
    }
    if (!has_group && config_is_set(c, "enable.auto.commit") && v->enable_auto_commit) {
        return bad(error, "enable.auto.commit=true", "needs group.id");
    }
    if (v->group_instance_id[0] != '\0' && !topic_name_is_legal(str_from(v->group_instance_id))) {
        return bad(error, "group.instance.id",
                   "has at most 249 letters, digits, '.', '_', '-', and is not '.' or '..'");
    }
    return 0;
}

int config_check_consumer(const struct ottla_config *c, struct ottla_error *error)
{
    const struct client_values *v = &c->values;
    int code = check_group(c, error);
    code = code ? code : check_protocol(c, error);
    if (code == 0 && strcmp(v->group_protocol, "classic") == 0 && v->group_id[0] != '\0' &&
        v->heartbeat_interval_ms >= v->session_timeout_ms) {
        return error_set(error, ERR_BAD_CONFIG,
                         "heartbeat.interval.ms, %d, has to be below session.timeout.ms, %d",
                         v->heartbeat_interval_ms, v->session_timeout_ms);
    }
    return code;
}
