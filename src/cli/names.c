/* Lists of names and numbers, names by patterns, and small files. One thread. */
#include "cli/cli.h"

#include "cli/java_regex.h"

#include <errno.h>
#include <regex.h>

enum { FILE_MAX_BYTES = 64 << 20 };

/* --- names --- */

void cli_names_add(struct cli_names *n, struct str name)
{
    n->names = mem_realloc_array(n->names, n->count + 1, sizeof *n->names);
    n->names[n->count++] = str_dup(name);
}

bool cli_names_has(const struct cli_names *n, const char *name)
{
    for (size_t i = 0; i < n->count; i++) {
        if (strcmp(n->names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void cli_names_sort(struct cli_names *n)
{
    if (n->count > 0) {
        qsort(n->names, n->count, sizeof *n->names, by_text);
    }
}

void cli_names_deinit(struct cli_names *n)
{
    for (size_t i = 0; i < n->count; i++) {
        mem_free(n->names[i]);
    }
    mem_free(n->names);
    *n = (struct cli_names){0};
}

/* --- numbers --- */

void cli_put_ids(struct buf *out, struct ottla_ids ids)
{
    for (size_t i = 0; i < ids.count; i++) {
        buf_printf(out, i ? ",%d" : "%d", ids.ids[i]);
    }
}

bool cli_parse_ids(struct str text, char sep, int32_t **ret, size_t *ret_count)
{
    int32_t *ids = NULL;
    size_t count = 0;
    struct str item;
    while (str_next_item(&text, sep, &item)) {
        int64_t v;
        if (!str_to_i64(item, &v) || v < INT32_MIN || v > INT32_MAX) {
            mem_free(ids);
            return false;
        }
        ids = mem_realloc_array(ids, count + 1, sizeof *ids);
        ids[count++] = (int32_t)v;
    }
    *ret = ids;
    *ret_count = count;
    return true;
}

/* --- patterns --- */

struct cli_pattern {
    regex_t regex;
};

/* Of a list: in it there are no quotes or blanks, and ',' is '|'. */
static void put_one(struct buf *out, const char *list)
{
    for (; *list != '\0'; list++) {
        if (strchr(" \"'", *list) == NULL) {
            buf_put_u8(out, *list == ',' ? '|' : (uint8_t)*list);
        }
    }
}

struct cli_pattern *cli_pattern_new(struct cli *c, const char *text)
{
    struct cli_pattern *p = NEW(struct cli_pattern);
    struct buf java = BUF_INIT, posix = BUF_INIT, why = BUF_INIT;
    put_one(&java, text);
    buf_put_str(&posix, STR("^("));
    bool ok = cli_put_regex(&posix, buf_cstr(&java), &why);
    buf_put_str(&posix, STR(")$"));
    if (!ok) {
        cli_refuse(c, "%s is an invalid regex: %s.", text, buf_cstr(&why));
    } else if (regcomp(&p->regex, buf_cstr(&posix), REG_EXTENDED | REG_NOSUB) != 0) {
        ok = cli_refuse(c, "%s is an invalid regex.", text);
    }
    buf_deinit(&java);
    buf_deinit(&posix);
    buf_deinit(&why);
    if (!ok) {
        mem_free(p);
        p = NULL;
    }
    return p;
}

bool cli_pattern_matches(const struct cli_pattern *p, const char *name)
{
    return regexec(&p->regex, name, 0, NULL, 0) == 0;
}

void cli_pattern_free(struct cli_pattern *p)
{
    if (p != NULL) {
        regfree(&p->regex);
        mem_free(p);
    }
}

/* --- files --- */

char *cli_read_file(struct cli *c, const char *path, size_t *ret_len)
{
    struct buf b = BUF_INIT;
    FILE *f = fopen(path, "rb");
    size_t got = 1;
    if (f == NULL) {
        cli_refuse(c, "%s: %s", path, strerror(errno));
        return NULL;
    }
    while (got > 0 && b.len < FILE_MAX_BYTES && buf_reserve(&b, 1 << 16) != NULL) {
        got = fread(b.p + b.len, 1, 1 << 16, f);
        b.len += got;
    }
    bool ok = !ferror(f) && feof(f);
    fclose(f);
    if (!ok) {
        cli_refuse(c, "%s: cannot be read, or is larger than %d MiB", path, FILE_MAX_BYTES >> 20);
        buf_deinit(&b);
        return NULL;
    }
    buf_cstr(&b);
    return (char *)buf_steal(&b, ret_len);
}

json_t *cli_read_json(struct cli *c, const char *path)
{
    size_t len = 0;
    json_error_t error;
    char *text = cli_read_file(c, path, &len);
    if (text == NULL) {
        return NULL;
    }
    json_t *doc = json_loadb(text, len, 0, &error);
    mem_free(text);
    if (doc == NULL) {
        cli_refuse(c, "%s:%d: %s", path, error.line, error.text);
    }
    return doc;
}
