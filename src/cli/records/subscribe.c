/* Topics by name or pattern. One thread. */
#include "cli/records/subscribe.h"

bool subscribe_to(struct cli *c, struct ottla_consumer *consumer, const char *topic,
                  const char *include, const struct ottla_rebalance_listener *listener)
{
    struct buf posix = BUF_INIT;
    int e;
    if (topic != NULL) {
        e = ottla_consumer_subscribe(consumer, &topic, 1, listener, &c->error);
    } else {
        cli_put_regex(&posix, include);
        e = ottla_consumer_subscribe_pattern(consumer, buf_cstr(&posix), listener, &c->error);
    }
    buf_deinit(&posix);
    return e == 0 || cli_refuse(c, "%s", c->error.message);
}
