/* From the bytes of a record to the change that it means: frame, type, version, transactions. Pure.
 *
 * A record outside of a transaction is applied at once. BeginTransaction starts a hold: records are
 * checked for form and kept; EndTransaction applies them all, AbortTransaction drops them. */
#include "base/limit.h"
#include "base/mem.h"
#include "base/varint.h"
#include "meta/image_int.h"
#include "wire/wire.h"

enum { FRAME_VERSION = 1 };

static enum err apply_nothing(struct apply *a, const void *msg) { return OK; }

static apply_fn *const apply_fns[] = {
    [META_REGISTER_BROKER] = apply_register_broker,
    [META_UNREGISTER_BROKER] = apply_unregister_broker,
    [META_TOPIC] = apply_topic,
    [META_PARTITION] = apply_partition,
    [META_CONFIG] = apply_config,
    [META_PARTITION_CHANGE] = apply_partition_change,
    [META_FENCE_BROKER] = apply_fence,
    [META_UNFENCE_BROKER] = apply_unfence,
    [META_REMOVE_TOPIC] = apply_remove_topic,
    [META_DELEGATION_TOKEN] = apply_token,
    [META_USER_SCRAM] = apply_scram,
    [META_FEATURE_LEVEL] = apply_feature,
    [META_CLIENT_QUOTA] = apply_quota,
    [META_PRODUCER_IDS] = apply_producer_ids,
    [META_BROKER_CHANGE] = apply_broker_change,
    [META_ACL] = apply_acl,
    [META_REMOVE_ACL] = apply_remove_acl,
    [META_NO_OP] = apply_nothing,
    [META_ZK_MIGRATION] = apply_zk_migration,
    [META_REMOVE_USER_SCRAM] = apply_remove_scram,
    [META_BEGIN_TXN] = apply_nothing,
    [META_END_TXN] = apply_nothing,
    [META_ABORT_TXN] = apply_nothing,
    [META_REMOVE_DELEGATION_TOKEN] = apply_remove_token,
    [META_REGISTER_CONTROLLER] = apply_register_controller,
    [META_CLEAR_ELR] = apply_clear_elr,
};

/* A record taken apart. */
struct frame {
    uint64_t type, version;
    struct bytes body;
};

static bool parse_frame(struct bytes record, struct frame *ret)
{
    const uint8_t *p = record.p, *end = record.p + record.len;
    uint64_t v[3];
    for (int i = 0; i < 3; i++) {
        size_t n = uvarint_get(p, end, &v[i]);
        if (n == 0) {
            return false;
        }
        p += n;
    }
    *ret = (struct frame){v[1], v[2], {p, (size_t)(end - p)}};
    return v[0] == FRAME_VERSION;
}

/* The message in the image's scratch memory, valid until the next record. */
static enum err decode(struct apply *a, const struct frame *f, void **ret_msg)
{
    const struct wire_msg *m = wire_metadata_record((int)f->type);
    arena_reset(&a->img->scratch);
    void *msg = arena_array(&a->img->scratch, 1, wire_struct_bytes(m));
    enum err e =
        msg ? wire_decode(m, (int)f->version, f->body, &a->img->scratch, msg, NULL) : ERR_BUDGET;
    if (e) {
        a->why = e == ERR_UNSUPPORTED_VERSION ? "a metadata record of an unknown version"
                                              : "a metadata record that cannot be decoded";
        return e;
    }
    *ret_msg = msg;
    return OK;
}

static enum err open_frame(struct apply *a, struct bytes record, struct frame *ret_frame,
                           void **ret_msg)
{
    if (!parse_frame(record, ret_frame)) {
        return refuse_record(a, "a metadata record without the frame of one");
    }
    if (ret_frame->type >= ARRAY_LEN(apply_fns) || apply_fns[ret_frame->type] == NULL ||
        ret_frame->version > INT16_MAX) {
        a->why = "a metadata record of an unknown type";
        return ERR_UNSUPPORTED_VERSION;
    }
    return decode(a, ret_frame, ret_msg);
}

static enum err apply_one(struct apply *a, struct bytes record)
{
    struct frame f;
    void *msg;
    enum err e = open_frame(a, record, &f, &msg);
    return e ? e : apply_fns[f.type](a, msg);
}

static void end_hold(struct image *img)
{
    meta_records_deinit(&img->held->records);
    mem_free(img->held);
    img->held = NULL;
}

static enum err apply_held(struct apply *a)
{
    const struct meta_records *rs = &a->img->held->records;
    enum err e = OK;
    for (int32_t i = 0; e == OK && i < rs->count; i++) {
        e = apply_one(a, meta_records_at(rs, i));
    }
    end_hold(a->img);
    return e;
}

static enum err hold(struct apply *a, struct bytes record)
{
    struct meta_records *rs = &a->img->held->records;
    if (rs->bytes.len + record.len > LIMIT_META_TXN_BYTES) {
        a->why = "a metadata transaction that is too large";
        return ERR_BUDGET;
    }
    meta_records_add_raw(rs, record);
    return rs->err;
}

static enum err apply_in_txn(struct apply *a, uint64_t type, struct bytes record)
{
    switch (type) {
    case META_BEGIN_TXN:
        return refuse_record(a, "a metadata transaction within another");
    case META_END_TXN:
        return apply_held(a);
    case META_ABORT_TXN:
        end_hold(a->img);
        return OK;
    default:
        return hold(a, record);
    }
}

static enum err apply_frame(struct apply *a, const struct frame *f, const void *msg)
{
    switch (f->type) {
    case META_BEGIN_TXN:
        a->img->held = NEW(struct image_held);
        return OK;
    case META_END_TXN:
    case META_ABORT_TXN:
        return refuse_record(a, "the end of a metadata transaction that did not begin");
    default:
        return apply_fns[f->type](a, msg);
    }
}

enum err image_apply(struct image *img, struct bytes record, struct delta *delta, const char **why)
{
    struct apply a = {.img = img, .delta = delta};
    struct frame f;
    void *msg;
    enum err e = open_frame(&a, record, &f, &msg);
    if (e == OK) {
        e = img->held ? apply_in_txn(&a, f.type, record) : apply_frame(&a, &f, msg);
    }
    if (e == OK) {
        img->next_off++;
    } else if (why != NULL) {
        *why = a.why ? a.why : err_text(e);
    }
    return e;
}
