/* unload LIBRARY SERVERS TOPIC: a program that knows libottla only as a plugin: it loads the
 * library, writes records from a thread that outlives it there, lets go of it, and goes on. What
 * must not happen: a thread that is left in code that is gone, a destructor of such, a crash. */
#define _GNU_SOURCE
#include <ottla/client.h>

#include <dirent.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(that)                                                                                \
    do {                                                                                           \
        if (!(that)) {                                                                             \
            fprintf(stderr, "unload: line %d: %s\n", __LINE__, #that);                             \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static void *library;

/* POSIX has it that what dlsym gives is a function's, too; C has no cast for it. */
static void get(const char *name, void *ret_function)
{
    void *found = dlsym(library, name);
    CHECK(found != NULL);
    memcpy(ret_function, &found, sizeof found);
}

struct work {
    const char *servers, *topic;
    pthread_barrier_t is_done, may_end;
};

static struct ottla_client *connect_to(const char *servers, const char *codec)
{
    struct ottla_config *(*config_new)(void);
    void (*config_free)(struct ottla_config *);
    int (*config_set)(struct ottla_config *, const char *, const char *, struct ottla_error *);
    struct ottla_client *(*client_new)(const struct ottla_config *, struct ottla_error *);
    get("ottla_config_new", &config_new);
    get("ottla_config_free", &config_free);
    get("ottla_config_set", &config_set);
    get("ottla_client_new", &client_new);
    struct ottla_config *config = config_new();
    CHECK(config_set(config, "bootstrap.servers", servers, NULL) == 0);
    CHECK(config_set(config, "compression.type", codec, NULL) == 0);
    CHECK(config_set(config, "auto.offset.reset", "earliest", NULL) == 0);
    struct ottla_client *client = client_new(config, NULL);
    CHECK(client != NULL);
    config_free(config);
    return client;
}

static void write_one(struct ottla_client *client, const char *topic)
{
    struct ottla_producer *(*producer_new)(struct ottla_client *, struct ottla_error *);
    void (*producer_free)(struct ottla_producer *, int);
    void (*message_init)(struct ottla_message *, size_t);
    int (*send_wait)(struct ottla_producer *, const struct ottla_message *, struct ottla_delivery *,
                     struct ottla_error *);
    char value[5000] = {0};
    struct ottla_message message;
    get("ottla_producer_new", &producer_new);
    get("ottla_producer_free", &producer_free);
    get("ottla_message_init_size", &message_init);
    get("ottla_producer_send_wait", &send_wait);
    message_init(&message, sizeof message);
    message.topic = topic;
    message.partition = 0;
    message.value = value;
    message.value_length = sizeof value;
    struct ottla_producer *producer = producer_new(client, NULL);
    CHECK(producer != NULL && send_wait(producer, &message, NULL, NULL) == 0);
    producer_free(producer, 1000);
}

/* Unpacks in this thread, which keeps what it unpacks with. */
static void read_some(struct ottla_client *client, const char *topic)
{
    struct ottla_consumer *(*consumer_new)(struct ottla_client *, struct ottla_error *);
    void (*consumer_free)(struct ottla_consumer *);
    int (*assign)(struct ottla_consumer *, const struct ottla_topic_partition *, size_t,
                  struct ottla_error *);
    int (*poll_for)(struct ottla_consumer *, int, struct ottla_records **, struct ottla_error *);
    size_t (*count)(const struct ottla_records *);
    void (*records_free)(struct ottla_records *);
    const struct ottla_topic_partition part = {topic, 0};
    size_t seen = 0;
    get("ottla_consumer_new", &consumer_new);
    get("ottla_consumer_free", &consumer_free);
    get("ottla_consumer_assign", &assign);
    get("ottla_consumer_poll", &poll_for);
    get("ottla_records_count", &count);
    get("ottla_records_free", &records_free);
    struct ottla_consumer *consumer = consumer_new(client, NULL);
    CHECK(consumer != NULL && assign(consumer, &part, 1, NULL) == 0);
    while (seen == 0) {
        struct ottla_records *records = NULL;
        CHECK(poll_for(consumer, 1000, &records, NULL) == 0);
        seen += count(records);
        records_free(records);
    }
    consumer_free(consumer);
}

static void *use(void *ctx)
{
    static const char *const codecs[] = {"gzip", "zstd", "lz4", "snappy", "none"};
    struct work *w = ctx;
    void (*client_free)(struct ottla_client *);
    get("ottla_client_free", &client_free);
    for (size_t i = 0; i < sizeof codecs / sizeof codecs[0]; i++) {
        struct ottla_client *client = connect_to(w->servers, codecs[i]);
        write_one(client, w->topic);
        read_some(client, w->topic);
        client_free(client);
    }
    pthread_barrier_wait(&w->is_done);
    pthread_barrier_wait(&w->may_end); /* the library is gone; then this thread ends */
    return NULL;
}

static int threads(void)
{
    int n = 0;
    DIR *tasks = opendir("/proc/self/task");
    CHECK(tasks != NULL);
    for (struct dirent *e = readdir(tasks); e != NULL; e = readdir(tasks)) {
        n += e->d_name[0] != '.';
    }
    closedir(tasks);
    return n;
}

static int is_mapped(void)
{
    char line[4096];
    int found = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    CHECK(maps != NULL);
    while (fgets(line, sizeof line, maps) != NULL) {
        found |= strstr(line, "libottla.so") != NULL;
    }
    fclose(maps);
    return found;
}

int main(int argc, char **argv)
{
    CHECK(argc == 4);
    struct work w = {.servers = argv[2], .topic = argv[3]};
    for (int turn = 0; turn < 3; turn++) {
        pthread_t thread;
        library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
        CHECK(library != NULL && is_mapped());
        CHECK(pthread_barrier_init(&w.is_done, NULL, 2) == 0);
        CHECK(pthread_barrier_init(&w.may_end, NULL, 2) == 0);
        CHECK(pthread_create(&thread, NULL, use, &w) == 0);
        pthread_barrier_wait(&w.is_done);
        CHECK(threads() == 2); /* none of the library's is left */
        CHECK(dlclose(library) == 0);
        CHECK(!is_mapped());
        pthread_barrier_wait(&w.may_end);
        CHECK(pthread_join(thread, NULL) == 0);
        pthread_barrier_destroy(&w.is_done);
        pthread_barrier_destroy(&w.may_end);
    }
    puts("loaded and unloaded three times");
    return 0;
}
