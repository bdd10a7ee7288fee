/* Kafka's messages through descriptors and one interpreter: decode, encode, size, print.
 *
 * gen/ compiles the .msg files of def/wire into "wire/messages.h": for each message a C struct and
 * a descriptor. A request "Produce" becomes struct produce_req and wire_produce_req, its response
 * produce_resp and wire_produce_resp; a record of an internal log "TopicRecord" becomes
 * topic_record; a nested type "TopicProduceData" of it struct produce_req_topic_produce_data.
 * Fields are snake_case.
 *
 *   schema type      C                       null
 *   bool int8..64    bool int8_t..int64_t
 *   uint16 uint32    uint16_t uint32_t
 *   float64          double
 *   uuid             struct uuid             UUID_ZERO
 *   string           struct str              .p == NULL
 *   bytes            struct bytes            .p == NULL
 *   records          struct wire_records     .p == NULL && .ref == NULL
 *   []T              T *x; int32_t x_count   x_count == -1
 *   struct           struct T x
 *   nullable struct  struct T *x             NULL
 *
 * For each struct x there is a constant x_default with every field at its schema default: begin
 * with it (or wire_init) when you build a message, nested ones too, because not all defaults are
 * zeros and an empty string is not a null one. A nullable struct whose default is not null points
 * to a constant: replace the pointer, never write through it.
 *
 * Decoded strings, bytes and records are views into the input; arrays and nullable structs are in
 * the arena. Absent fields hold their schema default. Unknown tagged fields are checked and
 * dropped. Pure, thread-safe. */
#ifndef WIRE_WIRE_H
#define WIRE_WIRE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/uuid.h"

/* Record batches in a message: bytes in memory (p, len), or on encoding a splice: len bytes that
 * ref stands for and that somebody else will send. */
struct wire_records {
    const uint8_t *p;
    size_t len;
    void *ref;
};

/* Where encode left out len bytes of a message: they belong before byte `at` of the output. */
struct wire_splice {
    size_t at;
    size_t len;
    void *ref;
};

/* Filled by encode; capacity is the caller's. */
struct wire_splices {
    struct wire_splice *items;
    size_t count, cap;
};

struct wire_msg; /* a descriptor */

/* Defaults in every field. msg is the struct that m describes. */
void wire_init(const struct wire_msg *m, void *msg);

/* Reads one message of `version` from the front of in. *ret_used gets the bytes read; NULL means
 * that all of in must be used. Errors: MALFORMED (cut short, bad length, count larger than the
 * bytes left or than LIMIT_WIRE_ARRAY_COUNT, null where not allowed, trailing bytes), BUDGET
 * (arena), UNSUPPORTED_VERSION (outside the message's versions). After an error msg is not to be
 * read. */
must_check enum err wire_decode(const struct wire_msg *m, int version, struct bytes in,
                                struct arena *a, void *msg, size_t *ret_used);

/* Appends msg to out. splices may be NULL when no records field has a ref. Errors: WRONG_VERSION (a
 * field that is not ignorable has a value and this version cannot carry it), UNSUPPORTED_VERSION,
 * NO_MEMORY (also: splices is full), MALFORMED (null where not allowed, a string over 32,767
 * bytes). After an error out and splices are as before. */
must_check enum err wire_encode(const struct wire_msg *m, int version, const void *msg,
                                struct buf *out, struct wire_splices *splices);

/* The bytes that encode would write, splices included. */
must_check enum err wire_size(const struct wire_msg *m, int version, const void *msg,
                              size_t *ret_bytes);

/* Appends one JSON object in the form of Apache Kafka's JsonConverters: camelCase names, bytes and
 * records in base64 (records as their size when shorten is set), uuids as text. */
must_check enum err wire_print(const struct wire_msg *m, int version, const void *msg, bool shorten,
                               struct buf *out);

const char *wire_name(const struct wire_msg *m); /* "ProduceRequest" */
bool wire_is_flexible(const struct wire_msg *m, int version);
int wire_min_version(const struct wire_msg *m);
int wire_max_version(const struct wire_msg *m);

/* The request and response of an API key of rpc; NULL if there is none. */
const struct wire_msg *wire_request(int api_key);
const struct wire_msg *wire_response(int api_key);

/* Records of an internal log by their type (enum metadata_type, group_log_type, txn_log_type,
 * share_log_type, remote_log_type); NULL if there is none. */
const struct wire_msg *wire_metadata_record(int type);
const struct wire_msg *wire_group_key(int type);
const struct wire_msg *wire_group_value(int type);
const struct wire_msg *wire_txn_key(int type);
const struct wire_msg *wire_txn_value(int type);
const struct wire_msg *wire_share_key(int type);
const struct wire_msg *wire_share_value(int type);
const struct wire_msg *wire_remote_log_record(int type);

/* The throttleTimeMs of an answer's body, where nothing of a size that varies is before it; else,
 * and where it is cut short, 0. */
int32_t wire_throttle_ms(int api_key, int version, struct bytes body);

/* All messages, i from 0; NULL at the end. */
const struct wire_msg *wire_nth(size_t i);

/* The C size of the struct that m describes, for generic callers (fuzzers, dumpers). */
size_t wire_struct_bytes(const struct wire_msg *m);

#endif
