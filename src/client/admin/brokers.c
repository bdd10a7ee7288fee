/* Asking every broker for what only it knows, such as the groups that it coordinates. The caller's
 * thread. */
#include "client/admin/admin.h"

#include "base/mem.h"

static int find_brokers(struct admin *ad, const struct wire_msg *resp, struct listings *ret)
{
    struct metadata_ask m = {0};
    int code = admin_metadata(ad, &m, NULL, 0);
    if (!code) {
        ret->count = (size_t)MAX(m.resp.brokers_count, 0);
        ret->all = mem_zalloc(sizeof *ret->all * (ret->count + 1));
        for (size_t i = 0; i < ret->count; i++) {
            ret->all[i].broker = m.resp.brokers[i].node_id;
            ret->all[i].resp = mem_zalloc(wire_struct_bytes(resp));
        }
    }
    exchange_deinit(&m.exchange);
    return code;
}

static int error_of(const struct listing *l, size_t error_at)
{
    int16_t code;
    memcpy(&code, (const char *)l->resp + error_at, sizeof code);
    return code;
}

int listings_ask(struct admin *ad, const struct call *what, size_t error_at, struct listings *ret)
{
    struct listings x = {0};
    int code = find_brokers(ad, wire_response(what->api_key), &x);
    int again;
    *ret = x;
    if (code) {
        return code;
    }
    do {
        for (size_t i = 0; i < x.count; i++) {
            if (ad->tries == 0 || code_is_retriable(x.all[i].code)) {
                struct call call = *what;
                call.to = CALL_NODE;
                call.node_id = x.all[i].broker;
                exchange_send(ad, &x.all[i].exchange, &call);
            }
        }
        admin_wait_all(ad);
        again = 0;
        for (size_t i = 0; i < x.count; i++) {
            struct listing *l = &x.all[i];
            l->code = exchange_read(ad, &l->exchange, l->resp, &l->why);
            if (!l->code && error_of(l, error_at)) {
                l->code = error_code(&l->why, error_of(l, error_at), NULL);
                again = worth_another(again, l->code);
            }
        }
    } while (admin_again(ad, again));
    return 0;
}

const struct ottla_outcome *const *listings_errors(struct fill *f, const struct listings *x,
                                                   size_t *ret_count)
{
    size_t n = 0;
    *ret_count = 0;
    for (size_t i = 0; i < x->count; i++) {
        *ret_count += x->all[i].code != 0;
    }
    struct ottla_outcome **rows = fill_rows(f, ret_count, sizeof **rows);
    for (size_t i = 0; i < x->count && !f->failed; i++) {
        const struct listing *l = &x->all[i];
        if (l->code) {
            *rows[n++] = (struct ottla_outcome){"broker", l->broker, l->code,
                                                fill_text(f, str_from(l->why.message))};
        }
    }
    return (const struct ottla_outcome *const *)rows;
}

void listings_deinit(struct listings *x)
{
    for (size_t i = 0; i < x->count; i++) {
        exchange_deinit(&x->all[i].exchange);
        mem_free(x->all[i].resp);
    }
    mem_free(x->all);
}
