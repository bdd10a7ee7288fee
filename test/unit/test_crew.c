/* Work and the threads that do it: each piece once, none left behind. */
#include "test.h"

#include "broker/crew.h"

#include <stdatomic.h>

enum { PIECES = 500, ROUNDS = 3 };

struct piece {
    struct list_node node;
    struct crew *crew;
    int rounds_left;
    _Atomic int done_count;
};

/* May be in the queue again before it returns. */
static void do_piece(struct list_node *n)
{
    struct piece *p = LIST_ENTRY(n, struct piece, node);
    atomic_fetch_add(&p->done_count, 1);
    if (--p->rounds_left > 0) {
        crew_queue(p->crew, &p->node);
    }
}

static void queue_all(struct crew *c, struct piece *pieces, int rounds)
{
    for (int i = 0; i < PIECES; i++) {
        pieces[i] = (struct piece){.crew = c, .rounds_left = rounds};
        crew_queue(c, &pieces[i].node);
    }
}

static void assert_all_done(struct piece *pieces, int times)
{
    for (int i = 0; i < PIECES; i++) {
        assert_int_equal(atomic_load(&pieces[i].done_count), times);
    }
}

static void without_threads_it_is_done_step_by_step(void **state)
{
    static struct piece pieces[PIECES];
    struct crew *c;
    assert_ok(crew_new("test", 0, do_piece, &c));
    assert_false(crew_step(c));
    queue_all(c, pieces, 1);
    assert_true(crew_step(c));
    assert_int_equal(atomic_load(&pieces[0].done_count), 1);
    assert_int_equal(atomic_load(&pieces[1].done_count), 0);
    crew_drain(c);
    assert_false(crew_step(c));
    assert_all_done(pieces, 1);
    crew_free(c);
}

static void drained_is_when_nothing_is_queued_or_under_way(void **state)
{
    static struct piece pieces[PIECES];
    struct crew *c;
    assert_ok(crew_new("test", 3, do_piece, &c));
    crew_drain(c);
    queue_all(c, pieces, ROUNDS);
    crew_drain(c);
    assert_all_done(pieces, ROUNDS);
    crew_free(c);
}

static void what_is_queued_at_the_end_is_done(void **state)
{
    static struct piece pieces[PIECES];
    struct crew *c;
    for (int threads = 0; threads < 3; threads++) {
        assert_ok(crew_new("test", threads, do_piece, &c));
        queue_all(c, pieces, 1);
        crew_free(c);
        assert_all_done(pieces, 1);
    }
    crew_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_threads_it_is_done_step_by_step),
        cmocka_unit_test(drained_is_when_nothing_is_queued_or_under_way),
        cmocka_unit_test(what_is_queued_at_the_end_is_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
