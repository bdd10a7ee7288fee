/* first_producer SERVERS TOPIC: writes a record for each line "key:value" of standard input, and
 * says where it went. Records are sent as they come; what became of them is told later. */
#include <ottla/client.h>

#include <stdio.h>
#include <string.h>

/* In the producer's thread: keep it short. */
static void on_delivery(void *ctx, const struct ottla_delivery *d)
{
    int *failed = ctx;
    if (d->error) {
        fprintf(stderr, "not written: %s\n", d->message);
        (*failed)++;
    } else {
        printf("%s-%d@%lld\n", d->topic, (int)d->partition, (long long)d->offset);
    }
}

static int send_line(struct ottla_producer *producer, const char *topic, char *line, int *failed,
                     struct ottla_error *error)
{
    struct ottla_message message;
    char *colon = strchr(line, ':');
    ottla_message_init(&message);
    message.topic = topic;
    if (colon != NULL) {
        message.key = line;
        message.key_length = (size_t)(colon - line);
    }
    message.value = colon ? colon + 1 : line;
    message.value_length = strlen(message.value);
    /* the record is copied: line may be used again at once */
    return ottla_producer_send(producer, &message, on_delivery, failed, error);
}

static int produce(struct ottla_client *client, const char *topic)
{
    struct ottla_error error;
    char line[4096];
    int failed = 0, code = 0;
    struct ottla_producer *producer = ottla_producer_new(client, &error);
    if (producer == NULL) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    while (code == 0 && fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        code = send_line(producer, topic, line, &failed, &error);
    }
    code = code ? code : ottla_producer_flush(producer, 30000, &error);
    if (code) {
        fprintf(stderr, "%s\n", error.message);
    }
    ottla_producer_free(producer, 1000);
    return code || failed;
}

int main(int argc, char **argv)
{
    struct ottla_error error;
    struct ottla_client *client = NULL;
    if (argc != 3) {
        fprintf(stderr, "usage: first_producer SERVERS TOPIC\n");
        return 2;
    }
    struct ottla_config *config = ottla_config_new();
    if (ottla_config_set(config, "bootstrap.servers", argv[1], &error) == 0 &&
        ottla_config_set(config, "compression.type", "lz4", &error) == 0) {
        client = ottla_client_new(config, &error);
    }
    ottla_config_free(config); /* the client has a copy */
    if (client == NULL) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    int status = produce(client, argv[2]);
    ottla_client_free(client);
    return status;
}
