/* The controller's life, its table of requests, and the speculative image. Pure. */
#include "base/assert.h"
#include "base/limit.h"
#include "base/mem.h"
#include "meta/ctl_int.h"

#include <stdlib.h>

enum { SCRATCH_BUDGET_BYTES = 16 << 20 };

/* Requests that the controller serves, by API key. */
static ctl_fn *const handlers[] = {
    [19] = ctl_create_topics,       [20] = ctl_delete_topics,     [33] = ctl_alter_configs,
    [37] = ctl_create_partitions,   [43] = ctl_elect_leaders,     [44] = ctl_incremental_configs,
    [45] = ctl_alter_reassignments, [57] = ctl_update_features,   [62] = ctl_register_broker,
    [63] = ctl_heartbeat,           [64] = ctl_unregister_broker, [67] = ctl_allocate_producer_ids,
    [73] = ctl_assign_dirs,
};

struct ctl *ctl_new(const struct ctl_args *args)
{
    struct ctl *ctl = NEW(struct ctl);
    ctl->tip = args->tip;
    ctl->config = args->config;
    ctl->cluster_id = (struct str){str_dup(args->cluster_id), args->cluster_id.len};
    rand_init(&ctl->rand, args->seed);
    arena_init(&ctl->scratch, SCRATCH_BUDGET_BYTES);
    return ctl;
}

void ctl_free(struct ctl *ctl)
{
    if (ctl == NULL) {
        return;
    }
    image_free(ctl->tip);
    mem_free((char *)(uintptr_t)ctl->cluster_id.p);
    arena_deinit(&ctl->scratch);
    mem_free(ctl->sessions);
    mem_free(ctl);
}

const struct image *ctl_tip(const struct ctl *ctl) { return ctl->tip; }

void ctl_set_kraft_version(struct ctl *ctl, int16_t version) { ctl->kraft_version = version; }

void ctl_seek(struct ctl *ctl, int64_t off, int32_t epoch) { image_seek(ctl->tip, off, epoch); }

enum err ctl_replay(struct ctl *ctl, struct bytes record, const char **why)
{
    return image_apply(ctl->tip, record, NULL, why);
}

void ctl_out_init(struct ctl_out *out)
{
    *out = (struct ctl_out){0};
    meta_records_init(&out->records);
}

void ctl_out_deinit(struct ctl_out *out) { meta_records_deinit(&out->records); }

/* The tip sees what was decided. */
static void apply_all(struct ctl *ctl, const struct meta_records *rs)
{
    for (int32_t i = 0; i < rs->count; i++) {
        const char *why = "";
        enum err e = image_apply(ctl->tip, meta_records_at(rs, i), NULL, &why);
        ASSERT(e == OK); /* a controller that writes what it cannot read is broken */
    }
}

enum err ctl_finish(struct ctl *ctl, struct meta_records *records, enum err e)
{
    e = e ? e : records->err;
    if (e) {
        meta_records_clear(records);
        return e;
    }
    apply_all(ctl, records);
    return OK;
}

enum err ctl_handle(struct ctl *ctl, const struct ctl_req *req, struct ctl_out *out)
{
    meta_records_clear(&out->records);
    out->resp = NULL;
    if (req->api_key < 0 || (size_t)req->api_key >= ARRAY_LEN(handlers) ||
        handlers[req->api_key] == NULL) {
        return ERR_UNSUPPORTED_VERSION;
    }
    return ctl_finish(ctl, &out->records, handlers[req->api_key](ctl, req, out));
}

struct ctl_outcome ctl_refuse(const struct ctl_req *req, enum err err, const char *fmt, ...)
{
    struct buf text = BUF_INIT;
    struct ctl_outcome o = {err, STR_NULL};
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    if (!arena_copy_str(req->arena, str_clip(buf_str(&text), ARENA_MESSAGE_MAX), &o.text)) {
        o.text = STR_NULL;
    }
    buf_deinit(&text);
    return o;
}

/* --- duplicates --- */

struct named {
    struct str name;
    int32_t at;
};

static int compare_named(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    int c = str_cmp(x->name, y->name);
    return c ? c : (x->at > y->at) - (x->at < y->at);
}

uint8_t *ctl_find_duplicates(struct arena *a, const struct str *names, int32_t count)
{
    uint8_t *flags = arena_array(a, (size_t)count + 1, 1);
    struct named *sorted = arena_array(a, (size_t)count + 1, sizeof *sorted);
    if (flags == NULL || sorted == NULL) {
        return NULL;
    }
    for (int32_t i = 0; i < count; i++) {
        sorted[i] = (struct named){names[i], i};
    }
    qsort(sorted, (size_t)count, sizeof *sorted, compare_named);
    for (int32_t i = 1; i < count; i++) {
        if (str_cmp(sorted[i - 1].name, sorted[i].name) == 0) {
            if (flags[sorted[i - 1].at] == 0) {
                flags[sorted[i - 1].at] = 1;
            }
            flags[sorted[i].at] = 2;
        }
    }
    return flags;
}
