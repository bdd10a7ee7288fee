/* Any bytes as a broker's answers to a client that logs in: SaslHandshake, SaslAuthenticate, and
 * what follows. The first byte chooses the mechanism; then pieces: length (1 byte), bytes. Nothing
 * may break, and the call must end. */
#include "fuzz.h"

#include "answered.h"
#include "base/assert.h"
#include "base/endian.h"
#include "base/mem.h"
#include "client/core/core.h"

#include <stdlib.h>

enum { STEPS_MAX = 200, LIFE_MS = 100000 };

struct state {
    struct core core;
    struct call call;
    struct metadata_req req;
    int64_t now_ms;
    int32_t correlation; /* of the newest request */
    int16_t api_key;     /* and what it is */
    uint32_t link_id;
    int ended;
};

static bool hash(enum digest d, struct bytes in, uint8_t *ret)
{
    memset(ret, (int)in.len, digest_bytes(d));
    return true;
}

static bool hmac(enum digest d, struct bytes key, struct bytes in, uint8_t *ret)
{
    memset(ret, (int)(key.len + in.len), digest_bytes(d));
    return true;
}

static bool pbkdf2(enum digest d, struct str password, struct bytes salt, int32_t iterations,
                   uint8_t *ret)
{
    memset(ret, iterations & 0xff, digest_bytes(d));
    return salt.len > 0;
}

static void no_chance(void *p, size_t len) { memset(p, 0, len); }

static void count_done(struct call *call)
{
    ((struct state *)call->ctx)->ended++;
    mem_free(call->frame);
    call->frame = NULL;
}

static void drain(struct state *s)
{
    static char address[1][NET_NAME_MAX] = {"10.0.0.1"};
    struct action *a;
    struct call *call;
    for (int i = 0; i < STEPS_MAX && (a = core_take_action(&s->core)) != NULL; i++) {
        if (a->kind == ACTION_RESOLVE) {
            core_resolved(&s->core, a->link_id, address, 1, s->now_ms);
        } else if (a->kind == ACTION_CONNECT &&
                   core_set_conn(&s->core, a->link_id, (void *)(uintptr_t)a->link_id)) {
            core_opened(&s->core, a->link_id, s->now_ms);
        } else if (a->kind == ACTION_TOKEN) {
            core_got_token(&s->core, a->link_id, STR("token"), "", s->now_ms);
        } else if (a->kind == ACTION_SEND && a->bytes.len >= 8) {
            s->correlation = (int32_t)be32_get(a->bytes.p + 4);
            s->api_key = (int16_t)be16_get(a->bytes.p);
            s->link_id = a->link_id;
        }
        core_free_action(a);
    }
    while ((call = core_take_done(&s->core)) != NULL) {
        call->done(call);
    }
}

static void answer(struct state *s, struct bytes b)
{
    uint8_t *frame = malloc(b.len + 4);
    answered(s->api_key);
    be32_put(frame, (uint32_t)s->correlation);
    memcpy(frame + 4, b.p, b.len);
    core_frame(&s->core, s->link_id, (struct bytes){frame, b.len + 4}, s->now_ms);
    free(frame);
    drain(s);
}

/* An honest ApiVersions 4: a compact array of three keys, each with no tags. */
static void shake(struct state *s)
{
    static const uint8_t versions[] = {0, 0, 4, 0,  3, 0, 1, 0, 13, 0, 0, 17, 0, 0, 0,
                                       1, 0, 0, 36, 0, 0, 0, 2, 0,  0, 0, 0,  0, 0};
    answer(s, (struct bytes){versions, sizeof versions});
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct digests digests = {hash, hmac, pbkdf2};
    struct state *s = mem_zalloc(sizeof *s);
    struct ottla_config *config = ottla_config_new();
    struct auth_setup setup = {
        .mechanism = size > 0 ? (enum sasl_mechanism)(data[0] % SASL_MECHANISMS) : SASL_PLAIN,
        .credentials = {.username = STR("u"), .password = STR("p")},
        .digests = &digests,
        .fill_random = no_chance};
    int code = ottla_config_set(config, "bootstrap.servers", "h:9092", NULL);
    ASSERT(code == 0);
    s->now_ms = 1000;
    core_init(&s->core, &config->values, 1);
    s->core.auth = &setup;
    s->req = metadata_req_default;
    s->call = (struct call){.api_key = API_METADATA,
                            .version_lo = 1,
                            .version_hi = 13,
                            .to = CALL_ANY,
                            .msg = &s->req,
                            .deadline_ms = s->now_ms + LIFE_MS,
                            .done = count_done,
                            .ctx = s};
    core_submit(&s->core, &s->call, s->now_ms);
    drain(s);
    shake(s);
    for (size_t at = 1; at < size;) {
        size_t n = data[at++];
        n = n < size - at ? n : size - at;
        answer(s, (struct bytes){data + at, n});
        at += n;
    }
    core_stop(&s->core, s->now_ms);
    drain(s);
    ASSERT(s->ended == 1);
    core_deinit(&s->core);
    ottla_config_free(config);
    mem_free(s);
    return 0;
}
