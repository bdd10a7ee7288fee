/* Leaders of partitions, as they were when a topic's first record came. One thread. */
#include "cli/records/leaders.h"

static void ask(struct leaders *l, struct cli *c, const char *topic)
{
    struct ottla_topics *topics = NULL;
    if (ottla_describe_topics(c->client, &topic, 1, &c->options, &topics, NULL) != 0) {
        return;
    }
    for (size_t i = 0; topics->count > 0 && i < topics->rows[0]->partition_count; i++) {
        const struct ottla_partition *p = topics->rows[0]->partitions[i];
        if (cli_parts_find(&l->parts, topic, p->partition) == NULL) {
            cli_parts_add(&l->parts, topic, p->partition, p->leader);
        }
    }
    ottla_topics_free(topics);
}

int32_t leaders_find(struct leaders *l, struct cli *c, const struct ottla_record *r)
{
    struct cli_part *found = cli_parts_find(&l->parts, r->topic, r->partition);
    if (found == NULL) {
        ask(l, c, r->topic);
        found = cli_parts_find(&l->parts, r->topic, r->partition);
    }
    return found != NULL ? (int32_t)found->value : -1;
}

void leaders_deinit(struct leaders *l) { cli_parts_deinit(&l->parts); }
