/* Frames out, frames in. */
#include "test/sim/client.h"

#include "base/assert.h"
#include "base/endian.h"
#include "test/sim/simnet.h"

enum { ARENA_BYTES = 64 << 20, READ_BYTES = 64 << 10 };

void sim_client_init(struct sim_client *c, struct net *net, int port)
{
    *c = (struct sim_client){.net = net, .port = port, .client_id = STR("sim")};
    arena_init(&c->arena, ARENA_BYTES);
}

void sim_client_deinit(struct sim_client *c)
{
    sim_client_drop(c);
    buf_deinit(&c->out);
    buf_deinit(&c->in);
    arena_deinit(&c->arena);
}

void sim_client_drop(struct sim_client *c)
{
    if (c->sock != NULL) {
        sock_close(c->sock);
    }
    c->sock = NULL;
    c->is_waiting = false;
    c->out_off = 0;
    buf_clear(&c->out);
    buf_clear(&c->in);
}

void sim_client_reset(struct sim_client *c)
{
    if (c->sock != NULL) {
        simsock_reset(c->sock);
    }
    sim_client_drop(c);
}

bool sim_client_call(struct sim_client *c, int api_key, int version, const void *msg)
{
    ASSERT(!c->is_waiting);
    if (c->sock == NULL && net_connect(c->net, "127.0.0.1", c->port, &c->sock) != OK) {
        c->sock = NULL;
        return false;
    }
    c->head = (struct wire_header){(int16_t)api_key, (int16_t)version, c->head.correlation_id + 1,
                                   c->client_id};
    size_t at = c->out.len;
    buf_put_be32(&c->out, 0);
    enum err e = wire_request_header_encode(&c->head, &c->out);
    e = e ? e : wire_encode(wire_request(api_key), version, msg, &c->out, NULL);
    ASSERT(e == OK);
    be32_put(c->out.p + at, (uint32_t)(c->out.len - at - 4));
    c->is_waiting = true;
    return true;
}

static enum err flush(struct sim_client *c)
{
    enum err e = OK;
    while (!e && c->out_off < c->out.len) {
        struct iovec iov = {c->out.p + c->out_off, c->out.len - c->out_off};
        size_t n = 0;
        e = sock_writev(c->sock, &iov, 1, 0, &n);
        c->out_off += e ? 0 : n;
    }
    if (c->out_off == c->out.len) {
        c->out_off = 0;
        buf_clear(&c->out);
    }
    return e == ERR_AGAIN ? OK : e;
}

static enum err fill(struct sim_client *c)
{
    enum err e = OK;
    while (!e) {
        struct iovec iov = {buf_reserve(&c->in, READ_BYTES), READ_BYTES};
        size_t n = 0;
        e = sock_readv(c->sock, &iov, 1, &n);
        if (!e && n == 0) {
            return ERR_CLOSED;
        }
        c->in.len += e ? 0 : n;
    }
    return e == ERR_AGAIN ? OK : e;
}

static void decode(struct sim_client *c, struct bytes frame, void *ret_resp)
{
    const struct wire_msg *m = wire_response(c->head.api_key);
    size_t used;
    arena_reset(&c->arena);
    enum err e = wire_response_header_decode(frame, &c->head, &used);
    frame = (struct bytes){frame.p + used, frame.len - used};
    e = e ? e : wire_decode(m, c->head.version, frame, &c->arena, ret_resp, NULL);
    ASSERT(e == OK); /* a broker that answers what nobody understands is broken */
}

enum sim_poll sim_client_poll(struct sim_client *c, void *ret_resp)
{
    if (!c->is_waiting) {
        return SIM_NOTHING;
    }
    enum err e = flush(c);
    e = e ? e : fill(c);
    uint32_t len = c->in.len >= 4 ? be32_get(c->in.p) : 0;
    if (c->in.len >= 4 && c->in.len - 4 >= len) {
        decode(c, (struct bytes){c->in.p + 4, len}, ret_resp);
        ASSERT(c->in.len == 4 + len);
        c->in.len = 0; /* the bytes stay where they are: the answer has views into them */
        c->is_waiting = false;
        return SIM_ANSWER;
    }
    if (e) {
        sim_client_drop(c);
        return SIM_LOST;
    }
    return SIM_NOTHING;
}
