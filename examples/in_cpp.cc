// in_cpp SERVERS TOPIC WORD...: writes words to a topic and reads them back, in C++17. The header is C
// and C++; what is freed by hand there, std::unique_ptr frees here, and errors are exceptions.
#include <ottla/client.h>

#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

template <auto Free> struct deleter {
    template <class T> void operator()(T *p) const { Free(p); }
};
void free_producer(ottla_producer *p) { ottla_producer_free(p, 10000); }

using config_ptr = std::unique_ptr<ottla_config, deleter<ottla_config_free>>;
using client_ptr = std::unique_ptr<ottla_client, deleter<ottla_client_free>>;
using producer_ptr = std::unique_ptr<ottla_producer, deleter<free_producer>>;
using consumer_ptr = std::unique_ptr<ottla_consumer, deleter<ottla_consumer_free>>;
using records_ptr = std::unique_ptr<ottla_records, deleter<ottla_records_free>>;

/* Runs a call that takes an error last; throws what it says. */
template <class Call> void check(Call &&call)
{
    ottla_error error{};
    if (call(&error) != 0) {
        throw std::runtime_error(error.message);
    }
}

/* The same for a call that makes something. */
template <class Pointer, class Call> Pointer make(Call &&call)
{
    ottla_error error{};
    Pointer made(call(&error));
    if (!made) {
        throw std::runtime_error(error.message);
    }
    return made;
}

client_ptr connect(const std::string &servers)
{
    config_ptr config(ottla_config_new());
    const std::vector<std::pair<const char *, const char *>> settings = {
        {"bootstrap.servers", servers.c_str()}, {"client.id", "in_cpp"}};
    for (const auto &setting : settings) {
        check([&](auto *e) { return ottla_config_set(config.get(), setting.first, setting.second, e); });
    }
    return make<client_ptr>([&](auto *e) { return ottla_client_new(config.get(), e); });
}

/* The offset of the first one. */
int64_t write(ottla_client *client, const std::string &topic, const std::vector<std::string> &words)
{
    auto producer = make<producer_ptr>([&](auto *e) { return ottla_producer_new(client, e); });
    int64_t first = -1;
    for (const auto &word : words) {
        ottla_message message;
        ottla_delivery delivery{};
        ottla_message_init(&message);
        message.topic = topic.c_str();
        message.partition = 0;
        message.value = word.data();
        message.value_length = word.size();
        check([&](auto *e) { return ottla_producer_send_wait(producer.get(), &message, &delivery, e); });
        first = first < 0 ? delivery.offset : first;
    }
    return first;
}

void read(ottla_client *client, const std::string &topic, int64_t from, size_t count)
{
    auto consumer = make<consumer_ptr>([&](auto *e) { return ottla_consumer_new(client, e); });
    const ottla_topic_partition part{topic.c_str(), 0};
    check([&](auto *e) { return ottla_consumer_assign(consumer.get(), &part, 1, e); });
    check([&](auto *e) { return ottla_consumer_seek(consumer.get(), topic.c_str(), 0, from, e); });
    while (count > 0) {
        ottla_records *got = nullptr;
        check([&](auto *e) { return ottla_consumer_poll(consumer.get(), 1000, &got, e); });
        records_ptr records(got);
        for (size_t i = 0; i < ottla_records_count(got) && count > 0; i++, count--) {
            const ottla_record *r = ottla_records_at(got, i);
            std::cout << std::string_view(static_cast<const char *>(r->value), r->value_length) << '\n';
        }
    }
}

} // namespace

int main(int argc, char **argv)
{
    if (argc < 4) {
        std::cerr << "usage: in_cpp SERVERS TOPIC WORD...\n";
        return 2;
    }
    try {
        const std::vector<std::string> words(argv + 3, argv + argc);
        auto client = connect(argv[1]);
        read(client.get(), argv[2], write(client.get(), argv[2], words), words.size());
    } catch (const std::exception &e) {
        std::cerr << e.what() << '\n';
        return 1;
    }
    return 0;
}
