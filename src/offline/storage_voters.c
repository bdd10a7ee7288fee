/* The first voters of a dynamic quorum: from --initial-controllers, or this node alone. */
#include "offline/storage_format.h"

#include "plat/entropy.h"

#include <inttypes.h>

enum { PORT_MAX = 65535 };

static bool refuse(struct format_plan *p, const char *text)
{
    buf_put_str(&p->tool->why, str_from(text));
    return false;
}

static bool insert(struct format_plan *p, const struct format_voter *v)
{
    struct format_voters *all = &p->voters;
    int at = 0;
    while (at < all->count && all->items[at].id < v->id) {
        at++;
    }
    if (at < all->count && all->items[at].id == v->id) {
        buf_printf(&p->tool->why, "Node id %" PRId32 " was specified more than once.", v->id);
        return false;
    }
    if (all->count == FORMAT_VOTERS_MAX) {
        return refuse(p, "There are more than 64 voters.");
    }
    memmove(&all->items[at + 1], &all->items[at], (size_t)(all->count - at) * sizeof *all->items);
    all->items[at] = *v;
    all->count++;
    return true;
}

/* Cuts what is before the separator off the front. */
static bool cut(struct str *rest, char sep, struct str *ret)
{
    size_t at = str_find(*rest, sep);
    if (at == rest->len) {
        return false;
    }
    *ret = str_sub(*rest, 0, at);
    *rest = str_sub(*rest, at + 1, rest->len - at - 1);
    return true;
}

static bool cut_host(struct str *rest, struct str *ret)
{
    if (rest->len == 0 || rest->p[0] != '[') {
        return cut(rest, ':', ret);
    }
    *rest = str_sub(*rest, 1, rest->len - 1);
    return cut(rest, ']', ret) && rest->len > 0 && rest->p[0] == ':' &&
           (*rest = str_sub(*rest, 1, rest->len - 1), true);
}

static bool parse_numbers(struct format_plan *p, struct str id, struct str port,
                          struct format_voter *ret)
{
    int64_t v;
    if (!str_to_i64(id, &v) || v < INT32_MIN || v > INT32_MAX) {
        return refuse(p, "Failed to parse node id in dynamic voter string.");
    }
    ret->id = (int32_t)v;
    if (v < 0) {
        buf_printf(&p->tool->why, "Invalid negative node id %" PRId64 " in dynamic voter string.",
                   v);
        return false;
    }
    if (!str_to_i64(port, &v)) {
        return refuse(p, "Failed to parse port in dynamic voter string.");
    }
    if (v < 0 || v > PORT_MAX) {
        buf_printf(&p->tool->why, "Invalid port %" PRId64 " in dynamic voter string.", v);
        return false;
    }
    ret->port = (uint16_t)v;
    return true;
}

static bool parse_voter(struct format_plan *p, struct str text)
{
    struct format_voter v = {0};
    struct str id, port;
    if (!cut(&text, '@', &id)) {
        return refuse(p, "No @ found in dynamic voter string.");
    }
    if (!cut_host(&text, &v.host)) {
        return refuse(p, "No colon following hostname could be found.");
    }
    if (!cut(&text, ':', &port)) {
        return refuse(p, "No colon following port could be found.");
    }
    if (!parse_numbers(p, id, port, &v)) {
        return false;
    }
    if (!uuid_parse(text, &v.dir_id)) {
        return refuse(p, "Failed to parse directory ID in dynamic voter string.");
    }
    return insert(p, &v);
}

bool format_parse_voters(struct format_plan *p, const char *text)
{
    struct str rest = str_from(text), item;
    while (str_next_item(&rest, ',', &item)) {
        if (!parse_voter(p, item)) {
            return false;
        }
    }
    return p->voters.count > 0 || refuse(p, "No voters given.");
}

/* --- --standalone --- */

/* The host and port of the listener with the name; the machine itself where it names none. */
static bool parse_listener(struct str item, struct str name, struct format_voter *ret)
{
    const char *sep = memmem(item.p, item.len, "://", 3);
    const char *colon = memrchr(item.p, ':', item.len);
    int64_t port;
    if (sep == NULL || colon <= sep ||
        !str_eq((struct str){item.p, (size_t)(sep - item.p)}, name) ||
        !str_to_i64((struct str){colon + 1, (size_t)(item.p + item.len - colon - 1)}, &port) ||
        port < 0 || port > PORT_MAX) {
        return false;
    }
    ret->port = (uint16_t)port;
    ret->host = (struct str){sep + 3, (size_t)(colon - sep - 3)};
    if (ret->host.len >= 2 && ret->host.p[0] == '[') {
        ret->host = str_sub(ret->host, 1, ret->host.len - 2);
    }
    if (ret->host.len == 0 || str_eq(ret->host, STR("0.0.0.0")) || str_eq(ret->host, STR("::"))) {
        ret->host = STR("localhost");
    }
    return true;
}

bool format_stand_alone(struct format_plan *p)
{
    struct str rest = str_from(p->config.listeners), item;
    struct format_voter v = {.id = p->config.node_id};
    struct rand r;
    entropy_fill(&r, sizeof r);
    v.dir_id = uuid_random(&r);
    while (str_next_item(&rest, ',', &item)) {
        if (parse_listener(item, p->controller_listener, &v)) {
            return insert(p, &v);
        }
    }
    return refuse(p, "No controller listeners found.");
}
