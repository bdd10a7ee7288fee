/* Whether a broker can live with its settings: before any part of it is there, in the thread that
 * starts it. */
#include "broker/host/settings.h"

#include "base/diag.h"

static void warn_unknown(const struct props *props)
{
    for (int32_t i = 0; i < props->count; i++) {
        struct str key = props->items[i].key;
        if (config_find(CONFIG_BROKER, key) != NULL) {
            continue;
        }
        const char *near = config_did_you_mean(CONFIG_BROKER, key);
        diag_warn(DIAG_CONFIG, "'%.*s' is not a setting of this broker and is ignored%s%s%s",
                  STR_ARG(key), near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    }
}

static bool is_unheard(struct str name)
{
    static const char *const names[] = {
#define X(name) name,
#include "def/unheard.def"
#undef X
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (str_eq(name, str_from(names[i]))) {
            return true;
        }
    }
    return false;
}

/* What was set and is not looked at yet. */
static void warn_unheard(const struct props *props)
{
    struct buf names = BUF_INIT;
    for (int32_t i = 0; i < props->count; i++) {
        if (is_unheard(props->items[i].key)) {
            buf_printf(&names, "%s%.*s", names.len ? ", " : "", STR_ARG(props->items[i].key));
        }
    }
    if (names.len > 0) {
        diag_warn(DIAG_CONFIG, "accepted, but without effect in this release: %s",
                  buf_cstr(&names));
    }
    buf_deinit(&names);
}

/* As in Kafka: one request of the largest size must fit. */
static enum err check_sizes(const struct broker_config *c, struct buf *why)
{
    if (c->queued_max_request_bytes <= 0 ||
        c->queued_max_request_bytes >= c->socket_request_max_bytes) {
        return OK;
    }
    buf_printf(why, "queued.max.request.bytes (%lld) is less than socket.request.max.bytes (%d)",
               (long long)c->queued_max_request_bytes, c->socket_request_max_bytes);
    return ERR_BAD_CONFIG;
}

/* The controller is in this process: it cannot be one without the other. */
static enum err check_roles(const struct broker_config *c, struct buf *why)
{
    struct str roles = c->process_roles ? str_from(c->process_roles) : STR_NULL;
    if (str_is_null(roles) ||
        (config_list_has(roles, STR("broker")) && config_list_has(roles, STR("controller")))) {
        return OK;
    }
    buf_printf(why,
               "process.roles=%.*s: this release is broker and controller in one; leave it out, or "
               "say broker,controller",
               STR_ARG(roles));
    return ERR_BAD_CONFIG;
}

enum err settings_check(const struct broker_config *config, struct buf *why)
{
    warn_unknown(&config->props);
    warn_unheard(&config->props);
    enum err e = check_roles(config, why);
    return e ? e : check_sizes(config, why);
}
