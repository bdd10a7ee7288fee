/* libmicrohttpd behind http.h. The lock guards the start; the library's own thread calls `serve`.
 */
#include "net/http.h"

#include "base/diag.h"
#include "base/mem.h"
#include "plat/library.h"
#include "plat/thread.h"

#include <microhttpd.h>
#include <stdatomic.h>
#include <string.h>

/* The library must never come to a limit of its own: at least 0.9.75 then locks itself out. */
enum { CONNECTIONS_MAX = 64, LIBRARY_MAX = 4 * CONNECTIONS_MAX };
enum { IDLE_S = 3, CONNECTION_BYTES = 16 * 1024 };

/* What we use of the library. */
struct library {
    struct MHD_Daemon *(*start)(unsigned flags, uint16_t port, MHD_AcceptPolicyCallback policy,
                                void *policy_ctx, MHD_AccessHandlerCallback fn, void *ctx, ...);
    void (*stop)(struct MHD_Daemon *d);
    enum MHD_Result (*add)(struct MHD_Daemon *d, MHD_socket fd, const struct sockaddr *peer,
                           socklen_t len);
    struct MHD_Response *(*new_response)(size_t size, void *body, enum MHD_ResponseMemoryMode mode);
    void (*free_response)(struct MHD_Response *r);
    enum MHD_Result (*header)(struct MHD_Response *r, const char *name, const char *value);
    enum MHD_Result (*queue)(struct MHD_Connection *c, unsigned status, struct MHD_Response *r);
};

struct http {
    http_fn *fn;
    void *ctx;
    struct mutex lock;
    struct library lib;
    struct MHD_Daemon *daemon; /* NULL until the first socket */
    bool has_failed;
    bool is_over;
    _Atomic int count; /* sockets that the library has */
};

static bool load(struct library *lib)
{
    void *so = library_open("libmicrohttpd.so.12");
    return so != NULL && library_find(so, "MHD_start_daemon", &lib->start) &&
           library_find(so, "MHD_stop_daemon", &lib->stop) &&
           library_find(so, "MHD_add_connection", &lib->add) &&
           library_find(so, "MHD_create_response_from_buffer", &lib->new_response) &&
           library_find(so, "MHD_destroy_response", &lib->free_response) &&
           library_find(so, "MHD_add_response_header", &lib->header) &&
           library_find(so, "MHD_queue_response", &lib->queue);
}

static enum MHD_Result answer(struct http *h, struct MHD_Connection *c, struct http_page *page)
{
    size_t len = page->body.len;
    struct MHD_Response *r =
        page->body.err ? NULL : h->lib.new_response(len, page->body.p, MHD_RESPMEM_MUST_COPY);
    if (r == NULL) {
        return MHD_NO; /* closes it */
    }
    (void)h->lib.header(r, MHD_HTTP_HEADER_CONTENT_TYPE, page->content_type);
    enum MHD_Result ok = h->lib.queue(c, (unsigned)page->status, r);
    h->lib.free_response(r);
    return ok;
}

/* Once per request when its head has come, and again when its body has. */
static enum MHD_Result serve(void *ctx, struct MHD_Connection *c, const char *path,
                             const char *method, const char *version, const char *body,
                             size_t *body_len, void **seen)
{
    struct http *h = ctx;
    struct http_page page = {200, "text/plain; charset=utf-8", BUF_INIT};
    (void)version;
    (void)body;
    if (*seen == NULL) {
        *seen = h;
        return MHD_YES;
    }
    if (*body_len > 0) { /* nobody reads it */
        *body_len = 0;
        return MHD_YES;
    }
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
        page.status = MHD_HTTP_METHOD_NOT_ALLOWED;
        buf_printf(&page.body, "only GET\n");
    } else {
        h->fn(h->ctx, path, &page);
    }
    enum MHD_Result ok = answer(h, c, &page);
    buf_deinit(&page.body);
    return ok;
}

static void on_connection(void *ctx, struct MHD_Connection *c, void **user,
                          enum MHD_ConnectionNotificationCode what)
{
    (void)c;
    (void)user;
    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        atomic_fetch_sub(&((struct http *)ctx)->count, 1);
    }
}

static bool start(struct http *h)
{
    if (h->daemon == NULL && !h->has_failed) {
        h->has_failed = !load(&h->lib);
        h->daemon = h->has_failed
                        ? NULL
                        : h->lib.start(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO |
                                           MHD_USE_ITC | MHD_USE_NO_LISTEN_SOCKET,
                                       0, NULL, NULL, serve, h, MHD_OPTION_CONNECTION_LIMIT,
                                       (unsigned)LIBRARY_MAX, MHD_OPTION_NOTIFY_CONNECTION,
                                       on_connection, h, MHD_OPTION_CONNECTION_TIMEOUT,
                                       (unsigned)IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                                       (size_t)CONNECTION_BYTES, MHD_OPTION_END);
        if (h->daemon == NULL) {
            h->has_failed = true;
            diag_warn(
                DIAG_NET,
                "no HTTP: libmicrohttpd is missing or cannot start; Debian and Ubuntu have it "
                "in libmicrohttpd12 or libmicrohttpd12t64");
        }
    }
    return h->daemon != NULL;
}

struct http *http_new(http_fn *fn, void *ctx)
{
    struct http *h = NEW(struct http);
    h->fn = fn;
    h->ctx = ctx;
    mutex_init(&h->lock);
    return h;
}

void http_take(struct http *h, struct sock *s)
{
    struct sockaddr_storage peer;
    unsigned len = sizeof peer;
    mutex_lock(&h->lock);
    bool has_room = !h->is_over && start(h) && atomic_load(&h->count) < CONNECTIONS_MAX;
    int fd = has_room ? sock_release(s, &peer, &len) : -1;
    if (fd >= 0) { /* the library closes it, also when it does not want it */
        atomic_fetch_add(&h->count, 1);
        if (h->lib.add(h->daemon, fd, (const struct sockaddr *)&peer, (socklen_t)len) != MHD_YES) {
            atomic_fetch_sub(&h->count, 1);
        }
    }
    mutex_unlock(&h->lock);
    if (!has_room) {
        sock_close(s);
    }
}

void http_stop(struct http *h)
{
    if (h == NULL) {
        return;
    }
    mutex_lock(&h->lock);
    struct MHD_Daemon *d = h->daemon;
    h->daemon = NULL;
    h->is_over = true;
    mutex_unlock(&h->lock);
    if (d != NULL) {
        h->lib.stop(d);
    }
}

void http_free(struct http *h)
{
    if (h == NULL) {
        return;
    }
    http_stop(h);
    mutex_deinit(&h->lock);
    mem_free(h);
}

bool http_begins_with(unsigned char first, size_t frame_max_bytes)
{
    return first >= 'A' && first <= 'Z' && frame_max_bytes < (size_t)'A' << 24;
}
