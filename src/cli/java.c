/* What Java's programs call the errors of the protocol. Pure. */
#include "cli/cli.h"

#include "base/attr.h"

#include <ctype.h>

/* Those that are not called as the protocol calls them. */
static const struct odd {
    const char *error, *class;
} odd_ones[] = {
    {"UNKNOWN_SERVER_ERROR", "errors.UnknownServerException"},
    {"CORRUPT_MESSAGE", "errors.CorruptRecordException"},
    {"REQUEST_TIMED_OUT", "errors.TimeoutException"},
    {"MESSAGE_TOO_LARGE", "errors.RecordTooLargeException"},
    {"STALE_CONTROLLER_EPOCH", "errors.ControllerMovedException"},
    {"OFFSET_METADATA_TOO_LARGE", "errors.OffsetMetadataTooLarge"},
    {"RECORD_LIST_TOO_LARGE", "errors.RecordBatchTooLargeException"},
    {"TOPIC_ALREADY_EXISTS", "errors.TopicExistsException"},
    {"INVALID_CONFIG", "errors.InvalidConfigurationException"},
    {"OUT_OF_ORDER_SEQUENCE_NUMBER", "errors.OutOfOrderSequenceException"},
    {"DUPLICATE_SEQUENCE_NUMBER", "errors.DuplicateSequenceException"},
    {"INVALID_PRODUCER_ID_MAPPING", "errors.InvalidPidMappingException"},
    {"INVALID_TRANSACTION_TIMEOUT", "errors.InvalidTxnTimeoutException"},
    {"KAFKA_STORAGE_ERROR", "errors.KafkaStorageException"},
    {"DELEGATION_TOKEN_AUTH_DISABLED", "errors.DelegationTokenDisabledException"},
    {"DELEGATION_TOKEN_REQUEST_NOT_ALLOWED", "errors.UnsupportedByAuthenticationException"},
    {"NON_EMPTY_GROUP", "errors.GroupNotEmptyException"},
    {"INVALID_RECORD", "InvalidRecordException"},
    {"PRINCIPAL_DESERIALIZATION_FAILURE", "errors.PrincipalDeserializationException"},
    {"FETCH_SESSION_TOPIC_ID_ERROR", "errors.FetchSessionTopicIdException"},
    {"INVALID_REGULAR_EXPRESSION", "errors.InvalidRegularExpression"},
};

/* TOPIC_AUTHORIZATION_FAILED: TopicAuthorization */
static void put_camel(struct buf *out, struct str name)
{
    static const char *const endings[] = {"_EXCEPTION", "_FAILED"};
    bool is_first = true;
    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        struct str ending = str_from(endings[i]);
        name.len -= str_has_suffix(name, ending) ? ending.len : 0;
    }
    for (size_t i = 0; i < name.len; i++) {
        int ch = (unsigned char)name.p[i];
        if (ch != '_') {
            buf_put_u8(out, (uint8_t)(is_first ? ch : tolower(ch)));
        }
        is_first = ch == '_';
    }
}

void cli_put_class(struct buf *out, int code)
{
    const char *name = ottla_error_name(code);
    buf_put_str(out, STR("org.apache.kafka.common."));
    if (code <= -1000) { /* the library's own */
        buf_put_str(out, STR("KafkaException"));
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(odd_ones); i++) {
        if (strcmp(odd_ones[i].error, name) == 0) {
            buf_put_str(out, str_from(odd_ones[i].class));
            return;
        }
    }
    buf_put_str(out, STR("errors."));
    put_camel(out, str_from(name));
    buf_put_str(out, STR("Exception"));
}
