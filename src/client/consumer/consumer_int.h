/* Between the files of the consumer. All in the thread of its user. */
#ifndef CLIENT_CONSUMER_CONSUMER_INT_H
#define CLIENT_CONSUMER_CONSUMER_INT_H

#include "client/consumer/fetcher.h"
#include "client/group/membership.h"

/* A request under way: the fetcher's, or a commit. */
struct errand {
    struct request request;
    struct ask *ask;       /* NULL: a commit */
    struct commit *commit; /* NULL: nobody waits for it any more */
};

/* What a deserializer refused, while its partition stands there. */
struct bad_record {
    struct ottla_records *records; /* it is the first of these; NULL: there is none */
    uint32_t turn;                 /* of its partition */
    bool is_key;
    int code;
    char why[504];
};

struct ottla_consumer {
    struct ottla_client *client;
    struct ottla_consumer_options options;
    struct bad_record bad;
    struct reporter reporter;
    struct fetcher fetcher;
    struct waiter waiter;
    struct membership *membership; /* NULL before the first subscription */
    bool is_closing, is_closed;
    bool is_by_hand; /* its partitions were assigned */
    bool is_subscribed;
    bool is_in_callback;
    struct ottla_rebalance_listener listener;
    struct list commits; /* oldest first */
    bool is_coordinator_stale;
    bool is_auto_committing;
    int64_t auto_commit_at_ms;
    int auto_commit_failures;
    struct tps assignment; /* what the user was shown last */
    char **subscription;   /* so, too */
    size_t subscription_count;
    struct consumer_metrics metrics;
};

/* consumer.c */
/* Takes the answers that are there. */
void consumer_take_all(struct ottla_consumer *c);
/* Waits for an answer or for the member, at most until end_ms. */
void consumer_wait(struct ottla_consumer *c, int64_t end_ms);
int consumer_check_open(const struct ottla_consumer *c, struct ottla_error *error);
/* The same, and that it is not called by one of its callbacks. */
int consumer_check_idle(const struct ottla_consumer *c, struct ottla_error *error);

/* consumer_tell.c */
/* The statistics, when their time has come. */
void tell_statistics(struct ottla_consumer *c);
/* Which partitions were read to their ends. True: there were some. */
bool tell_ends(struct ottla_consumer *c);

/* consumer_intercept.c */
void consumer_intercept_init(struct ottla_consumer *c); /* the options' list becomes our own */
void consumer_intercept_deinit(struct ottla_consumer *c);
/* What poll is about to give goes through deserializers and interceptors. An error: the records are
 * not to be given, and are taken. */
must_check int intercept_records(struct ottla_consumer *c, struct ottla_records *records,
                                 struct ottla_error *error);
/* The error of a record that is still to be read; 0: there is none. */
must_check int intercept_bad(struct ottla_consumer *c, struct ottla_error *error);
void intercept_commit(struct ottla_consumer *c, const struct ottla_commit *offsets, size_t count);

/* consumer_group.c */
/* What the group asks of the user, up to now. */
int group_step(struct ottla_consumer *c, struct ottla_error *error);
void group_leave(struct ottla_consumer *c, enum ottla_group_leave how, int64_t end_ms,
                 const char *reason);

/* consumer_commit.c */
void commit_take(struct ottla_consumer *c, struct commit *commit, struct request *r);
void commit_tell(struct ottla_consumer *c); /* calls the callbacks of those that are done */
void commit_drop_all(struct ottla_consumer *c);
/* enable.auto.commit, when its time has come. */
void commit_now_and_then(struct ottla_consumer *c);
/* enable.auto.commit, before partitions go: waits, at most until end_ms. */
int commit_before_letting_go(struct ottla_consumer *c, int64_t end_ms, struct ottla_error *error);
int64_t commit_deadline_ms(const struct ottla_consumer *c);

#endif
