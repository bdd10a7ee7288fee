/* Topics by name or pattern. One thread. */
#include "cli/records/subscribe.h"

#include "cli/java_regex.h"

static bool subscribe_pattern(struct cli *c, struct ottla_consumer *consumer, const char *include,
                              const struct ottla_rebalance_listener *listener)
{
    struct buf posix = BUF_INIT, why = BUF_INIT;
    bool ok = cli_put_regex(&posix, include, &why) ||
              cli_refuse(c, "%s is an invalid regex: %s.", include, buf_cstr(&why));
    ok = ok &&
         (ottla_consumer_subscribe_pattern(consumer, buf_cstr(&posix), listener, &c->error) == 0 ||
          cli_refuse(c, "%s", c->error.message));
    buf_deinit(&posix);
    buf_deinit(&why);
    return ok;
}

bool subscribe_to(struct cli *c, struct ottla_consumer *consumer, const char *topic,
                  const char *include, const struct ottla_rebalance_listener *listener)
{
    if (topic == NULL) {
        return subscribe_pattern(c, consumer, include, listener);
    }
    return ottla_consumer_subscribe(consumer, &topic, 1, listener, &c->error) == 0 ||
           cli_refuse(c, "%s", c->error.message);
}
