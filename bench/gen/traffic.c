/* What a load of one API consists of: partitions that are shared out among the connections, the
 * content of their batches, one version, and answers that are decoded one at a time. */
#include "gen.h"

#include <stdio.h>

enum { ARENA_BYTES = 16 << 20 };

void traffic_init(struct traffic *t, const struct options *o, const struct traffic_kind *kind,
                  int64_t *ret_end_offs)
{
    t->flow = (struct flow){.options = o, .ask = kind->ask, .answer = kind->answer};
    t->kind = kind;
    t->each = o->is_shared ? 1 : o->partitions / o->conns;
    if (!o->is_shared &&
        (t->each < 1 || t->each > kind->each_max || o->partitions % o->conns != 0)) {
        die("%d connections cannot share %d partitions", o->conns, o->partitions);
    }
    content_init(&t->content, o);
    arena_init(&t->arena, ARENA_BYTES);
    peer_open(&t->peer, o);
    t->version = peer_version(&t->peer, kind->api_key);
    t->topic_id = admin_find(&t->peer, o, ret_end_offs);
}

int traffic_partition(const struct traffic *t, const struct flow_conn *c, int i)
{
    const struct options *o = t->flow.options;
    return o->is_shared ? c->index % o->partitions : c->index * t->each + i;
}

struct wire_header traffic_header(const struct traffic *t, int32_t correlation_id)
{
    return request_header(&t->peer, t->kind->api_key, correlation_id);
}

void traffic_decode(struct traffic *t, const struct flow_conn *c, struct bytes frame, void *resp)
{
    struct wire_header h = traffic_header(t, c->next_answer);
    decode_answer(frame, &h, &t->arena, resp);
}

void traffic_run(struct traffic *t)
{
    meter_begin(&t->meter, t->flow.options->pid);
    flow_run(&t->flow);
    meter_end(&t->meter);
}

void traffic_print_open(const struct traffic *t, int64_t wire_bytes)
{
    printf("{\"records\": %lld, \"bytes\": %lld, \"wire_bytes\": %lld, \"requests\": %lld"
           ", \"changed\": %lld",
           (long long)t->records, (long long)t->records * (long long)t->flow.options->value_bytes,
           (long long)wire_bytes, (long long)t->flow.requests, (long long)t->changed);
    meter_print(&t->meter);
}

void traffic_print(const struct traffic *t, int64_t wire_bytes)
{
    traffic_print_open(t, wire_bytes);
    printf("}\n");
}
