/* Every point of a short life at which something can fail, one after the other: each call to the
 * disk (an error, a full disk, either once or from then on; a power cut), each allocation that a
 * peer or a file sizes. In that life records are written, a group commits, and the partitions move
 * to another data directory and back. A second kind of life begins on what a killed broker left,
 * its notes among it (doc/decisions/0019).
 *
 * What must hold:
 *   - the broker says no, stops, or goes on; it never falls over
 *   - when the power goes afterwards and comes back, it starts, and all that it acknowledged is
 * there
 *
 *   points [FROM [STEP]]    beginning with point FROM, every STEPth */
#include "test/sim/small.h"

#include "base/assert.h"
#include "base/diag.h"
#include "base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    BATCHES = 8,
    NUMBERS = 2 * BATCHES,
    LATE = 2, /* batches */
    TRIES = 3,
    ALL_CALLS = CRASHFS_CHANGES | CRASHFS_READS | CRASHFS_OPENS,
};

/* A way to fail. */
struct kind {
    const char *name;
    enum crashfs_fault fault; /* NO_FAULT: memory */
    unsigned calls;
    enum err err;
};

static const struct kind kinds[] = {
    {"one call fails", CRASHFS_FAIL, ALL_CALLS, ERR_IO},
    {"all calls fail", CRASHFS_FAIL_ON, ALL_CALLS, ERR_IO},
    {"the disk is full from then on", CRASHFS_FAIL_ON, CRASHFS_CHANGES, ERR_NO_SPACE},
    {"one sync fails", CRASHFS_FAIL, CRASHFS_SYNCS, ERR_IO},
    {"one open finds no descriptor", CRASHFS_FAIL, CRASHFS_OPENS, ERR_NO_FDS},
    {"there are no descriptors from then on", CRASHFS_FAIL_ON, CRASHFS_OPENS, ERR_NO_FDS},
    {"the power goes", CRASHFS_POWER, CRASHFS_CHANGES, ERR_IO},
    {"one allocation fails", CRASHFS_NO_FAULT, 0, OK},
};

static const char *const dirs[] = {"data", "data2"};

struct life {
    struct small w;
    int64_t committed;                   /* the offset that was acknowledged */
    int64_t acked[SMALL_PARTS][NUMBERS]; /* the offset of each number; -1: none */
};

/* False: it did not start in a few tries, which a fault that stays may do to it. */
static bool start(struct life *l)
{
    struct buf why = BUF_INIT;
    bool is_up = false;
    for (int i = 0; i < TRIES && !is_up; i++) {
        buf_clear(&why);
        is_up = small_start(&l->w, &why);
    }
    buf_deinit(&why);
    return is_up;
}

static void write_some(struct life *l, int first, int count)
{
    bool is_made = false;
    for (int i = 0; i < TRIES && !is_made; i++) {
        is_made = small_make_topic(&l->w);
    }
    for (int i = first; is_made && i < first + count; i++) {
        for (int part = 0; part < SMALL_PARTS; part++) {
            l->acked[part][i] = small_write(&l->w, part, i);
        }
    }
}

static void commit(struct life *l, int64_t off)
{
    bool is_ready = small_find_group(&l->w);
    if (is_ready && small_commit(&l->w, off)) {
        l->committed = off;
    }
}

/* Start, write, commit, write while all moves to another directory, stop; and again. */
static void live(struct life *l)
{
    for (int i = 0; i < 2; i++) {
        if (!start(l)) {
            return;
        }
        write_some(l, i * BATCHES, BATCHES / 2);
        commit(l, i + 1);
        small_move(&l->w, dirs[1 - i]);
        write_some(l, i * BATCHES + BATCHES / 2, BATCHES / 2);
        small_settle(&l->w);
        if (i == 0) {
            server_stop(l->w.server);
            l->w.server = NULL;
        }
    }
}

/* All but the last records are noted for the next one when the process is killed. */
static void live_until_killed(struct life *l)
{
    bool is_up = start(l);
    ASSERT(is_up);
    write_some(l, 0, BATCHES - LATE);
    commit(l, 1);
    small_settle(&l->w);
    write_some(l, BATCHES - LATE, LATE);
    small_kill_process(&l->w);
}

/* And what comes then. */
static void live_on(struct life *l)
{
    if (!start(l)) {
        return;
    }
    write_some(l, BATCHES, BATCHES);
    commit(l, 2);
    small_settle(&l->w);
    server_stop(l->w.server);
    l->w.server = NULL;
}

static void check(struct life *l)
{
    struct buf why = BUF_INIT;
    if (!small_start(&l->w, &why)) {
        small_violation(&l->w, "it does not start any more: %s", buf_cstr(&why));
    }
    bool is_ready = small_find_group(&l->w);
    small_settle(&l->w);
    if (l->committed > 0 && (!is_ready || small_committed(&l->w) < l->committed)) {
        small_violation(&l->w, "offset %" PRId64 " was committed and is gone", l->committed);
    }
    for (int part = 0; part < SMALL_PARTS; part++) {
        for (int i = 0; i < NUMBERS; i++) {
            int64_t off = l->acked[part][i];
            if (off >= 0 && small_look(&l->w, part, off, i) != SMALL_FOUND) {
                small_violation(
                    &l->w, "partition %d: record %d was acknowledged at %" PRId64 " and is gone",
                    part, i, off);
            }
        }
    }
    for (int part = 0; part < SMALL_PARTS; part++) { /* and it takes more */
        if (!small_make_topic(&l->w) || small_write(&l->w, part, 1) < 0) {
            small_violation(&l->w, "it takes no more records");
        }
    }
    server_stop(l->w.server);
    buf_deinit(&why);
}

static void begin(struct life *l, const char *what, uint64_t point)
{
    small_init(&l->w, "points", point);
    l->w.dirs = "data,data2";
    l->committed = 0;
    memset(l->acked, -1, sizeof l->acked);
    snprintf(l->w.what, sizeof l->w.what, "%s", what);
    l->w.disk = crashfs_new();
}

static void begin_after(struct life *l, const struct life *killed)
{
    l->committed = killed->committed;
    memcpy(l->acked, killed->acked, sizeof l->acked);
    crashfs_free(l->w.disk);
    l->w.disk = crashfs_clone(killed->w.disk);
    l->w.clock = killed->w.clock;
}

static void end(struct life *l)
{
    small_deinit(&l->w);
    crashfs_free(l->w.disk);
}

/* One life, after that of killed unless NULL, with the failure at that point; false: its life was
 * over before. */
static bool run(const struct life *killed, const struct kind *k, uint64_t point)
{
    struct life l;
    begin(&l, k->name, point);
    if (killed != NULL) {
        begin_after(&l, killed);
    }
    struct crashfs_plan plan = {k->fault, k->calls, point, k->err, point};
    crashfs_arm(l.w.disk, &plan);
    mem_fail_after(k->fault == CRASHFS_NO_FAULT ? point + 1 : 0);
    if (killed == NULL) {
        live(&l);
    } else {
        live_on(&l);
    }
    bool has_struck = mem_fail_after(0) == 0;
    if (k->fault != CRASHFS_NO_FAULT) {
        has_struck = crashfs_has_struck(l.w.disk);
    }
    small_kill(&l.w);
    sim_client_drop(&l.w.client);
    crashfs_cut(l.w.disk, point);
    l.w.boots++;
    crashfs_arm(l.w.disk, &(struct crashfs_plan){0});
    check(&l);
    end(&l);
    return has_struck;
}

static uint64_t bytes_read_by_start(const struct life *killed, int boots)
{
    struct life l;
    begin(&l, "a start", 0);
    begin_after(&l, killed);
    l.w.boots = boots;
    bool is_up = start(&l);
    ASSERT(is_up);
    uint64_t bytes = crashfs_read_bytes(l.w.disk, ".log");
    small_kill(&l.w);
    end(&l);
    return bytes;
}

/* Or that life would not be about notes. */
static void check_that_notes_count(const struct life *killed)
{
    int boots = killed->w.boots;
    if (bytes_read_by_start(killed, boots) >= bytes_read_by_start(killed, boots + 1)) {
        small_violation(&killed->w, "what a killed broker left is not looked at");
    }
}

static void run_all(const struct life *killed, int64_t from, int64_t step)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        int64_t count = 0;
        for (int64_t at = from; run(killed, &kinds[i], (uint64_t)at); at += step) {
            count++;
        }
        printf("points: %s%s: %" PRId64 " points passed\n", killed ? "after a kill: " : "",
               kinds[i].name, count);
        fflush(stdout);
    }
}

int main(int argc, char **argv)
{
    int64_t from = 0, step = 1;
    bool is_good = argc <= 3 && (argc < 2 || str_to_i64(str_from(argv[1]), &from)) &&
                   (argc < 3 || str_to_i64(str_from(argv[2]), &step)) && from >= 0 && step > 0;
    if (!is_good) {
        fprintf(stderr, "usage: points [FROM [STEP]]\n");
        return 2;
    }
    diag_set_level(getenv("SIM_DIAG") != NULL ? DIAG_DEBUG : DIAG_FATAL);
    struct life killed;
    begin(&killed, "until it is killed", 0);
    live_until_killed(&killed);
    check_that_notes_count(&killed);
    run_all(&killed, from, step);
    run_all(NULL, from, step);
    end(&killed);
    return 0;
}
