/* custom_partitioner SERVERS TOPIC: as first_producer, but customers whose key begins with "vip-"
 * have partition 0 for themselves. */
#include <ottla/client.h>

#include <stdio.h>
#include <string.h>

/* In the thread that sends. The others are spread as Apache Kafka would, over one partition less.
 */
static int32_t choose(void *ctx, const struct ottla_message *message, int32_t partition_count)
{
    (void)ctx;
    if (message->key == NULL || partition_count < 2) {
        return -1; /* as the settings say */
    }
    if (message->key_length >= 4 && memcmp(message->key, "vip-", 4) == 0) {
        return 0;
    }
    return 1 + ottla_partition_for_key(message->key, message->key_length, partition_count - 1);
}

static void on_delivery(void *ctx, const struct ottla_delivery *d)
{
    const char *key = ctx; /* of main, which waits for us */
    printf("%s: partition %d\n", key, d->error ? -1 : (int)d->partition);
}

static int produce(struct ottla_client *client, const char *topic, struct ottla_error *error)
{
    static const char *const keys[] = {"vip-1", "vip-2", "ann", "bob", "eve"};
    struct ottla_producer_options options;
    ottla_producer_options_init(&options);
    options.partitioner = choose;
    struct ottla_producer *producer = ottla_producer_new_with(client, &options, error);
    int code = producer == NULL ? error->code : 0;
    for (size_t i = 0; code == 0 && i < sizeof keys / sizeof keys[0]; i++) {
        struct ottla_message message;
        ottla_message_init(&message);
        message.topic = topic;
        message.key = keys[i];
        message.key_length = strlen(keys[i]);
        code =
            ottla_producer_send(producer, &message, on_delivery, (void *)(uintptr_t)keys[i], error);
    }
    code = code ? code : ottla_producer_flush(producer, 30000, error);
    ottla_producer_free(producer, 1000);
    return code;
}

int main(int argc, char **argv)
{
    struct ottla_error error;
    struct ottla_client *client = NULL;
    if (argc != 3) {
        fprintf(stderr, "usage: custom_partitioner SERVERS TOPIC\n");
        return 2;
    }
    struct ottla_config *config = ottla_config_new();
    if (ottla_config_set(config, "bootstrap.servers", argv[1], &error) == 0) {
        client = ottla_client_new(config, &error);
    }
    ottla_config_free(config);
    int status = client == NULL || produce(client, argv[2], &error) != 0;
    if (status != 0) {
        fprintf(stderr, "%s\n", error.message);
    }
    ottla_client_free(client);
    return status;
}
