/* What a load of one API consists of: partitions that are shared out among the connections, the
 * content of their batches, one version, and answers that are decoded one at a time. */
#include "gen.h"

#include <stdio.h>

enum { ARENA_BYTES = 16 << 20 };

void traffic_init(struct traffic *t, const struct options *o, const struct traffic_kind *kind,
                  int64_t *ret_end_offs)
{
    struct peer p;
    t->flow = (struct flow){.options = o, .ask = kind->ask, .answer = kind->answer};
    t->kind = kind;
    t->each = o->partitions / o->conns;
    if (t->each < 1 || t->each > kind->each_max || o->partitions % o->conns != 0) {
        die("%d connections cannot share %d partitions", o->conns, o->partitions);
    }
    content_init(&t->content, o);
    arena_init(&t->arena, ARENA_BYTES);
    peer_open(&p, o);
    t->version = peer_version(&p, kind->api_key);
    t->topic_id = admin_find(&p, o, ret_end_offs);
}

int traffic_partition(const struct traffic *t, const struct flow_conn *c, int i)
{
    return c->index * t->each + i;
}

struct wire_header traffic_header(const struct traffic *t, int32_t correlation_id)
{
    return (struct wire_header){.api_key = t->kind->api_key,
                                .version = (int16_t)t->version,
                                .correlation_id = correlation_id,
                                .client_id = STR("ottla-gen")};
}

void traffic_decode(struct traffic *t, const struct flow_conn *c, struct bytes frame, void *resp)
{
    struct wire_header h = traffic_header(t, c->next_answer);
    size_t used;
    arena_reset(&t->arena);
    if (wire_response_header_decode(frame, &h, &used) != OK ||
        wire_decode(wire_response(t->kind->api_key), t->version,
                    (struct bytes){frame.p + used, frame.len - used}, &t->arena, resp,
                    NULL) != OK) {
        die("that was no answer to a request of API %d", t->kind->api_key);
    }
}

void traffic_run(struct traffic *t)
{
    meter_begin(&t->meter, t->flow.options->pid);
    flow_run(&t->flow);
    meter_end(&t->meter);
}

void traffic_print(const struct traffic *t, int64_t wire_bytes)
{
    printf("{\"records\": %lld, \"bytes\": %lld, \"wire_bytes\": %lld, \"requests\": %lld",
           (long long)t->records, (long long)t->records * (long long)t->flow.options->value_bytes,
           (long long)wire_bytes, (long long)t->flow.requests);
    meter_print(&t->meter);
    printf("}\n");
}
