/* Errors for the users of the library. Pure, thread-safe: constant tables only. */
#include "client/error.h"

#include <stdarg.h>
#include <stdio.h>

const char *ottla_version(void) { return OTTLA_VERSION; }

const char *ottla_error_name(int code) { return err_name((enum err)code); }
const char *ottla_error_text(int code) { return err_text((enum err)code); }

/* What Kafka's own client takes for worth another try. */
static bool is_retriable(int code)
{
    switch (code) {
    case ERR_CORRUPT_MESSAGE:
    case ERR_UNKNOWN_TOPIC_OR_PARTITION:
    case ERR_LEADER_NOT_AVAILABLE:
    case ERR_NOT_LEADER_OR_FOLLOWER:
    case ERR_REQUEST_TIMED_OUT:
    case ERR_REPLICA_NOT_AVAILABLE:
    case ERR_NETWORK_EXCEPTION:
    case ERR_COORDINATOR_LOAD_IN_PROGRESS:
    case ERR_COORDINATOR_NOT_AVAILABLE:
    case ERR_NOT_COORDINATOR:
    case ERR_NOT_ENOUGH_REPLICAS:
    case ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND:
    case ERR_NOT_CONTROLLER:
    case ERR_CONCURRENT_TRANSACTIONS:
    case ERR_KAFKA_STORAGE_ERROR:
    case ERR_FETCH_SESSION_ID_NOT_FOUND:
    case ERR_INVALID_FETCH_SESSION_EPOCH:
    case ERR_LISTENER_NOT_FOUND:
    case ERR_FENCED_LEADER_EPOCH:
    case ERR_UNKNOWN_LEADER_EPOCH:
    case ERR_OFFSET_NOT_AVAILABLE:
    case ERR_PREFERRED_LEADER_NOT_AVAILABLE:
    case ERR_ELIGIBLE_LEADERS_NOT_AVAILABLE:
    case ERR_UNSTABLE_OFFSET_COMMIT:
    case ERR_THROTTLING_QUOTA_EXCEEDED:
    case ERR_UNKNOWN_TOPIC_ID:
    case ERR_INCONSISTENT_TOPIC_ID:
    case ERR_FETCH_SESSION_TOPIC_ID_ERROR:
    case ERR_SHARE_SESSION_NOT_FOUND:
    case ERR_INVALID_SHARE_SESSION_EPOCH:
    case ERR_SHARE_SESSION_LIMIT_REACHED:
        return true;
    default:
        return false;
    }
}

static bool is_fatal(int code)
{
    switch (code) {
    case ERR_UNSUPPORTED_VERSION:
    case ERR_INVALID_PRODUCER_EPOCH:
    case ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    case ERR_UNSUPPORTED_SASL_MECHANISM:
    case ERR_ILLEGAL_SASL_STATE:
    case ERR_SASL_AUTHENTICATION_FAILED:
    case ERR_TLS:
    case ERR_FENCED_INSTANCE_ID:
    case ERR_PRODUCER_FENCED:
    case ERR_CLOSED:
    case ERR_BAD_CONFIG:
        return true;
    default:
        return false;
    }
}

unsigned ottla_error_flags(int code)
{
    return (is_retriable(code) ? OTTLA_RETRIABLE : 0u) | (is_fatal(code) ? OTTLA_FATAL : 0u) |
           (code == ERR_TRANSACTION_ABORTABLE ? OTTLA_ABORTABLE : 0u);
}

int error_set(struct ottla_error *error, int code, const char *fmt, ...)
{
    if (error != NULL) {
        va_list args;
        error->code = code;
        error->flags = ottla_error_flags(code);
        va_start(args, fmt);
        vsnprintf(error->message, sizeof error->message, fmt, args);
        va_end(args);
    }
    return code;
}

int error_code(struct ottla_error *error, int code, const char *message)
{
    return error_set(error, code, "%s", message && *message ? message : ottla_error_text(code));
}
