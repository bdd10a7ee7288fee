/* Connections, and requests that are asked one at a time: what comes before the load. */
#include "gen.h"

#include "base/endian.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

int dial(const char *host, int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int one = 1;
    if (inet_pton(AF_INET, host, &a.sin_addr) != 1) {
        die("%s is no address", host);
    }
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) != 0) {
        if (fd >= 0) {
            close(fd);
        }
        return -1;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

static void send_all(int fd, const uint8_t *p, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, p, len, MSG_NOSIGNAL);
        if (n <= 0) {
            die("send: %s", strerror(errno));
        }
        p += n;
        len -= (size_t)n;
    }
}

static void recv_all(int fd, uint8_t *p, size_t len)
{
    while (len > 0) {
        ssize_t n = recv(fd, p, len, 0);
        if (n <= 0) {
            die("recv: %s", n < 0 ? strerror(errno) : "the broker closed the connection");
        }
        p += n;
        len -= (size_t)n;
    }
}

void encode_request(struct buf *out, const struct wire_header *h, const void *req,
                    struct wire_splices *splices)
{
    buf_clear(out);
    buf_put_be32(out, 0);
    enum err e = wire_request_header_encode(h, out);
    e = e ? e : wire_encode(wire_request(h->api_key), h->version, req, out, splices);
    if (e || out->err) {
        die("cannot encode %s: %s", wire_name(wire_request(h->api_key)), err_text(e));
    }
    size_t len = out->len - 4;
    for (size_t i = 0; splices != NULL && i < splices->count; i++) {
        len += splices->items[i].len;
    }
    be32_put(out->p, (uint32_t)len);
}

static struct bytes exchange(struct peer *p, const struct wire_header *h, const void *req)
{
    struct buf out = BUF_INIT;
    uint8_t prefix[4];
    size_t used;
    encode_request(&out, h, req, NULL);
    send_all(p->fd, out.p, out.len);
    buf_deinit(&out);
    recv_all(p->fd, prefix, sizeof prefix);
    buf_clear(&p->in);
    uint8_t *in = buf_extend(&p->in, be32_get(prefix));
    if (in == NULL) {
        die("no memory for %u bytes", be32_get(prefix));
    }
    recv_all(p->fd, in, p->in.len);
    if (wire_response_header_decode(buf_bytes(&p->in), h, &used) != OK) {
        die("that was no response");
    }
    return (struct bytes){p->in.p + used, p->in.len - used};
}

static void call_version(struct peer *p, struct wire_header *h, const void *req, void *resp)
{
    struct bytes body = exchange(p, h, req);
    arena_reset(&p->arena);
    const struct wire_msg *m = wire_response(h->api_key);
    enum err e = wire_decode(m, h->version, body, &p->arena, resp, NULL);
    if (e) {
        die("%s version %d: %s", wire_name(m), h->version, err_text(e));
    }
}

int peer_version(const struct peer *p, int key)
{
    return MIN(p->max_version[key], wire_max_version(wire_request(key)));
}

struct wire_header request_header(const struct peer *p, int key, int32_t correlation_id)
{
    return (struct wire_header){.api_key = (int16_t)key,
                                .version = (int16_t)peer_version(p, key),
                                .correlation_id = correlation_id,
                                .client_id = STR("ottla-gen")};
}

void decode_answer(struct bytes frame, const struct wire_header *h, struct arena *a, void *resp)
{
    size_t used;
    arena_reset(a);
    if (wire_response_header_decode(frame, h, &used) != OK ||
        wire_decode(wire_response(h->api_key), h->version,
                    (struct bytes){frame.p + used, frame.len - used}, a, resp, NULL) != OK) {
        die("that was no answer to a request of API %d", h->api_key);
    }
}

void peer_call(struct peer *p, int key, const void *req, void *resp)
{
    struct wire_header h = request_header(p, key, p->correlation_id++);
    call_version(p, &h, req, resp);
}

static void ask_versions(struct peer *p)
{
    struct api_versions_req req = api_versions_req_default;
    struct api_versions_resp resp;
    struct wire_header h = {.api_key = 18, .version = 3, .client_id = STR("ottla-gen")};
    req.client_software_name = STR("ottla-gen");
    req.client_software_version = STR("1");
    call_version(p, &h, &req, &resp);
    for (size_t i = 0; i < ARRAY_LEN(p->max_version); i++) {
        p->max_version[i] = -1;
    }
    for (int32_t i = 0; i < resp.api_keys_count; i++) {
        if (resp.api_keys[i].api_key >= 0 && resp.api_keys[i].api_key < 256) {
            p->max_version[resp.api_keys[i].api_key] = resp.api_keys[i].max_version;
        }
    }
}

void peer_open(struct peer *p, const struct options *o)
{
    *p = (struct peer){.in = BUF_INIT};
    arena_init(&p->arena, 256 << 20);
    p->fd = dial(o->host, o->port);
    if (p->fd < 0) {
        die("cannot connect to %s:%d", o->host, o->port);
    }
    ask_versions(p);
}

void peer_forget(struct peer *p)
{
    arena_deinit(&p->arena);
    buf_deinit(&p->in);
}
