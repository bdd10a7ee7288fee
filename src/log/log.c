/* The log's structure: creation, getters, small lookups. Opening is in recover_io.c, closing in
 * checkpoint_io.c. See log_priv.h for the locks. */
#include "log/log_priv.h"

#include "base/assert.h"
#include "base/diag.h"
#include "base/mem.h"

void log_config_init(struct log_config *c)
{
    *c = (struct log_config){
        .segment_bytes = 1 << 30,
        .segment_ms = 7 * 24 * 3600 * INT64_C(1000),
        .segment_jitter_ms = 0,
        .segment_index_bytes = 10 << 20,
        .index_interval_bytes = 4096,
        .retention_ms = 7 * 24 * 3600 * INT64_C(1000),
        .retention_bytes = -1,
        .file_delete_delay_ms = 60000,
        .producer_expiration_ms = 24 * 3600 * INT64_C(1000),
        .is_deleted_by_retention = true,
    };
}

void log_set_config(struct log *log, const struct log_config *c)
{
    mutex_lock(&log->mu);
    log->config = *c;
    /* positions are 32-bit in the index files */
    log->config.segment_bytes = MIN(c->segment_bytes, INT32_MAX);
    mutex_unlock(&log->mu);
}

uint32_t log_seg_at(const struct log *log, int64_t off)
{
    uint32_t low = 0;
    uint32_t high = log->seg_count;
    while (high - low > 1) {
        uint32_t mid = low + (high - low) / 2;
        *(log->segs[mid]->base_off <= off ? &low : &high) = mid;
    }
    return low;
}

void log_push_seg(struct log *log, struct seg *seg)
{
    if (log->seg_count == log->seg_cap) {
        log->seg_cap = log->seg_cap ? log->seg_cap * 2 : 1;
        log->segs = mem_realloc_array(log->segs, log->seg_cap, sizeof(struct seg *));
    }
    log->segs[log->seg_count++] = seg;
}

void log_new_gen(struct log *log)
{
    static atomic_uint_fast64_t last_gen;
    log->gen = atomic_fetch_add(&last_gen, 1) + 1;
    log->recent_count = 0;
}

void log_poison(struct log *log, const char *why)
{
    mutex_lock(&log->mu);
    log_poison_locked(log, why);
    mutex_unlock(&log->mu);
}

void log_poison_locked(struct log *log, const char *why)
{
    if (!log->is_poisoned) {
        diag_error(DIAG_LOG, "%s takes no more writes: %s", log->dir, why);
    }
    log->is_poisoned = true;
}

void log_init_rows(struct log *log, const uint32_t *file_counts)
{
    static const uint32_t row_bytes[LOG_ROW_FILES] = {INDEX_ROW_BYTES, TIMEINDEX_ROW_BYTES,
                                                      TXNINDEX_ROW_BYTES};
    for (int i = 0; i < LOG_ROW_FILES; i++) {
        rows_deinit(&log->rows[i]);
        rows_init(&log->rows[i], row_bytes[i], file_counts[i]);
    }
}

void log_clear_rows(struct log *log)
{
    static const uint32_t no_rows[LOG_ROW_FILES];
    log_init_rows(log, no_rows);
    log->unindexed_bytes = 0;
    log->timeindex_last_ts = -1;
}

struct seg *log_new_seg(struct log *log, int64_t base_off)
{
    struct seg *seg = seg_new(base_off);
    seg->created_ms = clock_wall_ms(log->clock);
    seg->touched_ms = clock_mono_ms(log->clock);
    seg->has_max_ts = true; /* kept up to date from here on */
    return seg;
}

const char *log_path(const struct log *log, struct buf *out, const char *name)
{
    buf_clear(out);
    return fs_path(out, log->dir, name);
}

#define LOCKED_GETTER(type, name, expr)                                                            \
    type name(struct log *log)                                                                     \
    {                                                                                              \
        mutex_lock(&log->mu);                                                                      \
        type value = (expr);                                                                       \
        mutex_unlock(&log->mu);                                                                    \
        return value;                                                                              \
    }

LOCKED_GETTER(int64_t, log_start_off, log->start_off)
LOCKED_GETTER(int64_t, log_end_off, log->end_off)
LOCKED_GETTER(int64_t, log_synced_off, log->synced_off)
LOCKED_GETTER(uint64_t, log_size_bytes, log->size_bytes)
LOCKED_GETTER(int32_t, log_last_epoch, epochs_last(&log->epochs))
LOCKED_GETTER(bool, log_is_poisoned, log->is_poisoned)
LOCKED_GETTER(int64_t, log_first_unstable_off,
              producers_first_unstable_off(&log->producers, INT64_MAX))

static struct log_pos end_pos(const struct log *log)
{
    const struct seg *seg = log_active(log);
    return (struct log_pos){log->end_off, seg->base_off, seg->size_bytes};
}

LOCKED_GETTER(struct log_pos, log_end_pos, end_pos(log))

int64_t log_unstable_off(struct log *log, int64_t high_watermark)
{
    mutex_lock(&log->mu);
    int64_t off = producers_first_unstable_off(&log->producers, high_watermark);
    mutex_unlock(&log->mu);
    return off;
}

/* --- epochs --- */

void log_epoch_end(struct log *log, int32_t epoch, int32_t *ret_epoch, int64_t *ret_end_off)
{
    mutex_lock(&log->mu);
    epochs_end_of(&log->epochs, epoch, log->end_off, ret_epoch, ret_end_off);
    mutex_unlock(&log->mu);
}

int32_t log_epoch_at(struct log *log, int64_t off)
{
    mutex_lock(&log->mu);
    int32_t epoch = epochs_at(&log->epochs, off);
    mutex_unlock(&log->mu);
    return epoch;
}

/* --- producers --- */

void log_each_producer(struct log *log, log_producer_fn *fn, void *ctx)
{
    mutex_lock(&log->mu);
    MAP_EACH(&log->producers.by_id, node, tmp) {
        const struct producer *p = MAP_ENTRY(node, struct producer, node);
        struct log_producer view = {
            .producer_id = p->id,
            .epoch = p->epoch,
            .last_seq = p->batch_count ? p->batches[p->batch_count - 1].last_seq : NO_SEQ,
            .last_ts_ms = p->last_ts_ms,
            .coordinator_epoch = p->coordinator_epoch,
            .txn_first_off = p->txn_first_off,
        };
        if (p->epoch != NO_EPOCH) {
            fn(ctx, &view);
        }
    }
    mutex_unlock(&log->mu);
}

void log_expire_producers(struct log *log, int64_t now_ms)
{
    mutex_lock(&log->mu);
    producers_expire(&log->producers, now_ms, log->config.producer_expiration_ms);
    mutex_unlock(&log->mu);
}
