/* The rules of retention. Pure. A segment goes when it lies below the log's start, when the rest is
 * still as large as retention.bytes allows, or when all in it is older than retention.ms: in this
 * order, each going on where the one before stopped. */
#include "log/retain.h"

static bool may_go(const struct retain_seg *s, const struct retain_rules *rules)
{
    return s->size_bytes > 0 && s->end_off <= rules->upto_off;
}

static size_t below_start(const struct retain_seg *segs, size_t count,
                          const struct retain_rules *rules)
{
    size_t n = 0;
    while (n + 1 < count && segs[n].end_off <= rules->start_off &&
           segs[n].end_off <= rules->upto_off) {
        n++;
    }
    return n;
}

static size_t by_size(const struct retain_seg *segs, size_t count, size_t n,
                      const struct retain_rules *rules)
{
    uint64_t limit = (uint64_t)rules->config->retention_bytes;
    uint64_t total = 0;
    for (size_t i = n; i < count; i++) {
        total += segs[i].size_bytes;
    }
    while (n < count && may_go(&segs[n], rules) && total >= limit &&
           total - limit >= segs[n].size_bytes) {
        total -= segs[n].size_bytes;
        n++;
    }
    return n;
}

static size_t by_time(const struct retain_seg *segs, size_t count, size_t n,
                      const struct retain_rules *rules)
{
    while (n < count && may_go(&segs[n], rules) &&
           rules->now_ms - segs[n].max_ts_ms > rules->config->retention_ms) {
        n++;
    }
    return n;
}

size_t retain_plan(const struct retain_seg *segs, size_t count, const struct retain_rules *rules)
{
    size_t n = below_start(segs, count, rules);
    if (!rules->config->is_deleted_by_retention) {
        return n;
    }
    if (rules->config->retention_bytes >= 0) {
        n = by_size(segs, count, n, rules);
    }
    if (rules->config->retention_ms >= 0) {
        n = by_time(segs, count, n, rules);
    }
    return n;
}
