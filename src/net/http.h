/* Small HTTP pages on sockets that somebody else accepted: GET and HEAD, answered in a thread of
 * its own so that a large page holds up nobody. libmicrohttpd does the protocol; it is loaded with
 * the first socket, because most runs of a program never get one. */
#ifndef NET_HTTP_H
#define NET_HTTP_H

#include "base/buf.h"
#include "plat/net.h"

struct http;

struct http_page {
    int status; /* 200 at first */
    const char *content_type;
    struct buf body;
};

/* Makes the page of a path ("/metrics", without the query); in the HTTP thread. */
typedef void http_fn(void *ctx, const char *path, struct http_page *ret_page);

struct http *http_new(http_fn *fn, void *ctx);

/* Answers what the peer asks, and closes. Takes the socket over in any case; any thread. */
void http_take(struct http *h, struct sock *s);

/* Ends the thread and all connections; sockets that come later are closed. NULL is fine. */
void http_stop(struct http *h);
void http_free(struct http *h); /* NULL is fine */

/* Whether a connection that begins with this byte speaks HTTP and not Kafka's protocol, whose first
 * byte is the highest of a length of at most frame_max_bytes. */
bool http_begins_with(unsigned char first, size_t frame_max_bytes);

#endif
