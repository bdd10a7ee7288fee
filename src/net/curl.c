/* libcurl behind curl.h. The lock guards the loading; each call has a handle of its own. */
#include "net/curl.h"

#include "plat/library.h"

#include <curl/curl.h>
#include <string.h>

/* What we use of it. */
#define CURL_CALLS(X)                                                                              \
    X(curl_easy_cleanup)                                                                           \
    X(curl_easy_getinfo)                                                                           \
    X(curl_easy_init)                                                                              \
    X(curl_easy_perform)                                                                           \
    X(curl_easy_setopt)                                                                            \
    X(curl_easy_strerror)                                                                          \
    X(curl_global_init)                                                                            \
    X(curl_slist_append)                                                                           \
    X(curl_slist_free_all)

/* Its headers make macros of some names. */
#undef curl_easy_setopt
#undef curl_easy_getinfo

static struct {
#define X(name) __typeof__(name) *name;
    CURL_CALLS(X)
#undef X
} lib;

static bool load(void)
{
    void *so = library_open("libcurl.so.4");
    bool is_whole = so != NULL;
#define X(name) is_whole = is_whole && library_find(so, #name, &lib.name);
    CURL_CALLS(X)
#undef X
    return is_whole && lib.curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

static bool is_there(void)
{
    static struct library_once once = LIBRARY_ONCE;
    return library_is_there(&once, load);
}

/* --- a call --- */

struct call {
    const struct http_post *post;
    struct buf *body;
    bool is_too_large;
};

static size_t on_body(char *p, size_t size, size_t n, void *ctx)
{
    struct call *c = ctx;
    if (size * n > c->post->max_bytes - c->body->len) {
        c->is_too_large = true;
        return 0; /* ends it */
    }
    buf_put_str(c->body, (struct str){p, size * n});
    return size * n;
}

static int on_progress(void *ctx, curl_off_t total, curl_off_t now, curl_off_t up_total,
                       curl_off_t up)
{
    const struct call *c = ctx;
    return c->post->is_over != NULL && c->post->is_over(c->post->ctx);
}

static struct curl_slist *list_of(const char *const *texts)
{
    struct curl_slist *list = NULL;
    for (; *texts != NULL; texts++) {
        struct curl_slist *longer = lib.curl_slist_append(list, *texts);
        if (longer == NULL) {
            lib.curl_slist_free_all(list);
            return NULL;
        }
        list = longer;
    }
    return list;
}

static void set_up(CURL *h, const struct http_post *p, struct call *c, struct curl_slist *headers)
{
    lib.curl_easy_setopt(h, CURLOPT_URL, p->url);
    lib.curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L); /* there are threads */
    lib.curl_easy_setopt(h, CURLOPT_POST, 1L);
    lib.curl_easy_setopt(h, CURLOPT_POSTFIELDS, p->body.len ? p->body.p : "");
    lib.curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE, (long)p->body.len);
    lib.curl_easy_setopt(h, CURLOPT_HTTPHEADER, headers);
    lib.curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, (long)p->connect_timeout_ms);
    lib.curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, (long)p->timeout_ms);
    lib.curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_body);
    lib.curl_easy_setopt(h, CURLOPT_WRITEDATA, c);
    lib.curl_easy_setopt(h, CURLOPT_NOPROGRESS, 0L);
    lib.curl_easy_setopt(h, CURLOPT_XFERINFOFUNCTION, on_progress);
    lib.curl_easy_setopt(h, CURLOPT_XFERINFODATA, c);
    if (p->ca_file != NULL) {
        lib.curl_easy_setopt(h, CURLOPT_CAINFO, p->ca_file);
    }
}

static enum err err_of(const struct call *c, CURLcode code)
{
    if (code == CURLE_OK) {
        return OK;
    }
    return c->is_too_large                          ? ERR_BUDGET
           : code == CURLE_OPERATION_TIMEDOUT       ? ERR_REQUEST_TIMED_OUT
           : code == CURLE_ABORTED_BY_CALLBACK      ? ERR_CLOSED
           : code == CURLE_PEER_FAILED_VERIFICATION ? ERR_TLS
                                                    : ERR_NETWORK_EXCEPTION;
}

enum err http_post(const struct http_post *p, int *ret_status, struct buf *body, struct buf *why)
{
    if (!is_there()) {
        buf_printf(why, "it needs libcurl (libcurl.so.4), which is not installed");
        return ERR_NOT_FOUND;
    }
    struct call c = {p, body, false};
    struct curl_slist *headers = list_of(p->headers);
    CURL *h = lib.curl_easy_init();
    enum err e = ERR_NO_MEMORY;
    long status = 0;
    if (h != NULL && headers != NULL) {
        set_up(h, p, &c, headers);
        CURLcode code = lib.curl_easy_perform(h);
        e = err_of(&c, code);
        lib.curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &status);
        if (e) {
            buf_printf(why, "%s",
                       c.is_too_large ? "its answer is too long" : lib.curl_easy_strerror(code));
        }
    }
    lib.curl_easy_cleanup(h);
    lib.curl_slist_free_all(headers);
    if (!e) {
        *ret_status = (int)status;
    }
    return e;
}
