/* From "NAME://host:port, ..." to endpoints. Start-up only. */
#include "broker/host/endpoints.h"

#include "plat/hostname.h"

enum { PORT_MAX = 65535 };

struct parse {
    struct arena *arena;
    struct buf *why;
    enum err err;
};

static void fail(struct parse *p, const char *fmt, struct str about)
{
    if (!p->err) {
        buf_printf(p->why, fmt, STR_ARG(about));
        p->err = ERR_BAD_CONFIG;
    }
}

static const char *keep(struct parse *p, struct str s)
{
    struct str copy = STR_NULL;
    if (!arena_copy_str(p->arena, s, &copy)) {
        p->err = ERR_NO_MEMORY;
    }
    return copy.p;
}

static int count_items(struct str list)
{
    struct str item;
    int n = 0;
    while (str_next_item(&list, ',', &item)) {
        n++;
    }
    return n;
}

/* "NAME://host:port"; the host may be empty or [v6]. */
static void parse_one(struct parse *p, struct str item, struct endpoint *ret)
{
    const char *sep = memmem(item.p, item.len, "://", 3);
    const char *colon = memrchr(item.p, ':', item.len);
    int64_t port;
    if (sep == NULL || sep == item.p || colon <= sep) {
        fail(p, "listener '%.*s' is not of the form NAME://host:port", item);
        return;
    }
    struct str host = {sep + 3, (size_t)(colon - sep - 3)};
    struct str port_text = {colon + 1, (size_t)(item.p + item.len - colon - 1)};
    if (!str_to_i64(port_text, &port) || port < 0 || port > PORT_MAX) {
        fail(p, "the port of listener '%.*s' is not a number from 0 to 65535", item);
        return;
    }
    if (host.len >= 2 && host.p[0] == '[' && host.p[host.len - 1] == ']') {
        host = str_sub(host, 1, host.len - 2);
    }
    ret->name = str_from(keep(p, (struct str){item.p, (size_t)(sep - item.p)}));
    ret->host = keep(p, host);
    ret->port = (int)port;
}

static struct endpoint *find(struct endpoint *v, int count, struct str name)
{
    for (int i = 0; i < count; i++) {
        if (str_eq(v[i].name, name)) {
            return &v[i];
        }
    }
    return NULL;
}

static struct endpoint *parse_listeners(struct parse *p, struct str list, int *ret_count)
{
    int count = count_items(list);
    struct endpoint *v = arena_array(p->arena, (size_t)MAX(count, 1), sizeof *v);
    struct str item;
    *ret_count = 0;
    if (v == NULL) {
        p->err = ERR_NO_MEMORY;
    }
    while (!p->err && str_next_item(&list, ',', &item)) {
        parse_one(p, item, &v[*ret_count]);
        if (!p->err && find(v, *ret_count, v[*ret_count].name) != NULL) {
            fail(p, "listener '%.*s' is there twice", item);
        }
        (*ret_count)++;
    }
    return v;
}

static bool is_any_host(const char *host)
{
    return host[0] == '\0' || str_eq(str_from(host), STR("0.0.0.0")) ||
           str_eq(str_from(host), STR("::"));
}

/* What clients are told when nothing else is configured: the host, or this machine's name. */
static void advertise_itself(struct parse *p, struct endpoint *ep)
{
    char name[HOSTNAME_BYTES];
    ep->advertised_host = ep->host;
    ep->advertised_port = ep->port;
    if (is_any_host(ep->host)) {
        hostname_reachable(name);
        ep->advertised_host = keep(p, str_from(name));
    }
}

static void apply_advertised(struct parse *p, struct str list, struct endpoints *all)
{
    int count;
    struct endpoint *v = parse_listeners(p, list, &count);
    for (int i = 0; !p->err && i < count; i++) {
        struct endpoint *ep = find(all->brokers, all->broker_count, v[i].name);
        ep = ep ? ep : find(all->controllers, all->controller_count, v[i].name);
        if (ep == NULL) {
            fail(p, "advertised.listeners names '%.*s', which is not in listeners", v[i].name);
        } else if (is_any_host(v[i].host)) {
            fail(p, "advertised listener '%.*s' needs a host that clients can reach", v[i].name);
        } else {
            ep->advertised_host = v[i].host;
            ep->advertised_port = v[i].port;
        }
    }
}

/* --- security protocols --- */

static const char *const protocols[] = {"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"};

static int protocol_by_name(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(protocols); i++) {
        if (str_eq(name, str_from(protocols[i]))) {
            return (int)i;
        }
    }
    return -1;
}

static bool is_secured(struct str name) { return protocol_by_name(name) > 0; }

/* Without a map, and where nothing is encrypted or asks for a login, Apache Kafka takes the
 * controller's listeners as PLAINTEXT whatever their names are. */
static bool are_controllers_plain(const struct broker_config *config, const struct endpoint *v,
                                  int count)
{
    struct str names = str_from(config->controller_listener_names);
    struct str item;
    if (!str_is_null(props_get(&config->props, STR("listener.security.protocol.map")))) {
        return false;
    }
    bool is_any_secured = false;
    while (str_next_item(&names, ',', &item)) {
        is_any_secured = is_any_secured || is_secured(item);
    }
    for (int i = 0; i < count; i++) {
        is_any_secured = is_any_secured || is_secured(v[i].name);
    }
    return !is_any_secured;
}

static int16_t protocol_of(struct parse *p, struct str map, struct str name)
{
    struct str item;
    struct str protocol = name; /* a listener may be named like its protocol */
    while (str_next_item(&map, ',', &item)) {
        size_t n = str_find(item, ':');
        if (n < item.len && str_eq(str_sub(item, 0, n), name)) {
            protocol = str_sub(item, n + 1, item.len - n - 1);
        }
    }
    int found = protocol_by_name(protocol);
    if (found < 0) {
        fail(p,
             "listener '%.*s' has no security protocol: name it in listener.security.protocol.map",
             name);
        return 0;
    }
    return (int16_t)found;
}

/* Brokers' first, then controllers'. */
static void split(struct parse *p, const struct broker_config *config, struct endpoints *all)
{
    int count, at = 0;
    struct str controllers = str_from(config->controller_listener_names);
    struct endpoint *v = parse_listeners(p, str_from(config->listeners), &count);
    all->brokers = arena_array(p->arena, (size_t)count, sizeof *v);
    if (all->brokers == NULL) {
        p->err = ERR_NO_MEMORY;
    }
    bool is_plain = are_controllers_plain(config, v, p->err ? 0 : count);
    for (int i = 0; !p->err && i < 2 * count; i++) { /* the list, twice */
        struct endpoint *ep = &v[i % count];
        bool is_controller = config_list_has(controllers, ep->name);
        if (is_controller != (i >= count)) {
            continue;
        }
        ep->is_controller = is_controller;
        ep->security_protocol =
            is_controller && is_plain
                ? 0
                : protocol_of(p, str_from(config->listener_security_protocol_map), ep->name);
        advertise_itself(p, ep);
        all->brokers[at++] = *ep;
        all->controller_count += is_controller;
        all->broker_count += !is_controller;
    }
    all->controllers = all->brokers + all->broker_count;
}

enum err endpoints_parse(const struct broker_config *config, struct arena *a, struct endpoints *ret,
                         struct buf *why)
{
    struct parse p = {.arena = a, .why = why};
    *ret = (struct endpoints){0};
    split(&p, config, ret);
    if (!p.err && config->advertised_listeners != NULL) {
        apply_advertised(&p, str_from(config->advertised_listeners), ret);
    }
    if (!p.err && ret->broker_count == 0) {
        fail(&p, "listeners has none for clients%.*s", STR(""));
    }
    return p.err;
}
