/* Tokens of OAUTHBEARER for links that log in: each is asked for in a thread of its own, because
 * the program or a disk may take its time. Those of a token endpoint also ahead of their end, for
 * link 0: whoever logs in next, for the first time or again, finds the new one. */
#include "client/core/host.h"

#include "base/mem.h"

struct token_errand {
    struct mail mail;
    struct thread thread;
    struct ottla_client *client;
    uint32_t link_id;
    struct buf token, why;
    int64_t renew_at_ms;
    bool has_thread;
};

static void on_token(struct mail *m)
{
    struct token_errand *t = CONTAINER_OF(m, struct token_errand, mail);
    struct ottla_client *c = t->client;
    if (t->has_thread) {
        thread_join(&t->thread);
    }
    c->lookup_count--;
    if (t->why.len > 0 && t->token.len > 0) {
        client_say(c, OTTLA_LOG_WARN, buf_str(&t->why));
    }
    core_renew_token(&c->core, t->renew_at_ms);
    core_got_token(&c->core, t->link_id, buf_str(&t->token), buf_cstr(&t->why), client_now_ms(c));
    buf_deinit(&t->token);
    buf_deinit(&t->why);
    mem_free(t);
    host_settle(c);
}

static void fetch(struct token_errand *t)
{
    if (security_token(&t->client->security, &t->token, &t->why) != 0) {
        buf_clear(&t->token);
    }
    t->renew_at_ms = security_renewal_ms(&t->client->security, client_now_ms(t->client));
}

static void token_main(void *ctx)
{
    struct token_errand *t = ctx;
    fetch(t);
    loop_post(t->client->loop, &t->mail);
}

void host_ask_token(struct ottla_client *c, uint32_t link_id)
{
    struct token_errand *t = NEW(struct token_errand);
    *t = (struct token_errand){.mail.fn = on_token, .client = c, .link_id = link_id};
    t->token = t->why = BUF_INIT;
    c->lookup_count++;
    t->has_thread = !c->is_simulated;
    if (t->has_thread && thread_start(&t->thread, "ottla-token", token_main, t) == OK) {
        return;
    }
    t->has_thread = false;
    fetch(t);
    loop_post(c->loop, &t->mail);
}
