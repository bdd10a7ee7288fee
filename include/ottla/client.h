/* libottla: a client of Apache Kafka and of ottla, for C and C++.
 *
 * Conventions
 * - Types are opaque, or plain structs that the library fills and frees.
 * - Calls that can fail return 0 or a code (enum ottla_error_code). The last parameter of most is
 *   a struct ottla_error * that also gets the sentence for a person; it may be NULL, and is left
 *   alone on success.
 * - Text is UTF-8 with a NUL. What is passed in is copied where it is kept; what a result points to
 *   lives until the result is freed.
 * - Where something must be there and NULL was given (an object, a name, a list whose count is not
 * 0, the place for a result) a call fails with INVALID_REQUEST; without a return value it does
 *   nothing. Counts and sizes that do not fit what they count, and objects that were freed, are
 *   beyond what the library can see.
 * - timeout_ms says how long a call may wait. For what sends and reads records and for futures 0 is
 *   not at all and < 0 as long as it takes; for administration, commits and transactions ≤ 0 is the
 *   setting that is named there.
 * - A program works with a later library as it is. Structs of options and messages begin with
 *   their size, which is the program's: start from ottla_x_init, or, in other languages, from
 *   ottla_x_init_size. NULL options are the defaults. Results are made and freed by the library
 *   alone: their structs grow at their ends, and lists of them are lists of pointers. All other
 *   structs stay as they are: rows of arrays that are passed in, callbacks, pairs, and what the
 *   program has room for (struct ottla_error, a delivery that is waited for, a setting). What
 *   these cannot say gets a struct and a function of its own.
 * - A client may be used by many threads at once. A configuration, an error and a result belong to
 *   one thread at a time.
 * - No global state: any number of clients may live in a process. A child after fork cannot use
 *   the clients of its parent, but can make its own: calls on what it has of its parent's give
 *   CLOSED; those that return no code do nothing, and there are no numbers ("{}"). It need not free
 *   anything of it.
 * - The library may be loaded with dlopen and, when all that was made is freed, unloaded with
 *   dlclose: no thread of it is left, and threads of the program's may end later. */
#ifndef OTTLA_CLIENT_H
#define OTTLA_CLIENT_H

#include <ottla/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define OTTLA_API __attribute__((visibility("default")))

/* "0.1.0". Static. */
OTTLA_API const char *ottla_version(void);

/* --- errors --- */

enum ottla_error_flag {
    OTTLA_RETRIABLE = 1, /* the same call may succeed later */
    OTTLA_FATAL = 2,     /* this client can never do it: make another one, or change something */
    OTTLA_ABORTABLE = 4, /* abort the transaction and begin again */
};

struct ottla_error {
    int code;          /* enum ottla_error_code */
    unsigned flags;    /* enum ottla_error_flag */
    char message[504]; /* a sentence, always terminated */
};

/* "UNKNOWN_TOPIC_OR_PARTITION"; "?" for a number that is no code. Static. */
OTTLA_API const char *ottla_error_name(int code);
/* A short sentence. Static. */
OTTLA_API const char *ottla_error_text(int code);
OTTLA_API unsigned ottla_error_flags(int code);

/* --- configuration --- */

/* Settings by Kafka's names, all at their defaults at first. doc/client-config.md lists them. */
struct ottla_config;

OTTLA_API struct ottla_config *ottla_config_new(void);
OTTLA_API struct ottla_config *ottla_config_copy(const struct ottla_config *config);
OTTLA_API void ottla_config_free(struct ottla_config *config); /* NULL is fine */

/* OTTLA_ERR_BAD_CONFIG: there is no such setting (the message says which one was meant, or, for
 * a name of Java's clients or of librdkafka, what there is instead) or the value is not one for it
 * (the message says why). What the name had stays then. Settings that contradict each other are
 * told by ottla_client_new and what is made of it. */
OTTLA_API int ottla_config_set(struct ottla_config *config, const char *name, const char *value,
                               struct ottla_error *error);

/* The value as text; NULL when there is no such setting. Valid until it is set again. */
OTTLA_API const char *ottla_config_get(const struct ottla_config *config, const char *name);

/* Sets what a file of Java's properties format says; up to the first value that is not one, when
 * there is such. Names that are not this library's are passed
 * over and kept for ottla_config_unused, because such files serve several programs. */
OTTLA_API int ottla_config_load(struct ottla_config *config, const char *path,
                                struct ottla_error *error);

/* The i-th name that a file had and nobody knows; NULL after the last. */
OTTLA_API const char *ottla_config_unused(const struct ottla_config *config, size_t i);

/* What settings there are, for help and completion. */
struct ottla_setting {
    const char *name;
    const char *kind; /* "boolean", "int", "long", "double", "string", "list", "password" */
    const char *default_value;
    const char *allowed; /* "a, b", or NULL */
    const char *doc;
};
/* False after the last. */
OTTLA_API bool ottla_config_setting(size_t i, struct ottla_setting *ret_setting);

/* --- messages to people --- */

enum ottla_log_level { OTTLA_LOG_DEBUG, OTTLA_LOG_INFO, OTTLA_LOG_WARN, OTTLA_LOG_ERROR };

/* Called from any thread of the client, one call at a time; must not call the library. */
typedef void ottla_log_fn(void *ctx, enum ottla_log_level level, const char *text);

/* Lines from level up go to fn; NULL: nowhere, which is the default. */
OTTLA_API void ottla_config_set_log(struct ottla_config *config, enum ottla_log_level level,
                                    ottla_log_fn *fn, void *ctx);

/* --- statistics --- */

/* Called every statistics.interval.ms with what _metrics of the client, the producer or the
 * consumer gives; the text lives until it returns. */
typedef void ottla_statistics_fn(void *ctx, const char *json);

/* Numbers of a client (ottla_client_metrics), for administration and for what all that stands on it
 * has in common. Called in the client's thread, which serves its connections: it must not wait, nor
 * make calls that wait for a broker. Producers and consumers have their own in their options. */
OTTLA_API void ottla_config_set_statistics(struct ottla_config *config, ottla_statistics_fn *fn,
                                           void *ctx);

/* --- tokens --- */

/* Writes a token, terminated, into the size bytes at ret_token: sasl.mechanism=OAUTHBEARER. 0, or a
 * code and a sentence in error. Called for each connection that logs in, in a thread of its own, so
 * that it may wait; it must not call the client. */
typedef int ottla_token_fn(void *ctx, char *ret_token, size_t size, struct ottla_error *error);

OTTLA_API void ottla_config_set_token(struct ottla_config *config, ottla_token_fn *fn, void *ctx);

/* --- the client --- */

/* Connections to one cluster, and a thread that serves them. All calls of one program may share
 * one; nothing is connected to before the first call. Each producer has connections of its own
 * beside them. */
struct ottla_client;

/* Takes a copy of config. NULL, and why: OTTLA_ERR_BAD_CONFIG, or no threads or descriptors. */
OTTLA_API struct ottla_client *ottla_client_new(const struct ottla_config *config,
                                                struct ottla_error *error);

/* The program lets go of it: no call of the program's may be under way in it. What was made of it
 * may be freed before or after: with the last of it everything is closed. NULL is fine. */
OTTLA_API void ottla_client_free(struct ottla_client *client);

/* Numbers by Kafka's names, as a JSON object: to be freed with ottla_text_free. Any thread. */
OTTLA_API char *ottla_client_metrics(struct ottla_client *client);

#include <ottla/admin.h>
#include <ottla/consumer.h>
#include <ottla/future.h>
#include <ottla/interceptor.h>
#include <ottla/internal.h>
#include <ottla/producer.h>
#include <ottla/security.h>
#include <ottla/transactions.h>

#ifdef __cplusplus
}
#endif

#endif
