/* What Apache Kafka's broker did to well-formed and broken batches (test/golden/record, made by
 * test/peers/record-vectors.sh), and that ours does the same, but for the differences listed here.
 * Argument: the folder with the vectors. */
#include "unit/test.h"

#include "base/crc.h"
#include "record/validate.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { PLAIN_MAX = 1 << 20, VECTORS_MAX = 4 << 20 };

static const int64_t now_ms = INT64_C(1700000000000);
static struct str vectors_path;

/* Where ours is different by intention: by the case's name and Apache Kafka's answer. */
static const struct difference {
    const char *name, *theirs, *ours; /* patterns */
} differences[] = {
    /* Theirs falls over an unknown codec; the client should hear what is wrong. */
    {"codec [567]", "-1 -", "76 -"},
    /* Bytes that do not decompress are the producer's fault, not an unknown error of the server. */
    {"payload *", "-1 -", "87 -"},
    {"no bytes lz4", "-1 -", "87 -"},
    {"lz4 *", "-1 -", "87 -"},
    /* Theirs leaves it to the transaction coordinator. */
    {"transactional without producer *", "0 *", "87 -"},
    /* Offsets inside that are not contiguous: theirs keeps them when nothing is compressed (readers
     * then see offsets past the batch's last one), and falls over them otherwise. */
    {"gaps none *", "0 * plain=a329cd3d", "0 * plain=b759c198"},
    {"gaps *", "-1 -", "0 * plain=b759c198"},
    {"record 0c000002010100 none", "0 * plain=59777b67", "0 * plain=e61058e6"},
    {"record 0c000002010100 *", "-1 -", "0 * plain=e61058e6"},
    /* Theirs looks at the lengths of compressed records only loosely; readers cannot read these. */
    {"record 120000000101020001 *", "0 *", "87 -"},
    {"record 0b000000010100 *", "0 *", "87 -"},
    {"record feffffff0f000000010100 *", "0 *", "87 -"},
    /* A number wider than 64 bits: theirs drops what is too much. */
    {"record 1e00ffffffffffffffffff0200010100 *", "0 *", "87 -"},
    {"record 8c8080808000000000010100 *", "-1 -", "87 -"},
    /* A byte after the last block: theirs stops there, other readers do not. */
    {"payload and 1 more snappy", "0 *", "87 -"},
};
static int difference_hits[ARRAY_LEN(differences)];

static void read_file(const char *path, struct buf *ret)
{
    char chunk[65536];
    size_t n;
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    while ((n = fread(chunk, 1, sizeof chunk, f)) > 0) {
        buf_put(ret, chunk, n);
    }
    fclose(f);
}

static void load(struct buf *ret)
{
    struct buf path = BUF_INIT, packed = BUF_INIT;
    buf_printf(&path, "%.*s/validate.txt.zst", STR_ARG(vectors_path));
    read_file(buf_cstr(&path), &packed);
    assert_ok(codec_decompress(CODEC_ZSTD, buf_bytes(&packed), VECTORS_MAX, ret));
    buf_deinit(&path);
    buf_deinit(&packed);
}

/* What is before the next line's end in *rest, which moves behind it. */
static struct str cut_line(struct str *rest)
{
    const char *at = memchr(rest->p, '\n', rest->len);
    assert_non_null(at);
    struct str s = {rest->p, (size_t)(at - rest->p)};
    *rest = str_sub(*rest, s.len + 1, rest->len - s.len - 1);
    return s;
}

static void from_hex(struct str hex, struct buf *ret)
{
    for (size_t i = 0; i + 1 < hex.len; i += 2) {
        char two[3] = {hex.p[i], hex.p[i + 1], 0};
        buf_put_u8(ret, (uint8_t)strtoul(two, NULL, 16));
    }
}

static struct validate_rules parse_rules(struct str line, int *ret_version)
{
    struct validate_rules r = {.max_plain_bytes = PLAIN_MAX, .codec_level = CODEC_LEVEL_DEFAULT};
    char text[256], time[16], codec[16];
    int compact;
    snprintf(text, sizeof text, "%.*s", STR_ARG(line));
    assert_int_equal(sscanf(text,
                            "time=%15s before=%" SCNd64 " after=%" SCNd64
                            " compact=%d codec=%15s max=%zu version=%d",
                            time, &r.ts_before_max_ms, &r.ts_after_max_ms, &compact, codec,
                            &r.max_batch_bytes, ret_version),
                     7);
    r.ts_type = strcmp(time, "append") == 0 ? LOG_APPEND_TIME : CREATE_TIME;
    r.needs_keys = compact != 0;
    r.recompress = strcmp(codec, "producer") != 0;
    if (r.recompress) {
        assert_true(codec_parse(str_from(codec), &r.codec));
    }
    return r;
}

static void describe_refusal(enum err e, const struct validate_result *r, struct buf *out)
{
    assert_non_null(r->message);
    buf_printf(out, "%d %s", e, r->record_error_count ? "" : "-");
    for (int i = 0; i < r->record_error_count; i++) {
        buf_printf(out, "%s%d", i ? "," : "", r->record_errors[i].index);
    }
}

static void describe_batch(const struct batch *b, struct buf *out)
{
    struct buf plain = BUF_INIT;
    struct batch again;
    struct bytes body = {b->p + BATCH_HEADER_BYTES, b->size_bytes - BATCH_HEADER_BYTES};
    assert_ok(batch_parse((struct bytes){b->p, b->size_bytes}, &again));
    assert_ok(batch_check_crc(&again));
    assert_true(again.crc == b->crc && again.attrs == b->attrs && again.max_ts_ms == b->max_ts_ms);
    assert_ok(codec_decompress(batch_codec(b), body, PLAIN_MAX, &plain));
    buf_printf(out, "0 attrs=%x delta=%d base_ts=%" PRId64 " max_ts=%" PRId64, (uint16_t)b->attrs,
               b->last_off_delta, b->base_ts_ms, b->max_ts_ms);
    buf_printf(out, " pid=%" PRId64 " pepoch=%d seq=%d count=%d plain=%08x", b->producer_id,
               b->producer_epoch, b->base_seq, b->count, crc32c(0, plain.p, plain.len));
    buf_deinit(&plain);
}

/* Runs one case and words the answer as the vectors do. */
static void answer(struct str rules_line, struct str hex, struct buf *out)
{
    int version;
    struct validate_rules rules = parse_rules(rules_line, &version);
    struct buf in = BUF_INIT, rewritten = BUF_INIT;
    struct validate_result r;
    from_hex(hex, &in);
    enum err e = validate_produce(&rules, in.p, in.len, version, now_ms, &rewritten, &r);
    if (e) {
        describe_refusal(e, &r, out);
    } else {
        assert_true(r.append_time_ms == (rules.ts_type == LOG_APPEND_TIME ? now_ms : -1));
        assert_true(r.batch.p == (r.is_rewritten ? rewritten.p : in.p));
        describe_batch(&r.batch, out);
    }
    buf_deinit(&in);
    buf_deinit(&rewritten);
}

static bool is_intended(const char *name, const char *theirs, const char *ours)
{
    for (size_t i = 0; i < ARRAY_LEN(differences); i++) {
        const struct difference *d = &differences[i];
        if (fnmatch(d->name, name, 0) == 0 && fnmatch(d->theirs, theirs, 0) == 0 &&
            fnmatch(d->ours, ours, 0) == 0) {
            difference_hits[i]++;
            return true;
        }
    }
    return false;
}

static void check(struct str name, struct str theirs, struct buf *ours)
{
    char case_name[128], kafka[512];
    snprintf(case_name, sizeof case_name, "%.*s", STR_ARG(name));
    snprintf(kafka, sizeof kafka, "%.*s", STR_ARG(theirs));
    if (strcmp(kafka, buf_cstr(ours)) != 0 && !is_intended(case_name, kafka, buf_cstr(ours))) {
        print_error("%s\n  Kafka %s\n  ours  %s\n", case_name, kafka, buf_cstr(ours));
        fail();
    }
}

static void we_answer_as_kafka_does(void **state)
{
    struct buf text = BUF_INIT;
    load(&text);
    int cases = 0;
    for (struct str rest = buf_str(&text); rest.len > 0; cases++) {
        struct buf ours = BUF_INIT;
        struct str name = cut_line(&rest), rules = cut_line(&rest), hex = cut_line(&rest);
        answer(rules, hex, &ours);
        check(name, cut_line(&rest), &ours);
        buf_deinit(&ours);
    }
    assert_true(cases > 350);
    for (size_t i = 0; i < ARRAY_LEN(differences); i++) {
        if (difference_hits[i] == 0) {
            print_error("no case shows this difference: %s\n", differences[i].name);
            fail();
        }
    }
    buf_deinit(&text);
    codec_release_thread();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(we_answer_as_kafka_does),
    };
    if (argc != 2) {
        return 2;
    }
    vectors_path = str_from(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
