/* A metadata log on the disk that crashes, and the few requests that its tests send. Test files
 * include test.h first. One thread. */
#ifndef TEST_CRASH_METALOG_WORLD_H
#define TEST_CRASH_METALOG_WORLD_H

#include "broker/metalog/metalog.h"
#include "crashfs.h"
#include "logtest.h"
#include "wire/messages.h"

#define METALOG_ROOT "data"
#define METALOG_DIR METALOG_ROOT "/__cluster_metadata-0"

struct metalog_world {
    struct crashfs *disk;
    struct hand_clock clock;
    struct props props;
    struct broker_config config;
    struct logdir *dir;
    struct metalog *ml; /* NULL: not open */
    struct buf why;     /* of the last open */
    struct uuid dir_id; /* for the next format */
    uint64_t seed;
    int committed_count; /* calls of on_committed */
};

/* conf: a properties text on top of node.id=1. */
void metalog_world_init(struct metalog_world *w, const char *conf);
void metalog_world_deinit(struct metalog_world *w);
/* Other settings from the next open on. */
void metalog_world_set(struct metalog_world *w, const char *conf);

must_check enum err metalog_world_open(struct metalog_world *w);
void metalog_world_close(struct metalog_world *w);
/* The power goes with whatever is open. */
void metalog_world_cut(struct metalog_world *w, uint64_t seed);
/* A new log directory with a broker that may take topics. */
void metalog_world_begin(struct metalog_world *w);
must_check enum err metalog_world_register(struct metalog_world *w);

/* A request and the memory that it needs. */
struct topic_call {
    struct metalog_call call;
    struct create_topics_req req;
    struct create_topics_req_creatable_topic topic;
    struct arena arena;
    char name[32];
    bool is_done;
};

/* Sends CreateTopics for "t<number>". */
void topic_call_send(struct metalog_world *w, struct topic_call *c, int number);
void topic_call_deinit(struct topic_call *c);
/* Of a call that is done: the whole request's error or the topic's. */
enum err topic_call_err(const struct topic_call *c);

must_check enum err metalog_world_step(struct metalog_world *w);
/* Send, step, done. */
must_check enum err metalog_world_create(struct metalog_world *w, int number);
bool metalog_world_has(const struct metalog_world *w, int number);

struct metalog_status metalog_world_status(const struct metalog_world *w);

#endif
