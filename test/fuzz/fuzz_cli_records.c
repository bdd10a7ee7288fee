/* Lines, and bytes of records, through what the tools make of them. The first byte chooses. */
#include "fuzz.h"

#include "base/attr.h"
#include "base/mem.h"
#include "cli/records/format.h"
#include "cli/records/line.h"
#include "cli/records/object.h"
#include "cli/records/range.h"
#include "cli/records/template.h"

#include <stdlib.h>

static const char *const classes[] = {"string", "short", "integer", "long",  "float",
                                      "double", "uuid",  "boolean", "bytes", "bytearray"};

static void parse(struct str text, uint8_t choice)
{
    struct line_rules rules = {
        .has_key = choice & 1,
        .has_headers = choice & 2,
        .ignores_errors = choice & 4,
        .key_separator = choice & 8 ? STR("::") : STR("\t"),
        .headers_delimiter = STR("|"),
        .headers_separator = choice & 16 ? STR(",,") : STR(","),
        .headers_key_separator = STR(":"),
        .null_marker = choice & 32 ? STR("N") : STR_NULL,
    };
    struct line_record r = {0};
    struct buf why = BUF_INIT;
    size_t total = 0;
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
    buf_deinit(&why);
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
                       .key_text = text_find(classes[(choice >> 1) % ARRAY_LEN(classes)])};
    struct buf out = BUF_INIT, why = BUF_INIT;
    (void)format_put(&f, &r, &out, &why);
    f.kind = FORMAT_INTERNAL;
    f.internal = choice % 5;
    (void)format_put(&f, &r, &out, &why);
    format_put_json(&r, &out);
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
        } else if (data[0] & 2) {
            read_forms(text);
        } else {
            print(text, data[1]);
        }
    }
    return 0;
}
