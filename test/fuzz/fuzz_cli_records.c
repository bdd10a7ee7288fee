/* Lines, and bytes of records, through what the tools make of them. The first byte chooses. */
#include "fuzz.h"

#include "base/attr.h"
#include "cli/records/format.h"
#include "cli/records/line.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size >= 2) {
        struct str text = {(const char *)data + 2, size - 2};
        if (data[0] & 1) {
            parse(text, data[1]);
        } else {
            print(text, data[1]);
        }
    }
    return 0;
}
