/* What the files of the simulator share: a run, its producers and its reader. */
#ifndef TEST_SIM_SIM_H
#define TEST_SIM_SIM_H

#include "test/sim/client.h"
#include "test/sim/committer.h"
#include "test/sim/meddler.h"
#include "test/sim/simnet.h"

#include "base/diag.h"
#include "broker/server.h"
#include "record/record.h"
#include "test/crash/crashfs.h"

enum { SIM_PORT = 9092, SIM_PARTS = 3, SIM_PRODUCERS = 4, SIM_IDS_MAX = 1000 };

#define SIM_TOPIC "t"

/* --- what the run has seen --- */

struct place {
    int producer; /* -1: unknown */
    int number;
};

/* By offset. */
struct places {
    struct place *v;
    int64_t count, cap;
};

/* One batch on its way: sent again and again until it is acknowledged. */
struct shipment {
    bool is_open;
    int part;
    int count;
    enum codec codec;
    size_t value_bytes;
    bool is_retry;
    unsigned stamp_changes; /* when it was sent first */
};

struct producer {
    struct sim_client client;
    int64_t id; /* -1: not known yet */
    int16_t epoch;
    int next[SIM_PARTS];  /* number of the next record */
    int first[SIM_PARTS]; /* under this id: its sequence is 0 */
    struct shipment now;
};

struct reader {
    struct sim_client client;
    int64_t position[SIM_PARTS];
    int64_t end[SIM_PARTS]; /* high watermarks last told; -1 none */
    struct places *seen;
};

struct sim {
    uint64_t seed;
    int step;
    struct rand rand;
    struct simnet net;
    struct simclock clock;
    struct crashfs *disk;
    struct server *server; /* NULL: down */
    bool is_lost;          /* it said that it cannot go on */
    bool is_hurt;          /* a disk call failed: only a restart heals */
    bool is_short_of_memory;
    bool is_page_cache; /* flush.before.ack=false */
    bool is_careless;   /* and the power goes all the same: records may be lost, from the end */
    int restarts;
    int boots; /* of the machine */
    struct sim_client admin;
    bool has_topic;
    struct producer producers[SIM_PRODUCERS];
    struct reader reader;
    struct committer committer;
    struct meddler meddler;
    int64_t ids[SIM_IDS_MAX]; /* that were given */
    int id_count;
    struct places acked[SIM_PARTS], seen[SIM_PARTS], final[SIM_PARTS];
    int acked_count;
};

/* What happens, for who looks into a seed. */
#define TELL(...) diag_debug(DIAG_ROOT, __VA_ARGS__)

/* --- machine.c: the broker, the machine under it, and what befalls them --- */

void sim_arm(struct sim *s, const struct crashfs_plan *plan);
void sim_cut_power(struct sim *s);
/* The worst that may happen. */
void sim_crash(struct sim *s);
void sim_start(struct sim *s);
void sim_misfortune(struct sim *s);
/* A broker that said that it cannot go on, or whose disk failed, is started anew. */
void sim_heal(struct sim *s);
/* False: it has nothing to do. */
bool sim_broker_step(struct sim *s);

/* --- producer.c, reader.c: each a turn of one client --- */

void sim_produce(struct sim *s, int self, bool has_more);
void sim_read(struct sim *s, struct reader *r);
/* What a record holds. */
void sim_value(struct buf *out, struct place x, size_t bytes);
bool sim_is_retriable(enum err e);

/* --- verdict.c: what must hold --- */

void places_set(struct places *p, int64_t off, struct place x);
/* All that was told against all that was read at the end. */
void sim_judge(const struct sim *s);

/* --- trace.c: telling of a run that failed --- */

/* Ends the process. */
void sim_violation(const struct sim *s, const char *fmt, ...) printf_like(2, 3)
    __attribute__((noreturn));
/* Before a run; its lines are kept if is_traced. */
void sim_trace_begin(const struct sim *s, bool is_traced);
/* Runs the seed once more, with a trace, in this process' place. */
void sim_trace_again(uint64_t seed, int steps) __attribute__((noreturn));

#endif
