/* The embedded metadata log comes to life: formatting, recovery, replay, a new epoch, the records
 * that a leader begins with. Thread: the owner's.
 *
 *   read quorum-state → newest snapshot into the image → open the log and replay what is after it →
 *   this node is the only voter, by whatever tells → epoch + 1, made durable in quorum-state before
 * anything is written in it → LeaderChange → bootstrap records (new cluster), own registration →
 * commit */
#include "broker/metalog/metalog_priv.h"

#include "base/diag.h"
#include "base/mem.h"
#include "meta/versions.h"

#include <inttypes.h>

enum {
    REPLAY_CHUNK_BYTES = 1 << 20,
    ARENA_BYTES = 1 << 20,
};

static const struct str topic_name = STR("__cluster_metadata");

static struct fs *fs_of(const struct metalog *ml) { return logdir_fs(ml->args.dir); }
static const char *dir_of(const struct metalog *ml) { return (const char *)ml->dir.p; }

static enum err exists(struct fs *fs, const char *dir, const char *name, bool *ret_exists)
{
    struct buf path = BUF_INIT;
    struct fs_stat st;
    fs_path(&path, dir, name);
    enum err e = path.err ? path.err : fs_stat(fs, buf_cstr(&path), &st);
    buf_deinit(&path);
    *ret_exists = e == OK;
    return e == ERR_NOT_FOUND ? OK : e;
}

/* --- replay --- */

struct replay {
    struct metalog *ml;
    bool is_log; /* not a snapshot: offsets are those of the log */
    const char *why;
};

static enum err on_batch(void *ctx, const struct batch *b)
{
    struct replay *r = ctx;
    r->ml->last_ts_ms = b->max_ts_ms;
    if (r->is_log) {
        image_seek(r->ml->img, b->base_off, b->leader_epoch);
        r->ml->unsnapped_bytes += b->size_bytes;
    }
    return OK;
}

static enum err on_record(void *ctx, struct bytes record)
{
    struct replay *r = ctx;
    return image_apply(r->ml->img, record, NULL, &r->why);
}

static enum err on_version(struct replay *r, struct bytes value)
{
    struct kraft_version_record v;
    struct arena a;
    arena_init(&a, ARENA_BYTES);
    enum err e = wire_decode(&wire_kraft_version_record, 0, value, &a, &v, NULL);
    arena_deinit(&a);
    if (!e && (v.kraft_version < 0 || v.kraft_version > KRAFT_VERSION_MAX)) {
        r->why = "a kraft.version that this release does not know";
        e = ERR_UNSUPPORTED_VERSION;
    }
    if (!e) {
        r->ml->quorum.kraft_version = v.kraft_version;
        r->ml->quorum.is_version_in_log = r->ml->quorum.is_version_in_log || r->is_log;
    }
    return e;
}

static enum err on_control(void *ctx, int type, struct bytes value)
{
    struct replay *r = ctx;
    struct buf *voters = &r->ml->quorum.voters;
    if (type == CONTROL_KRAFT_VERSION) {
        return on_version(r, value);
    }
    if (type == CONTROL_KRAFT_VOTERS) {
        buf_clear(voters);
        buf_put(voters, value.p, value.len);
        return voters->err;
    }
    return OK;
}

static enum err on_batch_end(void *ctx, const struct batch *b)
{
    struct replay *r = ctx;
    if (r->is_log) {
        image_seek(r->ml->img, batch_next_off(b), b->leader_epoch);
    }
    return OK;
}

static struct meta_sink sink_of(struct replay *r)
{
    return (struct meta_sink){on_batch, on_record, on_control, on_batch_end, r};
}

static enum err replay_snapshot(struct metalog *ml, struct snapshot_id id, struct buf *why)
{
    struct replay r = {.ml = ml, .why = ""};
    struct meta_sink sink = sink_of(&r);
    struct buf path = BUF_INIT;
    meta_snapshot_path(dir_of(ml), id, &path);
    enum err e = path.err ? path.err : meta_snapshot_read(fs_of(ml), buf_cstr(&path), &sink);
    if (e) {
        buf_printf(why, "the metadata snapshot %s cannot be read: %s%s%s", buf_cstr(&path),
                   err_text(e), r.why[0] ? ": " : "", r.why);
    } else {
        image_seek(ml->img, id.off, id.epoch);
    }
    buf_deinit(&path);
    return e;
}

/* The 0-0 snapshot tells who may vote at the beginning, nothing else; the newest one is replayed,
 * the others are only kept. */
static enum err load_snapshots(struct metalog *ml, struct buf *why)
{
    struct snapshot_list *l = &ml->snapshots;
    enum err e = meta_snapshots_list(fs_of(ml), dir_of(ml), l);
    if (e == ERR_NOT_FOUND) {
        ml->is_dir_new = true;
        return OK; /* it is to be made */
    }
    if (e) {
        buf_printf(why, "%s cannot be listed: %s", dir_of(ml), err_text(e));
        return e;
    }
    if (l->count > 0 && l->ids[0].off == 0) {
        e = replay_snapshot(ml, l->ids[0], why);
        memmove(l->ids, l->ids + 1, sizeof *l->ids * (size_t)(--l->count));
    }
    if (!e && l->count > 0) {
        ml->quorum.is_version_in_log = true;
        e = replay_snapshot(ml, l->ids[l->count - 1], why);
    }
    return e;
}

static enum err replay_extent(struct log_extent *x, const struct meta_sink *sink, struct buf *in)
{
    size_t used, need;
    buf_clear(in);
    uint8_t *at = buf_extend(in, x->len);
    enum err e = at == NULL ? in->err : log_extent_pread(x, 0, at, x->len);
    e = e ? e : meta_batches_read(buf_bytes(in), sink, &used, &need);
    return !e && used != x->len ? ERR_CORRUPT_MESSAGE : e;
}

static enum err replay_range(struct metalog *ml, const struct meta_sink *sink)
{
    struct log_pos end = log_end_pos(ml->log);
    struct buf in = BUF_INIT;
    enum err e = OK;
    while (!e && ml->img->next_off < end.off) {
        struct log_read read = {
            .off = ml->img->next_off,
            .max_bytes = REPLAY_CHUNK_BYTES,
            .upto = end,
            .min_one_batch = true,
        };
        struct log_extent x;
        int64_t before = ml->img->next_off;
        e = log_read(ml->log, &read, &x);
        if (!e) {
            e = replay_extent(&x, sink, &in);
            log_extent_release(&x);
        }
        e = !e && ml->img->next_off <= before ? ERR_CORRUPT_MESSAGE : e;
    }
    buf_deinit(&in);
    return e;
}

static enum err replay_log(struct metalog *ml, struct buf *why)
{
    struct replay r = {.ml = ml, .is_log = true, .why = ""};
    struct meta_sink sink = sink_of(&r);
    if (ml->img->next_off < log_start_off(ml->log)) {
        buf_printf(why,
                   "the metadata log begins at offset %" PRId64 " and no snapshot has what is "
                   "before it",
                   log_start_off(ml->log));
        return ERR_MALFORMED;
    }
    enum err e = replay_range(ml, &sink);
    if (e) {
        buf_printf(why, "the metadata log cannot be read at offset %" PRId64 ": %s%s%s",
                   ml->img->next_off, err_text(e), r.why[0] ? ": " : "", r.why);
    }
    return e;
}

/* --- format --- */

static bool is_static_by_config(const struct metalog *ml)
{
    struct str list = props_get(&ml->args.config->props, STR("controller.quorum.voters"));
    return !str_is_null(list) && list.len > 0;
}

static enum err add_all(struct meta_snapshot_writer *w, const struct meta_records *rs)
{
    for (int32_t i = 0; i < rs->count; i++) {
        meta_snapshot_add(w, meta_records_at(rs, i));
    }
    return meta_snapshot_finish(w);
}

/* The voters of a dynamic quorum, as the snapshot that precedes the log. */
static enum err write_first_voters(struct metalog *ml, struct buf *why)
{
    const struct snapshot_id first = {0, 0};
    struct quorum_controls controls;
    int64_t now_ms = clock_wall_ms(ml->args.clock);
    struct meta_snapshot_head head = {0, now_ms, now_ms, controls.v, QUORUM_CONTROLS};
    struct meta_snapshot_writer w;
    struct buf path = BUF_INIT;
    metalog_quorum_controls(ml, KRAFT_VERSION_MAX, &controls);
    meta_snapshot_path(dir_of(ml), first, &path);
    enum err e = path.err;
    if (!e) {
        meta_snapshot_begin(&w, fs_of(ml), buf_cstr(&path), &head);
        e = meta_snapshot_finish(&w);
        e = e ? e : replay_snapshot(ml, first, why);
    }
    buf_deinit(&path);
    return e;
}

static enum err write_bootstrap(struct metalog *ml)
{
    struct meta_snapshot_head head = {.now_ms = clock_wall_ms(ml->args.clock)};
    struct meta_snapshot_writer w;
    struct meta_records rs;
    struct buf path = BUF_INIT;
    meta_records_init(&rs);
    ctl_default_bootstrap(&rs);
    fs_path(&path, logdir_path(ml->args.dir), "bootstrap.checkpoint");
    enum err e = rs.err ? rs.err : path.err;
    if (!e) {
        meta_snapshot_begin(&w, fs_of(ml), buf_cstr(&path), &head);
        e = add_all(&w, &rs);
    }
    buf_deinit(&path);
    meta_records_deinit(&rs);
    return e;
}

/* bootstrap.checkpoint comes last: a directory that has it was formatted, by whomever. */
static enum err format(struct metalog *ml, struct buf *why)
{
    bool is_formatted, has_state;
    enum err e =
        exists(fs_of(ml), logdir_path(ml->args.dir), "bootstrap.checkpoint", &is_formatted);
    e = e ? e : exists(fs_of(ml), dir_of(ml), "quorum-state", &has_state);
    if (!e && !is_formatted && !has_state) {
        e = is_static_by_config(ml) ? OK : write_first_voters(ml, why);
        e = e ? e : write_bootstrap(ml);
    }
    if (e && why->len == 0) {
        buf_printf(why, "%s cannot be formatted: %s", logdir_path(ml->args.dir), err_text(e));
    }
    return e;
}

/* --- the log --- */

static int64_t snapshot_end(const struct metalog *ml)
{
    const struct snapshot_list *l = &ml->snapshots;
    return l->count > 0 ? l->ids[l->count - 1].off : 0;
}

/* Below the newest snapshot nothing needs to be looked at. */
static enum err open_log(struct metalog *ml, struct buf *why)
{
    const struct broker_config *c = ml->args.config;
    struct log_open_args args = {
        .fs = fs_of(ml),
        .clock = ml->args.clock,
        .dir = dir_of(ml),
        .recovery_point_off = snapshot_end(ml),
        .was_clean = ml->is_dir_new, /* nobody was here whose names could be lost */
        .seed = ml->args.seed,
    };
    log_config_init(&args.config);
    args.config.segment_bytes = c->metadata_log_segment_bytes;
    args.config.segment_ms = c->metadata_log_segment_ms;
    args.config.retention_ms = -1;
    args.config.retention_bytes = -1;
    struct log_recovery found;
    enum err e = log_open(&args, &ml->log, &found);
    if (!e && log_end_off(ml->log) < snapshot_end(ml)) {
        e = log_reset(ml->log, snapshot_end(ml));
    }
    if (e) {
        buf_printf(why, "the metadata log in %s cannot be opened: %s", dir_of(ml), err_text(e));
    } else if (found.truncated_bytes > 0) {
        diag_warn(DIAG_METADATA,
                  "%" PRId64 " bytes at the end of the metadata log were torn and are "
                  "cut off",
                  found.truncated_bytes);
    }
    return e;
}

/* --- a new epoch --- */

static enum err read_state(struct metalog *ml, struct quorum_state *ret_qs, struct buf *why)
{
    struct buf path = BUF_INIT;
    *ret_qs = (struct quorum_state){.leader_id = -1, .voted_id = -1};
    fs_path(&path, dir_of(ml), "quorum-state");
    enum err e = path.err ? path.err : quorum_state_read(fs_of(ml), buf_cstr(&path), ret_qs, why);
    buf_deinit(&path);
    return e == ERR_NOT_FOUND ? OK : e;
}

static enum err write_state(struct metalog *ml)
{
    struct buf path = BUF_INIT;
    struct quorum_state qs = {
        .version = ml->quorum.kraft_version,
        .leader_id = ml->args.config->node_id,
        .epoch = ml->epoch,
        .voted_id = -1,
        .voters = {ml->args.config->node_id},
        .voter_count = 1,
    };
    fs_path(&path, dir_of(ml), "quorum-state");
    enum err e = path.err ? path.err : quorum_state_write(fs_of(ml), buf_cstr(&path), &qs);
    buf_deinit(&path);
    return e;
}

static bool voters_moved(const struct metalog *ml, const struct own_voter *self)
{
    struct buf now = BUF_INIT;
    enum err e = wire_encode(&wire_voters_record, 0, &self->record, &now, NULL);
    bool is_same =
        !e && now.len == ml->quorum.voters.len && memcmp(now.p, ml->quorum.voters.p, now.len) == 0;
    buf_deinit(&now);
    return !is_same;
}

/* LeaderChange, and in a dynamic quorum what its log does not say yet. */
static enum err write_leader_change(struct metalog *ml)
{
    struct quorum_controls quorum;
    struct leader_change_message_voter me = {ml->args.config->node_id, UUID_ZERO};
    struct leader_change_message change = leader_change_message_default;
    struct meta_control controls[1 + QUORUM_CONTROLS] = {{CONTROL_LEADER_CHANGE, 0, &change}};
    int n = 1;
    metalog_quorum_controls(ml, ml->quorum.kraft_version, &quorum);
    change.leader_id = me.voter_id;
    change.voters = change.granting_voters = &me;
    change.voters_count = change.granting_voters_count = 1;
    if (ml->quorum.kraft_version > 0 && !ml->quorum.is_version_in_log) {
        controls[n++] = quorum.v[QUORUM_VERSION];
    }
    if (ml->quorum.kraft_version > 0 && (n > 1 || voters_moved(ml, &quorum.self))) {
        controls[n++] = quorum.v[QUORUM_VOTERS];
    }
    return metalog_append_controls(ml, controls, n);
}

static enum err begin_epoch(struct metalog *ml, const struct quorum_state *qs, struct buf *why)
{
    int32_t last = MAX(qs->epoch, MAX(log_last_epoch(ml->log), ml->img->epoch));
    if (last == INT32_MAX) {
        buf_printf(why, "the metadata log has no epoch left");
        return ERR_MALFORMED;
    }
    ml->epoch = last + 1;
    enum err e = write_state(ml);
    e = e ? e : write_leader_change(ml);
    if (e) {
        buf_printf(why, "epoch %d of the metadata log cannot begin: %s", ml->epoch, err_text(e));
    }
    return e;
}

/* --- what a leader begins with --- */

static enum err add_bootstrap(void *ctx, struct bytes record)
{
    struct meta_records *rs = ctx;
    meta_records_add_raw(rs, record);
    return rs->err;
}

/* What bootstrap.checkpoint has, or the features of this release. */
static enum err read_bootstrap(struct metalog *ml, struct meta_records *out, struct buf *why)
{
    struct meta_sink sink = {.record = add_bootstrap, .ctx = out};
    struct buf path = BUF_INIT;
    fs_path(&path, logdir_path(ml->args.dir), "bootstrap.checkpoint");
    enum err e = path.err ? path.err : meta_snapshot_read(fs_of(ml), buf_cstr(&path), &sink);
    if (e == ERR_NOT_FOUND) {
        ctl_default_bootstrap(out);
        e = out->err;
    } else if (e) {
        buf_printf(why, "%s cannot be read: %s", buf_cstr(&path), err_text(e));
    }
    buf_deinit(&path);
    return e;
}

static enum err bootstrap(struct metalog *ml, struct meta_records *out, struct buf *why)
{
    struct meta_records first;
    if (image_feature(ctl_tip(ml->ctl), FEATURE_METADATA) >= 0) {
        return OK;
    }
    meta_records_init(&first);
    enum err e = read_bootstrap(ml, &first, why);
    e = e ? e : ctl_bootstrap(ml->ctl, &first, out);
    e = e ? e : metalog_append(ml, out);
    meta_records_deinit(&first);
    return e;
}

static enum err register_self(struct metalog *ml, struct meta_records *out)
{
    struct ctl_self self = {
        .id = ml->args.config->node_id,
        .incarnation = ml->args.incarnation,
        .endpoints = ml->args.ctl_endpoints,
        .endpoint_count = ml->args.ctl_endpoint_count,
    };
    enum err e = ctl_register_controller(ml->ctl, &self, out);
    return e ? e : metalog_append(ml, out);
}

static enum err activate(struct metalog *ml, struct buf *why)
{
    struct ctl_args args = {
        .tip = image_clone(ml->img),
        .cluster_id = str_from(logdir_meta(ml->args.dir)->cluster_id),
        .config = ml->args.config,
        .seed = ml->args.seed,
    };
    struct meta_records rs;
    int64_t deadline_ms;
    meta_records_init(&rs);
    ml->ctl = ctl_new(&args);
    ctl_set_kraft_version(ml->ctl, ml->quorum.kraft_version);
    enum err e = ctl_abort_txn(ml->ctl, &rs);
    e = e ? e : metalog_append(ml, &rs);
    e = e ? e : bootstrap(ml, &rs, why);
    e = e ? e : register_self(ml, &rs);
    e = e ? e : metalog_step(ml, &deadline_ms);
    meta_records_deinit(&rs);
    if (e && why->len == 0) {
        buf_printf(why, "the metadata log cannot be written: %s", err_text(e));
    }
    return e;
}

/* --- all of it --- */

static enum err make_dir(struct metalog *ml, struct buf *why)
{
    struct buf path = BUF_INIT;
    enum err e = logdir_make_partition(ml->args.dir, topic_name, 0, UUID_METADATA_TOPIC, &path);
    buf_deinit(&path);
    if (e == ERR_EXISTS) {
        buf_printf(why,
                   "%s/" PARTITION_METADATA_FILE " is damaged or another topic's: the metadata log "
                   "beside it is not touched",
                   buf_cstr(&ml->dir));
    } else if (e) {
        buf_printf(why, "the metadata log's directory in %s cannot be made: %s",
                   logdir_path(ml->args.dir), err_text(e));
    }
    return e;
}

static enum err bring_up(struct metalog *ml, struct buf *why)
{
    struct quorum_state qs;
    logdir_partition_path(ml->args.dir, topic_name, 0, &ml->dir);
    buf_cstr(&ml->dir);
    enum err e = ml->dir.err ? ml->dir.err : metalog_check_config(ml, why);
    e = e ? e : read_state(ml, &qs, why);
    e = e ? e : metalog_check_state(ml, &qs, why);
    e = e ? e : load_snapshots(ml, why);
    e = e ? e : metalog_check_voters(ml, why); /* before anything of another quorum is changed */
    e = e ? e : make_dir(ml, why);
    e = e ? e : format(ml, why);
    e = e ? e : open_log(ml, why);
    e = e ? e : replay_log(ml, why);
    e = e ? e : metalog_check_voters(ml, why); /* the log may have changed them */
    e = e ? e : metalog_check_features(ml, why);
    e = e ? e : begin_epoch(ml, &qs, why);
    return e ? e : activate(ml, why);
}

enum err metalog_open(const struct metalog_args *args, struct metalog **ret_ml, struct buf *why)
{
    struct metalog *ml = NEW(struct metalog);
    ml->args = *args;
    ml->args.on_committed = NULL; /* what is replayed and begun with is no news */
    ml->img = image_new(args->seed);
    ml->unsnapped_since_ms = INT64_MAX;
    meta_records_init(&ml->unsynced);
    delta_init(&ml->delta);
    list_init(&ml->calls);
    ctl_out_init(&ml->out);
    enum err e = bring_up(ml, why);
    if (e) {
        metalog_close(ml);
        return e;
    }
    ml->args.on_committed = args->on_committed;
    *ret_ml = ml;
    return OK;
}
