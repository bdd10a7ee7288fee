/* Lines, and bytes of records, through what the tools make of them. The first byte chooses. */
#include "fuzz.h"

#include "base/attr.h"
#include "base/mem.h"
#include "cli/java_regex.h"
#include "cli/records/format.h"
#include "cli/records/line.h"
#include "cli/records/object.h"
#include "cli/records/pack.h"
#include "cli/records/range.h"
#include "cli/records/template.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void parse(struct str text, uint8_t choice)
{
    static const char *const separators[] = {",", ",,", "\\s*,", "(?i)x|y?"};
    const struct {
        const char *name, *value;
    } pairs[] = {
        {"parse.key", choice & 1 ? "true" : "false"},
        {"parse.headers", choice & 2 ? "true" : "false"},
        {"ignore.error", choice & 4 ? "true" : "false"},
        {"key.separator", choice & 8 ? "::" : "\t"},
        {"headers.delimiter", "|"},
        {"headers.separator", separators[choice >> 4 & 3]},
        {"null.marker", "N"},
    };
    struct props p;
    struct line_rules rules;
    struct line_record r = {0};
    struct buf why = BUF_INIT;
    size_t total = 0;
    props_init(&p);
    for (size_t i = 0; i < ARRAY_LEN(pairs) - !(choice & 64); i++) {
        if (props_set(&p, str_from(pairs[i].name), str_from(pairs[i].value)) != OK) {
            abort();
        }
    }
    if (!line_rules_take(&rules, &p, &why)) {
        abort();
    }
    if (line_parse(&rules, text, 1, &r, &why)) {
        total = r.key.len + r.value.len;
        for (size_t i = 0; i < r.header_count; i++) {
            total += r.headers[i].key_length + r.headers[i].value_length;
        }
    }
    if (total > text.len) {
        abort(); /* parts are cut out of the line */
    }
    line_record_deinit(&r);
    line_rules_deinit(&rules);
    props_deinit(&p);
    buf_deinit(&why);
}

/* Any expression: what is taken is what regcomp takes, too, but for what is too large for it. */
static void translate(struct str text)
{
    struct buf posix = BUF_INIT, why = BUF_INIT;
    char *java = str_dup(str_sub(text, 0, MIN(text.len, 40)));
    regex_t regex;
    if (strpbrk(java, "{") == NULL && cli_put_regex(&posix, java, &why)) {
        int e = regcomp(&regex, buf_cstr(&posix), REG_EXTENDED | REG_NOSUB);
        if (e != 0 && e != REG_ESPACE) {
            abort();
        }
        if (e == 0) {
            (void)regexec(&regex, "an.other_Name-1", 0, NULL, 0);
            regfree(&regex);
        }
    }
    mem_free(java);
    buf_deinit(&posix);
    buf_deinit(&why);
}

/* Deserializers, lists of them and encodings. */
static struct text *text_of(uint8_t choice)
{
    static const char *const classes[] = {"String", "Short",     "Integer", "Long",
                                          "Float",  "Double",    "UUID",    "Boolean",
                                          "Bytes",  "ByteArray", "Void"};
    static const char *const encodings[] = {"UTF-16", "UTF-32", "ISO-8859-1", "Shift_JIS"};
    const char *class = classes[choice % ARRAY_LEN(classes)];
    char inner[80];
    struct props p;
    struct buf why = BUF_INIT;
    snprintf(inner, sizeof inner, "org.apache.kafka.common.serialization.Serdes$%sSerde", class);
    props_init(&p);
    if (props_set(&p, STR("k.deserializer.encoding"), str_from(encodings[choice & 3])) != OK ||
        props_set(&p, STR("k.default.list.key.serde.type"), STR("java.util.Stack")) != OK ||
        props_set(&p, STR("k.default.list.key.serde.inner"), str_from(inner)) != OK) {
        abort();
    }
    struct text *t =
        text_new(choice & 64 ? STR("org.apache.kafka.common.serialization.ListDeserializer")
                             : str_from(class));
    if (choice & 32 && !text_configure(t, &p, (struct text_place){"k", true}, &why)) {
        abort();
    }
    props_deinit(&p);
    buf_deinit(&why);
    return t;
}

static void print(struct str text, uint8_t choice)
{
    size_t half = text.len / 2;
    struct ottla_record r = {.topic = "t",
                             .key = choice & 1 ? text.p : NULL,
                             .key_length = choice & 1 ? half : 0,
                             .value = text.p + half,
                             .value_length = text.len - half};
    struct format f = {.kind = FORMAT_DEFAULT,
                       .has_key = true,
                       .has_value = true,
                       .has_headers = true,
                       .key_text = text_of(choice >> 1)};
    struct buf out = BUF_INIT, why = BUF_INIT;
    (void)format_put(&f, &r, &out, &why);
    f.kind = FORMAT_INTERNAL;
    f.internal = choice % 5;
    (void)format_put(&f, &r, &out, &why);
    format_put_json(&r, &out);
    format_put_envelope(&r, 1, &out);
    (void)pack_put("bBhH iI<qQc", (struct bytes){(const uint8_t *)text.p, text.len}, &out, &why);
    format_deinit(&f);
    buf_deinit(&out);
    buf_deinit(&why);
}

/* The first line as a format string, the second as what it reads, and all as the rest. */
static void read_forms(struct str text)
{
    size_t cut = str_find(text, '\n');
    struct str rest = str_sub(text, cut, text.len - cut), end;
    char *format = str_dup(str_sub(text, 0, cut));
    struct buf out = BUF_INIT;
    struct template t;
    struct template_record r;
    struct range range;
    struct object o = {0};
    struct ottla_message m;
    const struct ottla_record record = {.topic = "t", .key = text.p, .key_length = text.len};
    if (template_parse(&t, format, &out)) {
        template_put(&t, &record, &out);
        if (template_take_end(&t, &end, &out)) {
            (void)template_read(&t, rest, &r, &out);
        }
    }
    (void)range_parse(text, 1 << 30, &range);
    ottla_message_init(&m);
    (void)object_read(&o, text, true, &m, &out);
    object_deinit(&o);
    template_deinit(&t);
    buf_deinit(&out);
    mem_free(format);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size >= 2) {
        struct str text = {(const char *)data + 2, size - 2};
        if (data[0] & 1) {
            parse(text, data[1]);
        } else if (data[0] & 4) {
            translate(text);
        } else if (data[0] & 2) {
            read_forms(text);
        } else {
            print(text, data[1]);
        }
    }
    return 0;
}
