/* Plans of resets as CSV: "topic,partition,offset" of one group, "group,topic,partition,offset" of
 * several. One thread. */
#include "cli/groups.h"

#include <inttypes.h>

enum { FIELDS = 4, QUOTED_FROM = 25 };

/* --- writing, as the library that Kafka's tool uses --- */

static void put_field(struct buf *out, const char *text)
{
    if (strlen(text) < QUOTED_FROM && strpbrk(text, ",\"\r\n") == NULL) {
        buf_put_str(out, str_from(text));
        return;
    }
    buf_put_u8(out, '"');
    for (; *text; text++) {
        buf_printf(out, *text == '"' ? "\"\"" : "%c", *text);
    }
    buf_put_u8(out, '"');
}

void groups_put_csv(struct buf *out, const char *group, const struct cli_parts *parts)
{
    for (size_t i = 0; i < parts->count; i++) {
        if (group != NULL) {
            put_field(out, group);
            buf_put_u8(out, ',');
        }
        put_field(out, parts->rows[i].topic);
        buf_printf(out, ",%d,%" PRId64 "\n", parts->rows[i].partition, parts->rows[i].value);
    }
}

/* --- reading --- */

/* One field off the line; quotes are taken off. */
static bool next_field(struct str *line, struct buf *ret)
{
    size_t i = 0;
    bool is_quoted = line->len > 0 && line->p[0] == '"';
    buf_clear(ret);
    for (i = is_quoted; i < line->len; i++) {
        bool is_quote = is_quoted && line->p[i] == '"';
        if (is_quote && i + 1 < line->len && line->p[i + 1] == '"') {
            i++;
        } else if (is_quote) {
            i++;
            break;
        } else if (!is_quoted && line->p[i] == ',') {
            break;
        }
        buf_put_u8(ret, (uint8_t)line->p[i]);
    }
    if (i < line->len && line->p[i] != ',') {
        return false;
    }
    i += i < line->len;
    *line = str_sub(*line, i, line->len - i);
    return true;
}

static struct groups_plan *plan_of(struct groups_plans *p, const char *group)
{
    for (size_t i = 0; i < p->count; i++) {
        const char *has = p->rows[i].group;
        if (has == group || (has != NULL && group != NULL && strcmp(has, group) == 0)) {
            return &p->rows[i];
        }
    }
    p->rows = mem_realloc_array(p->rows, p->count + 1, sizeof *p->rows);
    p->rows[p->count] = (struct groups_plan){group ? str_dup(str_from(group)) : NULL, {0}};
    return &p->rows[p->count++];
}

static bool read_line(struct groups_plans *p, struct str line)
{
    struct buf f[FIELDS] = {BUF_INIT, BUF_INIT, BUF_INIT, BUF_INIT};
    int n = 0;
    int64_t partition, offset;
    bool ok = true;
    while (ok && line.len > 0 && n < FIELDS) {
        ok = next_field(&line, &f[n++]);
    }
    ok = ok && line.len == 0 && n >= 3 && str_to_i64(str_trim(buf_str(&f[n - 2])), &partition) &&
         str_to_i64(str_trim(buf_str(&f[n - 1])), &offset) && partition >= 0 &&
         partition <= INT32_MAX && offset >= 0;
    if (ok) {
        struct groups_plan *plan = plan_of(p, n == 4 ? buf_cstr(&f[0]) : NULL);
        const char *topic = buf_cstr(&f[n - 3]);
        struct cli_part *had = cli_parts_find(&plan->parts, topic, (int32_t)partition);
        if (had != NULL) {
            had->value = offset;
        } else {
            cli_parts_add(&plan->parts, topic, (int32_t)partition, offset);
        }
    }
    for (int i = 0; i < FIELDS; i++) {
        buf_deinit(&f[i]);
    }
    return ok;
}

bool groups_parse_csv(struct cli *c, struct str text, const char *name, struct groups_plans *ret)
{
    bool ok = true;
    for (int line = 1; ok && text.len > 0; line++) {
        size_t end = str_find(text, '\n');
        struct str one = str_trim(str_sub(text, 0, end));
        end += end < text.len;
        text = str_sub(text, end, text.len - end);
        ok = one.len == 0 || read_line(ret, one) ||
             cli_refuse(c, "%s:%d: not topic,partition,offset or group,topic,partition,offset",
                        name, line);
    }
    return ok;
}

bool groups_read_csv(struct cli *c, const char *path, struct groups_plans *ret)
{
    size_t len = 0;
    char *text = cli_read_file(c, path, &len);
    bool ok = text != NULL && groups_parse_csv(c, (struct str){text, len}, path, ret);
    mem_free(text);
    return ok;
}

void groups_plans_deinit(struct groups_plans *p)
{
    for (size_t i = 0; i < p->count; i++) {
        mem_free(p->rows[i].group);
        cli_parts_deinit(&p->rows[i].parts);
    }
    mem_free(p->rows);
    *p = (struct groups_plans){0};
}
