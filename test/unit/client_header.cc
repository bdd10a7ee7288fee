// A program in C++ that includes all public headers; it is compiled, not linked.
#include <ottla/client.h>
#include <ottla/test.h>

int main()
{
    ottla_config *config = ottla_config_new();
    ottla_error error = {};
    ottla_message message;
    ottla_message_init(&message);
    ottla_test_broker *broker = ottla_test_broker_start(nullptr, &error);
    int code = ottla_config_set(config, "bootstrap.servers", ottla_test_broker_address(broker), &error);
    ottla_test_broker_fail(broker, OTTLA_TEST_PRODUCE, OTTLA_ERR_NOT_ENOUGH_REPLICAS, 1);
    ottla_client *client = ottla_client_new(config, &error);
    ottla_client_free(client);
    ottla_config_free(config);
    ottla_test_broker_free(broker);
    return code;
}
