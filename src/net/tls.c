/* Streams: between a connection and OpenSSL. The thread of the stream.
 *
 * OpenSSL reads from the socket through a BIO of ours and writes into `out`, which never refuses;
 * so SSL_write always takes what it is given, and what bounds `out` is that nothing is encrypted
 * while OUT_MAX_BYTES wait. */
#include "net/tls.h"

#include "base/attr.h"
#include "base/mem.h"
#include "net/tls_int.h"

#include <arpa/inet.h>
#include <stdio.h>

enum { OUT_MAX_BYTES = 128 * 1024, PIECE_BYTES = 16 * 1024 };

struct tls {
    struct tls_context *context;
    SSL *ssl;
    struct sock *sock;
    struct buf out; /* encrypted, from out_sent on not sent yet */
    size_t out_sent;
    enum err read_err; /* of the socket, the last */
    bool has_input;    /* OpenSSL may hold bytes that nobody asked for yet */
    bool is_broken;    /* OpenSSL must not be called any more */
    char why[160];
};

/* --- OpenSSL's side --- */

static int bio_read(BIO *b, char *to, size_t len, size_t *ret_n)
{
    struct tls *t;
    const struct openssl *lib = openssl();
    t = lib->BIO_get_data(b);
    lib->BIO_clear_flags(b, BIO_FLAGS_RWS | BIO_FLAGS_SHOULD_RETRY);
    struct iovec iov = {to, len};
    *ret_n = 0;
    t->read_err = sock_readv(t->sock, &iov, 1, ret_n);
    if (t->read_err == ERR_AGAIN) {
        lib->BIO_set_flags(b, BIO_FLAGS_READ | BIO_FLAGS_SHOULD_RETRY);
    } else if (t->read_err == OK && *ret_n == 0) {
        t->read_err = ERR_CLOSED;
    }
    return t->read_err == OK;
}

static int bio_write(BIO *b, const char *from, size_t len, size_t *ret_n)
{
    struct tls *t = openssl()->BIO_get_data(b);
    buf_put(&t->out, from, len);
    *ret_n = t->out.err ? 0 : len;
    return t->out.err == OK;
}

static long bio_ctrl(BIO *b, int what, long number, void *p)
{
    (void)b, (void)number, (void)p;
    return what == BIO_CTRL_FLUSH;
}

BIO_METHOD *tls_bio_method(const struct openssl *lib)
{
    BIO_METHOD *m = lib->BIO_meth_new(BIO_TYPE_SOURCE_SINK | 100, "ottla");
    if (m != NULL) {
        lib->BIO_meth_set_read_ex(m, bio_read);
        lib->BIO_meth_set_write_ex(m, bio_write);
        lib->BIO_meth_set_ctrl(m, bio_ctrl);
    }
    return m;
}

/* --- failures --- */

/* What can be done about a certificate; where names of settings stand, they are the client's. */
static const char *remedy(long verdict)
{
    switch (verdict) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return "; connect by a name that is in it";
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return "";
    default:
        return "; ssl.truststore.location must have who signed it";
    }
}

static const char *remedy_of_alert(const char *alert)
{
    return strstr(alert, "certificate") != NULL ? "; it wants another one (ssl.keystore.location)"
                                                : "";
}

/* It answered, but not as TLS does. */
static bool is_no_tls(unsigned long code)
{
    int reason = ERR_GET_REASON(code);
    return reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_PACKET_LENGTH_TOO_LONG ||
           reason == SSL_R_HTTP_REQUEST;
}

static void explain(struct tls *t)
{
    const struct openssl *lib = t->context->lib;
    long verdict = lib->SSL_get_verify_result(t->ssl);
    unsigned long code = lib->ERR_peek_last_error();
    const char *reason = code ? lib->ERR_reason_error_string(code) : NULL;
    const char *alert =
        ERR_GET_REASON(code) >= SSL_AD_REASON_OFFSET && reason ? strstr(reason, "alert ") : NULL;
    if (verdict != X509_V_OK && !t->context->is_server) {
        snprintf(t->why, sizeof t->why, "its certificate is not trusted: %s%s",
                 lib->X509_verify_cert_error_string(verdict), remedy(verdict));
    } else if (alert != NULL) {
        snprintf(t->why, sizeof t->why, "the other side refuses TLS: %s%s", alert + 6,
                 t->context->is_server ? "" : remedy_of_alert(alert));
    } else if (is_no_tls(code) && !t->context->is_server) {
        snprintf(t->why, sizeof t->why, "it does not speak TLS (security.protocol)");
    } else {
        snprintf(t->why, sizeof t->why, "TLS: %s", reason ? reason : "it failed");
    }
}

/* What a call of OpenSSL that did not succeed means. */
static enum err failure(struct tls *t, int result)
{
    const struct openssl *lib = t->context->lib;
    switch (lib->SSL_get_error(t->ssl, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return ERR_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return ERR_CLOSED;
    case SSL_ERROR_SYSCALL:
        t->is_broken = true;
        return t->out.err ? t->out.err : t->read_err ? t->read_err : ERR_CLOSED;
    default:
        t->is_broken = true;
        if (ERR_GET_REASON(lib->ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
            return ERR_CLOSED;
        }
        explain(t);
        return ERR_TLS;
    }
}

static void prepare(struct tls *t)
{
    t->context->lib->ERR_clear_error();
    t->read_err = OK;
}

/* --- output --- */

bool tls_has_output(const struct tls *t) { return t->out_sent < t->out.len; }

enum err tls_flush(struct tls *t)
{
    while (tls_has_output(t)) {
        struct iovec iov = {t->out.p + t->out_sent, t->out.len - t->out_sent};
        size_t n = 0;
        enum err e = sock_writev(t->sock, &iov, 1, 0, &n);
        if (e) {
            return e;
        }
        t->out_sent += n;
    }
    t->out_sent = 0;
    if (t->out.cap > PIECE_BYTES) { /* an idle stream owns little */
        buf_deinit(&t->out);
        t->out = BUF_INIT;
    } else {
        buf_clear(&t->out);
    }
    return OK;
}

/* So much as may wait; false: enough does. */
static enum err encrypt(struct tls *t, const struct iovec *iov, size_t *done)
{
    const uint8_t *p = iov->iov_base;
    for (size_t at = 0, n; at < iov->iov_len; at += n) {
        if (t->out.len - t->out_sent >= OUT_MAX_BYTES) {
            enum err e = tls_flush(t);
            if (e) {
                return e;
            }
        }
        prepare(t);
        int ok = t->context->lib->SSL_write_ex(t->ssl, p + at,
                                               MIN(iov->iov_len - at, (size_t)PIECE_BYTES), &n);
        if (ok != 1) {
            return failure(t, ok);
        }
        *done += n;
    }
    return OK;
}

enum err tls_writev(struct tls *t, const struct iovec *iov, int iov_count, size_t *ret_n)
{
    size_t done = 0;
    enum err e = t->is_broken ? ERR_CLOSED : OK;
    for (int i = 0; !e && i < iov_count; i++) {
        e = encrypt(t, &iov[i], &done);
    }
    if (e && e != ERR_AGAIN) {
        return e;
    }
    if (done == 0) {
        return ERR_AGAIN;
    }
    *ret_n = done;
    e = tls_flush(t);
    return e == ERR_AGAIN ? OK : e;
}

/* --- input --- */

bool tls_has_input(const struct tls *t) { return t->has_input && !t->is_broken; }

enum err tls_readv(struct tls *t, const struct iovec *iov, int iov_count, size_t *ret_n)
{
    size_t done = 0;
    enum err e = t->is_broken ? ERR_CLOSED : OK;
    for (int i = 0; !e && i < iov_count; i++) {
        uint8_t *p = iov[i].iov_base;
        for (size_t at = 0, n; !e && at < iov[i].iov_len; at += e ? 0 : n) {
            prepare(t);
            int ok = t->context->lib->SSL_read_ex(t->ssl, p + at, iov[i].iov_len - at, &n);
            e = ok == 1 ? OK : failure(t, ok);
            done += e ? 0 : n;
        }
    }
    t->has_input = e == OK;            /* else it was asked for all that there was */
    if (done > 0 || e == ERR_CLOSED) { /* an end is told once, when all before it was read */
        *ret_n = done;
        return OK;
    }
    *ret_n = 0;
    return e;
}

/* --- life --- */

enum err tls_handshake(struct tls *t)
{
    prepare(t);
    int ok = t->context->lib->SSL_do_handshake(t->ssl);
    enum err e = ok == 1 ? OK : failure(t, ok);
    t->has_input = e == OK;
    enum err sent = tls_flush(t); /* an alert, too */
    return e ? e : sent == ERR_AGAIN ? OK : sent;
}

void tls_end(struct tls *t)
{
    if (!t->is_broken) {
        prepare(t);
        (void)t->context->lib->SSL_shutdown(t->ssl);
        enum err e = tls_flush(t);
        (void)e;
        t->is_broken = true;
    }
}

const char *tls_why(const struct tls *t) { return t->why; }

static bool is_address(const char *host)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

enum err tls_set_peer(struct tls *t, const char *host)
{
    const struct openssl *lib = t->context->lib;
    X509_VERIFY_PARAM *param = lib->SSL_get0_param(t->ssl);
    bool is_ok = true;
    if (is_address(host)) {
        is_ok = !t->context->compares_names || lib->X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1;
    } else {
        lib->X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        is_ok =
            lib->SSL_ctrl(t->ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                          (void *)(uintptr_t)host) == 1 &&
            (!t->context->compares_names || lib->X509_VERIFY_PARAM_set1_host(param, host, 0) == 1);
    }
    return is_ok ? OK : ERR_NO_MEMORY;
}

struct tls *tls_new(struct tls_context *c, struct sock *s)
{
    const struct openssl *lib = c->lib;
    struct tls *t = mem_try(sizeof *t);
    if (t == NULL) {
        return NULL;
    }
    *t = (struct tls){.context = c, .sock = s, .out = BUF_INIT, .ssl = lib->SSL_new(c->ctx)};
    BIO *bio = t->ssl ? lib->BIO_new(c->method) : NULL;
    if (bio == NULL) {
        lib->SSL_free(t->ssl);
        mem_free(t);
        return NULL;
    }
    lib->BIO_set_data(bio, t);
    lib->BIO_set_init(bio, 1);
    lib->SSL_set_bio(t->ssl, bio, bio);
    if (c->is_server) {
        lib->SSL_set_accept_state(t->ssl);
    } else {
        lib->SSL_set_connect_state(t->ssl);
    }
    return t;
}

void tls_free(struct tls *t)
{
    if (t != NULL) {
        t->context->lib->SSL_free(t->ssl);
        buf_deinit(&t->out);
        mem_free(t);
    }
}
