/* Whether this node may own a metadata log: it has to be the only voter, by whatever tells, and to
 * know the cluster's features. Nothing here changes anything. Thread: the owner's. */
#include "broker/metalog/metalog_priv.h"

#include "meta/versions.h"

enum { ARENA_BYTES = 1 << 20 };

/* --- voters --- */

static void set_own_voter(const struct metalog *ml, struct own_voter *v)
{
    int n = MIN(ml->args.ctl_endpoint_count, QUORUM_ENDPOINTS_MAX);
    v->record = voters_record_default;
    v->voter = voters_record_voter_default;
    v->voter.voter_id = ml->args.config->node_id;
    v->voter.voter_directory_id = logdir_meta(ml->args.dir)->dir_id;
    v->voter.kraft_version_feature.max_supported_version = KRAFT_VERSION_MAX;
    for (int i = 0; i < n; i++) {
        const struct image_endpoint *ep = &ml->args.ctl_endpoints[i];
        v->endpoints[i] = (struct voters_record_endpoint){ep->name, ep->host, ep->port};
    }
    v->voter.endpoints = v->endpoints;
    v->voter.endpoints_count = n;
    v->record.voters = &v->voter;
    v->record.voters_count = 1;
}

void metalog_quorum_controls(const struct metalog *ml, int16_t kraft_version,
                             struct quorum_controls *ret_controls)
{
    struct quorum_controls *c = ret_controls;
    set_own_voter(ml, &c->self);
    c->version = (struct kraft_version_record){0, kraft_version};
    c->v[QUORUM_VERSION] = (struct meta_control){CONTROL_KRAFT_VERSION, 0, &c->version};
    c->v[QUORUM_VOTERS] = (struct meta_control){CONTROL_KRAFT_VOTERS, 0, &c->self.record};
}

static enum err refuse_voters(const struct metalog *ml, const char *where, struct buf *why)
{
    buf_printf(
        why,
        "%s names voters other than node %d with its directory %s. This node's metadata log is a "
        "quorum of one: remove the other voters first (kafka-metadata-quorum remove-controller), "
        "or use another directory",
        where, ml->args.config->node_id, logdir_path(ml->args.dir));
    return ERR_BAD_CONFIG;
}

enum err metalog_check_voters(const struct metalog *ml, struct buf *why)
{
    struct voters_record r;
    struct arena a;
    struct uuid own = logdir_meta(ml->args.dir)->dir_id;
    if (ml->quorum.voters.len == 0) {
        return OK;
    }
    arena_init(&a, ARENA_BYTES);
    enum err e = wire_decode(&wire_voters_record, 0, buf_bytes(&ml->quorum.voters), &a, &r, NULL);
    if (e) {
        buf_printf(why, "the record of the quorum's voters cannot be read: %s", err_text(e));
    } else if (r.voters_count != 1 || r.voters[0].voter_id != ml->args.config->node_id ||
               !uuid_eq(r.voters[0].voter_directory_id, own)) {
        e = refuse_voters(ml, "the metadata log", why);
    }
    arena_deinit(&a);
    return e;
}

/* controller.quorum.voters: id@host:port, ... */
enum err metalog_check_config(const struct metalog *ml, struct buf *why)
{
    struct str list = props_get(&ml->args.config->props, STR("controller.quorum.voters"));
    struct str item;
    while (!str_is_null(list) && str_next_item(&list, ',', &item)) {
        int64_t id;
        size_t at = str_find(item, '@');
        if (at >= item.len || !str_to_i64(str_sub(item, 0, at), &id)) {
            buf_printf(why, "controller.quorum.voters: '%.*s' is not id@host:port", STR_ARG(item));
            return ERR_BAD_CONFIG;
        }
        if (id != ml->args.config->node_id) {
            return refuse_voters(ml, "controller.quorum.voters", why);
        }
    }
    return OK;
}

enum err metalog_check_state(const struct metalog *ml, const struct quorum_state *qs,
                             struct buf *why)
{
    for (int i = 0; i < qs->voter_count; i++) {
        if (qs->voters[i] != ml->args.config->node_id) {
            return refuse_voters(ml, "quorum-state", why);
        }
    }
    return OK;
}

/* --- features --- */

static const struct feature *feature_known(struct str name)
{
    for (int i = 0; i < FEATURE_COUNT; i++) {
        if (str_eq(name, str_from(features_known[i].name))) {
            return &features_known[i];
        }
    }
    return NULL;
}

/* A level beyond ours promises what we cannot keep. */
enum err metalog_check_features(const struct metalog *ml, struct buf *why)
{
    for (int32_t i = 0; i < ml->img->feature_count; i++) {
        const struct image_feature *f = &ml->img->features[i];
        const struct feature *known = feature_known(f->name);
        if (known == NULL || f->level > known->max) {
            buf_printf(why,
                       "this cluster has %.*s at level %d, and this release knows it up to %d: run "
                       "a release that knows more, or lower it there first (kafka-features "
                       "downgrade)",
                       STR_ARG(f->name), f->level, known != NULL ? known->max : 0);
            return ERR_UNSUPPORTED_VERSION;
        }
    }
    return OK;
}
