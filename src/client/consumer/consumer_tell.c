/* What a consumer tells its user by callbacks while it polls: numbers, and ends of partitions. The
 * user's thread, no lock held. */
#include "client/consumer/consumer_int.h"

void tell_statistics(struct ottla_consumer *c)
{
    int64_t now_ms = client_now_ms(c->client);
    if (reporter_is_due(&c->reporter, now_ms)) {
        c->is_in_callback = true;
        reporter_tell(&c->reporter, ottla_consumer_metrics(c), now_ms);
        c->is_in_callback = false;
    }
}

bool tell_ends(struct ottla_consumer *c)
{
    const struct part *p;
    bool has_told = false;
    while ((p = fetcher_end_reached(&c->fetcher)) != NULL) {
        struct ottla_topic_partition tp = {p->topic, p->partition};
        c->is_in_callback = true;
        c->options.partition_end(c->options.partition_end_ctx, c, &tp, p->told_end);
        c->is_in_callback = false;
        has_told = true;
    }
    return has_told;
}
