/* The life of brokers: registration, heartbeats, controlled shutdown, removal. Pure.
 *
 *   (unknown) → fenced → active → shutting down → fenced: may stop
 *
 * A fenced or stopping broker leads nothing and joins no in-sync set. The broker epoch is the
 * offset at which its registration was decided; a registration by the same incarnation keeps it
 * (KAFKA-16952). */
#include "base/mem.h"
#include "meta/ctl_int.h"

#include <stdlib.h>

/* --- sessions --- */

static struct ctl_session *find_session(struct ctl *ctl, int32_t broker)
{
    for (int32_t i = 0; i < ctl->session_count; i++) {
        if (ctl->sessions[i].broker == broker) {
            return &ctl->sessions[i];
        }
    }
    return NULL;
}

/* The session of a broker in that epoch, begun anew when it is another epoch's. It is alive from
 * the first heartbeat on. */
static struct ctl_session *session_of(struct ctl *ctl, int32_t broker, int64_t epoch)
{
    struct ctl_session *s = find_session(ctl, broker);
    if (s == NULL) {
        size_t count = (size_t)ctl->session_count + 1;
        ctl->sessions = mem_realloc_array(ctl->sessions, count, sizeof *ctl->sessions);
        s = &ctl->sessions[ctl->session_count++];
        *s = (struct ctl_session){.broker = broker, .epoch = -1};
    }
    if (s->epoch != epoch) {
        *s = (struct ctl_session){
            .broker = broker, .epoch = epoch, .shutdown_off = -1, .applied_off = -1};
    }
    return s;
}

static void drop_session(struct ctl *ctl, int32_t broker)
{
    struct ctl_session *s = find_session(ctl, broker);
    if (s != NULL) {
        *s = ctl->sessions[--ctl->session_count];
    }
}

static bool is_alive(struct ctl *ctl, const struct image_node *n, int64_t now_ms)
{
    const struct ctl_session *s = find_session(ctl, n->id);
    return s != NULL && s->epoch == n->epoch && s->has_contact &&
           now_ms - s->contact_ms < ctl->config->broker_session_timeout_ms;
}

/* --- registration --- */

static bool supports(const struct broker_registration_req *r, struct str feature, int16_t level)
{
    for (int32_t i = 0; i < r->features_count; i++) {
        if (str_eq(r->features[i].name, feature)) {
            return r->features[i].min_supported_version <= level &&
                   r->features[i].max_supported_version >= level;
        }
    }
    return level == 0;
}

static bool names_feature(const struct broker_registration_req *r, struct str feature)
{
    for (int32_t i = 0; i < r->features_count; i++) {
        if (str_eq(r->features[i].name, feature)) {
            return true;
        }
    }
    return false;
}

static enum err check_features(const struct ctl *ctl, const struct broker_registration_req *r)
{
    if (!names_feature(r, FEATURE_METADATA)) {
        return ERR_INVALID_REGISTRATION;
    }
    for (int32_t i = 0; i < ctl->tip->feature_count; i++) {
        const struct image_feature *f = &ctl->tip->features[i];
        if (!supports(r, f->name, f->level)) {
            return ERR_UNSUPPORTED_VERSION;
        }
    }
    return OK;
}

static bool is_reserved(struct uuid id)
{
    struct uuid last = {{[15] = 99}};
    return uuid_cmp(id, last) <= 0;
}

static bool has_dir(const struct image_node *n, struct uuid dir)
{
    for (int32_t i = 0; i < n->log_dir_count; i++) {
        if (uuid_eq(n->log_dirs[i], dir)) {
            return true;
        }
    }
    return false;
}

static bool is_taken(const struct ctl *ctl, const struct broker_registration_req *r,
                     struct uuid dir)
{
    for (int32_t i = 0; i < ctl->tip->broker_count; i++) {
        const struct image_node *n = ctl->tip->brokers[i];
        if (n->id != r->broker_id && has_dir(n, dir)) {
            return true;
        }
    }
    return false;
}

static int compare_dirs(const void *a, const void *b)
{
    const struct uuid *x = a, *y = b;
    return uuid_cmp(*x, *y);
}

/* Before metadata.version knows of directories nothing is asked of them. Sorts them in the arena on
 * the way. */
static enum err check_dirs(const struct ctl *ctl, const struct ctl_req *req,
                           const struct broker_registration_req *r, struct uuid **ret_dirs)
{
    size_t count = (size_t)MAX(r->log_dirs_count, 0);
    struct uuid *dirs = arena_array(req->arena, count + 1, sizeof *dirs);
    if (dirs == NULL) {
        return ERR_BUDGET;
    }
    *ret_dirs = dirs;
    if (!version_has_dirs(image_feature(ctl->tip, FEATURE_METADATA))) {
        return OK;
    }
    if (count == 0) {
        return ERR_INVALID_REGISTRATION;
    }
    memcpy(dirs, r->log_dirs, count * sizeof *dirs);
    qsort(dirs, count, sizeof *dirs, compare_dirs);
    for (size_t i = 0; i < count; i++) {
        if (is_reserved(dirs[i]) || (i > 0 && uuid_eq(dirs[i - 1], dirs[i])) ||
            is_taken(ctl, r, dirs[i])) {
            return ERR_INVALID_REGISTRATION;
        }
    }
    return OK;
}

static enum err put_registration(const struct ctl *ctl, const struct ctl_req *req, int64_t epoch,
                                 struct uuid *dirs, struct meta_records *out)
{
    const struct broker_registration_req *m = req->msg;
    const struct image_node *old = image_broker(ctl->tip, m->broker_id);
    bool is_same = old != NULL && old->epoch == epoch; /* its state does not change */
    struct register_broker_record r = register_broker_record_default;
    int version = version_of_register_broker(image_feature(ctl->tip, FEATURE_METADATA));
    size_t endpoint_count = (size_t)MAX(m->listeners_count, 0);
    size_t feature_count = (size_t)MAX(m->features_count, 0);
    r.end_points = arena_array(req->arena, endpoint_count + 1, sizeof *r.end_points);
    r.features = arena_array(req->arena, feature_count + 1, sizeof *r.features);
    if (r.end_points == NULL || r.features == NULL) {
        return ERR_BUDGET;
    }
    for (size_t i = 0; i < endpoint_count; i++) {
        r.end_points[i].name = m->listeners[i].name;
        r.end_points[i].host = m->listeners[i].host;
        r.end_points[i].port = m->listeners[i].port;
        r.end_points[i].security_protocol = m->listeners[i].security_protocol;
    }
    for (size_t i = 0; i < feature_count; i++) {
        r.features[i].name = m->features[i].name;
        r.features[i].min_supported_version = m->features[i].min_supported_version;
        r.features[i].max_supported_version = m->features[i].max_supported_version;
    }
    r.end_points_count = (int32_t)endpoint_count;
    r.features_count = (int32_t)feature_count;
    r.broker_id = m->broker_id;
    r.incarnation_id = m->incarnation_id;
    r.broker_epoch = epoch;
    r.rack = m->rack;
    r.fenced = !is_same || old->is_fenced;
    r.in_controlled_shutdown = is_same && old->is_shutting_down;
    if (version >= 3) {
        r.log_dirs = dirs;
        r.log_dirs_count = MAX(m->log_dirs_count, 0);
    }
    meta_records_add(out, META_REGISTER_BROKER, version, &r);
    return OK;
}

enum err ctl_register_broker(struct ctl *ctl, const struct ctl_req *req, struct ctl_out *out)
{
    const struct broker_registration_req *m = req->msg;
    const struct image_node *old = image_broker(ctl->tip, m->broker_id);
    struct broker_registration_resp *resp = ARENA_NEW(req->arena, struct broker_registration_resp);
    struct uuid *dirs;
    if (resp == NULL) {
        return ERR_BUDGET;
    }
    if (!str_eq(m->cluster_id, ctl->cluster_id)) {
        return ERR_INCONSISTENT_CLUSTER_ID;
    }
    bool is_same = old != NULL && uuid_eq(old->incarnation, m->incarnation_id);
    if (old != NULL && !is_same && !old->is_shutting_down && is_alive(ctl, old, req->now_ms)) {
        return ERR_DUPLICATE_BROKER_REGISTRATION;
    }
    if (m->is_migrating_zk_broker) {
        return ERR_BROKER_ID_NOT_REGISTERED;
    }
    if (m->broker_id < 0) {
        return ERR_INVALID_REGISTRATION;
    }
    enum err e = check_dirs(ctl, req, m, &dirs);
    e = e ? e : check_features(ctl, m);
    if (e) {
        return e;
    }
    int64_t epoch = is_same ? old->epoch : ctl->tip->next_off;
    if (old != NULL && !is_same) {
        struct ctl_move move = {.leaving = m->broker_id,
                                .coming = -1,
                                .is_unclean = m->previous_broker_epoch != old->epoch};
        ctl_move_leaders(ctl, &move, &out->records);
    }
    e = put_registration(ctl, req, epoch, dirs, &out->records);
    if (e) {
        return e;
    }
    session_of(ctl, m->broker_id, epoch)->registered_off =
        ctl->tip->next_off + out->records.count - 1;
    *resp = broker_registration_resp_default;
    resp->broker_epoch = epoch;
    out->resp = resp;
    return OK;
}

/* --- heartbeats --- */

enum state { FENCED, ACTIVE, SHUTTING_DOWN, MAY_STOP };

static bool leads_something(const struct ctl *ctl, int32_t broker)
{
    for (int32_t i = 0; i < ctl->tip->topic_count; i++) {
        const struct image_topic *t = ctl->tip->topics[i];
        for (int32_t part = 0; part < t->part_slots; part++) {
            const struct image_part *p = image_topic_part(t, part);
            if (p != NULL && p->leader == broker) {
                return true;
            }
        }
    }
    return false;
}

/* Whether all live brokers but this one know that it gave up its leaderships. */
static bool others_know(struct ctl *ctl, const struct ctl_session *s)
{
    for (int32_t i = 0; i < ctl->session_count; i++) {
        const struct ctl_session *o = &ctl->sessions[i];
        if (o != s && ctl_is_active(image_broker(ctl->tip, o->broker)) &&
            o->applied_off < s->shutdown_off) {
            return false;
        }
    }
    return true;
}

static enum state state_of(const struct image_node *n)
{
    return n->is_fenced ? FENCED : n->is_shutting_down ? SHUTTING_DOWN : ACTIVE;
}

/* It knows of its own registration, the latest one of this incarnation. */
static bool is_caught_up(const struct broker_heartbeat_req *m, const struct image_node *n,
                         const struct ctl_session *s)
{
    return m->current_metadata_offset >= MAX(n->epoch, s->registered_off);
}

static enum state next_state(struct ctl *ctl, const struct image_node *n,
                             const struct broker_heartbeat_req *m, const struct ctl_session *s)
{
    switch (state_of(n)) {
    case FENCED:
        if (m->want_shut_down) {
            return MAY_STOP;
        }
        return !m->want_fence && is_caught_up(m, n, s) ? ACTIVE : FENCED;
    case ACTIVE:
        if (m->want_fence) {
            return m->want_shut_down ? MAY_STOP : FENCED;
        }
        if (!m->want_shut_down) {
            return ACTIVE;
        }
        return leads_something(ctl, n->id) ? SHUTTING_DOWN : MAY_STOP;
    case SHUTTING_DOWN:
        return leads_something(ctl, n->id) || !others_know(ctl, s) ? SHUTTING_DOWN : MAY_STOP;
    default:
        return MAY_STOP;
    }
}

static void put_broker_change(const struct image_node *n, int8_t fenced, int8_t shutting_down,
                              struct meta_records *out)
{
    struct broker_registration_change_record r = broker_registration_change_record_default;
    r.broker_id = n->id;
    r.broker_epoch = n->epoch;
    r.fenced = fenced;
    r.in_controlled_shutdown = shutting_down;
    meta_records_add(out, META_BROKER_CHANGE, shutting_down ? 1 : 0, &r);
}

static void enter(struct ctl *ctl, const struct image_node *n, struct ctl_session *s,
                  enum state next, struct meta_records *out)
{
    struct ctl_move leave = {.leaving = n->id, .coming = -1};
    struct ctl_move come = {.leaving = -1, .coming = n->id};
    switch (next) {
    case ACTIVE: /* unfence, then elect */
        put_broker_change(n, -1, 0, out);
        ctl_move_leaders(ctl, &come, out);
        return;
    case SHUTTING_DOWN:
        put_broker_change(n, 0, 1, out);
        ctl_move_leaders(ctl, &leave, out);
        s->shutdown_off = ctl->tip->next_off + out->count - 1;
        return;
    case FENCED: /* partition changes, then fence */
    case MAY_STOP:
        if (!n->is_fenced) {
            ctl_move_leaders(ctl, &leave, out);
            put_broker_change(n, 1, 0, out);
        }
        return;
    }
}

enum err ctl_heartbeat(struct ctl *ctl, const struct ctl_req *req, struct ctl_out *out)
{
    const struct broker_heartbeat_req *m = req->msg;
    const struct image_node *n = image_broker(ctl->tip, m->broker_id);
    struct broker_heartbeat_resp *resp = ARENA_NEW(req->arena, struct broker_heartbeat_resp);
    if (resp == NULL) {
        return ERR_BUDGET;
    }
    if (n == NULL || n->epoch != m->broker_epoch) {
        return ERR_STALE_BROKER_EPOCH;
    }
    struct ctl_session *s = session_of(ctl, n->id, n->epoch);
    s->contact_ms = req->now_ms;
    s->has_contact = true;
    enum state now = state_of(n);
    enum state next = next_state(ctl, n, m, s);
    s->applied_off = m->current_metadata_offset;
    if (next != now) {
        enter(ctl, n, s, next, &out->records);
    }
    *resp = broker_heartbeat_resp_default;
    resp->is_caught_up = is_caught_up(m, n, s);
    resp->is_fenced = next == FENCED || next == MAY_STOP;
    resp->should_shut_down = next == MAY_STOP;
    out->resp = resp;
    return OK;
}

/* --- removal --- */

enum err ctl_unregister_broker(struct ctl *ctl, const struct ctl_req *req, struct ctl_out *out)
{
    const struct unregister_broker_req *m = req->msg;
    const struct image_node *n = image_broker(ctl->tip, m->broker_id);
    struct unregister_broker_resp *resp = ARENA_NEW(req->arena, struct unregister_broker_resp);
    if (resp == NULL) {
        return ERR_BUDGET;
    }
    *resp = unregister_broker_resp_default;
    out->resp = resp;
    if (n == NULL) {
        struct ctl_outcome o = ctl_refuse(req, ERR_BROKER_ID_NOT_REGISTERED,
                                          "Broker ID %d is not currently registered", m->broker_id);
        resp->error_code = (int16_t)o.err;
        resp->error_message = o.text;
        return OK;
    }
    struct ctl_move leave = {.leaving = n->id, .coming = -1};
    struct unregister_broker_record r = {n->id, n->epoch};
    ctl_move_leaders(ctl, &leave, &out->records);
    meta_records_add(&out->records, META_UNREGISTER_BROKER, 0, &r);
    drop_session(ctl, n->id);
    return OK;
}
