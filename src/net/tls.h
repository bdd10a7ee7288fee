/* TLS over a stream socket, either side of it: sock_readv and sock_writev with a secret in between.
 * A context is a configuration, shared by any number of streams and threads; a stream belongs to
 * one thread at a time. Nothing here blocks.
 *
 * What is to be sent is encrypted into a buffer of the stream and leaves from there: a call that
 * took bytes has taken them, and tls_has_output tells that some wait for the socket to become
 * writable (then tls_flush). What came may lie decrypted in the stream: tls_has_input tells,
 * because no poller does. */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "base/buf.h"
#include "plat/file.h"
#include "plat/net.h"

struct tls_context;
struct tls;

/* By Kafka's names, without "ssl."; "" or NULL where nothing is said. */
struct tls_config {
    bool is_server;
    const char *truststore_type; /* PEM, PKCS12; "": told from the file */
    const char *truststore_location;
    const char *truststore_certificates; /* PEM, as they are */
    const char *truststore_password;
    const char *keystore_type;
    const char *keystore_location;
    const char *keystore_certificate_chain;
    const char *keystore_key;
    const char *keystore_password;
    const char *key_password;
    const char *endpoint_identification_algorithm; /* "https", or nothing is compared */
    const char *protocol, *enabled_protocols;
    const char *cipher_suites;
};

/* BAD_CONFIG, NOT_FOUND, ...; why gets a sentence. Without a truststore a client trusts whom the
 * machine trusts. */
must_check enum err tls_context_new(struct fs *fs, const struct tls_config *config,
                                    struct tls_context **ret_context, struct buf *why);
void tls_context_free(struct tls_context *c); /* its streams must be gone; NULL is fine */

/* The socket stays the caller's. NULL without memory. */
struct tls *tls_new(struct tls_context *c, struct sock *s);
void tls_free(struct tls *t); /* NULL is fine */

/* A client's: whom the certificate must name; also asked for (SNI) unless it is an address. Before
 * the handshake. */
must_check enum err tls_set_peer(struct tls *t, const char *host);

/* OK: done. AGAIN: more must come, or leave (tls_has_output). TLS: tls_why says why. CLOSED, IO. */
must_check enum err tls_handshake(struct tls *t);

/* As sock_readv and sock_writev. */
must_check enum err tls_readv(struct tls *t, const struct iovec *iov, int iov_count, size_t *ret_n);
must_check enum err tls_writev(struct tls *t, const struct iovec *iov, int iov_count,
                               size_t *ret_n);

bool tls_has_input(const struct tls *t);
bool tls_has_output(const struct tls *t);
/* Sends what waits; AGAIN when some still does. */
must_check enum err tls_flush(struct tls *t);

/* Tells the peer that nothing more will come, as far as that can be done at once. */
void tls_end(struct tls *t);

/* After an error TLS: a sentence; else "". */
const char *tls_why(const struct tls *t);

#endif
