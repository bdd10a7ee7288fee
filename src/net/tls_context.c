/* From settings to OpenSSL's SSL_CTX: certificates, keys, protocols. Any thread; at start. */
#include "base/attr.h"
#include "base/mem.h"
#include "net/tls_int.h"

enum { STORE_BYTES_MAX = 4 << 20, READ_BUFFER_BYTES = 64 * 1024 };

/* What a configuration is read with: the library, and where a sentence about a failure goes. */
struct reading {
    const struct openssl *lib;
    struct fs *fs;
    SSL_CTX *ctx;
    struct buf *why;
};

static bool is_set(const char *text) { return text != NULL && *text != '\0'; }

static const char *reason(const struct reading *r)
{
    unsigned long code = r->lib->ERR_peek_last_error();
    const char *text = code ? r->lib->ERR_reason_error_string(code) : NULL;
    return text ? text : "not understood";
}

static enum err bad(const struct reading *r, const char *what)
{
    buf_printf(r->why, "%s: %s", what, reason(r));
    return ERR_BAD_CONFIG;
}

/* --- stores: bytes of a file, or of a setting --- */

enum store_kind { STORE_PEM, STORE_PKCS12 };

struct store {
    const char *name; /* of the setting, for people */
    struct str bytes;
    char *to_free;
    enum store_kind kind;
};

static bool is_jks(struct str s)
{
    return s.len >= 4 &&
           (memcmp(s.p, "\xfe\xed\xfe\xed", 4) == 0 || memcmp(s.p, "\xce\xce\xce\xce", 4) == 0);
}

static enum err refuse_jks(const struct reading *r, const char *name)
{
    buf_printf(r->why,
               "%s: a JKS keystore can be read by Java alone; make a PKCS12 of it: keytool "
               "-importkeystore -srckeystore X.jks -destkeystore X.p12 -deststoretype PKCS12",
               name);
    return ERR_BAD_CONFIG;
}

/* PKCS12 is DER, and begins with a sequence. */
static bool is_der(struct str s) { return s.len > 0 && s.p[0] == 0x30; }

static enum err open_store(const struct reading *r, const char *name, const char *path,
                           const char *type, struct store *ret)
{
    size_t len;
    *ret = (struct store){.name = name};
    enum err e = fs_read_all(r->fs, path, STORE_BYTES_MAX, &ret->to_free, &len);
    if (e) {
        buf_printf(r->why, "%s: %s: %s", name, path, err_text(e));
        return e;
    }
    ret->bytes = (struct str){ret->to_free, len};
    bool is_by_type = is_set(type) && strcmp(type, "JKS") != 0;
    bool is_pem = is_by_type ? strcmp(type, "PEM") == 0 : !is_der(ret->bytes);
    ret->kind = is_pem ? STORE_PEM : STORE_PKCS12;
    return is_jks(ret->bytes) ? refuse_jks(r, name) : OK;
}

static struct store inline_store(const char *name, const char *text)
{
    return (struct store){.name = name, .bytes = str_from(text), .kind = STORE_PEM};
}

static void close_store(struct store *s)
{
    mem_free(s->to_free);
    s->to_free = NULL;
}

static BIO *bio_of(const struct reading *r, const struct store *s)
{
    r->lib->ERR_clear_error();
    return r->lib->BIO_new_mem_buf(s->bytes.p, (int)s->bytes.len);
}

/* What OpenSSL asks when a key is encrypted. */
static int give_password(char *to, int size, int is_writing, void *password)
{
    (void)is_writing;
    size_t len = password ? strlen(password) : 0;
    if (len > (size_t)size) {
        return -1;
    }
    memcpy(to, password ? password : "", len);
    return (int)len;
}

struct contents {
    X509 *cert;
    EVP_PKEY *key;
    STACK_OF(X509) * others;
};

static enum err open_pkcs12(const struct reading *r, const struct store *s, const char *password,
                            struct contents *ret)
{
    BIO *bio = bio_of(r, s);
    PKCS12 *p12 = bio ? r->lib->d2i_PKCS12_bio(bio, NULL) : NULL;
    *ret = (struct contents){0};
    bool is_ok = p12 != NULL && r->lib->PKCS12_parse(p12, is_set(password) ? password : NULL,
                                                     &ret->key, &ret->cert, &ret->others) == 1;
    enum err e = is_ok ? OK : bad(r, s->name);
    r->lib->PKCS12_free(p12);
    r->lib->BIO_free(bio);
    return e;
}

static void close_pkcs12(const struct reading *r, struct contents *c)
{
    r->lib->X509_free(c->cert);
    r->lib->EVP_PKEY_free(c->key);
    r->lib->OPENSSL_sk_pop_free((OPENSSL_STACK *)c->others, (OPENSSL_sk_freefunc)r->lib->X509_free);
}

/* --- whom to trust --- */

static enum err trust(const struct reading *r, X509 *cert, int *count)
{
    *count += r->lib->X509_STORE_add_cert(r->lib->SSL_CTX_get_cert_store(r->ctx), cert) == 1;
    return OK;
}

static int trust_pem(const struct reading *r, const struct store *s)
{
    BIO *bio = bio_of(r, s);
    X509 *cert;
    int count = 0;
    while (bio != NULL && (cert = r->lib->PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        enum err e = trust(r, cert, &count);
        (void)e;
        r->lib->X509_free(cert);
    }
    r->lib->BIO_free(bio);
    return count;
}

static enum err trust_pkcs12(const struct reading *r, const struct store *s, const char *password,
                             int *count)
{
    struct contents c;
    enum err e = open_pkcs12(r, s, password, &c);
    if (e) {
        return e;
    }
    for (int i = 0; i < r->lib->OPENSSL_sk_num((const OPENSSL_STACK *)c.others); i++) {
        e = trust(r, r->lib->OPENSSL_sk_value((const OPENSSL_STACK *)c.others, i), count);
    }
    if (c.cert != NULL) {
        e = trust(r, c.cert, count);
    }
    close_pkcs12(r, &c);
    return e;
}

static enum err trust_store(const struct reading *r, struct store *s, const char *password)
{
    int count = 0;
    enum err e = OK;
    if (s->kind == STORE_PEM) {
        count = trust_pem(r, s);
    } else {
        e = trust_pkcs12(r, s, password, &count);
    }
    if (!e && count == 0) {
        buf_printf(r->why, "%s: there is no certificate in it", s->name);
        e = ERR_BAD_CONFIG;
    }
    close_store(s);
    return e;
}

static enum err set_trust(const struct reading *r, const struct tls_config *c)
{
    struct store s;
    if (is_set(c->truststore_certificates)) {
        s = inline_store("ssl.truststore.certificates", c->truststore_certificates);
        return trust_store(r, &s, NULL);
    }
    if (is_set(c->truststore_location)) {
        enum err e = open_store(r, "ssl.truststore.location", c->truststore_location,
                                c->truststore_type, &s);
        if (!e) {
            return trust_store(r, &s, c->truststore_password);
        }
        close_store(&s);
        return e;
    }
    if (!c->is_server && r->lib->SSL_CTX_set_default_verify_paths(r->ctx) != 1) {
        return bad(r, "the machine's certificates");
    }
    return OK;
}

/* --- who we are --- */

static enum err use(const struct reading *r, const char *name, X509 *cert, EVP_PKEY *key)
{
    r->lib->ERR_clear_error();
    bool is_ok = cert != NULL && key != NULL &&
                 r->lib->SSL_CTX_use_certificate(r->ctx, cert) == 1 &&
                 r->lib->SSL_CTX_use_PrivateKey(r->ctx, key) == 1 &&
                 r->lib->SSL_CTX_check_private_key(r->ctx) == 1;
    if (!is_ok) {
        buf_printf(r->why, "%s: %s", name,
                   cert == NULL  ? "there is no certificate in it"
                   : key == NULL ? "there is no private key in it, or its password is wrong"
                                 : reason(r));
    }
    return is_ok ? OK : ERR_BAD_CONFIG;
}

static void add_chain(const struct reading *r, X509 *cert)
{
    (void)r->lib->SSL_CTX_ctrl(r->ctx, SSL_CTRL_CHAIN_CERT, 1, cert); /* 1: it takes a reference */
}

/* The first certificate is ours, the others lead to who signed it. */
static enum err use_pem(const struct reading *r, const struct store *chain, const struct store *key,
                        const char *password)
{
    BIO *chain_bio = bio_of(r, chain), *key_bio = bio_of(r, key);
    X509 *own = NULL, *next;
    EVP_PKEY *pkey = NULL;
    if (chain_bio != NULL && key_bio != NULL) {
        own = r->lib->PEM_read_bio_X509(chain_bio, NULL, NULL, NULL);
        pkey = r->lib->PEM_read_bio_PrivateKey(key_bio, NULL, give_password,
                                               (void *)(uintptr_t)password);
    }
    enum err e = use(r, chain->name, own, pkey);
    while (!e && (next = r->lib->PEM_read_bio_X509(chain_bio, NULL, NULL, NULL)) != NULL) {
        add_chain(r, next);
        r->lib->X509_free(next);
    }
    r->lib->X509_free(own);
    r->lib->EVP_PKEY_free(pkey);
    r->lib->BIO_free(chain_bio);
    r->lib->BIO_free(key_bio);
    return e;
}

static enum err use_pkcs12(const struct reading *r, const struct store *s, const char *password)
{
    struct contents c;
    enum err e = open_pkcs12(r, s, password, &c);
    if (e) {
        return e;
    }
    e = use(r, s->name, c.cert, c.key);
    for (int i = 0; !e && i < r->lib->OPENSSL_sk_num((const OPENSSL_STACK *)c.others); i++) {
        add_chain(r, r->lib->OPENSSL_sk_value((const OPENSSL_STACK *)c.others, i));
    }
    close_pkcs12(r, &c);
    return e;
}

static enum err set_identity(const struct reading *r, const struct tls_config *c)
{
    struct store s, key;
    if (is_set(c->keystore_certificate_chain) || is_set(c->keystore_key)) {
        s = inline_store("ssl.keystore.certificate.chain", c->keystore_certificate_chain);
        key = inline_store("ssl.keystore.key", c->keystore_key);
        return use_pem(r, &s, &key, c->key_password);
    }
    if (!is_set(c->keystore_location)) {
        return OK;
    }
    enum err e = open_store(r, "ssl.keystore.location", c->keystore_location, c->keystore_type, &s);
    if (!e) {
        e = s.kind == STORE_PEM ? use_pem(r, &s, &s, c->key_password)
                                : use_pkcs12(r, &s, c->keystore_password);
    }
    close_store(&s);
    return e;
}

/* --- protocols and ciphers --- */

static int version_of(struct str name)
{
    static const struct {
        const char *name;
        int version;
    } known[] = {{"TLSv1.3", TLS1_3_VERSION}, {"TLSv1.2", TLS1_2_VERSION}};
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (str_eq(name, str_from(known[i].name))) {
            return known[i].version;
        }
    }
    return 0;
}

static enum err set_versions(const struct reading *r, const struct tls_config *c)
{
    struct str rest = str_from(is_set(c->enabled_protocols) ? c->enabled_protocols : ""), item;
    int most = is_set(c->protocol) ? version_of(str_from(c->protocol)) : 0;
    int lo = 0, hi = 0;
    while (str_next_item(&rest, ',', &item)) {
        int v = version_of(item);
        if (v == 0) {
            buf_printf(r->why, "ssl.enabled.protocols: '%.*s' is not TLSv1.2 or TLSv1.3",
                       STR_ARG(item));
            return ERR_BAD_CONFIG;
        }
        lo = lo == 0 ? v : MIN(lo, v);
        hi = MAX(hi, v);
    }
    lo = lo ? lo : TLS1_2_VERSION;
    hi = hi ? hi : TLS1_3_VERSION;
    hi = most ? MIN(hi, most) : hi;
    if (lo > hi) {
        buf_printf(r->why, "ssl.protocol and ssl.enabled.protocols have nothing in common");
        return ERR_BAD_CONFIG;
    }
    (void)r->lib->SSL_CTX_ctrl(r->ctx, SSL_CTRL_SET_MIN_PROTO_VERSION, lo, NULL);
    (void)r->lib->SSL_CTX_ctrl(r->ctx, SSL_CTRL_SET_MAX_PROTO_VERSION, hi, NULL);
    return OK;
}

/* Names as Java and the standards have them; those of OpenSSL are taken, too. */
static void add_cipher(const struct reading *r, struct str name, struct buf *suites,
                       struct buf *list)
{
    char text[80];
    snprintf(text, sizeof text, "%.*s", STR_ARG(name));
    const char *known = r->lib->OPENSSL_cipher_name(text);
    bool is_1_3 = str_has_prefix(name, STR("TLS_AES_")) || str_has_prefix(name, STR("TLS_CHACHA"));
    struct buf *to = is_1_3 ? suites : list;
    bool is_translated = !is_1_3 && known != NULL && strcmp(known, "(NONE)") != 0;
    buf_printf(to, "%s%s", to->len ? ":" : "", is_translated ? known : text);
}

static enum err set_ciphers(const struct reading *r, const struct tls_config *c)
{
    struct buf suites = BUF_INIT, list = BUF_INIT;
    struct str rest = str_from(is_set(c->cipher_suites) ? c->cipher_suites : ""), item;
    while (str_next_item(&rest, ',', &item)) {
        add_cipher(r, item, &suites, &list);
    }
    r->lib->ERR_clear_error();
    bool is_ok = (suites.len + list.len == 0) ||
                 (r->lib->SSL_CTX_set_ciphersuites(r->ctx, buf_cstr(&suites)) == 1 &&
                  (list.len == 0 || r->lib->SSL_CTX_set_cipher_list(r->ctx, buf_cstr(&list)) == 1));
    buf_deinit(&suites);
    buf_deinit(&list);
    return is_ok ? OK : bad(r, "ssl.cipher.suites");
}

/* --- the context --- */

static void set_behaviour(const struct reading *r, const struct tls_config *c)
{
    const long mode = SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                      SSL_MODE_RELEASE_BUFFERS;
    (void)r->lib->SSL_CTX_ctrl(r->ctx, SSL_CTRL_MODE, mode, NULL);
    (void)r->lib->SSL_CTX_ctrl(r->ctx, SSL_CTRL_SET_READ_AHEAD, 1, NULL);
    r->lib->SSL_CTX_set_default_read_buffer_len(r->ctx, READ_BUFFER_BYTES);
    (void)r->lib->SSL_CTX_set_options(r->ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    r->lib->SSL_CTX_set_verify(r->ctx, c->is_server ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
}

static enum err fill(const struct reading *r, const struct tls_config *c)
{
    set_behaviour(r, c);
    enum err e = set_versions(r, c);
    e = e ? e : set_ciphers(r, c);
    e = e ? e : set_trust(r, c);
    return e ? e : set_identity(r, c);
}

enum err tls_context_new(struct fs *fs, const struct tls_config *config, struct tls_context **ret,
                         struct buf *why)
{
    const struct openssl *lib = openssl();
    if (lib == NULL) {
        buf_printf(why, "TLS needs OpenSSL 3 (libssl.so.3), which is not installed");
        return ERR_NOT_FOUND;
    }
    struct tls_context *c = NEW(struct tls_context);
    const char *algorithm = config->endpoint_identification_algorithm;
    c->lib = lib;
    c->is_server = config->is_server;
    c->compares_names = !config->is_server && is_set(algorithm);
    c->ctx = lib->SSL_CTX_new(lib->TLS_method());
    c->method = tls_bio_method(lib);
    struct reading r = {lib, fs, c->ctx, why};
    enum err e = c->ctx && c->method ? fill(&r, config) : ERR_NO_MEMORY;
    if (e) {
        tls_context_free(c);
        return e;
    }
    *ret = c;
    return OK;
}

void tls_context_free(struct tls_context *c)
{
    if (c != NULL) {
        c->lib->SSL_CTX_free(c->ctx);
        c->lib->BIO_meth_free(c->method);
        mem_free(c);
    }
}
