/* From settings to a TLS context, credentials and tokens. At start; security_token in any thread.
 *
 * Credentials are sasl.username and sasl.password, or what sasl.jaas.config says in Java's words.
 * Tokens come from the program's function, else from a file or a token endpoint, else from the
 * unsecured claims of sasl.jaas.config. */
#include "client/core/security.h"

#include "base/attr.h"
#include "base/mem.h"
#include "client/error.h"
#include "net/openssl.h"
#include "plat/clock.h"
#include "plat/entropy.h"
#include "sec/unsecured.h"

#include <stdio.h>

enum { ARENA_BYTES = 1 << 20 };

static const struct str file_scheme = STR("file://");

static bool is_set(const char *text) { return *text != '\0'; }

static int bad(struct ottla_error *error, const char *text)
{
    return error_set(error, ERR_BAD_CONFIG, "%s", text);
}

/* --- TLS --- */

static int init_tls(struct security *s, struct ottla_error *error)
{
    const struct client_values *v = &s->config->values;
    struct tls_config c = {
        .truststore_type = v->ssl_truststore_type,
        .truststore_location = v->ssl_truststore_location,
        .truststore_certificates = v->ssl_truststore_certificates,
        .truststore_password = v->ssl_truststore_password,
        .keystore_type = v->ssl_keystore_type,
        .keystore_location = v->ssl_keystore_location,
        .keystore_certificate_chain = v->ssl_keystore_certificate_chain,
        .keystore_key = v->ssl_keystore_key,
        .keystore_password = v->ssl_keystore_password,
        .key_password = v->ssl_key_password,
        .endpoint_identification_algorithm = v->ssl_endpoint_identification_algorithm,
        .protocol = v->ssl_protocol,
        .enabled_protocols = v->ssl_enabled_protocols,
        .cipher_suites = v->ssl_cipher_suites,
    };
    struct buf why = BUF_INIT;
    enum err e = tls_context_new(fs_posix(), &c, &s->tls, &why);
    int code = e ? error_set(error, e, "%s", why.len ? buf_cstr(&why) : err_text(e)) : 0;
    buf_deinit(&why);
    return code;
}

/* --- SASL --- */

static bool fits_module(enum sasl_mechanism m, struct str module)
{
    static const char *const names[] = {"PlainLoginModule", "ScramLoginModule", "ScramLoginModule",
                                        "OAuthBearerLoginModule"};
    size_t dot = str_find_last(module, '.');
    size_t at = dot == module.len ? 0 : dot + 1;
    return str_eq(str_sub(module, at, module.len - at), str_from(names[m]));
}

static int read_jaas(struct security *s, struct ottla_error *error)
{
    const char *text = s->config->values.sasl_jaas_config;
    struct buf why = BUF_INIT;
    if (!is_set(text)) {
        return 0;
    }
    enum err e = jaas_parse(str_from(text), &s->arena, &s->module, &why);
    if (!e && !fits_module(s->setup.mechanism, s->module.name)) {
        buf_printf(&why, "sasl.jaas.config: %.*s is not the login module of %s",
                   STR_ARG(s->module.name), sasl_mechanism_name(s->setup.mechanism));
        e = ERR_BAD_CONFIG;
    }
    int code = e ? error_set(error, e, "%s", why.len ? buf_cstr(&why) : err_text(e)) : 0;
    buf_deinit(&why);
    return code;
}

static void fill_credentials(struct security *s)
{
    struct sasl_credentials *k = &s->setup.credentials;
    const struct client_values *v = &s->config->values;
    k->username = is_set(v->sasl_username) ? str_from(v->sasl_username)
                                           : jaas_get(&s->module, STR("username"));
    k->password = is_set(v->sasl_password) ? str_from(v->sasl_password)
                                           : jaas_get(&s->module, STR("password"));
    k->is_delegation_token = str_eq(jaas_get(&s->module, STR("tokenauth")), STR("true"));
    k->extensions = s->extensions;
    k->extension_count = unsecured_extensions(&s->module, s->extensions, SECURITY_EXTENSIONS);
}

static bool is_endpoint(const char *url)
{
    return str_has_prefix(str_from(url), STR("http://")) ||
           str_has_prefix(str_from(url), STR("https://"));
}

static int init_tokens(struct security *s, struct ottla_error *error)
{
    const char *url = s->config->values.sasl_oauthbearer_token_endpoint_url;
    if (s->config->token_fn != NULL || (!is_set(url) && unsecured_is_wanted(&s->module)) ||
        str_has_prefix(str_from(url), file_scheme)) {
        return 0;
    }
    if (is_endpoint(url)) {
        struct sasl_credentials *k = &s->setup.credentials;
        k->extension_count = oauth_extensions(&s->module, s->extensions, SECURITY_EXTENSIONS);
        return oauth_init(&s->oauth, &s->config->values, &s->module, error);
    }
    return is_set(url) ? bad(error, "sasl.oauthbearer.token.endpoint.url is neither http://…, "
                                    "https://… nor file:///…")
                       : bad(error, "OAUTHBEARER needs a token: ottla_config_set_token, "
                                    "sasl.oauthbearer.token.endpoint.url, or "
                                    "unsecuredLoginStringClaim_sub in sasl.jaas.config");
}

static int check_credentials(struct security *s, struct ottla_error *error)
{
    struct buf why = BUF_INIT;
    if (s->setup.mechanism == SASL_OAUTHBEARER) {
        return init_tokens(s, error);
    }
    enum err e = sasl_check(s->setup.mechanism, &s->setup.credentials, &why);
    int code = e ? error_set(error, e, "%s: sasl.username and sasl.password, or sasl.jaas.config",
                             buf_cstr(&why))
                 : 0;
    buf_deinit(&why);
    return code;
}

static int init_sasl(struct security *s, struct ottla_error *error)
{
    const char *name = s->config->values.sasl_mechanism;
    if (!sasl_mechanism_parse(str_from(name), &s->setup.mechanism)) {
        return bad(error, "sasl.mechanism is not set: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or "
                          "OAUTHBEARER");
    }
    s->setup.fill_random = entropy_fill;
    s->setup.digests = sasl_needs_digests(s->setup.mechanism) ? openssl_digests() : NULL;
    if (sasl_needs_digests(s->setup.mechanism) && s->setup.digests == NULL) {
        return error_set(error, ERR_NOT_FOUND,
                         "%s needs OpenSSL 3 (libssl.so.3), which is not installed", name);
    }
    int code = read_jaas(s, error);
    if (code == 0) {
        fill_credentials(s);
        code = check_credentials(s, error);
    }
    return code;
}

/* --- all --- */

int security_init(struct security *s, const struct ottla_config *config, struct ottla_error *error)
{
    struct str protocol = str_from(config->values.security_protocol);
    *s = (struct security){.config = config};
    arena_init(&s->arena, ARENA_BYTES);
    s->has_sasl = str_has_prefix(protocol, STR("SASL_"));
    int code = str_has_suffix(protocol, STR("SSL")) ? init_tls(s, error) : 0;
    return code || !s->has_sasl ? code : init_sasl(s, error);
}

void security_deinit(struct security *s)
{
    tls_context_free(s->tls);
    oauth_deinit(&s->oauth);
    arena_deinit(&s->arena);
}

void security_stop(struct security *s) { oauth_stop(&s->oauth); }

/* --- tokens --- */

static int ask_program(const struct ottla_config *c, struct buf *token, struct buf *why)
{
    char *text = mem_zalloc(TOKEN_MAX_BYTES);
    struct ottla_error error = {0};
    int code = c->token_fn(c->token_ctx, text, TOKEN_MAX_BYTES, &error);
    text[TOKEN_MAX_BYTES - 1] = '\0';
    if (code) {
        error.message[sizeof error.message - 1] = '\0';
        buf_printf(why, "the program has no token: %s",
                   error.message[0] ? error.message : ottla_error_text(code));
    } else {
        buf_put_str(token, str_from(text));
    }
    mem_free(text);
    return code;
}

/* Read anew each time: whoever writes the file renews the token. */
static int read_token(const char *url, struct buf *token, struct buf *why)
{
    const char *path = url + file_scheme.len;
    char *text = NULL;
    size_t len = 0;
    enum err e = fs_read_all(fs_posix(), path, TOKEN_MAX_BYTES, &text, &len);
    if (e) {
        buf_printf(why, "the token cannot be read: %s: %s", path, err_text(e));
        return e;
    }
    buf_put_str(token, str_trim((struct str){text, len}));
    mem_free(text);
    return 0;
}

int security_token(struct security *s, struct buf *token, struct buf *why)
{
    const char *url = s->config->values.sasl_oauthbearer_token_endpoint_url;
    int code = 0;
    if (s->config->token_fn != NULL) {
        code = ask_program(s->config, token, why);
    } else if (is_endpoint(url)) {
        code = oauth_token(&s->oauth, token, why);
    } else if (is_set(url)) {
        code = read_token(url, token, why);
    } else {
        unsecured_put(&s->module, clock_wall_ms(clock_system()), token);
    }
    if (code == 0) {
        struct sasl_credentials k = s->setup.credentials;
        k.token = buf_str(token);
        code = sasl_check(SASL_OAUTHBEARER, &k, why);
    }
    return code;
}

int64_t security_renewal_ms(struct security *s, int64_t now_ms)
{
    int64_t in_ms = s->oauth.config != NULL ? oauth_renewal_ms(&s->oauth) : INT64_MAX;
    return in_ms == INT64_MAX ? INT64_MAX : now_ms + in_ms;
}
