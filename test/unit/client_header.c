/* A program that has nothing but the public header and the shared library. */
#include <ottla/consumer.h> /* any of them brings all */

#include <string.h>

int main(void)
{
    struct ottla_config *config = ottla_config_new();
    struct ottla_error error;
    int code = ottla_config_set(config, "client.id", "a program", &error);
    int same = strcmp(ottla_config_get(config, "client.id"), "a program") == 0;
    ottla_config_free(config);
    return code == 0 && same && ottla_version()[0] != '\0' ? 0 : 1;
}
