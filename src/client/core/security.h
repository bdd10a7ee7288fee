/* security.protocol and what belongs to it: from settings to a TLS context and credentials. */
#ifndef CLIENT_CORE_SECURITY_H
#define CLIENT_CORE_SECURITY_H

#include "base/arena.h"
#include "client/config.h"
#include "client/core/auth.h"
#include "client/core/oauth.h"
#include "net/tls.h"
#include "sec/jaas.h"

enum { SECURITY_EXTENSIONS = 16, TOKEN_MAX_BYTES = 64 * 1024 };

struct security {
    const struct ottla_config *config;
    struct tls_context *tls; /* NULL: without */
    bool has_sasl;
    struct auth_setup setup; /* for the core */
    struct arena arena;
    struct jaas_module module;
    struct sasl_extension extensions[SECURITY_EXTENSIONS];
    struct oauth oauth;
};

/* 0, or BAD_CONFIG and the like. Points into config; keep it in place. */
int security_init(struct security *s, const struct ottla_config *config, struct ottla_error *error);
void security_deinit(struct security *s); /* its connections must be gone */
/* Tokens that are being asked for end soon. Any thread. */
void security_stop(struct security *s);

/* A token of OAUTHBEARER, from the program, a file or the settings. May wait: a thread of its own.
 * 0, or why gets a sentence. */
int security_token(struct security *s, struct buf *token, struct buf *why);

/* When it should be asked for anew, by the clock that says now_ms; INT64_MAX: at each login only.
 * May wait, as security_token. */
int64_t security_renewal_ms(struct security *s, int64_t now_ms);

#endif
