/* Between tls_context.c and tls.c. */
#ifndef NET_TLS_INT_H
#define NET_TLS_INT_H

#include "net/openssl.h"
#include "net/tls.h"

struct tls_context {
    const struct openssl *lib;
    SSL_CTX *ctx;
    BIO_METHOD *method; /* between a stream and its socket */
    bool is_server;
    bool compares_names;
};

/* tls.c: how OpenSSL reads and writes. NULL without memory. */
BIO_METHOD *tls_bio_method(const struct openssl *lib);

#endif
