/* client_group group --bootstrap B --group G --topic T[,T…] [--instance I] [--strategy S]
 * [--protocol P] [--commit sync|async|auto|none] [--prop SETTING=VALUE …]: a member of a group,
 * called as the peers of test/peers are. Until its input ends it prints, a JSON object a line,
 * {"have":[partitions]} when that changes, {"p","o","v"} for a record, which it commits then, and
 * what its listener hears:
 * {"revoked":[…]}, {"assigned":[…]}, {"lost":[…]}; {"failed","why"}: what poll refused. A topic
 * "~EXPRESSION" is a pattern.
 *
 * Lines of input: "stall MS": does nothing for so long; "subscribe T[,T…]"; "unsubscribe";
 * "enforce"; "who": {"generation","member"}; "lag": {"lag"}; "metrics": {"metrics"}. */
#include <ottla/client.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TOPICS_MAX = 16, HAVE_MAX = 1000 };

static struct ottla_error error;
static const char *commit_how = "sync";
static bool is_subscribed;

static void fail(const char *what)
{
    printf("{\"error\":\"%s: %s %s\"}\n", what, ottla_error_name(error.code), error.message);
    fflush(stdout);
    exit(1);
}

/* What is between quotes. */
static void put_text(const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        printf(c == '"' || c == '\\' ? "\\%c" : c < ' ' ? "\\u%04x" : "%c", c);
    }
}

static void put_partitions(const char *word, const struct ottla_topic_partition *tps, size_t count)
{
    printf("{\"%s\":[", word);
    for (size_t i = 0; i < count; i++) {
        printf("%s%d", i ? "," : "", tps[i].partition);
    }
    printf("]}\n");
    fflush(stdout);
}

static void on_revoked(void *ctx, struct ottla_consumer *c, const struct ottla_topic_partition *tps,
                       size_t count)
{
    (void)ctx;
    (void)c;
    put_partitions("revoked", tps, count);
}

static void on_assigned(void *ctx, struct ottla_consumer *c,
                        const struct ottla_topic_partition *tps, size_t count)
{
    (void)ctx;
    (void)c;
    put_partitions("assigned", tps, count);
}

static void on_lost(void *ctx, struct ottla_consumer *c, const struct ottla_topic_partition *tps,
                    size_t count)
{
    (void)ctx;
    (void)c;
    put_partitions("lost", tps, count);
}

static const struct ottla_rebalance_listener listener = {
    .revoked = on_revoked, .assigned = on_assigned, .lost = on_lost};

static void put_base64(const unsigned char *p, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < len; i += 3) {
        unsigned v = (unsigned)p[i] << 16;
        v |= i + 1 < len ? (unsigned)p[i + 1] << 8 : 0;
        v |= i + 2 < len ? (unsigned)p[i + 2] : 0;
        printf("%c%c%c%c", digits[v >> 18], digits[v >> 12 & 63],
               i + 1 < len ? digits[v >> 6 & 63] : '=', i + 2 < len ? digits[v & 63] : '=');
    }
}

static void put_record(const struct ottla_record *r)
{
    printf("{\"p\":%d,\"o\":%lld,\"v\":\"", r->partition, (long long)r->offset);
    put_base64(r->value, r->value_length);
    printf("\"}\n");
}

static void subscribe(struct ottla_consumer *c, const char *text)
{
    const char *topics[TOPICS_MAX];
    is_subscribed = true;
    char *copy = strdup(text), *rest = copy, *item;
    size_t n = 0;
    if (text[0] == '~') {
        if (ottla_consumer_subscribe_pattern(c, text + 1, &listener, &error)) {
            fail("subscribe");
        }
        free(copy);
        return;
    }
    while (n < TOPICS_MAX && (item = strtok_r(rest, ",", &rest)) != NULL) {
        topics[n++] = item;
    }
    if (ottla_consumer_subscribe(c, topics, n, &listener, &error)) {
        fail("subscribe");
    }
    free(copy);
}

static void on_commit(void *ctx, int code, const char *message, const struct ottla_commit *offsets,
                      size_t count)
{
    (void)ctx;
    (void)message;
    (void)offsets;
    printf("{\"committed\":%zu,\"code\":\"%s\"}\n", count, ottla_error_name(code));
}

/* Who loses its partitions between poll and commit is told so, and goes on. */
static void commit(struct ottla_consumer *c)
{
    int code = 0;
    if (strcmp(commit_how, "sync") == 0) {
        code = ottla_consumer_commit(c, NULL, 0, 30000, &error);
    } else if (strcmp(commit_how, "async") == 0) {
        code = ottla_consumer_commit_async(c, NULL, 0, on_commit, NULL, &error);
    }
    if (code != 0) {
        printf("{\"refused\":\"%s\"}\n", ottla_error_name(code));
    }
}

static void who(struct ottla_consumer *c)
{
    struct ottla_group_metadata *g;
    if (ottla_consumer_group_metadata(c, &g, &error)) {
        fail("group metadata");
    }
    printf("{\"generation\":%d,\"member\":\"%s\"}\n", g->generation, g->member_id);
    ottla_group_metadata_free(g);
}

static void obey(struct ottla_consumer *c, char *line)
{
    line[strcspn(line, "\n")] = '\0';
    if (strncmp(line, "stall ", 6) == 0) {
        usleep((useconds_t)atoi(line + 6) * 1000);
    } else if (strncmp(line, "subscribe ", 10) == 0) {
        subscribe(c, line + 10);
    } else if (strcmp(line, "unsubscribe") == 0) {
        ottla_consumer_unsubscribe(c);
        is_subscribed = false;
    } else if (strcmp(line, "enforce") == 0) {
        (void)ottla_consumer_enforce_rebalance(c, "told to", &error);
    } else if (strcmp(line, "who") == 0) {
        who(c);
    } else if (strcmp(line, "metrics") == 0) {
        char *text = ottla_consumer_metrics(c);
        printf("{\"metrics\":%s}\n", text);
        ottla_text_free(text);
    } else if (strcmp(line, "lag") == 0) {
        printf("{\"lag\":%lld}\n", (long long)ottla_consumer_lag_max(c));
    }
    printf("{\"obeyed\":\"%s\"}\n", line);
    fflush(stdout);
}

/* False when the input has ended. */
static bool listen(struct ottla_consumer *c)
{
    static char buf[4096];
    static size_t len;
    struct pollfd p = {.fd = 0, .events = POLLIN};
    char *end;
    if (poll(&p, 1, 0) <= 0) {
        return true;
    }
    ssize_t n = read(0, buf + len, sizeof buf - 1 - len);
    if (n <= 0) {
        return false;
    }
    len += (size_t)n;
    buf[len] = '\0';
    while ((end = strchr(buf, '\n')) != NULL) {
        *end = '\0';
        obey(c, buf);
        len -= (size_t)(end + 1 - buf);
        memmove(buf, end + 1, len + 1);
    }
    return true;
}

static void put_have(struct ottla_consumer *c)
{
    static int32_t have[HAVE_MAX];
    static size_t have_count = SIZE_MAX;
    const struct ottla_topic_partition *tps;
    size_t count = ottla_consumer_assignment(c, &tps);
    bool is_same = count == have_count;
    for (size_t i = 0; i < count && i < HAVE_MAX; i++) {
        is_same = is_same && have[i] == tps[i].partition;
        have[i] = tps[i].partition;
    }
    have_count = count;
    if (!is_same) {
        put_partitions("have", tps, count);
    }
}

static long long run(struct ottla_consumer *c)
{
    long long count = 0;
    while (listen(c)) {
        struct ottla_records *records;
        if (!is_subscribed) {
            put_have(c);
            usleep(100000);
            continue;
        }
        if (ottla_consumer_poll(c, 100, &records, &error)) {
            printf("{\"failed\":\"%s\",\"why\":\"", ottla_error_name(error.code));
            put_text(error.message);
            printf("\"}\n");
            fflush(stdout);
            usleep(100000);
            continue;
        }
        for (size_t i = 0; i < ottla_records_count(records); i++, count++) {
            put_record(ottla_records_at(records, i));
        }
        if (ottla_records_count(records) > 0) {
            commit(c);
        }
        ottla_records_free(records);
        put_have(c);
        fflush(stdout);
    }
    return count;
}

static void set(struct ottla_config *config, const char *name, const char *value)
{
    if (ottla_config_set(config, name, value, &error)) {
        fail("setting");
    }
}

static const char *read_args(struct ottla_config *config, int argc, char **argv)
{
    static const char *const names[][2] = {{"--bootstrap", "bootstrap.servers"},
                                           {"--group", "group.id"},
                                           {"--instance", "group.instance.id"},
                                           {"--protocol", "group.protocol"},
                                           {"--strategy", "partition.assignment.strategy"}};
    const char *topic = "";
    for (int i = 2; i + 1 < argc; i += 2) {
        for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
            if (strcmp(argv[i], names[k][0]) == 0) {
                set(config, names[k][1], argv[i + 1]);
            }
        }
        if (strcmp(argv[i], "--topic") == 0) {
            topic = argv[i + 1];
        } else if (strcmp(argv[i], "--commit") == 0) {
            commit_how = argv[i + 1];
        } else if (strcmp(argv[i], "--prop") == 0) {
            char *eq = strchr(argv[i + 1], '=');
            if (eq != NULL) {
                *eq = '\0';
                set(config, argv[i + 1], eq + 1);
            }
        }
    }
    return topic;
}

/* What only members that share by themselves may say. */
static void set_classic(struct ottla_config *config)
{
    static const char *const values[][3] = {
        {"session.timeout.ms", "45000", "6000"},
        {"heartbeat.interval.ms", "3000", "500"},
        {"partition.assignment.strategy", "range, cooperative-sticky", "range"}};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        if (strcmp(ottla_config_get(config, "group.protocol"), "classic") == 0 &&
            strcmp(ottla_config_get(config, values[i][0]), values[i][1]) == 0) {
            set(config, values[i][0], values[i][2]);
        }
    }
}

int main(int argc, char **argv)
{
    struct ottla_config *config = ottla_config_new();
    set(config, "auto.offset.reset", "earliest");
    const char *topic = read_args(config, argc, argv);
    set_classic(config);
    set(config, "enable.auto.commit", strcmp(commit_how, "auto") == 0 ? "true" : "false");
    struct ottla_client *client = ottla_client_new(config, &error);
    struct ottla_consumer *c = client ? ottla_consumer_new(client, &error) : NULL;
    ottla_config_free(config);
    if (c == NULL) {
        fail("consumer");
    }
    subscribe(c, topic);
    long long count = run(c);
    if (ottla_consumer_close(c, NULL, &error)) {
        fail("close");
    }
    ottla_consumer_free(c);
    ottla_client_free(client);
    printf("{\"done\":%lld}\n", count);
    return 0;
}
