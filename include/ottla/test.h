/* libottla-test: a real broker inside a test program. It is ready in milliseconds on a port of its
 * own, keeps its data in memory or in a directory of yours, and fails on request.
 *
 *     struct ottla_test_broker *broker = ottla_test_broker_start(NULL, &error);
 *     ottla_config_set(config, "bootstrap.servers", ottla_test_broker_address(broker), &error);
 *     ...
 *     ottla_test_broker_fail(broker, OTTLA_TEST_PRODUCE, OTTLA_ERR_NOT_ENOUGH_REPLICAS, 3);
 *     ...
 *     ottla_test_broker_free(broker);
 *
 * Any number of brokers may live in a process; each is a cluster of one. The broker handles no
 * signals and never ends the process. Its functions may be called from any thread, but start, stop,
 * restart and free of one broker by one thread at a time. After fork it is the parent's. */
#ifndef OTTLA_TEST_H
#define OTTLA_TEST_H

#include <ottla/client.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ottla_test_broker;

struct ottla_test_broker_options {
    size_t size;
    const char *data_dir; /* NULL: in memory */
    int port;             /* 0: a free one */
    /* "name=value", by the broker's names (doc/config.md), and no others; NULL after the last.
     * NULL: none. */
    const char *const *settings;
    /* 1. More, at most 16: it plays so many brokers, each with a port of its own, so that leaders
     * can move. Behind them is one: what it tells of brokers and leaders other than by Metadata, it
     * tells of that one. */
    int nodes;
};

OTTLA_API void ottla_test_broker_options_init_size(struct ottla_test_broker_options *options,
                                                   size_t size);
static inline void ottla_test_broker_options_init(struct ottla_test_broker_options *options)
{
    ottla_test_broker_options_init_size(options, sizeof *options);
}

/* Clients are served when it returns. Topics are created when they are first asked for, new groups
 * begin without delay. NULL, and why. */
OTTLA_API struct ottla_test_broker *ottla_test_broker_start(
    const struct ottla_test_broker_options *options, struct ottla_error *error);

/* "127.0.0.1:34567", for bootstrap.servers. Valid as long as the broker; the same after a restart.
 */
OTTLA_API const char *ottla_test_broker_address(const struct ottla_test_broker *broker);

/* Stops it; its data stay. No-op when it is stopped. */
OTTLA_API void ottla_test_broker_stop(struct ottla_test_broker *broker);
/* Stops it if it runs, and starts it with the data that it had. Faults stay as they are, but for a
 * pause. */
OTTLA_API int ottla_test_broker_restart(struct ottla_test_broker *broker,
                                        struct ottla_error *error);
/* Stops it; data in memory are gone. NULL is fine. */
OTTLA_API void ottla_test_broker_free(struct ottla_test_broker *broker);

/* --- faults --- */

/* Kafka's numbers of its APIs; all others work, too. */
enum ottla_test_api {
    OTTLA_TEST_ANY = -1,
    OTTLA_TEST_PRODUCE = 0,
    OTTLA_TEST_FETCH = 1,
    OTTLA_TEST_LIST_OFFSETS = 2,
    OTTLA_TEST_METADATA = 3,
    OTTLA_TEST_OFFSET_COMMIT = 8,
    OTTLA_TEST_OFFSET_FETCH = 9,
    OTTLA_TEST_FIND_COORDINATOR = 10,
    OTTLA_TEST_JOIN_GROUP = 11,
    OTTLA_TEST_HEARTBEAT = 12,
    OTTLA_TEST_LEAVE_GROUP = 13,
    OTTLA_TEST_SYNC_GROUP = 14,
    OTTLA_TEST_API_VERSIONS = 18,
    OTTLA_TEST_CREATE_TOPICS = 19,
    OTTLA_TEST_INIT_PRODUCER_ID = 22,
};

enum { OTTLA_TEST_ALWAYS = -1 }; /* until ottla_test_broker_clear */

/* The next count requests of api are answered with this error (enum ottla_error_code) and have no
 * effect. Metadata alone is answered in full, with the error on every topic. */
OTTLA_API void ottla_test_broker_fail(struct ottla_test_broker *broker, int api, int error,
                                      int count);
/* They are answered, but so much later. */
OTTLA_API void ottla_test_broker_delay(struct ottla_test_broker *broker, int api, int delay_ms,
                                       int count);
/* Instead of their answer the connection is closed: before they had any effect, or after. */
OTTLA_API void ottla_test_broker_drop(struct ottla_test_broker *broker, int api, bool has_effect,
                                      int count);
/* Takes back what of these is left. */
OTTLA_API void ottla_test_broker_clear(struct ottla_test_broker *broker);

/* Closes all connections that there are now. */
OTTLA_API void ottla_test_broker_disconnect(struct ottla_test_broker *broker);

/* While it is paused requests are read and not looked at; then they go on where they were. */
OTTLA_API void ottla_test_broker_pause(struct ottla_test_broker *broker);
OTTLA_API void ottla_test_broker_resume(struct ottla_test_broker *broker);

/* An election that goes on: while the leader is away metadata name none (LEADER_NOT_AVAILABLE), and
 * a request that asks for the partition is refused with NOT_LEADER_OR_FOLLOWER, as a whole. */
OTTLA_API void ottla_test_broker_set_leader_away(struct ottla_test_broker *broker,
                                                 const char *topic, int partition, bool is_away);

/* From now on this node (1 to options.nodes) leads the partition, in a new leader epoch; the others
 * refuse what asks for it. At first node 1 leads everything. */
OTTLA_API void ottla_test_broker_move_leader(struct ottla_test_broker *broker, const char *topic,
                                             int partition, int node);

/* How many requests of api have come, since the broker was made. */
OTTLA_API uint64_t ottla_test_broker_requests(const struct ottla_test_broker *broker, int api);

/* From which level on the brokers of this process say things on standard error; ERROR at first. */
OTTLA_API void ottla_test_log_level(enum ottla_log_level level);

#ifdef __cplusplus
}
#endif

#endif
