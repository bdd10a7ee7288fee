/* Prints random messages of every descriptor and version in the form of test/golden/wire, for
 * Apache Kafka to read: wire_vectors SEED COUNT. */
#include "compat/wire_random.h"

#include <stdio.h>
#include <stdlib.h>

enum { ARENA_BYTES = 16 << 20 };

static void die(const struct wire_msg *m, int version, const char *why)
{
    fprintf(stderr, "wire_vectors: %s %d: %s\n", wire_name(m), version, why);
    exit(1);
}

static void print_vector(const struct wire_msg *m, int version, const void *msg)
{
    struct buf bytes = BUF_INIT, json = BUF_INIT;
    enum err e = wire_encode(m, version, msg, &bytes, NULL);
    e = e ? e : wire_print(m, version, msg, true, &json);
    if (e) {
        die(m, version, err_name(e));
    }
    printf("%s\t%d\t", wire_name(m), version);
    for (size_t i = 0; i < bytes.len; i++) {
        printf("%02x", bytes.p[i]);
    }
    printf("\t%.*s\n", STR_ARG(buf_str(&json)));
    buf_deinit(&bytes);
    buf_deinit(&json);
}

static void print_vectors(const struct wire_msg *m, int version, struct rand *r, int count)
{
    struct arena a;
    arena_init(&a, ARENA_BYTES);
    for (int i = 0; i < count; i++) {
        struct wire_random w = {.rand = r, .arena = &a, .version = version};
        void *msg = arena_alloc(&a, wire_struct_bytes(m));
        if (msg == NULL || !wire_random_fill(&w, m, msg)) {
            die(m, version, "too large");
        }
        print_vector(m, version, msg);
        arena_reset(&a);
    }
    arena_deinit(&a);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: wire_vectors SEED COUNT\n");
        return 2;
    }
    struct rand r;
    rand_init(&r, strtoull(argv[1], NULL, 10));
    for (size_t i = 0; wire_nth(i) != NULL; i++) {
        const struct wire_msg *m = wire_nth(i);
        for (int v = wire_min_version(m); v <= wire_max_version(m); v++) {
            print_vectors(m, v, &r, atoi(argv[2]));
        }
    }
    return 0;
}
