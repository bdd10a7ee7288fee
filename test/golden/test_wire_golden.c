/* Messages as Apache Kafka wrote them (test/golden/wire, made by test/peers/wire-vectors.sh): each
 * decodes to its last byte, has that size, encodes to the same bytes and prints the same JSON; and
 * none of our messages and versions is missing. Argument: the file with the vectors. */
#include "unit/test.h"

#include "base/buf.h"
#include "wire/messages.h"

#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

static const char *vectors_path;
static struct buf vectors;

static int load(void **state)
{
    gzFile f = gzopen(vectors_path, "rb");
    assert_non_null(f);
    char chunk[65536];
    int n;
    vectors = BUF_INIT;
    while ((n = gzread(f, chunk, sizeof chunk)) > 0) {
        buf_put(&vectors, chunk, (size_t)n);
    }
    assert_int_equal(gzclose(f), Z_OK);
    assert_int_equal(n, 0);
    assert_true(vectors.len > 0);
    return 0;
}

static int unload(void **state)
{
    buf_deinit(&vectors);
    return 0;
}

struct vector {
    struct str name, hex, json;
    int64_t version;
};

/* What is before the next `end` in *rest, which moves behind it. */
static struct str cut(struct str *rest, char end)
{
    const char *at = memchr(rest->p, end, rest->len);
    assert_non_null(at);
    struct str s = {rest->p, (size_t)(at - rest->p)};
    *rest = str_sub(*rest, s.len + 1, rest->len - s.len - 1);
    return s;
}

static struct vector next_vector(struct str *rest)
{
    struct vector v;
    v.name = cut(rest, '\t');
    assert_true(str_to_i64(cut(rest, '\t'), &v.version));
    v.hex = cut(rest, '\t');
    v.json = cut(rest, '\n');
    return v;
}

static void unhex(struct str hex, struct buf *out)
{
    for (size_t i = 0; i < hex.len; i += 2) {
        char pair[3] = {hex.p[i], hex.p[i + 1], '\0'};
        buf_put_u8(out, (uint8_t)strtoul(pair, NULL, 16));
    }
}

static const struct wire_msg *find(struct str name)
{
    for (size_t i = 0; wire_nth(i) != NULL; i++) {
        if (str_eq(name, str_from(wire_name(wire_nth(i))))) {
            return wire_nth(i);
        }
    }
    return NULL;
}

#define assert_same(what, got, v)                                                                  \
    do {                                                                                           \
        if (!str_eq(got, what)) {                                                                  \
            fail_msg("%.*s %d\n got %.*s\nwant %.*s", STR_ARG((v)->name), (int)(v)->version,       \
                     STR_ARG(got), STR_ARG(what));                                                 \
        }                                                                                          \
    } while (0)

static void check(const struct vector *v)
{
    struct buf bytes = BUF_INIT, out = BUF_INIT, json = BUF_INIT;
    struct arena a;
    int version = (int)v->version;
    size_t size = 0;
    const struct wire_msg *m = find(v->name);
    assert_non_null(m);
    arena_init(&a, 1 << 20);
    void *msg = malloc(wire_struct_bytes(m));
    unhex(v->hex, &bytes);
    enum err e = wire_decode(m, version, buf_bytes(&bytes), &a, msg, NULL);
    if (e) {
        fail_msg("%.*s %d: %s: %.*s", STR_ARG(v->name), version, err_name(e), STR_ARG(v->hex));
    }
    assert_ok(wire_encode(m, version, msg, &out, NULL));
    assert_same(buf_str(&bytes), buf_str(&out), v);
    assert_ok(wire_size(m, version, msg, &size));
    assert_int_equal(size, bytes.len);
    assert_ok(wire_print(m, version, msg, true, &json));
    assert_same(v->json, buf_str(&json), v);
    free(msg);
    arena_deinit(&a);
    buf_deinit(&bytes);
    buf_deinit(&out);
    buf_deinit(&json);
}

static void every_vector_round_trips(void **state)
{
    struct str rest = buf_str(&vectors);
    while (rest.len > 0) {
        struct vector v = next_vector(&rest);
        check(&v);
    }
}

/* A cut or altered vector is an error or another message, never a crash. */
static void damaged_vectors_are_survived(void **state)
{
    struct str rest = buf_str(&vectors);
    struct rand r;
    rand_init(&r, 1);
    while (rest.len > 0) {
        struct vector v = next_vector(&rest);
        struct buf bytes = BUF_INIT;
        struct arena a;
        const struct wire_msg *m = find(v.name);
        arena_init(&a, 1 << 20);
        unhex(v.hex, &bytes);
        void *msg = malloc(wire_struct_bytes(m));
        for (size_t n = 0; n < bytes.len; n++) {
            enum err e = wire_decode(m, (int)v.version, (struct bytes){bytes.p, n}, &a, msg, NULL);
            assert_int_equal(e, ERR_MALFORMED);
            arena_reset(&a);
        }
        if (bytes.len > 0) {
            bytes.p[rand_below(&r, bytes.len)] ^= (uint8_t)(1 + rand_below(&r, 255));
            enum err e = wire_decode(m, (int)v.version, buf_bytes(&bytes), &a, msg, NULL);
            assert_true(e == OK || e == ERR_MALFORMED || e == ERR_BUDGET);
        }
        free(msg);
        arena_deinit(&a);
        buf_deinit(&bytes);
    }
}

static bool has_vector(const struct wire_msg *m, int version)
{
    struct buf want = BUF_INIT;
    buf_printf(&want, "%s\t%d\t", wire_name(m), version);
    const char *all = (const char *)vectors.p, *at = all, *end = all + vectors.len;
    while ((at = memmem(at, (size_t)(end - at), want.p, want.len)) != NULL && at > all &&
           at[-1] != '\n') {
        at++;
    }
    buf_deinit(&want);
    return at != NULL;
}

static void every_message_and_version_has_vectors(void **state)
{
    for (size_t i = 0; wire_nth(i) != NULL; i++) {
        const struct wire_msg *m = wire_nth(i);
        for (int v = wire_min_version(m); v <= wire_max_version(m); v++) {
            if (!has_vector(m, v)) {
                fail_msg("%s %d", wire_name(m), v);
            }
        }
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_vector_round_trips),
        cmocka_unit_test(damaged_vectors_are_survived),
        cmocka_unit_test(every_message_and_version_has_vectors),
    };
    if (argc != 2) {
        fprintf(stderr, "usage: test_wire_golden VECTORS.gz\n");
        return 2;
    }
    vectors_path = argv[1];
    return cmocka_run_group_tests(tests, load, unload);
}
