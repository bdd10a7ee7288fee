/* What the administrative calls share: asking and asking again, and results of one piece. All in
 * the caller's thread. */
#ifndef CLIENT_ADMIN_ADMIN_H
#define CLIENT_ADMIN_ADMIN_H

#include "client/core/host.h"
#include "client/error.h"
#include "client/result.h"

/* One call of a user. */
struct admin {
    struct ottla_client *client;
    struct ottla_admin_options options;
    int64_t deadline_ms;
    struct ottla_error *error;
    struct arena arena; /* requests: sized by the user */
    struct waiter waiter;
    int tries;
};

/* A list that a program gave. */
struct given {
    const void *rows;
    size_t count;
    size_t stride; /* of rows that begin with a name, which each must have; else 0 */
};
#define GIVEN_NONE ((struct given){NULL})
#define GIVEN_ROWS(rows, count) ((struct given){rows, count, 0})
#define GIVEN_NAMES(rows, count) ((struct given){rows, count, sizeof *(rows)})
/* NULL is none, whatever the count. */
#define GIVEN_NAMES_OR_ALL(rows, count) GIVEN_NAMES(rows, (rows) ? (count) : 0)

/* False, and INVALID_REQUEST with the reason, where something that must be there is NULL. */
bool admin_may(const struct ottla_client *client, struct given given, const void *ret,
               struct ottla_error *error);

void admin_begin(struct admin *ad, struct ottla_client *client,
                 const struct ottla_admin_options *options, struct ottla_error *error);
/* Returns code. No exchange may be open. */
int admin_end(struct admin *ad, int code);

/* Zeroed memory for requests; never NULL. */
void *admin_array(struct admin *ad, size_t count, size_t size);
struct str *admin_texts(struct admin *ad, const char *const *from, size_t count);
int32_t admin_left_ms(const struct admin *ad); /* for the time-out inside of requests */

/* A request and its answer. Zeroed before first use. */
struct exchange {
    struct request request;
    struct arena arena; /* of the answer */
    bool is_open;
};

/* what: api_key, to, msg and what `to` needs; versions 0 to 0 are all that we have. */
void exchange_send(struct admin *ad, struct exchange *ex, const struct call *what);
void admin_wait_all(struct admin *ad);
int exchange_read(struct admin *ad, struct exchange *ex, void *msg, struct ottla_error *error);
void exchange_deinit(struct exchange *ex);

/* All three. What was in ex before is dropped. The call's error is the user's. */
int admin_ask(struct admin *ad, struct exchange *ex, const struct call *what, void *msg);

/* After an answer with this code: whether to ask again, when it has waited. */
bool admin_again(struct admin *ad, int code);

/* A code and what the broker said of it, for the user. */
int admin_refuse(struct ottla_error *error, int code, struct str said);

/* A topic that was just made may not be known everywhere: few tries will tell. */
static inline bool code_is_unknown_topic(int code)
{
    return code == ERR_UNKNOWN_TOPIC_OR_PARTITION || code == ERR_UNKNOWN_TOPIC_ID;
}

/* Of all codes of an answer one for which another try may help, or 0: that which gets most tries.
 */
static inline int worth_another(int so_far, int code)
{
    bool is_better = so_far == 0 || code_is_unknown_topic(so_far);
    return code_is_retriable(code) && is_better ? code : so_far;
}

/* Rows of the user that begin with `const char *topic`: their numbers, in the order of topics. So
 * the partitions of a topic stand side by side: one array holds those of all topics. */
struct by_topic {
    const char *rows;
    size_t stride;
    size_t *index;
    size_t count;
};

struct by_topic by_topic_new(struct admin *ad, const void *rows, size_t stride, size_t count);
static inline const void *by_topic_at(const struct by_topic *b, size_t i)
{
    return b->rows + b->index[i] * b->stride;
}
static inline const char *by_topic_name(const struct by_topic *b, size_t i)
{
    return *(const char *const *)by_topic_at(b, i);
}
static inline bool by_topic_is_new(const struct by_topic *b, size_t i)
{
    return i == 0 || strcmp(by_topic_name(b, i), by_topic_name(b, i - 1)) != 0;
}

/* --- results --- */

/* Hands the result over, or frees it and says NO_MEMORY, or CLOSED in a forked child: where each
 * row has an error of its own, all of them would say it. */
#define result_give(ad, f, result, ret)                                                            \
    (result_is_good(ad, f) ? (*(ret) = (result), 0) : result_drop(ad, result))
bool result_is_good(const struct admin *ad, const struct fill *f);
int result_drop(struct admin *ad, void *result);

struct ottla_outcomes *outcomes_new(size_t count, struct fill *f);
struct ottla_outcome *outcome_row(struct ottla_outcomes *o, size_t i);
void outcome_name(struct fill *f, struct ottla_outcome *row, const char *name, int32_t partition);
/* The row with that name and partition; *hint is where to look first. NULL: nobody asked for it. */
struct ottla_outcome *outcome_find(struct ottla_outcomes *o, size_t *hint, struct str name,
                                   int32_t partition);
void outcome_set(struct fill *f, struct ottla_outcome *row, int code, struct str said);

/* Frees o when code says that the call failed, else hands it over. Returns the code. */
int outcomes_give(struct admin *ad, struct fill *f, int code, struct ottla_outcomes *o,
                  struct ottla_outcomes **ret);

/* --- the cluster, for those who ask all of it --- */

struct metadata_ask {
    struct metadata_req req;
    struct metadata_resp resp;
    struct exchange exchange;
};

/* topics NULL: all; count 0: none. */
int admin_metadata(struct admin *ad, struct metadata_ask *m,
                   struct metadata_req_metadata_request_topic *topics, int32_t count);

/* --- asking every broker --- */

/* What one of them said. */
struct listing {
    int32_t broker;
    struct exchange exchange;
    void *resp; /* of the API; whole where code is 0 */
    int code;
    struct ottla_error why;
};

struct listings {
    struct listing *all;
    size_t count;
};

/* Asks all for `what`, whose `to` is overwritten; those that are still loading again. error_at:
 * where the answer has its error_code. Returns the code of finding them; ret needs listings_deinit
 * even then. */
int listings_ask(struct admin *ad, const struct call *what, size_t error_at, struct listings *ret);
/* A row for each that failed. */
const struct ottla_outcome *const *listings_errors(struct fill *f, const struct listings *x,
                                                   size_t *ret_count);
void listings_deinit(struct listings *x);

/* --- asking the leaders of partitions --- */

struct fan_item {
    struct str topic;
    int32_t partition;
    int32_t leader;
    int code; /* what came of it; retriable ones are asked again */
    struct str said;
    bool is_done;
};

struct fan {
    struct admin *ad;
    struct fan_item *items;
    size_t count;
    const struct fan_ops *ops;
    void *ctx;
};

struct fan_ops {
    int16_t api_key;
    /* The request for the items of index[0..n), which have one leader and stand by topic. */
    void *(*build)(struct fan *fan, const size_t *index, size_t n);
    /* Reads the answer: sets code of the items and what the ctx wants. */
    int (*read)(struct fan *fan, struct exchange *ex, const size_t *index, size_t n);
};

int fan_run(struct fan *fan, int16_t version_lo);
/* The item for an answer's partition among index[0..n); NULL: it was not asked for. */
struct fan_item *fan_find(struct fan *fan, const size_t *index, size_t n, struct str topic,
                          int32_t partition);

#endif
