/* What the tools read from files and command lines. The first byte says what the rest is. */
#include "fuzz.h"

#include "base/assert.h"
#include "cli/groups.h"
#include "cli/reassign.h"

static struct str text_of(const uint8_t *data, size_t size)
{
    return (struct str){(const char *)data, size};
}

static void put_all(struct buf *b, const struct groups_plans *p)
{
    for (size_t i = 0; i < p->count; i++) {
        groups_put_csv(b, p->rows[i].group, &p->rows[i].parts);
    }
}

/* A plan that is taken is written, and read again as the same. */
static void csv(struct cli *c, struct str text)
{
    struct groups_plans a = {0}, again = {0};
    struct buf x = BUF_INIT, y = BUF_INIT;
    bool has_nul = memchr(text.p, 0, text.len) != NULL;
    if (groups_parse_csv(c, text, "f", &a) && !has_nul && a.count == 1) {
        put_all(&x, &a);
        bool is_one_line = memchr(text.p, '\r', text.len) == NULL;
        if (is_one_line && groups_parse_csv(c, buf_str(&x), "f", &again)) {
            put_all(&y, &again);
            ASSERT(str_eq(buf_str(&x), buf_str(&y)));
        }
    }
    groups_plans_deinit(&a);
    groups_plans_deinit(&again);
    buf_deinit(&x);
    buf_deinit(&y);
}

static void json(struct cli *c, struct str text)
{
    struct plan p = {0}, again = {0};
    struct cli_names n = {0};
    struct cli_parts parts = {0};
    json_t *doc = json_loadb(text.p, text.len, 0, NULL);
    if (doc == NULL) {
        return;
    }
    if (plan_parse(c, doc, &p)) {
        json_t *back = plan_json(&p);
        ASSERT(back != NULL && plan_parse(c, back, &again) && again.count == p.count);
        (void)plan_check(c, &p);
        json_decref(back);
    }
    (void)plan_parse_topics(c, doc, &n);
    (void)cli_parts_from_json(c, doc, "offset", "twice", &parts);
    json_decref(doc);
    plan_deinit(&p);
    plan_deinit(&again);
    cli_names_deinit(&n);
    cli_parts_deinit(&parts);
}

static void ids(struct str text)
{
    int32_t *v, *again;
    size_t n, count;
    struct buf b = BUF_INIT;
    if (cli_parse_ids(text, ',', &v, &n)) {
        cli_put_ids(&b, (struct ottla_ids){n, v});
        ASSERT(cli_parse_ids(buf_str(&b), ',', &again, &count) && count == n);
        mem_free(v);
        mem_free(again);
    }
    buf_deinit(&b);
}

/* As many brokers, racks, partitions and replicas as the bytes say. */
static void spread(const uint8_t *data, size_t size)
{
    static const char *const racks[] = {NULL, "a", "b", "c"};
    struct spread_broker brokers[32];
    size_t count = size < 32 ? size : 32;
    if (size < 3) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        brokers[i] = (struct spread_broker){(int32_t)i, racks[data[i] % 4]};
    }
    size_t factor = 1 + data[0] % count, partitions = data[1];
    int32_t *v = spread_replicas(brokers, count, partitions, factor, data[2]);
    for (size_t p = 0; p < partitions; p++) {
        uint32_t seen = 0;
        for (size_t i = 0; i < factor; i++) {
            int32_t id = v[p * factor + i];
            ASSERT(id >= 0 && (size_t)id < count && !(seen & 1u << id));
            seen |= 1u << id;
        }
    }
    mem_free(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cli c = {.why = BUF_INIT};
    if (size == 0) {
        return 0;
    }
    struct str text = text_of(data + 1, size - 1);
    switch (data[0] % 4) {
    case 0:
        csv(&c, text);
        break;
    case 1:
        json(&c, text);
        break;
    case 2:
        ids(text);
        break;
    default:
        spread(data + 1, size - 1);
    }
    buf_deinit(&c.why);
    return 0;
}
