/* Tokens that nobody signed: a header, claims and no signature (RFC 7519, section 6). Pure. */
#include "sec/unsecured.h"

#include "base/base64.h"
#include "base/json.h"

#include <inttypes.h>

static const struct str text_claim = STR("unsecuredLoginStringClaim_");
static const struct str number_claim = STR("unsecuredLoginNumberClaim_");
static const struct str list_claim = STR("unsecuredLoginListClaim_");
static const struct str extension = STR("unsecuredLoginExtension_");

enum { LIFETIME_S = 3600 };

static bool is_kind(const struct jaas_option *o, struct str prefix, struct str *ret_name)
{
    if (!str_has_prefix(o->name, prefix)) {
        return false;
    }
    *ret_name = str_sub(o->name, prefix.len, o->name.len - prefix.len);
    return true;
}

bool unsecured_is_wanted(const struct jaas_module *m)
{
    struct str name;
    for (size_t i = 0; i < m->count; i++) {
        if (is_kind(&m->options[i], text_claim, &name)) {
            return true;
        }
    }
    return false;
}

/* Its first letter is between its items: ",a,b". */
static void put_list(struct buf *out, struct str s)
{
    struct str rest = s.len > 0 ? str_sub(s, 1, s.len - 1) : s, item;
    const char *comma = "";
    buf_put_u8(out, '[');
    while (s.len > 0 && str_next_item(&rest, s.p[0], &item)) {
        buf_printf(out, "%s", comma);
        json_put_str(out, item);
        comma = ",";
    }
    buf_put_u8(out, ']');
}

static void put_claim(struct buf *out, const struct jaas_option *o)
{
    struct str name;
    bool is_text = is_kind(o, text_claim, &name);
    bool is_number = !is_text && is_kind(o, number_claim, &name);
    if (!is_text && !is_number && !is_kind(o, list_claim, &name)) {
        return;
    }
    buf_put_u8(out, ',');
    json_put_str(out, name);
    buf_put_u8(out, ':');
    if (is_text) {
        json_put_str(out, o->value);
    } else if (is_number) {
        buf_put_str(out, o->value);
    } else {
        put_list(out, o->value);
    }
}

void unsecured_put(const struct jaas_module *m, int64_t now_ms, struct buf *out)
{
    struct buf claims = BUF_INIT;
    int64_t lifetime_s;
    if (!str_to_i64(jaas_get(m, STR("unsecuredLoginLifetimeSeconds")), &lifetime_s)) {
        lifetime_s = LIFETIME_S;
    }
    buf_printf(&claims, "{\"iat\":%" PRId64 ",\"exp\":%" PRId64, now_ms / 1000,
               now_ms / 1000 + lifetime_s);
    for (size_t i = 0; i < m->count; i++) {
        put_claim(&claims, &m->options[i]);
    }
    buf_put_u8(&claims, '}');
    struct str header = STR("{\"alg\":\"none\"}");
    base64url_put(out, (struct bytes){(const uint8_t *)header.p, header.len});
    buf_put_u8(out, '.');
    base64url_put(out, buf_bytes(&claims));
    buf_put_u8(out, '.');
    buf_deinit(&claims);
}

size_t unsecured_extensions(const struct jaas_module *m, struct sasl_extension *ret, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < m->count && n < max; i++) {
        struct str name;
        if (is_kind(&m->options[i], extension, &name)) {
            ret[n++] = (struct sasl_extension){name, m->options[i].value};
        }
    }
    return n;
}
