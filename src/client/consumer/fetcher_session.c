/* What a broker remembers of a consumer's fetches (KIP-227). Pure; one thread. See fetcher.h.
 *
 * A seat is a partition that a broker is to send, or was told to. Whatever happens to a partition,
 * its seat lands in the list of those that changed, and the next request is made from that list
 * alone: what it costs follows the traffic and not the partitions. Seats of partitions that are
 * not wanted stay until the broker was told so.
 *
 * A full request (epoch 0) names all that is wanted, and ends the session that was before it. What
 * cannot be trusted any more, because an answer did not come or did not fit, is asked for again in
 * full. Epochs go 1 … INT32_MAX, 1. */
#include "client/consumer/fetcher_int.h"

#include "base/attr.h"
#include "base/mem.h"

/* --- seats --- */

static struct fetch_session *session_of(struct fetcher *f, int32_t broker)
{
    LIST_EACH(&f->sessions, n, tmp) {
        struct fetch_session *s = LIST_ENTRY(n, struct fetch_session, node);
        if (s->broker == broker) {
            return s;
        }
    }
    struct fetch_session *s = NEW(struct fetch_session);
    s->broker = broker;
    list_init(&s->seats);
    list_init(&s->changed);
    list_init(&s->shelved);
    list_push_back(&f->sessions, &s->node);
    return s;
}

struct seat *seat_of(const struct part *p, const struct fetch_session *s)
{
    struct seat *seat = p->seats;
    while (seat != NULL && seat->session != s) {
        seat = seat->next;
    }
    return seat;
}

static struct seat *seat_new(struct part *p, struct fetch_session *s)
{
    struct seat *seat = NEW(struct seat);
    seat->part = p;
    seat->session = s;
    seat->next = p->seats;
    p->seats = seat;
    p->refs++;
    list_push_back(&s->seats, &seat->node);
    return seat;
}

static void seat_free(struct seat *seat)
{
    struct seat **at = &seat->part->seats;
    while (*at != seat) {
        at = &(*at)->next;
    }
    *at = seat->next;
    list_remove(&seat->node);
    if (list_is_linked(&seat->changed)) {
        list_remove(&seat->changed);
    }
    part_unref(seat->part);
    mem_free(seat);
}

static void set_wanted(struct seat *seat, bool is_wanted)
{
    struct fetch_session *s = seat->session;
    s->wanted_count += (size_t)is_wanted - (size_t)seat->is_wanted;
    seat->is_wanted = is_wanted;
    if (!list_is_linked(&seat->changed)) {
        list_push_back(&s->changed, &seat->changed);
    }
}

static void unwant(struct seat *seat)
{
    if (seat->is_wanted) {
        set_wanted(seat, false);
    }
    if (!seat->is_told) {
        seat_free(seat);
    }
}

void seat_want(struct part *p, int32_t broker)
{
    struct fetch_session *s = broker >= 0 ? session_of(p->fetcher, broker) : NULL;
    for (struct seat *seat = p->seats, *next; seat != NULL; seat = next) {
        next = seat->next;
        if (seat->session != s) {
            unwant(seat);
        }
    }
    if (s == NULL) {
        return;
    }
    struct seat *seat = seat_of(p, s);
    seat = seat ? seat : seat_new(p, s);
    set_wanted(seat, true);
    list_remove(&seat->node); /* behind those that had nothing to give lately */
    list_push_back(&s->seats, &seat->node);
    s->has_nameless = s->has_nameless || uuid_is_zero(p->topic_id);
}

bool seat_is_current(const struct seat *seat)
{
    const struct part *p = seat->part;
    return seat->is_told && !p->is_gone && p->turn == seat->turn && p->position == seat->offset &&
           !p->has_source;
}

/* --- requests --- */

static bool is_news(const struct seat *seat)
{
    const struct part *p = seat->part;
    if (p->fetcher->tells_ends && !p->knows_end) {
        return true; /* then silence says that it is at its end */
    }
    return !seat->is_told || seat->offset != p->position || seat->leader_epoch != p->leader_epoch ||
           !uuid_eq(seat->topic_id, p->topic_id);
}

static void name(struct seat *seat, struct ask *a)
{
    const struct part *p = seat->part;
    if (is_news(seat)) {
        fetcher_ask_hold(a, seat->part)->topic_id = p->topic_id;
    }
    seat->is_told = true;
    seat->turn = p->turn;
    seat->offset = p->position;
    seat->leader_epoch = p->leader_epoch;
    seat->topic_id = p->topic_id;
}

static void name_all(struct fetch_session *s, struct ask *a)
{
    s->has_nameless = false;
    LIST_EACH(&s->seats, n, tmp) {
        struct seat *seat = LIST_ENTRY(n, struct seat, node);
        seat->is_told = false;
        if (!seat->is_wanted) {
            seat_free(seat);
            continue;
        }
        if (list_is_linked(&seat->changed)) {
            list_remove(&seat->changed);
        }
        s->has_nameless = s->has_nameless || uuid_is_zero(seat->part->topic_id);
        name(seat, a);
    }
    s->is_by_name = s->has_nameless;
}

/* Who has the name of a seat's topic and partition, and is wanted in its stead: a partition that
 * was given up and taken again, or itself. */
static bool is_named_again(const struct seat *seat)
{
    const struct part *p = seat->part;
    const struct part *q =
        p->is_gone ? fetcher_find_by_name(p->fetcher, str_from(p->topic), p->partition) : p;
    const struct seat *other = q ? seat_of(q, seat->session) : NULL;
    return other != NULL && other->is_wanted;
}

/* What the broker has under that topic's id is another partition than the one it is named as now.
 */
static bool has_other_id(const struct seat *seat)
{
    const struct part *p = seat->part;
    const struct part *q = fetcher_find_by_name(p->fetcher, str_from(p->topic), p->partition);
    return q != NULL && !uuid_is_zero(seat->topic_id) && !uuid_eq(seat->topic_id, q->topic_id);
}

static bool is_to_be_forgotten(const struct seat *seat)
{
    return seat->is_told && !seat->is_wanted && !is_named_again(seat);
}

static bool is_to_be_replaced(const struct seat *seat)
{
    return seat->is_told && is_named_again(seat) && has_other_id(seat);
}

static size_t take_back(struct fetch_session *s, struct ask *a,
                        bool (*is_meant)(const struct seat *))
{
    size_t before = a->part_count;
    LIST_EACH(&s->changed, n, tmp) {
        const struct seat *seat = LIST_ENTRY(n, struct seat, changed);
        if (is_meant(seat)) {
            fetcher_ask_hold(a, seat->part)->topic_id = seat->topic_id;
        }
    }
    return a->part_count - before;
}

/* A broker takes what is named first and forgets then, whatever the order in the request: nothing
 * may stand in both under one key. */
static void name_changed(struct fetch_session *s, struct ask *a)
{
    a->forgotten_count = take_back(s, a, is_to_be_forgotten);
    a->replaced_count = take_back(s, a, is_to_be_replaced);
    LIST_EACH(&s->changed, n, tmp) {
        struct seat *seat = LIST_ENTRY(n, struct seat, changed);
        list_remove(n);
        if (seat->is_wanted) {
            name(seat, a);
        } else {
            seat_free(seat);
        }
    }
}

void session_ask(struct fetch_session *s, struct ask *a)
{
    if (s->has_nameless != s->is_by_name) {
        s->epoch = 0; /* a session's topics all have ids, or none has */
    }
    s->is_asking = true;
    s->asked++;
    a->session = s;
    a->is_full = s->epoch == 0;
    if (a->is_full) {
        name_all(s, a);
    } else {
        name_changed(s, a);
    }
    a->req.fetch.session_id = s->id;
    a->req.fetch.session_epoch = s->epoch;
}

/* --- what came of it --- */

void session_reset(struct fetch_session *s)
{
    s->epoch = 0;
    LIST_EACH(&s->seats, n, tmp) {
        struct seat *seat = LIST_ENTRY(n, struct seat, node);
        seat->is_told = false;
        if (!seat->is_wanted) {
            seat_free(seat);
        }
    }
}

void session_answered(struct fetch_session *s, const struct ask *a, int32_t id, bool fits)
{
    if (a->is_full) {
        s->id = MAX(id, 0); /* 0: the broker has no room for a session */
        s->epoch = s->id > 0 && fits;
    } else if (id == s->id && fits) {
        s->epoch = s->epoch == INT32_MAX ? 1 : s->epoch + 1;
    } else {
        s->id = id == 0 ? 0 : s->id;
        session_reset(s);
    }
}

void session_free(struct fetch_session *s)
{
    LIST_EACH(&s->seats, n, tmp) {
        seat_free(LIST_ENTRY(n, struct seat, node));
    }
    mem_free(s);
}
