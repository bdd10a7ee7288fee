/* Counts of connections by address. Everything under one lock, taken twice in a connection's life;
 * an address is forgotten with its last connection. */
#include "broker/admission.h"

#include "base/diag.h"
#include "base/map.h"
#include "base/mem.h"
#include "meta/config.h"
#include "plat/thread.h"

#include <stdio.h>

enum { ADDRESSES_MAX = 16 };

struct address {
    struct map_node node;
    char text[NET_NAME_MAX];
    int64_t count; /* connections, or of an override: how many may be */
};

struct admission {
    struct net *net;
    uint64_t seed;
    struct mutex lock;
    int64_t total_max, per_ip_max;
    int total;
    struct map addresses; /* struct address with connections */
    struct map overrides; /* struct address */
};

/* --- addresses --- */

static bool is_address(const struct map_node *n, const void *key)
{
    return strcmp(MAP_ENTRY(n, struct address, node)->text, key) == 0;
}

static struct address *find(const struct admission *a, const struct map *m, const char *text)
{
    struct map_node *n = map_find(m, str_hash(str_from(text), a->seed), is_address, text);
    return n ? MAP_ENTRY(n, struct address, node) : NULL;
}

static struct address *add(const struct admission *a, struct map *m, const char *text)
{
    struct address *e = NEW(struct address);
    snprintf(e->text, sizeof e->text, "%s", text);
    map_insert(m, str_hash(str_from(text), a->seed), &e->node);
    return e;
}

static void clear(struct map *m)
{
    MAP_EACH(m, n, tmp) {
        map_remove(m, n);
        mem_free(MAP_ENTRY(n, struct address, node));
    }
}

/* "[::1]:5" -> "::1" */
static void address_of(const char *peer, char ret_text[NET_NAME_MAX])
{
    const char *colon = strrchr(peer, ':');
    size_t len = colon ? (size_t)(colon - peer) : strlen(peer);
    if (len > 1 && peer[0] == '[' && peer[len - 1] == ']') {
        peer++;
        len -= 2;
    }
    snprintf(ret_text, NET_NAME_MAX, "%.*s", (int)len, peer);
}

/* --- limits --- */

static void override_host(struct admission *a, struct map *to, struct str host, int64_t most)
{
    char name[256];
    char found[ADDRESSES_MAX][NET_NAME_MAX];
    snprintf(name, sizeof name, "%.*s", STR_ARG(host));
    int n = net_resolve(a->net, name, found, ADDRESSES_MAX);
    for (int i = 0; i < n; i++) {
        struct address *e = find(a, to, found[i]);
        e = e ? e : add(a, to, found[i]);
        e->count = most;
    }
    if (n == 0) {
        diag_warn(DIAG_CONFIG, "max.connections.per.ip.overrides: there is no host %s", name);
    }
}

static void parse_overrides(struct admission *a, struct map *to, struct str list)
{
    size_t at = 0;
    struct str item;
    while (config_list_next(list, &at, &item)) {
        size_t colon = str_find_last(item, ':');
        size_t host_len = colon < item.len ? colon : 0;
        int64_t most;
        if (host_len > 0 &&
            str_to_i64(str_sub(item, host_len + 1, item.len - host_len - 1), &most) && most >= 0) {
            override_host(a, to, str_sub(item, 0, host_len), most);
        } else if (item.len > 0) {
            diag_warn(DIAG_CONFIG, "max.connections.per.ip.overrides: '%.*s' is not host:count",
                      STR_ARG(item));
        }
    }
}

void admission_set_limits(struct admission *a, const struct admission_limits *limits)
{
    struct map fresh;
    map_init(&fresh);
    parse_overrides(a, &fresh, limits->overrides);
    mutex_lock(&a->lock);
    a->total_max = limits->total;
    a->per_ip_max = limits->per_ip;
    struct map old = a->overrides;
    a->overrides = fresh;
    mutex_unlock(&a->lock);
    clear(&old);
    map_deinit(&old);
}

/* --- in and out --- */

bool admission_enter(struct admission *a, const char *peer)
{
    char text[NET_NAME_MAX];
    address_of(peer, text);
    mutex_lock(&a->lock);
    const struct address *special = find(a, &a->overrides, text);
    struct address *e = find(a, &a->addresses, text);
    int64_t most = special ? special->count : a->per_ip_max;
    bool may_enter = a->total < a->total_max && (e ? e->count : 0) < most;
    if (may_enter) {
        e = e ? e : add(a, &a->addresses, text);
        e->count++;
        a->total++;
    }
    mutex_unlock(&a->lock);
    return may_enter;
}

void admission_leave(struct admission *a, const char *peer)
{
    char text[NET_NAME_MAX];
    address_of(peer, text);
    mutex_lock(&a->lock);
    struct address *e = find(a, &a->addresses, text);
    a->total--;
    if (e != NULL && --e->count == 0) {
        map_remove(&a->addresses, &e->node);
        mem_free(e);
    }
    mutex_unlock(&a->lock);
}

int admission_count(struct admission *a)
{
    mutex_lock(&a->lock);
    int n = a->total;
    mutex_unlock(&a->lock);
    return n;
}

/* --- life --- */

struct admission *admission_new(struct net *net, uint64_t seed)
{
    struct admission *a = NEW(struct admission);
    a->net = net;
    a->seed = seed;
    a->total_max = a->per_ip_max = INT32_MAX;
    mutex_init(&a->lock);
    map_init(&a->addresses);
    map_init(&a->overrides);
    return a;
}

void admission_free(struct admission *a)
{
    if (a == NULL) {
        return;
    }
    clear(&a->addresses);
    clear(&a->overrides);
    map_deinit(&a->addresses);
    map_deinit(&a->overrides);
    mutex_deinit(&a->lock);
    mem_free(a);
}
