/* What a client does on the network, without a network: which broker to ask, connections and their
 * handshakes, time-outs, retries, where the controller and the coordinators are. A stepper: each
 * function is an event with its time; what is to be done then is taken by core_take_action and
 * core_take_done. It never calls back, except for call.fit. Pure; one thread.
 *
 * A link is one broker: IDLE → RESOLVING → CONNECTING → HANDSHAKE → UP, with AUTH before UP where
 * there is SASL, and again from UP when the session is about to end; and back to IDLE from
 * anywhere, with a time before which it is not tried again. Calls wait in the core until a link may
 * take them; when a link breaks, all of its calls wait again. A link that the broker wants to be
 * quiet takes no calls for that long, whatever its state. */
#ifndef CLIENT_CORE_CORE_H
#define CLIENT_CORE_CORE_H

#include "base/rand.h"
#include "client/config.h"
#include "client/core/auth.h"
#include "client/core/call.h"
#include "plat/net.h"
#include "wire/header.h"
#include "wire/messages.h"

enum link_state { LINK_IDLE, LINK_RESOLVING, LINK_CONNECTING, LINK_HANDSHAKE, LINK_AUTH, LINK_UP };

enum { LINK_API_COUNT = 96, LINK_ADDRESSES_MAX = 16 };

struct api_range {
    int16_t lo, hi; /* hi < lo: not served */
};

struct link {
    struct list_node node;
    uint32_t id;
    int32_t node_id; /* < 0: a bootstrap address */
    uint32_t lane;   /* not 0: for the calls of one lane only, beside the broker's shared link */
    char *host;
    int port;
    char *rack;
    bool is_seen;    /* in the metadata that is being read */
    bool is_leaving; /* not in the newest metadata: goes when its calls have gone */
    enum link_state state;
    void *conn; /* the host's */
    char addresses[LINK_ADDRESSES_MAX][NET_NAME_MAX];
    int address_count, address_next, address_tries;
    struct api_range ranges[LINK_API_COUNT];
    struct list queue; /* calls, when not UP yet */
    struct list sent;  /* struct sent */
    int sent_count;
    int32_t correlation_last;
    int failures, setup_failures;
    int64_t retry_at_ms;    /* IDLE: not before */
    int64_t muted_until_ms; /* the broker wants to be left alone (KIP-219) */
    int64_t setup_deadline_ms;
    char trouble[512]; /* why it broke last */
    char detail[320];  /* more about why it is about to break */
    struct auth auth;
};

enum action_kind { ACTION_RESOLVE, ACTION_CONNECT, ACTION_SEND, ACTION_CLOSE, ACTION_TOKEN };

struct action {
    struct list_node node;
    enum action_kind kind;
    uint32_t link_id;
    char host[256]; /* RESOLVE: a name; CONNECT: an address */
    int port;
    struct buf bytes; /* SEND: who takes the action owns them */
    struct wire_splice
        *splices; /* between them: ref is a struct parcel, held; the same, when set NULL */
    size_t splice_count;
    void *conn; /* SEND, CLOSE */
};

struct core {
    const struct client_values *config;
    const struct auth_setup *auth; /* NULL: without SASL */
    struct rand rand;
    int64_t now_ms; /* of the last event */
    struct list links;
    uint32_t link_id_last;
    struct list waiting; /* calls */
    struct list done;
    struct list own_done; /* calls that the core made for itself */
    struct list actions;
    struct list coordinators;
    struct call meta_call;
    struct metadata_req meta_req;
    struct describe_cluster_req cluster_req; /* instead of it, to controllers */
    bool has_nodes; /* the links are the cluster's, not bootstrap.servers */
    bool wants_meta;
    bool is_asking_meta;
    bool is_stopped;
    bool knows_controller;
    bool has_news; /* something waits that was not routed yet */
    int meta_failures;
    uint32_t meta_count;   /* answers that told who is in the cluster */
    int64_t meta_at_ms;    /* of the last answer */
    int64_t meta_since_ms; /* since when one is wanted in vain; 0: is not */
    int64_t meta_retry_at_ms;
    int32_t controller_id;
    char *cluster_id;
    int64_t token_at_ms;    /* when a new token is to be asked for; INT64_MAX: nobody knows */
    int64_t features_epoch; /* of the newest finalized features that a broker told */
    int16_t txn_version;    /* their transaction.version */
    struct buf messages;    /* to people, a line each; the host takes them */
};

/* config outlives the core; bootstrap.servers was checked with core_check_servers. */
void core_init(struct core *c, const struct client_values *config, uint64_t seed);
void core_deinit(struct core *c); /* after core_stop, when all is taken */

/* False and a sentence unless servers is a list of host:port. */
bool core_check_servers(const char *servers, char *ret_why, size_t size);

/* --- events --- */

void core_submit(struct core *c, struct call *call, int64_t now_ms);
void core_cancel(struct core *c, struct call *call, int64_t now_ms); /* ends with CLOSED */
void core_end_lane(struct core *c, uint32_t lane, int64_t now_ms);   /* after its calls */
void core_stop(struct core *c, int64_t now_ms); /* ends all, closes all, refuses the rest */
void core_resolved(struct core *c, uint32_t link_id, char (*addresses)[NET_NAME_MAX], int count,
                   int64_t now_ms);
void core_opened(struct core *c, uint32_t link_id, int64_t now_ms);
void core_closed(struct core *c, uint32_t link_id, enum err why, int64_t now_ms);
/* What is known beyond the error, before core_closed. */
void core_explain(struct core *c, uint32_t link_id, const char *text);
/* A token that is there should be asked for anew at that time: ACTION_TOKEN comes then, for link 0.
 */
void core_renew_token(struct core *c, int64_t at_ms);
/* After ACTION_TOKEN; an empty token, and why, when there is none. */
void core_got_token(struct core *c, uint32_t link_id, struct str token, const char *why,
                    int64_t now_ms);
/* An answer said so, where the core does not look for it (Produce): its broker is left alone. */
void core_throttled(struct core *c, int32_t node_id, int32_t ms, int64_t now_ms);
void core_frame(struct core *c, uint32_t link_id, struct bytes frame, int64_t now_ms);
void core_tick(struct core *c, int64_t now_ms);

/* --- what came of it --- */

/* The oldest action, which is the caller's to free with core_free_action; NULL: none. */
struct action *core_take_action(struct core *c);
void core_free_action(struct action *a);
struct call *core_take_done(struct core *c);

/* When core_tick must be called at the latest; INT64_MAX: never. */
int64_t core_deadline_ms(const struct core *c);

/* After ACTION_CONNECT; no-op when the link is gone (then the host closes conn). */
bool core_set_conn(struct core *c, uint32_t link_id, void *conn);

#endif
