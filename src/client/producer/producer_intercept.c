/* What the program has put between itself and the accumulator: interceptors and serializers. Their
 * callbacks are called without the lock, in the thread that sends; deliveries are told in the
 * producer's.
 *
 * As Apache Kafka's producer: an interceptor that fails changes nothing and stops nothing; those
 * behind it see what those before it left. */
#include "client/producer/producer_int.h"

#include "base/mem.h"

#include <stdio.h>

void intercept_init(struct ottla_producer *p)
{
    struct ottla_producer_options *o = &p->options;
    size_t bytes = o->interceptor_count * sizeof *o->interceptors;
    if (o->interceptor_count > 0) {
        o->interceptors = memcpy(mem_alloc(bytes), o->interceptors, bytes);
    }
    p->is_direct = o->interceptor_count == 0 && o->key_serializer.serialize == NULL &&
                   o->value_serializer.serialize == NULL;
}

void intercept_deinit(struct ottla_producer *p)
{
    if (p->options.interceptor_count > 0) {
        mem_free((void *)(uintptr_t)p->options.interceptors);
    }
}

static void warn(const struct ottla_producer *p, size_t i, int code, const struct ottla_error *why)
{
    char line[640];
    int len = snprintf(line, sizeof line,
                       "on_send of interceptor %zu failed, and the record goes on as it was: %s: "
                       "%s",
                       i, ottla_error_name(code), error_words(code, why));
    client_say(p->client, OTTLA_LOG_WARN, (struct str){line, (size_t)len});
}

void intercept_send(const struct ottla_producer *p, struct ottla_message *m,
                    struct ottla_scratch *scratch)
{
    for (size_t i = 0; i < p->options.interceptor_count; i++) {
        const struct ottla_producer_interceptor *it = &p->options.interceptors[i];
        struct ottla_message own = *m;
        struct ottla_error why = {0};
        int code = it->on_send ? it->on_send(it->ctx, &own, scratch, &why) : 0;
        if (code) {
            warn(p, i, code, &why);
        } else {
            *m = own;
            m->size = sizeof *m;
        }
    }
}

void intercept_delivery(const struct ottla_producer *p, const struct ottla_delivery *d)
{
    for (size_t i = 0; i < p->options.interceptor_count; i++) {
        const struct ottla_producer_interceptor *it = &p->options.interceptors[i];
        if (it->on_acknowledgement != NULL) {
            it->on_acknowledgement(it->ctx, d);
        }
    }
}

/* --- objects to bytes --- */

static int serialize(const struct ottla_serializer *s, const struct ottla_serialization *what,
                     struct ottla_bytes *ret, struct ottla_error *error)
{
    struct ottla_bytes made = {NULL, 0};
    struct ottla_error why = {0};
    if (s->serialize == NULL || what->object == NULL) {
        *ret = (struct ottla_bytes){what->object, s->serialize ? 0 : what->object_length};
        return 0;
    }
    int code = s->serialize(s->ctx, what, &made, &why);
    if (code) {
        return error_set(error, code, "topic %s: the %s cannot be serialized: %s",
                         what->message->topic, what->is_key ? "key" : "value",
                         error_words(code, &why));
    }
    *ret = made;
    return 0;
}

int serialize_message(const struct ottla_producer *p, struct ottla_message *m,
                      struct ottla_scratch *scratch, struct ottla_error *error)
{
    struct ottla_bytes key = {NULL, 0}, value = {NULL, 0};
    const struct ottla_serialization of_key = {m, true, m->key, m->key_length, scratch};
    const struct ottla_serialization of_value = {m, false, m->value, m->value_length, scratch};
    int code = serialize(&p->options.key_serializer, &of_key, &key, error);
    code = code ? code : serialize(&p->options.value_serializer, &of_value, &value, error);
    if (code == 0) {
        m->key = key.data;
        m->key_length = key.length;
        m->value = value.data;
        m->value_length = value.length;
    }
    return code;
}
