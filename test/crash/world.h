/* A small host of one partition on a disk that crashes, and a model of what its log must hold.
 *
 * The workload is decided by a seed. Whatever it was told is durable, and whatever may or may not
 * have happened when a call failed, is noted in the model; world_check compares. One thread. */
#ifndef TEST_CRASH_WORLD_H
#define TEST_CRASH_WORLD_H

#include "crashfs.h"
#include "test.h"

#include "log/logdir.h"
#include "logtest.h"

struct model_batch {
    int64_t base_off, last_off;
    uint8_t *p; /* as it was written */
    size_t len;
};

struct model_batches {
    struct model_batch *p;
    int count, cap;
};

struct model {
    struct model_batches log;    /* all since the last reset, retention notwithstanding */
    struct model_batches ghosts; /* their appends failed; some may be on disk all the same */
    int64_t base_off; /* the log began anew here: what `log` has below it is not there any more */
    int64_t end_off;
    int64_t synced_off;           /* told to be durable */
    int64_t start_min, start_max; /* log start after a crash lies between */
    int64_t file_min, file_max;   /* what the start checkpoint may say */
    bool may_be_reset;            /* a reset failed half-way: any empty log will do */
};

/* What the model says of a producer. */
struct model_producer {
    int64_t id;
    int64_t last_off; /* of its last batch with data; -1 */
    int64_t txn_first_off;
    int32_t last_seq;
    int16_t epoch;
    int at; /* its last batch with data in the log */
};

enum { MODEL_PRODUCERS = 8 };

struct world {
    struct crashfs *disk;
    struct model *model;
    struct hand_clock clock;
    struct rand rand;
    struct log_config config;
    struct logdir *dir;
    struct log *log; /* NULL: not open */
    struct log_recovery recovery;
    struct buf memo; /* as long as the machine runs */
    int32_t epoch;
    bool was_clean;
    bool has_memos, is_durable;
    bool has_point; /* a recovery point is stored: gaps can be told from losses */
    char what[160]; /* how to run this again */
};

/* What a run is. */
struct world_args {
    uint64_t seed;
    bool has_gaps;
    bool has_memos;  /* memos are taken, and believed after a kill */
    bool is_durable; /* with one */
};

void world_init(struct world *w, const struct world_args *args);
/* Nothing may be open. */
void world_deinit(struct world *w);

/* Starts the host: data directory, checkpoints, log. */
must_check enum err world_open(struct world *w);
/* The machine goes down: power_seed decides what is left on the disk. */
void world_cut(struct world *w, uint64_t power_seed);
/* As a kill does. */
void world_abandon(struct world *w);
/* As a clean stop does; closed in any case. */
must_check enum err world_close(struct world *w);
/* A recovery point, stored. */
must_check enum err world_checkpoint(struct world *w);
/* The first things that happen. */
void world_begin(struct world *w);
/* The next thing that happens. Errors are noted in the model. */
void world_step(struct world *w);

/* The open log against the model; fails the test. Changes nothing in the model. */
void world_check(struct world *w);
/* The open log is what the model says from now on. */
void world_adopt(struct world *w);

void world_fail(const struct world *w, const char *fmt, ...) printf_like(2, 3)
    __attribute__((noreturn));

#define WORLD_CHECK(w, cond, ...)                                                                  \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            world_fail(w, __VA_ARGS__);                                                            \
        }                                                                                          \
    } while (0)

/* --- model.c --- */

struct model *model_new(void);
void model_free(struct model *m);
struct model *model_clone(const struct model *m);
void model_push(struct model_batches *x, const uint8_t *p, size_t len);
/* Keeps the first count. */
void model_cut(struct model_batches *x, int count);
/* The first batch that ends at or beyond off. */
int model_at(const struct model *m, int64_t off);
struct batch model_parse(const struct model_batch *b);
/* Producers as batches [from, to) leave them; returns their count. */
int model_producers(const struct model *m, int from, int to, struct model_producer *ret);
struct model_producer *model_producer(struct model_producer *p, int count, int64_t id);
/* The aborted transactions whose markers are batches [from, to), in their order. */
struct model_aborted {
    int64_t producer_id, first_off, marker_off;
};
int model_aborted(const struct model *m, int from, int to, struct model_aborted *ret, int cap);

#define WORLD_ROOT "data"
#define WORLD_TOPIC STR("t")
#define WORLD_PARTITION "data/t-0"

#endif
