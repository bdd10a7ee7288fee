/* Whether any broker to begin with has an address. One thread; it waits for the name service.
 *
 * A client looks names up again and again, because a name may come to be. Who typed one does not
 * want to wait for that, so the tools ask once before they make a client, as Apache Kafka's do. */
#include "cli/resolve.h"

#include "base/mem.h"

#include <netdb.h>
#include <sys/socket.h>

/* "host:port" without its port, "[::1]:9092" without its brackets, too; null: the library says what
 * is wrong with it. */
static struct str host_of(struct str item)
{
    size_t at = item.len;
    while (at > 0 && item.p[at - 1] != ':') {
        at--;
    }
    struct str host = at > 1 ? str_sub(item, 0, at - 1) : STR_NULL;
    bool is_bracketed = host.len > 2 && host.p[0] == '[' && host.p[host.len - 1] == ']';
    return is_bracketed ? str_sub(host, 1, host.len - 2) : host;
}

/* 0, or what getaddrinfo says. */
static int look_up(struct str host)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char *name = str_dup(host);
    int e = getaddrinfo(name, NULL, &hints, &found);
    if (e == 0) {
        freeaddrinfo(found);
    }
    mem_free(name);
    return e;
}

bool resolve_any(const char *servers, struct buf *why)
{
    struct str rest = str_from(servers), item;
    buf_clear(why);
    while (str_next_item(&rest, ',', &item)) {
        struct str host = host_of(str_trim(item));
        int e = str_is_null(host) ? 0 : look_up(host);
        if (e == 0) {
            return true;
        }
        buf_printf(why, "%s%.*s: %s", why->len > 0 ? "; " : "", STR_ARG(host), gai_strerror(e));
    }
    return why->len == 0;
}
