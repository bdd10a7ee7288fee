/* The loop: timers against a plain model, mail, deferred work, sockets that go away. */
#include "test.h"

#include "base/mem.h"
#include "base/rand.h"
#include "net/loop.h"
#include "net/wheel.h"
#include "simnet.h"

static struct simnet net;
static struct simclock sim_clock;
static struct loop *loop;

static int set_up(void **state)
{
    simnet_init(&net);
    simclock_init(&sim_clock);
    return loop_new(&net.net, &sim_clock.clock, &loop) != OK;
}

static int tear_down(void **state)
{
    loop_free(loop);
    return net.sock_count != 0;
}

/* --- the wheel --- */

enum { TIMERS = 300 };

struct model_timer {
    struct timer timer;
    bool is_set;
    int64_t want_ms;
};

static struct model_timer timers[TIMERS];
static int64_t wheel_now_ms, last_fired_ms;
static int fired_count;

static void model_fired(struct timer *t)
{
    struct model_timer *m = CONTAINER_OF(t, struct model_timer, timer);
    assert_true(m->is_set);
    assert_true(m->want_ms <= wheel_now_ms);
    assert_true(m->want_ms >= last_fired_ms); /* in order of deadlines */
    last_fired_ms = m->want_ms;
    m->is_set = false;
    fired_count++;
}

static int64_t earliest_ms(void)
{
    int64_t first = INT64_MAX;
    for (int i = 0; i < TIMERS; i++) {
        first = timers[i].is_set ? MIN(first, timers[i].want_ms) : first;
    }
    return first;
}

static void change_some(struct wheel *w, struct rand *r)
{
    for (int i = 0; i < 20; i++) {
        struct model_timer *m = &timers[rand_below(r, TIMERS)];
        if (rand_one_in(r, 4)) {
            wheel_cancel(w, &m->timer);
            m->is_set = false;
            continue;
        }
        m->is_set = true;
        m->want_ms = wheel_now_ms + (int64_t)rand_below(r, 1ull << rand_below(r, 40));
        wheel_set(w, &m->timer, m->want_ms);
    }
}

static void the_wheel_agrees_with_a_plain_model(void **state)
{
    static struct wheel w;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct rand r;
        rand_init(&r, seed);
        wheel_now_ms = (int64_t)rand_below(&r, 1ull << rand_below(&r, 45));
        wheel_init(&w, wheel_now_ms);
        for (int i = 0; i < TIMERS; i++) {
            timers[i] = (struct model_timer){.timer = {.fn = model_fired}};
        }
        for (int step = 0; step < 500; step++) {
            change_some(&w, &r);
            int64_t first_ms = earliest_ms();
            assert_true(wheel_next_ms(&w) <= first_ms);
            assert_int_equal(wheel_is_empty(&w), first_ms == INT64_MAX);
            if (rand_one_in(&r, 3) && first_ms != INT64_MAX) {
                int64_t near_ms = first_ms - (int64_t)rand_below(&r, 2);
                wheel_now_ms = MAX(wheel_now_ms, near_ms);
            } else {
                wheel_now_ms += (int64_t)rand_below(&r, 1ull << rand_below(&r, 30));
            }
            last_fired_ms = 0;
            wheel_advance(&w, wheel_now_ms);
            assert_true(earliest_ms() > wheel_now_ms);
        }
    }
    assert_true(fired_count > 1000);
}

static void few_looks_lead_to_a_far_deadline(void **state)
{
    static struct wheel w;
    struct model_timer *m = &timers[0];
    int looks = 0;
    wheel_now_ms = 123456789;
    wheel_init(&w, wheel_now_ms);
    *m = (struct model_timer){.timer = {.fn = model_fired}, .is_set = true};
    m->want_ms = wheel_now_ms + 600000;
    last_fired_ms = 0;
    wheel_set(&w, &m->timer, m->want_ms);
    for (; m->is_set; looks++) {
        wheel_now_ms = wheel_next_ms(&w);
        wheel_advance(&w, wheel_now_ms);
    }
    assert_int_equal(wheel_now_ms, m->want_ms);
    assert_in_range(looks, 1, 5);
}

static void the_ends_of_time_have_their_place(void **state)
{
    static struct wheel w;
    static const int64_t deadlines[] = {INT64_MIN, -1, 0, INT64_MAX};
    wheel_init(&w, 5);
    wheel_now_ms = 5;
    for (size_t i = 0; i < ARRAY_LEN(deadlines); i++) {
        timers[i] = (struct model_timer){{.fn = model_fired}, true, deadlines[i]};
        wheel_set(&w, &timers[i].timer, deadlines[i]);
    }
    last_fired_ms = INT64_MIN;
    assert_int_equal(wheel_advance(&w, 5), 3);
    wheel_now_ms = INT64_MAX - 1;
    assert_int_equal(wheel_advance(&w, INT64_MAX - 1), 0);
    wheel_now_ms = INT64_MAX;
    assert_int_equal(wheel_advance(&w, INT64_MAX), 1);
    assert_true(wheel_is_empty(&w));
}

/* --- timers of a loop --- */

static int ring_count;
static struct timer ring;

static void on_ring(struct timer *t)
{
    ring_count++;
    if (ring_count < 3) {
        loop_timer_set(loop, t, loop_now_ms(loop)); /* due at once: the next step */
    }
}

static void a_timer_may_set_itself_again(void **state)
{
    ring = (struct timer){.fn = on_ring};
    ring_count = 0;
    loop_timer_set(loop, &ring, loop_now_ms(loop) + 10);
    simclock_add_ms(&sim_clock, 9);
    loop_step(loop, 0);
    assert_int_equal(ring_count, 0);
    simclock_add_ms(&sim_clock, 1);
    for (int i = 1; i <= 3; i++) {
        loop_step(loop, 0);
        assert_int_equal(ring_count, i);
    }
    assert_false(loop_timer_is_set(&ring));
    loop_timer_cancel(loop, &ring);
}

static struct timer first_due, second_due;

static void cancel_second(struct timer *t) { loop_timer_cancel(loop, &second_due); }
static void must_not_ring(struct timer *t) { fail(); }

static void a_timer_may_cancel_one_that_is_due_too(void **state)
{
    first_due = (struct timer){.fn = cancel_second};
    second_due = (struct timer){.fn = must_not_ring};
    loop_timer_set(loop, &first_due, loop_now_ms(loop) + 1);
    loop_timer_set(loop, &second_due, loop_now_ms(loop) + 1);
    simclock_add_ms(&sim_clock, 5);
    assert_int_equal(loop_step(loop, 0), 1);
}

/* --- mail and tasks --- */

struct letter {
    struct mail mail;
    int number;
};

static int letters_read[10], letters_count;

static void on_letter(struct mail *m)
{
    struct letter *l = CONTAINER_OF(m, struct letter, mail);
    letters_read[letters_count++] = l->number;
    if (l->number == 2) {
        l->number = 9;
        loop_post(loop, m); /* again, in the next step */
    } else {
        mem_free(l);
    }
}

static void mail_is_read_in_order(void **state)
{
    letters_count = 0;
    for (int i = 0; i < 4; i++) {
        struct letter *l = NEW(struct letter);
        *l = (struct letter){{.fn = on_letter}, i};
        loop_post(loop, &l->mail);
    }
    assert_int_equal(loop_step(loop, -1), 4);
    assert_int_equal(loop_step(loop, -1), 1);
    assert_int_equal(letters_count, 5);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(letters_read[i], i);
    }
    assert_int_equal(letters_read[4], 9);
}

static void mail_left_over_is_read_at_the_end(void **state)
{
    struct letter *l = NEW(struct letter);
    *l = (struct letter){{.fn = on_letter}, 0};
    loop_post(loop, &l->mail); /* loop_free runs it: nothing leaks */
}

static struct loop_task task, other_task;
static int task_count;

static void on_task(struct loop_task *t)
{
    if (++task_count == 1) {
        loop_defer(loop, t);
        loop_defer(loop, t);
        loop_undefer(loop, &other_task);
    }
}

static void a_task_runs_once_and_may_come_again(void **state)
{
    task = (struct loop_task){.fn = on_task};
    other_task = (struct loop_task){.fn = on_task};
    task_count = 0;
    loop_defer(loop, &task);
    loop_defer(loop, &task);
    loop_defer(loop, &other_task);
    assert_int_equal(loop_step(loop, -1), 1);
    assert_int_equal(loop_step(loop, -1), 1);
    assert_int_equal(loop_step(loop, 0), 0);
    assert_int_equal(task_count, 2);
}

/* --- sockets --- */

struct end {
    struct loop_io io;
    struct sock *sock;
    struct end *other;
    int event_count;
};

static void remove_other(struct loop_io *io, unsigned events)
{
    struct end *e = CONTAINER_OF(io, struct end, io);
    e->event_count++;
    loop_io_remove(loop, e->other->sock, &e->other->io);
    loop_io_remove(loop, e->sock, &e->io);
}

static void a_removed_socket_gets_no_event_that_was_taken_before(void **state)
{
    struct sock *pair[2];
    struct end ends[2] = {0};
    simnet_pair(&net, pair);
    for (int i = 0; i < 2; i++) {
        ends[i] = (struct end){{remove_other}, pair[i], &ends[1 - i], 0};
        assert_ok(loop_io_add(loop, pair[i], &ends[i].io, NET_WRITABLE));
    }
    loop_step(loop, 0);
    assert_int_equal(ends[0].event_count + ends[1].event_count, 1);
    sock_close(pair[0]);
    sock_close(pair[1]);
}

static void stop_loop(struct mail *m) { loop_stop(loop); }

static void a_loop_runs_until_it_is_stopped(void **state)
{
    struct mail m = {.fn = stop_loop};
    loop_post(loop, &m);
    loop_run(loop);
    loop_run(loop); /* stays stopped */
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(the_wheel_agrees_with_a_plain_model),
        T(few_looks_lead_to_a_far_deadline),
        T(the_ends_of_time_have_their_place),
        T(a_timer_may_set_itself_again),
        T(a_timer_may_cancel_one_that_is_due_too),
        T(mail_is_read_in_order),
        T(mail_left_over_is_read_at_the_end),
        T(a_task_runs_once_and_may_come_again),
        T(a_removed_socket_gets_no_event_that_was_taken_before),
        T(a_loop_runs_until_it_is_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
