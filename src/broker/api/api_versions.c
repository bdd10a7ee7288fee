/* ApiVersions: what this broker serves, and the features that the cluster has finalized. */
#include "broker/api/api.h"

#include "broker/controller.h"
#include "meta/versions.h"

enum { VERSION_WITH_ZERO_MIN = 4 };

static bool fill_apis(struct call *c, struct api_versions_resp *resp)
{
    size_t count;
    const struct api *rows = api_rows(&count);
    resp->api_keys = CALL_ARRAY(c, struct api_versions_resp_api_version, count);
    if (resp->api_keys == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        bool from_0 = rows[i].flags & API_ADVERTISED_FROM_0;
        if (c->endpoint->is_controller && !(rows[i].flags & API_ON_CONTROLLER)) {
            continue;
        }
        resp->api_keys[resp->api_keys_count++] = (struct api_versions_resp_api_version){
            .api_key = rows[i].key,
            .min_version = from_0 ? 0 : rows[i].min_version,
            .max_version = rows[i].max_version,
        };
    }
    return true;
}

/* What this build can do of each feature (KIP-584). Clients of version 3 cannot read a range that
 * begins at 0. */
static bool fill_supported(struct call *c, struct api_versions_resp *resp)
{
    resp->supported_features =
        CALL_ARRAY(c, struct api_versions_resp_supported_feature_key, FEATURE_COUNT);
    for (int i = 0; resp->supported_features != NULL && i < FEATURE_COUNT; i++) {
        const struct feature *f = &features_known[i];
        if (f->min == 0 && call_version(c) < VERSION_WITH_ZERO_MIN) {
            continue;
        }
        resp->supported_features[resp->supported_features_count++] =
            (struct api_versions_resp_supported_feature_key){
                .name = str_from(f->name), .min_version = f->min, .max_version = f->max};
    }
    return resp->supported_features != NULL;
}

/* The levels in force. Under the metadata lock: names are copied. */
static bool fill_finalized(struct call *c, const struct image *img, struct api_versions_resp *resp)
{
    struct controller_status quorum;
    controller_status(c->broker->controller, &quorum);
    resp->finalized_features =
        CALL_ARRAY(c, struct api_versions_resp_finalized_feature_key, img->feature_count + 1);
    if (resp->finalized_features == NULL) {
        return false;
    }
    resp->finalized_features_count = img->feature_count;
    resp->finalized_features_epoch = img->next_off - 1;
    for (int32_t i = 0; i < img->feature_count; i++) {
        struct api_versions_resp_finalized_feature_key *f = &resp->finalized_features[i];
        f->max_version_level = f->min_version_level = img->features[i].level;
        if (!arena_copy_str(&c->arena, img->features[i].name, &f->name)) {
            return false;
        }
    }
    if (quorum.kraft_version > 0) { /* not a record of the image */
        resp->finalized_features[resp->finalized_features_count++] =
            (struct api_versions_resp_finalized_feature_key){FEATURE_KRAFT, quorum.kraft_version,
                                                             quorum.kraft_version};
    }
    return true;
}

/* A version that we do not know is answered in version 0, with our range of this API (KIP-511). */
static void refuse_version(struct call *c)
{
    const struct api *api = c->api;
    struct api_versions_resp_api_version range = {api->key, api->min_version, api->max_version};
    struct api_versions_resp resp;
    wire_init(&wire_api_versions_resp, &resp);
    resp.error_code = ERR_UNSUPPORTED_VERSION;
    resp.api_keys = &range;
    resp.api_keys_count = 1;
    c->header.version = 0;
    call_reply(c, &resp);
}

/* KIP-511: letters, digits, and . - inside. */
static bool is_software_name(struct str s)
{
    if (s.len == 0 || s.p[0] == '.' || s.p[0] == '-' || s.p[s.len - 1] == '.' ||
        s.p[s.len - 1] == '-') {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        char ch = s.p[i];
        bool is_ok = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
                     (ch >= '0' && ch <= '9') || ch == '.' || ch == '-';
        if (!is_ok) {
            return false;
        }
    }
    return true;
}

void api_api_versions(struct call *c, const void *request)
{
    const struct api_versions_req *req = request;
    if (req == NULL) {
        refuse_version(c);
        return;
    }
    struct api_versions_resp resp;
    wire_init(&wire_api_versions_resp, &resp);
    if (call_version(c) >= 3 && (!is_software_name(req->client_software_name) ||
                                 !is_software_name(req->client_software_version))) {
        resp.error_code = ERR_INVALID_REQUEST;
        call_reply(c, &resp);
        return;
    }
    const struct image *img = metacache_read(&c->broker->metacache);
    bool is_ok = fill_apis(c, &resp) && fill_supported(c, &resp) && fill_finalized(c, img, &resp);
    metacache_done(&c->broker->metacache);
    call_reply(c, is_ok ? &resp : NULL);
}
