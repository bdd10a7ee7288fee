/* lag_reader SERVERS GROUP: how many records the group has not read yet, partition by partition. */
#include <ottla/client.h>

#include <stdio.h>
#include <stdlib.h>

/* The ends of the partitions that the group has committed offsets of. */
static int ask_ends(struct ottla_client *client, const struct ottla_offsets *committed,
                    struct ottla_offsets **ret_ends, struct ottla_error *error)
{
    struct ottla_offset_query *queries = calloc(committed->count + 1, sizeof *queries);
    if (queries == NULL) {
        abort();
    }
    for (size_t i = 0; i < committed->count; i++) {
        queries[i].topic = committed->rows[i]->topic;
        queries[i].partition = committed->rows[i]->partition;
        queries[i].timestamp_ms = OTTLA_OFFSET_LATEST;
    }
    int code = ottla_list_offsets(client, queries, committed->count, NULL, ret_ends, error);
    free(queries);
    return code;
}

static void print(const struct ottla_offsets *committed, const struct ottla_offsets *ends)
{
    for (size_t i = 0; i < committed->count; i++) {
        const struct ottla_partition_offset *c = committed->rows[i], *e = ends->rows[i];
        if (c->error || e->error) {
            printf("%s-%d: %s\n", c->topic, (int)c->partition, c->error ? c->message : e->message);
        } else {
            printf("%s-%d: %lld\n", c->topic, (int)c->partition,
                   (long long)(e->offset - c->offset));
        }
    }
}

static int read_lag(struct ottla_client *client, const char *group, struct ottla_error *error)
{
    struct ottla_offsets *committed = NULL, *ends = NULL;
    int code = ottla_list_group_offsets(client, group, NULL, 0, NULL, &committed, error);
    code = code ? code : ask_ends(client, committed, &ends, error);
    if (code == 0) {
        print(committed, ends);
    }
    ottla_offsets_free(ends);
    ottla_offsets_free(committed);
    return code;
}

int main(int argc, char **argv)
{
    struct ottla_error error;
    struct ottla_client *client = NULL;
    if (argc != 3) {
        fprintf(stderr, "usage: lag_reader SERVERS GROUP\n");
        return 2;
    }
    struct ottla_config *config = ottla_config_new();
    if (ottla_config_set(config, "bootstrap.servers", argv[1], &error) == 0) {
        client = ottla_client_new(config, &error);
    }
    ottla_config_free(config);
    int status = client == NULL || read_lag(client, argv[2], &error) != 0;
    if (status != 0) {
        fprintf(stderr, "%s\n", error.message);
    }
    ottla_client_free(client);
    return status;
}
