/* One POST over HTTP or HTTPS, by libcurl, which is loaded with the first need of it. It waits: not
 * for the thread of a loop. Thread-safe. */
#ifndef NET_CURL_H
#define NET_CURL_H

#include "base/buf.h"

struct http_post {
    const char *url;
    const char *const *headers; /* "Name: value", NULL behind the last */
    struct str body;
    const char *ca_file;                    /* PEM; NULL: those that the machine trusts */
    int64_t connect_timeout_ms, timeout_ms; /* of the connection, of everything */
    size_t max_bytes;                       /* of the answer's body */
    bool (*is_over)(void *ctx);             /* asked often: true ends it; may be NULL */
    void *ctx;
};

/* 0, with any status; body gets at most max_bytes. Redirections are not followed. BUDGET, NOT_FOUND
 * without the library, NETWORK_EXCEPTION and the like; then why gets a sentence. */
must_check enum err http_post(const struct http_post *p, int *ret_status, struct buf *body,
                              struct buf *why);

#endif
