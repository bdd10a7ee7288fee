/* The table of settings: look-up, values from text, files. Belongs to one thread at a time. A
 * configuration always holds valid values. */
#include "client/config.h"

#include "base/attr.h"
#include "base/iso8601.h"
#include "base/mem.h"
#include "client/error.h"
#include "plat/file.h"

#include <stdio.h>

enum kind {
    KIND_BOOL,
    KIND_INT,
    KIND_LONG,
    KIND_DOUBLE,
    KIND_STRING,
    KIND_LIST,
    KIND_PASSWORD,
};

enum { FILE_BYTES_MAX = 1 << 20 };

struct row {
    const char *name;
    enum kind kind;
    const char *dflt;
    int64_t lo, hi;
    const char *allowed;
    const char *doc;
    size_t off; /* in client_values */
};

static const struct row rows[] = {
#define X(name, field, kind, dflt, lo, hi, allowed, doc)                                           \
    {name, KIND_##kind, dflt, lo, hi, allowed, doc, offsetof(struct client_values, field)},
#include "def/client.def"
#undef X
};

/* What other clients call so. */
static const struct foreign {
    const char *name;
    const char *doc;
} foreign[] = {
#define JAVA(name, doc) {name, doc},
#define RDKAFKA(name, doc) {name, doc},
#define OTHER(name, dflt, doc)
#include "def/foreign.def"
#undef JAVA
#undef RDKAFKA
#undef OTHER
};

static const char *kind_name(enum kind kind)
{
    static const char *const names[] = {"boolean", "int",  "long",    "double",
                                        "string",  "list", "password"};
    return names[kind];
}

static const struct row *find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (strcmp(rows[i].name, name) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

static const char *did_you_mean(const char *name)
{
    const char *best = NULL;
    int best_distance = STR_MISSPELT_MAX + 1;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int d = str_misspelt(str_from(name), str_from(rows[i].name));
        if (d < best_distance) {
            best_distance = d;
            best = rows[i].name;
        }
    }
    return best;
}

/* What there is instead; NULL: nobody has such a setting. */
static const char *instead(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(foreign); i++) {
        size_t len = strlen(foreign[i].name);
        bool is_family = foreign[i].name[len - 1] == '.';
        if (is_family ? strncmp(foreign[i].name, name, len) == 0
                      : strcmp(foreign[i].name, name) == 0) {
            return foreign[i].doc;
        }
    }
    return NULL;
}

static int unknown(const char *name, struct ottla_error *error)
{
    const char *there = instead(name), *meant = did_you_mean(name);
    if (there != NULL) {
        return error_set(error, ERR_BAD_CONFIG, "there is no setting '%s' here: %s", name, there);
    }
    return error_set(error, ERR_BAD_CONFIG, "there is no setting '%s'%s%s%s", name,
                     meant ? "; did you mean '" : "", meant ? meant : "", meant ? "'?" : "");
}

/* --- values --- */

static int bad_value(const struct row *row, const char *text, struct ottla_error *error,
                     const char *why)
{
    return error_set(error, ERR_BAD_CONFIG, "%s: '%s' is not %s", row->name,
                     row->kind == KIND_PASSWORD ? "(hidden)" : text, why);
}

/* "word:PERIOD" stands for word and any duration. */
static bool is_period(struct str item, struct str value)
{
    const struct str period = STR("PERIOD");
    int64_t ms;
    if (!str_has_suffix(item, period)) {
        return false;
    }
    struct str word = str_sub(item, 0, item.len - period.len);
    return str_has_prefix(value, word) &&
           iso8601_duration(str_sub(value, word.len, value.len - word.len), &ms) && ms >= 0;
}

static bool is_allowed(const char *allowed, struct str value)
{
    struct str rest = str_from(allowed), item;
    while (str_next_item(&rest, ',', &item)) {
        if (str_eq(item, value) || is_period(item, value)) {
            return true;
        }
    }
    return false;
}

static int put_bool(const struct row *row, const char *text, bool *to, struct ottla_error *error)
{
    bool yes = strcmp(text, "true") == 0;
    if (!yes && strcmp(text, "false") != 0) {
        return bad_value(row, text, error, "true or false");
    }
    *to = yes;
    return 0;
}

static int get_number(const struct row *row, const char *text, int64_t *to,
                      struct ottla_error *error)
{
    char why[96];
    if (!str_to_i64(str_trim(str_from(text)), to)) {
        return bad_value(row, text, error, "a whole number");
    }
    if (*to < row->lo || *to > row->hi) {
        snprintf(why, sizeof why, "from %lld to %lld", (long long)row->lo, (long long)row->hi);
        return bad_value(row, text, error, why);
    }
    return 0;
}

/* Digits, maybe a point and digits: nothing that depends on where it runs. */
static bool read_decimal(struct str text, double *ret)
{
    double value = 0, digit = 0;
    bool has_digits = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.p[i];
        if (c == '.' && digit == 0) {
            digit = 1;
        } else if (c >= '0' && c <= '9' && text.len < 20) {
            has_digits = true;
            digit /= 10;
            value = digit > 0 ? value + digit * (c - '0') : value * 10 + (c - '0');
        } else {
            return false;
        }
    }
    *ret = value;
    return has_digits;
}

/* Its bounds are hundredths. */
static int put_double(const struct row *row, const char *text, double *to,
                      struct ottla_error *error)
{
    char why[96];
    double value;
    if (!read_decimal(str_trim(str_from(text)), &value)) {
        return bad_value(row, text, error, "a number");
    }
    if (value * 100 < (double)row->lo || value * 100 > (double)row->hi) {
        snprintf(why, sizeof why, "from %.2f to %.2f", (double)row->lo / 100,
                 (double)row->hi / 100);
        return bad_value(row, text, error, why);
    }
    *to = value;
    return 0;
}

static int check_text(const struct row *row, const char *text, struct ottla_error *error)
{
    char why[160];
    bool is_unset = text[0] == '\0' && row->dflt[0] == '\0';
    if (row->allowed != NULL && !is_unset && !is_allowed(row->allowed, str_from(text))) {
        snprintf(why, sizeof why, "one of %s", row->allowed);
        return bad_value(row, text, error, why);
    }
    return 0;
}

/* text is the configuration's own by now. */
static int put_value(struct client_values *values, const struct row *row, const char *text,
                     struct ottla_error *error)
{
    void *at = (char *)values + row->off;
    int64_t number;
    int code;
    switch (row->kind) {
    case KIND_BOOL:
        return put_bool(row, text, at, error);
    case KIND_INT:
    case KIND_LONG:
        code = get_number(row, text, &number, error);
        if (code == 0 && row->kind == KIND_INT) {
            *(int32_t *)at = (int32_t)number;
        } else if (code == 0) {
            *(int64_t *)at = number;
        }
        return code;
    case KIND_DOUBLE:
        return put_double(row, text, at, error);
    case KIND_STRING:
    case KIND_LIST:
    case KIND_PASSWORD:
        code = check_text(row, text, error);
        if (code == 0) {
            *(const char **)at = text;
        }
        return code;
    }
    return 0;
}

/* --- the object --- */

struct ottla_config *ottla_config_new(void)
{
    struct ottla_config *c = NEW(struct ottla_config);
    c->texts = mem_zalloc(sizeof *c->texts * ARRAY_LEN(rows));
    c->log_level = OTTLA_LOG_ERROR;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        (void)put_value(&c->values, &rows[i], rows[i].dflt, NULL);
    }
    return c;
}

void ottla_config_free(struct ottla_config *c)
{
    if (c == NULL) {
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        mem_free(c->texts[i]);
    }
    for (size_t i = 0; i < c->unused_count; i++) {
        mem_free(c->unused[i]);
    }
    mem_free(c->unused);
    mem_free(c->texts);
    mem_free(c);
}

static void add_unused(struct ottla_config *c, struct str name)
{
    c->unused = mem_realloc_array(c->unused, c->unused_count + 1, sizeof *c->unused);
    c->unused[c->unused_count++] = str_dup(name);
}

struct ottla_config *ottla_config_copy(const struct ottla_config *from)
{
    struct ottla_config *c = from != NULL ? ottla_config_new() : NULL;
    if (c == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (from->texts[i] != NULL) {
            (void)ottla_config_set(c, rows[i].name, from->texts[i], NULL);
        }
    }
    for (size_t i = 0; i < from->unused_count; i++) {
        add_unused(c, str_from(from->unused[i]));
    }
    ottla_config_set_log(c, from->log_level, from->log_fn, from->log_ctx);
    ottla_config_set_statistics(c, from->statistics_fn, from->statistics_ctx);
    ottla_config_set_token(c, from->token_fn, from->token_ctx);
    return c;
}

int ottla_config_set(struct ottla_config *c, const char *name, const char *value,
                     struct ottla_error *error)
{
    if (is_null(c, "configuration", error) || is_null(name, "name of the setting", error)) {
        return ERR_INVALID_REQUEST;
    }
    const struct row *row = find(name);
    if (row == NULL) {
        return unknown(name, error);
    }
    if (value == NULL) {
        return bad_value(row, "NULL", error, "a text; \"\" is one, too");
    }
    char *text = str_dup(str_from(value));
    int code = put_value(&c->values, row, text, error);
    if (code) {
        mem_free(text);
        return code;
    }
    mem_free(c->texts[row - rows]);
    c->texts[row - rows] = text;
    return 0;
}

const char *ottla_config_get(const struct ottla_config *c, const char *name)
{
    const struct row *row = c && name ? find(name) : NULL;
    return row == NULL ? NULL : c->texts[row - rows] ? c->texts[row - rows] : row->dflt;
}

bool config_is_set(const struct ottla_config *c, const char *name)
{
    const struct row *row = find(name);
    return row != NULL && c->texts[row - rows] != NULL;
}

const char *ottla_config_unused(const struct ottla_config *c, size_t i)
{
    return c != NULL && i < c->unused_count ? c->unused[i] : NULL;
}

void ottla_config_set_log(struct ottla_config *c, enum ottla_log_level level, ottla_log_fn *fn,
                          void *ctx)
{
    if (c != NULL) {
        c->log_level = level;
        c->log_fn = fn;
        c->log_ctx = ctx;
    }
}

void ottla_config_set_statistics(struct ottla_config *c, ottla_statistics_fn *fn, void *ctx)
{
    if (c != NULL) {
        c->statistics_fn = fn;
        c->statistics_ctx = ctx;
    }
}

void ottla_config_set_token(struct ottla_config *c, ottla_token_fn *fn, void *ctx)
{
    if (c != NULL) {
        c->token_fn = fn;
        c->token_ctx = ctx;
    }
}

bool ottla_config_setting(size_t i, struct ottla_setting *ret)
{
    if (i >= ARRAY_LEN(rows) || ret == NULL) {
        return false;
    }
    *ret = (struct ottla_setting){rows[i].name, kind_name(rows[i].kind), rows[i].dflt,
                                  rows[i].allowed, rows[i].doc};
    return true;
}

/* --- files --- */

static int set_all(struct ottla_config *c, const struct props *props, const char *path,
                   struct ottla_error *error)
{
    for (int32_t i = 0; i < props->count; i++) {
        struct ottla_error why;
        char *name = str_dup(props->items[i].key), *value = str_dup(props->items[i].value);
        int code = 0;
        if (find(name) == NULL) {
            add_unused(c, props->items[i].key);
        } else {
            code = ottla_config_set(c, name, value, &why);
        }
        mem_free(name);
        mem_free(value);
        if (code) {
            return error_set(error, code, "%s: %s", path, why.message);
        }
    }
    return 0;
}

int ottla_config_load(struct ottla_config *c, const char *path, struct ottla_error *error)
{
    char *text = NULL;
    size_t len = 0;
    struct props props;
    int line = 0;
    if (is_null(c, "configuration", error) || is_null(path, "path", error)) {
        return ERR_INVALID_REQUEST;
    }
    enum err e = fs_read_all(fs_posix(), path, FILE_BYTES_MAX, &text, &len);
    if (e) {
        return error_set(error, e, "%s: %s", path, err_text(e));
    }
    e = props_parse(&props, (struct str){text, len}, &line);
    int code = e ? error_set(error, e, "%s:%d: %s", path, line, err_text(e))
                 : set_all(c, &props, path, error);
    props_deinit(&props);
    mem_free(text);
    return code;
}
